"""Who looked behind a token or erased one, when and why: entries that hang on each other, and hold no value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.canonical import canonical_json
from rules_lake.landing.place import Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One act: ``login`` is whom the rules database knew, ``role`` what it proved of it."""

    number: int
    at: str
    login: str
    role: str
    act: str
    token: str
    reason: str
    previous: str

    @property
    def hash(self) -> str:
        return sha256(canonical_json(asdict(self)).encode()).hexdigest()


class AccessLog:
    """The entries of one reverse table, a file each, beside it."""

    def __init__(self, folder: str) -> None:
        self.place = Place(folder).below("access")

    def note(self, at: datetime, login: str, role: str, act: str, token: str, reason: str) -> Entry:
        """
        Write an act down; it is told before it is done.

        Raises:
            RunRefused: If the entries before it were altered.
        """
        while True:
            before = self.entries()
            previous = before[-1].hash if before else ""
            made = Entry(len(before) + 1, at.isoformat(), login, role, act, token, reason, previous)
            text = canonical_json(asdict(made) | {"hash": made.hash}) + "\n"
            if self.place.create(f"{made.number:08}.json", text.encode()):
                return made

    def entries(self) -> tuple[Entry, ...]:
        """
        All entries, oldest first.

        Raises:
            RunRefused: If one was altered, added between others or cut out.
        """
        found: list[Entry] = []
        for name, entry, stored in self._read():
            before = found[-1].hash if found else ""
            if (entry.number, entry.previous, entry.hash) != (len(found) + 1, before, stored):
                raise _altered(name)
            found.append(entry)
        return tuple(found)

    def _read(self) -> Iterator[tuple[str, Entry, str]]:
        for name in self.place.names():
            try:
                said = json.loads(self.place.text(name) or "")
                stored = said.pop("hash")
                yield name, Entry(**said), stored
            except (ValueError, KeyError, TypeError):
                raise _altered(name) from None


def _altered(name: str) -> RunRefused:
    what = f"its entry {name} is not as it was written, or one before it is gone."
    return RunRefused(Fault("The log of access to tokens", what, "Bring its folder back from a backup, and ask why."))
