"""
Where each rule of a set is cheapest: what is asked together, and what stays a query of its own.

- Conditions on a frame's rows share one pass over it.
- Statements over the same source share one pass over that: their joins and windows are done once.
- Statements that count or add up the rows of a frame share the pass over it; others that group the same source
  share one aggregation, each with its own filter.
- Statements that ask of a subject whether another frame has rows for it are conditions on that frame.
- The others are queries of their own.

Nothing here reads data or asks Spark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

from rules_engine.evaluation.grouping import Grouping, Groups
from rules_engine.evaluation.predicate_index import Bound, Source
from rules_engine.evaluation.statements import asks_other_rows
from rules_engine.evaluation.words import Placed
from rules_engine.language.lexical import bind, tokens
from rules_engine.language.operands import names
from rules_engine.language.question import (
    Question,
    aggregates,
    frame_and_alias,
    of_subjects,
    question,
    spelled,
    unqualified,
)
from rules_engine.model.frames import Schema
from rules_engine.model.hitmatrix import Cell, HitMatrix
from rules_engine.model.rules import Form

TOGETHER = 60
"""Statements that one aggregation answers: each is some columns of every group."""


class Pass(NamedTuple):
    """Conditions on the rows of a source, and on what they come to per subject."""

    source: Source
    of_rows: tuple[Bound, ...]
    groups: Groups | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Where the rules of one set went.

    ``of_subjects`` are conditions on the rows of ``subjects``, ``passes`` those
    on the rows of other sources, ``alone`` the queries. A rule that asks another
    frame has a second bit, ``words`` words after its first: ``asks`` holds
    these rules' masks by word, ``denies`` those that are true where the
    second bit is not.
    """

    subjects: Source
    of_subjects: tuple[Bound, ...]
    passes: tuple[Pass, ...]
    alone: tuple[Placed, ...]
    asks: dict[int, int]
    denies: dict[int, int]
    why: dict[str, str]
    """Version id to where it went, in words."""


_Grouped = tuple[Question, Placed | None, Bound, tuple[tuple[int, int], ...]]
"""A question that groups, the rule it is, if it is one, its bit, and where its aggregates stand."""


