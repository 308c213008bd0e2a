"""
What a rule would find, before it is part of anything: whom it hits, and which of its clauses lets how many through.

Everything is counted in one pass: each row says which clauses it meets, as bits of a number, each subject what its rows
say together, and subjects are counted by that number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from rules_engine.logical.select_query import select_query
from rules_engine.model.frames import Lake
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.plan.standalone import asks_other_rows
from rules_engine.review.clauses import OR, columns_read, comparison, taken_apart
from rules_engine.spark.sandbox import hush
from rules_engine.spark.standalone_queries import statement
from rules_engine.sql.lexer import bind, blanked
from rules_engine.sql.unknown import conditions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_PARTS = 28
"""Clauses that are counted one by one; of a condition with more, the whole alone is."""

SAMPLES = 10
_TRUE, _UNKNOWN, _FIRST, _IS_SUBJECT = 1, 2, 4, 1 << 62


@dataclass(frozen=True, slots=True)
class Part:
    """A clause of the top level, and how many subjects it leaves: alone, and with those before it (of an OR: any)."""

    sql: str
    alone: int
    in_order: int


@dataclass(frozen=True, slots=True)
class Preview:
    """
    Subjects by what the rule is of them; they add up to ``base``, all there are.

    ``joined`` is what joins the parts, ``and`` or ``or``. A sample is a subject's key and the columns that the rule
    reads, as texts.
    """

    base: int
    hits: int
    unknown: int
    joined: str
    parts: tuple[Part, ...]
    samples: tuple[Mapping[str, str | None], ...]

    @property
    def misses(self) -> int:
        return self.base - self.hits - self.unknown


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a rule's condition is asked: texts that are bound already."""

    given: str
    rows: str
    key: str
    where: str
    having: str = ""
    grouped: bool = False
    shows: tuple[str, ...] = ()
    """What of a row, or a group of them, is shown of a sample."""


def preview(spark: SparkSession, lake: Lake, schema: Schema, version: RuleVersion, as_of: date) -> Preview:
    """Count a rule that the gates accepted over the views of a session, and look at some of whom it hits."""
    return _Previewing(spark, lake, schema, version, as_of).preview()


