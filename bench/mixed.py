"""
Rules of another hand than :mod:`bench.predicates` and its neighbours, not written for the planner: ``mixed-1000``.

Of twenty 14 ask the customer's own row, 5 his holdings, and one is a complete SELECT: first places in a group, joins, a
group's extremes, the row before. What DuckDB needs to answer all of them in one query goes along as metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from bench.mixed_data import CATEGORIES, CHANNELS, COUNTRIES, DOMAINS, MARITAL, PRODUCT_TYPES, PRODUCTS, RISKS, SEGMENTS
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion

TYPES = tuple(MembershipType(key) for key in ("GOLD", "SILVER", "BASIC", "STUDENT_CLUB", "BUSINESS"))
ORDER = ["row"] * 7 + ["held"] * 2 + ["select"] + ["row"] * 7 + ["held"] * 3
"""What the rules ask, over and over."""

FUSED = "fused"
"""The word of a rule's metadata under which its parts are."""


def versions(size: int, seed: int = 2026) -> tuple[RuleVersion, ...]:
    """So many rules, the same for the same seed."""
    chance = Random(seed)
    return tuple(_version(chance, number) for number in range(size))


def _version(chance: Random, number: int) -> RuleVersion:
    what = ORDER[number % len(ORDER)]
    membership_type = chance.choice(TYPES).key
    kind = chance.choices([Kind.INCLUSION, Kind.EXCLUSION], [0.65, 0.35])[0]
    weight = 10 * chance.randint(1, 10)
    form, frame, sql, fused = MAKERS[what](chance)
    metadata = {"true_when_empty": True, FUSED: fused}  # nobody reads made rules for what they say of missing data
    return RuleVersion(
        key=f"M-{number:05d}", version=1, kind=kind, membership_type=membership_type, weight=weight,
        form=form, frame=frame, sql=sql, metadata=metadata,
    )  # fmt: skip


Made = tuple[Form, str, str, Mapping[str, Any]]


def _row(chance: Random) -> Made:
    condition = _conditions(chance, 2, 4)
    return Form.PREDICATE, "customers", condition.replace("c.", ""), {"row": condition}


def _held(chance: Random) -> Made:
    own = _condition(chance) if chance.random() < 0.4 else ""
    of_row, joins = _of_holding(chance)
    asks = chance.choices(["exists", "not exists", "count", "sum"], [0.45, 0.1, 0.25, 0.2])[0]
    least = {"count": f"{chance.randint(1, 3)}", "sum": f"{chance.randint(1, 80) * 100}.00"}.get(asks, "")
    joined = "holdings h JOIN products p ON p.product_code = h.product_code" if joins else "holdings h"
    rows = f"FROM {joined} WHERE h.customer_id = c.customer_id AND {of_row}"
    asked = {
        "exists": f"EXISTS (SELECT 1 {rows})",
        "not exists": f"NOT EXISTS (SELECT 1 {rows})",
        "count": f"(SELECT count(*) {rows}) >= {least}",
        "sum": f"(SELECT sum(h.amount) {rows}) > {least}",
    }[asks]
    fused = {"own": own, "holding": of_row, "asks": asks, "least": least}
    if asks == "exists" and not own and not joins:
        return Form.PREDICATE, "holdings", of_row.replace("h.", ""), fused
    where = f"{own} AND {asked}" if own else asked
    return Form.STATEMENT, "", f"SELECT c.customer_id FROM customers c WHERE {where}", fused


def _select(chance: Random) -> Made:
    which = chance.randint(0, 4)
    if which == 0:
        of = chance.choice(["country", "city", "segment"])
        sql = (
            "SELECT customer_id FROM (SELECT c.customer_id, row_number() OVER (PARTITION BY "
            f"c.{of} ORDER BY c.total_balance DESC, c.customer_id) AS rn FROM customers c "
            f"WHERE {_conditions(chance, 1, 2)}) t WHERE t.rn <= {chance.randint(50, 2000)}"
        )
    elif which == 1:
        sql = (
            "SELECT h.customer_id FROM holdings h JOIN products p ON p.product_code = h.product_code "
            f"WHERE {_of_holding(chance)[0]} GROUP BY h.customer_id HAVING count(DISTINCT h.product_type) >= "
            f"{chance.randint(1, 2)} AND sum(h.amount) > {chance.randint(1, 50) * 100}.00"
        )
    elif which == 2:
        sql = (
            "SELECT c.customer_id FROM customers c JOIN (SELECT country, max(total_balance) AS mx, min(signup_date) AS "
            "md FROM customers GROUP BY country) m ON m.country = c.country WHERE c.total_balance * 20 > m.mx "
            f"AND c.signup_date > m.md AND {_conditions(chance, 1, 2)}"
        )
    elif which == 3:
        sql = (
            "SELECT c.customer_id FROM customers c JOIN holdings h ON h.customer_id = c.customer_id JOIN products p "
            f"ON p.product_code = h.product_code WHERE {_conditions(chance, 1, 2)} AND {_of_holding(chance)[0]}"
        )
    else:
        sql = (
            "SELECT customer_id FROM (SELECT h.customer_id, h.amount, lag(h.amount) OVER (PARTITION BY h.customer_id "
            "ORDER BY h.opened_on, h.holding_id) AS prev FROM holdings h WHERE h.status = 'ACTIVE') t WHERE "
            f"t.prev IS NOT NULL AND t.amount > t.prev * {chance.randint(2, 5)} "
            f"AND t.amount > {chance.randint(5, 50) * 100}.00"
        )
    return Form.STATEMENT, "", sql, {"select": sql}


