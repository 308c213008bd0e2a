"""The lake that the rules of :mod:`bench.mixed` are about: customers of 25 columns, three holdings each, 200 products."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator

from bench.data import kept
from rules_engine.lake import declaration
from rules_engine.model.frames import Lake

COUNTRIES = "DE FR IT ES NL BE AT CH PL CZ SK HU RO BG GR PT IE GB SE NO DK FI EE LV LT HR SI LU MT CY".split()
SEGMENTS = "RETAIL AFFLUENT PRIVATE SME STUDENT".split()
MARITAL = "SINGLE MARRIED DIVORCED WIDOWED".split()
RISKS, CHANNELS = [*"ABCDE"], "BRANCH WEB MOBILE PHONE PARTNER".split()
DOMAINS = "gmail.com outlook.com yahoo.com proton.me company.com web.de orange.fr".split()
PRODUCT_TYPES = "CARD LOAN MORTGAGE SAVINGS CURRENT INSURANCE FUND BROKERAGE".split()
CATEGORIES = "PAYMENTS LENDING INVESTMENT PROTECTION DEPOSIT".split()
PRODUCTS = [f"P{number:03d}" for number in range(200)]
OCCUPATIONS = (
    "software engineer,civil engineer,teacher,nurse,doctor,lawyer,student,retired,manager,sales manager,accountant,"
    "driver,chef,artist,farmer,clerk,unemployed,pilot,architect,electrician"
).split(",")
CITIES = [
    first + last
    for first in "Ber Ham Mun Par Lyo Rom Mil Mad Bar Ams Rot Bru Vie Zur War Kra Pra Bud Buc Sof".split()
    for last in "lin burg ich is on e an rid celona terdam dam sels na aw kow".split()
]
CHUNK = 125_000
"""Customers of a file."""
HOLDINGS = 3

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
key = ["product_code"]
"""


def made(customers: int, seed: int, root: Path) -> Path:
    """The folder of the files, written if it is not there yet."""
    return kept(root / f"mixed-{customers}-seed-{seed}", lambda folder: _write(customers, seed, folder))


def lake(folder: Path) -> Lake:
    """The declaration beside the files."""
    return declaration.load(folder / "frames.toml")


def _write(customers: int, seed: int, folder: Path) -> None:
    chance = np.random.default_rng(seed)
    for frame in ("customers", "holdings", "products"):
        (folder / frame).mkdir(parents=True)
    for number, first in enumerate(range(1, customers + 1, CHUNK)):
        rows = min(CHUNK, customers + 1 - first)
        pq.write_table(_customers(chance, first, rows), folder / "customers" / f"part-{number:03d}.parquet")
        held = _holdings(chance, 1 + (first - 1) * HOLDINGS, rows * HOLDINGS, customers)
        pq.write_table(held, folder / "holdings" / f"part-{number:03d}.parquet")
    pq.write_table(_products(chance), folder / "products" / "part-000.parquet")
    (folder / "frames.toml").write_text(DECLARATION, encoding="utf-8")


