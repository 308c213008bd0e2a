"""
Many predicates over the rows of one frame, by an index over what they ask.

A row costs its expressions and the words their rules stand in, not its rules.
Spark reads the rows and computes the expressions; a worker finds each value's
bucket (:mod:`rules_engine.evaluation.buckets`), takes the bucket's words and
ANDs them. What the index does not hold is computed by Spark as a condition of
its own, once per distinct text, and enters as an expression with three values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.evaluation.buckets import Bits, Cuts, Domain, Flags, NotIndexed, Table, Tested, domain, tables
from rules_engine.evaluation.predicates import SUBJECT, hit_word, unknown_word
from rules_engine.language.condition import All, Constants, Not, Opaque, Part, Test, Tree, Value, names, parts, tests_of
from rules_engine.language.condition import Any as AnyOf
from rules_engine.model.hitmatrix import Cell

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Bound(NamedTuple):
    """A condition with its parameters bound (empty: always true), and the bit that it sets."""

    sql: str
    cell: Cell
    filters: bool = False
    """Whether it drops rows, as a WHERE does: then NULL is false, and no outcome of a rule."""


@dataclass(frozen=True, slots=True)
class Source:
    """What rows are read from: the text after FROM, and the column with the subject's key."""

    sql: str
    key: str
    frame: str = ""
    """Its name where it is a declared frame."""
    given: str = ""
    """The WITH clause that stands before it."""


FALSE, TRUE, UNKNOWN = 0, 1, 2
"""The values of a condition that Spark computes."""
PACKED = 31
"""How many of them are in one number, so that it is never negative."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one condition went: the expressions that look it up, the conditions that Spark computes, and why."""

    cell: Cell
    expressions: tuple[str, ...]
    computed: tuple[str, ...]
    whole: str = ""
    """Why the condition stays whole; empty where it was taken apart."""


@dataclass(frozen=True)
class Lookup:
    """An expression that Spark hands to a worker, and the words that its values stand for."""

    name: str
    sql: str
    cuts: Cuts
    of: Mapping[int, Table]


@dataclass(frozen=True)
class Computed:
    """A condition that Spark works out, and the words that its three values stand for."""

    sql: str
    of: Mapping[int, Table]


@dataclass(frozen=True)
class Mixed:
    """A part about several expressions, each of them looked up: its tests are put together row by row."""

    tree: Tree
    word: int
    mask: int
    filters: bool


@dataclass(frozen=True)
class PredicateIndex:
    """The index over one source's predicates; ``words`` holds for each word the bits of all its rules here."""

    source: Source
    lookups: tuple[Lookup, ...]
    computed: tuple[Computed, ...]
    mixed: tuple[Mixed, ...]
    words: Mapping[int, int]
    placed: tuple[Placed, ...]

    @property
    def can_be_unknown(self) -> tuple[int, ...]:
        """The words in which a condition can be unknown."""
        several = [*(lookup.of for lookup in self.lookups), *(computed.of for computed in self.computed)]
        found = {word for of in several for word, table in of.items() if table.not_false is not None}
        return tuple(sorted(found | {part.word for part in self.mixed if not part.filters}))

    @property
    def columns(self) -> tuple[str, ...]:
        """What Spark is asked for, after the key: the expressions, then the conditions, :data:`PACKED` to a number."""
        conditions = [each.sql for each in self.computed]
        packs = [conditions[first : first + PACKED] for first in range(0, len(conditions), PACKED)]
        return (*(each.sql for each in self.lookups), *map(_packed, packs))

    def rows(self, spark: SparkSession, *, every: bool) -> DataFrame:
        """
        The index put to the rows of its source.

        Columns: ``subject``, ``h<word>`` of conditions that are true and
        ``u<word>`` of those that are NULL (bigint). Unless ``every`` row is
        asked for, those without a bit are left out and those of one subject
        that follow each other are one.
        """
        given = _select(spark, self.source, [f"{self.source.key} AS {SUBJECT}", *_numbered(self.columns)])
        type_ = given.schema[SUBJECT].dataType.simpleString()
        outputs = [*(hit_word(w) for w in self.words), *(unknown_word(w) for w in self.can_be_unknown)]
        schema = ", ".join([f"{SUBJECT} {type_}", *(f"{name} bigint" for name in outputs)])
        return given.mapInArrow(Worker(self, every), schema)


