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
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.evaluation.buckets import Bits, Cuts, NotIndexed, Table, Tested, domain, tables
from rules_engine.evaluation.predicates import SUBJECT, hit_word, unknown_word
from rules_engine.language.condition import Constants, Opaque, Part, Value, names, parts
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
    """One column that Spark hands to a worker, and the words its values stand for."""

    sql: str
    cuts: Cuts | None
    """None for a condition that Spark computes: its value is the bucket."""
    of: Mapping[int, Table]

    def buckets(self, column: pa.Array) -> Any:
        return column.to_numpy().astype(np.intp) if self.cuts is None else self.cuts.buckets(column)


@dataclass(frozen=True)
class PredicateIndex:
    """The index over one frame's predicates; ``words`` holds for each word the bits of all its rules here."""

    source: Source
    lookups: tuple[Lookup, ...]
    words: Mapping[int, int]
    placed: tuple[Placed, ...]

    @property
    def can_be_unknown(self) -> tuple[int, ...]:
        """The words in which a condition can be unknown."""
        found = {word for lookup in self.lookups for word, table in lookup.of.items() if table.not_false is not None}
        return tuple(sorted(found))

    def rows(self, spark: SparkSession, *, every: bool) -> DataFrame:
        """
        The index put to the rows of its source.

        Columns: ``subject``, ``h<word>`` of conditions that are true and
        ``u<word>`` of those that are NULL (bigint). Unless ``every`` row is
        asked for, those without a bit are left out and those of one subject
        that follow each other are one.
        """
        given = _select(
            spark, self.source, [f"{self.source.key} AS {SUBJECT}", *_numbered(each.sql for each in self.lookups)]
        )
        type_ = given.schema[SUBJECT].dataType.simpleString()
        outputs = [*(hit_word(w) for w in self.words), *(unknown_word(w) for w in self.can_be_unknown)]
        schema = ", ".join([f"{SUBJECT} {type_}", *(f"{name} bigint" for name in outputs)])
        return given.mapInArrow(_Worker(self.lookups, self.words, self.can_be_unknown, every), schema)


