"""What a query asks of a row of one frame and of the subject's own row, where look-ups are joined to either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from sqlglot import exp

from rules_engine.logical.comparisons import tables, ties
from rules_engine.logical.condition import Constants, family
from rules_engine.logical.condition_reader import parts
from rules_engine.logical.operands import names
from rules_engine.logical.query_tree import Around, NotUnderstoodError, QueryTree
from rules_engine.logical.select_query import unqualified
from rules_engine.logical.total_values import TotalReader
from rules_engine.logical.typed_values import is_written_day
from rules_engine.logical.values import NotIndexable, Value
from rules_engine.model.schemas import Schema
from rules_engine.sql.tokens import tokens

WHOLE = frozenset({"tinyint", "smallint", "int", "bigint"})
"""Types whose values are equal where they are the same number."""


class DimensionInList(NamedTuple):
    """The values of a column of a frame, in the rows that meet a condition (empty: in all)."""

    frame: str
    column: str
    where: str
    once: bool = False
    """Whether each value must be in one such row, so that what is joined with them is counted once."""
    nulls: bool = False
    """Whether it is only asked that none of them is NULL, of a frame of any size."""
    given: bool = False
    """Whether none of them may be NULL: NOT IN is true of nothing then."""


Values = Mapping[DimensionInList, Sequence[str] | None]
"""Their literals as SQL; None where they are too many, no plain literals, or NULL where none is to be."""


@dataclass(frozen=True, slots=True)
class JoinSide:
    """What is asked of one row of a frame: conditions, and columns whose values are among others, or are not."""

    frame: str
    where: tuple[str, ...] = ()
    among: tuple[tuple[str, DimensionInList], ...] = ()
    without: tuple[tuple[str, DimensionInList], ...] = ()
    """Those that are not: NULL is not among others, but for NOT IN, which asks that these are ``given``."""

    @property
    def wanted(self) -> list[DimensionInList]:
        """The values that are asked for."""
        return [values for _, values in (*self.among, *self.without)]

    def condition(self, values: Values) -> str | None:
        """It as SQL, empty where nothing is asked; None where values are not known."""
        found = list(self.where)
        for column, among in self.among:
            if (literals := values.get(among)) is None:
                return None
            nothing = f"`{column}` IS NULL AND `{column}` IS NOT NULL"
            found.append(f"`{column}` IN ({', '.join(literals)})" if literals else nothing)
        for column, others in self.without:
            if (literals := values.get(others)) is None:
                return None
            not_in = f"`{column}` NOT IN ({', '.join(literals)})"
            found += [not_in if others.given else f"(`{column}` IS NULL OR {not_in})"] if literals else []
        return " AND ".join(found)


@dataclass(frozen=True)
class SideReader:
    """Tells which condition of a query is on which of its relations, by their aliases."""

    tree: QueryTree
    schema: Schema

    def sides(
        self,
        frames: Mapping[str, str],
        conditions: Sequence[exp.Expr],
        own: str | None,
        *,
        once: bool,
        asked: Set[str] = frozenset(),
        missing: Mapping[str, bool] = MappingProxyType({}),
    ) -> tuple[JoinSide, JoinSide | None]:
        """
        What is asked of the subject's own row, and of a row of the one other frame of subjects, if there is one.

        With ``once`` no row of another relation may repeat what it is joined with; of those that are ``asked``, not
        joined, any number may be there, and of those ``missing`` none, by NOT IN where it says so.

        Raises:
            NotUnderstoodError: If anything else is asked, or a condition could raise on a row that a join leaves out.
        """
        keyed = [alias for alias, frame in frames.items() if alias != own and self.schema.subject_key_of(frame)]
        if len(keyed) > 1 or not (keyed or own):
            raise NotUnderstoodError("rows of two frames, or two rows of one")
        left = [*conditions]
        if own and keyed:
            left = self._untied(conditions, own, (keyed[0], self.schema.subject_key_of(frames[keyed[0]])))
        joined = {alias: JoinSide(frame.lower()) for alias, frame in frames.items() if alias not in {own, *keyed}}
        said = {alias: self._said(alias, frame, left) for alias, frame in frames.items()}
        among: dict[str, list[tuple[str, DimensionInList]]] = {alias: [] for alias in (own, *keyed) if alias}
        without: dict[str, list[tuple[str, DimensionInList]]] = {alias: [] for alias in among}
        for condition in left:
            if len(tables(condition)) != 1 or not tables(condition) <= {*frames}:
                of, column, alias, key = self._tied(condition, frames, {*among}, joined)
                frame, where = joined.pop(alias).frame, " AND ".join(said[alias])
                if alias in missing:
                    without[of].append((column, DimensionInList(frame, key, where, given=missing[alias])))
                else:
                    among[of].append((column, DimensionInList(frame, key, where, once and alias not in asked)))
        if joined:
            raise NotUnderstoodError("a frame that nothing ties to the others")
        sides = {
            alias: JoinSide(frames[alias].lower(), said[alias], tuple(among[alias]), tuple(without[alias]))
            for alias in among
        }
        return sides.get(own or "", JoinSide(self.schema.subject.lower())), sides[keyed[0]] if keyed else None

    def _untied(self, conditions: Sequence[exp.Expr], own: str, rows: tuple[str, str]) -> list[exp.Expr]:
        """The conditions without that which ties rows to their subject's own row."""
        tie = next((c for c in conditions if ties(c, rows, (own, self.schema.subject_key))), None)
        if tie is None:
            raise NotUnderstoodError("rows that are not tied to the subject by its key")
        return [condition for condition in conditions if condition is not tie]

    def _said(self, alias: str, frame: str, conditions: Sequence[exp.Expr]) -> tuple[str, ...]:
        """The conditions on one relation, without its name."""
        own = [condition for condition in conditions if tables(condition) == {alias}]
        found, types = tuple(map(self.text, own)), self.schema.types_of(frame)
        total = TotalReader(self.tree, lambda of: types.get(of.name.lower(), "")).is_total
        told = all(raises_nowhere(text, types, frame) or total(of) for of, text in zip(own, found, strict=True))
        if not types or not told:
            raise NotUnderstoodError("a condition that could raise on rows that a join leaves out")
        return found

    def _tied(
        self, condition: exp.Expr, frames: Mapping[str, str], sides: set[str], left: Mapping[str, JoinSide]
    ) -> tuple[str, str, str, str]:
        """Of an equality the relation and column that look something up, and the relation and key where."""
        bare = condition.unnest()
        ends = [bare.this, bare.expression] if isinstance(bare, exp.EQ) else []
        if len(ends) != 2 or not all(isinstance(end, exp.Column) for end in ends):
            raise NotUnderstoodError("a condition on two relations")
        one, other = ends if ends[1].table in left else ends[::-1]
        types = {
            self.schema.types_of(frames[end.table]).get(end.name.lower(), "") for end in ends if end.table in frames
        }
        alike = types == {"string"} or (bool(types) and types <= WHOLE)
        if one.table not in sides or other.table not in left or not alike:
            raise NotUnderstoodError("a join by columns of other types, or by no key")
        return one.table, one.name.lower(), other.table, other.name.lower()

    def text(self, node: exp.Expr) -> str:
        """A condition or value without the names of relations, as it is written for Spark."""
        around: Around[str] | None = self.tree.around([node], lambda _: None)
        if around is None:
            raise NotUnderstoodError
        return around.pieces[0]


