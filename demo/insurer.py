"""
A mutual insurer on its first day: every frame of the lake as columns drawn from one seed.

A frame is a mapping of column name to a numpy array: days as ``datetime64[D]``
with NaT for null, text and yes/no as objects with None for null, money as
whole cents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from demo.scenario import DAYS

Columns = dict[str, Any]
FIRST_CUSTOMER = 1_000_001
OPENING = np.datetime64(DAYS[0])

MONEY, TEXT, DAY, ID = pa.decimal128(12, 2), pa.string(), pa.date32(), pa.int64()
LARGE_MONEY = pa.decimal128(14, 2)

SCHEMAS: dict[str, dict[str, pa.DataType]] = {
    "customers": {
        "customer_id": ID,
        "household_id": ID,
        "birth_date": DAY,
        "joined_on": DAY,
        "country": TEXT,
        "city": TEXT,
        "segment": TEXT,
        "email_opt_in": pa.bool_(),
        "association_code": TEXT,
        "annual_premium": MONEY,
        "premium_paid_until": DAY,
        "last_claim_on": DAY,
    },
    "policies": {
        "policy_id": ID,
        "customer_id": ID,
        "product_code": TEXT,
        "product_type": TEXT,
        "start_on": DAY,
        "end_on": DAY,
        "sum_insured": LARGE_MONEY,
    },
    "holdings": {
        "holding_id": ID,
        "customer_id": ID,
        "product_code": TEXT,
        "role": TEXT,
        "is_joint": pa.bool_(),
        "balance": LARGE_MONEY,
        "opened_on": DAY,
    },
    "bonds": {"bond_id": ID, "customer_id": ID, "bought_on": DAY, "amount": MONEY, "risk_class": TEXT},
    "products": {"product_code": TEXT, "product_type": TEXT, "name": TEXT},
    "services": {"customer_id": ID, "service_code": TEXT, "since": DAY},
}

# product code, product type, name, share of its frame's rows, typical sum insured or balance
INSURED = (
    ("MOT-STD", "MOTOR", "Motor", 0.27, 40_000),
    ("MOT-PLUS", "MOTOR", "Motor plus", 0.11, 60_000),
    ("HOM-STD", "HOME", "Home", 0.21, 180_000),
    ("HOM-PRE", "HOME", "Home premium", 0.05, 520_000),
    ("HEA-FAM", "HEALTH", "Family health", 0.10, 30_000),
    ("HEA-SOLO", "HEALTH", "Solo health", 0.05, 20_000),
    ("TRA-YEAR", "TRAVEL", "Travel all year", 0.06, 10_000),
    ("LIA-BASE", "LIABILITY", "Personal liability", 0.13, 90_000),
    ("END-88", "ENDOWMENT", "Endowment 1988", 0.02, 35_000),
)
INVESTED = (
    ("SAV-A", "SAVINGS", "Savings book", 0.46, 6_000),
    ("SAV-FLEX", "SAVINGS", "Flexible savings", 0.24, 14_000),
    ("INV-FUND", "INVESTMENT", "Mutual fund", 0.10, 32_000),
    ("UL-10", "UNIT_LINKED", "Unit linked 10", 0.07, 21_000),
    ("UL-20", "UNIT_LINKED", "Unit linked 20", 0.03, 26_000),
    ("PEN-IND", "PENSION", "Individual pension", 0.10, 38_000),
)
CITIES = {
    "FR": ("Paris", "Lyon", "Lille", "Nantes", "Toulouse", "Strasbourg"),
    "BE": ("Brussels", "Antwerp", "Liège"),
    "LU": ("Luxembourg", "Esch"),
    "DE": ("Cologne", "Aachen"),
    "CH": ("Geneva", "Basel"),
}


def first_day(customers: int, rng: np.random.Generator) -> dict[str, Columns]:
    """Every frame as it lands on the opening day."""
    people = _customers(customers, rng)
    return {
        "customers": people,
        "policies": _policies(people, rng),
        "holdings": _holdings(people, rng),
        "bonds": _bonds(people, rng),
        "products": _products(),
        "services": _services(people, rng),
    }


def choose(rng: np.random.Generator, size: int, shares: dict[str | None, float]) -> Any:
    """Texts drawn by their shares; None is null."""
    texts = np.array(list(shares), dtype=object)
    return texts[rng.choice(len(texts), size, p=list(shares.values()))]


def days(counts: Any) -> Any:
    return np.asarray(counts).astype("int64").astype("timedelta64[D]")


def cents(rng: np.random.Generator, typical: Any, spread: float, size: int) -> Any:
    """Amounts in cents around a typical one in euros: log-normal, as premiums and balances are."""
    return (np.asarray(typical) * np.exp(rng.normal(0.0, spread, size)) * 100).astype("int64")


def _customers(n: int, rng: np.random.Generator) -> Columns:
    grown = np.clip(18 + rng.gamma(3.4, 9.5, n), 18, 95)
    age = np.where(rng.random(n) < 0.02, rng.uniform(1, 18, n), grown)
    tenure = np.minimum(rng.exponential(6.4, n), age)
    country = choose(rng, n, {"FR": 0.895, "BE": 0.05, "LU": 0.015, "DE": 0.025, "CH": 0.015})
    claim = np.where(rng.random(n) < 0.3, rng.exponential(1_100, n), np.nan)
    paid = np.where(rng.random(n) < 0.018, -rng.integers(31, 120, n), rng.integers(0, 365, n))
    return {
        "customer_id": FIRST_CUSTOMER + np.arange(n),
        "household_id": _households(n, rng),
        "birth_date": OPENING - days(age * 365.25),
        "joined_on": OPENING - days(tenure * 365.25),
        "country": country,
        "city": _cities(country, rng),
        "segment": choose(rng, n, {"RETAIL": 0.86, "PRIVATE": 0.05, "BUSINESS": 0.09}),
        "email_opt_in": choose(rng, n, {True: 0.61, False: 0.36, None: 0.03}),  # type: ignore[dict-item]
        "association_code": choose(
            rng, n, {None: 0.88, "TEACHERS": 0.045, "RAIL": 0.03, "POST": 0.025, "FARMERS": 0.012, "FOUNDERS": 0.008}
        ),
        "annual_premium": cents(rng, 320 + 28 * tenure, 0.85, n),
        "premium_paid_until": OPENING + days(paid),
        "last_claim_on": np.where(np.isnan(claim), np.datetime64("NaT"), OPENING - days(np.nan_to_num(claim) + 1)),
    }


def _households(n: int, rng: np.random.Generator) -> Any:
    """Neighbouring customers share a household: most live alone, one in six with two others or more."""
    sizes = rng.choice(5, n, p=(0.80, 0.14, 0.04, 0.015, 0.005)) + 1
    return np.repeat(np.arange(n) + 500_001, sizes)[:n]


def _cities(country: Any, rng: np.random.Generator) -> Any:
    cities: Any = np.empty(len(country), dtype=object)
    for code, names in CITIES.items():
        there = country == code
        cities[there] = np.array(names, dtype=object)[rng.integers(0, len(names), int(there.sum()))]
    return cities


def _policies(people: Columns, rng: np.random.Generator) -> Columns:
    tenure = (OPENING - people["joined_on"]).astype(int) / 365.25
    owner: Any = np.repeat(np.arange(len(tenure)), 1 + rng.poisson(0.30 + 0.03 * tenure))
    n = len(owner)
    code, kind, typical = _draw(INSURED, n, rng)
    start = OPENING - days((OPENING - people["joined_on"][owner]).astype(int) * rng.random(n))
    fate = rng.random(n)
    age = (OPENING - start).astype(int)
    ended = OPENING - days(age * rng.random(n))
    running = OPENING + days(rng.integers(1, 365, n))
    end = np.where(fate < 0.12, ended, np.where(fate < 0.4, running, np.datetime64("NaT")))
    return {
        "policy_id": 2_000_001 + np.arange(n),
        "customer_id": people["customer_id"][owner],
        "product_code": code,
        "product_type": kind,
        "start_on": start,
        "end_on": np.maximum(end, start + days(1)),
        "sum_insured": cents(rng, typical, 0.5, n),
    }


def _holdings(people: Columns, rng: np.random.Generator) -> Columns:
    """Grain: holding and holder. A joint holding is two rows, one PRIMARY and one SECONDARY of the same household."""
    n = len(people["customer_id"])
    alone = np.flatnonzero(rng.random(n) < 0.32)
    next_door: Any = np.append(people["household_id"][1:] == people["household_id"][:-1], False)
    joint = np.flatnonzero(next_door & (rng.random(n) < 0.45))
    return holdings(people, np.concatenate([alone, joint]), np.arange(len(alone) + len(joint)) >= len(alone), 1, rng)


def holdings(people: Columns, owner: Any, is_joint: Any, first_id: int, rng: np.random.Generator) -> Columns:
    """The rows of new holdings: ``owner`` holds each first, and where it is joint the next customer second."""
    n = len(owner)
    code, _, typical = _draw(INVESTED, n, rng)
    opened = OPENING - days((OPENING - people["joined_on"][owner]).astype(int) * rng.random(n))
    balance = cents(rng, typical, 1.0, n)
    row = np.concatenate([np.arange(n), np.flatnonzero(is_joint)])
    second = np.arange(len(row)) >= n
    holder = np.minimum(owner[row] + second, len(people["customer_id"]) - 1)
    return {
        "holding_id": 3_000_000 + first_id + row,
        "customer_id": people["customer_id"][holder],
        "product_code": code[row],
        "role": np.where(second, "SECONDARY", "PRIMARY").astype(object),
        "is_joint": is_joint[row],
        "balance": balance[row],
        "opened_on": opened[row],
    }


def _bonds(people: Columns, rng: np.random.Generator) -> Columns:
    n = len(people["customer_id"])
    buyer: Any = np.repeat(np.arange(n), np.where(rng.random(n) < 0.17, 1 + rng.poisson(0.5, n), 0))
    held = np.minimum(rng.exponential(1_100, len(buyer)), (OPENING - people["joined_on"][buyer]).astype(int))
    return bonds(people, buyer, OPENING - days(held + 1), 1, rng)


def bonds(people: Columns, buyer: Any, bought_on: Any, first_id: int, rng: np.random.Generator) -> Columns:
    n = len(buyer)
    return {
        "bond_id": 4_000_000 + first_id + np.arange(n),
        "customer_id": people["customer_id"][buyer],
        "bought_on": bought_on,
        "amount": rng.choice((1, 2, 4, 5, 8, 10, 15, 20, 50), n).astype("int64") * 100_000,
        "risk_class": choose(rng, n, {"LOW": 0.6, "MEDIUM": 0.27, "HIGH": 0.1, None: 0.03}),
    }


def _products() -> Columns:
    listed = (*INSURED, *INVESTED)
    return {
        "product_code": np.array([p[0] for p in listed], dtype=object),
        "product_type": np.array([p[1] for p in listed], dtype=object),
        "name": np.array([p[2] for p in listed], dtype=object),
    }


def _services(people: Columns, rng: np.random.Generator) -> Columns:
    """Grain: customer and service."""
    n = len(people["customer_id"])
    shares = {"ROADSIDE": 0.10, "LEGAL_AID": 0.08, "HOME_HELP": 0.05, "TELEHEALTH": 0.12}
    users = [np.flatnonzero(rng.random(n) < share) for share in shares.values()]
    user = np.concatenate(users)
    since = (OPENING - people["joined_on"][user]).astype(int) * rng.random(len(user))
    return {
        "customer_id": people["customer_id"][user],
        "service_code": np.repeat(np.array(list(shares), dtype=object), [len(u) for u in users]),
        "since": OPENING - days(since),
    }


def _draw(listed: Sequence[tuple[str, str, str, float, int]], n: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Product codes, product types and typical amounts in euros, drawn by share."""
    shares = np.array([p[3] for p in listed])
    pick = rng.choice(len(listed), n, p=shares / shares.sum())
    return tuple(np.array([p[i] for p in listed], dtype=object if i < 2 else float)[pick] for i in (0, 1, 4))
