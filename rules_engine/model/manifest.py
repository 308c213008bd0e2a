"""The manifest: what a run read, did and counted, and the sums that must add up (R-OPS-4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.canonical import canonical_json
from rules_engine.model.failing import HeldType, held_from


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """
    How many subjects stand where after a run, for one membership type.

    Grain: membership type. ``events`` and ``reasons`` count the decided pairs,
    those with a hit or an earlier membership.
    """

    membership_type: str
    members_before: int
    members_after: int
    decided: int
    events: Mapping[str, int]
    reasons: Mapping[str, int]

    def faults(self) -> Iterable[Fault]:
        """Which of the identities do not hold."""
        which = f"Membership type {self.membership_type}"
        gained = self.events.get("GRANTED", 0) + self.events.get("REINSTATED", 0)
        lost = self.events.get("REVOKED_LAPSED", 0) + self.events.get("REVOKED_EXCLUDED", 0)
        if self.members_before + gained - lost != self.members_after:
            yield Fault(
                which,
                f"members before {self.members_before} + granted {gained} - revoked {lost} "
                f"is not members after {self.members_after}.",
            )
        for name, counts in (("events", self.events), ("reasons", self.reasons)):
            if sum(counts.values()) != self.decided:
                yield Fault(which, f"the {name} count {sum(counts.values())} decisions, decided were {self.decided}.")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    What an evaluator counted: subjects in, pairs evaluated, decisions out.

    ``evaluated_pairs`` is subjects × versions, the proof of completeness
    (R-ENG-3); ``hits_per_rule`` counts subjects per version id, shadow ones too;
    ``unknown_per_rule`` those whose condition was NULL. ``decisions_digest``
    covers every decided pair, whatever the order of rows. ``held`` are the
    types that were left out, rules and all, because a rule of theirs failed.
    ``seconds`` names phases; it is a measurement and no part of any digest.
    """

    subjects: int
    evaluated_pairs: int
    hits_per_rule: Mapping[str, int]
    unknown_per_rule: Mapping[str, int]
    types: tuple[TypeCounts, ...]
    decisions_digest: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    held: tuple[HeldType, ...] = ()

    def held_faults(self) -> Iterable[Fault]:
        """Held types of which something was decided or moved all the same."""
        of = {counts.membership_type: counts for counts in self.types}
        for held in self.held:
            counts = of.get(held.membership_type)
            if counts and (counts.decided or counts.members_before != counts.members_after):
                what = f"it is held, yet {counts.decided} decisions of it are staged."
                yield Fault(f"Membership type {held.membership_type}", what)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that says what a run was: enough to run it again and compare."""

    run_id: str
    as_of: date
    created_at: str
    rule_set_digest: str
    versions: int
    snapshots: Mapping[str, str]
    settings: Mapping[str, str]
    engine_version: str
    previous_run: str | None
    evaluation: Evaluation

    @property
    def decided(self) -> int:
        """Pairs with a decision: what the history must hold of this run."""
        return sum(t.decided for t in self.evaluation.types)

    @property
    def inputs(self) -> str:
        """The id that the run's inputs alone name; the run's own, unless it was named otherwise."""
        return run_identity(self.as_of, self.rule_set_digest, self.snapshots, self.settings, self.engine_version)

    def balance(self) -> None:
        """
        Check that the counts add up; nothing is published of a run that does not.

        Raises:
            RunRefused: With every identity that does not hold.
        """
        faults = [fault for counts in self.evaluation.types for fault in counts.faults()]
        faults += self.evaluation.held_faults()
        live = self.versions - sum(held.versions for held in self.evaluation.held)
        expected = self.evaluation.subjects * live
        if self.evaluation.evaluated_pairs != expected:
            faults.append(
                Fault(
                    f"Run {self.run_id}",
                    f"{self.evaluation.evaluated_pairs} pairs were evaluated; {self.evaluation.subjects} subjects "
                    f"× {live} rules are {expected}.",
                    "This is a defect of the engine: report it with the manifest.",
                )
            )
        raise_all(RunRefused, faults)

    def follows(self, earlier: Manifest) -> None:
        """
        Check that the members this run began with are those that the run before it left.

        Raises:
            RunRefused: With every membership type of which members were lost, or made up, in between.
        """
        left = {t.membership_type: t.members_after for t in earlier.evaluation.types}
        begun = {t.membership_type: t.members_before for t in self.evaluation.types}
        raise_all(
            RunRefused,
            [
                Fault(
                    f"Membership type {key}",
                    f"run {earlier.run_id} left {left.get(key, 0)} members, this one began with {begun.get(key, 0)}.",
                    f"See that what run {earlier.run_id} staged is whole, then run again.",
                )
                for key in sorted({*left, *begun})
                if left.get(key, 0) != begun.get(key, 0)
            ],
        )

    def content(self) -> dict[str, Any]:
        return asdict(self) | {"as_of": self.as_of.isoformat()}


def manifest_from(content: Mapping[str, Any]) -> Manifest:
    """The manifest that :meth:`Manifest.content` described."""
    evaluation = dict(content["evaluation"])
    types = tuple(TypeCounts(**t) for t in evaluation.pop("types"))
    held = tuple(held_from(h) for h in evaluation.pop("held", ()))
    return Manifest(
        **{k: v for k, v in content.items() if k not in ("evaluation", "as_of")},
        as_of=date.fromisoformat(content["as_of"]),
        evaluation=Evaluation(types=types, held=held, **evaluation),
    )


def run_identity(
    as_of: date, rule_set_digest: str, snapshots: Mapping[str, str], settings: Mapping[str, str], engine_version: str
) -> str:
    """
    The id of the run that these inputs name: the same inputs are the same run (R-OPS-3).

    >>> run_identity(date(2024, 6, 1), "ab", {"customers": "2024-06-01"}, {}, "1")
    '2024-06-01-d2a0e4f1790c'
    """
    inputs = [as_of.isoformat(), rule_set_digest, dict(snapshots), dict(settings), engine_version]
    return f"{as_of.isoformat()}-{hashlib.sha256(canonical_json(inputs).encode()).hexdigest()[:12]}"