MAKERS: dict[str, Callable[[Random], Made]] = {"row": _row, "held": _held, "select": _select}


def _text(value: str) -> str:
    return f"'{value}'"


def _day(chance: Random, first: int, last: int) -> str:
    return f"DATE '{chance.randint(first, last)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}'"


def _among(chance: Random, values: list[str], least: int, most: int) -> str:
    chosen = chance.sample(values, chance.randint(least, min(most, len(values))))
    return f"({', '.join(map(_text, sorted(chosen)))})"


def _months(chance: Random) -> str:
    return f"month(c.birth_date) IN ({', '.join(map(str, sorted(chance.sample(range(1, 13), chance.randint(1, 6)))))})"


def _condition(chance: Random) -> str:
    """About the customer's own row, or two of its columns."""
    r = chance
    return [
        lambda: f"c.birth_date <= {_day(r, 1955, 2000)}",
        lambda: f"c.birth_date BETWEEN {_day(r, 1940, 1965)} AND {_day(r, 1975, 2006)}",
        lambda: f"c.signup_date >= {_day(r, 2002, 2020)}",
        lambda: f"c.signup_date < {_day(r, 2008, 2024)}",
        lambda: f"c.last_login_date >= {_day(r, 2023, 2025)}",
        lambda: f"(c.last_login_date IS NULL OR c.last_login_date < {_day(r, 2024, 2026)})",
        lambda: f"c.country IN {_among(r, COUNTRIES, 5, 18)}",
        lambda: f"c.country NOT IN {_among(r, COUNTRIES, 2, 12)}",
        lambda: f"c.segment IN {_among(r, SEGMENTS, 1, 3)}",
        lambda: f"c.city LIKE {_text(r.choice(['Ber', 'Ham', 'Par', 'M', 'B', 'V', 'Z', 'W']) + '%')}",
        lambda: f"c.email LIKE {_text('%@' + r.choice(DOMAINS))}",
        lambda: f"c.occupation LIKE {_text('%' + r.choice(['engineer', 'manager', 'er', 'ist', 't', 'e']) + '%')}",
        lambda: f"c.total_balance > {r.randint(1, 300) * 100}.00",
        lambda: f"c.income BETWEEN {r.randint(10, 35)}000.00 AND {r.randint(40, 200)}000.00",
        lambda: f"coalesce(c.credit_limit, 0.00) >= {r.randint(1, 40) * 500}.00",
        lambda: f"c.credit_score >= {r.randint(350, 750)}",
        lambda: f"c.marketing_opt_in = {r.choice(['true', 'true', 'false'])}",
        lambda: f"c.risk_rating IN {_among(r, RISKS, 1, 4)}",
        lambda: f"c.num_children >= {r.randint(1, 2)}",
        lambda: f"c.tenure_months BETWEEN {r.randint(0, 120)} AND {r.randint(150, 311)}",
        lambda: _months(r),
        lambda: f"(c.channel = {_text(r.choice(CHANNELS))} OR c.marital_status <> {_text(r.choice(MARITAL))})",
    ][r.randint(0, 21)]()


def _conditions(chance: Random, least: int, most: int) -> str:
    return " AND ".join(_condition(chance) for _ in range(chance.randint(least, most)))


def _of_holding(chance: Random) -> tuple[str, bool]:
    """About one holding; and whether it looks its product up."""
    r = chance
    makers: list[tuple[Callable[[], str], bool]] = [
        (lambda: f"h.product_type = {_text(r.choice(PRODUCT_TYPES))}", False),
        (lambda: f"h.product_type IN {_among(r, PRODUCT_TYPES, 2, 4)}", False),
        (lambda: "h.role = 'PRIMARY'", False),
        (lambda: f"h.status IN {_among(r, ['ACTIVE', 'DORMANT', 'PENDING'], 1, 2)}", False),
        (lambda: f"h.amount >= {r.randint(1, 60) * 100}.00", False),
        (lambda: f"h.opened_on >= {_day(r, 2006, 2022)}", False),
        (lambda: f"h.product_code IN {_among(r, PRODUCTS, 20, 60)}", False),
        (lambda: f"p.category IN {_among(r, CATEGORIES, 1, 3)}", True),
        (lambda: f"p.is_premium = true AND p.annual_fee < {r.randint(20, 200)}.00", True),
    ]
    chosen = [makers[r.randint(0, 8)] for _ in range(r.randint(2, 3))]
    return " AND ".join(make() for make, _ in chosen), any(joins for _, joins in chosen)
