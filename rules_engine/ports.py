"""
What a run needs from outside, named for the need. Adapters implement these; :mod:`rules_engine.run` knows nothing else.

Every adapter is held to its port's contract by the suites in ``tests/contract``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Generic, Protocol, TypeVar

from rules_engine.errors import Fault
from rules_engine.model.failing import Failure
from rules_engine.model.frames import Frame, Lake
from rules_engine.model.history import HistoryRecord, Subject, Unreadable
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation, Manifest
from rules_engine.model.publications import Chain, Publication
from rules_engine.model.register import Row
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.schemas import Schema
from rules_engine.model.summaries import Summary

Progress = Callable[[str, float], None]
"""Told what is being done, and the share of it that is done (0 to 1)."""


def silent(_: str, __: float) -> None:
    """Progress that nobody watches."""


Taken = Callable[[int], None]
"""Told how many more records a history is done with."""


def untold(_: int) -> None:
    """Where nobody counts along."""


class RuleSource(Protocol):
    """Where rule sets come from: the repository, or a frozen file."""

    def rule_set(self, as_of: date, known_at: datetime) -> RuleSet:
        """
        The versions in force on ``as_of`` as known at ``known_at``, read in one consistent snapshot.

        Raises:
            RunRefused: If the source cannot be reached, or no rule is in force.
            InvalidRule: If stored rules do not make a valid rule set; all faults at once.
        """
        ...


Rows = TypeVar("Rows")
Session_contra = TypeVar("Session_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class OpenLake(Generic[Rows]):
    """The lake as a run of one day reads it: every frame opened as declared, and no row of it read."""

    as_of: date
    declaration: Lake
    snapshots: Mapping[str, str]
    """Frame name to the name of the state of it that is read."""
    places: Mapping[str, str]
    """Frame name to where the files of that state are."""
    frames: Mapping[str, Rows]
    schema: Schema
    summaries: Mapping[str, Summary] = field(default_factory=dict)
    """Frame name to what its files say of all its rows, where they do."""
    written: Mapping[str, date | None] = field(default_factory=dict)
    """Frame name of a table to the day (UTC) on which the version that is read was written; None if it does not say."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of an open lake that may be evaluated."""

    subjects: int
    """How many there are: each is one row, named by a key that a history can store."""
    failures: tuple[Failure, ...] = ()
    """Rules that are not to be asked of this data, each with why: their membership types are held."""


class LakeReader(Protocol[Session_contra, Rows]):
    """Opens the frames of a lake and says what is wrong with them, before any rule is run over them."""

    def days(self, session: Session_contra, lake: Lake) -> list[date]:
        """The days on which the subject frame landed, oldest first; none if it is not dated."""
        ...

    def open(self, session: Session_contra, lake: Lake, as_of: date) -> OpenLake[Rows]:
        """
        The newest states of all frames not after a day, as views of a session by the frames' names.

        Raises:
            RunRefused: With every frame that has not landed or is not as declared.
        """
        ...

    def believed(self, opened: OpenLake[Rows], frames: Iterable[Frame]) -> None:
        """
        Read the frames whose files are texts, as a check does first.

        Raises:
            RunRefused: With everything that would not come back as it was written.
        """
        ...

    def check(self, opened: OpenLake[Rows], rule_set: RuleSet | None) -> Checked:
        """
        Read what rules are about to be asked of, all of the lake where there is no rule set yet.

        Raises:
            RunRefused: With everything that must not be evaluated.
        """
        ...

    def confirm(self, opened: OpenLake[Rows]) -> None:
        """
        See that what was read is still what was opened.

        Raises:
            RunRefused: With every frame whose state changed meanwhile.
        """
        ...


class Evaluator(Protocol):
    """Evaluates a rule set over the lake and stages hits and decisions in a run's folder."""

    def snapshots(self, as_of: date) -> Mapping[str, str]:
        """Frame name to the name of the state of it that a run of this day reads; no rows are read."""
        ...

    def check(self, rule_set: RuleSet) -> None:
        """
        Read and resolve every rule against the frames, before any data is read.

        Raises:
            InvalidRule: With every fault of every rule.
        """
        ...

    def evaluate(
        self,
        rule_set: RuleSet,
        matrix: HitMatrix,
        folder: str,
        previous: str | None,
        progress: Progress,
        corrected: Sequence[str] = (),
    ) -> Evaluation:
        """
        Evaluate every subject against every version; stage ``hits`` and ``decisions`` as Parquet under ``folder``.

        ``previous`` is the folder of the decisions that this run is decided against, None before the first run.
        ``corrected`` are the folders of the day's publications that the run takes the place of: every pair decided
        there is decided here, if its subject is in the snapshot. A subject that is not in the snapshot is not decided,
        unless the lake says that absence ends memberships; its standing is handed on beside the decisions, as that of
        held types is.

        What was staged there by an earlier try of the run is replaced. A membership type
        of which a rule fails is held, if the evaluator is set to: nothing of it is staged as
        decided, and what stood of it is handed to the run that has ``folder`` as its ``previous``.

        Raises:
            InvalidRule: If rules fail while they run and are not held; each is named.
            RunRefused: If the data cannot be read or breaks what its frame declares.
            RunInterrupted: If the work broke on the way.
        """
        ...


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of the records given to a history: the two add up to all."""

    inserted: int
    already_there: int


class History(Protocol):
    """The insert-only history of decisions: key (subject, created date + membership type)."""

    def insert(self, records: Iterable[HistoryRecord], taken: Taken = untold) -> Inserted:
        """
        Insert records; one that is there already with the same content counts as already there.

        ``taken`` is told on the way of each lot that is done with: watching, and no promise.

        Raises:
            HistoryCollision: If a key is taken by other content; the message names both records.
            RunInterrupted: If the store failed on the way. Insert the same records again.
        """
        ...

    def journey(self, subject: Subject) -> tuple[HistoryRecord, ...]:
        """One subject's records, oldest first."""
        ...

    def count(self, run_id: str) -> int:
        """How many records of a run the history holds."""
        ...

    def members(self, membership_type: str) -> Iterator[Subject]:
        """The subjects whose newest record of this type, corrections aside, grants; in order of their key."""
        ...

    def records(
        self, run_id: str | None = None, subject: Subject | None = None
    ) -> Iterator[HistoryRecord | Unreadable]:
        """
        Every record, or a run's or a subject's alone, read as they are asked for.

        A subject's come together, the oldest first.

        What stands there and is no record comes in its place, said to be so.
        """
        ...

    def guard_faults(self) -> Iterable[Fault]:
        """What no longer keeps the store insert-only, as far as the store itself can say."""
        ...

    def chain(self) -> Chain:
        """
        The entries of the chain of publications, the oldest first.

        Raises:
            RunRefused: If an entry cannot be read, or says otherwise than its key or its claim.
        """
        ...

    def claim(self, entry: Publication) -> bool:
        """
        Claim the entry's number for its run, by an insert that can succeed once.

        True if the number is this run's now, or was already with the same content; False if it is another's.
        """
        ...

    def close(self, entry: Publication) -> None:
        """Say, once, that the history holds all of a claimed entry's run. Saying it again changes nothing."""
        ...


