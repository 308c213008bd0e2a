"""The index over conditions, with the types and constants that it needs asked of Spark; no rows are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from rules_engine.index.aggregate_predicates import Groups
from rules_engine.index.bit_layout import packed, words_of
from rules_engine.index.builder import assembled
from rules_engine.index.grouped_index import GroupedIndex, filters, of_index
from rules_engine.index.predicate_index import BoundPredicate, PredicateIndex, Source
from rules_engine.index.value_types import ComparisonType, NotIndexed, comparison_type
from rules_engine.logical.condition import Conjunct, Constants, Test, tests_of
from rules_engine.logical.condition_reader import parts
from rules_engine.logical.operands import names
from rules_engine.logical.values import NotIndexable, Value
from rules_engine.spark.scan import numbered, select

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def grouped(spark: SparkSession, source: Source, conditions: Sequence[BoundPredicate], groups: Groups) -> GroupedIndex:
    """The indexes over conditions on a source's rows and on their groups."""
    own = words_of(conditions)
    return of_index(index(spark, source, [*packed(conditions), *filters(groups, own)]), conditions, groups, own)


def index(spark: SparkSession, source: Source, conditions: Sequence[BoundPredicate]) -> PredicateIndex:
    """The index over conditions on the rows of a source, its columns as Spark types them."""
    columns = _columns(spark, source, conditions)
    found: list[tuple[BoundPredicate, Conjunct]] = []
    whole: dict[BoundPredicate, str] = {}
    for bound, read in zip(conditions, _read(spark, conditions, columns, source.frame), strict=True):
        if isinstance(read, NotIndexable):
            whole[bound] = str(read)
        else:
            found += [(bound, part) for part in read]
    return assembled(source, conditions, found, whole, _domains(spark, source, [part for _, part in found]))


def _domains(spark: SparkSession, source: Source, found: Sequence[Conjunct]) -> dict[str, ComparisonType]:
    """Expression to how its values are compared, for those that can be looked up."""
    asked = {test.of.name: test.of.sql for part in found for test in tests_of(part.tree) if isinstance(test, Test)}
    fields = select(spark, source, numbered(asked.values())).schema.fields if asked else []
    domains: dict[str, ComparisonType] = {}
    for name, field in zip(asked, fields, strict=True):
        with suppress(NotIndexed):
            domains[name] = comparison_type(field.dataType.simpleString())
    return domains


def _columns(spark: SparkSession, source: Source, conditions: Sequence[BoundPredicate]) -> dict[str, str]:
    """Column to Spark's type; of a source that is no frame those that conditions seem to name."""
    if source.frame:
        return {field.name.lower(): field.dataType.simpleString() for field in spark.table(source.frame).schema.fields}
    return _typed(spark, source, sorted({name for bound in conditions for name in names(bound.sql)}))


def _typed(spark: SparkSession, source: Source, asked: Sequence[str]) -> dict[str, str]:
    from pyspark.errors import PySparkException

    try:
        fields = select(spark, source, numbered(asked)).schema.fields if asked else []
    except PySparkException:
        return {} if len(asked) == 1 else {k: v for name in asked for k, v in _typed(spark, source, [name]).items()}
    return {name: field.dataType.simpleString() for name, field in zip(asked, fields, strict=True)}


def _read(
    spark: SparkSession, conditions: Sequence[BoundPredicate], columns: Mapping[str, str], name: str
) -> list[tuple[Conjunct, ...] | NotIndexable]:
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


def _parts(
    sql: str, columns: Mapping[str, str], constants: Constants, name: str
) -> tuple[Conjunct, ...] | NotIndexable:
    try:
        return parts(sql, columns, constants, name) if sql else ()
    except NotIndexable as problem:
        return problem