class _Previewing:
    def __init__(self, spark: SparkSession, lake: Lake, schema: Schema, version: RuleVersion, as_of: date) -> None:
        self.spark, self.lake, self.schema, self.version, self.as_of = spark, lake, schema, version, as_of
        self.subjects = f"(SELECT `{lake.subject_key}` AS is_subject FROM `{lake.subject}`)"
        hush()
        self.of_subjects = version.frame.lower() == lake.subject.lower()

    def preview(self) -> Preview:
        """Counts and shares of the subjects, clause by clause where the text can be taken apart, and samples."""
        base = self.spark.table(self.lake.subject).count()
        source = self._source()
        if source is None:
            hits = self._subjects(self._statement())
            return Preview(base, hits, 0, "", (), self._samples_of_statement())
        clause = taken_apart(source.where)
        joined = clause.joined if clause.of else ""
        parts = [part.sql for part in clause.of] or [clause.sql]
        counted = None if asks_other_rows(source.where) else self._counted(source, parts, joined)
        if counted is None:
            counted = self._one_by_one(source, parts, joined)
        hits, unknown, found = counted
        if source.grouped:
            hits, unknown = self._subjects(self._grouped(source)), 0
            if source.having:
                alone = self._subjects(self._grouped(source, where="TRUE"))
                found = (*found, Part(f"HAVING {source.having}", alone, hits))
        elif self.version.form is Form.STATEMENT:
            unknown = 0  # it names subjects: of the others nothing is unknown
        return Preview(base, hits, unknown, joined, found, self._samples(source))

    def _source(self) -> _Source | None:
        version = self.version
        if version.form is Form.PREDICATE:
            key = f"`{self.lake.frame(version.frame).subject_key}`"
            shows = tuple(columns_read(version.sql, self.schema.types_of(version.frame)))
            if asks_other_rows(version.sql):  # what is qualified may be of another frame
                shows = tuple(text for text in shows if "." not in text)
            return _Source("", f"`{version.frame}`", key, self._bound(version.sql), shows=shows)
        found = select_query(self._bound(version.sql))
        if found is None:
            return None
        everything = {name: 0 for frame in self.schema.columns for name in self.schema.types_of(frame)}
        shows = tuple(columns_read(found.where, everything))
        if found.grouped:
            held = (comparison(leaf.sql) for leaf in taken_apart(found.having).leaves()) if found.having else ()
            shows = tuple(dict.fromkeys(each.left for each in held if each))
        return _Source(found.given, found.source, found.key, found.where or "TRUE", found.having, found.grouped, shows)

    def _bound(self, sql: str) -> str:
        return bind(blanked(sql), self.version.parameters, self.as_of)

    def _counted(self, source: _Source, parts: Sequence[str], joined: str) -> tuple[int, int, tuple[Part, ...]] | None:
        """All counts in one pass; None where a clause cannot be worked out on rows that others would stop."""
        if len(parts) > MOST_PARTS:
            parts = ()
        asked = ", ".join([f"({source.where}) AS w", *(f"({sql}) AS p{n}" for n, sql in enumerate(parts))])
        said = [f"IF(w, {_TRUE}L, 0L)", f"IF(w IS NULL, {_UNKNOWN}L, 0L)"]
        for n in range(len(parts)):
            so_far = (" OR " if joined == OR else " AND ").join(f"p{i}" for i in range(n + 1))
            said += [f"IF(p{n}, {_FIRST << 2 * n}L, 0L)", f"IF({so_far}, {_FIRST << (2 * n + 1)}L, 0L)"]
        rows = f"{source.given} SELECT {source.key} AS subject, {asked} FROM {source.rows}"
        bits = f"SELECT subject, {' | '.join(said)} AS bits FROM ({rows})"
        if not self.of_subjects:
            # a subject is told from others by a bit, too: a join would bring all rows together a second time
            among = f"SELECT subject, bits FROM ({bits}) WHERE bits <> 0 UNION ALL SELECT is_subject, {_IS_SUBJECT}L"
            together = f"SELECT bit_or(bits) AS bits FROM ({among} FROM {self.subjects}) GROUP BY subject"
            bits = f"SELECT bits ^ {_IS_SUBJECT}L AS bits FROM ({together}) WHERE bits & {_IS_SUBJECT}L <> 0"
        found = self._collected(f"SELECT bits, count(*) FROM ({bits}) GROUP BY bits")
        if found is None:
            return None
        counts = {int(bits): int(number) for bits, number in found}

        def with_bit(bit: int) -> int:
            return sum(number for bits, number in counts.items() if bits & bit)

        unknown = sum(number for bits, number in counts.items() if bits & (_TRUE | _UNKNOWN) == _UNKNOWN)
        told = (Part(sql, with_bit(_FIRST << 2 * n), with_bit(_FIRST << (2 * n + 1))) for n, sql in enumerate(parts))
        return with_bit(_TRUE), unknown, tuple(told)

    def _one_by_one(self, source: _Source, parts: Sequence[str], joined: str) -> tuple[int, int, tuple[Part, ...]]:
        """For clauses that ask other rows, which Spark answers in a filter, or that fail where no other stops them."""

        def subjects(where: str) -> int | None:
            rows = f"{source.given} SELECT {source.key} AS subject FROM {source.rows} WHERE {where}"
            try:
                return self._subjects(rows)
            except self._errors:
                return None

        true, exact = conditions(source.where)
        hits = self._subjects(f"{source.given} SELECT {source.key} AS subject FROM {source.rows} WHERE {true}")
        of_rows = self.version.form is Form.PREDICATE  # a statement names subjects: of the others nothing is unknown
        either = (subjects(f"coalesce({exact}, true)") if of_rows else None) or hits
        word = " OR " if joined == OR else " AND "
        told = list[Part]()
        for n, sql in enumerate(parts):
            alone = subjects(f"({sql})") if len(parts) > 1 else hits
            so_far = alone if n == 0 else hits  # the first by itself, and the last with all the others
            if 0 < n < len(parts) - 1:
                so_far = subjects(word.join(f"({part})" for part in parts[: n + 1]))
            if alone is not None and so_far is not None:
                told.append(Part(sql, alone, so_far))
        return hits, either - hits, tuple(told)

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        return PySparkException, Py4JError

    def _grouped(self, source: _Source, where: str = "") -> str:
        having = f"HAVING {source.having}" if source.having else ""
        where = where or source.where
        rows = f"{source.given} SELECT {source.key} AS subject FROM {source.rows}"
        return f"{rows} WHERE {where} GROUP BY {source.key} {having}"

    def _subjects(self, rows: str) -> int:
        """How many of the subjects are among the rows of a query of one column."""
        found = f"SELECT DISTINCT subject FROM ({rows}) LEFT SEMI JOIN {self.subjects} ON subject = is_subject"
        return int(self.spark.sql(f"SELECT count(*) FROM ({found})").collect()[0][0])

    def _statement(self) -> str:
        found = statement(self.spark, self.version, self.as_of, self.lake)
        found.toDF("subject").createOrReplaceTempView("previewed")
        return "SELECT subject FROM previewed"

    def _samples(self, source: _Source) -> tuple[Mapping[str, str | None], ...]:
        """The first subjects by their keys, with what the rule reads of them."""
        shown = ", ".join(f"CAST({text} AS STRING) AS `{text.replace('`', '')}`" for text in source.shows)
        group = f"GROUP BY {source.key} {f'HAVING {source.having}' if source.having else ''}" if source.grouped else ""
        rows = (
            f"{source.given} SELECT {source.key} AS subject{', ' if shown else ''}{shown} FROM {source.rows} "
            f"WHERE {source.where} {group}"
        )
        return self._first(rows)

    def _samples_of_statement(self) -> tuple[Mapping[str, str | None], ...]:
        return self._first("SELECT subject FROM previewed")

    def _first(self, rows: str) -> tuple[Mapping[str, str | None], ...]:
        first = self._collected(f"SELECT * FROM ({rows}) ORDER BY subject LIMIT {10 * SAMPLES}") or []
        known = self._known({row["subject"] for row in first})
        told = self._told(first, known)
        whole = len(first) < 10 * SAMPLES and all(row["subject"] in known for row in first)
        if len(told) < SAMPLES and not whole:  # others, that are no subjects or of another type, came before them
            among = f"SELECT * FROM ({rows}) LEFT SEMI JOIN {self.subjects} ON subject = is_subject"
            rows_of_subjects = self._collected(f"{among} ORDER BY subject LIMIT {10 * SAMPLES}") or []
            told = self._told(rows_of_subjects, {row["subject"] for row in rows_of_subjects})
        return told

    def _known(self, keys: Collection[Any]) -> set[Any]:
        """Which of a few keys are subjects: they are looked up, where a join would bring all subjects together."""
        if self.of_subjects:
            return {*keys} - {None}
        subjects = self.spark.table(self.lake.subject)
        key = subjects[self.lake.subject_key]
        return {row[0] for row in subjects.where(key.isin(*keys)).select(key).collect()} if keys else set()

    def _told(self, rows: Iterable[Any], subjects: Collection[Any]) -> tuple[Mapping[str, str | None], ...]:
        told: dict[Any, dict[str, str | None]] = {}
        for row in rows:
            if row["subject"] in subjects:
                of_row = {name: None if value is None else str(value) for name, value in row.asDict().items()}
                told.setdefault(row["subject"], of_row)
        return tuple(told.values())[:SAMPLES]

    def _collected(self, sql: str) -> list[Any] | None:
        try:
            rows: list[Any] = self.spark.sql(sql).collect()
        except self._errors:
            return None
        return rows
