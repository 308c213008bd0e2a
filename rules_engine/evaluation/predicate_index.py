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
from typing import TYPE_CHECKING, NamedTuple

from rules_engine.evaluation.buckets import Cuts, Table
from rules_engine.evaluation.domains import is_whole
from rules_engine.evaluation.narrowing import PACKED, UNKNOWN, SendWords, Worker
from rules_engine.evaluation.parcels import Parts, Sent, sent_schema
from rules_engine.evaluation.rule_session import unscaled
from rules_engine.evaluation.words import SUBJECT, hit_word, unknown_word
from rules_engine.language.condition import Tree
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


@dataclass(frozen=True, slots=True)
class TakenApart:
    """What became of one condition: the expressions that look it up, the conditions that Spark computes, and why."""

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
    taken_apart: tuple[TakenApart, ...]

    @property
    def can_be_unknown(self) -> tuple[int, ...]:
        """The words in which a condition can be unknown."""
        several = [*(lookup.of for lookup in self.lookups), *(computed.of for computed in self.computed)]
        found = {word for of in several for word, table in of.items() if table.not_false is not None}
        return tuple(sorted(found | {part.word for part in self.mixed if not part.filters}))

    @property
    def columns(self) -> tuple[str, ...]:
        """What Spark is asked for, after the key: the expressions, then the conditions, 31 to a number."""
        conditions = [each.sql for each in self.computed]
        packs = [conditions[first : first + PACKED] for first in range(0, len(conditions), PACKED)]
        return (*(each.sql for each in self.lookups), *map(_packed, packs))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The words of a row, by the names of their columns: of each word what is true, then what can be unknown."""
        unknown = {*self.can_be_unknown}
        both = ((hit_word(word), *([unknown_word(word)] if word in unknown else [])) for word in self.words)
        return tuple(name for names in both for name in names)

    def given(self, spark: SparkSession) -> DataFrame:
        """What a worker is given: the subject's key, and :attr:`columns` as ``c0``, ``c1``, …"""
        return handed(spark, self.source, self.columns)

    def sent(self, spark: SparkSession, parts: Parts, *, every: bool = False, carried: Sequence[str] = ()) -> Sent:
        """
        The words of rows, on their way to their subjects: of ``every`` row, or of those that have a bit.

        What ``carried`` expressions come to, columns or numbers made of them, goes with them.
        """
        columns, places = [*self.columns], {_plain(sql): place for place, sql in enumerate(self.columns)}
        for sql in carried:
            if _plain(sql) not in places:
                places[_plain(sql)] = len(columns)
                columns.append(sql)
        at = tuple(places[_plain(sql)] for sql in carried)
        given = handed(spark, self.source, columns, parts)
        schema = sent_schema(given, self.outputs, [f"c{place}" for place in at])
        return Sent(given, SendWords(Worker(self), every, at), schema, self.outputs, frame=self.source.frame)


def handed(spark: SparkSession, source: Source, columns: Iterable[str], parts: Parts | None = None) -> DataFrame:
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


def _packed(conditions: Sequence[str]) -> str:
    """Conditions as one number, two bits each: false, true or unknown."""
    if len(conditions) > 1:
        middle = len(conditions) // 2
        return f"({_packed(conditions[:middle])} | shiftleft({_packed(conditions[middle:])}, {2 * middle}))"
    return f"CAST(coalesce(CAST(({conditions[0]}) AS INT), {UNKNOWN}) AS BIGINT)"


def _plain(sql: str) -> str:
    """A column, or a number made of columns, in one spelling."""
    return sql.replace("`", "").lower()
