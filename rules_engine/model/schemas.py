"""What rules may name of a lake, and nothing of where it lies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from rules_engine.model.frames import Lake, key_among
from rules_engine.model.reference_lists import ReferenceList


@dataclass(frozen=True, slots=True)
class Schema:
    """
    What a rule may name: columns and Spark SQL types per frame, in order.

    This is all that ``language`` knows of the lake: checking a rule reads no data.
    Frames and columns are spelled as declared; the look-ups ignore case, as Spark does.
    """

    subject: str
    subject_key: str
    columns: Mapping[str, Mapping[str, str]]
    subject_keys: Mapping[str, str]
    """Frame name to the column holding the subject's key, for frames that have one."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Frame name to the columns of the key that is declared of it, which tell its rows apart: a run checks that."""

    @classmethod
    def of(cls, lake: Lake, columns: Mapping[str, Mapping[str, str]]) -> Schema:
        """Of a lake's declaration, with the columns that its frames and the reference lists are known to have."""
        return cls(
            subject=lake.subject_frame.name,
            subject_key=lake.subject_key,
            columns=columns,
            subject_keys={f.name: f.subject_key for f in (*lake.frames, *lake.ready_frames) if f.subject_key},
            keys={f.name: f.key for f in lake.frames if f.key},
        )

    @classmethod
    def declared(cls, lake: Lake, lists: Iterable[ReferenceList] = ()) -> Schema:
        """Of every column that is declared, whether or not it is in the files."""
        frames = {f.name: {c.name: c.type for c in f.columns} for f in (*lake.frames, *lake.ready_frames)}
        return cls.of(lake, {each.name: each.columns for each in lists} | frames)

    def columns_of(self, frame: str) -> Mapping[str, str] | None:
        """The columns of a frame, None if there is no such frame."""
        return next((found for name, found in self.columns.items() if name.lower() == frame.lower()), None)

    def types_of(self, frame: str) -> dict[str, str]:
        """The types of a frame's columns by their names in small letters; empty if there is no such frame."""
        return {name.lower(): type_ for name, type_ in (self.columns_of(frame) or {}).items()}

    def subject_key_of(self, frame: str) -> str:
        """The column of a frame that holds the subject's key, empty where it has none."""
        return next((key for name, key in self.subject_keys.items() if name.lower() == frame.lower()), "")

    def key_of(self, frame: str) -> tuple[str, ...]:
        """The columns of the key that is declared of a frame, empty where none is."""
        return next((key for name, key in self.keys.items() if name.lower() == frame.lower()), ())

    def key_among(self, names: Sequence[str]) -> int | None:
        """The place of the subject's key among the columns of a statement: :func:`key_among`."""
        return key_among(names, self.subject_key, self.subject_keys.values())

    def reads_as(self, other: Schema) -> bool:
        """Whether the two are the same, in the same order: messages list frames and columns as they stand."""
        if self is other:
            return True
        order = [[(frame, [*columns]) for frame, columns in each.columns.items()] for each in (self, other)]
        return self == other and order[0] == order[1]

    @property
    def digest(self) -> str:
        """A name for everything a rule's meaning can depend on here: SHA-256 over names and types, as declared."""
        columns = {frame: list(found.items()) for frame, found in self.columns.items()}
        content = [self.subject, self.subject_key, columns, dict(self.subject_keys), dict(self.keys)]
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def subject_type(self) -> str:
        """The Spark SQL type of the subject's key."""
        return next(
            type_
            for name, type_ in (self.columns_of(self.subject) or {}).items()
            if name.lower() == self.subject_key.lower()
        )