@dataclass
class _Planner:
    matrix: HitMatrix
    schema: Schema
    as_of: date
    rows: dict[Source, list[Bound]] = field(default_factory=dict)
    cores: dict[tuple[str, ...], list[tuple[Question, Placed, Bound]]] = field(default_factory=dict)
    groups: dict[tuple[str, ...], list[tuple[Question, Placed | None, Bound]]] = field(default_factory=dict)
    grouped: dict[Source, Grouping] = field(default_factory=dict)
    alone: list[Placed] = field(default_factory=list)
    asks: dict[int, int] = field(default_factory=dict)
    denies: dict[int, int] = field(default_factory=dict)
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
        return Plan(subjects, tuple(of_subjects), passes, tuple(self.alone), self.asks, self.denies, self.why)

    def _place(self, placed: Placed) -> None:
        version, cell = placed
        sql = bind(version.sql, version.parameters, self.as_of)
        if version.form is Form.PREDICATE and not asks_other_rows(version.sql):
            self._add(self._frame(version.frame), Bound(sql, cell))
            self.why[version.id] = f"condition on {version.frame}"
            return
        frame = version.frame if version.form is Form.PREDICATE else ""
        if frame.lower() in {"", self.schema.subject.lower()} and self._asks(sql, frame, placed):
            return
        found = question(sql) if version.form is Form.STATEMENT else None
        if found is None or " select " in f" {spelled(found.where)} ":
            self._leave(placed, "a query of its own")
        elif found.grouped:
            self.groups.setdefault(found.core, []).append((found, placed, Bound("", cell, filters=True)))
        else:
            self._ask_rows(found, placed)

    def _asks(self, sql: str, frame: str, placed: Placed) -> bool:
        """Whether the rule asks of a subject what rows another frame has for it."""
        version, cell = placed
        found = of_subjects(sql, self.schema, frame=frame)
        if found is None or not self._is_about(found.asked.source, found.asked.where):
            return False
        if not self._is_about(self.schema.subject, found.where):
            return False
        asked, second = found.asked, Cell(self.matrix.words + cell.word, cell.mask)
        if asked.least == 1:
            self._add(self._frame(asked.source), Bound(asked.where, second, filters=True))
        else:
            having = f"count(*) >= {asked.least}"
            counted = Question("", f"`{asked.key}`", f"`{asked.source}`", asked.where, having, grouped=True)
            self.groups.setdefault(counted.core, []).append((counted, None, Bound("", second, filters=True)))
        self._add(self._frame(self.schema.subject), Bound(found.where, cell, filters=version.form is Form.STATEMENT))
        for masks in (self.asks, *([self.denies] if asked.denied else [])):
            masks[cell.word] = masks.get(cell.word, 0) | cell.mask
        self.why[version.id] = f"asks the rows of {asked.source}"
        return True

    def _ask_rows(self, found: Question, placed: Placed) -> None:
        version, cell = placed
        frame, alias = frame_and_alias(found.source)
        key = self.schema.subject_key_of(frame).lower() if not found.given else ""
        if key and found.key.replace("`", "").lower() in {key, f"{alias}.{key}"}:
            self._add(self._frame(frame), Bound(unqualified(found.where, alias), cell, filters=True))
            self.why[version.id] = f"condition on {frame}"
            return
        self.cores.setdefault(found.core, []).append((found, placed, Bound(found.where, cell, filters=True)))

    def _share(self) -> None:
        """Sources that several statements read are read once."""
        for several in self.cores.values():
            first = several[0][0]
            for found, placed, bound in several:
                if len(several) == 1 or not found.where:
                    self._leave(placed, "a query of its own: no other reads what it reads")
                    continue
                self._add(Source(first.source, first.key, given=first.given), bound)
                self.why[placed[0].id] = f"shares {spelled(first.source)[:60]}"
        for of_core in self.groups.values():
            self._share_groups(of_core)

    def _share_groups(self, of_core: Sequence[tuple[Question, Placed | None, Bound]]) -> None:
        read = [(asked, rule, bound, _cuts(asked)) for asked, rule, bound in of_core]
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

    def _add_up(self, asked: Question, placed: Placed | None, bound: Bound, cuts: Sequence[tuple[int, int]]) -> bool:
        """Whether workers answer a question about groups, with the conditions on the frame's rows."""
        frame, alias = frame_and_alias(asked.source)
        key = self.schema.subject_key_of(frame).lower() if frame and not asked.given else ""
        if not key or asked.key.replace("`", "").lower() not in {key, f"{alias}.{key}"}:
            return False
        source = self._frame(frame)
        types = {name.lower(): type_ for name, type_ in (self.schema.columns_of(frame) or {}).items()}
        grouping = self.grouped.setdefault(source, Grouping(types))
        having = asked.having
        edges = [0, *(at for cut in cuts for at in cut), len(having)]
        pieces = [having[first:after] for first, after in zip(edges[::2], edges[1::2], strict=True)]
        calls = [unqualified(having[first:after], alias) for first, after in cuts]
        taken = grouping.takes(unqualified(asked.where, alias), pieces, calls, bound)
        if taken and placed is not None:
            self.why[placed[0].id] = f"counts or adds up the rows of {frame}"
        return taken

    def _group(self, several: Sequence[_Grouped]) -> None:
        for first in range(0, len(several), TOGETHER):
            together = several[first : first + TOGETHER]
            columns: dict[str, str] = {}
            conditions = [
                bound._replace(sql=" AND ".join(_conditions(q, cuts, columns))) for q, _, bound, cuts in together
            ]
            asked = together[0][0]
            made = ", ".join(f"{sql} AS {name}" for sql, name in columns.items())
            grouped = f"(SELECT {asked.key} AS subject_key, {made} FROM {asked.source} GROUP BY {asked.key}) AS grouped"
            source = Source(grouped, "subject_key", given=asked.given)
            for (_, placed, _, _), bound in zip(together, conditions, strict=True):
                self._add(source, bound)
                if placed is not None:
                    self.why[placed[0].id] = f"shares the groups of {spelled(asked.source)[:60]}"

    def _add(self, source: Source, bound: Bound) -> None:
        self.rows.setdefault(source, []).append(bound)

    def _leave(self, placed: Placed, why: str) -> None:
        self.alone.append(placed)
        self.why[placed[0].id] = why

    def _frame(self, name: str) -> Source:
        frame = next(known for known in self.schema.columns if known.lower() == name.lower())
        return Source(f"`{frame}`", f"`{self.schema.subject_key_of(frame)}`", frame)

    def _is_about(self, frame: str, where: str) -> bool:
        """Whether a condition names columns of a frame and nothing else."""
        columns = {column.lower() for column in self.schema.columns_of(frame) or {}}
        return "select" not in names(where) and names(where) <= columns


