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
from rules_engine.worker.weighing import FORMER, MEMBER, NEVER, Codes, Flags, Term, Words


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
        """Everybody whom any of the matrices, or an earlier membership, is about."""
        here, away = stood.rows, stood.rows.slice(0, 0)
        if len(stood.absent):
            gone = pc.is_in(stood.rows.column("subject"), value_set=stood.absent)
            here, away = stood.rows.filter(pc.invert(gone)), stood.rows.filter(gone)
        named = [_column(each.rows, "subject") for each in staged]
        at = Places(named[0])
        for others in (*named[1:], _column(here, "subject")):
            fresh = others.filter(pa.array(at.of(others) < 0))
            at = Places(pa.concat_arrays([at.subjects, fresh.unique().cast(at.subjects.type)])) if len(fresh) else at
        subjects = at.subjects
        words, places = _side_by_side(staged, at)
        members = away.filter(away.column("granted")).column("membership_type")
        absent = {each["values"]: each["counts"] for each in pc.value_counts(members).to_pylist()}
        return cls(subjects, *words, places, _standings(here, at), absent)

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


class Places:
    """Where each subject is: by a table where keys are numbers that lie close together, else by a hash."""

    def __init__(self, subjects: pa.Array) -> None:
        self.subjects = subjects
        self._table: Words | None = None
        self._least = 0
        if pa.types.is_integer(subjects.type) and len(subjects):
            least, most = (bound.as_py() for bound in pc.min_max(subjects).values())
            if most - least < 8 * len(subjects) + 1024:
                self._least, self._table = least, np.full(most - least + 1, -1, dtype=np.int64)
                self._table[subjects.to_numpy(zero_copy_only=False) - least] = np.arange(len(subjects))

    def of(self, keys: pa.Array) -> Words:
        """The places of keys; -1 for those that are nobody's."""
        if self._table is None or not pa.types.is_integer(keys.type):
            found = pc.index_in(keys.cast(self.subjects.type), value_set=self.subjects)
            return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)
        at = keys.to_numpy(zero_copy_only=False) - self._least
        inside = (at >= 0) & (at < len(self._table))
        return np.where(inside, self._table[np.where(inside, at, 0)], -1)


def _side_by_side(
    staged: Sequence[Staged], everybody: Places
) -> tuple[tuple[Words, Words], dict[Outcome, tuple[int, int]]]:
    hits, unknown, places, first = list[Words](), list[Words](), dict[Outcome, tuple[int, int]](), 0
    for each in staged:
        words = HitMatrix.of(each.rule_set).words
        at = everybody.of(_column(each.rows, "subject"))
        for which, columns in (("h", hits), ("u", unknown)):
            block: Words = np.zeros((len(everybody.subjects), words), dtype=np.int64)
            for word in range(words):
                if f"{which}{word}" in each.rows.column_names:
                    block[at, word] = _column(each.rows, f"{which}{word}").to_numpy(zero_copy_only=False)
            columns.append(block)
        places |= {known: (first + word, bit) for known, (word, bit) in each.places().items() if known not in places}
        first += words
    together = tuple(np.concatenate(each, axis=1) if len(each) > 1 else each[0] for each in (hits, unknown))
    return (together[0], together[1]), places


def _standings(here: pa.Table, everybody: Places) -> dict[str, Codes]:
    types = _column(here, "membership_type").dictionary_encode()
    found: dict[str, Codes] = {}
    granted = _column(here, "granted").to_numpy(zero_copy_only=False).astype(bool)
    codes = np.where(granted, MEMBER, FORMER).astype(np.int8)
    of_type, at = types.indices.to_numpy(zero_copy_only=False), everybody.of(_column(here, "subject"))
    for number, key in enumerate(types.dictionary.to_pylist()):
        rows = np.flatnonzero(of_type == number)
        found[key] = np.full(len(everybody.subjects), NEVER, dtype=np.int8)
        found[key][at[rows]] = codes[rows]
    return found


def _column(rows: pa.Table, name: str) -> pa.Array:
    column = rows.column(name)
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole
