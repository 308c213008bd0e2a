"""
Where each rule of a set is cheapest: what is asked together, and what stays a query of its own.

- Conditions on a frame's rows share one pass over it.
- Statements over the same source share one pass over that: their joins and windows are done once.
- Statements that count or add up the rows of a frame, or ask for a row's place among a subject's, share the pass over
  it; others that group the same source share one aggregation, each with its own filter.
- Statements that ask of a subject whether another frame has rows for it are conditions on that frame; so are joins
  with it, and with small frames whose values are known.
- The others are queries of their own.

Nothing here reads data or asks Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

from rules_engine.index.aggregate_predicates import AggregatePushDown, Groups
from rules_engine.index.predicate_index import BoundPredicate, Source
from rules_engine.index.words import RuleBit
from rules_engine.logical.group_by_query import group_by_query
from rules_engine.logical.normal_form import NormalForm, normal_form
from rules_engine.logical.operands import names
from rules_engine.logical.placed_rows import Placed
from rules_engine.logical.select_query import (
    SelectQuery,
    frame_and_alias,
    of_subjects,
    select_query,
    spelled,
    unqualified,
)
from rules_engine.logical.semi_join import DimensionInList, Values, semi_join
from rules_engine.logical.with_queries import put_in_place
from rules_engine.model.frames import Schema
from rules_engine.model.hitmatrix import Cell, HitMatrix
from rules_engine.model.rules import Form, RuleVersion, WhenUnknown
from rules_engine.plan.shared_aggregation import cuts_of, shared
from rules_engine.plan.shared_windows import placed_rows
from rules_engine.plan.standalone import asks_other_rows
from rules_engine.sql.lexer import bind

TOGETHER = 60
"""Statements that one aggregation answers: each is some columns of every group."""


class Pass(NamedTuple):
    """Conditions on the rows of a source, and on what they come to per subject."""

    source: Source
    of_rows: tuple[BoundPredicate, ...]
    groups: Groups | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Where the rules of one set went.

    ``of_subjects`` are conditions on the rows of ``subjects``, ``passes`` those
    on the rows of other sources, ``alone`` the queries. A rule that asks another
    frame has a second bit, ``words`` words after its first: ``conjoined`` holds
    these rules' masks by word, ``negated`` those that are true where the
    second bit is not.
    """

    subjects: Source
    of_subjects: tuple[BoundPredicate, ...]
    passes: tuple[Pass, ...]
    alone: tuple[RuleBit, ...]
    conjoined: dict[int, int]
    negated: dict[int, int]
    carried: tuple[str, ...]
    """Expressions over the subject's row that totals of other rows are held against."""
    why: dict[str, str]
    """Version id to where it went, in words."""


_Grouped = tuple[SelectQuery, RuleBit | None, BoundPredicate, tuple[tuple[int, int], ...]]
"""A question that groups, the rule it is, if it is one, its bit, and where its aggregates stand."""


