"""Decisions as they are staged: of one membership type as arrays, as Arrow, and as the digest has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rules_engine.index.words import SUBJECT
from rules_engine.model.decisions import Standing, decide_absent
from rules_engine.model.rules import Kind
from rules_engine.worker import row_hash
from rules_engine.worker.merge import Block
from rules_engine.worker.parquet import REPEATS
from rules_engine.worker.weighing import (
    EVENTS,
    FORMER,
    MEMBER,
    NEVER,
    REASONS,
    Codes,
    Flags,
    Numbers,
    Sides,
    Verdicts,
)
from rules_engine.worker.work_counts import Outcome

HITS, DECISIONS, STANDING = "hits", "decisions", "standing"
"""What is staged, by the name of its folder."""

_NAMES = [each.value for each in REASONS], [each.value for each in EVENTS]
_CODED = pa.dictionary(pa.int8(), pa.string())
MERGED_INTO = "merged_into"
EPOCH = date(1970, 1, 1)
"""The day from which Arrow counts days."""


def decision_schema(subject: pa.DataType) -> pa.Schema:
    """
    Grain: subject × membership type. ``words`` are the type's own, NULL where no rule that counts hit; ``merged_into``
    is the surviving subject where the membership ended by a merge, else NULL.
    """
    fields: dict[str, pa.DataType] = {
        SUBJECT: subject, "membership_type": _CODED, "granted": pa.bool_(), "reason": _CODED, "event": _CODED,
        "inclusion_sum": pa.int64(), "exclusion_sum": pa.int64(),
        "inclusion_hits": pa.int64(), "exclusion_hits": pa.int64(),
        "words": pa.list_(pa.int64()), "first_granted": pa.date32(), MERGED_INTO: subject,
    }  # fmt: skip
    once = {SUBJECT, "words", MERGED_INTO}
    return pa.schema(
        [pa.field(name, type_, metadata=None if name in once else {REPEATS: b"yes"}) for name, type_ in fields.items()]
    )


def standing_schema(subject: pa.DataType) -> pa.Schema:
    """Grain: subject × membership type. An earlier membership; one that never was has no ``first_granted``."""
    fields = {SUBJECT: subject, "membership_type": pa.string(), "granted": pa.bool_(), "first_granted": pa.date32()}
    return pa.schema(list(fields.items()))


def before_schema(subject: pa.DataType) -> pa.Schema:
    """Of earlier memberships on their way to whoever decides: also who took the subject's place."""
    return standing_schema(subject).append(pa.field(MERGED_INTO, subject))


def schemas(finalised: Iterable[str], subject: pa.DataType, *, hands_on: bool) -> Mapping[str, pa.Schema]:
    """Of each folder that is staged its columns."""
    words = [pa.field(name, pa.int64(), nullable=False) for name in finalised]
    found = {HITS: pa.schema([pa.field(SUBJECT, subject), *words]), DECISIONS: decision_schema(subject)}
    return {**found, STANDING: standing_schema(subject)} if hands_on else found


class Before(NamedTuple):
    """How the subjects of a block stood with one membership type."""

    standing: Codes
    first_granted: NDArray[np.int32]
    """Days since 1970, where ``standing`` is not never."""
    asked: Flags
    """Whether the pair is decided whatever stood."""

    @classmethod
    def of(cls, block: Block, key: str) -> Before:
        """Of the subjects of a block, each in its place."""
        subjects = len(block.subjects)
        found = cls(np.full(subjects, NEVER, np.int8), np.zeros(subjects, np.int32), np.zeros(subjects, bool))
        if block.stood is None or not block.stood.num_rows:
            return found
        here = np.flatnonzero(flags(pc.equal(block.stood.column("membership_type"), key)))
        rows, at = block.stood.take(pa.array(here)), block.at[here]
        found.asked[at] = True
        granted, first = flags(rows.column("granted")), rows.column("first_granted")
        ever = flags(first.is_valid())
        found.standing[at[ever]] = np.where(granted[ever], MEMBER, FORMER)
        found.first_granted[at[ever]] = first.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)[ever]
        return found


