"""Made rules on the holdings: any row, no row, so many rows, rows that add up."""

from __future__ import annotations

from random import Random

from bench import values
from bench.predicates import day, one_of


def predicate(chance: Random, of: str = "") -> str:
    """One to three conditions about a holding; ``of`` is the alias its columns are written with (``h.``)."""
    several = chance.sample(range(7), chance.choice([1, 2, 2, 3]))
    return " AND ".join(_condition(number, chance, of) for number in several)


def statement(chance: Random) -> str:
    """The same kind of conditions asked of a customer's holdings together."""
    return chance.choice([_exists, _not_exists, _count, _sum])(chance)


def _condition(number: int, chance: Random, of: str) -> str:
    match number:
        case 0:
            return one_of(f"{of}product_type", values.PRODUCT_TYPES, 4)(chance)
        case 1:
            return f"{of}amount {chance.choice(['>', '>=', '<'])} {chance.randint(1, 40) * 500}"
        case 2:
            return chance.choice([f"{of}closed IS NULL", f"{of}closed < :as_of", f"{of}closed IS NOT NULL"])
        case 3:
            return f"{of}opened {chance.choice(['>=', '<'])} {day(chance, 2008, 2023)}"
        case 4:
            return chance.choice([f"{of}is_joint", f"NOT {of}is_joint"])
        case 5:
            return f"{of}product LIKE '{chance.choice(values.PRODUCT_TYPES)[:2]}%'"
        case _:
            return f"{of}role = '{chance.choice(values.ROLES)}'"


def _exists(chance: Random) -> str:
    return _of_customer(chance, "EXISTS")


def _not_exists(chance: Random) -> str:
    return _of_customer(chance, "NOT EXISTS")


def _of_customer(chance: Random, word: str) -> str:
    return (
        f"SELECT c.customer_id FROM customers c WHERE {word} "
        f"(SELECT 1 FROM holdings h WHERE h.customer_id = c.customer_id AND {predicate(chance, 'h.')})"
    )


def _count(chance: Random) -> str:
    return (
        "SELECT c.customer_id FROM customers c WHERE (SELECT count(*) FROM holdings h "
        f"WHERE h.customer_id = c.customer_id AND {predicate(chance, 'h.')}) >= {chance.randint(1, 3)}"
    )


def _sum(chance: Random) -> str:
    return (
        f"SELECT customer_id FROM holdings WHERE {predicate(chance)} "
        f"GROUP BY customer_id HAVING sum(amount) >= {chance.randint(2, 60) * 500}"
    )
