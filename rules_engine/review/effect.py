"""What becomes of everybody when one rule set takes the place of another: the one place where flips are counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from rules_engine.model.history import Subject
from rules_engine.model.rule_sets import RuleSet
from rules_engine.review.causes import Comparison, Rows, causes
from rules_engine.review.edits import Edit
from rules_engine.review.population import Population
from rules_engine.worker.weighing import EVENTS, Flags, Verdicts, decided

SAMPLES = 5
"""Subjects that are named for each cause and way."""


@dataclass(frozen=True, slots=True)
class Cause:
    """
    The edits that, taken back together, undo these flips, and none fewer.

    ``gains`` and ``losses`` are subjects, the first few by their key.
    """

    edits: tuple[str, ...]
    gained: int
    lost: int
    gains: tuple[Subject, ...] = ()
    losses: tuple[Subject, ...] = ()

    @property
    def words(self) -> str:
        return self.edits[0] if len(self.edits) == 1 else f"{'; '.join(self.edits)} (together)"


@dataclass(frozen=True, slots=True)
class TypeEffect:
    """
    One membership type: members before and after, absent ones among both, and by what cause they were gained and lost.

    ``events`` and ``held`` are those of the decisions after; the ``_before`` ones of the same day under the old rules.
    """

    membership_type: str
    before: int
    gained: int
    lost: int
    after: int
    causes: tuple[Cause, ...]
    events: Mapping[str, int]
    events_before: Mapping[str, int]
    held: int
    held_before: int
    absent: int

    @property
    def adds_up(self) -> bool:
        """Whether members are those before, and gained, and not lost; and causes are everybody who flips."""
        by_cause = sum(c.gained for c in self.causes), sum(c.lost for c in self.causes)
        return self.before + self.gained - self.lost == self.after and by_cause == (self.gained, self.lost)


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """Whom a rule of either set hits, and of whom its condition is unknown; None where it is not in force."""

    key: str
    hits_before: int | None
    hits: int | None
    unknown_before: int | None
    unknown: int | None


@dataclass(frozen=True, slots=True)
class ShadowEffect:
    """Who would flip if a shadow rule counted, beside the rules after."""

    key: str
    membership_type: str
    gained: int
    lost: int


@dataclass(frozen=True)
class Effect:
    """What a change does to everybody."""

    types: tuple[TypeEffect, ...]
    rules: tuple[RuleEffect, ...]
    shadows: tuple[ShadowEffect, ...]
    edits: tuple[str, ...]
    flips: pa.Table
    """Everybody who flips: subject, membership_type, before, after, event, cause."""

    @property
    def changes(self) -> bool:
        """Whether anybody flips."""
        return any(t.gained or t.lost for t in self.types)

    def content(self) -> dict[str, Any]:
        """All of it but the list of everybody, as JSON-ready values."""
        named = ("types", "rules", "shadows")
        said: dict[str, Any] = {name: [asdict(each) for each in getattr(self, name)] for name in named}
        return {"edits": list(self.edits), **said, "changes": self.changes}


def effect(before: RuleSet, after: RuleSet, population: Population) -> Effect:
    """Decide everybody under both rule sets and say who flips, and why."""
    comparison = Comparison(before, after, population)
    types, flips = [], []
    for key in comparison.types:
        found, rows = _of_type(comparison, key)
        types.append(found)
        flips.append(rows)
    return Effect(
        tuple(types),
        tuple(_rules(comparison)),
        tuple(_shadows(comparison)),
        tuple(edit.name for edit in comparison.edits),
        pa.concat_tables(flips) if flips else _FLIPS.empty_table(),
    )


def verdicts(comparison: Comparison, membership_type: str, *, after: bool) -> Verdicts:
    """Everybody's decision of a type under one of the two rule sets."""
    sides = comparison.sides(membership_type, after=after)
    policy = comparison.weighing(membership_type, after=after)
    return decided(sides, policy, comparison.population.stood(membership_type))


