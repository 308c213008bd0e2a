"""The values that rules read of one subject, clause by clause, beside those that were needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from rules_engine.logical.select_query import SelectQuery, select_query
from rules_engine.model.history import Subject
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.plan.standalone import asks_other_rows
from rules_engine.review.clauses import Clause, Truth, columns_read, comparison, taken_apart
from rules_engine.review.snapshot import Reopened
from rules_engine.sql.lexer import bind, blanked
from rules_engine.sql.literals import literal
from rules_engine.sql.unknown import conditions

if TYPE_CHECKING:
    from pyspark.sql import Row

MOST_ROWS = 200
"""Rows of one subject that are looked at for what they say."""


@dataclass(frozen=True, slots=True)
class ClauseSeen:
    """One clause: ``read`` is its left side's value as text, ``needed`` is in words, ``within`` how it is joined."""

    sql: str
    truth: Truth
    subject_of: str = ""
    read: str | None = None
    needed: str = ""
    within: str = ""


@dataclass(frozen=True, slots=True)
class RowSeen:
    """One row, or group of rows: its clauses, and the columns that the rule reads as texts, by how it names them."""

    truth: Truth
    clauses: tuple[ClauseSeen, ...]
    columns: Mapping[str, str | None]

    @property
    def met(self) -> int:
        return sum(clause.truth is True for clause in self.clauses)


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """
    What a rule read of a subject: ``rows`` of it, the ones that come nearest first.

    ``of_rows`` is how many rows of the subject there were to look at; ``note`` says what is shown of a rule that is
    not looked at row by row, or why nothing is.
    """

    rule: str
    rows: tuple[RowSeen, ...] = ()
    of_rows: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A condition as it is asked of the rows of a source: leaves, what they compare, and the columns they name."""

    version: RuleVersion
    whole: str
    clause: Clause
    columns: Mapping[str, str]
    as_of: date

    @property
    def leaves(self) -> dict[str, str]:
        """The texts of the clauses, each once, and what joins it to its neighbours."""
        return {leaf.sql: within for leaf, within in self.clause.leaves_within()}

    def bound(self, sql: str) -> str:
        return bind(sql, self.version.parameters, self.as_of)

    def expressions(self, *, leaves: bool = True) -> Iterator[str]:
        """What is selected: the whole, each leaf with both its sides as texts, and the columns as texts."""
        yield f"({self.bound(self.whole)})"
        for leaf in self.leaves if leaves else ():
            yield f"({self.bound(leaf)})"
            held = comparison(leaf)
            for side in (held.left, *held.right) if held else ():
                yield f"CAST(({self.bound(side)}) AS STRING)"
        for text in self.columns:
            yield f"CAST({text} AS STRING)"

    def row(self, values: Sequence[Any], *, leaves: bool = True) -> RowSeen:
        given = iter(values)
        whole = next(given)
        clauses = (
            [self._clause(*leaf, given) for leaf in self.leaves.items()] if leaves else [ClauseSeen(self.whole, whole)]
        )
        return RowSeen(whole, tuple(clauses), {text: next(given) for text in self.columns})

    def _clause(self, sql: str, within: str, given: Iterator[Any]) -> ClauseSeen:
        truth, held = next(given), comparison(sql)
        if held is None:
            return ClauseSeen(sql, truth, within=within)
        read, *needed = (next(given) for _ in (held.left, *held.right))
        said = held.needed(["nothing" if value is None else str(value) for value in needed])
        return ClauseSeen(sql, truth, held.left, read, said, within)


def seen(opened: Reopened, versions: Iterable[RuleVersion], subject: Subject, as_of: date) -> dict[str, RuleSeen]:
    """What each rule read of a subject, by version id; over the views of the snapshot."""
    return {version.id: _seen(opened, version, subject, as_of) for version in versions}


def _seen(opened: Reopened, version: RuleVersion, subject: Subject, as_of: date) -> RuleSeen:
    if frame := opened.missing_for(version):
        return RuleSeen(version.id, note=f"the snapshot of {frame} that the run read, {opened.gone[frame]}, is gone")
    if version.form is Form.PREDICATE:
        key = opened.lake.frame(version.frame).subject_key
        columns = columns_read(version.sql, opened.schema.types_of(version.frame))
        asked = _Asked(version, blanked(version.sql), taken_apart(version.sql), columns, as_of)
        return _rows(opened, asked, f"`{version.frame}`", f"`{key}` = {literal(subject)}")
    found = select_query(blanked(version.sql))
    if found is None or asks_other_rows(found.where) or asks_other_rows(found.having):
        return _whole(opened, version, subject, as_of)
    return _statement(opened, version, found, subject, as_of)


def _rows(opened: Reopened, asked: _Asked, source: str, of_subject: str, given: str = "") -> RuleSeen:
    if asks_other_rows(asked.whole):
        return _by_filter(opened, asked, source, of_subject)
    for leaves in (True, False):
        selected = ", ".join(asked.expressions(leaves=leaves))
        found = _collected(opened, f"{given} SELECT {selected} FROM {source} WHERE {of_subject} LIMIT {MOST_ROWS}")
        if found is not None:
            rows = sorted((asked.row(row, leaves=leaves) for row in found), key=_nearest_first)
            return RuleSeen(asked.version.id, tuple(rows), len(rows), "" if rows else "the subject has no row here")
    return RuleSeen(asked.version.id, note="its clauses cannot be worked out by themselves")


def _by_filter(opened: Reopened, asked: _Asked, source: str, of_subject: str) -> RuleSeen:
    """Clauses that ask other rows, which Spark answers in a filter only: each is asked of all rows of the subject."""

    def truth(sql: str) -> Truth:
        true, exact = conditions(sql)
        for answer, text in ((True, f"({true})"), (None, f"({exact}) IS NULL")):
            if _collected(opened, f"SELECT 1 FROM {source} WHERE {of_subject} AND {text} LIMIT 1"):
                return answer
        return False

    plain = {text: name for text, name in asked.columns.items() if "." not in text}
    values = _collected(opened, f"SELECT {_texts(plain)} FROM {source} WHERE {of_subject} LIMIT {MOST_ROWS}") or []
    clauses = tuple(ClauseSeen(sql, truth(asked.bound(sql)), within=within) for sql, within in asked.leaves.items())
    row = RowSeen(truth(asked.bound(asked.whole)), clauses, dict(zip(plain, values[0], strict=False)) if values else {})
    return RuleSeen(asked.version.id, (row,) if values else (), len(values), "it asks the rows of other frames, too")


def _statement(opened: Reopened, version: RuleVersion, found: SelectQuery, subject: Subject, as_of: date) -> RuleSeen:
    """A statement's condition asked of the subject's rows; where it groups them, of the subject's group."""
    columns = {name: "" for frame in opened.schema.columns for name in opened.schema.types_of(frame)}
    where, of_subject = found.where or "TRUE", f"{found.key} = {literal(subject)}"
    asked = _Asked(version, where, taken_apart(where), columns_read(where, columns), as_of)
    from_, given = asked.bound(found.source), asked.bound(found.given)
    of_rows = _rows(opened, asked, from_, of_subject, given)
    if not found.grouped:
        return of_rows
    met = sum(row.truth is True for row in of_rows.rows)
    note = f"{met} of {of_rows.of_rows} rows meet: {' '.join(where.split())}" if found.where else ""
    group = _Asked(version, found.having or "TRUE", taken_apart(found.having or "TRUE"), {}, as_of)
    source = f"{from_} WHERE ({asked.bound(where)}) AND {of_subject} GROUP BY {found.key}"
    for leaves in (True, False):
        rows = _collected(opened, f"{given} SELECT {', '.join(group.expressions(leaves=leaves))} FROM {source}")
        if rows is not None:
            return RuleSeen(version.id, tuple(group.row(r, leaves=leaves) for r in rows), of_rows.of_rows, note)
    return RuleSeen(version.id, note=note)


