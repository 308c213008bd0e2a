"""Keys that mean the same letters and are written in two ways, which are two keys to whoever compares them."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator

from rules_engine.errors import Fault

ONE_WAY = "Write each key in one way at the source (Unicode form C)."
SHOWN = 3


def twice_faults(which: str, keys: Iterable[str]) -> Iterator[Fault]:
    """Keys of one system that are one to whoever reads them: they would be two records, and two persons."""
    known, two = dict[str, str](), set[str]()
    for key in keys:
        two |= {plain} if known.setdefault(plain := normal(key), key) != key else set()
    if two:
        what = f"{len(two):,} keys are written in two ways that mean the same letters: {_some(two)}."
        yield Fault(which, what, ONE_WAY)


def other_way_faults(which: str, keys: Iterable[str], known: Collection[str], whose: str) -> Iterator[Fault]:
    """Keys that nobody has as they are written, and that somebody has written in another way."""
    there = {*known}
    forms = {normal(key) for key in there if not key.isascii()}
    strange = {key for key in {*keys} - there if (plain := normal(key)) in forms or plain in there}
    if strange:
        what = f"{len(strange):,} keys are written in another way than {whose} has them, with the same letters"
        yield Fault(which, f"{what}: {_some(strange)}.", ONE_WAY)


def by_source(records: Iterable[tuple[str, str]], sources: Iterable[str] = ()) -> dict[str, set[str]]:
    """The keys of each source, of these sources and of those that records are of."""
    found: dict[str, set[str]] = {name: set() for name in sources}
    for source, key in records:
        found.setdefault(source, set()).add(key)
    return found


def normal(key: str) -> str:
    """
    A key in Unicode's form C.

    >>> normal("Rene\N{COMBINING ACUTE ACCENT}e") == "Ren\N{LATIN SMALL LETTER E WITH ACUTE}e"
    True
    """
    return key if key.isascii() else unicodedata.normalize("NFC", key)


def _some(keys: Iterable[str]) -> str:
    return ", ".join(sorted(keys)[:SHOWN])