@dataclass(frozen=True)
class _Worker:
    lookups: tuple[Lookup, ...]
    words: Mapping[int, int]
    unknown: tuple[int, ...]
    every: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield self._found(batch)

    def _found(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        true = {word: np.full(batch.num_rows, bits, dtype=np.int64) for word, bits in self.words.items()}
        not_false = {word: true[word].copy() for word in self.unknown}
        for place, lookup in enumerate(self.lookups, start=1):
            at = lookup.buckets(batch.column(place))
            for word, table in lookup.of.items():
                found = table.true.take(at)
                true[word] &= found
                if word in not_false:
                    not_false[word] &= found if table.not_false is None else table.not_false.take(at)
        unknown = {word: bits & ~true[word] for word, bits in not_false.items()}
        return self._batch(batch.column(0), [*true.values(), *unknown.values()])

    def _batch(self, subjects: pa.Array, words: Sequence[Bits]) -> pa.RecordBatch:
        if not self.every:
            subjects, words = _merged(*_with_bits(subjects, words))
        names = [SUBJECT, *map(hit_word, self.words), *map(unknown_word, self.unknown)]
        return pa.RecordBatch.from_arrays([subjects, *map(pa.array, words)], names=names)


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
    read = _read(spark, conditions, columns, source.frame)
    asked: dict[str, list[tuple[Bound, Part]]] = {}
    computed: dict[str, list[Bound]] = {}
    whole: dict[Cell, str] = {}
    for bound, found in zip(conditions, read, strict=True):
        if isinstance(found, Opaque):
            whole[bound.cell] = str(found)
            computed.setdefault(bound.sql, []).append(bound)
            continue
        for part in found:
            if (expression := part.of) is None:
                computed.setdefault(part.sql, []).append(bound)
            else:
                asked.setdefault(expression.name, []).append((bound, part))
    lookups = tuple(_lookups(spark, source, asked, computed))
    words: dict[int, int] = {}
    for bound in conditions:
        words[bound.cell.word] = words.get(bound.cell.word, 0) | bound.cell.mask
    places = tuple(_places(conditions, asked, computed, whole))
    return PredicateIndex(source, lookups, dict(sorted(words.items())), places)


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
    except PySparkException:
        return {texts[0]: None} if len(texts) == 1 else {k: v for t in texts for k, v in _folded(spark, [t]).items()}
    return {text: None if isinstance(value, datetime) else value for text, value in zip(texts, row, strict=True)}


def _parts(sql: str, columns: Mapping[str, str], constants: Constants, name: str) -> tuple[Part, ...] | Opaque:
    try:
        return parts(sql, columns, constants, name) if sql else ()
    except Opaque as problem:
        return problem


def _lookups(
    spark: SparkSession, source: Source, asked: dict[str, list[tuple[Bound, Part]]], computed: dict[str, list[Bound]]
) -> Iterator[Lookup]:
    """Expressions whose values are looked up; tests that cannot be go to what Spark computes."""
    expressions = [part.of for (_, part), *_ in asked.values() if part.of is not None]
    types = _select(spark, source, _numbered(each.sql for each in expressions)).schema.fields if expressions else []
    for expression, field in zip(expressions, types, strict=True):
        kept = _kept(field.dataType.simpleString(), asked[expression.name], computed)
        if kept is not None:
            cuts, tests = kept
            yield Lookup(expression.sql, cuts, tables(cuts, tests))
    for sql, found in computed.items():
        yield Lookup(f"CAST(coalesce(CAST(({sql}) AS INT), {UNKNOWN}) AS TINYINT)", None, _of_computed(found))


def _numbered(texts: Iterable[str]) -> Iterator[str]:
    return (f"{sql} AS c{number}" for number, sql in enumerate(texts))


def _kept(
    type_: str, found: list[tuple[Bound, Part]], computed: dict[str, list[Bound]]
) -> tuple[Cuts, list[Tested]] | None:
    try:
        of = domain(type_)
    except NotIndexed:
        of = None
    kept: list[tuple[Bound, Part]] = []
    for bound, part in found:
        try:
            if of is None:
                raise NotIndexed(type_)
            Cuts.by(of, [part.tree])
            kept.append((bound, part))
        except NotIndexed:
            computed.setdefault(part.sql, []).append(bound)
    if of is None or not kept:
        return None
    cuts = Cuts.by(of, [part.tree for _, part in kept])
    return cuts, [Tested(b.cell.word, b.cell.mask, part.tree, b.filters) for b, part in kept]


def _of_computed(found: Sequence[Bound]) -> dict[int, Table]:
    false: dict[int, int] = {}
    unknown: dict[int, int] = {}
    for bound in found:
        word, mask = bound.cell.word, bound.cell.mask
        false[word] = false.get(word, 0) | mask
        unknown[word] = unknown.get(word, 0) | (mask if bound.filters else 0)
    return {
        word: Table(np.array([~mask, -1, ~mask], dtype=np.int64), np.array([~mask, -1, ~unknown[word]], dtype=np.int64))
        for word, mask in false.items()
    }


def _places(
    conditions: Sequence[Bound],
    asked: Mapping[str, list[tuple[Bound, Part]]],
    computed: Mapping[str, list[Bound]],
    whole: Mapping[Cell, str],
) -> Iterator[Placed]:
    looked_up: dict[Cell, list[str]] = {}
    left: dict[Cell, list[str]] = {}
    for name, found in asked.items():
        for bound, _ in found:
            looked_up.setdefault(bound.cell, []).append(name)
    for sql, several in computed.items():
        for bound in several:
            left.setdefault(bound.cell, []).append(sql)
    for cell in (bound.cell for bound in conditions):
        yield Placed(cell, tuple(looked_up.get(cell, ())), tuple(left.get(cell, ())), whole.get(cell, ""))
