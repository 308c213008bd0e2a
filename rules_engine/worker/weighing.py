"""Packed words to decisions, many subjects at once: the arithmetic of ``model.decisions.decide`` on whole columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules_engine.model.decisions import Event, Reason, Standing
from rules_engine.model.rules import Kind, MembershipType, Strategy, Tie, WhenUnknown

Words: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.int64]
Columns: TypeAlias = Mapping[int, Numbers]
Flags: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[np.int8]

STANDINGS, REASONS, EVENTS = tuple(Standing), tuple(Reason), tuple(Event)
"""What the codes of these columns stand for, by their place."""

CHUNK = 11
"""Bits of a word that are looked up at once: the tables stay in a core's own cache."""


class Term(NamedTuple):
    """One rule as far as the sums go: which bit of which word is its outcome, and what a hit adds to which side."""

    word: int
    bit: int
    kind: Kind
    weight: int
    when_unknown: WhenUnknown = WhenUnknown.MISS


class Weighing(NamedTuple):
    """A membership type's policy, any mixture of two of them included."""

    strategy: Strategy
    margin: int
    tie: Tie
    veto_weight: int | None

    @classmethod
    def of(cls, policy: MembershipType) -> Weighing:
        return cls(policy.strategy, policy.margin, policy.tie, policy.veto_weight)


@dataclass
class Sides:
    """What speaks for and against each subject: how many rules, their sums and maxima in weight units."""

    counts: dict[Kind, Numbers]
    sums: dict[Kind, Numbers]
    maxima: dict[Kind, Numbers]
    held: Flags

    @classmethod
    def nothing(cls, subjects: int) -> Sides:
        def zeros() -> dict[Kind, Numbers]:
            return {kind: np.zeros(subjects, dtype=np.int64) for kind in Kind}

        return cls(zeros(), zeros(), zeros(), np.zeros(subjects, dtype=bool))

    def any(self, kind: Kind) -> Flags:
        """Whether a rule of this kind hit."""
        return self.counts[kind] > 0

    def at(self, rows: NDArray[np.intp]) -> Sides:
        """The same of some of the subjects."""
        counts, sums, maxima = (
            {kind: column[rows] for kind, column in each.items()} for each in (self.counts, self.sums, self.maxima)
        )
        return Sides(counts, sums, maxima, self.held[rows])

    def add(self, kind: Kind, weight: int, hits: Flags) -> None:
        """Count a rule that hit these subjects."""
        self.counts[kind] = self.counts[kind] + hits
        self.sums[kind] = self.sums[kind] + hits * np.int64(weight)
        self.maxima[kind] = np.maximum(self.maxima[kind], hits * np.int64(weight))

    def columns(self) -> list[Numbers]:
        """All that decides, as columns of numbers in a fixed order: equal rows are decided alike."""
        numbers = [each[kind] for each in (self.sums, self.maxima) for kind in Kind]
        flags = [*(self.any(kind) for kind in Kind), self.held]
        return [*numbers, *(flag.astype(np.int64) for flag in flags)]


def weighed(hits: Words, unknown: Words, terms: Iterable[Term]) -> Sides:
    """
    What the rules come to for each subject: a row of ``hits`` and of ``unknown``, which never share a bit.

    Some bits are looked up at a time, so that the cost follows the words and hardly the rules.
    """
    return Scales.of(terms).weighed(dict(enumerate(hits.T)), dict(enumerate(unknown.T)), len(hits))


class Chunk(NamedTuple):
    """Some bits of a word, and tables over all that they can be."""

    first: int
    kind: Kind
    counts: Numbers
    sums: Numbers
    maxima: Numbers | None
    """None where nobody asks for the heaviest."""

    @classmethod
    def of(cls, first: int, kind: Kind, terms: Sequence[Term], *, heaviest: bool) -> Chunk:
        counts: Numbers = np.zeros(1, dtype=np.int64)
        sums: Numbers = np.zeros(1, dtype=np.int64)
        maxima: Numbers = np.zeros(1, dtype=np.int64)
        for bit in range(max(term.bit for term in terms) - first + 1):
            weights = [term.weight for term in terms if term.bit - first == bit]
            counts = np.concatenate([counts, counts + np.int64(len(weights))])
            sums = np.concatenate([sums, sums + np.int64(sum(weights))])
            maxima = np.concatenate([maxima, np.maximum(maxima, np.int64(max(weights, default=0)))])
        return cls(first, kind, counts, sums, maxima if heaviest else None)

    def add(self, sides: Sides, column: Numbers) -> None:
        """Add what these bits of a column of words come to."""
        at = (column >> np.int64(self.first)) & np.int64(len(self.sums) - 1)
        sides.counts[self.kind] += self.counts.take(at)
        sides.sums[self.kind] += self.sums.take(at)
        if self.maxima is not None:
            np.maximum(sides.maxima[self.kind], self.maxima.take(at), out=sides.maxima[self.kind])


