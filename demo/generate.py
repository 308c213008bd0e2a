"""
The lake of a mutual insurer, landed on three business days, the same bytes for the same seed.

Layout: ``<folder>/<frame>/<day>/part-0.parquet``, and ``<folder>/frames.toml``
declaring it. What did not change is not landed again: products and services
land on the first day only.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo.insurer import OPENING, SCHEMAS, Columns, bonds, days, first_day, holdings
from demo.scenario import DAYS

DECLARED = Path(__file__).with_name("frames.toml")
UNCHANGING = ("products", "services")


def generate(folder: Path, customers: int = 100_000, seed: int = 7) -> None:
    """Land the lake under ``folder``; frames already landed there are written again."""
    rng = np.random.default_rng(seed)
    frames = first_day(customers, rng)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(DECLARED, folder / "frames.toml")
    for number, day in enumerate(DAYS):
        if number:
            frames = _next_day(frames, number, rng)
        for name, columns in frames.items():
            if number == 0 or name not in UNCHANGING:
                _land(folder / name / day.isoformat() / "part-0.parquet", SCHEMAS[name], columns)


def _next_day(frames: dict[str, Columns], number: int, rng: np.random.Generator) -> dict[str, Columns]:
    """What a business day changes: a few claims, payments, closures and purchases."""
    people = _premiums_and_claims(frames["customers"], number, rng)
    return frames | {
        "customers": people,
        "policies": _some_end(frames["policies"], number, rng),
        "holdings": _some_close_some_open(frames["holdings"], people, number, rng),
        "bonds": _some_are_bought(frames["bonds"], people, number, rng),
    }


def _premiums_and_claims(people: Columns, number: int, rng: np.random.Generator) -> Columns:
    """2 in 1,000 claim; on day two the premiums of 15 in 1,000 bounce, and most of them are settled on day three."""
    n = len(people["customer_id"])
    yesterday = OPENING + days(number - 1)
    paid = people["premium_paid_until"]
    bounced = OPENING - days(45)
    if number == 1:
        paid = np.where(rng.random(n) < 0.015, bounced, paid)
    else:
        paid = np.where((paid == bounced) & (rng.random(n) < 0.7), OPENING + days(320), paid)
    claim = np.where(rng.random(n) < 0.002, yesterday, people["last_claim_on"])
    upgraded = (people["segment"] == "RETAIL") & (rng.random(n) < 0.001)
    return people | {
        "premium_paid_until": paid,
        "last_claim_on": claim,
        "segment": np.where(upgraded, "PRIVATE", people["segment"]),
    }


def _some_end(policies: Columns, number: int, rng: np.random.Generator) -> Columns:
    today = OPENING + days(number)
    leaving = (rng.random(len(policies["policy_id"])) < 0.003) & ~(policies["end_on"] <= today)
    started = policies["start_on"] < today
    return policies | {"end_on": np.where(leaving & started, today, policies["end_on"])}


def _some_close_some_open(held: Columns, people: Columns, number: int, rng: np.random.Generator) -> Columns:
    """Closing takes the holding from both holders."""
    n = len(people["customer_id"])
    ids = np.unique(held["holding_id"])
    closed = np.isin(held["holding_id"], ids[rng.random(len(ids)) < 0.004])
    opener = np.flatnonzero(rng.random(n - 1) < 0.003)
    is_joint = rng.random(len(opener)) < 0.3
    opened = holdings(people, opener, is_joint, int(ids[-1]) - 3_000_000 + 1, rng)
    opened["opened_on"] = np.full(len(opened["holding_id"]), OPENING + days(number))
    return _append({name: column[~closed] for name, column in held.items()}, opened)


def _some_are_bought(bought: Columns, people: Columns, number: int, rng: np.random.Generator) -> Columns:
    buyer = np.flatnonzero(rng.random(len(people["customer_id"])) < 0.003)
    on = np.full(len(buyer), OPENING + days(number))
    return _append(bought, bonds(people, buyer, on, len(bought["bond_id"]) + 1, rng))


def _append(rows: Columns, more: Columns) -> Columns:
    return {name: np.concatenate([column, more[name]]) for name, column in rows.items()}


def _land(path: Path, schema: dict[str, pa.DataType], columns: Columns) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = [_arrow(columns[name], kind) for name, kind in schema.items()]
    pq.write_table(pa.table(arrays, names=list(schema)), path, compression="zstd")


def _arrow(column: Any, kind: pa.DataType) -> pa.Array:
    """A column as Arrow; money is cents, so its scale is 2 already and only the width changes."""
    if not pa.types.is_decimal(kind):
        return pa.array(column, type=kind, from_pandas=True)
    cents = np.ascontiguousarray(column, dtype="<i8")
    wide = np.column_stack([cents, cents >> 63])
    return pa.Array.from_buffers(kind, len(cents), [None, pa.py_buffer(wide)])
