"""The history on PostgreSQL: the local default, insert-only by triggers and by grants (R-HIST-3)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import errors
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from rules_engine.errors import Fault, RunInterrupted, RunRefused
from rules_engine.model.history import HistoryRecord, Subject, Unreadable
from rules_engine.model.publications import Chain, Publication, entry_key, read_chain
from rules_engine.ports import Inserted, Taken, untold
from rules_engine.publication.names import LAST_PART
from rules_engine.publication.postgres_copy import Chunks, read_row, record_of
from rules_engine.publication.postgres_guards import CURRENT, GUARDS, guard_faults
from rules_engine.publication.postgres_lines import Chunk, chunks
from rules_engine.publication.records import SubjectType, subject_checked

LONGEST_NAME = 63 - len("_current")
"""In bytes: PostgreSQL cuts names at 63 without a word, and the view's name is the longest made of a table's."""

# Table names are of letters, digits, '_', '.' and '-' (checked), so that quoting them is enough.
DEFINITION = """
CREATE SCHEMA IF NOT EXISTS history;
CREATE TABLE history."{table}" (
    subject {subject} NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    membership_type text NOT NULL,
    granted boolean NOT NULL,
    event text NOT NULL,
    reason text NOT NULL,
    inclusion_sum bigint NOT NULL,
    exclusion_sum bigint NOT NULL,
    hits jsonb NOT NULL,
    first_granted date,
    rule_set_digest text NOT NULL,
    snapshots jsonb NOT NULL,
    as_of date NOT NULL,
    run_id text NOT NULL,
    engine_version text NOT NULL,
    PRIMARY KEY (subject, sort_key)
);
CREATE INDEX "{table}_by_run" ON history."{table}" (run_id);
DO $$ BEGIN
    CREATE ROLE "{table}_writer" NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- roles are shared by all databases of a server
END $$;
REVOKE ALL ON history."{table}" FROM PUBLIC;
GRANT USAGE ON SCHEMA history TO "{table}_writer";
GRANT SELECT, INSERT ON history."{table}" TO "{table}_writer";
GRANT "{table}_writer" TO CURRENT_USER;
"""

SECOND_FORM = """
ALTER TABLE history."{table}" ADD COLUMN IF NOT EXISTS format integer NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS policy jsonb, ADD COLUMN IF NOT EXISTS correction boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS content_hash text, ADD COLUMN IF NOT EXISTS merged_into {subject};
CREATE OR REPLACE VIEW history."{table}_current" AS {current};
CREATE TABLE IF NOT EXISTS history."{table}_chain" (
    number integer NOT NULL CHECK (number > 0),
    state text NOT NULL CHECK (state IN ('claimed', 'closed')),
    run_id text NOT NULL,
    content jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (number, state)
);
REVOKE ALL ON history."{table}_chain" FROM PUBLIC;
GRANT SELECT, INSERT ON history."{table}_chain" TO "{table}_writer";
GRANT SELECT ON history."{table}_current" TO "{table}_writer";
"""
"""What form 2, the chain of publications and merges need; an earlier table is brought to it and keeps its rows."""

OWNED = """
    SELECT pg_has_role(current_user, c.relowner, 'USAGE') FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'history' AND c.relname = :name
        AND NOT (EXISTS (SELECT FROM pg_trigger AS t
            WHERE t.tgrelid = to_regclass(format('history.%I', :chain)) AND t.tgname = 'insert_only')
            AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'merged_into'))
"""
"""Whether this login may bring a table of an earlier version to this one; nothing where it is there."""

READERS = """
DO $$ BEGIN
    IF to_regrole('"{table}_reader"') IS NULL THEN
        CREATE ROLE "{table}_reader" NOLOGIN;
    END IF;
    GRANT USAGE ON SCHEMA history TO "{table}_reader";
    GRANT SELECT ON history."{table}", history."{table}_chain", history."{table}_current" TO "{table}_reader";
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
    NULL;  -- another database makes it at the same moment; or its owner makes no roles, and an administrator does