@dataclass(frozen=True)
class Scales:
    """The rules of a membership type, ready to be weighed: tables of their bits, made once for all subjects."""

    chunks: tuple[tuple[int, bool, tuple[Chunk, ...]], ...]
    """Word, whether unknown outcomes are hits there too, and the word's bits."""
    holding: tuple[tuple[int, int], ...]
    """Word to the mask of the rules whose unknown outcome holds the decision."""

    @classmethod
    def of(cls, terms: Iterable[Term], *, maxima: bool = True) -> Scales:
        """``maxima`` says whether the heaviest rule of each side is asked for."""
        by_word: dict[tuple[int, bool], list[Term]] = {}
        holding: dict[int, int] = {}
        for term in terms:
            by_word.setdefault((term.word, term.when_unknown is WhenUnknown.HIT), []).append(term)
            if term.when_unknown is WhenUnknown.HOLD:
                holding[term.word] = holding.get(term.word, 0) | 1 << term.bit
        chunks = (
            (word, with_unknown, tuple(_chunks(found, heaviest=maxima)))
            for (word, with_unknown), found in sorted(by_word.items())
        )
        return cls(tuple(chunks), tuple(sorted(holding.items())))

    def weighed(self, hits: Columns, unknown: Columns, subjects: int) -> Sides:
        """What the rules come to for each subject, from the columns of words by their numbers; see :func:`weighed`."""
        sides = Sides.nothing(subjects)
        for word, with_unknown, chunks in self.chunks:
            column = hits[word] | unknown[word] if with_unknown and word in unknown else hits[word]
            for chunk in chunks:
                chunk.add(sides, column)
        for word, mask in self.holding:
            if word in unknown:
                sides.held |= (unknown[word] & np.int64(mask)) != 0
        return sides


def _chunks(terms: Sequence[Term], *, heaviest: bool) -> Iterator[Chunk]:
    for first in range(0, 63, CHUNK):
        for kind in Kind:
            here = [term for term in terms if term.kind is kind and first <= term.bit < first + CHUNK]
            if here:
                yield Chunk.of(first, kind, here, heaviest=heaviest)


@dataclass(frozen=True)
class Verdicts:
    """Decisions of one membership type, a row a subject: ``reason`` and ``event`` are places in their tuples."""

    granted: Flags
    event: Codes
    decided: Flags
    """Whether there is a decision: something hit, it is held, or the subject was ever a member."""
    ways: tuple[tuple[Flags, Codes | int], ...]
    """The first of these that is true is why."""

    @cached_property
    def reason(self) -> Codes:
        flags, codes = zip(*self.ways, strict=True)
        return np.select([*flags], [*codes], default=_REASON[Reason.BELOW_MARGIN]).astype(np.int8)

    def events(self) -> Mapping[str, int]:
        """How many decisions there are of each event, none left out that is not zero."""
        counts = np.bincount(self.event[self.decided], minlength=len(EVENTS))
        return {event.value: int(count) for event, count in zip(EVENTS, counts, strict=True) if count}

    @property
    def held(self) -> int:
        return int(np.count_nonzero(self.ways[0][0]))


_REASON = {reason: place for place, reason in enumerate(REASONS)}
_EVENT = {event: place for place, event in enumerate(EVENTS)}
NEVER, MEMBER, FORMER = (STANDINGS.index(s) for s in (Standing.NEVER, Standing.MEMBER, Standing.FORMER))


def decided(sides: Sides, policy: Weighing, standing: Codes) -> Verdicts:
    """Decide every subject, as :func:`rules_engine.model.decisions.decide` does one."""
    weights = sides.maxima if policy.strategy is Strategy.MAX_WEIGHT else sides.sums
    for_it, against = weights[Kind.INCLUSION], weights[Kind.EXCLUSION]
    included, excluded = sides.any(Kind.INCLUSION), sides.any(Kind.EXCLUSION)
    member = standing == MEMBER
    blocked: Flags = np.zeros(len(standing), dtype=bool)
    if policy.veto_weight is not None:
        blocked |= sides.maxima[Kind.EXCLUSION] >= policy.veto_weight
    if policy.strategy is Strategy.ANY_EXCLUSION_BLOCKS:
        blocked |= excluded
    tie = excluded & (for_it == against) & ~blocked
    wins = ~blocked & (for_it - against >= policy.margin)
    by_exclusions = excluded & included & (for_it >= policy.margin)
    weighed_up = np.where(tie, _tie(policy, member), wins)
    granted = np.where(sides.held, member, included & weighed_up)
    won = np.where(excluded, _REASON[Reason.OVERRIDE], _REASON[Reason.INCLUDED])
    ways: tuple[tuple[Flags, Codes | int], ...] = (
        (sides.held, _REASON[Reason.HELD]),
        (~included, _REASON[Reason.NO_INCLUSION]),
        (tie, _REASON[Reason.TIE]),
        (wins, won),
        (by_exclusions, _REASON[Reason.EXCLUDED]),
    )
    there = included | excluded | sides.held | (standing != NEVER)
    return Verdicts(granted, _events(granted, standing, by_exclusions), there, ways)


def _tie(policy: Weighing, member: Flags) -> Flags:
    if policy.tie is Tie.KEEP:
        return member
    return np.full(len(member), policy.tie is Tie.GRANT or policy.margin <= 0)


def _events(granted: Flags, standing: Codes, by_exclusions: Flags) -> Codes:
    """Where there is a grant the standing says which event it is, else also whether exclusions decided."""
    to = {NEVER: Event.GRANTED, MEMBER: Event.RETAINED, FORMER: Event.REINSTATED}
    granting = np.array([_EVENT[to[standing]] for standing in range(len(STANDINGS))], dtype=np.int8)
    found = np.where(granted, granting[standing], np.int8(_EVENT[Event.NOT_GRANTED]))
    lost = ~granted & (standing == MEMBER)
    found[lost] = np.where(by_exclusions[lost], _EVENT[Event.REVOKED_EXCLUDED], _EVENT[Event.REVOKED_LAPSED])
    return found