def _of_type(comparison: Comparison, key: str) -> tuple[TypeEffect, pa.Table]:
    was = verdicts(comparison, key, after=False)
    becomes = verdicts(comparison, key, after=True) if comparison.concerning(key) else was
    rows = np.flatnonzero(was.granted != becomes.granted)
    gained = becomes.granted[rows]
    found = causes(comparison, key, rows)
    absent = comparison.population.absent.get(key, 0)
    subjects = comparison.population.subjects.take(pa.array(rows))
    of_type = TypeEffect(
        key,
        before=int(was.granted.sum()) + absent,
        gained=int(gained.sum()),
        lost=int((~gained).sum()),
        after=int(becomes.granted.sum()) + absent,
        causes=tuple(_counted(found.causes, found.of_row, gained, subjects)),
        events=becomes.events(),
        events_before=was.events(),
        held=becomes.held,
        held_before=was.held,
        absent=absent,
    )
    words = [Cause(tuple(e.name for e in each), 0, 0).words for each in found.causes]
    return of_type, _rows(
        key, subjects, gained, becomes, rows, pa.array(words, pa.string()).take(pa.array(found.of_row))
    )


def _counted(kinds: Sequence[tuple[Edit, ...]], of_row: Rows, gained: Flags, subjects: pa.Array) -> Iterator[Cause]:
    for place, kind in enumerate(kinds):
        ways = [np.flatnonzero((of_row == place) & way) for way in (gained, ~gained)]
        named = [tuple(sorted(subjects.take(pa.array(way)).to_pylist())[:SAMPLES]) for way in ways]
        yield Cause(tuple(edit.name for edit in kind), len(ways[0]), len(ways[1]), named[0], named[1])


_FLIPS = pa.schema(
    [
        ("subject", pa.int64()),
        ("membership_type", pa.string()),
        ("before", pa.bool_()),
        ("after", pa.bool_()),
        ("event", pa.string()),
        ("cause", pa.string()),
    ]
)


def _rows(key: str, subjects: pa.Array, gained: Flags, becomes: Verdicts, rows: Rows, cause: pa.Array) -> pa.Table:
    events = pa.array([event.value for event in EVENTS]).take(pa.array(becomes.event[rows]))
    columns = [subjects, pa.array([key] * len(rows), pa.string()), pa.array(~gained), pa.array(gained), events, cause]
    schema = _FLIPS.set(0, pa.field("subject", subjects.type))
    return pa.table(columns, schema=schema)


def _rules(comparison: Comparison) -> Iterator[RuleEffect]:
    """The rules that an edit is about, by key."""
    keys = {part.key for edit in comparison.edits for part in edit.parts if not part.of_type}
    sets = [{v.key: v for v in each.versions} for each in (comparison.before, comparison.after)]
    every = np.arange(len(comparison.population))
    for key in sorted(keys):
        counts: list[int | None] = []
        for after, versions in enumerate(sets):
            if version := versions.get(key):
                condition = comparison.named[after][key]
                pair = comparison.population.outcome(condition, version.when_unknown, every)
                counts += [int(np.count_nonzero(flags)) for flags in pair]
            else:
                counts += [None, None]
        yield RuleEffect(key, counts[0], counts[2], counts[1], counts[3])


def _shadows(comparison: Comparison) -> Iterator[ShadowEffect]:
    """Each shadow rule after, as if it alone of them counted."""
    after = comparison.after
    for version in after.versions:
        if not version.shadow:
            continue
        counting = tuple(replace(v, shadow=False) if v is version else v for v in after.versions)
        one = Comparison(after, replace(after, versions=counting), comparison.population)
        key = version.membership_type
        was, becomes = (verdicts(one, key, after=each).granted for each in (False, True))
        yield ShadowEffect(version.key, key, int((becomes & ~was).sum()), int((was & ~becomes).sum()))
