"""The comparisons and blocking rules that each role brings, as Splink takes them on any backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import splink.comparison_level_library as cll
from splink.comparison_library import CustomComparison

from rules_lake.master.alike import ADDRESS, INITIAL, SPOKEN_OF, agrees, begin_or_end_alike
from rules_lake.master.own_person import person

Levels = list[Any]


def comparisons(roles: frozenset[str]) -> list[Any]:
    """One comparison a role, the strongest level first."""
    found = [_comparison(role, levels) for role, levels in _levels(roles)]
    address = [_address(roles)] if roles.intersection(ADDRESS) else []
    return [*found, *address, *([person(roles)] if "given_name" in roles else [])]


def _comparison(role: str, levels: Levels) -> Any:
    return CustomComparison(
        output_column_name=role,
        comparison_description=role,
        comparison_levels=[cll.NullLevel(role), *levels, cll.ElseLevel()],
    )


def _levels(roles: frozenset[str]) -> Iterator[tuple[str, Levels]]:
    every: dict[str, Callable[[], Levels]] = {
        "given_name": lambda: _given_name(roles),
        "family_name": lambda: _family_name(roles),
        "birth_date": _birth_date,
        "email": lambda: [_exact("email"), _same("mailbox"), _near_address()],
        "phone": lambda: _code("phone"),
        "national_id": lambda: _code("national_id"),
        "identifier": lambda: _code("identifier"),
        "sex": lambda: [_exact("sex")],
    }
    for role, levels in every.items():
        if role in roles:
            yield role, levels()


def _near_address() -> Any:
    """Letters may slip; an address of other digits is another one: of two namesakes, the second took a number."""
    digits = "regexp_replace(email_{0}, '[^0-9]', '', 'g')"
    near = f"jaro_winkler_similarity(email_l, email_r) >= 0.92 AND {digits.format('l')} = {digits.format('r')}"
    return cll.CustomLevel(near, "nearly the same email, and the same digits")


def _code(role: str) -> Levels:
    return [_exact(role), cll.DamerauLevenshteinLevel(role, 1), cll.DamerauLevenshteinLevel(role, 2)]


def _address(roles: frozenset[str]) -> Any:
    """How many parts of the address agree, to a slip; lines may have changed places."""
    parts = [part for part in SPOKEN_OF if part in roles] or [part for part in ADDRESS if part in roles]
    agreeing = " + ".join(f"CASE WHEN {agrees(part, roles)} THEN 1 ELSE 0 END" for part in parts)
    sides = (" AND ".join(f"{part}_{side} IS NULL" for part in parts) for side in "lr")
    levels = [
        cll.CustomLevel(" OR ".join(f"({side})" for side in sides), "no address").configure(is_null_level=True),
        *(cll.CustomLevel(f"{agreeing} >= {n}", f"{n} of {len(parts)} parts agree") for n in range(len(parts), 0, -1)),
        cll.ElseLevel(),
    ]
    return CustomComparison(output_column_name="address", comparison_description="address", comparison_levels=levels)


def _given_name(roles: frozenset[str]) -> Levels:
    return [
        _exact("given_name", True),
        *_swapped(roles),
        _same("given_known_as"),
        cll.CustomLevel(INITIAL, "initial"),
        _spelt("given_name"),
        _near("given_name", 0.8),
    ]


def _family_name(roles: frozenset[str]) -> Levels:
    return [_exact("family_name", True), *_swapped(roles), _spelt("family_name"), _near("family_name", 0.8)]


def _swapped(roles: frozenset[str]) -> Levels:
    """Both names in each other's place, to a slip."""
    if not roles.issuperset(("given_name", "family_name")):
        return []
    return [cll.CustomLevel(_crossed("damerau_levenshtein({0}, {1}) <= 1"), "names swapped")]


def _crossed(alike: str) -> str:
    """Each name is alike the other's other one; looked into where they begin or end alike."""
    sides = ("l", "r"), ("r", "l")
    names = [(f"given_name_{a}", f"family_name_{b}") for a, b in sides]
    known = [
        f"(given_known_as_{a} = family_known_as_{b} OR {alike.format(*n)})"
        for (a, b), n in zip(sides, names, strict=True)
    ]
    maybe = " AND ".join(f"({begin_or_end_alike(*pair)})" for pair in names)
    return f"CASE WHEN {maybe} THEN {' AND '.join(known)} ELSE FALSE END"


def _birth_date() -> Levels:
    year = "substr(birth_date_l, 1, 4) = substr(birth_date_r, 1, 4)"
    month = "substr(birth_date_l, 5, 2) = substr(birth_date_r, 5, 2)"
    day = "substr(birth_date_l, 7, 2) = substr(birth_date_r, 7, 2)"
    turned = (
        f"{year} AND substr(birth_date_l, 5, 2) = substr(birth_date_r, 7, 2) "
        "AND substr(birth_date_l, 7, 2) = substr(birth_date_r, 5, 2)"
    )
    near = "abs(cast(birth_ordinal_l AS int) - cast(birth_ordinal_r AS int)) <= 7"
    two_parts = f"({year} AND ({month} OR {day})) OR ({month} AND {day})"
    return [
        _exact("birth_date"),
        cll.Or(cll.DamerauLevenshteinLevel("birth_date", 1), cll.CustomLevel(turned, "day and month turned")),
        cll.CustomLevel(near, "within a week"),
        cll.CustomLevel(two_parts, "two of day, month and year"),
        cll.CustomLevel(year, "same year"),
    ]


def _exact(column: str, frequency: bool = False) -> Any:
    return cll.ExactMatchLevel(column, term_frequency_adjustments=frequency)


def _same(column: str) -> Any:
    return cll.CustomLevel(f"{column}_l = {column}_r", f"same {column.replace('_', ' ')}")


def _near(column: str, threshold: float) -> Any:
    return cll.JaroWinklerLevel(column, threshold)


def _spelt(column: str) -> Any:
    """One slip, or a long name that begins alike."""
    return cll.Or(cll.DamerauLevenshteinLevel(column, 1), cll.JaroWinklerLevel(column, 0.92))
