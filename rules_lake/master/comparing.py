"""The comparisons and blocking rules that each role brings, as Splink takes them on any backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import splink.comparison_level_library as cll
from splink.comparison_library import CustomComparison

Levels = list[Any]


def comparisons(roles: frozenset[str]) -> list[Any]:
    """One comparison a role, the strongest level first."""
    found = [_comparison(role, levels) for role, levels in _levels(roles)]
    address = [_address(roles)] if roles.intersection(ADDRESS) else []
    return [*found, *address, *([_person(roles)] if "given_name" in roles else [])]


def _comparison(role: str, levels: Levels) -> Any:
    return CustomComparison(
        output_column_name=role,
        comparison_description=role,
        comparison_levels=[cll.NullLevel(role), *levels, cll.ElseLevel()],
    )


ADDRESS = ("house_number", "street", "street_2", "city", "region", "postcode", "country")
"""
Parts of an address, compared together by how many agree: who moved differs in all of them, and who lives together in
none; taken one by one, each would be counted as if it were news.
"""

SPOKEN_OF = ("house_number", "street", "street_2", "city", "postcode")
"""The parts whose agreement says anything; region and country only where there is nothing else."""


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
    agreeing = " + ".join(f"CASE WHEN {_agrees(part, roles)} THEN 1 ELSE 0 END" for part in parts)
    sides = (" AND ".join(f"{part}_{side} IS NULL" for part in parts) for side in "lr")
    levels = [
        cll.CustomLevel(" OR ".join(f"({side})" for side in sides), "no address").configure(is_null_level=True),
        *(cll.CustomLevel(f"{agreeing} >= {n}", f"{n} of {len(parts)} parts agree") for n in range(len(parts), 0, -1)),
        cll.ElseLevel(),
    ]
    return CustomComparison(output_column_name="address", comparison_description="address", comparison_levels=levels)


def _agrees(part: str, roles: frozenset[str]) -> str:
    if part in ("house_number", "postcode", "region", "country"):
        return f"{part}_l = {part}_r"
    same = f"{part}_start_l = {part}_start_r OR {part}_end_l = {part}_end_r"
    other = {"street": "street_2", "street_2": "street"}.get(part)
    crossed = f" OR {part}_line_l = {other}_line_r OR {other}_line_l = {part}_line_r" if other in roles else ""
    return f"({same}{crossed})"


_INITIAL = (
    "(length(given_name_l) = 1 OR length(given_name_r) = 1) AND substr(given_name_l, 1, 1) = substr(given_name_r, 1, 1)"
)


def _given_name(roles: frozenset[str]) -> Levels:
    return [
        _exact("given_name", True),
        *_swapped(roles),
        _same("given_known_as"),
        cll.CustomLevel(_INITIAL, "initial"),
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
    maybe = " AND ".join(f"({_begin_or_end_alike(*pair)})" for pair in names)
    return f"CASE WHEN {maybe} THEN {' AND '.join(known)} ELSE FALSE END"


def _begin_or_end_alike(one: str, other: str) -> str:
    return f"substr({one}, 1, 1) = substr({other}, 1, 1) OR right({one}, 2) = right({other}, 2)"


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


PERSON = "person"
"""The comparison that nothing is learnt of: see :func:`_person`."""

NEUTRAL, DOUBTFUL, TWINS, APART, HOUSEHOLD, NAMESAKES = 0.5, 6e-2, 2e-3, 5e-5, 5e-7, 5e-10
"""Shares among one person's records, beside :data:`NEUTRAL` of others': 0, 3, 8, 13, 20 and 30 bits against a link."""


def _person(roles: frozenset[str]) -> Any:
    """
    Whether what is one person's own agrees: the given name and the birth date, or the national id.

    Who lives together shares family name and address, often e-mail and phone; twins the birth date, too; and a son
    may have all of his father's names. Taken one by one these make two persons one; so a pair needs a great deal more
    in which neither agrees, and somewhat more in which one does and the other speaks against it. Namesakes that
    share an e-mail or a phone are two by another birth date and another national id.
    """
    given, own_id = _same_given_name(roles), _same_id(roles)
    no_name = "(given_name_l IS NULL OR given_name_r IS NULL)"
    no_day = "(birth_date_l IS NULL OR birth_date_r IS NULL)"
    if "birth_date" not in roles:
        said = [(f"{given} OR {no_name} OR {own_id}", "given name agrees or is unknown", NEUTRAL)]
        other = ("given name differs", TWINS)
    else:
        born = _same_day()
        said = [
            *_namesakes(roles, f"{given} AND NOT {born}"),
            *_by_name_alone(roles, f"{given} AND NOT {born} AND NOT {own_id}"),
            *_own_addresses(roles, given, born),
            *_by_sex(roles, given),
            (f"({born} AND ({given} OR {no_name})) OR {own_id}", "birth date agrees", NEUTRAL),
            (f"{given} AND {no_day}", "given name agrees", NEUTRAL),
            (given, "given name agrees, birth date differs", DOUBTFUL),
            (f"{no_name} AND {no_day}", "neither is known", DOUBTFUL),
            (born, "birth date agrees, given name differs", TWINS),
            (f"NOT {no_name} AND NOT {no_day}", "given name and birth date differ", NAMESAKES),
        ]
        other = ("neither agrees", HOUSEHOLD)
    levels = [_fixed(cll.CustomLevel(sql), label, share) for sql, label, share in said]
    levels.append(_fixed(cll.ElseLevel(), *other))
    return CustomComparison(output_column_name=PERSON, comparison_description=PERSON, comparison_levels=levels)


def _same_given_name(roles: frozenset[str]) -> str:
    """It may well be the same: short form, initial, a slip or two, or names swapped."""
    pair = ("given_name_l", "given_name_r")
    slips = f"CASE WHEN {_begin_or_end_alike(*pair)} THEN damerau_levenshtein({', '.join(pair)}) <= 2 ELSE FALSE END"
    initial = f"({_INITIAL})"
    swapped = " OR given_name_l = family_name_r OR family_name_l = given_name_r" if "family_name" in roles else ""
    return f"(given_known_as_l = given_known_as_r OR {initial} OR {slips}{swapped})"


def _same_day() -> str:
    """It may well be the same: two of its parts are, or it is near."""
    parts = [f"substr(birth_date_l, {at}, {n}) = substr(birth_date_r, {at}, {n})" for at, n in ((1, 4), (5, 2), (7, 2))]
    year, month, day = parts
    turned = "substr(birth_date_l, 5, 2) = substr(birth_date_r, 7, 2)"
    near = "abs(cast(birth_ordinal_l AS int) - cast(birth_ordinal_r AS int)) <= 7"
    return f"(({year} AND ({month} OR {day} OR {turned})) OR ({month} AND {day}) OR {near})"


def _same_id(roles: frozenset[str]) -> str:
    if "national_id" not in roles:
        return "FALSE"
    pair = ("national_id_l", "national_id_r")
    return f"(CASE WHEN {_begin_or_end_alike(*pair)} THEN damerau_levenshtein({', '.join(pair)}) <= 1 ELSE FALSE END)"


def _namesakes(roles: frozenset[str], differs: str) -> list[tuple[str, str, float]]:
    """Two ids that slips do not explain, beside what ``differs``; of other lengths they may be of two kinds."""
    shared = [f"{role}_l = {role}_r" for role in ("email", "phone") if role in roles]
    if "national_id" not in roles or not shared:
        return []
    shortest = "least(length(national_id_l), length(national_id_r))"
    kind = f"{shortest} >= 6 AND abs(length(national_id_l) - length(national_id_r)) <= 1"
    far = f"damerau_levenshtein(national_id_l, national_id_r) > 2 + {shortest} / 10"
    sql = f"CASE WHEN {differs} AND ({' OR '.join(shared)}) AND {kind} THEN {far} ELSE FALSE END"
    return [(sql, "given name agrees, national id and birth date differ", NAMESAKES)]


def _own_addresses(roles: frozenset[str], given: str, born: str) -> list[tuple[str, str, float]]:
    """
    Twins, and a father and a son, who each have an e-mail address of their own: all else they share is the household's.
    """
    if "email" not in roles:
        return []
    other = "(email_l <> email_r AND mailbox_l <> mailbox_r AND jaro_winkler_similarity(email_l, email_r) < 0.92)"
    known = "given_name_l IS NOT NULL AND given_name_r IS NOT NULL"
    both = "birth_date_l IS NOT NULL AND birth_date_r IS NOT NULL"
    twins = f"{known} AND {born} AND NOT ({given}) AND NOT {_same_id(roles)} AND {other}"
    named = f"({given}) AND NOT {born} AND {both} AND NOT {_same_id(roles)} AND {other}"
    return [
        (f"coalesce({twins}, FALSE)", "birth date agrees, given name and e-mail differ", NAMESAKES),
        (f"coalesce({named}, FALSE)", "given name agrees, birth date and e-mail differ", APART),
    ]


def _by_sex(roles: frozenset[str], given: str) -> list[tuple[str, str, float]]:
    """Partners, and twins, of whom one is a woman and one a man; letters of which it is not plain say nothing."""
    if "sex" not in roles:
        return []
    of_two = " OR ".join(f"(sex_{a} IN ('f', 'w') AND sex_{b} = 'm')" for a, b in (("l", "r"), ("r", "l")))
    known = "given_name_l IS NOT NULL AND given_name_r IS NOT NULL"
    sql = f"{known} AND NOT {given} AND NOT {_same_id(roles)} AND ({of_two})"
    return [(f"coalesce({sql}, FALSE)", "given name and sex differ", NAMESAKES)]


def _by_name_alone(roles: frozenset[str], differs: str) -> list[tuple[str, str, float]]:
    """Namesakes: of one name, born years apart, who share nothing else that is known of both."""
    shared = [f"{role}_l = {role}_r" for role in ("email", "phone", "identifier") if role in roles]
    shared += [_agrees(part, roles) for part in SPOKEN_OF if part in roles]
    if not shared:
        return []
    years = "abs(cast(substr(birth_date_l, 1, 4) AS int) - cast(substr(birth_date_r, 1, 4) AS int)) > 1"
    nothing = " AND ".join(f"NOT coalesce({each}, FALSE)" for each in shared)
    return [(f"coalesce({differs} AND {years} AND {nothing}, FALSE)", "given name agrees, nothing else", NAMESAKES)]


def _fixed(level: Any, label: str, share: float) -> Any:
    return level.configure(
        label_for_charts=label,
        m_probability=share,
        u_probability=NEUTRAL,
        fix_m_probability=True,
        fix_u_probability=True,
        is_null_level=False,
    )


def _exact(column: str, frequency: bool = False) -> Any:
    return cll.ExactMatchLevel(column, term_frequency_adjustments=frequency)


def _same(column: str) -> Any:
    return cll.CustomLevel(f"{column}_l = {column}_r", f"same {column.replace('_', ' ')}")


def _near(column: str, threshold: float) -> Any:
    return cll.JaroWinklerLevel(column, threshold)


def _spelt(column: str) -> Any:
    """One slip, or a long name that begins alike."""
    return cll.Or(cll.DamerauLevenshteinLevel(column, 1), cll.JaroWinklerLevel(column, 0.92))
