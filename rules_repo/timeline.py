"""What publishing changes: the days of one rule as known, against the days as wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from rules_engine.errors import Fault
from rules_engine.model.rules import EffectivePeriod, RuleVersion
from rules_repo.rows import wording


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule comes to: all its days as wanted, and whether that is anything new."""

    key: str
    target: tuple[RuleVersion, ...]
    changes: bool


def by_key(versions: Iterable[RuleVersion]) -> dict[str, tuple[RuleVersion, ...]]:
    """The versions of each rule, in order of their first day."""
    ordered = sorted(versions, key=lambda v: (v.key, v.effective.first))
    return {key: tuple(group) for key, group in groupby(ordered, key=lambda v: v.key)}


def overlaps(versions: Iterable[RuleVersion]) -> Iterable[Fault]:
    """The faults of rules with two versions in force on one day."""
    for key, timeline in by_key(versions).items():
        for one, next_one in pairwise(timeline):
            if one.effective.overlaps(next_one.effective):
                yield Fault(
                    f"Rule {key}",
                    f"the periods {_days(one.effective)} and {_days(next_one.effective)} overlap.",
                    "End one before the other begins.",
                )


def step(known: Sequence[RuleVersion], wanted: Sequence[RuleVersion]) -> Step:
    """
    What turns the days known of a rule into the days wanted.

    The wanted periods say everything from the first of their days on. Days
    before it stay as they are known, unless the same wording is only moved to
    a later first day.
    """
    target = (*_before(known, wanted[0]), *wanted)
    changes = {(wording(v), v.effective) for v in known} != {(wording(v), v.effective) for v in target}
    return Step(wanted[0].key, target, changes)


def _before(known: Sequence[RuleVersion], first: RuleVersion) -> Iterable[RuleVersion]:
    day = first.effective.first
    for version in known:
        if version.effective.first >= day:
            continue
        if not version.effective.covers(day):
            yield version
        elif wording(version) != wording(first):
            yield replace(version, effective=EffectivePeriod(version.effective.first, day))


def _days(period: EffectivePeriod) -> str:
    return f"from {period.first} to {period.end or 'further notice'}"