@dataclass(frozen=True)
class Worker:
    """What runs beside Spark's executors: record batches of :attr:`PredicateIndex.columns` to batches of words."""

    index: PredicateIndex
    every: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        unknown = self.index.can_be_unknown
        for batch in batches:
            if batch.num_rows:
                yield self._found(batch, unknown)

    def _found(self, batch: pa.RecordBatch, unknown: Sequence[int]) -> pa.RecordBatch:
        found = _Words(self.index.words, unknown, batch.num_rows)
        buckets = {}
        for place, lookup in enumerate(self.index.lookups, start=1):
            at = buckets[lookup.name] = lookup.cuts.buckets(batch.column(place))
            found.narrow(lookup.of, at)
        first = len(self.index.lookups) + 1
        for number, computed in enumerate(self.index.computed):
            pack, place = divmod(number, PACKED)
            values = batch.column(first + pack).to_numpy()
            found.narrow(computed.of, (values >> (2 * place)) & 3)
        for part in self.index.mixed:
            found.keep(part, *self._put_together(part.tree, buckets))
        return self._batch(batch.column(0), found, unknown)

    def _put_together(self, tree: Tree, buckets: Mapping[str, Any]) -> tuple[Flags, Flags]:
        """Where a part is true and where it is false, row by row."""
        if isinstance(tree, Test):
            cuts = next(lookup.cuts for lookup in self.index.lookups if lookup.name == tree.of.name)
            outcome, at = cuts.outcome(tree), buckets[tree.of.name]
            return outcome.true.take(at), outcome.false.take(at)
        if isinstance(tree, Not):
            return self._put_together(tree.of, buckets)[::-1]
        assert isinstance(tree, All | AnyOf)
        several = [self._put_together(each, buckets) for each in tree.of]
        both, either = (np.logical_and, np.logical_or) if isinstance(tree, All) else (np.logical_or, np.logical_and)
        return reduce(both, (true for true, _ in several)), reduce(either, (false for _, false in several))

    def _batch(self, subjects: pa.Array, found: _Words, unknown: Sequence[int]) -> pa.RecordBatch:
        words: Sequence[Bits] = [*found.true.values(), *(found.not_false[word] & ~found.true[word] for word in unknown)]
        if not self.every:
            subjects, words = _merged(*_with_bits(subjects, words))
        names = [SUBJECT, *map(hit_word, found.true), *map(unknown_word, unknown)]
        return pa.RecordBatch.from_arrays([subjects, *map(pa.array, words)], names=names)


class _Words:
    """The words of a batch while tests clear their bits: of what is true so far, and of what is not yet false."""

    def __init__(self, words: Mapping[int, int], unknown: Sequence[int], rows: int) -> None:
        self.true: dict[int, Bits] = {word: np.full(rows, bits, dtype=np.int64) for word, bits in words.items()}
        self.not_false: dict[int, Bits] = {word: self.true[word].copy() for word in unknown}

    def narrow(self, of: Mapping[int, Table], at: Any) -> None:
        """Keep the bits that a bucket leaves."""
        for word, table in of.items():
            found = table.true.take(at)
            self.true[word] &= found
            if word in self.not_false:
                self.not_false[word] &= found if table.not_false is None else table.not_false.take(at)

    def keep(self, part: Mixed, true: Flags, false: Flags) -> None:
        """Keep one rule's bit where its part is true, or not false."""
        cleared = ~np.int64(part.mask)
        self.true[part.word] &= np.where(true, -1, cleared)
        if part.word in self.not_false:
            self.not_false[part.word] &= np.where(true if part.filters else ~false, -1, cleared)


def _with_bits(subjects: pa.Array, words: Sequence[Bits]) -> tuple[pa.Array, Sequence[Bits]]:
    rows = np.flatnonzero(reduce(np.bitwise_or, words))
    if len(rows) == len(subjects):
        return subjects, words
    return subjects.take(pa.array(rows)), [word.take(rows) for word in words]