@dataclass(frozen=True)
class DecisionRows:
    """Decisions of one membership type as arrays, a row a subject."""

    key: str
    granted: Flags
    reason: Codes
    event: Codes
    sums: tuple[Numbers, Numbers]
    hits: tuple[Numbers, Numbers]
    words: NDArray[np.int64]
    """Grain: row × word of the type."""
    counted: Flags
    """Whether a rule that counts hit, or one holds the decision: else ``words`` are NULL."""
    first_granted: NDArray[np.int32]
    ever: Flags
    """Whether there is a ``first_granted``."""
    merged_into: pa.Array | None = None
    """Of every row the surviving subject, where all are memberships that ended by a merge."""

    @classmethod
    def of(
        cls, key: str, words: Sequence[Numbers], sides: Sides, verdicts: Verdicts, before: Before, day: int
    ) -> DecisionRows:
        """What verdicts come to: ``words`` are the type's own, ``day`` is the run's, from 1970."""
        counted = sides.any(Kind.INCLUSION) | sides.any(Kind.EXCLUSION) | sides.held
        never = before.standing == NEVER
        return cls(
            key, verdicts.granted, verdicts.reason, verdicts.event,
            (sides.sums[Kind.INCLUSION], sides.sums[Kind.EXCLUSION]),
            (sides.counts[Kind.INCLUSION], sides.counts[Kind.EXCLUSION]),
            np.stack([*words], axis=1) if words else np.zeros((len(never), 0), dtype=np.int64),
            counted,
            np.where(never, np.int32(day), before.first_granted).astype(np.int32),
            ~never | verdicts.granted,
        )  # fmt: skip

    @classmethod
    def ended(cls, key: str, members: pa.RecordBatch, *, merged: bool = False) -> DecisionRows:
        """The decisions about members who are gone, where absence ends memberships, or were ``merged`` into others."""
        decision = decide_absent(Standing.MEMBER, ends=True, merged=merged)
        assert decision is not None
        rows = members.num_rows
        none: Numbers = np.zeros(rows, dtype=np.int64)
        reason, event = REASONS.index(decision.reason), EVENTS.index(decision.event)
        first = members.column("first_granted").cast(pa.int32()).to_numpy(zero_copy_only=False)
        return cls(
            key, np.zeros(rows, dtype=bool),
            np.full(rows, reason, np.int8), np.full(rows, event, np.int8),
            (none, none), (none, none), np.zeros((rows, 0), dtype=np.int64), np.zeros(rows, dtype=bool),
            first, np.ones(rows, dtype=bool), members.column(MERGED_INTO) if merged else None,
        )  # fmt: skip

    def at(self, rows: NDArray[np.intp]) -> DecisionRows:
        """Some of them."""
        return replace(
            self,
            granted=self.granted[rows], reason=self.reason[rows], event=self.event[rows],
            sums=(self.sums[0][rows], self.sums[1][rows]), hits=(self.hits[0][rows], self.hits[1][rows]),
            words=self.words[rows], counted=self.counted[rows],
            first_granted=self.first_granted[rows], ever=self.ever[rows],
            merged_into=None if self.merged_into is None else self.merged_into.take(pa.array(rows)),
        )  # fmt: skip

    def batch(self, subjects: pa.Array) -> pa.RecordBatch:
        """The rows of these subjects as :func:`decision_schema` has them."""
        kept = self.words[self.counted]
        ends = np.cumsum(np.concatenate([[0], self.counted * kept.shape[1]]), dtype=np.int32)
        words = pa.ListArray.from_arrays(pa.array(ends), pa.array(kept.ravel()), mask=pa.array(~self.counted))
        first = pa.array(self.first_granted, mask=~self.ever).cast(pa.date32())
        types = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(subjects), np.int8)), [self.key])
        reason, event = (
            pa.DictionaryArray.from_arrays(pa.array(codes), names)
            for codes, names in zip((self.reason, self.event), _NAMES, strict=True)
        )
        into = pa.nulls(len(subjects), subjects.type) if self.merged_into is None else self.merged_into
        numbers = map(pa.array, (*self.sums, *self.hits))
        columns = [subjects, types, pa.array(self.granted), reason, event, *numbers, words, first, into]
        return pa.RecordBatch.from_arrays(columns, schema=decision_schema(subjects.type))

    def hashes(self, subjects: row_hash.Hashes) -> row_hash.Hashes:
        """What Spark's ``xxhash64`` says of the rows, from what it says of their subjects."""
        found = row_hash.of_flags(self.granted, row_hash.of_text(self.key, subjects))
        for codes, names in zip((self.reason, self.event), _NAMES, strict=True):
            found = row_hash.of_codes(codes, names, found)
        for numbers in (*self.sums, *self.hits):
            found = row_hash.of_longs(numbers, found)
        for word in self.words.T:
            found = np.where(self.counted, row_hash.of_longs(np.ascontiguousarray(word), found), found)
        found = np.where(self.ever, row_hash.of_ints(self.first_granted, found), found)
        return found if self.merged_into is None else hashed(self.merged_into, found)

    def outcomes(self) -> Iterator[tuple[Outcome, int]]:
        """How many rows have each outcome."""
        coded = (self.granted.astype(np.int64) * len(EVENTS) + self.event) * len(REASONS) + self.reason
        for code in np.flatnonzero(counts := np.bincount(coded)):
            rest, reason = divmod(int(code), len(REASONS))
            granted, event = divmod(rest, len(EVENTS))
            yield Outcome(self.key, bool(granted), EVENTS[event].value, REASONS[reason].value), int(counts[code])


def hashed(subjects: pa.Array, seeds: row_hash.Hashes | None = None) -> row_hash.Hashes:
    """What Spark's ``xxhash64`` says of subjects: where it goes on with the rest of their rows, or ends with them."""
    seeds = row_hash.seeds(len(subjects)) if seeds is None else seeds
    if not pa.types.is_string(subjects.type):
        return row_hash.of_longs(subjects.to_numpy(zero_copy_only=False).astype(np.int64), seeds)
    _, offsets, data = subjects.buffers()
    places = np.frombuffer(offsets, dtype=np.int32)[subjects.offset :][: len(subjects) + 1]
    return row_hash.of_texts(np.frombuffer(data or b"", dtype=np.uint8), places, seeds)


def flags(column: pa.Array) -> Flags:
    """A column of flags, none of them NULL."""
    found: Flags = column.to_numpy(zero_copy_only=False).astype(bool)
    return found
