"""
A query without its wording: relations joined by AND, what is asked of other rows, and how its rows are grouped.

WITH queries and derived tables are put where they are named; joins that look for a row, or for none, and sub-queries
are what is asked of other rows. What is not understood is refused, so that nothing is read as something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from sqlglot import exp

from rules_engine.logical.comparisons import NotUnderstoodError, conditions_of, is_given, only, put, scalar
from rules_engine.logical.query_tree import QueryTree, is_stand_in
from rules_engine.model.frames import Schema

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Asked:
    """Rows of a sub-query that are there, or not; or an aggregate of them held against a literal."""

    block: Block
    negated: bool = False
    comparison: exp.Expr | None = None


@dataclass
class Block:
    """
    A query without its wording: relations joined by AND, under names of ours.

    ``columns`` are what it returns, by name. Where it groups, ``key`` is by what, and ``having`` are conditions on
    aggregates of its rows.
    """

    frames: dict[str, str] = field(default_factory=dict)
    where: list[exp.Expr] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    columns: dict[str, exp.Expr] = field(default_factory=dict)
    key: exp.Expr | None = None
    having: list[exp.Expr] = field(default_factory=list)
    distinct: bool = False
    """Whether it returns what repeats once."""
    lost: bool = False
    """Whether repeated rows were lost before it joins them: they are not to be counted."""


Scope = Mapping[str, Mapping[str, exp.Expr]]
"""What can be named: of each relation its columns, in small letters."""


_KNOWN = {"expressions", "from_", "joins", "where", "group", "having", "distinct", "with_", "kind"}


@dataclass
class BlockReader:
    """Reads queries into blocks."""

    tree: QueryTree
    schema: Schema
    _numbers: Iterator[int] = field(default_factory=count)

    def query(self, query: exp.Expr, named: Mapping[str, exp.Expr], outer: Scope) -> Block:
        """
        A query as a block; ``named`` are WITH queries, ``outer`` what a query around it can name.

        Raises:
            NotUnderstoodError: If any of it is not known.
        """
        while isinstance(query, exp.Subquery | exp.Paren):
            only(query, {"this", "alias"})
            query = query.this
        if isinstance(query, exp.Intersect | exp.Except):
            return self._set_operation(query, named, outer)
        if not isinstance(query, exp.Select):
            raise NotUnderstoodError
        only(query, _KNOWN)
        if with_ := query.args.get("with_"):
            only(with_, {"expressions"})
            named = dict(named)
            for each in with_.expressions:
                only(each, {"this", "alias"})
                if each.args["alias"].args.get("columns"):
                    raise NotUnderstoodError
                named[each.alias.lower()] = each.this
        return self._select(query, named, outer)

    def _set_operation(self, query: exp.Expr, named: Mapping[str, exp.Expr], outer: Scope) -> Block:
        """``A INTERSECT B`` and ``A EXCEPT B`` of one column: rows of A for which B has one, or none."""
        only(query, {"this", "expression", "distinct"})
        left, right = (self.query(side, named, outer) for side in (query.this, query.args["expression"]))
        if not query.args.get("distinct") or left.key is not None or right.key is not None:
            raise NotUnderstoodError
        if len(left.columns) != 1 or len(right.columns) != 1:
            raise NotUnderstoodError
        own, other = next(iter(left.columns.values())), next(iter(right.columns.values()))
        right.where.append(exp.EQ(this=other.copy(), expression=own.copy()))
        left.asked.append(Asked(right, negated=isinstance(query, exp.Except)))
        return left

    def _select(self, query: exp.Select, named: Mapping[str, exp.Expr], outer: Scope) -> Block:
        block, scope = Block(), dict[str, Mapping[str, exp.Expr]]()
        if query.args.get("kind") or not query.args.get("from_"):
            raise NotUnderstoodError
        block.distinct = bool(query.args.get("distinct"))
        if block.distinct:
            only(query.args["distinct"], set())
        self._relation(query.args["from_"].this, block, scope, named)
        left = [self._join(join, block, scope, named, outer) for join in query.args.get("joins") or ()]
        conditions = [*conditions_of(query.args["where"].this)] if query.args.get("where") else []
        for alias, inner, on in filter(None, left):
            conditions = self._anti(alias, inner, on, conditions, block, scope)
        for condition in conditions:
            self._condition(condition, block, scope, named, outer)
        self._returned(query, block, scope, outer)
        if group := query.args.get("group"):
            only(group, {"expressions"})
            if len(group.expressions) != 1 or block.key is not None:
                raise NotUnderstoodError
            block.key = self._resolved(group.expressions[0], scope, outer)
        if having := query.args.get("having"):
            if not group:
                raise NotUnderstoodError
            block.having += [self._resolved(each, scope, outer) for each in conditions_of(having.this)]
        return block

    def _relation(
        self,
        item: exp.Expr,
        block: Block,
        scope: dict[str, Mapping[str, exp.Expr]],
        named: Mapping[str, exp.Expr],
    ) -> None:
        """Take a frame or a derived table in, under its alias."""
        alias = item.alias_or_name.lower()
        if not alias or alias in scope:
            raise NotUnderstoodError
        scope[alias] = self._columns(item, block, named)

    def _columns(self, item: exp.Expr, block: Block, named: Mapping[str, exp.Expr]) -> Mapping[str, exp.Expr]:
        if isinstance(item, exp.Table) and item.name.lower() not in named:
            only(item, {"this", "alias"})
            frame = next((name for name in self.schema.columns if name.lower() == item.name.lower()), None)
            if frame is None or (item.args.get("alias") and item.args["alias"].args.get("columns")):
                raise NotUnderstoodError
            own = f"r{next(self._numbers)}"
            block.frames[own] = frame
            return {name: exp.column(name, own) for name in self.schema.types_of(frame) if _PLAIN.fullmatch(name)}
        if isinstance(item, exp.Table):
            only(item, {"this", "alias"})
            inner = self.query(named[item.name.lower()], {k: v for k, v in named.items() if k != item.name.lower()}, {})
        else:
            only(item, {"this", "alias"})
            if item.args.get("alias") and item.args["alias"].args.get("columns"):
                raise NotUnderstoodError
            inner = self.query(item, named, {})
        return self._taken(inner, block)

    def _taken(self, inner: Block, block: Block) -> Mapping[str, exp.Expr]:
        """A derived table put where it is named; one that groups is what the query around it is about."""
        if inner.key is not None and block.key is not None:
            raise NotUnderstoodError
        block.frames |= inner.frames
        block.where += inner.where
        block.asked += inner.asked
        block.having += inner.having
        block.key = block.key if inner.key is None else inner.key
        block.lost = block.lost or inner.lost or (inner.distinct and inner.key is None)
        _refuse_totals(inner)
        return inner.columns

    def _join(
        self,
        join: exp.Expr,
        block: Block,
        scope: dict[str, Mapping[str, exp.Expr]],
        named: Mapping[str, exp.Expr],
        outer: Scope,
    ) -> tuple[str, Block, list[exp.Expr]] | None:
        """Take a join in; of a LEFT JOIN its alias, its block and its conditions, for :meth:`_anti`."""
        only(join, {"this", "side", "kind", "on", "using"})
        side, kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
        if (side, kind) in {("", ""), ("", "INNER")}:
            before = dict(scope)
            self._relation(join.this, block, scope, named)
            alias = join.this.alias_or_name.lower()
            for condition in self._on(join, before, alias):
                self._condition(condition, block, scope, named, outer)
            return None
        if side not in {"", "LEFT"} or kind not in {"", "OUTER", "SEMI", "ANTI"}:
            raise NotUnderstoodError
        inner, alias = Block(), join.this.alias_or_name.lower()
        if not alias or alias in scope:
            raise NotUnderstoodError
        columns = self._columns(join.this, inner, named)
        if inner.key is not None:
            raise NotUnderstoodError
        on = [self._resolved(each, {**scope, alias: columns}, {}) for each in self._on(join, scope, alias)]
        if kind in {"SEMI", "ANTI"}:
            inner.where += on
            block.asked.append(Asked(inner, negated=kind == "ANTI"))
            return None
        scope[alias] = columns
        return alias, inner, on

    def _on(self, join: exp.Expr, before: Scope, alias: str) -> list[exp.Expr]:
        if on := join.args.get("on"):
            return [*conditions_of(on)]
        using = join.args.get("using") or ()
        if not using or len(before) != 1:
            raise NotUnderstoodError
        (first,) = before
        return [exp.EQ(this=exp.column(each.name, first), expression=exp.column(each.name, alias)) for each in using]

    def _anti(
        self,
        alias: str,
        inner: Block,
        on: list[exp.Expr],
        conditions: list[exp.Expr],
        block: Block,
        scope: dict[str, Mapping[str, exp.Expr]],
    ) -> list[exp.Expr]:
        """A LEFT JOIN of which nothing is asked but that a column it is tied by is NULL: no row is there."""
        columns = scope.pop(alias)
        tied = {side.sql() for each in on if isinstance(each, exp.EQ) for side in (each.this, each.expression)}
        left = list[exp.Expr]()
        found = False
        for condition in conditions:
            column = condition.this if isinstance(condition, exp.Is) else condition
            is_null = isinstance(condition, exp.Is) and isinstance(condition.expression, exp.Null)
            if is_null and isinstance(column, exp.Column) and column.table.lower() == alias:
                if column.name.lower() not in columns or columns[column.name.lower()].sql() not in tied:
                    raise NotUnderstoodError
                found = True
            else:
                left.append(condition)
        if not found:
            raise NotUnderstoodError
        inner.where += on
        block.asked.append(Asked(inner, negated=True))
        return left

    def _condition(
        self, condition: exp.Expr, block: Block, scope: Scope, named: Mapping[str, exp.Expr], outer: Scope
    ) -> None:
        within = {**outer, **scope}
        inner = condition.unnest()
        negated = isinstance(inner, exp.Not)
        bare = inner.this.unnest() if negated else inner
        if isinstance(bare, exp.Exists):
            block.asked.append(Asked(self._exists(bare.this, named, within), negated))
        elif isinstance(bare, exp.In) and bare.args.get("query"):
            block.asked.append(self._in(bare, negated, block, scope, named, outer))
        elif not negated and (found := scalar(bare)):
            query, comparison = found
            asked = self.query(query, named, within)
            if len(asked.columns) != 1 or asked.key is not None or asked.having:
                raise NotUnderstoodError
            (value,) = asked.columns.values()
            block.asked.append(Asked(asked, comparison=put(comparison, value)))
        elif condition.find(exp.Query):
            raise NotUnderstoodError
        else:
            resolved = self._resolved(condition, scope, outer)
            (block.having if resolved.find(exp.AggFunc) else block.where).append(resolved)

    def _exists(self, query: exp.Expr, named: Mapping[str, exp.Expr], outer: Scope) -> Block:
        found = self.query(query, named, outer)
        if found.key is not None or found.having:
            raise NotUnderstoodError
        _refuse_totals(found)
        return found

    def _in(
        self,
        condition: exp.In,
        negated: bool,
        block: Block,
        scope: Scope,
        named: Mapping[str, exp.Expr],
        outer: Scope,
    ) -> Asked:
        found = self._exists(condition.args["query"], named, {})
        if len(found.columns) != 1:
            raise NotUnderstoodError
        (other,) = found.columns.values()
        own = self._resolved(condition.this, scope, outer)
        if negated and not (self._is_subject(own, block) and is_given(other, found.where)):
            raise NotUnderstoodError
        found.where.append(exp.EQ(this=other.copy(), expression=own))
        return Asked(found, negated)

    def _is_subject(self, own: exp.Expr, block: Block) -> bool:
        """Whether it is the key of the subject's own row, which is never NULL."""
        if not isinstance(own, exp.Column) or block.frames.get(own.table, "").lower() != self.schema.subject.lower():
            return False
        return own.name.lower() == self.schema.subject_key.lower()

    def _returned(self, query: exp.Select, block: Block, scope: Scope, outer: Scope) -> None:
        """What a query returns; a window over each subject's rows makes a query that groups of it."""
        over = dict[str, exp.Expr]()
        for item in query.expressions:
            if isinstance(item, exp.Star) and not item.args.get("except_"):
                for columns in scope.values():
                    block.columns |= columns
                continue
            value = item.this if isinstance(item, exp.Alias) else item
            name = item.alias_or_name.lower() or f"__unnamed_{len(block.columns)}"
            if isinstance(value, exp.Window):
                over[name] = self._over(value, scope, outer)
                block.columns[name] = self._resolved(value.this, scope, outer)
            else:
                block.columns[name] = self._resolved(value, scope, outer)
        if over:
            if len({key.sql() for key in over.values()}) > 1 or block.key is not None:
                raise NotUnderstoodError
            block.key = next(iter(over.values()))
            kept = {name for name, value in block.columns.items() if name in over or value.sql() == block.key.sql()}
            block.columns = {name: value for name, value in block.columns.items() if name in kept}

    def _over(self, window: exp.Window, scope: Scope, outer: Scope) -> exp.Expr:
        """By what a window of whole partitions is parted."""
        parts: list[exp.Expr] = window.args.get("partition_by") or []
        if window.args.get("order") or window.args.get("spec") or len(parts) != 1:
            raise NotUnderstoodError
        if not isinstance(window.this, exp.Count | exp.Sum | exp.Min | exp.Max):
            raise NotUnderstoodError
        return self._resolved(parts[0], scope, outer)

    def _resolved(self, node: exp.Expr, scope: Scope, outer: Scope) -> exp.Expr:
        """With every column replaced by what it stands for."""
        found = node.copy()
        if isinstance(found, exp.Column):
            return self._column(found, scope, outer)
        for column in [*found.find_all(exp.Column)]:
            value = self._column(column, scope, outer)
            column.replace(
                value if isinstance(value, exp.Column | exp.AggFunc | exp.Literal) else exp.Paren(this=value)
            )
        return found

    def _column(self, column: exp.Column, scope: Scope, outer: Scope) -> exp.Expr:
        name, table = column.name.lower(), column.table.lower()
        if not table and is_stand_in(column):
            return column.copy()
        for known in (scope, outer):
            if table:
                if table in known:
                    if name not in known[table]:
                        raise NotUnderstoodError
                    return known[table][name].copy()
                continue
            values = [columns[name] for columns in known.values() if name in columns]
            if len(values) > 1:
                raise NotUnderstoodError
            if values:
                return values[0].copy()
        raise NotUnderstoodError


def _refuse_totals(block: Block) -> None:
    """Refuse one row of all rows: an aggregate that nothing groups, or a call that may be one."""
    found = [exp.Anonymous] if block.key is not None else [exp.Anonymous, exp.AggFunc]
    if any(value.find(*found) for value in block.columns.values()):
        raise NotUnderstoodError
