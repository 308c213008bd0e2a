"""Relations of a query, and how they are joined: a row, a look-up, a row that is there, or none."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from sqlglot import exp

from rules_engine.logical.comparisons import conditions_of, only, opposite, rejects_null
from rules_engine.logical.query_blocks import Asked, Block, refuse_totals
from rules_engine.logical.query_tree import NotUnderstoodError, QueryTree, is_stand_in
from rules_engine.logical.windows import as_windows
from rules_engine.model.schemas import Schema

PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
Columns = Mapping[str, exp.Expr]
Scope = Mapping[str, Columns]
"""What can be named: of each relation its columns, in small letters."""
Scopes = dict[str, Columns]
"""A scope that grows while its query is read."""
Named = Mapping[str, exp.Expr]
"""WITH queries, by name."""
MERGED = ""
"""In a scope, columns of USING, which stand for those of both sides where no relation is named."""


@dataclass
class NameReader:
    """Replaces names by what they stand for."""

    tree: QueryTree
    schema: Schema
    _numbers: Iterator[int] = field(default_factory=count)

    def _resolved(self, node: exp.Expr, scope: Scope, outer: Scope) -> exp.Expr:
        """With every column replaced by what it stands for."""
        found = node.copy()
        if isinstance(found, exp.Column):
            return self._column(found, scope, outer)
        for column in [*found.find_all(exp.Column)]:
            value = self._column(column, scope, outer)
            plain = isinstance(value, exp.Column | exp.AggFunc | exp.Literal | exp.Window | exp.Dot)
            column.replace(value if plain else exp.Paren(this=value))
        return found

    def _column(self, column: exp.Column, scope: Scope, outer: Scope) -> exp.Expr:
        name, table = column.name.lower(), column.table.lower()
        if not table and is_stand_in(column):
            return column.copy()
        nearer = table not in scope and any(table in columns for columns in scope.values())
        if column.args.get("db") or (table and (nearer or table not in {*scope, *outer})):
            return self._part(column, scope, outer)
        for known in (scope, outer):
            if not table and name in known.get(MERGED, {}):
                return known[MERGED][name].copy()
            if table:
                if table in known:
                    if name not in known[table]:
                        raise NotUnderstoodError
                    return known[table][name].copy()
                continue
            values = [columns[name] for of, columns in known.items() if of and name in columns]
            if len(values) > 1:
                raise NotUnderstoodError
            if values:
                return values[0].copy()
        raise NotUnderstoodError

    def _part(self, column: exp.Column, scope: Scope, outer: Scope) -> exp.Expr:
        """A field of a struct that an aggregate comes to: what stands before the name is no relation."""
        struct = self._column(exp.column(column.args["table"].copy(), column.args.get("db")), scope, outer)
        if not isinstance(struct, exp.AggFunc | exp.Placeholder) or column.args.get("catalog"):
            raise NotUnderstoodError("a column of another relation")
        return exp.Dot(this=struct, expression=column.this.copy())


def beneath(outer: Scope, scope: Scope) -> Scope:
    """What a sub-query can name: what USING merges further out is hidden by a column of the name that is nearer."""
    nearer = {name for of, columns in scope.items() if of for name in columns}
    merged = {name: value for name, value in outer.get(MERGED, {}).items() if name not in nearer}
    return {**outer, **scope, MERGED: {**merged, **scope.get(MERGED, {})}}


class Left(NamedTuple):
    """A LEFT JOIN: its alias, its relation, and the conditions after ON."""

    alias: str
    inner: Block
    on: list[exp.Expr]


@dataclass
class JoinReader(NameReader, ABC):
    """Takes relations into a block."""

    @abstractmethod
    def query(self, query: exp.Expr, named: Named, outer: Scope) -> Block:
        """A query as a block; ``named`` are WITH queries, ``outer`` what a query around it can name."""

    @abstractmethod
    def _condition(self, condition: exp.Expr, block: Block, scope: Scope, named: Named, outer: Scope) -> None:
        """Take a condition into a block."""

    def _relation(self, item: exp.Expr, block: Block, scope: Scopes, named: Named) -> None:
        """Take a frame or a derived table in, under its alias."""
        alias = self._alias(item)
        if alias in scope:
            raise NotUnderstoodError("two relations of one name")
        scope[alias] = self._columns(item, block, named)

    def _alias(self, item: exp.Expr) -> str:
        """The name that a relation goes by; a derived table without one gets one of ours."""
        if not item.alias_or_name:
            item.set("alias", exp.TableAlias(this=exp.to_identifier(f"derived_{next(self._numbers)}_")))
        return item.alias_or_name.lower()

    def _columns(self, item: exp.Expr, block: Block, named: Named) -> Columns:
        if isinstance(item, exp.Table) and item.name.lower() not in named:
            only(item, {"this", "alias"})
            frame = next((name for name in self.schema.columns if name.lower() == item.name.lower()), None)
            if frame is None or (item.args.get("alias") and item.args["alias"].args.get("columns")):
                raise NotUnderstoodError("a relation that is no frame, or renames its columns")
            own = f"r{next(self._numbers)}"
            block.frames[own] = frame
            return {name: exp.column(name, own) for name in self.schema.types_of(frame) if PLAIN.fullmatch(name)}
        only(item, {"this", "alias"})
        if isinstance(item, exp.Table):
            cte = named[item.name.lower()]
            inner = self.query(cte.this, {k: v for k, v in named.items() if k != item.name.lower()}, {})
            _rename(inner, cte)
        else:
            inner = self.query(item, named, {})
        _rename(inner, item)
        if inner.distinct and inner.key is not None:
            raise NotUnderstoodError("DISTINCT of groups that return not all that they are grouped by")
        return self._taken(inner, block)

    def _taken(self, inner: Block, block: Block) -> Columns:
        """A derived table put where it is named; one that groups is what the query around it is about."""
        if inner.key is not None:
            as_windows(inner, self.schema)
        if (inner.key is not None and block.key is not None) or (inner.having and inner.key is None):
            raise NotUnderstoodError("groups of groups")
        block.frames |= inner.frames
        block.before |= inner.before
        block.groups |= inner.groups
        block.where += inner.where
        block.asked += inner.asked
        block.having += inner.having
        block.by += inner.by
        block.left |= inner.left
        block.key = block.key if inner.key is None else inner.key
        block.lost = block.lost or inner.lost or (inner.distinct and inner.key is None)
        refuse_totals(inner, self.tree)
        return inner.columns

    def _join(self, join: exp.Expr, block: Block, scope: Scopes, named: Named, outer: Scope) -> Left | None:
        """Take a join in; a LEFT JOIN is returned, for :meth:`_left`."""
        only(join, {"this", "side", "kind", "on", "using", "method"})
        side, kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
        alias = self._alias(join.this)
        if (side, kind) in {("", ""), ("", "INNER"), ("", "CROSS")}:
            before = [name for of, columns in scope.items() if of for name in columns]
            once = {*scope.get(MERGED, {}), *(name for name in before if before.count(name) == 1)}
            self._relation(join.this, block, scope, named)
            if join.args.get("method"):
                self._natural(join, {*before} & {*scope[alias]}, once)
            for condition in self._on(join, scope, alias):
                self._condition(condition, block, scope, named, outer)
            return None
        if join.args.get("method") or side not in {"", "LEFT"} or kind not in {"", "OUTER", "SEMI", "ANTI"}:
            raise NotUnderstoodError("a FULL, RIGHT, NATURAL or LATERAL join beside others")
        inner, beside = Block(), Scopes()
        if alias in scope:
            raise NotUnderstoodError
        self._relation(join.this, inner, beside, named)
        on = [self._resolved(each, {**scope, **beside}, {}) for each in self._on(join, scope, alias)]
        if kind in {"SEMI", "ANTI"}:
            inner.says(on)
            block.asked.append(Asked(inner, negated=kind == "ANTI"))
            return None
        scope |= beside
        return Left(alias, inner, on)

    @staticmethod
    def _natural(join: exp.Expr, shared: set[str], once: set[str]) -> None:
        """``NATURAL JOIN`` as USING the columns that both sides have."""
        if join.args["method"].upper() != "NATURAL" or not shared or not shared <= once:
            raise NotUnderstoodError("a NATURAL join by what several relations have, or of what has none in common")
        join.set("using", [exp.to_identifier(name) for name in sorted(shared)])

    def _on(self, join: exp.Expr, scope: Scopes, alias: str) -> list[exp.Expr]:
        """The conditions of a join; the columns of USING are noted in the scope."""
        found = [*conditions_of(join.args["on"])] if join.args.get("on") else []
        for each in join.args.get("using") or ():
            name = each.name.lower()
            first = next((of for of, columns in scope.items() if of not in {alias, MERGED} and name in columns), None)
            if first is None:
                raise NotUnderstoodError("USING a column that no relation before has")
            scope[MERGED] = {name: scope[first][name], **scope.get(MERGED, {})}
            found.append(exp.EQ(this=exp.column(name, first), expression=exp.column(name, alias)))
        return found

    def _left(
        self, of: Left, conditions: list[exp.Expr], block: Block, scope: Scopes, outer: Scope
    ) -> list[exp.Expr] | None:
        """
        Take a LEFT JOIN by what is asked of its columns; the other conditions.

        Where that is true of no row that was joined with nothing, it is a join; where it is true of all of these, no
        other row is there. None where nothing is asked.
        """
        (alias, inner, on), columns = of, scope[of.alias]
        about = [condition for condition in conditions if alias in self._owners(condition, scope)]
        if not about:
            return None
        if inner.by or inner.left:
            raise NotUnderstoodError("a LEFT JOIN of groups by several columns")
        own = {name: exp.column(name, "left_joined") for name in columns}
        within, values = {**scope, alias: own}, {column.sql() for column in own.values()}
        if any(rejects_null(self._resolved(each, within, outer), values) for each in about if not each.find(exp.Query)):
            self._taken(inner, block)
            block.says(on)
            return conditions
        if len(about) != 1 or self._owners(about[0], scope) != {alias}:
            raise NotUnderstoodError("a LEFT JOIN whose columns are asked for more than that they are NULL")
        found = self._resolved(about[0], {alias: columns}, {})
        del scope[alias]
        inner.says(on)
        block.asked.append(_unless(inner, found, on))
        return [condition for condition in conditions if condition is not about[0]]

    def _owners(self, condition: exp.Expr, scope: Scope) -> set[str]:
        """The relations whose columns a condition may name."""
        of = set[str]()
        for column in condition.find_all(exp.Column):
            if column.table or not is_stand_in(column):
                owners = [name for name, columns in scope.items() if name and column.name.lower() in columns]
                of |= {column.table.lower()} if column.table else {*owners}
        return of


def with_queries(clause: exp.Expr, named: Named) -> Named:
    """Those that can be named, and those of a clause; refused where one of these would hide another."""
    only(clause, {"expressions"})
    found = {each.alias.lower(): each for each in clause.expressions}
    for each in clause.expressions:
        only(each, {"this", "alias"})
    if not found.keys().isdisjoint(named):
        raise NotUnderstoodError("a WITH query of a name that another has")
    return {**named, **found}


def _rename(inner: Block, item: exp.Expr) -> None:
    """``AS t (a, b)``: the columns under other names."""
    names = item.args["alias"].args.get("columns") if item.args.get("alias") else None
    if names:
        if len(names) != len(inner.columns):
            raise NotUnderstoodError
        inner.columns = {new.name.lower(): value for new, value in zip(names, inner.columns.values(), strict=True)}


def _unless(inner: Block, condition: exp.Expr, on: list[exp.Expr]) -> Asked:
    """What a condition says of a LEFT JOIN that is true where nothing was joined."""
    is_null = isinstance(condition, exp.Is) and isinstance(condition.expression, exp.Null)
    if is_null and any(rejects_null(each, {condition.this.sql()}) for each in on):
        return Asked(inner, negated=True)
    if inner.key is not None and not inner.having:
        inner.having = [opposite(condition)]
        return Asked(inner, negated=True)
    if is_null and isinstance(condition.this, exp.Column) and inner.key is None:
        every = exp.EQ(this=exp.Count(this=exp.Star()), expression=exp.Count(this=condition.this.copy()))
        return Asked(inner, negated=True, comparison=(every,))
    raise NotUnderstoodError