def _merged(subjects: pa.Array, words: Sequence[Bits]) -> tuple[pa.Array, Sequence[Bits]]:
    """Rows of one subject that follow each other as one: less for Spark to bring together."""
    if len(subjects) < 2:
        return subjects, words
    changed = pc.fill_null(pc.not_equal(subjects[1:], subjects[:-1]), True)
    starts = np.flatnonzero(np.append(True, changed.to_numpy(zero_copy_only=False)))
    if len(starts) == len(subjects):
        return subjects, words
    return subjects.take(pa.array(starts)), [np.bitwise_or.reduceat(word, starts) for word in words]


def index(spark: SparkSession, source: Source, conditions: Sequence[Bound]) -> PredicateIndex:
    """The index over conditions on the rows of a source, its columns as Spark types them."""
    columns = _columns(spark, source, conditions)
    found: list[tuple[Bound, Part]] = []
    computed: dict[str, list[Bound]] = {}
    whole: dict[Cell, str] = {}
    for bound, read in zip(conditions, _read(spark, conditions, columns, source.frame), strict=True):
        if isinstance(read, Opaque):
            whole[bound.cell] = str(read)
            computed.setdefault(bound.sql, []).append(bound)
        else:
            found += [(bound, part) for part in read]
    domains = _domains(spark, source, [part for _, part in found])
    looked_up = [(bound, part) for bound, part in found if _is_looked_up(part, domains)]
    for bound, part in found:
        if not _is_looked_up(part, domains):
            computed.setdefault(part.sql, []).append(bound)
    words: dict[int, int] = {}
    for bound in conditions:
        words[bound.cell.word] = words.get(bound.cell.word, 0) | bound.cell.mask
    return PredicateIndex(
        source,
        tuple(_lookups(looked_up, domains)),
        tuple(Computed(sql, _of_computed(several)) for sql, several in computed.items()),
        tuple(Mixed(p.tree, b.cell.word, b.cell.mask, b.filters) for b, p in looked_up if p.of is None),
        dict(sorted(words.items())),
        tuple(_places(conditions, looked_up, computed, whole)),
    )


def _domains(spark: SparkSession, source: Source, found: Sequence[Part]) -> dict[str, Domain]:
    """Expression to how its values are compared, for those that can be looked up."""
    asked = {test.of.name: test.of.sql for part in found for test in tests_of(part.tree) if isinstance(test, Test)}
    fields = _select(spark, source, _numbered(asked.values())).schema.fields if asked else []
    domains: dict[str, Domain] = {}
    for name, field in zip(asked, fields, strict=True):
        with suppress(NotIndexed):
            domains[name] = domain(field.dataType.simpleString())
    return domains


def _is_looked_up(part: Part, domains: Mapping[str, Domain]) -> bool:
    """Whether every test of a part can be."""
    try:
        for test in tests_of(part.tree):
            if not isinstance(test, Test) or test.of.name not in domains:
                return False
            Cuts.by(domains[test.of.name], [test])
    except NotIndexed:
        return False
    return True


def _lookups(found: Sequence[tuple[Bound, Part]], domains: Mapping[str, Domain]) -> Iterator[Lookup]:
    """Every expression once; parts about it alone are in its tables."""
    tests: dict[str, list[Test]] = {}
    alone: dict[str, list[Tested]] = {}
    for bound, part in found:
        for test in tests_of(part.tree):
            assert isinstance(test, Test)
            tests.setdefault(test.of.name, []).append(test)
        if part.of is not None:
            tested = Tested(bound.cell.word, bound.cell.mask, part.tree, bound.filters)
            alone.setdefault(part.of.name, []).append(tested)
    for name, several in tests.items():
        cuts = Cuts.by(domains[name], several)
        yield Lookup(name, several[0].of.sql, cuts, tables(cuts, alone.get(name, ())))


def _select(spark: SparkSession, source: Source, columns: Iterable[str]) -> DataFrame:
    return spark.sql(f"{source.given} SELECT {', '.join(columns)} FROM {source.sql}")


def _columns(spark: SparkSession, source: Source, conditions: Sequence[Bound]) -> dict[str, str]:
    """Column to Spark's type; of a source that is no frame those that conditions seem to name."""
    if source.frame:
        return {field.name.lower(): field.dataType.simpleString() for field in spark.table(source.frame).schema.fields}
    return _typed(spark, source, sorted({name for bound in conditions for name in names(bound.sql)}))


