"""Made predicates on the customer: two to four conditions, each about one scalar expression and literals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from bench import values

Condition = Callable[[Random], str]


def predicate(chance: Random) -> str:
    """Two to four conditions on different expressions, joined by AND."""
    several = chance.sample(CONDITIONS, chance.choice([2, 2, 3, 3, 4]))
    parts = [condition(chance) for condition in several]
    if chance.random() < 0.12:
        parts[-1] = chance.choice(LEFTOVERS)(chance)
    return " AND ".join(parts)


def day(chance: Random, first: int, last: int) -> str:
    """The first of a month, as a literal."""
    return f"DATE'{chance.randint(first, last)}-{chance.randint(1, 12):02d}-01'"


def one_of(column: str, texts: Sequence[str], most: int) -> Condition:
    """Equal to one, to one of several, or to none of several texts."""

    def condition(chance: Random) -> str:
        if chance.random() < 0.3:
            return f"{column} = '{chance.choice(texts)}'"
        some = ", ".join(f"'{text}'" for text in chance.sample(texts, chance.randint(2, most)))
        return f"{column} {'NOT IN' if chance.random() < 0.2 else 'IN'} ({some})"

    return condition


def _born(chance: Random) -> str:
    if chance.random() < 0.4:
        first = chance.randint(1940, 1990)
        return f"birth_date BETWEEN DATE'{first}-01-01' AND DATE'{first + chance.randint(5, 20)}-12-31'"
    return f"birth_date {chance.choice(['<=', '>', '>=', '<'])} {day(chance, 1945, 2000)}"


def _birth_month(chance: Random) -> str:
    months = sorted(chance.sample(range(1, 13), chance.randint(2, 6)))
    return f"month(birth_date) IN ({', '.join(map(str, months))})"


def _city(chance: Random) -> str:
    city = chance.choice(values.CITIES)
    if chance.random() < 0.5:
        return f"city LIKE '{city[: chance.randint(1, 3)]}%'"
    return one_of("city", values.CITIES, 8)(chance)


def _income(chance: Random) -> str:
    low = chance.randint(10, 80) * 1000
    if chance.random() < 0.3:
        return f"income BETWEEN {low} AND {low + chance.randint(5, 60) * 1000}"
    return f"income {chance.choice(['>=', '>', '<', '<='])} {low}.{chance.choice(['00', '50'])}"


def _limit(chance: Random) -> str:
    return f"coalesce(credit_limit, 0) {chance.choice(['>=', '<', '>'])} {chance.randint(1, 50) * 500}"


def _login(chance: Random) -> str:
    moment = (
        f"TIMESTAMP'{chance.randint(2022, 2024)}-{chance.randint(1, 5):02d}-01 {chance.choice([0, 6, 12]):02d}:00:00'"
    )
    if chance.random() < 0.5:
        return f"(last_login IS NULL OR last_login < {moment})"
    return f"last_login >= {moment}"


def _customer_for(chance: Random) -> str:
    return f"datediff(:as_of, joined) {chance.choice(['>=', '<'])} {chance.randint(2, 24) * 365}"


def _joined(chance: Random) -> str:
    return f"joined {chance.choice(['<', '>='])} {day(chance, 1998, 2023)}"


def _name(chance: Random) -> str:
    some = ", ".join(f"'{name.lower()}'" for name in chance.sample(values.LAST_NAMES, chance.randint(8, 20)))
    return f"lower(last_name) IN ({some})"


def _occupation(chance: Random) -> str:
    return f"lower(occupation) {chance.choice(['=', '<>'])} '{chance.choice(values.OCCUPATIONS)}'"


def _risk(chance: Random) -> str:
    low = chance.randint(0, 12) * 50
    return chance.choice(
        [f"risk_score BETWEEN {low} AND {low + chance.randint(2, 8) * 50}", f"risk_score < {low + 100}",
         f"(risk_score >= {low} OR risk_score IS NULL)"]
    )  # fmt: skip


def _postcode(chance: Random) -> str:
    return f"postcode LIKE '{chance.randint(1, 9)}{chance.choice(['', *map(str, range(10))])}%'"


def _children(chance: Random) -> str:
    return chance.choice(["children >= 1", "children >= 2", "children = 0", "children BETWEEN 1 AND 3", "children < 3"])


def _opt_in(chance: Random) -> str:
    return chance.choice(["marketing_opt_in", "NOT marketing_opt_in", "marketing_opt_in IS NOT NULL"])


def _satisfaction(chance: Random) -> str:
    return f"satisfaction {chance.choice(['<', '>='])} {chance.randint(4, 9) / 2}"


def _branch(chance: Random) -> str:
    low = chance.randint(0, 7) * 50
    return f"branch_id BETWEEN {low + 1} AND {low + chance.choice([50, 100, 200])}"


CONDITIONS: list[Condition] = [
    _born, _birth_month, _city, _income, _limit, _login, _customer_for, _joined, _name, _occupation, _risk, _postcode,
    _children, _opt_in, _satisfaction, _branch,
    one_of("country", values.COUNTRIES, 6), one_of("segment", values.SEGMENTS, 4),
    one_of("status", values.STATUSES, 3), one_of("channel", values.CHANNELS, 4),
    one_of("language", values.LANGUAGES, 5), one_of("employment", values.EMPLOYMENTS, 3),
]  # fmt: skip
"""Each about one scalar expression: what an index can hold."""


def _either(chance: Random) -> str:
    one, other = chance.sample(["segment = 'private'", "country = 'CH'", "children >= 3", "status = 'dormant'",
                                "income > 90000", "channel = 'broker'", "language = 'de'"], 2)  # fmt: skip
    return f"({one} OR {other})"


def _ending(chance: Random) -> str:
    if chance.random() < 0.5:
        return f"email LIKE '%@{chance.choice(values.DOMAINS)}'"
    return f"first_name LIKE '%{chance.choice('aeonr')}'"


def _against_each_other(chance: Random) -> str:
    return f"income > {chance.choice([2, 3, 5])} * credit_limit"


LEFTOVERS: list[Condition] = [_either, _either, _ending, _against_each_other]
"""What no bucket of one expression answers."""