def plan(matrix: HitMatrix, schema: Schema, as_of: date) -> Plan:
    """Place every rule of a hit matrix."""
    found = _Planner(matrix, schema, as_of).plan()
    order = {cell: place for place, (_, cell) in enumerate(matrix.cells)}
    return replace(found, alone=tuple(sorted(found.alone, key=lambda placed: order[placed[1]])))


def _cuts(asked: Question) -> tuple[tuple[int, int], ...] | None:
    """Where the aggregates of a question stand; None where its HAVING says more than aggregates and literals."""
    found = aggregates(asked.having) if asked.having else ()
    if found is None:
        return None
    if asked.where and not all(_is_one_value(asked.having[first:after]) for first, after in found):
        return None
    rest = asked.having
    for first, after in reversed(found):
        rest = f"{rest[:first]} 0 {rest[after:]}"
    return found if not names(rest) else None


def _conditions(asked: Question, cuts: Sequence[tuple[int, int]], columns: dict[str, str]) -> Iterator[str]:
    """That the group is there, and its HAVING over named columns; ``columns`` collects what they are."""
    filtered = f" FILTER (WHERE {asked.where})" if asked.where else ""
    yield f"{_named(f'count(*){filtered}', columns)} > 0"
    if not asked.having:
        return
    pieces, at = list[str](), 0
    for first, after in cuts:
        pieces += [asked.having[at:first], _named(_filtered(asked.having[first:after], asked.where), columns)]
        at = after
    yield f"({''.join([*pieces, asked.having[at:]])})"


def _filtered(aggregate: str, where: str) -> str:
    """
    An aggregate of the rows that meet a condition; its argument is worked out on no other row.

    Spark works out what several aggregates have in common before it looks at
    their FILTERs, so a division under a guard would meet rows that the guard
    keeps away. A CASE keeps it. Every aggregate here passes over NULL.
    """
    if not where:
        return aggregate
    name, argument = aggregate[:-1].split("(", 1)
    if argument.strip() == "*":
        return f"{aggregate} FILTER (WHERE {where})"
    return f"{name}(CASE WHEN {where} THEN {argument} END)"


def _is_one_value(aggregate: str) -> bool:
    """Whether its argument can stand in a CASE: one value, or nothing but ``*``."""
    words, depth = tokens(aggregate)[2:-1], 0
    for place, token in enumerate(words):
        depth += (token.text == "(") - (token.text == ")")
        listed = token.text == "," and not depth
        if listed or (token.text == "*" and place and words[place - 1].text == "."):
            return False
    return True


def _named(sql: str, columns: dict[str, str]) -> str:
    return columns.setdefault(sql, f"a{len(columns)}")
