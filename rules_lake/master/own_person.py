"""The comparison of what is one person's own, and no household's: nothing is learnt of it."""

from __future__ import annotations

from typing import Any

import splink.comparison_level_library as cll
from splink.comparison_library import CustomComparison

from rules_lake.master.alike import INITIAL, SPOKEN_OF, agrees, begin_or_end_alike
from rules_lake.master.roles import GENERATION

PERSON = "person"
"""The comparison that nothing is learnt of: see :func:`person`."""

NEUTRAL, DOUBTFUL, TWINS, APART, HOUSEHOLD, NAMESAKES = 0.5, 6e-2, 2e-3, 5e-5, 5e-7, 5e-10
"""Shares among one person's records, beside :data:`NEUTRAL` of others': 0, 3, 8, 13, 20 and 30 bits against a link."""


def person(roles: frozenset[str]) -> Any:
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
    apart = (f"coalesce({GENERATION}_l <> {GENERATION}_r AND NOT {own_id}, FALSE)", "junior and senior", NAMESAKES)
    if "birth_date" not in roles:
        said = [apart, (f"{given} OR {no_name} OR {own_id}", "given name agrees or is unknown", NEUTRAL)]
        other = ("given name differs", TWINS)
    else:
        born = _same_day()
        said = [
            apart,
            *_namesakes(roles, f"{given} AND NOT {born}"),
            *_by_name_alone(roles, f"{given} AND NOT {born} AND NOT {own_id}"),
            *_own_addresses(roles, given, born),
            *_by_sex(roles, given),
            _by_years(roles, f"{given} AND NOT {born} AND NOT {own_id}"),
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
    slips = f"CASE WHEN {begin_or_end_alike(*pair)} THEN damerau_levenshtein({', '.join(pair)}) <= 2 ELSE FALSE END"
    initial = f"({INITIAL})"
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
    return f"(CASE WHEN {begin_or_end_alike(*pair)} THEN damerau_levenshtein({', '.join(pair)}) <= 1 ELSE FALSE END)"


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
    shared += [agrees(part, roles) for part in SPOKEN_OF if part in roles]
    if not shared:
        return []
    years = "abs(cast(substr(birth_date_l, 1, 4) AS int) - cast(substr(birth_date_r, 1, 4) AS int)) > 1"
    nothing = " AND ".join(f"NOT coalesce({each}, FALSE)" for each in shared)
    return [(f"coalesce({differs} AND {years} AND {nothing}, FALSE)", "given name agrees, nothing else", NAMESAKES)]


def _by_years(roles: frozenset[str], differs: str) -> tuple[str, str, float]:
    """A father and a son of one name: born a generation apart, by more than a digit or two; one mailbox is one's."""
    shared = [f"{part}_l = {part}_r" for part in ("email", "mailbox") if "email" in roles]
    years = "abs(cast(substr(birth_date_l, 1, 4) AS int) - cast(substr(birth_date_r, 1, 4) AS int)) BETWEEN 15 AND 60"
    far = f"{years} AND damerau_levenshtein(birth_date_l, birth_date_r) > 2"
    nothing = "".join(f" AND NOT coalesce({each}, FALSE)" for each in shared)
    return f"coalesce({differs} AND {far}{nothing}, FALSE)", "given name agrees, a generation apart", APART


def _fixed(level: Any, label: str, share: float) -> Any:
    return level.configure(
        label_for_charts=label,
        m_probability=share,
        u_probability=NEUTRAL,
        fix_m_probability=True,
        fix_u_probability=True,
        is_null_level=False,
    )
