"""
Decisions made where the bits are: a worker that has a subject's words, and how it stood, decides every membership type.

What is staged comes out of one pass: hits, decisions, and what stands of subjects that are gone. What is counted is
counted on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rules_engine.index.words import SUBJECT, hit_word, unknown_word
from rules_engine.model.decisions import Event, Reason
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import Kind, MembershipType, Strategy, WhenUnknown
from rules_engine.worker import row_hash
from rules_engine.worker.bit_counts import BitCounts
from rules_engine.worker.merge import Block
from rules_engine.worker.weighing import (
    EVENTS,
    FORMER,
    MEMBER,
    NEVER,
    REASONS,
    Codes,
    Flags,
    Numbers,
    Scales,
    Sides,
    Term,
    Verdicts,
    Weighing,
    decided,
)
from rules_engine.worker.work_counts import SUM, XOR, Count, Left, Outcome, uncounted

HITS, DECISIONS, STANDING = "hits", "decisions", "standing"
"""What is staged, by the name of its folder."""

_NAMES = [each.value for each in REASONS], [each.value for each in EVENTS]
_CODED = pa.dictionary(pa.int8(), pa.string())
EPOCH = date(1970, 1, 1)


def decision_schema(subject: pa.DataType) -> pa.Schema:
    """Grain: subject × membership type. ``words`` are the type's own, NULL where no rule that counts hit."""
    fields: dict[str, pa.DataType] = {
        SUBJECT: subject, "membership_type": _CODED, "granted": pa.bool_(), "reason": _CODED, "event": _CODED,
        "inclusion_sum": pa.int64(), "exclusion_sum": pa.int64(),
        "inclusion_hits": pa.int64(), "exclusion_hits": pa.int64(),
        "words": pa.list_(pa.int64()), "first_granted": pa.date32(),
    }  # fmt: skip
    return pa.schema(list(fields.items()))


def standing_schema(subject: pa.DataType) -> pa.Schema:
    """Grain: subject × membership type. An earlier membership; one that never was has no ``first_granted``."""
    fields = {SUBJECT: subject, "membership_type": pa.string(), "granted": pa.bool_(), "first_granted": pa.date32()}
    return pa.schema(list(fields.items()))


@dataclass(frozen=True)
class TypeRules:
    """One membership type: its policy, its words, and the rules in them that count."""

    policy: MembershipType
    words: range = range(0)
    terms: tuple[Term, ...] = ()

    @classmethod
    def of(cls, matrix: HitMatrix, policy: MembershipType) -> TypeRules:
        """``matrix`` is finalised: an unknown outcome that means a hit is one."""
        terms = (
            Term(cell.word, cell.mask.bit_length() - 1, v.kind, v.weight, v.when_unknown)
            for v, cell in matrix.cells
            if v.membership_type == policy.key and not v.shadow
        )
        known = (
            term._replace(when_unknown=WhenUnknown.MISS) if term.when_unknown is WhenUnknown.HIT else term
            for term in terms
        )
        return cls(policy, range(*matrix.slice_of(policy.key)), tuple(known))

    @cached_property
    def scales(self) -> Scales:
        heaviest = self.policy.strategy is Strategy.MAX_WEIGHT or self.policy.veto_weight is not None
        return Scales.of(self.terms, maxima=heaviest)

    def weighed(self, block: Block) -> Sides:
        """What speaks for and against each subject of a block."""
        hits = {word: block.words[hit_word(word)] for word in self.words}
        unknown = {word: block.words[unknown_word(word)] for word in self.words if unknown_word(word) in block.words}
        return self.scales.weighed(hits, unknown, len(block.subjects))


class Before(NamedTuple):
    """How the subjects of a block stood with one membership type."""

    standing: Codes
    first_granted: NDArray[np.int32]
    """Days since 1970, where ``standing`` is not never."""
    asked: Flags
    """Whether the pair is decided whatever stood."""

    @classmethod
    def of(cls, block: Block, key: str) -> Before:
        subjects = len(block.subjects)
        found = cls(np.full(subjects, NEVER, np.int8), np.zeros(subjects, np.int32), np.zeros(subjects, bool))
        if block.stood is None or not block.stood.num_rows:
            return found
        here = np.flatnonzero(_flags(pc.equal(block.stood.column("membership_type"), key)))
        rows, at = block.stood.take(pa.array(here)), block.at[here]
        found.asked[at] = True
        granted, first = _flags(rows.column("granted")), rows.column("first_granted")
        ever = _flags(first.is_valid())
        found.standing[at[ever]] = np.where(granted[ever], MEMBER, FORMER)
        found.first_granted[at[ever]] = first.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)[ever]
        return found


