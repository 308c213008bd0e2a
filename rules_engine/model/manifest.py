"""The manifest: what a run read, did and counted, and the sums that must add up (R-OPS-4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.canonical import canonical_json
from rules_engine.model.decisions import Event, WritePolicy
from rules_engine.model.failing import HeldType, held_from

FORMAT = 2
"""The form manifests are written in. Those of form 1 say nothing of files, corrections and absent subjects."""

REVOKED = ("REVOKED_LAPSED", "REVOKED_EXCLUDED", "REVOKED_ABSENT", "MERGED_INTO")


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """
    How many subjects stand where after a run, for one membership type.

    Grain: membership type. ``events`` and ``reasons`` count the decided pairs,
    those with a hit or an earlier membership. ``absent`` are the members, of
    those before and after, who are not in the snapshot: nothing is decided of
    them, their standing is carried on (R-RUN-3).
    """

    membership_type: str
    members_before: int
    members_after: int
    decided: int
    events: Mapping[str, int]
    reasons: Mapping[str, int]
    absent: int = 0

    def faults(self) -> Iterable[Fault]:
        """Which of the identities do not hold."""
        which = f"Membership type {self.membership_type}"
        gained = self.events.get("GRANTED", 0) + self.events.get("REINSTATED", 0)
        lost = sum(self.events.get(event, 0) for event in REVOKED)
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
class SourceCounts:
    """
    Rows of one source as workers counted them: read, sent to their subjects, received there (R-RUN-4).

    ``there`` is how many rows the frame has by Spark's own count, None where the source is a query. A source that is
    alone sends nothing: then ``sent`` and ``received`` are 0.
    """

    source: str
    there: int | None
    read: int
    sent: int
    received: int

    def faults(self) -> Iterable[Fault]:
        """Which rows were lost, or made up, on the way."""
        which, remedy = (
            f"Source {self.source}",
            "This is a defect of the engine or of Spark: report it with the manifest.",
        )
        if self.there is not None and self.there != self.read:
            yield Fault(which, f"it has {self.there} rows, workers read {self.read}.", remedy)
        if self.sent != self.received:
            yield Fault(which, f"{self.sent} rows were sent to their subjects, {self.received} arrived.", remedy)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    What an evaluator counted: subjects in, pairs evaluated, decisions out.

    ``evaluated_pairs`` is subjects × versions, the proof of completeness
    (R-ENG-3); ``hits_per_rule`` counts subjects per version id, shadow ones too;
    ``unknown_per_rule`` those whose condition was NULL. ``decisions_digest``
    covers every decided pair, whatever the order of rows. ``held`` are the
    types that were left out, rules and all, because a rule of theirs failed.
    ``sources`` are the rows that workers counted; they brought ``merged`` subjects
    together, of whom ``bare`` had no bit and ``rows`` are in the hit matrix that was staged,
    beside ``staged`` decisions. ``seconds`` names phases; it is a measurement and no part of any digest.
    """

    subjects: int
    evaluated_pairs: int
    hits_per_rule: Mapping[str, int]
    unknown_per_rule: Mapping[str, int]
    types: tuple[TypeCounts, ...]
    decisions_digest: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    held: tuple[HeldType, ...] = ()
    sources: tuple[SourceCounts, ...] = ()
    merged: int | None = None
    bare: int | None = None
    rows: int | None = None
    staged: int | None = None

    def work_faults(self) -> Iterable[Fault]:
        """Where workers did not do what there was to do; nothing is known of runs of manifests of form 1."""
        for source in self.sources:
            yield from source.faults()
        which, remedy = "The hit matrix", "This is a defect of the engine or of Spark: report it with the manifest."
        if self.merged is not None and self.merged != self.subjects:
            yield Fault(which, f"there are {self.subjects} subjects, workers decided {self.merged}.", remedy)
        if self.merged is not None and (self.bare or 0) + (self.rows or 0) != self.merged:
            what = f"of {self.merged} subjects {self.bare} had no hit and {self.rows} are in what was staged."
            yield Fault(which, what, remedy)
        decided = sum(counts.decided for counts in self.types)
        if self.staged is not None and self.staged != decided:
            what = f"workers made {decided} decisions, {self.staged} are in what was staged."
            yield Fault("The decisions", what, remedy)

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
    previous_digest: str | None = None
    """The digest of the previous run's manifest, as it was when this run was decided against it."""
    correction: bool = False
    takes_back: str | None = None
    """The run whose answers for the day this run's take the place of, if it corrects them."""
    writes: WritePolicy = WritePolicy.RESULTS
    """Which of its decisions become records; all of those of a correction, and of a run that takes answers back."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The staged files of decisions and standing, by their names below the run's folder, and their SHA-256."""
    format: int = FORMAT
    as_read: str = field(default="", repr=False, compare=False)
    """The digest of the text it was read from: a later form of manifests would word an earlier one otherwise."""

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of all that the manifest says, in hexadecimal."""
        return self.as_read or _digest(self.content())

    @property
    def decided(self) -> int:
        """Pairs with a decision."""
        return sum(t.decided for t in self.evaluation.types)

    @property
    def written(self) -> int:
        """Decisions that become records, by the counted events: what the history must hold of this run."""
        counted = (pair for t in self.evaluation.types for pair in t.events.items())
        return sum(number for event, number in counted if self.writes.writes(Event(event)))

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
        faults += self.evaluation.work_faults()
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

    def altered(self, files: Mapping[str, str], remedy: str = "then evaluate the run again") -> None:
        """
        Check that the staged files are those that were counted: not one more, one less or another byte (R-RUN-5).

        ``remedy`` is what to do once it is known who wrote there: a published run is not evaluated again.

        Raises:
            RunRefused: With every file that differs.
        """
        if self.files and not files:
            gone = "nothing of what it staged is here any more: it was pruned, or removed."
            raise RunRefused(Fault(f"Run {self.run_id}", gone, "Bring it back from a backup, then try again."))
        names = sorted(name for name in {*self.files, *files} if self.files.get(name) != files.get(name))
        what = {name: _file_fault(name in self.files, name in files) for name in names}
        mend = f"Find out who wrote there; {remedy}."
        raise_all(RunRefused, [Fault(f"Run {self.run_id}, {name}", said, mend) for name, said in what.items()])

    def content(self) -> dict[str, Any]:
        said = asdict(self) | {"as_of": self.as_of.isoformat()}
        del said["as_read"]
        return said


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _file_fault(was: bool, stands: bool) -> str:
    if was and stands:
        return "its bytes are not those that were decided and counted."
    return "it was counted and is gone." if was else "it was put there after the decisions were counted."


def manifest_from(content: Mapping[str, Any]) -> Manifest:
    """
    The manifest that :meth:`Manifest.content` described, of this form or an earlier one.

    What a later form says besides is left out.

    Raises:
        ValueError: If it is no manifest; the cause says what is missing.
    """
    try:
        evaluation = _known(Evaluation, content["evaluation"]) | {
            "types": tuple(TypeCounts(**_known(TypeCounts, t)) for t in content["evaluation"]["types"]),
            "held": tuple(held_from(h) for h in content["evaluation"].get("held", ())),
            "sources": tuple(SourceCounts(**_known(SourceCounts, s)) for s in content["evaluation"].get("sources", ())),
        }
        said = _known(Manifest, content) | {
            "as_of": date.fromisoformat(content["as_of"]),
            "writes": WritePolicy(content.get("writes", WritePolicy.RESULTS)),
            "evaluation": Evaluation(**evaluation),
            "format": content.get("format", 1),
            "as_read": _digest(content),
        }
        return Manifest(**said)
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"it is no manifest: {problem!r}") from problem


def _known(kind: type[Any], content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in kind.__dataclass_fields__ if name in content}


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
