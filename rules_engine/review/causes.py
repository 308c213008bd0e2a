"""
Why a decision flips: the smallest set of a change's edits that, taken back, undoes it.

One edit where one does it, several together otherwise. Of several sets that are equally small it is the first in the
order of the change's edits. Up to four edits the smallest is found by trying; of more, one from which nothing can be
left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType, RuleVersion, WhenUnknown
from rules_engine.review.conditions import conditions
from rules_engine.review.edits import CONDITION, PRESENCE, TYPE_ASPECTS, Edit, Part, Slot, edits, slots
from rules_engine.review.population import Population
from rules_engine.worker.weighing import Codes, Flags, Numbers, Sides, Weighing, decided, weighed

LARGEST = 4
"""Edits of a cause that is proved to be the smallest."""

MOST_TRIES = 4_000
"""Sets of one size that are tried for a group of subjects; where there would be more, edits are left out one by one."""

Rows: TypeAlias = NDArray[np.intp]
Chosen = frozenset[Edit]


@dataclass(frozen=True)
class Comparison:
    """Two rule sets over one population, and what differs between them."""

    before: RuleSet
    after: RuleSet
    population: Population

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        return edits(self.before, self.after)

    @cached_property
    def named(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The conditions of the rules before, and after."""
        return conditions(self.before), conditions(self.after)

    @cached_property
    def types(self) -> tuple[str, ...]:
        known = {m.key for each in (self.before, self.after) for m in each.membership_types}
        return tuple(sorted(known | {*self.population.standing}))

    def sides(self, membership_type: str, *, after: bool, rows: Rows | None = None, but: Sequence[str] = ()) -> Sides:
        """What the rules of one set come to, without those whose keys are in ``but``."""
        rule_set, population = (self.after if after else self.before), self.population
        of_type = (v for v in rule_set.versions if v.membership_type == membership_type and not v.shadow)
        terms = [population.term(v, self.named[after][v.key]) for v in of_type if v.key not in but]
        if rows is None:
            return weighed(population.hits, population.unknown, terms)
        return weighed(population.hits[rows], population.unknown[rows], terms)

    def weighing(self, membership_type: str, *, after: bool) -> Weighing:
        """A type's policy; where a set does not know the type, the other's: without rules it decides nothing."""
        sets = (self.after, self.before) if after else (self.before, self.after)
        found = (m for each in sets for m in each.membership_types if m.key == membership_type)
        return Weighing.of(next(found, MembershipType(membership_type)))

    def mixed_weighing(self, membership_type: str, back: Chosen) -> Weighing:
        was, becomes = (self.weighing(membership_type, after=after) for after in (False, True))
        parts = {part for edit in back for part in edit.parts}
        undone = {a: getattr(was, a) for a in TYPE_ASPECTS if Part(membership_type, a, of_type=True) in parts}
        return becomes._replace(**undone)

    def changed(self, membership_type: str) -> tuple[Slot, ...]:
        """The rules of a type that an edit is about."""
        keys = {part.key for edit in self.edits for part in edit.parts if not part.of_type}
        return tuple(s for s in slots(self.before, self.after) if s.key in keys and membership_type in s.types)

    def concerning(self, membership_type: str) -> tuple[Edit, ...]:
        """The edits that can flip a decision of a type."""
        keys = {slot.key for slot in self.changed(membership_type)}

        def concerns(part: Part) -> bool:
            return part.key == membership_type if part.of_type else part.key in keys

        return tuple(edit for edit in self.edits if any(map(concerns, edit.parts)))


@dataclass(frozen=True)
class Patterns:
    """
    Subjects that no rule set between the two can tell apart, as one row each.

    What the rules that did not change come to, how the subject stood, and the outcomes of those that did change.
    """

    unchanged: Sides
    standing: Codes
    outcomes: Mapping[tuple[str, bool], tuple[Flags, Flags]]
    """Key of a changed rule, and whether after: true and unknown."""
    of_row: NDArray[np.intp]
    """Which pattern each flipped subject has."""

    def __len__(self) -> int:
        return len(self.standing)


def patterns(comparison: Comparison, membership_type: str, rows: Rows) -> Patterns:
    """The patterns among some subjects of the population."""
    population, changed = comparison.population, comparison.changed(membership_type)
    unchanged = comparison.sides(membership_type, after=False, rows=rows, but=[slot.key for slot in changed])
    standing = population.stood(membership_type)[rows]
    outcomes = {
        (slot.key, after): population.outcome(comparison.named[after][slot.key], version.when_unknown, rows)
        for slot in changed
        for after, version in ((False, slot.before), (True, slot.after))
        if version
    }
    flags = [flag.astype(np.int64) for pair in outcomes.values() for flag in pair]
    first, of_row = distinct([*unchanged.columns(), standing.astype(np.int64), *flags])
    kept = {key: (true[first], unknown[first]) for key, (true, unknown) in outcomes.items()}
    return Patterns(unchanged.at(first), standing[first], kept, of_row)


def distinct(columns: Sequence[Numbers]) -> tuple[Rows, Rows]:
    """The first row of each distinct one, and for every row which of these it is."""
    codes: Numbers = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        if len(column) and (column != column[0]).any():
            _, own = np.unique(column, return_inverse=True)
            _, codes = np.unique(codes * (int(own.max()) + 1) + own, return_inverse=True)
    _, first, of_row = np.unique(codes, return_index=True, return_inverse=True)
    return first, of_row


Granting = Callable[[Chosen, Rows], Flags]
"""Whether subjects of these patterns are granted the membership, once some edits are taken back."""