@dataclass
class _Planner:
    matrix: HitMatrix
    schema: Schema
    as_of: date
    values: Values
    rows: dict[Source, list[BoundPredicate]] = field(default_factory=dict)
    cores: dict[tuple[str, ...], list[tuple[SelectQuery, RuleBit, BoundPredicate]]] = field(default_factory=dict)
    groups: dict[tuple[str, ...], list[tuple[SelectQuery, RuleBit | None, BoundPredicate]]] = field(
        default_factory=dict
    )
    grouped: dict[Source, AggregatePushDown] = field(default_factory=dict)
    placed: dict[tuple[str, str], list[tuple[Placed, BoundPredicate]]] = field(default_factory=dict)
    alone: list[RuleBit] = field(default_factory=list)
    conjoined: dict[int, int] = field(default_factory=dict)
    negated: dict[int, int] = field(default_factory=dict)
    carried: dict[str, None] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def plan(self) -> Plan:
        """Where every rule went, once all were placed."""
        for placed in self.matrix.cells:
            self._place(placed)
        self._share()
        subjects = self._frame(self.schema.subject)
        of_subjects = self.rows.pop(subjects, [])
        groups = {source: grouping.groups() for source, grouping in self.grouped.items()}
        passes = tuple(
            Pass(source, tuple(self.rows.get(source, ())), groups.get(source))
            for source in dict.fromkeys([*self.rows, *self.grouped])
            if source in self.rows or groups[source]
        )
        asked = self.conjoined, self.negated, tuple(self.carried)
        return Plan(subjects, tuple(of_subjects), passes, tuple(self.alone), *asked, self.why)

    def _place(self, placed: RuleBit) -> None:
        version, cell = placed
        sql = bind(version.sql, version.parameters, self.as_of)
        if version.form is Form.PREDICATE and not asks_other_rows(version.sql):
            self._add(self._frame(version.frame), BoundPredicate(sql, cell))
            self.why[version.id] = f"condition on {version.frame}"
            return
        own_frames = (self._joins, self._totals)
        if version.form is Form.STATEMENT and any(takes(sql, placed) for takes in own_frames):
            return
        frame = version.frame if version.form is Form.PREDICATE else ""
        if frame.lower() in {"", self.schema.subject.lower()} and self._asks(sql, frame, placed):
            return
        if self._normalised(_as_statement(version, sql, self.schema), placed):
            return
        sql = put_in_place(sql) if version.form is Form.STATEMENT else sql
        found = select_query(sql) if version.form is Form.STATEMENT else None
        if found is None or " select " in f" {spelled(found.where)} ":
            self._leave(placed, "a query of its own")
        elif found.grouped:
            self.groups.setdefault(found.core, []).append((found, placed, BoundPredicate("", cell, filters=True)))
        else:
            self._ask_rows(found, placed)

    def _asks(self, sql: str, frame: str, placed: RuleBit) -> bool:
        """Whether the rule asks of a subject what rows another frame has for it."""
        version, cell = placed
        found = of_subjects(sql, self.schema, frame=frame)
        if found is None or not self._is_about(found.asked.source, found.asked.where):
            return False
        if not self._is_about(self.schema.subject, found.where):
            return False
        asked, second = found.asked, self._second(cell)
        if asked.least == 1:
            self._add(self._frame(asked.source), BoundPredicate(asked.where, second, filters=True))
        else:
            having = f"count(*) >= {asked.least}"
            counted = SelectQuery("", f"`{asked.key}`", f"`{asked.source}`", asked.where, having, grouped=True)
            self.groups.setdefault(counted.core, []).append((counted, None, BoundPredicate("", second, filters=True)))
        self._ask_both(BoundPredicate(found.where, cell, filters=version.form is Form.STATEMENT), denied=asked.denied)
        self.why[version.id] = f"asks the rows of {asked.source}"
        return True

    def _joins(self, sql: str, placed: RuleBit) -> bool:
        """Whether the rule asks of joined frames what can be asked of each by itself."""
        version, cell = placed
        found = semi_join(sql, self.schema)
        rows = found.rows.condition(self.values) if found else None
        own = found.subject.condition(self.values) if found and found.subject else ""
        if found is None or rows is None or own is None:
            return False
        self.why[version.id] = f"asks the rows of {found.rows.frame}"
        at = self._second(cell) if found.subject else cell
        self._add(self._frame(found.rows.frame), BoundPredicate(rows, at, filters=True))
        if found.subject:
            self._ask_both(BoundPredicate(own, cell, filters=True))
        return True

    def _normalised(self, sql: str, placed: RuleBit) -> bool:
        """Whether the rule asks, in whatever words, what rows are there for a subject, or what they come to."""
        version, cell = placed
        found = normal_form(sql, self.schema) if sql else None
        if found is None:
            return False
        subject = " AND ".join(found.subject)
        if found.rows is None and found.placed is None:
            self._add(self._frame(self.schema.subject), BoundPredicate(subject, cell, filters=True))
            self.why[version.id] = f"condition on {self.schema.subject}"
            return True
        plain = not subject and not found.negated
        at = cell if plain else self._second(cell)
        where = found.rows.condition(self.values) if found.rows else ""
        if where is None:
            return False
        if found.rows is None:
            self.why[version.id] = self._ranked(found, at)
        elif not found.calls:
            self._add(self._frame(found.rows.frame), BoundPredicate(where, at, filters=True))
            asks = "condition on" if plain and not found.rows.among else "asks the rows of"
            self.why[version.id] = f"{asks} {found.rows.frame}"
        elif why := self._aggregated(found, where, at):
            self.why[version.id] = why
        else:
            return False
        if not plain:
            self._ask_both(BoundPredicate(subject, cell, filters=True), denied=found.negated)
        return True

    def _aggregated(self, found: NormalForm, where: str, at: Cell) -> str:
        """Who aggregates a subject's rows: workers, or else Spark for all such rules at once; empty for neither."""
        assert found.rows is not None
        bound = BoundPredicate("", at, filters=True)
        if self._grouping(found.rows.frame).takes(where, found.pieces, found.calls, bound):
            return f"counts or adds up the rows of {found.rows.frame}"
        source = self._frame(found.rows.frame)
        having = "".join(text for pair in zip(found.pieces, (*found.calls, ""), strict=True) for text in pair)
        asked = SelectQuery("", source.key, source.sql, where, having, grouped=True)
        if cuts_of(asked) is None or "distinct" in spelled(having).split():
            return ""
        self.groups.setdefault(asked.core, []).append((asked, None, bound))
        return f"shares the groups of {found.rows.frame}"

    def _ranked(self, found: NormalForm, at: Cell) -> str:
        """Who works out windows of a frame's rows: workers, or else Spark for all such rules at once."""
        bound, placed = BoundPredicate("", at, filters=True), found.placed
        assert placed is not None
        if found.ranked and self._grouping(found.ranked.frame).takes_ranked(found.ranked, bound):
            return f"ranks the rows of {placed.frame}"
        self.placed.setdefault((placed.frame, placed.before), []).append((placed, bound))
        return f"places the rows of {placed.frame}"

    def _totals(self, sql: str, placed: RuleBit) -> bool:
        """Whether the rule asks what rows come to beside what the subject's row says."""
        version, cell = placed
        found = group_by_query(sql, self.schema)
        where = found.rows.condition(self.values) if found else None
        if found is None or where is None:
            return False
        second = BoundPredicate("", self._second(cell), filters=True)
        if not self._grouping(found.rows.frame).takes(where, found.pieces, found.calls, second, found.against):
            return False
        self.carried |= dict.fromkeys(held.expression for held in found.against)
        self._ask_both(BoundPredicate(found.of_subject, cell, filters=True))
        self.why[version.id] = f"counts or adds up the rows of {found.rows.frame}"
        return True

    def _grouping(self, frame: str) -> AggregatePushDown:
        """What is asked of a subject's rows of a frame together."""
        return self.grouped.setdefault(self._frame(frame), AggregatePushDown(self.schema.types_of(frame)))

    def _second(self, cell: Cell) -> Cell:
        """The second bit of a rule that asks another frame."""
        return Cell(self.matrix.words + cell.word, cell.mask)

    def _ask_both(self, of_subject: BoundPredicate, *, denied: bool = False) -> None:
        """A rule's condition on the subject's own row, that holds only where its second bit says so, or denies it."""
        self._add(self._frame(self.schema.subject), of_subject)
        cell = of_subject.cell
        for masks in (self.conjoined, *([self.negated] if denied else [])):
            masks[cell.word] = masks.get(cell.word, 0) | cell.mask

    def _ask_rows(self, found: SelectQuery, placed: RuleBit) -> None:
        version, cell = placed
        frame, alias = frame_and_alias(found.source)
        key = self.schema.subject_key_of(frame).lower() if not found.given else ""
        if key and found.key.replace("`", "").lower() in {key, f"{alias}.{key}"}:
            self._add(self._frame(frame), BoundPredicate(unqualified(found.where, alias), cell, filters=True))
            self.why[version.id] = f"condition on {frame}"
            return
        self.cores.setdefault(found.core, []).append((found, placed, BoundPredicate(found.where, cell, filters=True)))

    def _share(self) -> None:
        """Sources that several statements read are read once."""
        for of_core in self.cores.values():
            first = of_core[0][0]
            for found, placed, bound in of_core:
                if len(of_core) == 1 or not found.where:
                    self._leave(placed, "a query of its own: no other reads what it reads")
                    continue
                self._add(Source(first.source, first.key, given=first.given), bound)
                self.why[placed[0].id] = f"shares {spelled(first.source)[:60]}"
        for grouped in self.groups.values():
            self._share_groups(grouped)
        for several in self.placed.values():
            source, conditions = placed_rows([asked for asked, _ in several], self.schema)
            for (_, bound), sql in zip(several, conditions, strict=True):
                self._add(source, bound._replace(sql=sql))

    def _share_groups(self, of_core: Sequence[tuple[SelectQuery, RuleBit | None, BoundPredicate]]) -> None:
        read = [(asked, rule, bound, cuts_of(asked)) for asked, rule, bound in of_core]
        together = sum(cuts is not None for *_, cuts in read) > 1
        left: list[_Grouped] = []
        for asked, rule, bound, cuts in read:
            # A count that a condition on the subject asks for has no query of its own to go back to.
            if cuts is not None and (together or rule is None):
                if self._add_up(asked, rule, bound, cuts):
                    continue
                if rule is None or "distinct" not in spelled(asked.having).split():
                    left.append((asked, rule, bound, cuts))
                    continue
            if rule is not None:
                self._leave(rule, "a query of its own: no other groups what it groups")
        if len(left) == 1 and (only := left[0][1]) is not None:
            self._leave(only, "a query of its own: no other groups what it groups")
        else:
            self._group(left)

    def _add_up(
        self, asked: SelectQuery, placed: RuleBit | None, bound: BoundPredicate, cuts: Sequence[tuple[int, int]]
    ) -> bool:
        """Whether workers answer a question about groups, with the conditions on the frame's rows."""
        frame, alias = frame_and_alias(asked.source)
        key = self.schema.subject_key_of(frame).lower() if frame and not asked.given else ""
        if not key or asked.key.replace("`", "").lower() not in {key, f"{alias}.{key}"}:
            return False
        having = asked.having
        edges = [0, *(at for cut in cuts for at in cut), len(having)]
        pieces = [having[first:after] for first, after in zip(edges[::2], edges[1::2], strict=True)]
        calls = [unqualified(having[first:after], alias) for first, after in cuts]
        taken = self._grouping(frame).takes(unqualified(asked.where, alias), pieces, calls, bound)
        if taken and placed is not None:
            self.why[placed[0].id] = f"counts or adds up the rows of {frame}"
        return taken

    def _group(self, several: Sequence[_Grouped]) -> None:
        for first in range(0, len(several), TOGETHER):
            together = several[first : first + TOGETHER]
            source, conditions = shared([(asked, bound, cuts) for asked, _, bound, cuts in together])
            for (asked, placed, _, _), bound in zip(together, conditions, strict=True):
                self._add(source, bound)
                if placed is not None:
                    self.why[placed[0].id] = f"shares the groups of {spelled(asked.source)[:60]}"

    def _add(self, source: Source, bound: BoundPredicate) -> None:
        self.rows.setdefault(source, []).append(bound)

    def _leave(self, placed: RuleBit, why: str) -> None:
        self.alone.append(placed)
        self.why[placed[0].id] = why

    def _frame(self, name: str) -> Source:
        frame = next(known for known in self.schema.columns if known.lower() == name.lower())
        return Source(f"`{frame}`", f"`{self.schema.subject_key_of(frame)}`", frame)

    def _is_about(self, frame: str, where: str) -> bool:
        """Whether a condition names columns of a frame and nothing else."""
        columns = {column.lower() for column in self.schema.columns_of(frame) or {}}
        return "select" not in names(where) and names(where) <= columns


def plan(matrix: HitMatrix, schema: Schema, as_of: date, values: Values) -> Plan:
    """Place every rule of a hit matrix, where :func:`values_wanted` are known as far as they are."""
    found = _Planner(matrix, schema, as_of, values).plan()
    order = {cell: place for place, (_, cell) in enumerate(matrix.cells)}
    return replace(found, alone=tuple(sorted(found.alone, key=lambda placed: order[placed[1]])))


def values_wanted(matrix: HitMatrix, schema: Schema, as_of: date) -> frozenset[DimensionInList]:
    """The values of small frames that joins ask for: where they are known, nothing is joined."""
    statements = (version for version, _ in matrix.cells if version.form is Form.STATEMENT)
    texts = [bind(version.sql, version.parameters, as_of) for version in statements]
    of_joins = (found for sql in texts if (found := semi_join(sql, schema)))
    sides = [side for found in of_joins for side in (found.rows, found.subject) if side]
    sides += [totals.rows for sql in texts if (totals := group_by_query(sql, schema))]
    others = (
        _as_statement(version, bind(version.sql, version.parameters, as_of), schema) for version, _ in matrix.cells
    )
    sides += [asked.rows for sql in others if sql and (asked := normal_form(sql, schema)) and asked.rows]
    return frozenset(among for side in sides for _, among in side.among)


def _as_statement(version: RuleVersion, sql: str, schema: Schema) -> str:
    """A bound rule that asks other rows, as a statement; empty where it asks none, or NULL is an outcome of it."""
    if version.form is Form.STATEMENT:
        return sql
    own = version.frame.lower() == schema.subject.lower() and version.when_unknown is WhenUnknown.MISS
    asks = own and asks_other_rows(version.sql)
    return f"SELECT `{schema.subject_key}` FROM `{schema.subject}` WHERE ({sql})" if asks else ""
