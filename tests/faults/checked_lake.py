"""A lake of four customers, what they hold and the products, with room for what is declared of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from rules_engine.lake import declaration
from rules_engine.lake.reader import SparkLakeReader
from rules_engine.model.frames import Lake
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import Checked
from rules_engine.spark.session import pin
from tests.small_lake import AS_OF, put, rule, rule_set

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DECLARED = """
{lake}
subject = "customers"
[frames.customers]
path = "customers"
key = ["id"]
subject_key = "id"
[frames.customers.columns]
id = "bigint"
country = {{ type = "string"{country} }}
born = "date"
score = "double"
unused = {{ type = "string", nulls = 0.0, values = ["never"] }}
[frames.held]
path = "held"
subject_key = "id"
{held}
[frames.held.columns]
number = "bigint"
code = "string"
id = "bigint"
amount = "decimal(12,2)"
[frames.products]
path = "products"
key = ["code"]
[frames.products.columns]
code = {{ type = "string", pattern = "[A-Z]{{3}}" }}
risk = {{ type = "int", values = [1, 2, 3] }}
"""
PLACES = ("lake", "country", "held")

RULES = rule_set(
    rule("OLD", "born < DATE '2000-01-01' AND country <> 'XA'"),
    rule("SCORE", "score > 0.5", membership_type="SCORED"),
    rule("RICH", "amount > 10", frame="held", membership_type="RICH"),
    rule(
        "RISKY", "SELECT h.id FROM held h JOIN products p ON h.code = p.code WHERE p.risk > 2", membership_type="RISKY"
    ),
)

Frames = dict[str, dict[str, object]]


def sound() -> Frames:
    """Rows of which all is as declared."""
    ids = pa.array([1, 2, 3, 4], pa.int64())
    customers = {
        "id": ids,
        "country": pa.array(["FR"] * 4),
        "born": pa.array([date(1980, 1, 1)] * 4),
        "score": pa.array([0.1, 0.6, 0.6, 0.9]),
        "unused": pa.array([None, "x", "y", "z"], pa.string()),
    }
    held = {
        "number": ids,
        "code": pa.array(["BON", "FUN", "BON", "FUN"]),
        "id": ids,
        "amount": pa.array([1, 2, 30, 40], pa.decimal128(12, 2)),
    }
    products = {"code": ["BON", "FUN"], "risk": pa.array([1, 3], pa.int32())}
    return {"customers": customers, "held": held, "products": products}


def lake_of(folder: Path, frames: Mapping[str, Mapping[str, object]], **said: str) -> Lake:
    """The lake of these rows, with what is said of each place of the declaration."""
    for name, columns in frames.items():
        put(folder / name, columns)
    return declaration.parse(DECLARED.format(**dict.fromkeys(PLACES, "") | said), str(folder))


def check(spark: SparkSession, lake: Lake, rules: RuleSet = RULES, as_of: date = AS_OF) -> Checked:
    """What the lake's reader finds before a run."""
    reader = SparkLakeReader()
    return reader.check(reader.open(pin(spark), lake, as_of), rules)