class _Counted(NamedTuple):
    """What a worker counts of what it decided; the digests of rows are combined, so that their order is nothing."""

    outcomes: Counter[Outcome]
    before: Counter[str]
    digest: dict[str, int]


@dataclass(frozen=True)
class Decide:
    """Rows as they arrive to what is staged of their subjects: the name of a folder, and rows for it."""

    blocks: Callable[[Iterable[pa.RecordBatch]], Iterator[Block]]
    types: tuple[TypeRules, ...]
    as_of: date
    hands_on: bool = False
    """Whether there was a run before, of which something may stand."""
    ends: bool = False
    """Whether the membership of a subject that is gone ends (R-RUN-3)."""
    count: Count = uncounted

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
        counted = _Counted(Counter(), Counter(), {XOR: 0, SUM: 0})
        bits = BitCounts()
        for block in self.blocks(batches):
            bits.add(block.words)
            yield HITS, block.rows()
            for rows in self._decisions(block, counted):
                yield DECISIONS, rows
            yield from self._gone(block.gone, counted)
        for name, counts in bits.of_words():
            for bit, number in enumerate(counts):
                self.count(name, bit, number)
        for outcome, number in counted.outcomes.items():
            self.count(outcome, 0, number)
        for key, number in counted.before.items():
            self.count(Left(key), 0, number)
        for kind, number in counted.digest.items():
            self.count(kind, 0, number)

    def _decisions(self, block: Block, counted: _Counted) -> Iterator[pa.RecordBatch]:
        hashed = _hashed(block.subjects)
        for of_type in self._types(block.stood):
            before = Before.of(block, of_type.policy.key)
            counted.before[of_type.policy.key] += int(np.count_nonzero(before.standing == MEMBER))
            sides = of_type.weighed(block)
            verdicts = decided(sides, Weighing.of(of_type.policy), before.standing)
            rows = np.flatnonzero(verdicts.decided | before.asked)
            if len(rows):
                made = _Rows.of(of_type, block, sides, verdicts, before, self._day)
                yield _noted(made.at(rows), hashed[rows], block.subjects.take(pa.array(rows)), counted)

    @property
    def _day(self) -> int:
        return (self.as_of - EPOCH).days

    def _types(self, stood: pa.RecordBatch | None) -> Iterator[TypeRules]:
        """Those of the rule set, and those of earlier memberships that nobody decides any more."""
        yield from self.types
        if stood is not None:
            known = {of_type.policy.key for of_type in self.types}
            for key in sorted({*pc.unique(stood.column("membership_type")).to_pylist()} - known):
                yield TypeRules(MembershipType(key))

    def _gone(self, gone: pa.RecordBatch | None, counted: _Counted) -> Iterator[tuple[str, pa.RecordBatch]]:
        """What stands of subjects that are not in the snapshot is handed on, or ended."""
        if gone is None or not self.hands_on:
            return
        ever = gone.filter(gone.column("first_granted").is_valid())
        for key in sorted({*pc.unique(ever.column("membership_type")).to_pylist()}):
            rows = ever.filter(pc.equal(ever.column("membership_type"), key))
            member = _flags(rows.column("granted"))
            counted.before[key] += int(member.sum())
            if self.ends and member.any():
                ended = rows.filter(pa.array(member))
                yield DECISIONS, _noted(_Rows.ended(key, ended), _hashed(ended.column(0)), ended.column(0), counted)
                rows, member = rows.filter(pa.array(~member)), member[:0]
            counted.outcomes[Outcome(key, carried=True)] += int(member.sum())
            yield STANDING, rows


