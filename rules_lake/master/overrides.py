"""What people decided of pairs of records: a CSV file that only grows, and that always wins."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_lake.master.clusters import Pair
from rules_lake.master.letters import SHOWN, by_source, other_way_faults
from rules_lake.master.records import Key

COLUMNS = ("decision", "source_a", "key_a", "source_b", "key_b", "because", "who", "at")
SAME, DIFFERENT = "same", "different"


@dataclass(frozen=True, slots=True)
class Override:
    """Two records are one person, or are not: who said so, when, and why."""

    decision: str
    a: Key
    b: Key
    because: str
    who: str
    at: str

    @property
    def pair(self) -> tuple[Key, Key]:
        """The two records in one order."""
        return (min(self.a, self.b), max(self.a, self.b))


def read(path: str) -> list[Override]:
    """
    Every decision of the file, as written; none where there is no file.

    Raises:
        RunRefused: For lines that say no decision; all at once.
    """
    place = Path(path)
    if not place.exists():
        return []
    try:
        rows = list(csv.reader(io.StringIO(place.read_text(encoding="utf-8-sig")), strict=True))
    except UnicodeDecodeError as problem:
        raise RunRefused(Fault(f"Overrides {path}", "it is not UTF-8.", "Save it as CSV in UTF-8.")) from problem
    except (OSError, csv.Error) as problem:
        what = f"it cannot be read: {getattr(problem, 'strerror', None) or problem}."
        raise RunRefused(Fault(f"Overrides {path}", what, "Name a CSV file that you may read.")) from problem
    raise_all(RunRefused, _faults(path, rows))
    said = filter(None, rows[1:])
    return [Override(d, (sa, ka), (sb, kb), because, who, at) for d, sa, ka, sb, kb, because, who, at in said]


def _faults(path: str, rows: list[list[str]]) -> Iterator[Fault]:
    if not rows or tuple(rows[0]) != COLUMNS:
        yield Fault(f"Overrides {path}", "the first line names other columns.", f"Write {','.join(COLUMNS)}.")
        return
    for number, row in enumerate(rows[1:], 2):
        if not row:  # an editor's last line
            continue
        which = f"Overrides {path}, line {number}"
        if len(row) != len(COLUMNS):
            yield Fault(which, f"it has {len(row)} cells.", f"There are {len(COLUMNS)}: {','.join(COLUMNS)}.")
        elif row[0] not in (SAME, DIFFERENT):
            yield Fault(which, f"it decides '{row[0]}'.", f"Say {SAME} or {DIFFERENT}.")
        elif not row[5].strip() or not row[6].strip():
            yield Fault(which, "it does not say who decided, or why.", "Fill because and who.")
        elif any(not cell or cell != cell.strip() for cell in row[1:5]):
            yield Fault(which, "it names a record with a blank about it, or none.", "Write source and key, no blanks.")
        elif row[1:3] == row[3:5]:
            yield Fault(which, "it compares a record with itself.", "Name two records.")


def strange_faults(
    path: str, decided: Iterable[Override], sources: Iterable[str], known: Collection[Key]
) -> Iterator[Fault]:
    """Decisions that would count for nobody: of a source that never was, or of a key that is written otherwise."""
    said = sorted({key for override in decided for key in override.pair})
    of_sources, which = by_source(known if said else (), sources), f"Overrides {path}"
    for name in sorted({source for source, _ in said} - of_sources.keys()):
        what = f"it names records of a source '{name}', which is none: {_some([k for k in said if k[0] == name])}."
        near = did_you_mean(name, of_sources) or f"There are: {', '.join(sorted(of_sources))}."
        yield Fault(which, what, f"{near} Mend these lines, or take them out.")
    for name, keys in of_sources.items():
        yield from other_way_faults(which, (key for source, key in said if source == name), keys, f"'{name}'")


def never_seen(decided: Iterable[Override], known: Collection[Key]) -> list[Key]:
    """Records that decisions name, and that no source had on this day or in a build before."""
    return sorted({key for override in decided for key in override.pair} - {*known})


def _some(keys: Sequence[Key]) -> str:
    return ", ".join(map(spelt, keys[:SHOWN])) + (f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else "")


def append(path: str, override: Override) -> None:
    """Remember a decision; earlier ones stay in the file, and the last of a pair counts."""
    place = Path(path)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        writer.writerow(COLUMNS)
    writer.writerow([override.decision, *override.a, *override.b, override.because, override.who, override.at])
    with place.open("a+b") as file:
        file.seek(max(place.stat().st_size - 1, 0))
        ended = file.read() in (b"", b"\n")  # an editor may have left the last line open
        file.write((("" if ended else "\n") + text.getvalue()).encode())


def in_force(overrides: Iterable[Override]) -> dict[tuple[Key, Key], Override]:
    """
    The last decision of each pair.

    Raises:
        RunRefused: Where decisions cannot hold together: same A B, same B C, different A C.
    """
    found = {override.pair: override for override in overrides}
    raise_all(RunRefused, _contradictions(found))
    return found


def _contradictions(found: Mapping[tuple[Key, Key], Override]) -> Iterator[Fault]:
    group: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        while (parent := group.get(key, key)) != key:
            key = parent
        return key

    for override in found.values():
        if override.decision == SAME:
            group[root(override.a)] = root(override.b)
    for (a, b), override in sorted(found.items()):
        if override.decision == DIFFERENT and root(a) == root(b):
            what = f"{spelt(a)} and {spelt(b)} are decided different, and same by way of others."
            yield Fault("Overrides", what, "Decide one of these pairs anew: rules master decide A B same|different.")


def rows_of(found: Mapping[tuple[Key, Key], Override], places: Mapping[Key, int]) -> tuple[set[Pair], set[Pair]]:
    """
    The pairs of rows decided same, and different. Records that are not there today are left out.

    What was decided same, or different, by way of an absent record stays so: the group's present records stand for it.
    """
    same, different = set(), set()
    stands = dict(places)
    for group in groups(found):
        rows = sorted(places[key] for key in group if key in places)
        same |= {_pair(a, b) for a, b in pairwise(rows)}
        stands |= {key: rows[0] for key in group if key not in places and rows}
    for (a, b), override in found.items():
        if override.decision == DIFFERENT and a in stands and b in stands:
            different.add(_pair(stands[a], stands[b]))
    return same, different


def groups(found: Mapping[tuple[Key, Key], Override]) -> list[set[Key]]:
    """Records that are decided to be one person, together."""
    of: dict[Key, set[Key]] = {}
    for (a, b), override in found.items():
        if override.decision == SAME:
            together = of.get(a, {a}) | of.get(b, {b})
            of |= dict.fromkeys(together, together)
    return [set(keys) for keys in {frozenset(group) for group in of.values()}]


def _pair(a: int, b: int) -> Pair:
    return (min(a, b), max(a, b))


def spelt(key: Key) -> str:
    """
    A record as people write it.

    >>> spelt(("crm", "17")), named("crm:17")
    ('crm:17', ('crm', '17'))
    """
    return f"{key[0]}:{key[1]}"


def named(text: str) -> Key:
    """The record that is written ``source:key``."""
    source, colon, key = text.partition(":")
    if not colon or not source or not key:
        raise RunRefused(
            Fault(f"Record '{text}'", "it does not say which source it is of.", "Write source:key, as in crm:17.")
        )
    return source, key
