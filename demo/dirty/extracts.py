"""What two systems hold of the same people on one day, written as the files that they deliver; seeded."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo.people import Person, copies, people

Key = tuple[str, str]
"""A record by its system and its key there."""

PERSON = "first_name surname born house_no street postcode city email phone national_id".split()
CONTRACT = "contract_no customer_no product role premium".split()
PRODUCTS = "MOTOR HOME LIFE SAVINGS".split()


@dataclass(frozen=True)
class Extracts:
    """The two systems' records and contracts, and, what no system knows, whose each record is in truth."""

    records: Mapping[Key, Person]
    contracts: Sequence[Sequence[str]]

    @classmethod
    def made(cls, persons: int, seed: int) -> Extracts:
        """So many persons, some of them twice in the policy administration and two in three in the portal, too."""
        letters = {"policies": "P", "portal": "W"}
        numbered = enumerate(copies(people(persons, seed), seed), 1)
        records = {(system, f"{letters[system]}{number:06d}"): person for number, (system, person) in numbered}
        held = [(key, person) for (system, key), person in records.items() if system == "policies"]
        return cls(records, [*_contracts(held, Random(seed))])  # noqa: S311 - made contracts keep no secret

    @property
    def persons(self) -> Mapping[Key, int]:
        """Whose each record is."""
        return {key: person.number for key, person in self.records.items()}

    def write(self, folder: Path) -> dict[str, Path]:
        """A file for each frame, by the frame's name."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {name: folder / f"{name}.csv" for name in ("policies_people", "portal_people", "contracts")}
        for system, first in (("policies", "customer_no"), ("portal", "login")):
            rows = ([key, *cells(person)] for (of, key), person in self.records.items() if of == system)
            _write(files[f"{system}_people"], [first, *PERSON], rows)
        _write(files["contracts"], CONTRACT, self.contracts)
        return files


def cells(person: Person) -> Iterator[str]:
    """A person as a line of an extract, after the key."""
    born = person.born.isoformat() if person.born else ""
    for cell in (person.given, person.family, born, person.house, person.street, person.postcode, person.city):
        yield cell or ""
    yield from (person.email or "", person.phone or "", person.national_id or "")


def _contracts(held: Sequence[tuple[str, Person]], chance: Random) -> Iterator[list[str]]:
    """Each record has up to three contracts; some have a second holder, who may be the same person's other record."""
    number = 0
    of_person: dict[int, list[str]] = {}
    for key, person in held:
        of_person.setdefault(person.number, []).append(key)
    for key, person in held:
        for _ in range(chance.randint(0, 3)):
            number += 1
            product, premium = chance.choice(PRODUCTS), f"{chance.randint(40, 900)}.{chance.randint(0, 99):02d}"
            yield [f"C{number:07d}", key, product, "PRIMARY", premium]
            others = [other for other in of_person[person.number] if other != key]
            if others and chance.random() < 0.4:
                yield [f"C{number:07d}", others[0], product, "SECONDARY", premium]
            elif chance.random() < 0.2:
                yield [f"C{number:07d}", chance.choice([k for k, _ in held if k != key]), product, "SECONDARY", premium]


def _write(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
