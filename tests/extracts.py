"""Extracts that land, and the declaration they are of: people with names, e-mails and accounts, and what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rules_engine.lake import declaration
from rules_engine.model.frames import Lake

DAY = date(2024, 6, 1)
NOW = datetime(2024, 6, 2, 6, tzinfo=UTC)

DECLARATION = """
subject = "customers"
[frames.customers]
path = "customers/{day}"
format = "FORMAT"
key = ["customer_id"]
subject_key = "customer_id"
[frames.customers.columns]
customer_id = "bigint"
country = "string"
premium = "decimal(12,2)"
joined = "date"
"""
HEADER = "customer_id,country,premium,joined\n"
LINES = ("1,FR,10.50,2020-01-31\n", '2,"DE, west",,\n', "3,GB,7.00,2021-12-01\n")
OBJECTS = (
    '{"customer_id": 1, "country": "FR", "premium": 10.50, "joined": "2020-01-31"}\n',
    '{"customer_id": 2, "country": "DE, west"}\n',
    '{"customer_id": 3, "country": "GB", "premium": 7, "joined": "2021-12-01"}\n',
)


def declared(folder: Path, kind: str = "csv") -> Lake:
    """The declaration of what lands below a folder, its frames in this format."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frames.toml").write_text(DECLARATION.replace("FORMAT", kind), encoding="utf-8")
    return declaration.load(folder / "frames.toml")


def written(folder: Path, kind: str = "csv", lines: Sequence[str] = (), name: str = "") -> Path:
    """An extract of one file as its source writes it, or with other lines."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "parquet":
        pq.write_table(table(), folder / (name or "part-0.parquet"))
        return folder
    text = "".join(lines or ((HEADER, *LINES) if kind == "csv" else OBJECTS))
    (folder / (name or f"people.{kind}")).write_bytes(text.encode())
    return folder


def table(names: Iterable[str] = ("customer_id", "country", "premium", "joined")) -> pa.Table:
    """The same rows in Arrow, under these names."""
    columns = [
        pa.array([1, 2, 3], pa.int64()),
        pa.array(["FR", "DE, west", "GB"]),
        pa.array(["10.50", None, "7.00"]).cast(pa.decimal128(12, 2)),
        pa.array([date(2020, 1, 31), None, date(2021, 12, 1)], pa.date32()),
    ]
    return pa.table(columns, names=list(names))
