"""
Guard rails: whether what a run counted is so unlike the runs before it that somebody should look before it counts.

A limit is what was set for it, else what the last runs teach: twice the most that happened there, and never less than
a floor and what chance does to few. From fewer than :data:`LEAST_RUNS` runs nothing is learnt, and only set limits
hold. What members do when the rules change teaches nothing of what they do when they stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import sqrt
from statistics import median
from typing import NamedTuple

from rules_engine.errors import Fault
from rules_engine.model.manifest import REVOKED, Manifest, TypeCounts

LEAST_RUNS = 3
"""Runs that are needed to learn a limit from."""

MOST_RUNS = 10
"""The last runs that are looked at."""

FLOORS: Mapping[str, float] = {
    "churn": 0.10,
    "unplanned": 0.03,
    "population": 0.05,
    "rows": 0.10,
    "fire_rate": 0.50,
    "unknown": 0.02,
    "absent": 0.01,
    "lag_days": 1.0,
    "age_days": 3.0,
}
"""
What is never a breach, by guard. A share of members who gain or lose; who do by edits that no plan has; of subjects,
or of a frame's rows, more or fewer than the run before; of a rule's hits, more or fewer than their median; of subjects
of whom a rule is unknown, above its median; of members who are absent; the days of a frame behind the newest of all;
the days of the newest before the run's own.
"""


class Unplanned(NamedTuple):
    """How many members of a type gain or lose it by edits since the run before that no approved plan has."""

    membership_type: str
    moved: int
    edits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Breach:
    """One number beyond its limit, and what is likely behind it."""

    guard: str
    which: str
    found: float
    limit: float
    what: str
    cause: str

    def fault(self, run_id: str) -> Fault:
        which = f"Run {run_id}, {self.which}"
        remedy = f"Mend it and run again; or, if it is right: `rules runs release {run_id} --reason WHY`."
        return Fault(which, f"{self.what} {self.cause}", remedy, f"GUARD-{self.guard.upper().replace('_', '-')}")


def limit_name(guard: str, of: str = "") -> str:
    """
    The shared parameter that sets a limit: of a guard, or just of one membership type, frame or rule.

    >>> limit_name("churn"), limit_name("churn", "MUTUAL-BOND"), limit_name("fire_rate", "LOY-007/2")
    ('guard_churn', 'guard_churn__mutual_bond', 'guard_fire_rate__loy_007')
    """
    if not of:
        return f"guard_{guard}"
    return f"guard_{guard}__{re.sub(r'[^a-z0-9]+', '_', of.partition('/')[0].lower())}"


def breaches(
    manifest: Manifest,
    earlier: Sequence[Manifest],
    limits: Mapping[str, float] | None = None,
    unplanned: Sequence[Unplanned] = (),
) -> tuple[Breach, ...]:
    """
    The numbers of a run that are beyond their limits.

    ``earlier`` are the runs before it, the oldest first, ``limits`` what was set, by :func:`limit_name`. A correction
    is compared with nobody: it is about another time.
    """
    known = [each for each in earlier if not each.correction][-MOST_RUNS:]
    if not known or manifest.correction:
        return ()
    return tuple(_Judging(manifest, known, limits or {}, unplanned).breaches())


@dataclass(frozen=True, slots=True)
class _Judging:
    now: Manifest
    known: Sequence[Manifest]
    limits: Mapping[str, float]
    unplanned: Sequence[Unplanned]

    def breaches(self) -> Iterator[Breach]:
        found = [*self._population(), *self._rows(), *self._days()]
        found += [*self._unknown(), *self._fire_rates(), *self._absent(), *self._churn(), *self._unplanned()]
        yield from found

    @property
    def last(self) -> Manifest:
        return self.known[-1]

    def limit(self, guard: str, of: str, past: Iterable[float], chance: float = 0.0) -> float | None:
        """What was set of just this, or of all of the guard; else what the past teaches, None where it teaches not."""
        for name in (limit_name(guard, of), limit_name(guard)):
            if name in self.limits:
                return self.limits[name]
        if len(self.known) < LEAST_RUNS:
            return None
        return _learnt(guard, past) + chance

    def _population(self) -> Iterator[Breach]:
        counts = [each.evaluation.subjects for each in (*self.known, self.now)]
        yield from self._change("population", "the subjects", counts, "part of the data may be missing or doubled.")

    def _rows(self) -> Iterator[Breach]:
        """Rows of frames: a part that was lost, or a join or load that doubled them."""
        for frame, rows in _frame_rows(self.now).items():
            past = [known[frame] for each in self.known if frame in (known := _frame_rows(each))]
            cause = "a part of it may have been lost, or loaded twice."
            yield from self._change("rows", f"frame {frame}", [*past, rows], cause, frame)

    def _change(self, guard: str, which: str, counts: Sequence[int], cause: str, of: str = "") -> Iterator[Breach]:
        steps = [_change(a, b) for a, b in pairwise(counts)]
        if not steps:
            return
        limit = self.limit(guard, of, map(abs, steps[:-1]), 3 / sqrt(max(counts[-2], 1)))
        if limit is not None and abs(steps[-1]) > limit:
            what = (
                f"{counts[-1]:,} against {counts[-2]:,} in the run before ({steps[-1]:+.1%}; the limit is {limit:.1%})."
            )
            yield Breach(guard, which, steps[-1], limit, what, f"Likely: {cause}")

    def _days(self) -> Iterator[Breach]:
        """How far each frame is behind the newest, and that one behind the run's day."""
        lags, age = _lags(self.now)
        past = [_lags(each) for each in self.known]
        for frame, lag in lags.items():
            limit = self.limit("lag_days", frame, [known.get(frame, 0) for known, _ in past])
            if limit is not None and lag > limit:
                what = f"its data is {lag} days behind that of other frames (the limit is {limit:g})."
                yield Breach("lag_days", f"frame {frame}", lag, limit, what, "Likely: it did not land.")
        limit = self.limit("age_days", "", [age for _, age in past])
        if limit is not None and age > limit:
            what = f"the newest of them is {age} days old (the limit is {limit:g})."
            yield Breach("age_days", "the snapshots", age, limit, what, "Likely: nothing landed.")

    def _unknown(self) -> Iterator[Breach]:
        subjects = max(self.now.evaluation.subjects, 1)
        for rule, count in self.now.evaluation.unknown_per_rule.items():
            past = [_share(m.evaluation.unknown_per_rule, rule, m) for m in self.known if rule in _hits(m)]
            usual = median(past) if past else 0.0
            limit = self.limit(
                "unknown", rule, (abs(p - usual) for p in past), 6 * sqrt(max(usual, 1 / subjects) / subjects)
            )
            if past and limit is not None and count / subjects > usual + limit:
                what = f"it is unknown of {count / subjects:.1%} of the subjects, usually of {usual:.1%}."
                yield Breach(
                    "unknown",
                    f"rule {rule}",
                    count / subjects,
                    usual + limit,
                    what,
                    "Likely: a column that it reads is empty.",
                )

    def _fire_rates(self) -> Iterator[Breach]:
        """Hits against their trailing median, as shares of the subjects, so that growth is no news."""
        subjects = self.now.evaluation.subjects
        for rule, hits in _hits(self.now).items():
            past = [_share(_hits(m), rule, m) for m in self.known if rule in _hits(m)]
            if not past:
                continue
            usual = median(past) * subjects
            spread = [abs(p * subjects - usual) / max(usual, 1) for p in past]
            limit = self.limit("fire_rate", rule, spread, (6 * sqrt(usual) + 10) / max(usual, 1))
            if limit is not None and abs(hits - usual) > limit * max(usual, 1):
                what = (
                    f"it hits {hits:,} subjects, usually about {usual:,.0f} (the limit is {limit:.0%} more or fewer)."
                )
                yield Breach("fire_rate", f"rule {rule}", hits, limit, what, self._why_fires(hits, usual))

    def _why_fires(self, hits: int, usual: float) -> str:
        more = "rows are doubled by a join or a load, or a column changed its meaning."
        return f"Likely: {'a column that it reads is empty, or rows were lost.' if hits < usual else more}"

    def _absent(self) -> Iterator[Breach]:
        for counts in self.now.evaluation.types:
            past = [c.absent / max(c.members_before, 1) for c in _of_type(self.known, counts.membership_type)]
            share = counts.absent / max(counts.members_before, 1)
            chance = 6 * sqrt(max(share, 0.001) / max(counts.members_before, 1))
            limit = self.limit("absent", counts.membership_type, past, chance)
            if limit is not None and share > limit:
                what = f"{counts.absent:,} of its members are not in the data ({share:.1%}; the limit is {limit:.1%})."
                cause = "Likely: a part of the subjects' frame was lost."
                yield Breach("absent", f"membership type {counts.membership_type}", share, limit, what, cause)

    def _churn(self) -> Iterator[Breach]:
        steady = [day for was, day in pairwise(self.known) if day.rule_set_digest == was.rule_set_digest]
        for counts in self.now.evaluation.types:
            before, key = counts.members_before, counts.membership_type
            if not before:
                continue
            past = [_churned(c) / c.members_before for c in _of_type(steady, key) if c.members_before]
            limit = self.limit("churn", key, past, 3 * sqrt(_learnt("churn", past) / before))
            share = _churned(counts) / before
            if limit is not None and share > limit:
                moved = f"{_churned(counts):,} gain or lose it, of {before:,} members"
                what = f"{moved} ({share:.1%}; the limit is {limit:.1%})."
                yield Breach("churn", f"membership type {key}", share, limit, what, f"Likely: {self._what_changed()}")

    def _unplanned(self) -> Iterator[Breach]:
        """What nobody has seen before it was published; the past teaches nothing of it."""
        before = {counts.membership_type: counts.members_before for counts in self.now.evaluation.types}
        for key, moved, edits in self.unplanned:
            if members := before.get(key, 0):
                limit = self.limit("unplanned", key, (), 3 * sqrt(FLOORS["unplanned"] / members))
                share = moved / members
                if limit is not None and share > limit:
                    what = f"{moved:,} gain or lose it by {'; '.join(edits)} ({share:.1%}; the limit is {limit:.1%})."
                    cause = "No approved plan says so: see `rules plan` before a change is published."
                    yield Breach("unplanned", f"membership type {key}", share, limit, what, cause)

    def _what_changed(self) -> str:
        if self.now.rule_set_digest == self.last.rule_set_digest:
            return "the data changed; the rules are those of the run before."
        fresh = sorted({*_hits(self.now)} - {*_hits(self.last)})
        named = f" ({', '.join(fresh[:5])})" if fresh else ""
        return f"the rules changed since the run before{named}: see `rules plan`, or `rules rules diff`."


