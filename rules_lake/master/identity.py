"""
Master ids that stay the same while records arrive, change, merge and split.

An id follows most of its records, the older id where two have as many; of two parted halves the one that had it first
has it. An id that is merged away leads to the one that
took its records, and comes back with its first records should they be parted again; no id is ever given to others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rules_lake.master.records import Key


class Trail(StrEnum):
    """What became of an id."""

    ISSUED = "ISSUED"
    MERGED_INTO = "MERGED_INTO"
    SPLIT_FROM = "SPLIT_FROM"
    RESTORED = "RESTORED"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an id's life on a day; ``other`` is the id merged into, split or restored from, None if issued."""

    day: str
    event: Trail
    master_id: int
    other: int | None


@dataclass
class Ids:
    """
    Every record ever seen, with the id it has now and the first it had; and the life of every id.

    A record that is absent keeps its id, so that it has it again when it comes back.
    """

    now: dict[Key, int] = field(default_factory=dict)
    first: dict[Key, int] = field(default_factory=dict)
    trail: list[Step] = field(default_factory=list)
    next_id: int = 1_000_001

    def merged(self) -> dict[int, int]:
        """Ids that are merged away, and into which."""
        found: dict[int, int] = {}
        for step in self.trail:
            if step.event is Trail.MERGED_INTO and step.other is not None:
                found[step.master_id] = step.other
            elif step.event is Trail.RESTORED:
                found.pop(step.master_id, None)
        return found


def resolved(master_id: int, merged: Mapping[int, int]) -> int:
    """The id that an id leads to now."""
    while (into := merged.get(master_id)) is not None:
        master_id = into
    return master_id


def life(subject: object, trail: Sequence[Step]) -> list[str]:
    """
    What became of an id after it was issued, in words, and of the ids that came to it.

    >>> life(7, [Step("2024-06-05", Trail.MERGED_INTO, 7, 9), Step("2024-06-06", Trail.MERGED_INTO, 9, 12)])
    ['2024-06-05: merged into 9, and so by now into 12.']
    """
    merged = Ids(trail=[*trail]).merged()
    said = []
    for step in trail:
        if step.master_id == subject and step.event is Trail.MERGED_INTO and step.other is not None:
            now = resolved(step.other, merged)
            on = f", and so by now into {now}" if now not in (step.other, subject) else ""
            said.append(f"{step.day}: merged into {step.other}{on}.")
        elif step.master_id == subject and step.event is not Trail.ISSUED:
            said.append(f"{step.day}: {_WORDS[step.event]} {step.other}.")
        elif step.other == subject and step.event is Trail.MERGED_INTO:
            said.append(f"{step.day}: {step.master_id} was merged into it.")
    return said


_WORDS = {Trail.SPLIT_FROM: "split from", Trail.RESTORED: "parted again from"}


def assigned(clusters: Sequence[Sequence[Key]], before: Ids, day: str) -> Ids:
    """
    The ids of a day's clusters, given those of the day before.

    >>> one = assigned([[("a", "1")], [("a", "2"), ("b", "2")]], Ids(), "d1")
    >>> two = assigned([[("a", "1"), ("a", "2"), ("b", "2")]], one, "d2")
    >>> two.now[("a", "1")], two.trail[-1]
    (1000002, Step(day='d2', event=<Trail.MERGED_INTO: 'MERGED_INTO'>, master_id=1000001, other=1000002))
    >>> three = assigned([[("a", "1")], [("a", "2"), ("b", "2")]], two, "d3")
    >>> three.now == one.now, three.trail[-1].event
    (True, <Trail.RESTORED: 'RESTORED'>)
    """
    merged = before.merged()
    votes = [_votes(cluster, before.now, merged) for cluster in clusters]
    given = _kept(clusters, votes, before.first)
    after = Ids(dict(before.now), dict(before.first), list(before.trail), before.next_id)
    taken = {resolved(i, merged) for i in before.now.values()} | {*given.values()}
    for place, cluster in sorted(enumerate(clusters), key=lambda each: min(each[1])):
        if place not in given:
            given[place] = _new_id(cluster, votes[place], after, taken, day)
            taken.add(given[place])
    for place, cluster in enumerate(clusters):
        for key in cluster:
            after.now[key] = given[place]
            after.first.setdefault(key, given[place])
    _merge(clusters, votes, given, after, day)
    return after


def _votes(cluster: Sequence[Key], now: Mapping[Key, int], merged: Mapping[int, int]) -> Counter[int]:
    return Counter(resolved(now[key], merged) for key in cluster if key in now)


def _kept(clusters: Sequence[Sequence[Key]], votes: Sequence[Counter[int]], first: Mapping[Key, int]) -> dict[int, int]:
    """
    Each id to the cluster that has most of its records, one id a cluster; the older id where two have as many, and of
    two clusters the one with more records whose first id it is.
    """
    firsts = [Counter(first[key] for key in cluster if key in first) for cluster in clusters]
    wishes = [
        (-n, master_id, -firsts[place][master_id], min(clusters[place]), place)
        for place, of in enumerate(votes)
        for master_id, n in of.items()
    ]
    given: dict[int, int] = {}
    taken: set[int] = set()
    for *_, master_id, _, _, place in sorted(wishes):
        if place not in given and master_id not in taken:
            given[place] = master_id
            taken.add(master_id)
    return given


def _new_id(cluster: Sequence[Key], votes: Counter[int], after: Ids, taken: set[int], day: str) -> int:
    """The first id of its records, if nobody has it; else one that nobody ever had."""
    came_from = min(votes, key=lambda i: (-votes[i], i)) if votes else None
    firsts = Counter(after.first[key] for key in cluster if key in after.first and after.first[key] not in taken)
    if firsts:
        master_id = min(firsts, key=lambda i: (-firsts[i], i))
        after.trail.append(Step(day, Trail.RESTORED, master_id, came_from))
        return master_id
    master_id, after.next_id = after.next_id, after.next_id + 1
    event = Trail.ISSUED if came_from is None else Trail.SPLIT_FROM
    after.trail.append(Step(day, event, master_id, came_from))
    return master_id


def _merge(
    clusters: Sequence[Sequence[Key]], votes: Sequence[Counter[int]], given: Mapping[int, int], after: Ids, day: str
) -> None:
    """An id that no cluster has, and whose records are there, leads to the id that has most of them."""
    went: dict[int, Counter[int]] = {}
    alive = set(given.values())
    for place in range(len(clusters)):
        for master_id, n in votes[place].items():
            if master_id not in alive:
                went.setdefault(master_id, Counter())[given[place]] += n
    for master_id in sorted(went):
        into = min(went[master_id], key=lambda i: (-went[master_id][i], i))
        after.trail.append(Step(day, Trail.MERGED_INTO, master_id, into))
