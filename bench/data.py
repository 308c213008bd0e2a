"""Customers, their holdings and a list of products, made from a seed and kept as Parquet."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench import values
from rules_engine.lake import declaration
from rules_engine.model.frames import Lake

CHUNK = 250_000
"""Customers made, and written to one file, at a time."""

HOLDINGS = 3
SKEW = 100_000
"""Holdings of a skewed customer."""

DECLARATION = """
subject = "customers"
[frames.customers]
path = "customers"
key = ["customer_id"]
subject_key = "customer_id"
[frames.holdings]
path = "holdings"
key = ["holding_id"]
subject_key = "customer_id"
[frames.products]
path = "products"
key = ["product"]
"""


@dataclass(frozen=True, slots=True)
class Population:
    """What is made: so many customers with three holdings each, the first ``skewed`` of them with 100,000 more."""

    customers: int
    seed: int = 1
    skewed: int = 0

    @property
    def folder(self) -> str:
        return f"customers-{self.customers}-skewed-{self.skewed}-seed-{self.seed}"

    def chunks(self) -> Iterator[tuple[int, int]]:
        """First customer and number of customers of each file."""
        for first in range(0, self.customers, CHUNK):
            yield first, min(CHUNK, self.customers - first)


def made(population: Population, root: Path) -> Path:
    """The folder of a population's files, written if it is not there yet."""
    return kept(root / population.folder, lambda folder: _write(population, folder))


def kept(folder: Path, write: Callable[[Path], None]) -> Path:
    """A folder that ``write`` fills if it is not there yet: whole, or not at all."""
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        write(unfinished)
        unfinished.rename(folder)
    return folder


def lake(folder: Path) -> Lake:
    """The declaration beside the files."""
    return declaration.load(folder / "frames.toml")


def customers(population: Population, first: int, rows: int) -> pa.Table:
    """Customers ``first`` to ``first + rows - 1``, one row each."""
    chance = np.random.default_rng([population.seed, 1, first])
    ids: Any = np.arange(first, first + rows, dtype=np.int64)
    first_names, last_names = (_some(chance, rows, names) for names in (values.FIRST_NAMES, values.LAST_NAMES))
    cities = chance.choice(len(values.CITIES), rows, p=_falling(len(values.CITIES)))
    postcodes = cities * 613 % 90_000 + 10_000 + chance.integers(0, 400, rows)
    columns: dict[str, Any] = {
        "customer_id": ids,
        "first_name": first_names,
        "last_name": last_names,
        "birth_date": _days(chance, rows, "1930-01-01", "2006-01-01"),
        "gender": _some(chance, rows, ["f", "m", "x"], [0.5, 0.49, 0.01]),
        "country": _text([values.COUNTRY_OF[city] for city in values.CITIES], cities),
        "city": _text(values.CITIES, cities),
        "postcode": pc.cast(pa.array(postcodes), pa.string()),
        "email": _emails(chance, ids, first_names, last_names),
        "marital_status": _some(chance, rows, values.MARITAL),
        "occupation": _some(chance, rows, values.OCCUPATIONS),
        "employment": _some(chance, rows, values.EMPLOYMENTS, [0.6, 0.15, 0.15, 0.1]),
        "income": decimals(np.round(chance.lognormal(10.5, 0.6, rows) * 100), 12, _absent(chance, rows, 0.03)),
        "credit_limit": decimals(chance.integers(0, 61, rows) * 50_000, 10, _absent(chance, rows, 0.25)),
        "risk_score": _whole(chance.integers(0, 1000, rows), _absent(chance, rows, 0.05)),
        "segment": _some(chance, rows, values.SEGMENTS, _falling(len(values.SEGMENTS))),
        "status": _some(chance, rows, values.STATUSES, [0.86, 0.06, 0.05, 0.03]),
        "channel": _some(chance, rows, values.CHANNELS),
        "joined": _days(chance, rows, "1995-01-01", "2024-06-01"),
        "last_login": _moments(chance, rows, _absent(chance, rows, 0.15)),
        "language": _some(chance, rows, values.LANGUAGES, _falling(len(values.LANGUAGES))),
        "children": _whole(chance.poisson(1.1, rows)),
        "marketing_opt_in": pa.array(chance.random(rows) < 0.4, mask=_absent(chance, rows, 0.02)),
        "branch_id": _whole(chance.integers(1, 400, rows)),
        "satisfaction": pa.array(np.round(chance.normal(3.6, 0.9, rows), 2), mask=_absent(chance, rows, 0.4)),
    }
    return pa.table(columns)


