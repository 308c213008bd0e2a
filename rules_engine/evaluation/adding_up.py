"""
Rows, those of a subject behind each other, to what they come to per subject; runs beside Spark's executors.

A batch's last subject waits for the next batch, where its rows may go on. Sums are whole numbers of the last
decimal place, in two halves of 32 bits, so that they are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.evaluation.buckets import Bits
from rules_engine.evaluation.domains import domain
from rules_engine.evaluation.narrowing import Words, Worker, first_rows, of_words, subject_of_rows, with_bits
from rules_engine.evaluation.words import SUBJECT

if TYPE_CHECKING:
    from rules_engine.evaluation.grouping import Aggregate, GroupedIndex

LOW = 0xFFFFFFFF
FAR = np.int64(1) << np.int64(62)
"""No literal that is looked up is as large."""

Edges = Mapping[int, tuple[frozenset[Any], ...]]
"""Of aggregates that count different values, by number: those of the first subject, those of the last."""
MERGED: Mapping[str, tuple[np.ufunc, ...]] = {
    "count": (np.add,),
    "distinct": (np.add,),
    "sum": (np.add, np.add, np.add),
    "min": (np.add, np.minimum),
    "max": (np.add, np.maximum),
}
"""How the numbers that an aggregate is kept as are brought together: a count of values first."""


@dataclass(frozen=True)
class Subjects:
    """Subjects, the words that any of their rows sets, and the numbers that aggregates are kept as."""

    subjects: pa.Array
    words: Words
    numbers: Sequence[Bits]
    edges: Edges

    def slice(self, first: int, length: int) -> Subjects:
        """Some subjects; to go on with what comes after, they end where these do."""
        after = first + length
        words = {name: bits[first:after] for name, bits in self.words.items()}
        edges = {number: (last, last) for number, (_, last) in self.edges.items()}
        return Subjects(self.subjects.slice(first, length), words, [kept[first:after] for kept in self.numbers], edges)


@dataclass
class Rows:
    """The rows of a batch while they are added up; what several aggregates need is worked out once."""

    index: GroupedIndex
    columns: Mapping[str, pa.Array]
    words: Words
    starts: NDArray[np.intp]
    edges: dict[int, tuple[frozenset[Any], ...]] = field(default_factory=dict)
    _chosen: dict[tuple[int | None, str], Bits] = field(default_factory=dict)
    _counted: dict[tuple[int | None, str], Bits] = field(default_factory=dict)
    _values: dict[str, Bits] = field(default_factory=dict)
    _codes: dict[str, pa.DictionaryArray] = field(default_factory=dict)

    def numbers(self, number: int, of: Aggregate) -> Iterator[Bits]:
        """What an aggregate is kept as, per subject: see :data:`MERGED`."""
        which = of.filter, of.column if of.column and self.columns[of.column].null_count else ""
        if which not in self._counted:
            self._chosen[which] = self._ones(*which)
            self._counted[which] = np.add.reduceat(self._chosen[which], self.starts)
        chosen = self._chosen[which]
        if of.function == "distinct":
            yield self._distinct(number, of.column, chosen != 0)
            return
        yield self._counted[which].copy()
        if of.function == "sum":
            yield from self._halves(self._of(of) * chosen, of)
        elif of.function in {"min", "max"}:
            beyond, merged = (FAR, np.minimum) if of.function == "min" else (-FAR, np.maximum)
            yield merged.reduceat(np.where(chosen != 0, self._of(of), beyond), self.starts)

    def _ones(self, number: int | None, known: str) -> Bits:
        """1 for each row that meets a filter and has a value in a column, else 0."""
        if number is None:
            found: Bits = np.ones(len(next(iter(self.words.values()))), dtype=np.int64)
        else:
            word, bit = self.index.filters[number]
            found = (self.words[word] >> bit) & 1
        return found * self.columns[known].is_valid().to_numpy(zero_copy_only=False) if known else found

    def _of(self, of: Aggregate) -> Bits:
        """A column as whole numbers."""
        if of.column not in self._values:
            self._values[of.column] = domain(of.type).array(self.columns[of.column])  # type: ignore[misc]
        return self._values[of.column]

    def _halves(self, values: Bits, of: Aggregate) -> Iterator[Bits]:
        if of.most * len(values) < FAR:
            added = np.add.reduceat(values, self.starts)
            yield from (added >> 32, added & LOW)
        else:
            yield from (np.add.reduceat(half, self.starts) for half in (values >> 32, values & LOW))

    def _distinct(self, number: int, column: str, chosen: NDArray[np.bool_]) -> Bits:
        """How many different values each subject's chosen rows have; those of the first and the last are kept."""
        if column not in self._codes:
            values = self.columns[column]  # a text need not be UTF-8 to be told from another
            texts = pa.types.is_string(values.type)
            self._codes[column] = (values.view(pa.binary()) if texts else values).dictionary_encode()
        encoded = self._codes[column]
        codes = encoded.indices.fill_null(0).to_numpy().astype(np.int64)
        several = max(1, len(encoded.dictionary))
        found = np.unique((self._subject * several + codes)[chosen])
        subjects, codes = found // several, found % several
        of_first, of_last = (codes[subjects == at] for at in (0, len(self.starts) - 1))
        self.edges[number] = tuple(
            frozenset(encoded.dictionary.take(pa.array(at)).to_pylist()) for at in (of_first, of_last)
        )
        return np.bincount(subjects, minlength=len(self.starts)).astype(np.int64)

    @cached_property
    def _subject(self) -> Bits:
        """Of each row the number of its subject in the batch."""
        return subject_of_rows(self.starts, len(next(iter(self.words.values()))))