class Register(Protocol):
    """
    Who is a member now: key (membership number, membership type), told by the newest record of each pair.

    Every method that writes may be repeated, and every one raises RunRefused if the store cannot be used and
    RunInterrupted if it failed on the way.
    """

    def create(self) -> None:
        """Make the register if it is not there."""
        ...

    def apply(self, records: Collection[HistoryRecord]) -> int:
        """
        Bring the rows of these records' pairs up to date; how many rows that changed.

        Only a newer record changes a row, so that repetitions and disorder change nothing. A subject that is granted
        something for the first time is issued its number.
        """
        ...

    def adopt(self, numbers: Mapping[Subject, str]) -> int:
        """
        Take membership numbers from the master, for subjects that have none; how many are new.

        Raises:
            RunRefused: If a subject has another number, or a number is another subject's. Nobody's number changes.
        """
        ...

    def number(self, subject: Subject) -> str | None:
        """A subject's membership number."""
        ...

    def member(self, number: str) -> tuple[Row, ...]:
        """The rows of a membership number, by membership type."""
        ...

    def rows(self, subjects: Collection[Subject]) -> tuple[Row, ...]:
        """The rows of these subjects, in any order."""
        ...

    def members(self, membership_type: str, after: Subject | None, limit: int) -> tuple[Row, ...]:
        """At most ``limit`` members of a type, those after a subject in the store's order: a page."""
        ...

    def every(self) -> Iterator[Row]:
        """All rows, read as they are asked for."""
        ...

    def remove(self, row: Row) -> None:
        """Take a row away if it is still as given: only what no record says is removed."""
        ...

    def set_apart(self, sequence: str, what: Unreadable, content: str) -> None:
        """Keep what cannot be applied, once for each sequence number."""
        ...

    def apart(self) -> int:
        """How much was set apart."""
        ...

    def through(self) -> int | None:
        """The number of the last publication that is in the register whole; None if it was never built."""
        ...

    def keep_through(self, number: int) -> None:
        """Say so; a smaller number than the one that is kept changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run's place: its logical time, fixed when its id was first opened, and its folder."""

    run_id: str
    created_at: datetime
    folder: str


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as the store knows it; ``published`` is when, None while it is not."""

    run_id: str
    created_at: datetime
    as_of: date | None
    folder: str
    decided: int | None
    published: datetime | None
    broken: str = ""
    """Why what it keeps of the run cannot be read; empty where it can."""
    held: tuple[str, ...] = ()
    """Why the run waits for its release."""


class RunStore(Protocol):
    """Remembers runs: their logical time, staged results, manifest, and whether they were published."""

    def open(self, run_id: str, created_at: datetime) -> OpenRun:
        """
        Open a run to evaluate it; its first opening fixes ``created_at``, later ones get that one back.

        Of two that open it at once one fixes it, and both get the same. A manifest kept by an earlier try is
        forgotten: what it counted is about to be staged anew, and a try that stops half-way must leave nothing
        that could be published.
        """
        ...

    def folder(self, run_id: str) -> str:
        """Where a run is staged."""
        ...

    def keep_rule_set(self, run_id: str, rule_set: RuleSet) -> None: ...

    def rule_set(self, run_id: str) -> RuleSet: ...

    def keep_manifest(self, run_id: str, manifest: Manifest) -> None: ...

    def manifest(self, run_id: str) -> Manifest | None:
        """The run's manifest, None while its evaluation has not ended."""
        ...

    def keep_chain(self, chain: Chain) -> None:
        """Keep a copy of a history's chain, for whoever evaluates and may read no history."""
        ...

    def chain(self) -> Chain:
        """The copy of the chain that was kept last; empty where none was."""
        ...

    def staged_files(self, run_id: str) -> Mapping[str, str]:
        """The names, below the run's folder, of the staged decisions and standing, and their SHA-256."""
        ...

    def prune(self, keep: int) -> tuple[str, ...]:
        """Remove what old runs staged, but of the last ``keep`` and of what the chain needs; the runs it was of."""
        ...

    def keep_held(self, run_id: str, why: Sequence[str]) -> None:
        """Say why an evaluated run is not to be published yet; nothing, that it may be."""
        ...

    def mark_published(self, run_id: str, at: datetime) -> None:
        """Say that the history holds the whole run. Saying it again changes nothing."""
        ...

    def runs(self) -> tuple[RunStatus, ...]:
        """All runs, by created date."""
        ...

    def decisions(self, run_id: str, matrix: HitMatrix) -> Iterable[HistoryRecord]:
        """The staged decisions of an evaluated run as history records, decoded from the packed words."""
        ...
