"""
Which pairs are compared: those that agree on a blocking rule, but for blocks too large to be compared pair by pair.

A value that so many records share says nothing of who somebody is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa
from splink.blocking_rule_library import CustomRule

from rules_engine.errors import Fault

MOST_PAIRS, FEW_PAIRS = 100, 10_000_000
"""Pairs that the rules may bring together for each record; up to so many in all are never too many."""

FITS = "fits_{}"
"""The column of a rule that has such blocks: 1 where a record's own is none of them, else nothing."""


def within(compared: pa.Table, rules: Sequence[str], largest: int) -> tuple[int, int]:
    """
    The size up to which blocks are compared, ``largest`` at most, and the pairs that come of it, counted for each rule.

    Below ``largest`` pairs still grow with the square of the records: the largest blocks go until what is left is
    proportionate, whichever rule they are of.
    """
    blocks = (f"SELECT count(*) AS size FROM records WHERE {_all_known(rule)} GROUP BY {rule}" for rule in rules)
    of_sizes = (
        f"SELECT size, (size * (size - 1) // 2 * count(*))::BIGINT FROM ({' UNION ALL '.join(blocks)}) "
        f"WHERE size BETWEEN 2 AND {largest} GROUP BY size ORDER BY size"
    )
    with duckdb.connect() as connection:
        connection.register("records", compared)
        found = connection.execute(of_sizes).fetchall()
    allowed, pairs = max(FEW_PAIRS, MOST_PAIRS * len(compared)), 0
    for size, more in found:
        if pairs + more > allowed:
            return size - 1, pairs
        pairs += more
    return largest, pairs


def bounded(compared: pa.Table, rules: Sequence[str], largest: int) -> tuple[pa.Table, dict[str, str]]:
    """
    Records with a column for each rule of which a block has more than ``largest`` records; and the rules' columns.

    What a block would have brought together, another rule's may.
    """
    found: dict[str, str] = {}
    with duckdb.connect() as connection:
        connection.register("records", compared)
        for at, rule in enumerate(rules):
            sizes = (
                f"SELECT 1 FROM records WHERE {_all_known(rule)} GROUP BY {rule} HAVING count(*) > {largest} LIMIT 1"
            )
            if connection.execute(sizes).fetchall():
                found[rule] = FITS.format(at)
        if not found:
            return compared, found
        columns = (
            f"CASE WHEN count(*) OVER (PARTITION BY {rule}) <= {largest} THEN 1 END AS {name}"
            for rule, name in found.items()
        )
        wider = connection.sql(f"SELECT rid, {', '.join(columns)} FROM records ORDER BY rid").to_arrow_table()
    if wider.column("rid").to_pylist() != compared.column("rid").to_pylist():
        raise AssertionError("the records are not in the order of rid")
    for name in found.values():
        compared = compared.append_column(name, wider.column(name).combine_chunks().cast(pa.int64()))
    return compared, found


def _all_known(rule: str) -> str:
    """That no part of a rule is without a value: such a block joins nothing, and has no size."""
    import sqlglot

    parts = sqlglot.parse_one(f"SELECT {rule}", read="duckdb").expressions
    return " AND ".join(f"({part.sql('duckdb')}) IS NOT NULL" for part in parts)


def blocking(roles: frozenset[str]) -> tuple[str, ...]:
    """The default blocking rules: pairs that agree on one of these are compared."""
    return tuple(rule for needs, rule in _BLOCKS if roles.issuperset(needs.split()))


_BLOCKS = (
    ("national_id", "national_id"),
    ("email", "email"),
    ("phone", "phone"),
    ("given_name family_name", "name_key"),
    ("given_name family_name birth_date", "name_sound, substr(birth_date, 1, 4)"),
    ("given_name family_name postcode", "name_sound, postcode"),
    ("family_name birth_date", "family_name, birth_date"),
    ("given_name birth_date", "given_name, birth_date"),
    ("birth_date postcode", "birth_date, postcode"),
    ("birth_date street", "birth_date, street_line"),
    ("street house_number", "street_line, house_number"),
    ("family_name postcode", "family_name, postcode"),
    ("given_name postcode", "given_name, postcode"),
    ("family_name street", "family_name, street_line"),
    ("given_name street", "given_name, street_line"),
    ("birth_date house_number", "birth_date, house_number"),
    ("email family_name", "mailbox, family_name"),
)


def blocking_faults(rules: Sequence[str], columns: Sequence[str]) -> Iterator[Fault]:
    """Rules that cannot be asked of records with these columns."""
    import sqlglot
    from sqlglot import exp

    empty = ", ".join(f"CAST(NULL AS VARCHAR) AS {name}" for name in columns)
    for rule in rules:
        try:
            parts = sqlglot.parse_one(f"SELECT {rule}", read="duckdb").expressions
            duckdb.sql(f"SELECT 1 FROM (SELECT {empty}) WHERE {' AND '.join(f'({part}) IS NULL' for part in parts)}")
            why = "" if all(part.find(exp.Column) for part in parts) else "each of its parts names a column"
        except (sqlglot.ParseError, duckdb.Error):
            why = f"it names columns of the records, or expressions of them: {', '.join(columns)}"
        if why:
            yield Fault("Master settings, [linking]", f"blocking by '{rule}' means nothing.", f"Mend it: {why}.")


def blocking_sql(rule: str, once: bool) -> str:
    """
    A blocking rule in columns or expressions, as a condition on both sides.

    ``once`` never compares two records of a source that has no doubles.

    >>> blocking_sql("family_name, substr(birth_date, 1, 4)", once=False)
    'l.family_name = r.family_name AND SUBSTRING(l.birth_date, 1, 4) = SUBSTRING(r.birth_date, 1, 4)'
    """
    import sqlglot
    from sqlglot import exp

    sides = []
    for part in sqlglot.parse_one(f"SELECT {rule}", read="duckdb").expressions:
        left, right = (
            part.transform(
                lambda node, side=side: exp.column(node.name, side) if isinstance(node, exp.Column) else node
            )
            for side in ("l", "r")
        )
        compound = isinstance(left, exp.Binary | exp.Unary)
        sides.append(" = ".join(f"({s})" if compound else s for s in (left.sql("duckdb"), right.sql("duckdb"))))
    apart = " AND (l.source <> r.source OR NOT l.single)" if once else ""
    return " AND ".join(sides) + apart


def rule_of(rule: str, once: bool) -> Any:
    """A blocking rule as Splink takes it."""
    return CustomRule(blocking_sql(rule, once), sql_dialect="duckdb")
