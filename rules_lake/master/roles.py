"""What a column of a source can be of a person: how it is read, and the columns that are derived from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rules_lake.master import standardise

Cell = str | None
Read = Callable[[Cell], Cell]

ROLES = (
    "given_name family_name birth_date house_number street street_2 city region postcode country email phone "
    "national_id identifier sex"
).split()
"""In the order in which they are compared, shown and written."""

PERSONAL = frozenset(ROLES) - {"country", "region", "sex"}
"""Roles that are masked wherever a person looks who need not see them."""


def _letter(text: Cell) -> Cell:
    found = standardise.folded(text)
    return found[0] if found else None


NAMES = ("given_name", "family_name")
GENERATION = "generation"
"""Whether the one or the other of :data:`NAMES`, as it came, says junior or senior: read of both together."""


def generation(names: Iterable[Cell]) -> Cell:
    """The first that any of these says."""
    return next(filter(None, map(standardise.generation, names)), None)


def readings(day_first: bool) -> Mapping[str, Read]:
    """How each role's cells become what is compared."""
    return {
        "given_name": standardise.name,
        "family_name": standardise.name,
        "birth_date": standardise.birth_date(day_first),
        "house_number": standardise.code,
        "street": standardise.street,
        "street_2": standardise.street,
        "city": standardise.joined,
        "region": standardise.joined,
        "postcode": standardise.code,
        "country": standardise.joined,
        "email": standardise.email,
        "phone": standardise.phone,
        "national_id": standardise.code,
        "identifier": standardise.code,
        "sex": _letter,
    }


@dataclass(frozen=True, slots=True)
class Derived:
    """A column made of others, for comparing or blocking: exists where all of ``needs`` do."""

    name: str
    needs: tuple[str, ...]
    make: Callable[..., Cell]


def _name_key(given: Cell, family: Cell) -> Cell:
    """Both names in one order, so that swapped ones meet."""
    return " ".join(sorted(f"{given} {family}".replace(" ", "|").split("|"))) if given and family else None


def _sounds(given: Cell, family: Cell) -> Cell:
    """Both names as they sound, in one order."""
    found = sorted(filter(None, map(standardise.skeleton, (given, family))))
    return "/".join(found) if len(found) == 2 else None


def _start(text: Cell) -> Cell:
    """How a text begins: one slip leaves its beginning or its end as it was, and machines are quick at equality."""
    return (standardise.joined(text) or "")[:5] or None


def _end(text: Cell) -> Cell:
    return (standardise.joined(text) or "")[-5:] or None


def _mailbox(address: Cell) -> Cell:
    return address.partition("@")[0] if address else None


def _ordinal(birth_date: Cell) -> Cell:
    day = standardise.iso_day(birth_date)
    return str(day.toordinal()) if day else None


DERIVED = (
    Derived("birth_ordinal", ("birth_date",), _ordinal),
    Derived("given_known_as", ("given_name",), standardise.known_as),
    Derived("family_known_as", ("family_name",), standardise.known_as),
    Derived("given_sound", ("given_name",), standardise.skeleton),
    Derived("family_sound", ("family_name",), standardise.skeleton),
    Derived("name_key", ("given_name", "family_name"), _name_key),
    Derived("name_sound", ("given_name", "family_name"), _sounds),
    Derived("street_line", ("street",), standardise.joined),
    Derived("street_2_line", ("street_2",), standardise.joined),
    Derived("street_start", ("street",), _start),
    Derived("street_end", ("street",), _end),
    Derived("street_2_start", ("street_2",), _start),
    Derived("street_2_end", ("street_2",), _end),
    Derived("city_start", ("city",), _start),
    Derived("city_end", ("city",), _end),
    Derived("mailbox", ("email",), _mailbox),
)


def derived(roles: frozenset[str]) -> tuple[Derived, ...]:
    """The derived columns of sources that have these roles."""
    return tuple(column for column in DERIVED if roles.issuperset(column.needs))
