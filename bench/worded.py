"""
Ten plain questions, each in six wordings, over the lake of :mod:`bench.mixed`: ``worded-60``.

Rule after rule asks the next question; the constants are drawn anew for each. What DuckDB needs to answer all of them in
one query, in the best form known whatever the wording, goes along as metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from bench.mixed import FUSED, TYPES
from bench.mixed_data import CATEGORIES, PRODUCT_TYPES
from rules_engine.model.rules import Form, Kind, RuleVersion

OF_HIS = "holdings h WHERE h.customer_id = c.customer_id"
OUTER = "SELECT c.customer_id FROM customers c"
LOOKED_UP = "holdings h JOIN products p ON p.product_code = h.product_code"

Question = tuple[list[str], Mapping[str, Any]]
"""Its wordings, and what DuckDB is told."""


def versions(size: int, seed: int = 2026) -> tuple[RuleVersion, ...]:
    """So many rules, the same for the same seed; sixty are each question in each wording."""
    chance = Random(seed)
    return tuple(_version(chance, number) for number in range(size))


def _version(chance: Random, number: int) -> RuleVersion:
    wordings, fused = QUESTIONS[number % len(QUESTIONS)](chance)
    return RuleVersion(
        key=f"W-{number:05d}",
        version=1,
        kind=chance.choices([Kind.INCLUSION, Kind.EXCLUSION], [0.65, 0.35])[0],
        membership_type=chance.choice(TYPES).key,
        weight=10 * chance.randint(1, 10),
        form=Form.STATEMENT,
        sql=wordings[number // len(QUESTIONS) % len(wordings)],
        metadata={"true_when_empty": True, FUSED: fused},  # nobody reads made rules for what they say of missing data
    )


def _a_row(chance: Random) -> Question:
    asked = f"h.product_type = '{chance.choice(PRODUCT_TYPES)}' AND h.amount > {_amount(chance)}"
    return [
        f"{OUTER} WHERE EXISTS (SELECT 1 FROM {OF_HIS} AND {asked})",
        f"{OUTER} WHERE c.customer_id IN (SELECT h.customer_id FROM holdings h WHERE {asked})",
        f"{OUTER} LEFT SEMI JOIN holdings h ON h.customer_id = c.customer_id AND {asked}",
        f"SELECT DISTINCT c.customer_id FROM customers c JOIN holdings h ON h.customer_id = c.customer_id WHERE {asked}",
        f"WITH r AS (SELECT h.customer_id FROM holdings h WHERE {asked}) {OUTER} JOIN r ON r.customer_id = c.customer_id",
        f"SELECT h.customer_id FROM holdings h GROUP BY h.customer_id HAVING count_if({asked}) > 0",
    ], {"own": "", "holding": asked, "asks": "exists", "least": ""}  # fmt: skip


def _no_row(chance: Random) -> Question:
    asked = f"h.status = 'CLOSED' AND h.amount > {_amount(chance)}"
    return [
        f"{OUTER} WHERE NOT EXISTS (SELECT 1 FROM {OF_HIS} AND {asked})",
        f"{OUTER} LEFT ANTI JOIN holdings h ON h.customer_id = c.customer_id AND {asked}",
        f"{OUTER} LEFT JOIN holdings h ON h.customer_id = c.customer_id AND {asked} WHERE h.customer_id IS NULL",
        f"SELECT customer_id FROM customers EXCEPT SELECT h.customer_id FROM holdings h WHERE {asked}",
        f"{OUTER} WHERE (SELECT count(*) FROM {OF_HIS} AND {asked}) = 0",
        f"{OUTER} WHERE c.customer_id NOT IN (SELECT h.customer_id FROM holdings h WHERE {asked} "
        "AND h.customer_id IS NOT NULL)",
    ], {"own": "", "holding": asked, "asks": "not exists", "least": ""}  # fmt: skip


def _so_many(chance: Random) -> Question:
    asked, least = f"h.amount > {_amount(chance)}", chance.randint(2, 3)
    grouped = f"SELECT h.customer_id, count(*) AS n FROM holdings h WHERE {asked} GROUP BY h.customer_id"
    return [
        f"{OUTER} WHERE (SELECT count(*) FROM {OF_HIS} AND {asked}) >= {least}",
        f"SELECT h.customer_id FROM holdings h WHERE {asked} GROUP BY h.customer_id HAVING count(*) >= {least}",
        f"{OUTER} JOIN ({grouped}) t ON t.customer_id = c.customer_id WHERE t.n >= {least}",
        f"WITH t AS ({grouped}) {OUTER} WHERE c.customer_id IN (SELECT customer_id FROM t WHERE n > {least - 1})",
        "SELECT DISTINCT customer_id FROM (SELECT h.customer_id, count(*) OVER (PARTITION BY h.customer_id) AS n "
        f"FROM holdings h WHERE {asked}) t WHERE n >= {least}",
        f"{OUTER} JOIN holdings h ON h.customer_id = c.customer_id AND {asked} GROUP BY c.customer_id "
        f"HAVING count(*) >= {least}",
    ], {"own": "", "holding": asked, "asks": "count", "least": f"{least}"}  # fmt: skip


def _a_sum(chance: Random) -> Question:
    asked, least = f"h.product_type <> '{chance.choice(PRODUCT_TYPES)}'", f"{chance.randint(1, 80) * 100}.00"
    grouped = f"SELECT h.customer_id, sum(h.amount) AS s FROM holdings h WHERE {asked} GROUP BY h.customer_id"
    return [
        f"{OUTER} WHERE (SELECT sum(h.amount) FROM {OF_HIS} AND {asked}) > {least}",
        f"SELECT h.customer_id FROM holdings h WHERE {asked} GROUP BY h.customer_id HAVING sum(h.amount) > {least}",
        f"{OUTER} LEFT JOIN ({grouped}) t ON t.customer_id = c.customer_id WHERE coalesce(t.s, 0) > {least}",
        f"SELECT h.customer_id FROM holdings h GROUP BY h.customer_id "
        f"HAVING sum(CASE WHEN {asked} THEN h.amount END) > {least}",
        f"WITH t AS ({grouped}) SELECT t.customer_id FROM t WHERE t.s > {least}",
        "SELECT DISTINCT customer_id FROM (SELECT h.customer_id, sum(h.amount) OVER (PARTITION BY h.customer_id) AS s "
        f"FROM holdings h WHERE {asked}) t WHERE s > {least}",
    ], {"own": "", "holding": asked, "asks": "sum", "least": least}  # fmt: skip


def _looked_up(chance: Random) -> Question:
    asked = f"p.category = '{chance.choice(CATEGORIES)}' AND h.amount > {_amount(chance)}"
    category, amount = asked.split(" AND ")
    return [
        f"{OUTER} WHERE EXISTS (SELECT 1 FROM {LOOKED_UP} WHERE h.customer_id = c.customer_id AND {asked})",
        f"SELECT DISTINCT h.customer_id FROM {LOOKED_UP} WHERE {asked}",
        f"{OUTER} WHERE EXISTS (SELECT 1 FROM {OF_HIS} AND {amount} AND h.product_code IN "
        f"(SELECT p.product_code FROM products p WHERE {category}))",
        f"{OUTER} JOIN holdings h ON h.customer_id = c.customer_id JOIN products p ON p.product_code = h.product_code "
        f"WHERE {asked}",
        f"WITH r AS (SELECT h.customer_id, h.amount, p.category FROM {LOOKED_UP}) SELECT h.customer_id FROM r h "
        f"WHERE {asked.replace('p.', 'h.')}",
        f"{OUTER} WHERE c.customer_id IN (SELECT h.customer_id FROM holdings h LEFT SEMI JOIN products p "
        f"ON p.product_code = h.product_code AND {category} WHERE {amount})",
    ], {"own": "", "holding": asked, "asks": "exists", "least": ""}  # fmt: skip


def _greatest(chance: Random) -> Question:
    least = _amount(chance)
    grouped = "SELECT customer_id, max(amount) AS m FROM holdings GROUP BY customer_id"
    return [
        f"{OUTER} WHERE (SELECT max(h.amount) FROM {OF_HIS}) > {least}",
        f"SELECT customer_id FROM holdings GROUP BY customer_id HAVING max(amount) > {least}",
        f"{OUTER} JOIN ({grouped}) t ON t.customer_id = c.customer_id AND t.m > {least}",
        f"{OUTER} WHERE c.customer_id IN (SELECT t.customer_id FROM ({grouped}) t WHERE t.m > {least})",
        "SELECT DISTINCT customer_id FROM (SELECT customer_id, max(amount) OVER (PARTITION BY customer_id) AS m "
        f"FROM holdings) t WHERE m > {least}",
        "SELECT customer_id FROM (SELECT customer_id, amount, row_number() OVER (PARTITION BY customer_id "
        f"ORDER BY amount DESC, holding_id) AS rn FROM holdings) t WHERE rn = 1 AND amount > {least}",
    ], {"own": "", "holding": f"h.amount > {least}", "asks": "exists", "least": ""}  # fmt: skip


def _newest(chance: Random) -> Question:
    status, least = chance.choice(["ACTIVE", "DORMANT"]), _amount(chance)
    ranked = (
        "SELECT h.customer_id, h.status, h.amount, row_number() OVER (PARTITION BY h.customer_id "
        "ORDER BY h.opened_on DESC, h.holding_id DESC) AS rn FROM holdings h"
    )
    asked = f"status = '{status}' AND amount > {least}"
    later = "x.opened_on > h.opened_on OR (x.opened_on = h.opened_on AND x.holding_id > h.holding_id)"
    newest = "max_by(struct(status, amount), struct(opened_on, holding_id))"
    return [
        f"SELECT customer_id FROM ({ranked}) t WHERE rn = 1 AND {asked}",
        f"WITH t AS ({ranked}) {OUTER} WHERE EXISTS (SELECT 1 FROM t WHERE t.customer_id = c.customer_id AND rn = 1 "
        f"AND {asked})",
        f"{OUTER} JOIN ({ranked}) t ON t.customer_id = c.customer_id AND t.rn = 1 WHERE {asked}",
        f"SELECT h.customer_id FROM holdings h WHERE {asked} AND NOT EXISTS (SELECT 1 FROM holdings x "
        f"WHERE x.customer_id = h.customer_id AND ({later}))",
        f"SELECT h.customer_id FROM holdings h LEFT JOIN holdings x ON x.customer_id = h.customer_id AND ({later}) "
        f"WHERE x.customer_id IS NULL AND h.status = '{status}' AND h.amount > {least}",
        f"SELECT customer_id FROM (SELECT customer_id, {newest} AS n FROM holdings GROUP BY customer_id) t "
        f"WHERE n.status = '{status}' AND n.amount > {least}",
    ], {"select": f"SELECT customer_id FROM ({ranked}) t WHERE rn = 1 AND {asked}"}  # fmt: skip


def _the_row_before(chance: Random) -> Question:
    times = chance.randint(2, 5)
    order = "PARTITION BY h.customer_id ORDER BY h.opened_on, h.holding_id"
    before = f"SELECT h.customer_id, h.amount, lag(h.amount) OVER ({order}) AS prev FROM holdings h"
    ranked = f"SELECT h.customer_id, h.amount, row_number() OVER ({order}) AS rn FROM holdings h"
    plain = f"SELECT customer_id FROM ({before}) t WHERE t.amount > t.prev * {times}"
    return [
        plain,
        f"WITH t AS ({before}) {OUTER} WHERE c.customer_id IN (SELECT customer_id FROM t WHERE amount > prev * {times})",
        f"{OUTER} WHERE EXISTS (SELECT 1 FROM ({before}) t WHERE t.customer_id = c.customer_id "
        f"AND t.amount > t.prev * {times})",
        plain.replace("lag(h.amount)", "lag(h.amount, 1)").replace("SELECT customer_id", "SELECT DISTINCT customer_id"),
        f"WITH t AS ({ranked}) SELECT a.customer_id FROM t a JOIN t b ON b.customer_id = a.customer_id "
        f"AND b.rn = a.rn - 1 WHERE a.amount > b.amount * {times}",
        f"SELECT customer_id FROM (SELECT h.customer_id, h.amount, last_value(h.amount) OVER ({order} "
        f"ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS prev FROM holdings h) t WHERE t.amount > t.prev * {times}",
    ], {"select": plain}  # fmt: skip


def _above_its_group(chance: Random) -> Question:
    of, times = chance.choice(["country", "city", "segment"]), chance.randint(2, 4)
    grouped = f"SELECT {of}, avg(total_balance) AS a FROM customers GROUP BY {of}"
    plain = f"{OUTER} JOIN ({grouped}) g ON g.{of} = c.{of} WHERE c.total_balance > g.a * {times}"
    return [
        plain,
        f"{OUTER} WHERE c.total_balance > {times} * (SELECT avg(x.total_balance) FROM customers x WHERE x.{of} = c.{of})",
        f"SELECT customer_id FROM (SELECT customer_id, total_balance, avg(total_balance) OVER (PARTITION BY {of}) AS a "
        f"FROM customers) t WHERE total_balance > a * {times}",
        f"WITH g AS ({grouped}) SELECT c.customer_id FROM customers c LEFT JOIN g ON g.{of} = c.{of} "
        f"WHERE c.total_balance > g.a * {times}",
        f"{OUTER} WHERE EXISTS (SELECT 1 FROM ({grouped}) g WHERE g.{of} = c.{of} AND c.total_balance > g.a * {times})",
        f"WITH g AS ({grouped}) SELECT customer_id FROM customers JOIN g USING ({of}) WHERE total_balance > a * {times}",
    ], {"select": plain}  # fmt: skip


def _among_the_first(chance: Random) -> Question:
    of, most = chance.choice(["country", "city", "segment"]), chance.randint(50, 2000)
    order = f"PARTITION BY {of} ORDER BY total_balance DESC, customer_id"
    ranked = f"SELECT customer_id, row_number() OVER ({order}) AS rn FROM customers"
    plain = f"SELECT customer_id FROM ({ranked}) t WHERE rn <= {most}"
    return [
        plain,
        f"WITH t AS ({ranked}) SELECT t.customer_id FROM t WHERE t.rn BETWEEN 1 AND {most}",
        f"{OUTER} WHERE c.customer_id IN (SELECT t.customer_id FROM ({ranked}) t WHERE t.rn < {most + 1})",
        f"{OUTER} JOIN ({ranked}) t ON t.customer_id = c.customer_id WHERE t.rn <= {most}",
        f"{OUTER} WHERE EXISTS (SELECT 1 FROM ({ranked}) t WHERE t.customer_id = c.customer_id AND NOT t.rn > {most})",
        plain.replace("row_number()", "rank()"),
    ], {"select": plain}  # fmt: skip


def _amount(chance: Random) -> str:
    return f"{chance.randint(1, 60) * 100}.00"


QUESTIONS: list[Callable[[Random], Question]] = [
    _a_row, _no_row, _so_many, _a_sum, _looked_up, _greatest, _newest, _the_row_before, _above_its_group, _among_the_first,
]  # fmt: skip
