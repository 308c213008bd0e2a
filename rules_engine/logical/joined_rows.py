"""Rows of several frames, or of a group by more than the subject, which only Spark joins, for all rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from sqlglot import exp

from rules_engine.logical.comparisons import aggregates, tables
from rules_engine.logical.join_sides import WHOLE, raises_nowhere
from rules_engine.logical.query_tree import NotUnderstoodError, QueryTree
from rules_engine.logical.total_values import TotalReader
from rules_engine.model.schemas import Schema


class JoinedRows(NamedTuple):
    """
    Relations, by names of their own, that equal columns tie together; the rows are grouped by ``key`` and ``by``.

    ``left`` are those that may be missing, with what ties each. Without a ``key`` all rows are one group.
    """

    frames: tuple[tuple[str, str], ...]
    ties: tuple[str, ...]
    left: tuple[tuple[str, str], ...]
    key: str
    by: tuple[str, ...] = ()
    made: tuple[tuple[str, tuple[GroupedRows, ...]], ...] = ()
    """Of a frame that is none of the lake what it is made of, by UNION ALL."""


class GroupedRows(NamedTuple):
    """Columns of groups, with their names, and a condition on a group (empty: none); rows where that is None."""

    rows: JoinedRows
    where: str
    columns: tuple[tuple[str, str], ...]
    having: str | None


class Joined(NamedTuple):
    """What is asked of joined rows: a condition on a row, and pieces of one around aggregate calls."""

    rows: JoinedRows
    where: str
    pieces: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The condition around the calls."""
        return "".join(chain.from_iterable(zip(self.pieces, (*self.calls, ""), strict=True)))


class SubjectAggregate(NamedTuple):
    """
    An aggregate of rows that meet a condition (empty: of all); NULL of no rows, or 0 where it counts.

    The rows are the subject's, or those with a value of the row beside them, or where they have no key all there are.
    """

    rows: JoinedRows
    where: str
    call: str
    counts: bool
    type: str
    """One that has room for what it comes to; empty where that is not told."""
    by: str = ""
    """The column of the row that it is beside, which is held equal to the rows' key; empty for the subject's."""


class HeldRow(NamedTuple):
    """What is asked of a row of a frame and of its subject's aggregates: pieces of a condition around these."""

    frame: str
    pieces: tuple[str, ...]
    aggregates: tuple[SubjectAggregate, ...]


