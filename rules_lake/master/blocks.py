"""Blocks too large to be compared pair by pair: a value that so many records share says nothing of who somebody is."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

FITS = "fits_{}"
"""The column of a rule that has such blocks: 1 where a record's own is none of them, else nothing."""


def bounded(compared: pa.Table, rules: Sequence[str], largest: int) -> tuple[pa.Table, dict[str, str]]:
    """
    Records with a column for each rule of which a block has more than ``largest`` records; and the rules' columns.

    Pairs of a block grow with its square, and blocks with the records: bounded, pairs grow as records do. What a block
    would have brought together, another rule's may.
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