def _typed(spark: SparkSession, source: Source, asked: Sequence[str]) -> dict[str, str]:
    from pyspark.errors import PySparkException

    try:
        fields = _select(spark, source, _numbered(asked)).schema.fields if asked else []
    except PySparkException:
        return {} if len(asked) == 1 else {k: v for name in asked for k, v in _typed(spark, source, [name]).items()}
    return {name: field.dataType.simpleString() for name, field in zip(asked, fields, strict=True)}


def _read(
    spark: SparkSession, conditions: Sequence[Bound], columns: Mapping[str, str], name: str
) -> list[tuple[Part, ...] | Opaque]:
    """Every condition's parts; read again as long as there are constants to work out."""
    constants = Constants({}, set())
    found = [_parts(bound.sql, columns, constants, name) for bound in conditions]
    while constants.wanted:
        known = {**constants.known, **_folded(spark, sorted(constants.wanted))}
        constants = Constants(known, set())
        found = [_parts(bound.sql, columns, constants, name) for bound in conditions]
    return found


def _folded(spark: SparkSession, texts: Sequence[str]) -> dict[str, Value | None]:
    """What expressions without a column come to, None for one that fails; Spark folds them and reads no rows."""
    from pyspark.errors import PySparkException

    try:
        row = spark.sql(f"SELECT {', '.join(texts)}").first() or ()
    except (PySparkException, ValueError, OverflowError):  # the latter two for days that Python has not
        return {texts[0]: None} if len(texts) == 1 else {k: v for t in texts for k, v in _folded(spark, [t]).items()}
    return {text: None if isinstance(value, datetime) else value for text, value in zip(texts, row, strict=True)}


def _parts(sql: str, columns: Mapping[str, str], constants: Constants, name: str) -> tuple[Part, ...] | Opaque:
    try:
        return parts(sql, columns, constants, name) if sql else ()
    except Opaque as problem:
        return problem


def _numbered(texts: Iterable[str]) -> Iterator[str]:
    return (f"{sql} AS c{number}" for number, sql in enumerate(texts))


def _packed(conditions: Sequence[str]) -> str:
    """Conditions as one number, two bits each: :data:`FALSE`, :data:`TRUE` or :data:`UNKNOWN`."""
    if len(conditions) > 1:
        middle = len(conditions) // 2
        return f"({_packed(conditions[:middle])} | shiftleft({_packed(conditions[middle:])}, {2 * middle}))"
    return f"CAST(coalesce(CAST(({conditions[0]}) AS INT), {UNKNOWN}) AS BIGINT)"


def _of_computed(found: Sequence[Bound]) -> dict[int, Table]:
    false: dict[int, int] = {}
    unknown: dict[int, int] = {}
    for bound in found:
        word, mask = bound.cell.word, bound.cell.mask
        false[word] = false.get(word, 0) | mask
        unknown[word] = unknown.get(word, 0) | (mask if bound.filters else 0)
    return {word: _three_values(mask, unknown[word]) for word, mask in false.items()}


def _three_values(mask: int, unknown_is_false: int) -> Table:
    """Words of :data:`FALSE`, :data:`TRUE` and :data:`UNKNOWN`; of some rules unknown is false."""
    true = np.array([~mask, -1, ~mask], dtype=np.int64)
    return Table(true, None if mask == unknown_is_false else np.array([~mask, -1, ~unknown_is_false], dtype=np.int64))


def _places(
    conditions: Sequence[Bound],
    looked_up: Sequence[tuple[Bound, Part]],
    computed: Mapping[str, list[Bound]],
    whole: Mapping[Cell, str],
) -> Iterator[Placed]:
    expressions: dict[Cell, dict[str, None]] = {}
    left: dict[Cell, list[str]] = {}
    for bound, part in looked_up:
        names_ = (test.of.name for test in tests_of(part.tree) if isinstance(test, Test))
        expressions.setdefault(bound.cell, {}).update(dict.fromkeys(names_))
    for sql, several in computed.items():
        for bound in several:
            left.setdefault(bound.cell, []).append(sql)
    for cell in (bound.cell for bound in conditions):
        yield Placed(cell, tuple(expressions.get(cell, ())), tuple(left.get(cell, ())), whole.get(cell, ""))
