"""Frames: the declared data sets of the lake that a rule can see (R-LAKE-1..3)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.columns import Column, OnBreach
from rules_engine.model.frame_options import option_faults, spelled
from rules_engine.model.joint_holdings import JointHoldings, made_of, ready_columns
from rules_engine.model.layouts import Layout
from rules_engine.model.merged_subjects import MergedSubjects, declared_faults

READERS = ("analyst", "approver", "auditor", "admin")
"""The roles of the rules database in which somebody reads."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
SEGMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]{0,63}")


class Format(StrEnum):
    """How a frame's files are written."""

    PARQUET = "parquet"
    ORC = "orc"
    CSV = "csv"
    JSON = "json"
    DELTA = "delta"
    ICEBERG = "iceberg"

    @property
    def is_text(self) -> bool:
        """Whether its files are text, without types of their own."""
        return self in (Format.CSV, Format.JSON)

    @property
    def is_table(self) -> bool:
        """Whether a log beside the files says which of them count, version by version."""
        return self in (Format.DELTA, Format.ICEBERG)


class Absent(StrEnum):
    """What becomes of a member whose subject is not in the snapshot (R-RUN-3)."""

    KEEP = "keep"  # nothing is decided; the standing is carried on and counted
    END = "end"  # the membership ends, by an event of its own


class Naming(StrEnum):
    """By what the state of a frame's files is told from another, besides their names."""

    TIMES = "times"  # an ETag where the store has one, else size and time of change
    CONTENTS = "contents"  # of local files every byte: a copy elsewhere is the same state


class Days(StrEnum):
    """Whether the frames of a run may be of different days."""

    NEWEST = "newest"  # of each frame the newest day that landed
    AGREE = "agree"  # the subject frame's day, but where a frame says how old it may be


@dataclass(frozen=True, slots=True)
class Frame:
    """
    A declared data set of the lake.

    ``key`` names the columns that tell its rows apart. ``subject_key`` is the
    column that holds the subject's key: on the subject frame its only key, on
    any other frame a column that may repeat (one-to-many), or empty where the
    frame concerns no subject (a reference list). ``path`` may say a day, as
    :class:`~rules_engine.model.layouts.Layout` has it: the newest landed day not
    after the run's day is read. Columns are what files must have; those of formats
    that carry their own schema may have more, which rules see as well. Text files
    have those that are declared, and no others. ``max_age`` is how many days the
    snapshot's day may be before the run's, ``orphans`` the share of rows (0 to 1)
    that may be of no subject; None is any. ``on_breach`` of key and orphans is the
    lake's where it is None.
    """

    name: str
    path: str
    format: Format = Format.PARQUET
    key: tuple[str, ...] = ()
    subject_key: str = ""
    grain: str = ""
    source_system: str = ""
    columns: tuple[Column, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    max_age: int | None = None
    orphans: float | None = None
    on_breach: OnBreach | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(spelled(self.options)))
        raise_all(RunRefused, self._faults())

    def _faults(self) -> Iterable[Fault]:
        which = f"Frame '{self.name}'"
        if not NAME.fullmatch(self.name):
            yield Fault(which, "its name is not of letters, digits and '_'.", "Rename it.")
        if not self.path:
            yield Fault(which, "it has no path.", 'Say where its files are: path = "customers".')
        elif unknown := Layout(self.path).unknown():
            what = f"its path says {unknown}, which names no day."
            yield Fault(which, what, "Write {day} once, or {yyyy}, {mm} and {dd}, each once.")
        elif self.format.is_table and Layout(self.path).dated:
            yield Fault(which, f"a {self.format} table has versions, and its path says a day.", "Name the table alone.")
        if self.format.is_text and not self.columns:
            what = f"it is {self.format} and declares no columns."
            remedy = "Text carries no schema of its own: `rules lake declare FOLDER` writes the columns down."
            yield Fault(which, what, remedy)
        yield from option_faults(which, self.format.value, self.options)
        names = [c.name.lower() for c in self.columns]
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield Fault(which, f"it declares the column '{name}' twice.", "Remove one.")
        if names:
            for name in (*self.key, *filter(None, [self.subject_key])):
                if name.lower() not in names:
                    yield Fault(which, f"its key column '{name}' is not among its columns.", "Declare it.")
        yield from self._expectation_faults(which)

    def _expectation_faults(self, which: str) -> Iterable[Fault]:
        if self.max_age is not None and (type(self.max_age) is not int or self.max_age < 0):
            yield Fault(which, f"it says max_age = {self.max_age}.", "Write a number of days, such as 3.")
        if self.max_age is not None and not (Layout(self.path).dated or self.format.is_table):
            yield Fault(which, "it says max_age and its path says no day.", 'Land it by day: path = "…/{day}".')
        if self.orphans is not None and (type(self.orphans) not in (int, float) or not 0 <= self.orphans <= 1):
            yield Fault(which, f"it says orphans = {self.orphans}, which is no share.", "Write 0.0 (none) to 1.0.")
        if self.orphans is not None and not self.subject_key:
            yield Fault(which, "it limits orphans and has no subject_key.", "Say which column names the subject.")


def key_among(names: Sequence[str], key: str, others: Iterable[str]) -> int | None:
    """
    Which of the columns that a statement returns names the subject; what stands beside it is evidence.

    It is the only one, else the one called like the subject's ``key``, else like one of the ``others``, the columns
    of frames that hold it. None where there is no such column, or a second one of the same name.
    """
    if len(names) == 1:
        return 0
    for wanted in ({key.lower()}, {other.lower() for other in others if other}):
        if found := [at for at, name in enumerate(names) if name.lower() in wanted]:
            return found[0] if len(found) == 1 else None
    return None


