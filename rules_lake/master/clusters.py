"""
Which records are one person: links joined from the strongest down, and none against what speaks for two persons.

Connected components would let one doubtful link merge two persons whose records plainly differ. Here a link that would
is refused, reported, and put before somebody; a decision that was made beforehand always wins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

Pair = tuple[int, int]
"""Two rows, the smaller first."""

LOOKED_INTO = 200
"""Records that links hold together up to which each pair is scored at once; of more, what comes of joining them is."""


class Refusal(StrEnum):
    """Why a link did not join what it links."""

    DECIDED = "decided_different"
    CHAINED = "chained"
    DOUBLED = "doubled_in_source"
    TOO_BIG = "too_big"


@dataclass(frozen=True, slots=True)
class Link:
    """Two rows that are one person, by their probability or, with 1.0, because somebody decided so."""

    left: int
    right: int
    probability: float
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A link that joined nothing, and the pair that speaks against it."""

    link: Link
    why: Refusal
    against: Pair


@dataclass
class Clusters:
    """``of`` gives each row the smallest row of its cluster; ``tree`` has the links that joined, in order."""

    of: list[int]
    tree: list[Link] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def members(self) -> dict[int, list[int]]:
        """Rows by cluster, in order."""
        found: dict[int, list[int]] = defaultdict(list)
        for row, cluster in enumerate(self.of):
            found[cluster].append(row)
        return dict(found)


class _Joining:
    """Clusters as they grow, each with the rows that must not come to it."""

    def __init__(self, rows: int, singles: Sequence[str | None]) -> None:
        self.root = list(range(rows))
        self.rows: dict[int, list[int]] = {}
        self.foes: dict[int, set[int]] = {}
        self._singles = singles
        self._own: Mapping[int, set[int]] = {}

    def members(self, root: int) -> list[int]:
        return self.rows.get(root) or [root]

    def forbid(self, pairs: Iterable[Pair]) -> None:
        """Keep the rows of these pairs apart from now on; what is together already stays so."""
        own: dict[int, set[int]] = defaultdict(set)
        for a, b in pairs:
            own[a].add(b)
            own[b].add(a)
        self._own = own
        self.foes = {}
        for row, foes in own.items():
            self.foes.setdefault(self.root[row], set()).update(foes)

    def clash(self, a: int, b: int) -> Pair | None:
        """The first pair of rows of two clusters that must not be together."""
        foes = self.foes.get(a)
        if not foes or b not in self.foes:  # to be forbidden is mutual
            return None
        found = [
            (mine, row) for row in self.members(b) if row in foes for mine in self.members(a) if row in self._own[mine]
        ]
        return min((min(pair), max(pair)) for pair in found) if found else None

    def doubled(self, a: int, b: int) -> Pair | None:
        """Two rows of one source that has no doubles."""
        there = {self._singles[row]: row for row in self.members(a) if self._singles[row]}
        found = [(there[single], row) for row in self.members(b) if (single := self._singles[row]) in there]
        return min((min(pair), max(pair)) for pair in found) if found else None

    def join(self, a: int, b: int) -> None:
        """The smaller cluster goes into the larger, so that each row moves a few times at most."""
        into, gone = (a, b) if len(self.members(a)) >= len(self.members(b)) else (b, a)
        moved = self.rows.pop(gone, [gone])
        self.rows.setdefault(into, [into]).extend(moved)
        for row in moved:
            self.root[row] = into
        if gone in self.foes:
            self.foes.setdefault(into, set()).update(self.foes.pop(gone))


Inside = Callable[[Iterable[Pair]], Mapping[Pair, float]]
"""Scores pairs that no blocking rule may have brought together."""


