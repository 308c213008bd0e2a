"""Rows of a source, read by Spark for a worker: what the index asks of them, and what is sent to their subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rules_engine.index.grouped_index import GroupedIndex
from rules_engine.index.predicate_index import PredicateIndex, Source
from rules_engine.index.value_types import is_whole
from rules_engine.index.words import SUBJECT
from rules_engine.spark.sandbox import unscaled
from rules_engine.spark.shuffle import HashPartitioning, ShuffleInput, sent_schema
from rules_engine.worker.aggregation import GroupAggregator
from rules_engine.worker.index_probe import IndexProbe, SendWords

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def sent(
    spark: SparkSession,
    of: PredicateIndex,
    parts: HashPartitioning,
    *,
    every: bool = False,
    carried: Sequence[str] = (),
) -> ShuffleInput:
    """
    The words of a source's rows, on their way to their subjects: of ``every`` row, or of those that have a bit.

    What ``carried`` expressions come to, columns or numbers made of them, goes with them.
    """
    columns, places = [*of.columns], {_plain(sql): place for place, sql in enumerate(of.columns)}
    for sql in carried:
        if _plain(sql) not in places:
            places[_plain(sql)] = len(columns)
            columns.append(sql)
    at = tuple(places[_plain(sql)] for sql in carried)
    rows = handed(spark, of.source, columns, parts)
    schema = sent_schema(rows, of.outputs, [f"c{place}" for place in at])
    return ShuffleInput(rows, SendWords(IndexProbe(of), every, at), schema, of.outputs, frame=of.source.frame)


def sent_grouped(spark: SparkSession, of: GroupedIndex, parts: HashPartitioning) -> ShuffleInput:
    """
    The words of a source's rows and the columns that are added up, on their way to their subjects.

    Rows that meet no condition and no filter are left, unless something is asked of all rows.
    """
    columns = [f"`{column}`" for column in of.groups.columns]
    rows = sent(spark, of.of_rows, parts, every=of.groups.every, carried=columns)
    return replace(rows, words=of.outputs, aggregator=GroupAggregator(of))


def handed(
    spark: SparkSession, source: Source, columns: Iterable[str], parts: HashPartitioning | None = None
) -> DataFrame:
    """
    What a worker is handed of a source's rows: the subject's key, and columns, as SQL, as ``c0``, ``c1``, …

    With ``parts`` the part that a row goes to is the last. Decimals come as the whole numbers that they are looked
    up as: as a decimal each would become an array of bytes in the JVM first, 0.3 CPU seconds for a million.
    """
    key = parts.subject(source.key) if parts else f"{source.key} AS {SUBJECT}"
    rows = select(spark, source, [key, *numbered(columns), *([parts.part(source.key)] if parts else [])])
    types = {field.name: field.dataType.simpleString() for field in rows.schema.fields[1:]}
    return rows.withColumns({name: unscaled(spark, rows[name]) for name, type_ in types.items() if is_whole(type_)})


def select(spark: SparkSession, source: Source, columns: Iterable[str]) -> DataFrame:
    """Columns, as SQL, of a source's rows."""
    return spark.sql(f"{source.given} SELECT {', '.join(columns)} FROM {source.sql}")


def numbered(texts: Iterable[str]) -> Iterator[str]:
    """Expressions with the names ``c0``, ``c1``, …"""
    return (f"{sql} AS c{number}" for number, sql in enumerate(texts))


def _plain(sql: str) -> str:
    """A column, or a number made of columns, in one spelling."""
    return sql.replace("`", "").lower()
