"""
Rows brought together by subject in shuffle blocks: a shuffle carries a few long texts of bytes, and no rows.

Spark takes every row that it shuffles apart, sorts it, and hands it to a worker value by value. Here a worker puts
the rows that go to one part side by side and hands them over as one binary, an Arrow record batch. Spark moves those,
and a worker at the other end has the rows of all its subjects as arrays again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa

from rules_engine.index.words import SUBJECT, RuleBit, hit_word, unknown_word
from rules_engine.model.rules import Form, WhenUnknown
from rules_engine.worker.decision_rows import before_schema
from rules_engine.worker.exchange import PART, SendFacts, ShuffleWriter, Work
from rules_engine.worker.work_counts import Count, uncounted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from rules_engine.worker.aggregation import GroupAggregator


BYTES = 1 << 25
"""Bytes of frames, as they are stored, and of their rows' words, that make a part: a worker holds one at a time."""

WORDS_OF_ROW = 2
"""Words that take as much room as a row of a frame does where it is stored, about: files are compressed."""

KEYS_TRIED = 16
"""Numbers tried for each part: the chance that none of them leads there is one in ten million."""


@dataclass(frozen=True)
class HashPartitioning:
    """
    Where the rows of subjects go: those of part ``p`` to where Spark's hash sends the number ``partition_keys[p]``.

    Subjects are told apart as one type in all sources: ``bigint`` for whole numbers of any width, or ``string``.
    """

    partition_keys: tuple[int, ...]
    subject_type: str

    @classmethod
    def of(cls, spark: SparkSession, stored: int, words: int, subject_type: str) -> HashPartitioning:
        """
        Parts for frames of so many bytes whose subjects have so many words; no rows are read.

        They are not fewer than Spark has for any shuffle.
        """
        held = stored + stored * words // WORDS_OF_ROW
        parts = max(int(spark.conf.get("spark.sql.shuffle.partitions") or 1), -(-held // BYTES))
        numbers = f"sequence(0, {KEYS_TRIED * parts - 1})"
        (sent,) = spark.sql(f"SELECT transform({numbers}, number -> pmod(hash(number), {parts}))").first() or ((),)
        first: dict[int, int] = {}
        for number, part in enumerate(sent):
            first.setdefault(part, number)
        return cls(tuple(first.get(part, part) for part in range(parts)), subject_type)

    def subject(self, key: str) -> str:
        """A key, as SQL, as the type that all sources have it in."""
        return f"CAST({key} AS {self.subject_type}) AS {SUBJECT}"

    def part(self, key: str) -> str:
        """The part of a key's subject."""
        return f"CAST(pmod(xxhash64(CAST({key} AS {self.subject_type})), {len(self.partition_keys)}) AS INT) AS {PART}"


@dataclass(frozen=True)
class ShuffleInput:
    """Rows of one source that are on their way to their subjects, as ``work`` makes them of those given."""

    given: DataFrame
    work: Work
    schema: pa.Schema
    """Of the rows that are sent, without their part: the subject, words packed, columns that are added up."""
    words: tuple[str, ...]
    """What the source says of a subject."""
    aggregator: GroupAggregator | None = None
    """How a subject's rows come to that; None where each row's words are those of the source."""
    frame: str = ""
    """The frame of which every row is given; empty where the rows are those of a query."""


def sent_schema(given: DataFrame, words: Sequence[str], carried: Iterable[str] = ()) -> pa.Schema:
    """Rows that are sent: the subject, its words packed, and columns of those given that are carried along."""
    from pyspark.sql.pandas.types import to_arrow_type

    fields = [(name, to_arrow_type(given.schema[name].dataType)) for name in (SUBJECT, *carried)]
    return pa.schema([fields[0], ("words", pa.binary(8 * len(words))), *fields[1:]])


def shuffled(sent: Sequence[ShuffleInput], parts: HashPartitioning, count: Count = uncounted) -> DataFrame:
    """Rows ``source, block``: each of Spark's parts has everything of its subjects."""
    blocks = (
        each.given.mapInArrow(
            ShuffleWriter(number, each.work, parts.partition_keys, count=count),
            f"{PART} int, source int, block binary",
        )
        for number, each in enumerate(sent)
    )
    rows = reduce(lambda a, b: a.unionAll(b), blocks).repartition(len(parts.partition_keys), PART)
    return rows.select("source", "block")


def of_facts(rows: DataFrame, words: Iterable[str], parts: HashPartitioning) -> ShuffleInput:
    """Rows that say one bit of one of some words, on their way to their subjects."""
    names = tuple(sorted({*words}))
    given = rows.selectExpr(parts.subject(SUBJECT), "word", "mask", "unknown", parts.part(SUBJECT))
    return ShuffleInput(given, SendFacts(names), sent_schema(given, names), names)


def of_memberships(rows: DataFrame, parts: HashPartitioning) -> ShuffleInput:
    """
    Earlier memberships (``subject, membership_type, granted, first_granted, merged_into``), on their way to their
    subjects.
    """
    columns = [
        "membership_type",
        "granted",
        "first_granted",
        f"CAST(merged_into AS {parts.subject_type}) AS merged_into",
    ]
    given = rows.selectExpr(parts.subject(SUBJECT), *columns, parts.part(SUBJECT))
    subject = pa.int64() if parts.subject_type == "bigint" else pa.string()
    return ShuffleInput(given, as_given, before_schema(subject), ())


def as_given(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows that are sent as they are."""
    return batch


def words_said(placed: Iterable[RuleBit]) -> Iterator[str]:
    """The words of outcomes of rules that are queries of their own."""
    for version, cell in placed:
        yield hit_word(cell.word)
        if version.form is Form.PREDICATE and version.when_unknown is not WhenUnknown.MISS:
            yield unknown_word(cell.word)