@dataclass(frozen=True)
class _Rows:
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

    @classmethod
    def of(cls, of_type: TypeRules, block: Block, sides: Sides, verdicts: Verdicts, before: Before, day: int) -> _Rows:
        counted = sides.any(Kind.INCLUSION) | sides.any(Kind.EXCLUSION) | sides.held
        never = before.standing == NEVER
        words = [block.words[hit_word(word)] for word in of_type.words]
        return cls(
            of_type.policy.key, verdicts.granted, verdicts.reason, verdicts.event,
            (sides.sums[Kind.INCLUSION], sides.sums[Kind.EXCLUSION]),
            (sides.counts[Kind.INCLUSION], sides.counts[Kind.EXCLUSION]),
            np.stack(words, axis=1) if words else np.zeros((len(never), 0), dtype=np.int64),
            counted,
            np.where(never, np.int32(day), before.first_granted).astype(np.int32),
            ~never | verdicts.granted,
        )  # fmt: skip

    @classmethod
    def ended(cls, key: str, members: pa.RecordBatch) -> _Rows:
        """The decisions about members that are gone, where absence ends memberships."""
        rows = members.num_rows
        none: Numbers = np.zeros(rows, dtype=np.int64)
        reason, event = REASONS.index(Reason.ABSENT), EVENTS.index(Event.REVOKED_ABSENT)
        first = members.column("first_granted").cast(pa.int32()).to_numpy(zero_copy_only=False)
        return cls(
            key, np.zeros(rows, dtype=bool),
            np.full(rows, reason, np.int8), np.full(rows, event, np.int8),
            (none, none), (none, none), np.zeros((rows, 0), dtype=np.int64), np.zeros(rows, dtype=bool),
            first, np.ones(rows, dtype=bool),
        )  # fmt: skip

    def at(self, rows: NDArray[np.intp]) -> _Rows:
        """Some of them."""
        return replace(
            self,
            granted=self.granted[rows], reason=self.reason[rows], event=self.event[rows],
            sums=(self.sums[0][rows], self.sums[1][rows]), hits=(self.hits[0][rows], self.hits[1][rows]),
            words=self.words[rows], counted=self.counted[rows],
            first_granted=self.first_granted[rows], ever=self.ever[rows],
        )  # fmt: skip

    def batch(self, subjects: pa.Array) -> pa.RecordBatch:
        kept = self.words[self.counted]
        ends = np.cumsum(np.concatenate([[0], self.counted * kept.shape[1]]), dtype=np.int32)
        words = pa.ListArray.from_arrays(pa.array(ends), pa.array(kept.ravel()), mask=pa.array(~self.counted))
        first = pa.array(self.first_granted, mask=~self.ever).cast(pa.date32())
        types = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(subjects), np.int8)), [self.key])
        reason, event = (
            pa.DictionaryArray.from_arrays(pa.array(codes), names)
            for codes, names in zip((self.reason, self.event), _NAMES, strict=True)
        )
        numbers = map(pa.array, (*self.sums, *self.hits))
        columns = [subjects, types, pa.array(self.granted), reason, event, *numbers, words, first]
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
        return np.where(self.ever, row_hash.of_ints(self.first_granted, found), found)

    def outcomes(self) -> Iterator[tuple[Outcome, int]]:
        """How many rows have each outcome."""
        coded = (self.granted.astype(np.int64) * len(EVENTS) + self.event) * len(REASONS) + self.reason
        for code in np.flatnonzero(counts := np.bincount(coded)):
            rest, reason = divmod(int(code), len(REASONS))
            granted, event = divmod(rest, len(EVENTS))
            yield Outcome(self.key, bool(granted), EVENTS[event].value, REASONS[reason].value), int(counts[code])


def _noted(rows: _Rows, hashed: row_hash.Hashes, subjects: pa.Array, counted: _Counted) -> pa.RecordBatch:
    """Decisions as they are staged; counted, and part of the digest."""
    for outcome, number in rows.outcomes():
        counted.outcomes[outcome] += number
    hashes = rows.hashes(hashed)
    counted.digest[XOR] ^= int(np.bitwise_xor.reduce(hashes))
    counted.digest[SUM] += int(hashes.sum(dtype=np.uint64))
    return rows.batch(subjects)


def _hashed(subjects: pa.Array) -> row_hash.Hashes:
    seeds = row_hash.seeds(len(subjects))
    if not pa.types.is_string(subjects.type):
        return row_hash.of_longs(subjects.to_numpy(zero_copy_only=False).astype(np.int64), seeds)
    _, offsets, data = subjects.buffers()
    places = np.frombuffer(offsets, dtype=np.int32)[subjects.offset :][: len(subjects) + 1]
    return row_hash.of_texts(np.frombuffer(data or b"", dtype=np.uint8), places, seeds)


def _flags(column: pa.Array) -> Flags:
    found: Flags = column.to_numpy(zero_copy_only=False).astype(bool)
    return found


def types_of(matrix: HitMatrix, policies: Iterable[MembershipType]) -> tuple[TypeRules, ...]:
    """The membership types of a rule set, each with its rules."""
    return tuple(TypeRules.of(matrix, policy) for policy in policies)


def schemas(finalised: Iterable[str], subject: pa.DataType, *, hands_on: bool) -> Mapping[str, pa.Schema]:
    """Of each folder that is staged its columns."""
    words = [pa.field(name, pa.int64(), nullable=False) for name in finalised]
    found = {HITS: pa.schema([pa.field(SUBJECT, subject), *words]), DECISIONS: decision_schema(subject)}
    return {**found, STANDING: standing_schema(subject)} if hands_on else found