def _whole(opened: Reopened, version: RuleVersion, subject: Subject, as_of: date) -> RuleSeen:
    """A statement of another shape: only whether it names the subject, and what it returns beside it."""
    sql = bind(version.sql, version.parameters, as_of)
    found = opened.spark.sql(sql)
    place = opened.lake.key_among(found.columns)
    key = found.columns[place or 0]
    rows = found.where(found[f"`{key}`"] == subject).limit(MOST_ROWS).collect()
    beside = [{name: None if v is None else str(v) for name, v in row.asDict().items() if name != key} for row in rows]
    clause = ClauseSeen(" ".join(blanked(version.sql).split()), bool(rows))
    return RuleSeen(
        version.id, tuple(RowSeen(True, (clause,), b) for b in beside), len(rows), "a query asked as a whole"
    )


def _collected(opened: Reopened, sql: str) -> list[Row] | None:
    """The rows of a query; None where it cannot be asked, such as of a clause that fails where others would stop it."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        rows: list[Row] = opened.spark.sql(sql).collect()
    except (PySparkException, Py4JError):
        return None
    return rows


def _texts(columns: Iterable[str]) -> str:
    return ", ".join(f"CAST({name} AS STRING)" for name in columns) or "1"


def _nearest_first(row: RowSeen) -> tuple[bool, bool, int]:
    return row.truth is not True, row.truth is not None, -row.met
