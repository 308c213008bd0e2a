"""
Decisions made where the bits are: a worker that has a subject's words, and how it stood, decides every membership type.

What is staged comes out of one pass: hits, decisions, and what stands of subjects that are gone. What is counted is
counted on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.index.words import hit_word, unknown_word
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import MembershipType, Strategy, WhenUnknown
from rules_engine.worker import row_hash
from rules_engine.worker.bit_counts import BitCounts
from rules_engine.worker.decision_rows import (
    DECISIONS,
    EPOCH,
    HITS,
    MERGED_INTO,
    STANDING,
    Before,
    DecisionRows,
    flags,
    hashed,
    standing_schema,
)
from rules_engine.worker.merge import Block
from rules_engine.worker.weighing import MEMBER, Numbers, Scales, Sides, Term, Weighing, decided
from rules_engine.worker.work_counts import SUM, XOR, Count, Left, Outcome, uncounted


@dataclass(frozen=True)
class TypeRules:
    """One membership type: its policy, its words, and the rules in them that count."""

    policy: MembershipType
    words: range = range(0)
    terms: tuple[Term, ...] = ()

    @classmethod
    def of(cls, matrix: HitMatrix, policy: MembershipType) -> TypeRules:
        """Those of a rule set. ``matrix`` is finalised: an unknown outcome that means a hit is one."""
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

    def own(self, block: Block) -> list[Numbers]:
        """The type's own words of a block."""
        return [block.words[hit_word(word)] for word in self.words]

    def weighed(self, block: Block) -> Sides:
        """What speaks for and against each subject of a block."""
        hits = {word: block.words[hit_word(word)] for word in self.words}
        unknown = {word: block.words[unknown_word(word)] for word in self.words if unknown_word(word) in block.words}
        return self.scales.weighed(hits, unknown, len(block.subjects))


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
        of_subjects = hashed(block.subjects)
        for of_type in self._types(block.stood):
            before = Before.of(block, of_type.policy.key)
            counted.before[of_type.policy.key] += int(np.count_nonzero(before.standing == MEMBER))
            sides = of_type.weighed(block)
            verdicts = decided(sides, Weighing.of(of_type.policy), before.standing)
            rows = np.flatnonzero(verdicts.decided | before.asked)
            if len(rows):
                made = DecisionRows.of(of_type.policy.key, of_type.own(block), sides, verdicts, before, self._day)
                yield _noted(made.at(rows), of_subjects[rows], block.subjects.take(pa.array(rows)), counted)

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
        """What stands of subjects that are not in the snapshot is handed on, or ended: by a merge, or by absence."""
        if gone is None or not self.hands_on:
            return
        ever = gone.filter(gone.column("first_granted").is_valid())
        for key in sorted({*pc.unique(ever.column("membership_type")).to_pylist()}):
            rows = ever.filter(pc.equal(ever.column("membership_type"), key))
            member = flags(rows.column("granted"))
            counted.before[key] += int(member.sum())
            merged = member & flags(rows.column(MERGED_INTO).is_valid())
            absent = member & ~merged & self.ends
            for of_these, by_merge in ((merged, True), (absent, False)):
                if of_these.any():
                    ended = rows.filter(pa.array(of_these))
                    made = DecisionRows.ended(key, ended, merged=by_merge)
                    yield DECISIONS, _noted(made, hashed(ended.column(0)), ended.column(0), counted)
            stays = ~(merged | absent)
            counted.outcomes[Outcome(key, carried=True)] += int((member & stays).sum())
            yield STANDING, rows.filter(pa.array(stays)).select(standing_schema(rows.column(0).type).names)


def _noted(rows: DecisionRows, of_subjects: row_hash.Hashes, subjects: pa.Array, counted: _Counted) -> pa.RecordBatch:
    """Decisions as they are staged; counted, and part of the digest."""
    for outcome, number in rows.outcomes():
        counted.outcomes[outcome] += number
    hashes = rows.hashes(of_subjects)
    counted.digest[XOR] ^= int(np.bitwise_xor.reduce(hashes))
    counted.digest[SUM] += int(hashes.sum(dtype=np.uint64))
    return rows.batch(subjects)


def types_of(matrix: HitMatrix, policies: Iterable[MembershipType]) -> tuple[TypeRules, ...]:
    """The membership types of a rule set, each with its rules."""
    return tuple(TypeRules.of(matrix, policy) for policy in policies)