@dataclass(frozen=True)
class JoinedReader:
    """Reads relations, and what is asked of their rows, that no other reading knows."""

    tree: QueryTree
    schema: Schema
    frames: Mapping[str, str]
    left: Mapping[str, Sequence[exp.Expr]]

    def of(
        self, where: Sequence[exp.Expr], having: Sequence[exp.Expr], key: exp.Column | None, by: Sequence[exp.Expr]
    ) -> Joined:
        """
        What is asked.

        Raises:
            NotUnderstoodError: If nothing ties the relations, or a condition could raise on a row of them.
        """
        if any(node.find(exp.Window, exp.Query) for node in (*where, *having, *by)):
            raise NotUnderstoodError("a window over rows that are joined or grouped")
        order, names = self._order(), self._names()
        ties = [each for each in where if self._ties(each)]
        self._check_tied([*ties, *(each for on in self.left.values() for each in on)])
        rows = JoinedRows(
            tuple((names[alias], self.frames[alias].lower()) for alias in order),
            tuple(sorted(self._safe(each, names) for each in ties)),
            tuple((names[alias], self._all(self.left[alias], names)) for alias in order if alias in self.left),
            self._text(key, names) if key else "",
            tuple(sorted(self._safe(each, names) for each in by)),
        )
        left = self._all([each for each in where if all(each is not tie for tie in ties)], names)
        if not having:
            return Joined(rows, left)
        one = [self._named(_of_group(each), names) for each in having]
        around = self.tree.around(one, self._call)
        if around is None or any(not aggregates(each) for each in one):
            raise NotUnderstoodError
        return Joined(rows, left, around.pieces, around.values)

    def written(self, value: exp.Expr) -> str:
        """A value of a row, or what its windows come to, as an expression."""
        return self._text(value, self._names())

    def _order(self) -> list[str]:
        """The relations, those that may be missing last: they may name those before them."""
        plain = sorted(set(self.frames) - {*self.left}, key=lambda alias: (self.frames[alias].lower(), self._at(alias)))
        return [*plain, *(alias for alias in self.frames if alias in self.left)]

    def _names(self) -> dict[str, str]:
        return {alias: f"r{number}" for number, alias in enumerate(self._order())}

    def _at(self, alias: str) -> int:
        return [*self.frames].index(alias)

    def _call(self, node: exp.Expr) -> str | None:
        if not isinstance(node, exp.AggFunc):
            return None
        text = self.tree.text(node)
        named = isinstance(node, exp.AnonymousAggFunc)
        value, more = (node.expressions[0], node.expressions[1:]) if named else (node.this, node.expressions)
        several = isinstance(value, exp.Distinct) and (named or len(value.expressions) > 1)
        if text is None or several or not all(isinstance(of, exp.Literal) for of in more):
            raise NotUnderstoodError
        return text

    def _ties(self, condition: exp.Expr) -> bool:
        """Whether a condition holds columns of two relations equal, neither of which is to be cast."""
        bare = condition.unnest()
        if not isinstance(bare, exp.EQ) or not all(isinstance(end, exp.Column) for end in (bare.this, bare.expression)):
            return False
        types = {self._type(end) for end in (bare.this, bare.expression)}
        return len(tables(bare)) == 2 and (len(types) == 1 or types <= WHOLE)

    def _check_tied(self, ties: Iterable[exp.Expr]) -> None:
        groups = [{alias} for alias in self.frames]
        for tie in ties:
            touched = [group for group in groups if group & tables(tie)] if self._ties(tie) else []
            groups = [group for group in groups if group not in touched] + (
                [set[str]().union(*touched)] if touched else []
            )
        if len(groups) != 1:
            raise NotUnderstoodError("a frame that nothing ties to the others")

    def _type(self, column: exp.Expr) -> str:
        frame = self.frames.get(column.args["table"].name if column.args.get("table") else "", "")
        return self.schema.types_of(frame).get(column.name.lower(), "") if frame else ""

    def _all(self, conditions: Sequence[exp.Expr], names: Mapping[str, str]) -> str:
        texts = (self._safe(each, names) for each in conditions)
        return " AND ".join(f"({text})" for text in texts)

    def _safe(self, node: exp.Expr, names: Mapping[str, str]) -> str:
        """The text of a condition or value; refused where it could raise: a join asks it of rows that are left out."""
        types = {
            f"{names[alias]}.{name}": type_
            for alias, frame in self.frames.items()
            for name, type_ in self.schema.types_of(frame).items()
        }
        text, reader = self._text(node, names), TotalReader(self.tree, self._type)
        total = isinstance(node.unnest(), exp.Column) or reader.is_total(node) or reader.type_made(node)
        if not total and not raises_nowhere(text, types, ""):
            raise NotUnderstoodError("a condition that could raise on rows that a join leaves out")
        return text

    def _named(self, node: exp.Expr, names: Mapping[str, str]) -> exp.Expr:
        found = exp.Paren(this=node.copy())
        for column in found.find_all(exp.Column):
            if column.table:
                if column.table not in names:
                    raise NotUnderstoodError("a column of another relation")
                column.set("this", exp.to_identifier(column.name.lower()))
                column.set("table", exp.to_identifier(names[column.table]))
        named: exp.Expr = found.this
        return named

    def _text(self, node: exp.Expr, names: Mapping[str, str]) -> str:
        text = self.tree.text(self._named(node, names))
        if text is None:
            raise NotUnderstoodError
        return text


def _of_group(condition: exp.Expr) -> exp.Expr:
    """A condition on a group; a column that it names beside aggregates is the same in all rows of the group."""
    holder = exp.Paren(this=condition.copy())
    for column in [*holder.find_all(exp.Column)]:
        if column.table and column.find_ancestor(exp.AggFunc) is None:
            column.replace(exp.Max(this=column.copy()))
    found: exp.Expr = holder.this
    return found
