"""What the register on PostgreSQL is made of, and the two statements that change it."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg2
from psycopg2 import errors

DEFINITION = """
CREATE TABLE history."{numbers}" (
    subject {collated} PRIMARY KEY,
    number text COLLATE "C" NOT NULL UNIQUE CHECK (number <> ''),
    issued_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE history."{rows}" (
    number text COLLATE "C" NOT NULL REFERENCES history."{numbers}" (number),
    membership_type text COLLATE "C" NOT NULL,
    subject {collated} NOT NULL,
    granted boolean NOT NULL,
    event text NOT NULL,
    since date,
    as_of date NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    run_id text NOT NULL,
    PRIMARY KEY (number, membership_type)
);
CREATE INDEX "{rows}_type" ON history."{rows}" (membership_type, subject) WHERE granted;
CREATE TABLE history."{poison}" (
    sequence text PRIMARY KEY,
    which text NOT NULL,
    why text NOT NULL,
    content text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE history."{rows}_mark" (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    through integer NOT NULL
);
REVOKE ALL ON history."{numbers}", history."{rows}", history."{poison}", history."{rows}_mark" FROM PUBLIC;
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history."{numbers}"
    FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change();
ALTER TABLE history."{numbers}" ENABLE ALWAYS TRIGGER insert_only;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{writer}') THEN
        GRANT SELECT, INSERT ON history."{numbers}", history."{poison}" TO "{writer}";
        GRANT SELECT, INSERT, UPDATE, DELETE ON history."{rows}" TO "{writer}";
        GRANT SELECT, INSERT, UPDATE ON history."{rows}_mark" TO "{writer}";
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{reader}') THEN
        GRANT SELECT ON history."{numbers}", history."{rows}", history."{rows}_mark", history."{poison}" TO "{reader}";
    END IF;
END $$;
"""
"""
Numbers are inserted and never touched again, as records are; the rows can be made again from the history. Whoever may
write the history may feed its register.
"""

_GIVEN = """
    SELECT numbers.number, given.* FROM unnest(
        CAST(:subject AS {subject}[]), CAST(:membership_type AS text[]), CAST(:granted AS boolean[]),
        CAST(:event AS text[]), CAST(:since AS date[]), CAST(:as_of AS date[]), CAST(:sort_key AS text[]),
        CAST(:run_id AS text[])
    ) AS given (subject, membership_type, granted, event, since, as_of, sort_key, run_id)
    JOIN history."{numbers}" AS numbers USING (subject)
"""

MADE = (
    """
INSERT INTO history."{rows}" AS held
    (number, subject, membership_type, granted, event, since, as_of, sort_key, run_id)
"""
    + _GIVEN
    + """
ON CONFLICT (number, membership_type) DO UPDATE SET granted = excluded.granted, event = excluded.event,
    since = coalesce(excluded.since, held.since), as_of = excluded.as_of, sort_key = excluded.sort_key,
    run_id = excluded.run_id
WHERE held.sort_key < excluded.sort_key
"""
)
"""Makes rows, or changes those that are older."""

NEVER = (
    """
UPDATE history."{rows}" AS held SET granted = given.granted, event = given.event, as_of = given.as_of,
    sort_key = given.sort_key, run_id = given.run_id
FROM ("""
    + _GIVEN
    + """) AS given
WHERE held.number = given.number AND held.membership_type = given.membership_type
    AND held.sort_key < given.sort_key COLLATE "C"
"""
)
"""Changes rows that are older, and makes none."""

UNREADY: Mapping[type[psycopg2.Error], str] = {
    errors.UndefinedTable: "Build it first: `rules register rebuild`.",
    errors.UndefinedFunction: "Create the history first: `rules db upgrade`.",
    errors.InvalidSchemaName: "Create the history first: `rules db upgrade`.",
    errors.InsufficientPrivilege: "Ask an administrator for the role that reads it, {reader}, or feeds it, {writer}.",
}
"""Errors that trying again does not mend, and what does."""
