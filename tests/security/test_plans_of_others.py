"""What EXPLAIN ANALYZE counts tells nothing of what another tenant's rows say (R-REPO-6)."""

from __future__ import annotations

import re

import psycopg2
import pytest

from tests.functional.conftest import Sql
from tests.security.attackers import SECRET, Siege
from tests.security.sessions import session

COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind IN ('r', 'v')
        AND format_type(a.atttypid, NULL) IN ('text', 'jsonb', 'date', 'timestamp with time zone')
        AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1, a.attnum
"""
SEEN = "SELECT DISTINCT {1}::text FROM rules.{0} WHERE {1} IS NOT NULL"
BESIDE = "SELECT ({0})::text, ({1})::text FROM (SELECT %s::{2}) AS t (first)"
NEXT = {
    "text": "{} || '!'",
    "jsonb": "jsonb_build_array({})",
    "date": "{} + 1",
    "timestamp with time zone": "{} + interval '1 microsecond'",
}
"""A value beside another one, so that rows of main's own compare with both alike."""
CONDITIONS = (
    "WHERE {0} = '{1}'",
    "WHERE {0} IN ('{1}', '{2}')",
    "WHERE {0} = '{1}' OR {0} = '{2}'",
    "WHERE {0} >= '{1}' AND {0} < '{2}'",
    "WHERE ({0} = '{1}') IS TRUE",
    "JOIN (VALUES ('{1}'::{3}), ('{2}')) AS v (asked) ON v.asked = {0}",
    "ORDER BY {0} = '{1}' LIMIT 1",
)
ONLY = {
    "seqscan": ("indexscan", "indexonlyscan", "bitmapscan"),
    "indexscan": ("seqscan", "bitmapscan"),
    "bitmapscan": ("seqscan", "indexscan", "indexonlyscan"),
}
"""The other ways to read a table, switched off."""
EXPLAIN = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT FROM rules.{} {}"


def told(run: Sql, relation: str, asked: str) -> tuple[str, ...]:
    """What a plan counts: rows, loops, searches, pages, and parts that were never run. Not what was asked."""
    lines = [str(line) for (line,) in run(EXPLAIN.format(relation, asked))]
    return tuple(
        counts[0] for line in lines if (counts := re.search(r"\(actual.*|\(never.*|(Rows|Index|Heap) .*: \d+$", line))
    )


def pairs(siege: Siege) -> list[tuple[str, str, str]]:
    """Of each table and view, a condition that rows of acme meet, and the same one that no row meets."""
    found = []
    with session(siege, "max") as others, session(siege, "olga") as own:
        for relation, column, of in own(COLUMNS):
            seen = SEEN.format(relation, column)
            for (there,) in sorted({*others(seen)} - {*own(seen)})[:1]:
                after = NEXT[of].format("first")
                beside = own(BESIDE.format(after, NEXT[of].format(f"({after})"), of), there)
                first, second, third = (str(value).replace("'", "''") for value in (there, *beside[0]))
                for condition in CONDITIONS:
                    met, unmet = (
                        condition.format(column, first, second, of),
                        condition.format(column, second, third, of),
                    )
                    found.append((relation, met, unmet))
    return found


def leaks(siege: Siege, asked: list[tuple[str, str, str]], login: str, way: str, cost: str) -> list[str]:
    """Which conditions come out otherwise where acme's rows meet them, over one way to read tables."""
    found, closed = [], set()
    settings = [f"SET enable_{other} = off" for other in ONLY[way]]
    with session(siege, login, "SET jit = off", *settings, f"SET cpu_operator_cost = '{cost}'") as run:
        for relation, there, nowhere in asked:
            if relation in closed:
                continue
            try:
                run(f"SELECT FROM rules.{relation} {there}")  # pages are at hand, and hints set
            except psycopg2.errors.InsufficientPrivilege:
                closed.add(relation)
            else:
                if told(run, relation, there) != told(run, relation, nowhere):
                    found.append(f"{relation}: {there}")
    return found


@pytest.fixture(scope="module")
def asked(siege: Siege) -> list[tuple[str, str, str]]:
    """What main asks about acme's rows; tables are as they stay."""
    siege("postgres", "VACUUM ANALYZE")
    return pairs(siege)


def test_each_table_with_texts_is_asked(asked: list[tuple[str, str, str]]) -> None:
    """The proof that something is asked: of tables and of views, by their titles, reasons, keys and logins."""
    relations = {relation for relation, _, _ in asked}
    assert relations >= {
        "change",
        "rule_version",
        "rule_identity",
        "rule_history",
        "change_author",
        "audit_entry",
        "category",
    }


@pytest.mark.parametrize("cost", ["0.0025", "0", "1e300"])
@pytest.mark.parametrize("way", ONLY)
def test_a_plan_tells_nothing_of_what_others_say(
    siege: Siege, asked: list[tuple[str, str, str]], way: str, cost: str
) -> None:
    """D1: each column of each table and view, as an analyst and as an auditor of main, asked what acme's rows say."""
    for login in ("ann", "olga"):
        assert leaks(siege, asked, login, way, cost) == []


def test_a_condition_that_costs_nothing_is_asked_after_the_policy(siege: Siege) -> None:
    """D1: booleans, missing values and parts of JSON cost the planner nothing: all rows of others are counted alike."""
    conditions = "override", "NOT override", "shadow IS TRUE", "category IS NULL", "(metadata)['a'] IS NOT NULL"
    with session(siege, "olga", "SET enable_indexscan = off", "SET enable_bitmapscan = off") as run:
        hidden = "tenant = 'acme' AND "
        assert len({told(run, "draft_row", f"WHERE {hidden}{condition}") for condition in conditions}) == 1


def test_a_plan_would_tell_without_the_wall(fresh: Siege) -> None:
    """The proof that this test can fail: the policy as it was lets a cheaper condition go first."""
    as_it_was = "ALTER POLICY by_tenant ON rules.change USING (tenant = ANY ((SELECT rules.tenants())::text[]))"
    fresh("postgres", as_it_was)
    assert f"change: WHERE reason = '{SECRET}'" in leaks(fresh, pairs(fresh), "ann", "seqscan", "0.0025")
    fresh(
        "postgres",
        "ALTER TABLE rules.change_author DROP CONSTRAINT change_author_pkey, ADD PRIMARY KEY (change_id, login)",
    )
    assert [
        leak
        for leak in leaks(fresh, pairs(fresh), "ann", "indexscan", "0")
        if leak.startswith("change_author: WHERE login")
    ]