def granting(comparison: Comparison, membership_type: str, found: Patterns) -> Granting:
    """The decision of each pattern under any mixture of the two rule sets."""
    changed = comparison.changed(membership_type)

    def granted(back: Chosen, at: Rows) -> Flags:
        sides, parts = found.unchanged.at(at), {part for edit in back for part in edit.parts}
        for slot in changed:
            said = mixed(slot, parts)
            if said and said.membership_type == membership_type and not said.shadow:
                true, unknown = (flags[at] for flags in found.outcomes[slot.key, said.after])
                sides.add(said.kind, said.weight, true | unknown if said.when_unknown is WhenUnknown.HIT else true)
                if said.when_unknown is WhenUnknown.HOLD:
                    sides.held = sides.held | unknown
        return decided(sides, comparison.mixed_weighing(membership_type, back), found.standing[at]).granted

    return granted


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule says once some edits are taken back; ``after`` is whether of its two conditions the later counts."""

    membership_type: str
    kind: Kind
    weight: int
    when_unknown: WhenUnknown
    shadow: bool
    after: bool


def mixed(slot: Slot, back: set[Part]) -> Said | None:
    """A rule between its two wordings; None where it is not in force."""
    if slot.before is None or slot.after is None:
        gone = (Part(slot.key, PRESENCE) in back) is (slot.before is None)
        only = slot.before or slot.after
        return None if gone or only is None else _said(only, only, set(), slot.key, after=slot.before is None)
    return _said(slot.before, slot.after, back, slot.key, after=Part(slot.key, CONDITION) not in back)


def _said(was: RuleVersion, becomes: RuleVersion, back: set[Part], key: str, *, after: bool) -> Said:
    def of(aspect: str) -> RuleVersion:
        return was if Part(key, aspect) in back else becomes

    return Said(
        of("membership_type").membership_type,
        of("kind").kind,
        of("weight").weight,
        of("when_unknown").when_unknown,
        of("shadow").shadow,
        after,
    )


@dataclass(frozen=True)
class Causes:
    """Of each flipped subject, which of the causes it is."""

    causes: tuple[tuple[Edit, ...], ...]
    of_row: Rows


def causes(comparison: Comparison, membership_type: str, rows: Rows) -> Causes:
    """The cause of the flip of each of these subjects, all of which flip."""
    found = patterns(comparison, membership_type, rows)
    granted, every = granting(comparison, membership_type, found), np.arange(len(found))
    was = granted(frozenset(comparison.edits), every)
    concerning = comparison.concerning(membership_type)
    chosen: dict[int, tuple[Edit, ...]] = {}
    for touching, at in _groups(concerning, found):
        chosen |= _smallest(touching, at, lambda back, which: granted(back, which) == was[which])
    order = {edit: place for place, edit in enumerate(comparison.edits)}
    kinds = sorted({*chosen.values()}, key=lambda each: (len(each), [order[edit] for edit in each]))
    number = {each: place for place, each in enumerate(kinds)}
    of_pattern = np.array([number[chosen[pattern]] for pattern in range(len(found))], dtype=np.intp)
    return Causes(tuple(kinds), of_pattern[found.of_row])


def _groups(concerning: Sequence[Edit], found: Patterns) -> Iterator[tuple[tuple[Edit, ...], Rows]]:
    """The patterns that the same edits can touch: a rule that hits nobody there, before or after, changes nothing."""
    touched: Flags = np.zeros((len(found), len(concerning)), dtype=bool)
    for place, edit in enumerate(concerning):
        for part in edit.parts:
            for after in (False, True):
                pair = found.outcomes.get((part.key, after)) if not part.of_type else None
                if pair:
                    touched[:, place] |= pair[0] | pair[1]
            touched[:, place] |= part.of_type
    if not len(found):
        return
    distinct, of_pattern = np.unique(touched, axis=0, return_inverse=True)
    of_pattern = of_pattern.reshape(-1)
    for number, flags in enumerate(distinct):
        yield (
            tuple(e for e, touches in zip(concerning, flags, strict=True) if touches),
            np.flatnonzero(of_pattern == number),
        )


def _smallest(
    touching: Sequence[Edit], at: Rows, undone: Callable[[Chosen, Rows], Flags]
) -> dict[int, tuple[Edit, ...]]:
    """The cause of each pattern that these edits touch."""
    chosen: dict[int, tuple[Edit, ...]] = {}
    left = at
    for size in range(1, min(LARGEST, len(touching)) + 1):
        if comb(len(touching), size) > MOST_TRIES:
            break
        for tried in combinations(touching, size):
            if not len(left):
                return chosen
            does = undone(frozenset(tried), left)
            chosen |= {int(pattern): tried for pattern in left[does]}
            left = left[~does]
    for pattern in left.tolist():
        chosen[pattern] = _nothing_left_out(touching, pattern, undone)
    return chosen


def _nothing_left_out(
    touching: Sequence[Edit], pattern: int, undone: Callable[[Chosen, Rows], Flags]
) -> tuple[Edit, ...]:
    """
    A set that undoes a flip and of which no single edit can be left out; the last edits are left out first.

    What could not be left out may be, once another one is: it is asked again until nothing can.
    """
    kept, before, only = list(touching), -1, np.array([pattern])
    while len(kept) != before:
        before = len(kept)
        for edit in reversed(kept):
            fewer = [other for other in kept if other is not edit]
            if undone(frozenset(fewer), only)[0]:
                kept = fewer
    return tuple(kept)
