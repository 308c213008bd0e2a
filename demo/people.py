"""Made people and the records that two systems hold of them, with what goes wrong in real ones. Seeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

GIVEN = (
    "Anna Bruno Clara David Elena Felix Greta Hugo Ida Jonas Karla Leon Maria Noah Olga Paul Rosa Simon Tilda Viktor "
    "Wanda Anton Berta Carl Dora Emil Frieda Georg Hanna Igor Julia Konrad Lena Max Nina Oskar Petra Robert Susanne "
    "Thomas Ulla William Elisabeth Michael Katherine James Margaret Andrew Patricia Joseph Victoria Benjamin Deborah "
    "Daniel Christine"
).split()
SHORT = {
    "William": "Bill",
    "Elisabeth": "Lisa",
    "Michael": "Mike",
    "Katherine": "Kate",
    "James": "Jim",
    "Margaret": "Peggy",
    "Andrew": "Andy",
    "Patricia": "Pat",
    "Joseph": "Joe",
    "Victoria": "Vicky",
    "Benjamin": "Ben",
    "Deborah": "Debbie",
    "Daniel": "Dan",
    "Christine": "Tina",
    "Robert": "Bob",
    "Thomas": "Tom",
}
FAMILY_FIRST = (
    "Alt Berg Birn Brand Dorn Eber Eich Fels Furt Grün Hag Hirsch Kalt Lang Linden Mohr Neu Ober Rosen Stein".split()
)
FAMILY_LAST = "acker bach baum dahl feld hain hauer hof mann meier müller rath schmidt wald weber wein".split()
STREETS = (
    "Mill Church Station Garden School Harbour Castle Forest Market River Bridge Orchard Meadow Chapel Spring".split()
)
KINDS = "Street Road Lane Avenue Close Drive".split()
CITIES = {
    "1010": "Aldburg",
    "2340": "Brückheim",
    "3500": "Castelnau",
    "4600": "Dornbach",
    "5020": "Ebersfeld",
    "6800": "Falkenau",
}


@dataclass(frozen=True, slots=True)
class Person:
    """One person as they are, and as a system has them; None is not filled in."""

    number: int
    given: str | None
    family: str | None
    born: date | None
    house: str | None
    street: str | None
    postcode: str | None
    city: str | None
    email: str | None
    phone: str | None
    national_id: str | None


ROLES = {
    "given_name": "given",
    "family_name": "family",
    "birth_date": "born",
    "house_number": "house",
    "street": "street",
    "city": "city",
    "postcode": "postcode",
    "email": "email",
    "phone": "phone",
    "national_id": "national_id",
}
"""The role of each column of a person (docs/master.md), to the column."""


def people(count: int, seed: int) -> list[Person]:
    """Different persons; some share a name, some an address and a family name."""
    chance = Random(seed)  # noqa: S311 - made people keep no secret
    found: list[Person] = []
    for number in range(1, count + 1):
        person = _person(number, chance)
        if found and chance.random() < 0.15:  # lives with somebody: a partner or a child
            other = chance.choice(found)
            person = _at_home_of(replace(person, family=other.family), other)
        found.append(person)
    return found


def _at_home_of(person: Person, other: Person) -> Person:
    return replace(person, house=other.house, street=other.street, postcode=other.postcode, city=other.city)


def _person(number: int, chance: Random) -> Person:
    given = chance.choice(GIVEN)
    family = chance.choice(FAMILY_FIRST) + chance.choice(FAMILY_LAST)
    postcode = chance.choice(sorted(CITIES))
    mailbox = f"{given}.{family}{number}".lower().replace("ü", "ue")
    return Person(
        number,
        given,
        family,
        date(1935, 1, 1) + timedelta(days=chance.randrange(25_500)),
        str(chance.randint(1, 140)),
        f"{chance.choice(STREETS)} {chance.choice(KINDS)}",
        postcode,
        CITIES[postcode],
        f"{mailbox}@{chance.choice(['mail', 'post', 'box'])}.example",
        f"0{chance.randint(20, 79)} {chance.randint(2_000_000, 9_999_999)}",
        f"{chance.randint(10_000_000, 99_999_999)}",
    )


def slip(text: str, chance: Random) -> str:
    """One letter left out, doubled, turned with the next, or another one."""
    place = chance.randrange(len(text))
    letter = chance.choice("abcdefghijklmnopqrstuvwxyz0123456789" if text.isdigit() else "abcdefghijklmnopqrstuvwxyz")
    wrong = {
        0: text[:place] + text[place + 1 :],
        1: text[:place] + text[place] + text[place:],
        2: text[:place] + text[place + 1 : place + 2] + text[place] + text[place + 2 :],
        3: text[:place] + (str(chance.randint(0, 9)) if text.isdigit() else letter) + text[place + 1 :],
    }[chance.randrange(4)]
    return wrong if wrong.strip() else text


def _misspelt(person: Person, chance: Random) -> Person:
    field = chance.choice(["given", "family", "street", "city", "email", "national_id"])
    value = getattr(person, field)
    wrong: dict[str, Any] = {field: slip(value, chance)} if value else {}
    return replace(person, **wrong)


def _left_out(person: Person, chance: Random) -> Person:
    unknown: dict[str, Any] = {chance.choice(["born", "email", "phone", "national_id", "street", "given"]): None}
    return replace(person, **unknown)


def _swapped(person: Person, _: Random) -> Person:
    return replace(person, given=person.family, family=person.given)


def _short(person: Person, _: Random) -> Person:
    return replace(person, given=SHORT.get(person.given or "", person.given))


def _moved_day(person: Person, chance: Random) -> Person:
    """A birth date with day and month turned, or a day off."""
    if person.born is None:
        return person
    turned = person.born.day <= 12 and chance.random() < 0.5
    born = date(person.born.year, person.born.day, person.born.month) if turned else person.born + timedelta(days=1)
    return replace(person, born=born)


def _shouted(person: Person, _: Random) -> Person:
    return replace(person, given=person.given and person.given.upper(), family=person.family and person.family.upper())


def moved(person: Person, chance: Random) -> Person:
    """The same person at another address."""
    return _at_home_of(person, _person(0, chance))


def _moved_house(person: Person, chance: Random) -> Person:
    return moved(person, chance)


WRONG: tuple[Callable[[Person, Random], Person], ...] = (
    _misspelt,
    _misspelt,
    _left_out,
    _left_out,
    _swapped,
    _short,
    _moved_day,
    _shouted,
    _moved_house,
)


def soiled(person: Person, chance: Random, most: int = 3) -> Person:
    """A person as another clerk wrote them down: up to so many things are wrong."""
    for wrong in chance.sample(WRONG, chance.randint(0, most)):
        person = wrong(person, chance)
    return person


def copies(everybody: list[Person], seed: int, again: float = 0.1) -> Iterator[tuple[str, Person]]:
    """
    The records of two systems: the policy administration has everybody, some twice; the portal two in three.

    A record is a system's name and the person as it has them.
    """
    chance = Random(seed)  # noqa: S311 - made people keep no secret
    for person in everybody:
        yield "policies", person
        if chance.random() < again:
            yield "policies", soiled(person, chance)
        if chance.random() < 0.65:
            yield "portal", soiled(person, chance)