@dataclass(frozen=True, slots=True)
class Lake:
    """
    The declared frames, and which of them the decisions are about.

    Raises:
        RunRefused: If the subject frame is missing or its key is not one column.
    """

    subject: str
    frames: tuple[Frame, ...]
    absent: Absent = Absent.KEEP
    snapshots: Naming = Naming.TIMES
    segments: tuple[tuple[str, str], ...] = ()
    """Names, and Spark SQL over the subject's own row, by which effects are split; no decision follows from them."""
    days: Days = Days.NEWEST
    on_breach: OnBreach = OnBreach.STOP
    holdings: JointHoldings | None = None
    seen_by: tuple[str, ...] = ("auditor",)
    """The roles that see values of sensitive columns; others see them masked."""
    merged: MergedSubjects | None = None

    def __post_init__(self) -> None:
        raise_all(RunRefused, self._faults())

    def _faults(self) -> Iterable[Fault]:
        names = [f.name.lower() for f in self.frames]
        if unknown := sorted({*self.seen_by} - {*READERS}):
            what = f"it is seen_by '{unknown[0]}', which is no role."
            yield Fault("The lake", what, f"There are: {', '.join(READERS)}.")
        for name, sql in self.segments:
            if not SEGMENT.fullmatch(name) or name.lower() == "subject" or not sql.strip():
                yield Fault(f"Segment '{name}'", "it has no usable name, or no SQL.", "Name it of letters and digits.")
        if len({name.lower() for name, _ in self.segments}) < len(self.segments):
            yield Fault("The lake", "it declares a segment twice.", "Remove one.")
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield Fault("The lake", f"it declares the frame '{name}' twice.", "Remove one.")
        if self.subject.lower() not in names:
            yield Fault(
                "The lake", f"its subject frame '{self.subject}' is not declared.", "Declare it under [frames]."
            )
        elif not self.subject_frame.subject_key:
            yield Fault(f"Frame '{self.subject}'", "it is the subject frame and its key is not one column.", "Name it.")
        else:
            yield from self._day_faults()
            if self.holdings:
                yield from made_of(self.holdings, self.frames)
            if self.merged:
                yield from declared_faults(self.merged, self.frames, self.subject, self.on_breach)

    def _day_faults(self) -> Iterable[Fault]:
        if self.days is Days.AGREE and not Layout(self.subject_frame.path).dated:
            what = f"it says days = \"agree\", and the path of '{self.subject}' says no day to agree with."
            yield Fault("The lake", what, 'Land the subjects by day: path = "…/{day}"; or leave days out.')

    @property
    def digest(self) -> str:
        """
        SHA-256 over what of the declaration can change an answer; where files lie cannot, their snapshots say that.
        """
        said = [
            [
                f.name,
                f.format.value,
                f.key,
                f.subject_key,
                sorted(f.options.items()),
                [[c.name, c.type] for c in f.columns],
            ]
            for f in self.frames
        ]
        text = json.dumps([self.subject, said, self.absent.value, *self._also()], ensure_ascii=False)
        return sha256(text.encode()).hexdigest()

    def _also(self) -> Iterable[object]:
        """What few declarations say: ready frame, merges, and what holds types; what only stops is not said."""
        if self.holdings:
            yield astuple(self.holdings)
        if self.merged:
            yield ["merged", *astuple(self.merged)]
        if self.holds:
            yield [
                [f.name, f.orphans, f.on_breach, [[*c.expectations(), c.on_breach] for c in f.columns]]
                for f in self.frames
            ] + [self.on_breach]

    @property
    def holds(self) -> bool:
        """Whether anything that is wrong with the data holds membership types."""
        said = [self.on_breach, *(f.on_breach for f in self.frames)]
        return OnBreach.HOLD in [*said, *(c.on_breach for f in self.frames for c in f.columns)]

    @property
    def ready_frames(self) -> tuple[Frame, ...]:
        """Frames that are made of others and that rules name like them; they have no files."""
        if self.holdings is None:
            return ()
        of = self.frame(self.holdings.frame)
        columns = ready_columns(self.holdings, self.frames, self.subject_key)
        key, grain = (self.subject_key, "product"), f"one row per holder and product, made of {of.name}"
        return (Frame(self.holdings.name, of.path, of.format, key, self.subject_key, grain, columns=columns),)

    @property
    def sensitive(self) -> frozenset[str]:
        """Names of columns whose values are shown to few, in small letters; of what is made of them, too."""
        made = self.holdings.sensitive(self.frames, self.subject_key) if self.holdings else ()
        own = (column.name for frame in self.frames for column in frame.columns if column.sensitive)
        return frozenset(map(str.lower, (*own, *made)))

    @property
    def subject_frame(self) -> Frame:
        return self.frame(self.subject)

    @property
    def subject_key(self) -> str:
        """The column that names a subject on the subject frame."""
        return self.subject_frame.subject_key

    def key_among(self, names: Sequence[str]) -> int | None:
        """The place of the subject's key among the columns of a statement: :func:`key_among`."""
        return key_among(names, self.subject_key, (frame.subject_key for frame in self.frames))

    def frame(self, name: str) -> Frame:
        found = next((f for f in self.frames if f.name.lower() == name.lower()), None)
        return found or next(f for f in self.ready_frames if f.name.lower() == name.lower())