@dataclass(frozen=True)
class GroupWorker:
    """Record batches of rows, those of a subject behind each other, to batches of a row of words per subject."""

    index: GroupedIndex
    packed: bool = False
    rows: ClassVar[type[Rows]] = Rows

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        of_rows, of_groups = Worker(self.index.of_rows, every=True), Worker(self.index.of_groups, every=True)
        waiting: Subjects | None = None
        for batch in batches:
            if not batch.num_rows:
                continue
            found = self._subjects(batch, of_rows.words(batch))
            found = found if waiting is None else self._joined(waiting, found)
            yield from self._answered(found.slice(0, len(found.subjects) - 1), of_groups)
            waiting = found.slice(len(found.subjects) - 1, 1)
        if waiting is not None:
            yield from self._answered(waiting, of_groups)

    def _subjects(self, batch: pa.RecordBatch, words: Words) -> Subjects:
        """What the rows of each subject come to; the last one's may not be all."""
        starts = first_rows(batch.column(0))
        names = self.index.groups.columns
        columns = dict(zip(names, batch.columns[len(batch.columns) - len(names) :], strict=True))
        rows = self.rows(self.index, columns, words, starts)
        numbers = [kept for at, each in enumerate(self.index.groups.aggregates) for kept in rows.numbers(at, each)]
        own = {word for word, _ in self.index.filters}
        either = {name: np.bitwise_or.reduceat(bits, starts) for name, bits in words.items() if name not in own}
        return Subjects(batch.column(0).take(pa.array(starts)), either, numbers, rows.edges)

    def _joined(self, before: Subjects, after: Subjects) -> Subjects:
        """One subject, and those that come after it, the first of which may be the same."""
        (one,), other = before.subjects.to_pylist(), after.subjects[0].as_py()
        if one is None or one != other:
            words = {name: np.concatenate([bits, after.words[name]]) for name, bits in before.words.items()}
            numbers = [np.concatenate([kept, more]) for kept, more in zip(before.numbers, after.numbers, strict=True)]
            return Subjects(pa.concat_arrays([before.subjects, after.subjects]), words, numbers, after.edges)
        for name, bits in before.words.items():
            after.words[name][0] |= bits[0]
        merged = (how for each in self.index.groups.aggregates for how in MERGED[each.function])
        for how, kept, more in zip(merged, before.numbers, after.numbers, strict=True):
            more[0] = how(more[0], kept[0])
        return replace(after, edges=self._edges(before, after))

    def _edges(self, before: Subjects, after: Subjects) -> Edges:
        """Different values of a subject that goes on are counted once."""
        edges = dict(after.edges)
        places = [at for at, each in enumerate(self.index.groups.aggregates) for _ in MERGED[each.function]]
        for number, (first, last) in after.edges.items():
            both = before.edges[number][1] | first
            after.numbers[places.index(number)][0] = len(both)
            edges[number] = both, both if len(after.subjects) == 1 else last
        return edges

    def _answered(self, found: Subjects, of_groups: Worker) -> Iterator[pa.RecordBatch]:
        """The words of subjects all of whose rows were seen."""
        if not len(found.subjects):
            return
        values = list(self._values(found))
        asked = [values[int(lookup.name[1:])] for lookup in self.index.of_groups.lookups]
        batch = pa.RecordBatch.from_arrays([found.subjects, *asked], [SUBJECT, *map(str, range(len(asked)))])
        words = of_groups.words(batch)
        nothing: Bits = np.zeros(len(found.subjects), dtype=np.int64)
        both = {n: found.words.get(n, nothing) | words.get(n, nothing) for n in self.index.outputs}
        subjects, left = with_bits(found.subjects, both)
        if len(subjects):
            yield of_words(subjects, left, packed=self.packed)

    def _values(self, found: Subjects) -> Iterator[pa.Array]:
        """What each aggregate comes to; of no value a sum, a least and a greatest are NULL."""
        numbers = iter(found.numbers)
        for each in self.index.groups.aggregates:
            counted, *kept = (next(numbers) for _ in MERGED[each.function])
            if not kept:
                yield pa.array(counted)
            else:
                yield pa.array(_whole(*kept) if len(kept) == 2 else kept[0], mask=counted == 0)


def _whole(high: Bits, low: Bits) -> Bits:
    """A sum from its halves; one that is beyond every literal stays beyond it."""
    carried = high + (low >> 32)
    found = (carried << 32) + (low & LOW)
    return np.where(carried >= FAR >> 32, FAR, np.where(carried < -(FAR >> 32), -FAR, found))