def _learnt(guard: str, past: Iterable[float]) -> float:
    return max(FLOORS[guard], 2 * max(past, default=0.0))


def _change(before: int, after: int) -> float:
    return after / before - 1 if before else float(after > 0)


def _churned(counts: TypeCounts) -> int:
    return sum(counts.events.get(event, 0) for event in ("GRANTED", "REINSTATED", *REVOKED))


def _of_type(known: Iterable[Manifest], key: str) -> list[TypeCounts]:
    return [counts for each in known for counts in each.evaluation.types if counts.membership_type == key]


def _hits(manifest: Manifest) -> Mapping[str, int]:
    return manifest.evaluation.hits_per_rule


def _share(counts: Mapping[str, int], rule: str, manifest: Manifest) -> float:
    return counts.get(rule, 0) / max(manifest.evaluation.subjects, 1)


def _frame_rows(manifest: Manifest) -> dict[str, int]:
    """Rows of the frames that workers read whole, by name; the subjects' own are the population."""
    found: dict[str, int] = {}
    for source in manifest.evaluation.sources:
        frame = source.source.partition(": ")[2] or source.source
        if source.there is not None and source.there != manifest.evaluation.subjects:
            found[frame] = source.there
    return found


def _lags(manifest: Manifest) -> tuple[dict[str, int], int]:
    """Days of each dated frame behind the newest, and of the newest before the run's day."""
    days = {frame: day for frame, name in manifest.snapshots.items() if (day := _day(name))}
    if not days:
        return {}, 0
    newest = max(days.values())
    return {frame: (newest - day).days for frame, day in days.items()}, (manifest.as_of - newest).days


def _day(snapshot: str) -> date | None:
    try:
        return date.fromisoformat(snapshot.partition("@")[0])
    except ValueError:
        return None