END $$;
"""
"""Who reads decisions, journeys and members and writes nothing: granted to auditors and analysts, login by login."""

UNREAD = """
    SELECT pg_has_role(current_user, c.relowner, 'USAGE') FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'history' AND c.relname = :name
        AND NOT coalesce(has_table_privilege(to_regrole(format('%I', CAST(:reader AS text))), c.oid, 'SELECT'), false)
"""
"""Whether this login may let the readers of a table read it, who may not yet."""

CLAIM = """
    INSERT INTO history."{table}_chain" (number, state, run_id, content) VALUES (:number, :state, :run_id, :content)
    ON CONFLICT DO NOTHING
"""

REFUSALS: Mapping[type[psycopg2.Error], str] = {
    errors.UndefinedTable: "Create the history first: `rules db upgrade`.",
    errors.UndefinedColumn: "The history is of an earlier version: `rules db upgrade` brings it to this one.",
    errors.UndefinedObject: "The role that writes the history is missing: run `rules db upgrade`.",
    errors.InvalidParameterValue: "The role that writes the history is missing: run `rules db upgrade`.",
    errors.InsufficientPrivilege: "Ask the database's owner for membership of the role that writes the history.",
    psycopg2.DataError: "Mend the record; nothing of this insert was kept.",
}
"""Errors that trying again does not mend, most telling first, and what does."""


class PostgresHistory:
    """
    A history in one table of the schema ``history``; grain subject × membership type × run.

    ``create`` makes the table, the view ``{table}_current`` (the newest record
    of every subject and membership type) and the role ``{table}_writer``, which
    may insert and read and nothing else: the adapter writes as that role. On top,
    triggers refuse UPDATE, DELETE and TRUNCATE in words, to the owner too.
    """

    def __init__(self, url: str, table: str, subject_type: SubjectType, chunk: int = 10_000) -> None:
        if not LAST_PART.fullmatch(table) or len(table) > LONGEST_NAME:
            raise RunRefused(
                Fault(
                    f"History table '{table}'",
                    f"a name is of letters, digits, '_', '.' and '-', at most {LONGEST_NAME} of them.",
                    "Shorten its parts: environment, tenant, service, table.",
                )
            )
        self._table = table
        self._subject_type = subject_type
        self._chunk = chunk
        self._url = address_of(url)
        self._engine = engine_of(self._url)

    def create(self) -> None:
        """
        Make the history if it is not there; making it again changes nothing.

        Raises:
            RunRefused: If the database cannot be reached, the role may not create it,
                or it is there with subjects of another type.
        """
        column = "bigint" if self._subject_type == "bigint" else "text"
        with self._refused("be created"), self._engine.begin() as connection:
            self._lock(connection)
            there = self._subject_column(connection)
            subject = "bigint" if (there or column) == "bigint" else 'text COLLATE "C"'
            if there is None:
                connection.exec_driver_sql(DEFINITION.format(table=self._table, subject=subject))
            names = {"name": self._table, "chain": f"{self._table}_chain"}
            if connection.execute(text(OWNED), names).scalar():
                current = CURRENT.format(table=self._table)
                second_form = SECOND_FORM.format(table=self._table, current=current, subject=subject)
                connection.exec_driver_sql(second_form + GUARDS.format(table=self._table))
            if connection.execute(text(UNREAD), {"name": self._table, "reader": f"{self._table}_reader"}).scalar():
                connection.exec_driver_sql(READERS.format(table=self._table))
        if there not in (None, column):
            raise RunRefused(
                Fault(
                    f"History '{self._table}'",
                    f"its subjects are {there}, the lake declares {self._subject_type}.",
                    "Name another table for subjects of another type; a history is never converted.",
                )
            )

    def insert(self, records: Iterable[HistoryRecord], taken: Taken = untold) -> Inserted:
        """
        Insert all of the records or, if anything is wrong, none of them.

        One transaction: whoever reads sees a run whole or not at all, and two
        writers take turns. An existing record of the same content counts as already there.

        Raises:
            HistoryCollision: If a key is taken by other content; nothing was written.
            RunRefused: If the database cannot be reached or a record cannot be stored; nothing was written.
            RunInterrupted: If the database failed on the way. Insert the same records again.
        """
        with self._refused("be reached"):
            connection = self._engine.connect()
        with self._interrupted(), connection:
            into = Chunks(self._as_writer(connection), self._table)
            given, inserted = _copied(chunks(records, self._subject_type, self._chunk), into, taken)
            connection.commit()
        return Inserted(inserted, given - inserted)

    def journey(self, subject: Subject) -> tuple[HistoryRecord, ...]:
        """One subject's records, oldest first."""
        query = f'SELECT to_jsonb(held) FROM history."{self._table}" held WHERE subject = :subject ORDER BY sort_key'
        subject = subject_checked(subject, self._subject_type)
        with self._refused("be read"), self._engine.connect() as connection:
            return tuple(record_of(row) for row in connection.execute(text(query), {"subject": subject}).scalars())

    def count(self, run_id: str) -> int:
        """How many records of a run the history holds."""
        query = f'SELECT count(*) FROM history."{self._table}" WHERE run_id = :run_id'
        with self._refused("be read"), self._engine.connect() as connection:
            return int(connection.execute(text(query), {"run_id": run_id}).scalar_one())

    def members(self, membership_type: str) -> Iterator[Subject]:
        """The subjects whose newest record of this type grants, in order of their key; read as they are asked for."""
        query = text(
            f"SELECT subject FROM ({CURRENT.format(table=self._table)}) AS newest "
            "WHERE granted AND membership_type = :membership_type ORDER BY subject"
        )
        with self._refused("be read"), self._engine.connect() as connection:
            streamed = connection.execution_options(yield_per=self._chunk)
            yield from streamed.execute(query, {"membership_type": membership_type}).scalars()

    def records(
        self, run_id: str | None = None, subject: Subject | None = None
    ) -> Iterator[HistoryRecord | Unreadable]:
        """Every record, or a run's or a subject's alone, by the table's key; read as they are asked for."""
        asked = {"run_id": run_id, "subject": subject}
        said = {name: value for name, value in asked.items() if value is not None}
        wanted = " AND ".join(["true", *(f"{name} = :{name}" for name in said)])
        query = text(
            f'SELECT to_jsonb(held) FROM history."{self._table}" held WHERE {wanted} ORDER BY subject, sort_key'
        )
        with self._refused("be read"), self._engine.connect() as connection:
            streamed = connection.execution_options(yield_per=self._chunk)
            yield from map(read_row, streamed.execute(query, said).scalars())

    def chain(self) -> Chain:
        """The entries of the chain of publications, the oldest first."""
        query = text(f'SELECT number, state, run_id, content FROM history."{self._table}_chain"')
        with self._refused("be read"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return read_chain((entry_key(row.number, row.state), row.content, row.run_id) for row in rows)

    def guard_faults(self) -> Iterator[Fault]:
        """Triggers, functions and view that do not stand as they were made, and what was put beside them."""
        with self._refused("be read"), self._engine.connect() as connection:
            yield from guard_faults(connection, self._table)

    def claim(self, entry: Publication) -> bool:
        """Claim the entry's number by an insert that can succeed once; whose it is now is read back."""
        content = entry.content()
        held = text(f"SELECT content FROM history.\"{self._table}_chain\" WHERE number = :number AND state = 'claimed'")
        with self._refused("be written"), self._engine.begin() as connection:
            self._say(connection, entry, "claimed")
            return bool(connection.execute(held, {"number": entry.number}).scalar_one() == content)

    def close(self, entry: Publication) -> None:
        """Say, once, that the history holds all of a claimed entry's run."""
        with self._refused("be written"), self._engine.begin() as connection:
            self._say(connection, entry, "closed")

    def _say(self, connection: Connection, entry: Publication, state: str) -> None:
        connection.exec_driver_sql(f'SET LOCAL ROLE "{self._table}_writer"')
        content = json.dumps(entry.content())
        said = {"number": entry.number, "state": state, "run_id": entry.run_id, "content": content}
        connection.execute(text(CLAIM.format(table=self._table)), said)

    def _subject_column(self, connection: Connection) -> str | None:
        query = "SELECT data_type FROM information_schema.columns WHERE table_schema = 'history' AND table_name = :name"
        return connection.execute(text(query + " AND column_name = 'subject'"), {"name": self._table}).scalar()

    def _lock(self, connection: Connection) -> None:
        """Until the transaction ends, no other writer of this history goes on."""
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": self._table})

    def _as_writer(self, connection: Connection) -> Any:
        connection.exec_driver_sql(f'SET LOCAL ROLE "{self._table}_writer"')
        self._lock(connection)
        connection.exec_driver_sql(f'CREATE TEMP TABLE incoming (LIKE history."{self._table}") ON COMMIT DROP')
        return connection.connection.cursor()

    @contextmanager
    def _refused(self, what: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, psycopg2.Error) as problem:
            raise self._refusal(problem, what) from problem

    @contextmanager
    def _interrupted(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, psycopg2.Error) as problem:
            if isinstance(cause_of(problem), tuple(REFUSALS)):
                raise self._refusal(problem, "be written") from problem
            raise RunInterrupted(
                Fault(
                    f"History '{self._table}'", f"it broke on the way: {words_of(problem)}.", "Publish the run again."
                )
            ) from problem

    def _refusal(self, problem: Exception, what: str) -> RunRefused:
        cause = cause_of(problem)
        remedies = (words for kind, words in REFUSALS.items() if isinstance(cause, kind))
        remedy = next(remedies, "Check that PostgreSQL runs and the URL is right: `rules doctor`.")
        if what == "be read" and isinstance(cause, errors.InsufficientPrivilege):
            remedy = f'Ask an administrator: GRANT "{self._table}_reader" TO {self._url.username or "your login"}.'
        where = self._url.render_as_string(hide_password=True)
        return RunRefused(
            Fault(f"History '{self._table}' on {where}", f"it cannot {what}: {words_of(problem)}.", remedy)
        )


def _copied(written: Iterable[Chunk], into: Chunks, taken: Taken) -> tuple[int, int]:
    """How many records were given and how many of them are new; while one chunk is copied, the next is written out."""
    given = inserted = 0
    with ThreadPoolExecutor(1) as writer:
        under_way: Future[int] | None = None
        last = 0
        for lines, size in written:
            inserted += under_way.result() if under_way else 0
            taken(last)
            given, last = given + size, size
            under_way = writer.submit(into.insert, lines, size)
        inserted += under_way.result() if under_way else 0
        taken(last)
    return given, inserted


def address_of(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError:
        address = None
    if address is None or address.get_backend_name() != "postgresql":
        raise RunRefused(
            Fault("History URL", "it is no PostgreSQL address.", "Give one like postgresql://user@host:5432/database.")
        )
    return address.set(drivername="postgresql+psycopg2")


def engine_of(address: URL) -> Engine:
    # Every use opens a connection of its own: nothing is left open when the work is done.
    said = {"connect_timeout": 10, "client_encoding": "utf8"}  # lines are copied as bytes
    own = {name: value for name, value in said.items() if name not in address.query}
    return create_engine(address, poolclass=NullPool, connect_args=own)


def cause_of(problem: Exception) -> BaseException | None:
    return problem.orig if isinstance(problem, DBAPIError) else problem


def words_of(problem: Exception) -> str:
    """The first line of what the database said."""
    lines = str(cause_of(problem)).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(problem).__name__
