"""Everybody whose decision can differ: what conditions came to, and how each stood before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import RuleVersion, WhenUnknown
from rules_engine.review.conditions import conditions
from rules_engine.review.weighing import FORMER, MEMBER, NEVER, Codes, Flags, Term, Words


class Outcome(NamedTuple):
    """
    What was found of a condition; ``apart`` says that true and unknown are told apart.

    Where an unknown condition counts as a hit a run stages them as one.
    """

    condition: str
    apart: bool


@dataclass(frozen=True)
class Staged:
    """A hit matrix as it was staged, and the rules that it is of."""

    rule_set: RuleSet
    rows: pa.Table
    """Columns: subject, ``h<word>``, and ``u<word>`` where an outcome can be unknown."""

    def places(self) -> dict[Outcome, tuple[int, int]]:
        """Word and bit of each outcome."""
        known = conditions(self.rule_set)
        return {
            Outcome(known[v.key], v.when_unknown is not WhenUnknown.HIT): (cell.word, cell.mask.bit_length() - 1)
            for v, cell in HitMatrix.of(self.rule_set).cells
        }


@dataclass(frozen=True)
class Stood:
    """How members and former members stood: columns subject, membership_type, granted; a row a pair."""

    rows: pa.Table
    absent: pa.Array
    """The subjects that are not in the snapshot: nothing is decided of them."""


@dataclass(frozen=True)
class Population:
    """Subjects side by side with their outcomes and standings; nobody who is left out has a hit or was a member."""

    subjects: pa.Array
    hits: Words
    unknown: Words
    places: Mapping[Outcome, tuple[int, int]]
    standing: Mapping[str, Codes]
    """By membership type; a type that is not named nobody was ever a member of."""
    absent: Mapping[str, int]
    """Membership type to its members that are not in the snapshot."""

    @classmethod
    def of(cls, staged: Sequence[Staged], stood: Stood) -> Population:
        gone = pc.is_in(stood.rows.column("subject"), value_set=stood.absent)
        here, away = stood.rows.filter(pc.invert(gone)), stood.rows.filter(gone)
        named = [_column(each.rows, "subject") for each in staged]
        subjects = named[0]
        for others in (*named[1:], _column(here, "subject").unique()):
            fresh = others.filter(pc.invert(pc.is_in(others, value_set=subjects)))
            subjects = pa.concat_arrays([subjects, fresh.cast(subjects.type)]) if len(fresh) else subjects
        words, places = _side_by_side(staged, subjects)
        members = away.filter(away.column("granted")).column("membership_type")
        absent = {each["values"]: each["counts"] for each in pc.value_counts(members).to_pylist()}
        return cls(subjects, *words, places, _standings(here, subjects), absent)

    def __len__(self) -> int:
        return len(self.subjects)

    def stood(self, membership_type: str) -> Codes:
        known = self.standing.get(membership_type)
        return np.full(len(self), NEVER, dtype=np.int8) if known is None else known

    def term(self, version: RuleVersion, condition: str) -> Term:
        """A rule as it is weighed here."""
        word, bit = self.place(condition, version.when_unknown)
        return Term(word, bit, version.kind, version.weight, version.when_unknown)

    def place(self, condition: str, when: WhenUnknown) -> tuple[int, int]:
        found = self.places.get(Outcome(condition, True))
        if found is None and when is WhenUnknown.HIT:
            found = self.places.get(Outcome(condition, False))
        if found is None:
            raise KeyError(condition)
        return found

    def outcome(self, condition: str, when: WhenUnknown, rows: Words) -> tuple[Flags, Flags]:
        """Of some subjects, whether a condition was true, and whether it was unknown."""
        word, bit = self.place(condition, when)
        mask = np.int64(1 << bit)
        return (self.hits[rows, word] & mask) != 0, (self.unknown[rows, word] & mask) != 0


def missing(wanted: RuleSet, known: Iterable[Outcome]) -> tuple[RuleVersion, ...]:
    """The rules of which nobody has evaluated the condition, or not so that it can be weighed as they say."""
    found, named = {*known}, conditions(wanted)

    def there(version: RuleVersion) -> bool:
        either = {Outcome(named[version.key], True)}
        if version.when_unknown is WhenUnknown.HIT:
            either.add(Outcome(named[version.key], False))
        return bool(either & found)

    return tuple(version for version in wanted.versions if not there(version))


def _side_by_side(
    staged: Sequence[Staged], subjects: pa.Array
) -> tuple[tuple[Words, Words], dict[Outcome, tuple[int, int]]]:
    hits, unknown, places, first = list[Words](), list[Words](), dict[Outcome, tuple[int, int]](), 0
    for each in staged:
        words = HitMatrix.of(each.rule_set).words
        at = _at(_column(each.rows, "subject"), subjects)
        for which, columns in (("h", hits), ("u", unknown)):
            block: Words = np.zeros((len(subjects), words), dtype=np.int64)
            for word in range(words):
                if f"{which}{word}" in each.rows.column_names:
                    block[at, word] = _column(each.rows, f"{which}{word}").to_numpy(zero_copy_only=False)
            columns.append(block)
        places |= {known: (first + word, bit) for known, (word, bit) in each.places().items() if known not in places}
        first += words
    together = tuple(np.concatenate(each, axis=1) if len(each) > 1 else each[0] for each in (hits, unknown))
    return (together[0], together[1]), places


def _standings(here: pa.Table, subjects: pa.Array) -> dict[str, Codes]:
    found: dict[str, Codes] = {}
    types = _column(here, "membership_type")
    keys, granted = _column(here, "subject"), _column(here, "granted").to_numpy(zero_copy_only=False)
    for key in sorted(types.unique().to_pylist()):
        rows = np.flatnonzero(pc.equal(types, key).to_numpy(zero_copy_only=False))
        codes: Codes = np.full(len(subjects), NEVER, dtype=np.int8)
        codes[_at(keys.take(pa.array(rows)), subjects)] = np.where(granted[rows], MEMBER, FORMER)
        found[key] = codes
    return found


def _at(keys: pa.Array, subjects: pa.Array) -> Words:
    """The places of keys among the subjects."""
    if keys is subjects or keys.equals(subjects):
        return np.arange(len(subjects))
    if len(subjects) > len(keys) and keys.equals(subjects.slice(0, len(keys))):
        return np.arange(len(keys))
    found = pc.index_in(keys.cast(subjects.type), value_set=subjects).to_numpy(zero_copy_only=False)
    return np.asarray(found, dtype=np.int64)


def _column(rows: pa.Table, name: str) -> pa.Array:
    column = rows.column(name)
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole
