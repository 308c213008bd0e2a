"""A lake on which honest rules fail: in every column that a rule may trip over, one row is bad."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from rules_engine.lake import declaration
from rules_engine.model.frames import Lake
from tests.small_lake import put

DECLARATION = """
subject = "customers"
[frames.customers]
path = "customers"
key = ["customer_id"]
subject_key = "customer_id"
[frames.customers.columns]
customer_id = "bigint"
country = "string"
spend = "decimal(12,2)"
n = "int"
big = "bigint"
amount = "decimal(38,10)"
code = "string"
born = "string"
month = "int"
tags = "array<string>"
note = "string"
nothing = "string"
[frames.holdings]
path = "{holdings}"
key = ["holding_id"]
subject_key = "customer_id"
[frames.holdings.columns]
holding_id = "bigint"
customer_id = "bigint"
product = "string"
balance = "decimal(12,2)"
units = "bigint"
"""

IDS = range(1, 13)
BAD = 7
"""The customer of whom every column holds what a rule trips over."""

Columns = dict[str, pa.Array]


def write(folder: Path, holdings: str = "holdings", notes: Sequence[str] | None = None) -> Lake:
    """Write the lake's files and return its declaration; ``notes``, one per customer, in place of one bad note."""
    put(folder / "customers", customers() | ({"note": pa.array(notes)} if notes else {}))
    put(folder / "holdings", held())
    return declared(folder, holdings)


def declared(folder: Path, holdings: str = "holdings") -> Lake:
    return declaration.parse(DECLARATION.replace("{holdings}", holdings), str(folder))


def customers() -> Columns:
    def each(good: Callable[[int], object], bad: object, kind: pa.DataType) -> pa.Array:
        return pa.array([bad if i == BAD else good(i) for i in IDS], kind)

    return {
        "customer_id": pa.array(IDS, pa.int64()),
        "country": pa.array(["GB" if i % 2 else "FR" for i in IDS]),
        "spend": each(lambda i: Decimal(i), Decimal(0), pa.decimal128(12, 2)),
        "n": each(lambda _: 1, 2**31 - 1, pa.int32()),
        "big": each(lambda i: i, 2**63 - 1, pa.int64()),
        "amount": each(lambda i: Decimal(i), Decimal("9" * 25), pa.decimal128(38, 10)),
        "code": each(str, "n/a", pa.string()),
        "born": each(lambda i: date(1980, 1, i).isoformat(), "1980-02-31", pa.string()),
        "month": each(lambda i: i, 13, pa.int32()),
        "tags": each(lambda _: ["a", "b"], ["a"], pa.list_(pa.string())),
        "note": each(lambda _: "short", "a" * 1000, pa.string()),
        "nothing": pa.array([None] * len(IDS), pa.string()),
    }


def held() -> Columns:
    """Two holdings of every customer."""
    owners = [i for i in IDS for _ in range(2)]
    return {
        "holding_id": pa.array(range(1, len(owners) + 1), pa.int64()),
        "customer_id": pa.array(owners, pa.int64()),
        "product": pa.array(["BOND", "FUND"] * len(IDS)),
        "balance": pa.array([Decimal(0 if i == BAD else i) for i in owners], pa.decimal128(12, 2)),
        "units": pa.array([2**63 - 1 if i == BAD else i for i in owners], pa.int64()),
    }
