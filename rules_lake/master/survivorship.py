"""Which value of several a master keeps, column by column, and from which record it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rules_lake.master.records import Records, said_by
from rules_lake.master.roles import ROLES, readings
from rules_lake.master.settings import Settings, Survivor
from rules_lake.master.standardise import iso_day

ADDRESS = tuple("house_number street street_2 city region postcode country".split())
"""These survive together, from one record: the street of one and the town of another is nobody's address."""

NEWEST = frozenset((*ADDRESS, "email", "phone"))
"""Roles that change in a life: the newest counts. Of the others, what most records say."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value and the row it is from; None where no record has one."""

    value: str | None
    row: int | None


Order = Callable[[int], tuple[object, ...]]


class Survivorship:
    """The settings' choice for each column, over the records of a build."""

    def __init__(self, settings: Settings, records: Records) -> None:
        self._columns = settings.columns
        self._how = {name: _how(settings, name) for name in settings.columns}
        self._cells = {name: records.raw[name].to_pylist() for name in settings.columns}
        self._keys = records.keys
        self._priority = {source.name: source.priority for source in settings.sources}
        said = {source.name: said_by(source, records.raw) for source in settings.sources}
        texts = zip(records.raw["updated"].to_pylist(), (key[0] for key in records.keys), strict=True)
        self._moments = [said[source].get(text) or "" for text, source in texts]
        self._readings = {source.name: readings(source.day_first) for source in settings.sources}
        asked = {name: how for name, how in settings.survivorship.items() if name in ADDRESS}
        self._address = () if asked else tuple(name for name in ADDRESS if name in settings.columns)

    def of(self, rows: Sequence[int]) -> Mapping[str, Kept]:
        """The surviving values of one master's records."""
        found = {name: self._kept(name, rows) for name in self._columns if name not in self._address}
        if self._address:
            row = self._fullest(rows)
            found |= {name: Kept(value := self._cells[name][row], row if value else None) for name in self._address}
        return {name: found[name] for name in self._columns}

    def _fullest(self, rows: Sequence[int]) -> int:
        """The record whose address is taken: of those that have most of it to within a cell, the newest."""
        filled = {row: sum(self._read(name, row) is not None for name in self._address) for row in rows}
        most = max(filled.values())
        return min((row for row in rows if filled[row] >= most - 1 and filled[row]), key=self._newest, default=rows[0])

    def _kept(self, name: str, rows: Sequence[int]) -> Kept:
        cells = self._cells[name]
        filled = [row for row in rows if cells[row] is not None]
        known = [row for row in filled if self._read(name, row) is not None] if len(filled) > 1 else filled
        known = known or filled
        if not known:
            return Kept(None, None)
        row = min(known, key=self._order(name, known))
        return Kept(cells[row], row)

    def _order(self, name: str, known: Sequence[int]) -> Order:
        cells, how = self._cells[name], self._how[name]
        if how is Survivor.MOST_RECENT:
            return self._newest
        if how is Survivor.LONGEST:
            return lambda row: (-len(cells[row] or ""), *self._newest(row))
        if how is Survivor.SOURCE_PRIORITY:
            return lambda row: (self._priority[self._keys[row][0]], *self._newest(row))
        counted = Counter(self._read(name, row) for row in known)
        return lambda row: (-counted[self._read(name, row)], *self._newest(row))

    def _read(self, name: str, row: int) -> str | None:
        """A cell as it is compared, by the source that wrote it; a day that no calendar has is none."""
        cell, read = self._cells[name][row], self._readings[self._keys[row][0]].get(name)
        found = read(cell) if read else cell
        return found if name != "birth_date" or iso_day(found) else None

    def _newest(self, row: int) -> tuple[object, ...]:
        """Newest first; then the source that is believed first, then the first key."""
        return (_backwards(self._moments[row]), self._priority[self._keys[row][0]], self._keys[row])


def _how(settings: Settings, name: str) -> Survivor:
    if name in settings.survivorship:
        return settings.survivorship[name]
    if name in NEWEST:
        return Survivor.MOST_RECENT
    return Survivor.MOST_FREQUENT if name in ROLES else Survivor.SOURCE_PRIORITY


def _backwards(text: str) -> tuple[int, ...]:
    """A text's characters so that later texts come first; the empty one comes last."""
    return tuple(-ord(c) for c in text) or (0,)