def _customers(chance: Generator, first: int, rows: int) -> pa.Table:
    ids: Any = np.arange(first, first + rows, dtype=np.int64)
    domains = chance.integers(0, len(DOMAINS), rows)
    return pa.table({
        "customer_id": ids,
        "birth_date": _days(chance, "1935-01-01", "2008-01-01", rows),
        "signup_date": _days(chance, "2000-01-01", "2026-01-01", rows),
        "last_login_date": _days(chance, "2023-01-01", "2026-11-01", rows, 0.1),
        "kyc_date": _days(chance, "2015-01-01", "2026-11-01", rows, 0.05),
        "gender": _some(chance, ["F", "M", "X"], rows, [0.49, 0.49, 0.02]),
        "country": _some(chance, COUNTRIES, rows),
        "city": _some(chance, CITIES, rows),
        "postal_code": [f"{number:05d}" for number in chance.integers(1000, 99999, rows).tolist()],
        "segment": _some(chance, SEGMENTS, rows, [0.55, 0.15, 0.05, 0.1, 0.15]),
        "email": [f"user{i}@{DOMAINS[k]}" for i, k in zip(ids.tolist(), domains.tolist(), strict=True)],
        "phone": pa.array([f"+49{number}" for number in chance.integers(10**8, 10**9, rows).tolist()],
                          mask=chance.random(rows) < 0.1),
        "occupation": _some(chance, OCCUPATIONS, rows, absent=0.08),
        "marital_status": _some(chance, MARITAL, rows, [0.4, 0.4, 0.12, 0.08]),
        "income": _money(np.round(chance.lognormal(10.4, 0.6, rows) * 100), 12, chance.random(rows) < 0.05),
        "total_balance": _money(np.round(chance.lognormal(8.5, 1.5, rows) * 100), 14),
        "credit_limit": _money(chance.integers(0, 50, rows) * 50_000, 12, chance.random(rows) < 0.15),
        "credit_score": pa.array(chance.integers(300, 851, rows, dtype=np.int32), mask=chance.random(rows) < 0.03),
        "num_children": pa.array(chance.poisson(1.0, rows).astype(np.int32)),
        "is_employee": chance.random(rows) < 0.02,
        "marketing_opt_in": pa.array(chance.random(rows) < 0.6, mask=chance.random(rows) < 0.05),
        "is_deceased": chance.random(rows) < 0.01,
        "risk_rating": _some(chance, RISKS, rows, [0.3, 0.3, 0.2, 0.15, 0.05]),
        "channel": _some(chance, CHANNELS, rows),
        "tenure_months": pa.array(chance.integers(0, 312, rows, dtype=np.int32)),
    })  # fmt: skip


def _holdings(chance: Generator, first: int, rows: int, customers: int) -> pa.Table:
    products = chance.integers(0, len(PRODUCTS), rows)
    types = [PRODUCT_TYPES[number % len(PRODUCT_TYPES)] for number in range(len(PRODUCTS))]
    return pa.table({
        "holding_id": np.arange(first, first + rows, dtype=np.int64),
        "customer_id": chance.integers(1, customers + 1, rows),
        "product_code": pa.array(PRODUCTS).take(pa.array(products)),
        "product_type": pa.array(types).take(pa.array(products)),
        "role": _some(chance, ["PRIMARY", "SECONDARY"], rows, [0.75, 0.25]),
        "amount": _money(np.round(chance.lognormal(7.5, 1.3, rows) * 100), 12),
        "opened_on": _days(chance, "2005-01-01", "2026-11-01", rows),
        "status": _some(chance, ["ACTIVE", "CLOSED", "DORMANT", "PENDING"], rows, [0.7, 0.15, 0.1, 0.05]),
    })  # fmt: skip


def _products(chance: Generator) -> pa.Table:
    rows = len(PRODUCTS)
    return pa.table({
        "product_code": PRODUCTS,
        "product_type": [PRODUCT_TYPES[number % len(PRODUCT_TYPES)] for number in range(rows)],
        "category": _some(chance, CATEGORIES, rows),
        "is_premium": chance.random(rows) < 0.2,
        "annual_fee": _money(chance.integers(0, 40, rows) * 500, 8),
    })  # fmt: skip


def _some(
    chance: Generator, values: Sequence[str], rows: int, shares: Sequence[float] | None = None, absent: float = 0.0
) -> pa.Array:
    at = chance.choice(len(values), rows, p=shares)
    return pa.array(values).take(pa.array(at, mask=chance.random(rows) < absent if absent else None))


def _days(chance: Generator, first: str, after: str, rows: int, absent: float = 0.0) -> pa.Array:
    low, high = (int(np.datetime64(day, "D").astype(int)) for day in (first, after))
    days = chance.integers(low, high, rows, dtype=np.int32)
    return pa.array(days, mask=chance.random(rows) < absent if absent else None).cast(pa.date32())


def _money(cents: Any, digits: int, absent: Any = None) -> pa.Array:
    """A decimal of two places from whole cents, none of them below 0."""
    whole: Any = np.zeros((len(cents), 2), dtype=np.int64)
    whole[:, 0] = cents
    there = None if absent is None else pa.array(~absent).buffers()[1]
    return pa.Array.from_buffers(pa.decimal128(digits, 2), len(cents), [there, pa.py_buffer(whole.tobytes())])
