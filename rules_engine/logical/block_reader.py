"""Reads queries, as sqlglot's trees, into blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from rules_engine.logical.aggregate_conditions import as_count, counted, passes_over_null
from rules_engine.logical.comparisons import (
    conditions_of,
    held_as_it_is,
    is_given,
    is_literal,
    only,
    put,
    returned_in_having,
    scalar,
    tables,
    without_default,
)
from rules_engine.logical.flattened import with_left_joins
from rules_engine.logical.join_reader import MERGED, JoinReader, Left, Named, Scope, Scopes, beneath, with_queries
from rules_engine.logical.query_blocks import NOT_IN, Asked, Block, looks_up, refuse_totals
from rules_engine.logical.query_tree import NotUnderstoodError, is_stand_in
from rules_engine.logical.rewrites import MIRRORED
from rules_engine.logical.windows import is_own_row, key_of_subject, parted, place

_KNOWN = {"expressions", "from_", "joins", "where", "group", "having", "distinct", "with_", "kind", "order"}
_RETURNED = "__returned_"
"""What HAVING names of what is returned, where a column has the name, too."""


@dataclass
class BlockReader(JoinReader):
    """Reads queries into blocks."""

    grouping: bool = True
    """Whether a window over each subject's rows is read as a query that groups of it: else rows are placed by it."""
    framing: bool = False
    """Whether groups, and rows with windows, are the rows of a frame, of which more is asked."""

    def query(self, query: exp.Expr, named: Named, outer: Scope) -> Block:
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
            raise NotUnderstoodError("a UNION, or another query than a SELECT; over one frame OR would be")
        only(query, _KNOWN)
        if with_ := query.args.get("with_"):
            named = with_queries(with_, named)
        if query.args.get("group") and not outer:
            query, named = with_left_joins(query, named)
        return self._select(query, named, outer)

    def _set_operation(self, query: exp.Expr, named: Named, outer: Scope) -> Block:
        """``A INTERSECT B`` and ``A EXCEPT B`` of one column: rows of A for which B has one, or none."""
        only(query, {"this", "expression", "distinct"})
        left, right = (self.query(side, named, outer) for side in (query.this, query.args["expression"]))
        if not query.args.get("distinct") or left.key or right.key or left.having or right.having:
            raise NotUnderstoodError("INTERSECT or EXCEPT of more than one plain column")
        if len(left.columns) != 1 or len(right.columns) != 1:
            raise NotUnderstoodError
        own, other = next(iter(left.columns.values())), next(iter(right.columns.values()))
        given = is_given(own, left.where) or is_given(other, right.where)
        if not given and not self._is_key(own, left):
            raise NotUnderstoodError("INTERSECT or EXCEPT of what may be NULL, which is there equal to NULL")
        right.where.append(exp.EQ(this=other.copy(), expression=own.copy()))
        left.asked.append(Asked(right, negated=isinstance(query, exp.Except)))
        return left

    def _select(self, query: exp.Select, named: Named, outer: Scope) -> Block:
        block, scope = Block(), Scopes()
        if query.args.get("kind") or not query.args.get("from_"):
            raise NotUnderstoodError("a query without FROM")
        block.distinct = bool(query.args.get("distinct"))
        if block.distinct:
            only(query.args["distinct"], set())
        self._relation(query.args["from_"].this, block, scope, named)
        left = [self._join(join, block, scope, named, outer) for join in query.args.get("joins") or ()]
        conditions = [*conditions_of(query.args["where"].this)] if query.args.get("where") else []
        beside = list[Left]()
        for each in filter(None, left):
            others = self._left(each, conditions, block, scope, outer)
            conditions = conditions if others is None else others
            beside += [each] if others is None else []
        for condition in conditions:
            self._condition(condition, block, scope, named, outer)
        self._returned(query, block, scope, outer)
        self._groups(query, block, scope, outer)
        if beside:
            self._grouped_beside(block, beside, scope)
        return block

    def _groups(self, query: exp.Select, block: Block, scope: Scope, outer: Scope) -> None:
        """By what a query groups, and what it asks of the groups; columns that it returns can be named there."""
        group, having = query.args.get("group"), query.args.get("having")
        if group:
            only(group, {"expressions"})
            if block.key is not None:
                raise NotUnderstoodError("groups of groups")
            by = [self._resolved(each, scope, {}) for each in group.expressions]
            keys = [each for each in by if len(by) == 1 or self._is_key(each, block)]
            block.key = (keys or by)[0]
            block.by = [each for each in by if each is not block.key]
            block.distinct = block.distinct and not all(each in block.columns.values() for each in by)
        if having and (having.find(exp.Query) or (not group and block.key is not None)):
            raise NotUnderstoodError("a HAVING that asks a sub-query, or groups of groups")
        if having:
            names = {name for of, columns in scope.items() if of for name in columns}
            returned = {_RETURNED * (name in names) + name: value for name, value in block.columns.items()}
            known = {**scope, MERGED: {**returned, **scope.get(MERGED, {})}}
            asked = self._having(query, block, scope, outer)
            found = [self._resolved(each, known, outer) for each in conditions_of(asked)]
            block.having += [without_default(as_count(each) if group else each) for each in found]

    def _having(self, query: exp.Select, block: Block, scope: Scope, outer: Scope) -> exp.Expr:
        """
        What HAVING asks.

        A name that is a column's and is returned, too, is the column's where the groups are by it, as in Spark. Else it
        is what is returned, but Spark converts it as if it were the column: it is read where no conversion is needed.
        """
        group, marked = query.args.get("group"), query.copy() if returned_in_having(query) else query
        by = {each.name.lower() for each in group.expressions if isinstance(each, exp.Column)} if group else set()
        for column in returned_in_having(marked):
            name = column.name.lower()
            if name in by or not any(name in columns for of, columns in scope.items() if of):
                continue
            hidden, told = self._resolved(column, scope, outer), block.columns[name]
            frame = block.frames.get(hidden.table, "") if isinstance(hidden, exp.Column) else ""
            type_ = self.schema.types_of(frame).get(hidden.name.lower(), "") if frame else ""
            if not (isinstance(told, exp.Min | exp.Max) and told.this == hidden) and not held_as_it_is(column, type_):
                raise NotUnderstoodError("HAVING of a name that is returned, and is a column's of another type as well")
            column.set("this", exp.to_identifier(_RETURNED + name))
        asked: exp.Expr = marked.args["having"].this
        return asked

    def _grouped_beside(self, block: Block, beside: list[Left], scope: Scope) -> None:
        """Groups over a LEFT JOIN: what the joined rows come to, where there may be none."""
        if block.key is None or block.asked:
            raise NotUnderstoodError("a LEFT JOIN of which nothing is asked")
        (_, inner, on), asked = beside[0], block.having
        plain = inner.key is None and not inner.asked
        known = (
            len(beside) == 1 and plain and asked and not block.by and {*block.frames.values()} == {self.schema.subject}
        )
        if not known or not all(passes_over_null(each, inner.frames) for each in asked):
            for alias, inner, on in beside:
                made = any(not tables(value) or not isinstance(value, exp.Column) for value in scope[alias].values())
                if len(inner.frames) != 1 or inner.key is not None or inner.asked or inner.before or inner.left or made:
                    raise NotUnderstoodError("GROUP BY over a LEFT JOIN, of more than what the joined rows come to")
                block.frames |= inner.frames
                block.left[next(iter(inner.frames))] = [*inner.where, *on]
                block.lost = block.lost or inner.lost or inner.distinct
            return
        inner.where += on
        block.asked.append(Asked(inner, comparison=tuple(asked)))
        block.key, block.having = None, []

    def _condition(self, condition: exp.Expr, block: Block, scope: Scope, named: Named, outer: Scope) -> None:
        within = beneath(outer, scope)
        inner = condition.unnest()
        negated = isinstance(inner, exp.Not)
        bare = inner.this.unnest() if negated else inner
        if isinstance(bare, exp.Exists):
            block.asked.append(self._exists(bare.this, named, within, negated=negated))
        elif isinstance(bare, exp.In) and bare.args.get("query"):
            block.asked += self._in(bare, negated, block, scope, named, outer)
        elif not negated and type(bare) in MIRRORED and self._of_group(bare, block, scope, named, outer):
            pass
        elif (not negated or isinstance(bare, exp.Is)) and (
            found := scalar(bare, lambda other: self._of_own_row(other, block, scope, outer))
        ):
            query, comparison = found
            asked = self.query(query, named, within)
            if len(asked.columns) != 1 or asked.key is not None or asked.having or asked.distinct:
                raise NotUnderstoodError("a sub-query that groups, held against a value")
            held = put(comparison, next(iter(asked.columns.values())))
            held = as_count(held, of_none=True) if isinstance(comparison, exp.Column) else held
            block.asked.append(Asked(asked, comparison=(exp.Not(this=held) if negated else held,)))
        elif condition.find(exp.Query):
            raise NotUnderstoodError("a sub-query within an expression or under OR")
        else:
            block.says([without_default(self._resolved(condition, scope, outer))])

    def _of_own_row(self, value: exp.Expr, block: Block, scope: Scope, outer: Scope) -> exp.Expr:
        """A value of the subject's own row, that a sub-query is held against."""
        found = self._resolved(value, scope, outer)
        if any(block.frames.get(of, "").lower() != self.schema.subject.lower() for of in tables(found)):
            raise NotUnderstoodError("a row of another frame than the subject's, held against a sub-query")
        return found

    def _of_group(self, condition: exp.Expr, block: Block, scope: Scope, named: Named, outer: Scope) -> bool:
        """Whether a condition holds a row against what the rows of its frame with the same value come to."""
        sides = [condition.this.unnest(), condition.expression.unnest()]
        queries = [side for side in sides if isinstance(side, exp.Select | exp.Subquery)]
        others = [side for side in sides if side not in queries]
        if len(queries) != 1 or others[0].find(exp.Query) or all(map(is_stand_in, others[0].find_all(exp.Column))):
            return False
        asked = self.query(queries[0], named, beneath(outer, scope))
        if len(asked.frames) != 1 or len(asked.columns) != 1 or asked.key or asked.asked or asked.distinct:
            return False
        ((alias, frame),), (value,) = asked.frames.items(), asked.columns.values()
        tied = [each for each in asked.where if alias in tables(each) != {alias}]
        ends = [tied[0].this, tied[0].expression] if len(tied) == 1 and isinstance(tied[0], exp.EQ) else []
        key = next((end for end in ends if isinstance(end, exp.Column) and end.table == alias), None)
        if key is None or key.name.lower() == self.schema.subject_key_of(frame).lower():
            return False
        rest, held = [each for each in asked.where if each is not tied[0]], condition.copy()
        come_to = parted(value, key, rest, self.schema, frame)
        for side in ("this", "expression"):
            part = condition.args[side]
            held.set(side, come_to if part.unnest() in queries else self._resolved(part, scope, outer))
        block.frames[alias], block.groups[alias], block.before[alias] = frame, (key.name.lower(),), []
        block.where += [tied[0], held]
        return True

    def _exists(self, query: exp.Expr, named: Named, outer: Scope, *, negated: bool) -> Asked:
        found = self.query(query, named, outer)
        if found.having and found.key is None:
            asked, found.having = tuple(found.having), []
            if negated or counted(asked)[1]:  # of no row Spark 3.5 and 4 say different things
                raise NotUnderstoodError("NOT EXISTS, or what is true of no row, of HAVING and no groups")
            return Asked(found, comparison=asked)
        refuse_totals(found, self.tree)
        return Asked(found, negated)

    def _in(
        self, condition: exp.In, negated: bool, block: Block, scope: Scope, named: Named, outer: Scope
    ) -> list[Asked]:
        query: exp.Expr = condition.args["query"]
        within = {} if negated and query.find(exp.Group) else beneath(outer, scope)
        asked = self._exists(query, named, within, negated=negated)
        found, value = asked.block, condition.this.unnest()
        owns = [self._resolved(each, scope, outer) for each in (value.expressions if _is_tuple(value) else [value])]
        if len(found.columns) != len(owns) or asked.comparison:
            raise NotUnderstoodError
        if negated and any(tables(each) - {*found.frames} for each in found.where):
            return [self._none_of(asked, owns, block)]
        if _is_tuple(value):
            if negated or found.key is not None or found.having:
                raise NotUnderstoodError("NOT IN of several columns, or several columns of groups")
            found.where += [
                exp.EQ(this=other.copy(), expression=own)
                for other, own in zip(found.columns.values(), owns, strict=True)
            ]
            return [asked]
        (other,), (own,) = found.columns.values(), owns
        if other == found.key and not negated and not self._is_key(other, found):
            if found.by:
                raise NotUnderstoodError("groups by several columns, one of which is looked up")
            block.where.append(exp.EQ(this=next(iter(self._taken(found, block).values())), expression=own))
            return []  # groups by another column than the subject: each value of it is there once
        given = negated and not is_given(other, found.where)
        found.where.append(exp.EQ(this=other.copy(), expression=own))
        if not negated or self._is_subject(own, block):
            return [replace(asked, given=given)]
        if not looks_up(found, self.schema):
            raise NotUnderstoodError(NOT_IN)
        return [replace(asked, not_in=True)]

    def _none_of(self, asked: Asked, owns: Sequence[exp.Expr], block: Block) -> Asked:
        """
        What NOT IN asks of rows that are tied to the row outside: that none has the value, or NULL.

        Of a value that may be NULL itself it says something else.
        """
        found = asked.block
        more = (found.key, found.having, found.asked, found.before, found.left, found.lost, found.groups, found.missing)
        if len(owns) != 1 or any(more) or not (is_literal(owns[0]) or self._is_subject(owns[0], block)):
            raise NotUnderstoodError("NOT IN, of rows that are tied to the row outside, of what may be NULL")
        (other,) = found.columns.values()
        held: exp.Expr = exp.EQ(this=other.copy(), expression=owns[0])
        tied = any(
            isinstance(each.unnest(), exp.EQ) and other in {*each.unnest().iter_expressions()} for each in found.where
        )
        if not tied and not is_given(other, found.where):
            held = exp.Paren(this=exp.Or(this=held, expression=exp.Is(this=other.copy(), expression=exp.Null())))
        found.where.append(held)
        return asked

    def _is_key(self, value: exp.Expr, block: Block) -> bool:
        """Whether it is a frame's key of the subject."""
        if not isinstance(value, exp.Column) or value.table not in block.frames:
            return False
        return value.name.lower() == self.schema.subject_key_of(block.frames[value.table]).lower()

    def _is_subject(self, own: exp.Expr, block: Block) -> bool:
        """Whether it is the key of the subject's own row, which is never NULL."""
        if not isinstance(own, exp.Column) or block.frames.get(own.table, "").lower() != self.schema.subject.lower():
            return False
        return own.name.lower() == self.schema.subject_key.lower()

    def _returned(self, query: exp.Select, block: Block, scope: Scope, outer: Scope) -> None:
        """What a query returns; a window over each subject's rows makes a query that groups of it."""
        over = dict[str, exp.Window]()
        for item in query.expressions:
            if isinstance(item, exp.Star) and not item.args.get("except_"):
                for of, columns in scope.items():
                    block.columns |= columns if of else {}
                continue
            value = item.unalias()
            if isinstance(value, exp.Column) and isinstance(value.this, exp.Star):
                block.columns |= scope.get(value.table.lower(), {})
                continue
            name = item.alias_or_name.lower() or f"__unnamed_{len(block.columns)}"
            block.columns[name] = told = self._resolved(value, scope, outer)
            if isinstance(told, exp.Window):
                over[name] = told
        if not any(item.find(exp.Window) for item in query.expressions):
            return
        if block.key is not None:
            raise NotUnderstoodError("a window over groups")
        found = [key_of_subject(each, block, self.schema) for each in over.values()]
        keys = {key.sql(): key for key in found if key}
        if (
            not self.grouping
            or None in found
            or len(keys) != 1
            or len(over) != sum(value.find(exp.Window) is not None for value in block.columns.values())
        ):
            place(block, joined=self.framing)
            return
        (block.key,) = keys.values()
        plain = {name: value.this if name in over else value for name, value in block.columns.items()}
        own = {alias for alias in block.frames if is_own_row(alias, block, self.schema)}
        kept = {name for name, v in plain.items() if v.sql() == block.key.sql() or (tables(v) and tables(v) <= own)}
        block.columns = {name: v for name, v in plain.items() if name in {*over, *kept}}


def _is_tuple(value: exp.Expr) -> bool:
    return isinstance(value, exp.Tuple)