def joined(
    singles: Sequence[str | None],
    links: Iterable[Link],
    different: Iterable[Pair],
    inside: Inside,
    largest: int,
    weakest: float,
) -> Clusters:
    """
    Clusters of the rows that ``singles`` has an entry for: its source where that has no doubles, None elsewhere.

    ``different`` was decided; pairs that ``inside`` scores below ``weakest`` are not one person, whatever chain of
    links there is between them.
    """
    ordered = sorted(links, key=lambda link: (not link.decided, -link.probability, link.left, link.right))
    decided = {(min(pair), max(pair)) for pair in different}
    chained = _chained(len(singles), ordered)
    known = {(link.left, link.right) for link in ordered}
    large = {row for rows in chained if len(rows) > LOOKED_INTO for row in rows}
    asked = [pair for rows in chained if len(rows) <= LOOKED_INTO for pair in combinations(rows, 2)]
    apart: set[Pair] = set()
    while True:
        fresh = [pair for pair in asked if pair not in known]
        weak = {pair for pair, likely in inside(fresh).items() if likely < weakest} if fresh else set()
        known.update(fresh)
        apart |= weak
        clusters = _greedy(singles, ordered, decided, apart, largest)
        groups = [rows for rows in clusters.members().values() if 2 < len(rows) <= LOOKED_INTO and rows[0] in large]
        asked = [pair for rows in groups for pair in combinations(rows, 2)]
        if known.issuperset(asked):
            return clusters


def _greedy(
    singles: Sequence[str | None], ordered: Sequence[Link], decided: set[Pair], apart: set[Pair], largest: int
) -> Clusters:
    """Links joined in their order, but for those that would put together what is known to be apart."""
    joining = _Joining(len(singles), singles)
    clusters = Clusters([])
    for link in (link for link in ordered if link.decided):
        _join(joining, link, clusters)
    joining.forbid(decided | apart)
    for link in (link for link in ordered if not link.decided):
        a, b = joining.root[link.left], joining.root[link.right]
        if a == b:
            continue
        if refused := _refused(joining, link, decided, largest):
            clusters.refused.append(refused)
        else:
            _join(joining, link, clusters)
    smallest = {root: min(joining.members(root)) for root in set(joining.root)}
    clusters.of = [smallest[root] for root in joining.root]
    return clusters


def _join(joining: _Joining, link: Link, clusters: Clusters) -> None:
    a, b = joining.root[link.left], joining.root[link.right]
    if a != b:
        joining.join(a, b)
        clusters.tree.append(link)


def _refused(joining: _Joining, link: Link, decided: set[Pair], largest: int) -> Refused | None:
    a, b = joining.root[link.left], joining.root[link.right]
    if clash := joining.clash(a, b):
        return Refused(link, Refusal.DECIDED if clash in decided else Refusal.CHAINED, clash)
    if doubled := joining.doubled(a, b):
        return Refused(link, Refusal.DOUBLED, doubled)
    if len(joining.members(a)) + len(joining.members(b)) > largest:
        return Refused(link, Refusal.TOO_BIG, (link.left, link.right))
    return None


def parted(rows: int, links: Iterable[Pair], groups: Iterable[Sequence[int]]) -> list[Pair]:
    """
    Pairs of a group's rows that no chain of links joins.

    >>> parted(5, [(0, 1), (2, 3)], [[0, 1], [1, 2, 3]])
    [(1, 2), (1, 3)]
    """
    joining = _Joining(rows, [None] * rows)
    for a, b in links:
        if (one := joining.root[a]) != (other := joining.root[b]):
            joining.join(one, other)
    pairs = (pair for group in groups if len(group) <= LOOKED_INTO for pair in combinations(sorted(group), 2))
    return [(a, b) for a, b in pairs if joining.root[a] != joining.root[b]]


def _chained(rows: int, links: Sequence[Link]) -> list[list[int]]:
    """
    Rows that are together, some by way of others, were every link to join.

    Where somebody decided that records are one person, the chain is meant: they know more than the records say.
    """
    joining = _Joining(rows, [None] * rows)
    for link in links:
        a, b = joining.root[link.left], joining.root[link.right]
        if a != b:
            joining.join(a, b)
    meant = {joining.root[link.left] for link in links if link.decided}
    return [sorted(of) for root, of in joining.rows.items() if len(of) > 2 and root not in meant]
