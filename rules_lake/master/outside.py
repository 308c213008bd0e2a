"""Ids that are decided elsewhere: a golden source's own keys, or an outside tool's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_lake.master.letters import by_source, other_way_faults, twice_faults
from rules_lake.master.overrides import spelt
from rules_lake.master.records import Key, Records, read_columns
from rules_lake.master.settings import Mode, Settings

SHOWN = 3


def ids(settings: Settings, records: Records, day: str) -> dict[Key, str]:
    """
    The master id of each record, as the outside says.

    Raises:
        RunRefused: Where records have no id, or two; or where the outside names a source that is none.
    """
    if settings.mode is Mode.GOLDEN:
        return {key: key[1] for key in records.keys if key[0] == settings.golden}
    table = read_columns(settings.outside, day)
    said = list(zip(*(table[name].to_pylist() for name in ("source", "key", "master")), strict=True))
    raise_all(RunRefused, _faults(settings, records, said))
    known = set(records.keys)
    return {(source, key): master for source, key, master in said if (source, key) in known}


def _faults(
    settings: Settings, records: Records, said: list[tuple[str | None, str | None, str | None]]
) -> Iterator[Fault]:
    which, remedy = f"Crosswalk {settings.outside.path}", "Mend it where it is made, and land it again."
    names = {source.name for source in settings.sources}
    if empty := sum(None in row for row in said):
        yield Fault(which, f"{empty:,} rows lack a source, a key or a master id.", remedy)
    rows = [(source, key, master) for source, key, master in said if source and key and master]
    if strange := sorted({source for source, _, _ in rows} - names):
        yield Fault(
            which,
            f"it names sources that are none: {', '.join(strange[:SHOWN])}.",
            f"There are: {', '.join(sorted(names))}.",
        )
    masters: dict[Key, set[str]] = {}
    for source, key, master in rows:
        masters.setdefault((source, key), set()).add(master)
    if two := sorted(key for key, of in masters.items() if len(of) > 1):
        yield Fault(which, f"{len(two):,} records have two masters: {_some(two)}.", remedy)
    named = by_source(masters, names)
    for name, keys in by_source(records.keys).items():
        yield from other_way_faults(which, named[name], keys, f"'{name}'")
    yield from twice_faults(which, {master for _, _, master in rows})
    if without := [key for key in records.keys if key not in masters]:
        yield Fault(which, f"{len(without):,} records have no row: {_some(without)}.", remedy)


def _some(keys: list[Key]) -> str:
    return ", ".join(map(spelt, keys[:SHOWN]))


def typed(masters: list[str]) -> pa.Array:
    """Ids as whole numbers where all of them are, written in one way; else as text."""
    whole = all(text.isdecimal() and str(int(text)) == text and len(text) < 19 for text in masters)
    return pa.array([int(text) for text in masters], pa.int64()) if whole else pa.array(masters, pa.string())


def counted(masters: list[str]) -> dict[int, int]:
    """How many masters have so many records."""
    return dict(sorted(Counter(Counter(masters).values()).items()))