def holdings(population: Population, first: int, rows: int) -> pa.Table:
    """The holdings of customers ``first`` to ``first + rows - 1``, one row each, in no order."""
    chance = np.random.default_rng([population.seed, 2, first])
    owners = chance.permutation(np.repeat(np.arange(first, first + rows, dtype=np.int64), HOLDINGS))
    skewed: Any = np.arange(first, min(first + rows, population.skewed), dtype=np.int64)
    owners = np.concatenate([owners, np.repeat(skewed, SKEW)])
    size = len(owners)
    products = chance.choice(len(values.PRODUCTS), size, p=_falling(len(values.PRODUCTS)))
    opened = np.datetime64("2005-01-01") + chance.integers(0, 7090, size).astype("timedelta64[D]")
    closed = opened + chance.integers(30, 3000, size).astype("timedelta64[D]")
    before = HOLDINGS * first + SKEW * min(first, population.skewed)
    columns: dict[str, Any] = {
        "holding_id": np.arange(before, before + size, dtype=np.int64),
        "customer_id": owners,
        "product": _text([p.name for p in values.PRODUCTS], products),
        "product_type": _text([p.type for p in values.PRODUCTS], products),
        "role": _some(chance, size, values.ROLES, [0.8, 0.15, 0.05]),
        "amount": decimals(np.round(chance.lognormal(8, 1.4, size) * 100), 14, _absent(chance, size, 0.01)),
        "opened": pa.array(opened),
        "closed": pa.array(closed, mask=chance.random(size) < 0.7),
        "is_joint": pa.array(chance.random(size) < 0.12),
        "channel": _some(chance, size, values.CHANNELS),
        "rate": pa.array(np.round(chance.random(size) * 9, 2), mask=_absent(chance, size, 0.2)),
    }
    return pa.table(columns)


def products() -> pa.Table:
    """The products, one row each."""
    return pa.table(
        {
            "product": [p.name for p in values.PRODUCTS],
            "product_type": [p.type for p in values.PRODUCTS],
            "line": [p.line for p in values.PRODUCTS],
            "risk_class": pa.array([p.risk_class for p in values.PRODUCTS], pa.int32()),
        }
    )


def decimals(hundredths: Any, digits: int, absent: Any = None) -> pa.Array:
    """Whole hundredths as exact decimals of two places, without a Python object per value."""
    low = np.asarray(hundredths, dtype=np.int64)
    low = np.where(np.abs(low) < 10 ** min(digits, 18), low, 0)
    words = np.column_stack([low, low >> 63]).ravel()
    validity = None if absent is None else pa.py_buffer(np.packbits(~absent, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.decimal128(digits, 2), len(low), [validity, pa.py_buffer(words.tobytes())])


def _write(population: Population, folder: Path) -> None:
    for name in ("customers", "holdings", "products"):
        (folder / name).mkdir(parents=True)
    for number, (first, rows) in enumerate(population.chunks()):
        pq.write_table(customers(population, first, rows), folder / "customers" / f"part-{number:03d}.parquet")
        pq.write_table(holdings(population, first, rows), folder / "holdings" / f"part-{number:03d}.parquet")
    pq.write_table(products(), folder / "products" / "part-000.parquet")
    (folder / "frames.toml").write_text(DECLARATION, encoding="utf-8")


def _falling(size: int) -> Any:
    """Shares that fall slowly from the first to the last."""
    shares = 1 / np.sqrt(np.arange(1, size + 1))
    return shares / shares.sum()


def _absent(chance: np.random.Generator, rows: int, share: float) -> Any:
    return chance.random(rows) < share


def _some(chance: np.random.Generator, rows: int, texts: Sequence[str], shares: Any = None) -> pa.Array:
    return _text(texts, chance.choice(len(texts), rows, p=shares))


def _text(texts: Sequence[str], numbers: Any) -> pa.Array:
    return pa.array(texts, pa.string()).take(pa.array(numbers))


def _whole(numbers: Any, absent: Any = None) -> pa.Array:
    return pa.array(numbers.astype(np.int32), mask=absent)


def _days(chance: np.random.Generator, rows: int, first: str, after: str) -> pa.Array:
    span = int((np.datetime64(after) - np.datetime64(first)).astype(int))
    return pa.array(np.datetime64(first) + chance.integers(0, span, rows).astype("timedelta64[D]"))


def _moments(chance: np.random.Generator, rows: int, absent: Any) -> pa.Array:
    """Moments of the three years before June 2024, most of them late."""
    seconds = (chance.beta(4, 1, rows) * 3 * 365 * 86_400).astype("timedelta64[s]")
    moments = (np.datetime64("2021-06-01T00:00:00") + seconds).astype("datetime64[us]")
    return pa.array(moments, pa.timestamp("us"), mask=absent).cast(pa.timestamp("us", "UTC"))


def _emails(chance: np.random.Generator, ids: Any, first_names: pa.Array, last_names: pa.Array) -> pa.Array:
    numbers = pc.cast(pa.array(ids), pa.string())
    domains = _some(chance, len(ids), values.DOMAINS)
    whole = pc.binary_join_element_wise(first_names, last_names, numbers, ".")
    joined = pc.binary_join_element_wise(whole, domains, "@")
    return pc.if_else(pa.array(_absent(chance, len(ids), 0.08)), pa.scalar(None, pa.string()), joined)
