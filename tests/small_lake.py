"""A lake of a few rows with everything that goes wrong in it: nulls, repeats, orphans, joint holders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from rules_engine.lake import declaration
from rules_engine.model.frames import Lake
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion

AS_OF = date(2024, 6, 1)
KNOWN_AT = datetime.fromisoformat("2024-06-01T00:00:00+00:00")

DECLARATION = """
subject = "customers"

[frames.customers]
path = "customers"
key = ["customer_id"]
subject_key = "customer_id"
[frames.customers.columns]
customer_id = "bigint"
country = "string"
joined = "date"
spend = "decimal(12,2)"
score = "double"

[frames.holdings]
path = "holdings"
key = ["holding_id"]
subject_key = "customer_id"
[frames.holdings.columns]
holding_id = "bigint"
customer_id = "bigint"
product = "string"
balance = "decimal(12,2)"
role = "string"

[frames.products]
path = "products"
[frames.products.columns]
product = "string"
type = "string"
"""

COUNTRIES = ["GB", "FR", "gb", "GB ", None, "", "DE"]
SPENDS = [None, "0", "0.01", "10.00", "10.01", "-5", "99999999.99", "3.50"]
JOINED = [None, date(2024, 6, 1), date(2000, 2, 29), date(2014, 6, 1), date(1999, 12, 31)]
SCORES = [None, float("nan"), 0.0, -0.0, 1.5, float("inf"), -2.0]
PRODUCTS = [("BOND", "bond"), ("FUND", "fund"), ("LOAN", "credit"), ("CARD", None)]


def write(folder: Path, customers: int = 60) -> Lake:
    """Write the lake's files and return its declaration."""
    ids = range(1, customers + 1)
    put(
        folder / "customers",
        {
            "customer_id": pa.array(ids, pa.int64()),
            "country": pa.array([COUNTRIES[i % 7] for i in ids]),
            "joined": pa.array([JOINED[i % 5] for i in ids], pa.date32()),
            "spend": pa.array([_decimal(SPENDS[i % 8]) for i in ids], pa.decimal128(12, 2)),
            "score": pa.array([SCORES[(i // 2) % 7] for i in ids], pa.float64()),
        },
    )
    held = [h for h in range(1, 2 * customers + 1) if h % 5]
    put(
        folder / "holdings",
        {
            "holding_id": pa.array(held, pa.int64()),
            "customer_id": pa.array([(h * 7) % (customers + 9) + 1 if h % 11 else None for h in held], pa.int64()),
            "product": pa.array([PRODUCTS[h % 4][0] for h in held]),
            "balance": pa.array([_decimal(SPENDS[h % 8]) for h in held], pa.decimal128(12, 2)),
            "role": pa.array(["PRIMARY" if h % 3 else "SECONDARY" for h in held]),
        },
    )
    put(folder / "products", {"product": [p for p, _ in PRODUCTS], "type": [t for _, t in PRODUCTS]})
    (folder / "frames.toml").write_text(DECLARATION, encoding="utf-8")
    return declaration.load(folder / "frames.toml")


MANY_PRODUCTS = [*PRODUCTS[:2], (None, "credit"), ("CARD", None), ("BOND", "fund"), ("XTRA", "bond"), (None, None), ("BOND", "bond")]  # fmt: skip


def crowded(folder: Path, customers: int = 60) -> Lake:
    """The same with more rows of a customer, in every role or none, and products that are there twice or unnamed."""
    lake, held, any_of = write(folder, customers), range(1, 181), Random(7).choice
    put(
        folder / "holdings",
        {
            "holding_id": pa.array(held, pa.int64()),
            "customer_id": pa.array([any_of([None, *range(1, customers + 5)]) for _ in held], pa.int64()),
            "product": pa.array([any_of(["BOND", "FUND", "LOAN", "CARD", None, "XTRA"]) for _ in held]),
            "balance": pa.array([_decimal(any_of(SPENDS)) for _ in held], pa.decimal128(12, 2)),
            "role": pa.array([any_of(["PRIMARY", "PRIMARY", "SECONDARY", None]) for _ in held]),
        },
    )
    put(folder / "products", {"product": [p for p, _ in MANY_PRODUCTS], "type": [t for _, t in MANY_PRODUCTS]})
    return lake


def rule(key: str, sql: str, **said: object) -> RuleVersion:
    """A rule of few words: an inclusion of weight 10 over customers unless said otherwise."""
    form = Form.STATEMENT if sql.lower().startswith(("select", "with")) else Form.PREDICATE
    frame = "" if form is Form.STATEMENT else "customers"
    given = {"version": 1, "kind": Kind.INCLUSION, "membership_type": "GOLD", "weight": 10, "frame": frame} | said
    return RuleVersion(key=key, sql=sql, form=form, **given)  # type: ignore[arg-type]


def rule_set(*versions: RuleVersion, types: tuple[MembershipType, ...] = (), as_of: date = AS_OF) -> RuleSet:
    """Versions as a rule set, with a plain membership type for each they name."""
    known = {t.key for t in types}
    plain = {v.membership_type for v in versions} - known
    return RuleSet(as_of, KNOWN_AT, (*types, *(MembershipType(key) for key in sorted(plain))), versions)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text).quantize(Decimal("0.01"))


def put(folder: Path, columns: Mapping[str, object], *, with_statistics: bool = True) -> None:
    """A frame's rows, column by column, as one Parquet file."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "part-0.parquet", write_statistics=with_statistics)