class _DaysWrittenOut(dict[str, Value | None]):
    """Expressions without a column that are a day, by their text: the gates refuse those that cannot be worked out."""

    def __contains__(self, sql: object) -> bool:
        return isinstance(sql, str) and is_written_day(sql)

    def __missing__(self, sql: str) -> Value:
        return date.min  # any day: it is asked of which type it is


def raises_nowhere(condition: str, types: Mapping[str, str], frame: str) -> bool:
    """Whether a condition on a frame's columns, with their types, can be asked of any row."""
    if not all(family(types.get(name, "")) for name in names(condition)):
        return False
    try:
        return bool(parts(condition, types, Constants(_DaysWrittenOut(), set()), frame))
    except NotIndexable:
        return False


def raises_nowhere_in_a_join(condition: str, schema: Schema) -> bool:
    """
    Whether a condition on columns of several frames, with their aliases, can be asked of any row that they join.

    Spark asks some of a join's conditions before it joins, in an order of its own.
    """
    types = dict[str, str]()
    for name, type_ in (named for frame in schema.columns for named in schema.types_of(frame).items()):
        types[name] = type_ if types.get(name, type_) == type_ else ""
    words = tokens(condition)
    for alias in {before.word for before, dot in pairwise(words) if dot.text == "."}:
        condition = unqualified(condition, alias)
    return raises_nowhere(condition, types, "")
