"""Made complete SELECTs: joins of three frames, top-n and lag windows, aggregates; many share a core."""

from __future__ import annotations

from random import Random

from bench import values
from bench.predicates import day, one_of


def statement(chance: Random) -> str:
    return chance.choice([_join, _join, _top, _lag, _having, _with])(chance)


def _join(chance: Random) -> str:
    country = one_of("c.country", values.COUNTRIES, 5)(chance)
    return (
        "SELECT h.customer_id FROM holdings h JOIN customers c ON c.customer_id = h.customer_id "
        "JOIN products p ON p.product = h.product "
        f"WHERE p.risk_class >= {chance.randint(2, 5)} AND {country} AND h.amount > {chance.randint(1, 30) * 1000}"
    )


def _top(chance: Random) -> str:
    return (
        "SELECT t.customer_id FROM (SELECT customer_id, product_type, amount, row_number() OVER "
        "(PARTITION BY customer_id ORDER BY amount DESC NULLS LAST, holding_id) AS place FROM holdings) t "
        f"WHERE t.place <= {chance.randint(1, 2)} AND {one_of('t.product_type', values.PRODUCT_TYPES, 3)(chance)} "
        f"AND t.amount >= {chance.randint(1, 20) * 500}"
    )


def _lag(chance: Random) -> str:
    return (
        "SELECT t.customer_id FROM (SELECT customer_id, opened, amount, lag(opened) OVER "
        "(PARTITION BY customer_id ORDER BY opened, holding_id) AS earlier FROM holdings) t "
        f"WHERE datediff(t.opened, t.earlier) <= {chance.randint(1, 24) * 30} AND t.amount > {chance.randint(0, 10) * 500}"
    )


def _having(chance: Random) -> str:
    return (
        f"SELECT customer_id FROM holdings WHERE opened >= {day(chance, 2006, 2015)} GROUP BY customer_id "
        f"HAVING count(DISTINCT product_type) >= {chance.randint(2, 3)} AND max(amount) > {chance.randint(1, 20) * 1000}"
    )


def _with(chance: Random) -> str:
    return (
        "WITH totals AS (SELECT h.customer_id, sum(h.amount) AS total, count(*) AS held FROM holdings h "
        f"JOIN products p ON p.product = h.product WHERE p.line = '{chance.choice(list(values.LINES))}' "
        "GROUP BY h.customer_id) SELECT c.customer_id FROM customers c "
        "JOIN totals t ON t.customer_id = c.customer_id "
        f"WHERE t.total > {chance.randint(5, 50) / 10} * c.income / 10 AND t.held >= {chance.randint(1, 2)}"
    )
