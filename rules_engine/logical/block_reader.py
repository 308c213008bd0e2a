"""Reads queries, as sqlglot's trees, into blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from rules_engine.logical.aggregate_conditions import as_count, passes_over_null
from rules_engine.logical.comparisons import (
    NotUnderstoodError,
    conditions_of,
    is_given,
    only,
    put,
    scalar,
    without_default,
)
from rules_engine.logical.join_reader import JoinReader
from rules_engine.logical.names import MERGED, Scope
from rules_engine.logical.query_blocks import Asked, Block, refuse_totals

_KNOWN = {"expressions", "from_", "joins", "where", "group", "having", "distinct", "with_", "kind", "order"}


@dataclass
class BlockReader(JoinReader):
    """Reads queries into blocks."""

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
                named[each.alias.lower()] = each
        return self._select(query, named, outer)

    def _set_operation(self, query: exp.Expr, named: Mapping[str, exp.Expr], outer: Scope) -> Block:
        """``A INTERSECT B`` and ``A EXCEPT B`` of one column: rows of A for which B has one, or none."""
        only(query, {"this", "expression", "distinct"})
        left, right = (self.query(side, named, outer) for side in (query.this, query.args["expression"]))
        if not query.args.get("distinct") or left.key or right.key or left.having or right.having:
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
        beside = list[tuple[Block, list[exp.Expr]]]()
        for alias, inner, on in filter(None, left):
            others = self._left(alias, inner, on, conditions, block, scope)
            conditions = conditions if others is None else others
            beside += [(inner, on)] if others is None else []
        for condition in conditions:
            self._condition(condition, block, scope, named, outer)
        self._returned(query, block, scope, outer)
        self._groups(query, block, scope, outer)
        if beside:
            self._grouped_beside(block, beside)
        return block

    def _groups(self, query: exp.Select, block: Block, scope: Scope, outer: Scope) -> None:
        """By what a query groups, and what it asks of the groups; columns that it returns can be named there."""
        group, having = query.args.get("group"), query.args.get("having")
        if group:
            only(group, {"expressions"})
            if len(group.expressions) != 1 or block.key is not None:
                raise NotUnderstoodError
            block.key = self._resolved(group.expressions[0], scope, outer)
        if having and not group and block.key is not None:
            raise NotUnderstoodError
        if having:
            told = [columns for of, columns in scope.items() if of]
            hidden = {n for columns in told for n in columns if n in block.columns and block.columns[n] != columns[n]}
            returned = {} if hidden else block.columns
            known = {**scope, MERGED: {**returned, **scope.get(MERGED, {})}}
            found = [self._resolved(each, known, outer) for each in conditions_of(having.this)]
            block.having += [without_default(as_count(each) if group else each) for each in found]

    def _grouped_beside(self, block: Block, beside: list[tuple[Block, list[exp.Expr]]]) -> None:
        """Groups over a LEFT JOIN: what the joined rows come to, where there may be none."""
        if len(beside) != 1 or block.key is None or block.asked:
            raise NotUnderstoodError
        (inner, on), asked = beside[0], block.having
        plain = inner.key is None and not inner.asked
        if not plain or not asked or not all(passes_over_null(each, inner.frames) for each in asked):
            raise NotUnderstoodError
        inner.where += on
        block.asked.append(Asked(inner, comparison=tuple(asked)))
        block.key, block.having = None, []

    def _condition(
        self, condition: exp.Expr, block: Block, scope: Scope, named: Mapping[str, exp.Expr], outer: Scope
    ) -> None:
        within = {**outer, **scope}
        inner = condition.unnest()
        negated = isinstance(inner, exp.Not)
        bare = inner.this.unnest() if negated else inner
        if isinstance(bare, exp.Exists):
            block.asked.append(self._exists(bare.this, named, within, negated=negated))
        elif isinstance(bare, exp.In) and bare.args.get("query"):
            block.asked.append(self._in(bare, negated, block, scope, named, outer))
        elif not negated and (found := scalar(bare)):
            query, comparison = found
            asked = self.query(query, named, within)
            if len(asked.columns) != 1 or asked.key is not None or asked.having or asked.distinct:
                raise NotUnderstoodError
            (value,) = asked.columns.values()
            block.asked.append(Asked(asked, comparison=(put(comparison, value),)))
        elif condition.find(exp.Query):
            raise NotUnderstoodError
        else:
            block.says([without_default(self._resolved(condition, scope, outer))])

    def _exists(self, query: exp.Expr, named: Mapping[str, exp.Expr], outer: Scope, *, negated: bool) -> Asked:
        found = self.query(query, named, outer)
        if found.having and found.key is None:
            asked, found.having = tuple(found.having), []
            if negated:
                raise NotUnderstoodError
            return Asked(found, comparison=asked)
        refuse_totals(found)
        return Asked(found, negated)

    def _in(
        self,
        condition: exp.In,
        negated: bool,
        block: Block,
        scope: Scope,
        named: Mapping[str, exp.Expr],
        outer: Scope,
    ) -> Asked:
        asked = self._exists(condition.args["query"], named, {}, negated=negated)
        found = asked.block
        if len(found.columns) != 1 or asked.comparison:
            raise NotUnderstoodError
        (other,) = found.columns.values()
        own = self._resolved(condition.this, scope, outer)
        if negated and not (self._is_subject(own, block) and is_given(other, found.where)):
            raise NotUnderstoodError
        found.where.append(exp.EQ(this=other.copy(), expression=own))
        return asked

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
                for of, columns in scope.items():
                    block.columns |= columns if of else {}
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
