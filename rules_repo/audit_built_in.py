"""What the schema asks of PostgreSQL itself: functions, operators, casts that somebody may have replaced in place.

What a server of one version brings is shipped as a digest of each kind. The rows are read one by one and hashed here,
for a function that hashes could be one of those that were replaced. A function in C is found by its number, whatever
its row says, so of that only what the planner reads of it counts.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection

OWN = 16_384
"""The first number of an object that somebody made; those of PostgreSQL itself are lower."""

MARK = "built-in"
REMEDY = (
    "Restore the tables into a new server of the same make and prove them there: on this one the proof may say what"
    " somebody likes. If an empty new server is told of, too, its make (such as Aurora) brings its own."
)

QUERY = f"""
    WITH types AS (SELECT t.oid FROM pg_type AS t WHERE t.oid = ANY ('{{text,varchar,name,"char",boolean,integer,bigint,
            numeric,date,timestamp,timestamptz,interval,jsonb,oid,regclass,text[],bigint[],daterange,tstzrange,int8range,
            anyarray,anyelement,anyrange,anycompatiblearray,anycompatible}}'::regtype[])),
        operators AS (SELECT o.* FROM pg_operator AS o WHERE o.oid < {OWN}
            AND (o.oprleft = 0 OR o.oprleft IN (TABLE types)) AND o.oprright IN (TABLE types)),
        casts AS (SELECT c.* FROM pg_cast AS c WHERE c.oid < {OWN} AND c.castsource IN (TABLE types)
            AND c.casttarget IN (TABLE types)),
        names AS (SELECT DISTINCT m.found[1] AS name FROM pg_proc AS p,
            regexp_matches(p.prosrc, '([a-z_0-9]+)\\(', 'g') AS m (found) WHERE p.pronamespace = 'rules'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')),
        functions AS (SELECT p.* FROM pg_proc AS p WHERE p.oid < {OWN} AND p.pronamespace = 'pg_catalog'::regnamespace
            AND (p.proname IN (TABLE names) OR p.oid IN (SELECT o.oprcode FROM operators AS o)
                OR p.oid IN (SELECT c.castfunc FROM casts AS c)))
    SELECT 'operators', ROW(o.oid, o.oprname, o.oprleft, o.oprright, o.oprresult, o.oprcom, o.oprnegate, o.oprcode::oid,
        o.oprrest::oid, o.oprjoin::oid, o.oprcanmerge, o.oprcanhash)::text FROM operators AS o
    UNION ALL SELECT 'casts', ROW(c.castsource, c.casttarget, c.castfunc, c.castcontext, c.castmethod)::text
        FROM casts AS c
    UNION ALL SELECT 'functions', ROW(p.oid, p.proname, p.proargtypes, p.prorettype, p.provariadic, p.prosupport::oid,
        p.prokind, p.prosecdef, p.proleakproof, p.proisstrict, p.proretset, p.provolatile, p.proconfig, l.lanname,
        CASE WHEN l.lanname <> 'internal' THEN p.prosrc END, pg_get_function_sqlbody(p.oid))::text
        FROM functions AS p JOIN pg_language AS l ON l.oid = p.prolang
    UNION ALL SELECT 'aggregates', ROW(a.aggfnoid::oid, a.aggkind, a.aggtransfn::oid, a.aggfinalfn::oid,
        a.aggcombinefn::oid, a.aggmtransfn::oid, a.aggmfinalfn::oid, a.aggsortop, a.aggtranstype, a.agginitval)::text
        FROM pg_aggregate AS a JOIN functions AS p ON p.oid = a.aggfnoid
    UNION ALL SELECT 'operator-classes', ROW(m.amopfamily, m.amoplefttype, m.amoprighttype, m.amopstrategy,
        m.amopopr)::text FROM pg_amop AS m WHERE m.oid < {OWN} AND m.amoplefttype IN (TABLE types)
    UNION ALL SELECT 'operator-classes', ROW(m.amprocfamily, m.amproclefttype, m.amprocrighttype, m.amprocnum,
        m.amproc::oid)::text FROM pg_amproc AS m WHERE m.oid < {OWN} AND m.amproclefttype IN (TABLE types)
    UNION ALL SELECT 'types', ROW(t.oid, t.typlen, t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid,
        t.typelem, t.typcollation, t.typtype, t.typnotnull, t.typdefault, t.typdefaultbin)::text
        FROM pg_type AS t WHERE t.oid IN (TABLE types)
    UNION ALL SELECT 'ranges', ROW(r.rngtypid, r.rngsubtype, r.rngcollation, r.rngsubopc, r.rngcanonical::oid,
        r.rngsubdiff::oid)::text FROM pg_range AS r WHERE r.rngtypid IN (TABLE types)
    UNION ALL SELECT 'operator-classes', ROW(c.opcmethod, c.opcname, c.opcfamily, c.opcintype, c.opcdefault,
        c.opckeytype)::text FROM pg_opclass AS c WHERE c.oid < {OWN} AND c.opcintype IN (TABLE types)
    UNION ALL SELECT 'languages', ROW(l.lanname, l.lanpltrusted, h.pronamespace, h.proname, h.prosrc, h.probin)::text
        FROM pg_language AS l LEFT JOIN pg_proc AS h ON h.oid = l.lanplcallfoid
        WHERE l.lanname IN ('internal', 'c', 'sql', 'plpgsql')
"""


def lines(connection: Bare) -> frozenset[str]:
    """A line for each kind of what PostgreSQL brings: how many rows it has, and their digest."""
    found = defaultdict[str, list[str]](list)
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        for kind, row in cursor:
            found[kind].append(row)
    digests = {kind: hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest() for kind, rows in found.items()}
    return frozenset(f"{MARK} {kind} rows={len(found[kind])} digest={digest}" for kind, digest in digests.items())
