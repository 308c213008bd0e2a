"""A row held against what rows of its subject come to, each sub-query or group that says so as an aggregate of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from sqlglot import exp

from rules_engine.logical.aggregate_values import AggregateReader
from rules_engine.logical.arithmetic import of_type
from rules_engine.logical.comparisons import conditions_of, tables
from rules_engine.logical.condition import family
from rules_engine.logical.join_reader import Left, Named, Scope, Scopes, beneath
from rules_engine.logical.join_sides import raises_nowhere
from rules_engine.logical.joined_rows import HeldRow, SubjectAggregate
from rules_engine.logical.merged_blocks import merged
from rules_engine.logical.plain_calls import STRUCT
from rules_engine.logical.query_blocks import Asked, Block
from rules_engine.logical.query_tree import Around, NotUnderstoodError, is_stand_in
from rules_engine.logical.rewrites import MIRRORED, OPPOSITE
from rules_engine.logical.total_values import TotalReader
from rules_engine.logical.typed_values import COUNT, SOME

_BEYOND: dict[type[exp.Expr], type[exp.Expr]] = {exp.GT: exp.Max, exp.GTE: exp.Max, exp.LT: exp.Min, exp.LTE: exp.Min}
"""Some value is greater than another where the greatest is."""


class _Beyond(NamedTuple):
    """A column of rows held against the same of one row: greater or less than it."""

    kind: type[exp.Expr]
    of_rows: exp.Column
    own: exp.Column


@dataclass
class SubjectAggregateReader(AggregateReader):
    """
    Reads a query as what is asked of a row of one frame and of what is beside it.

    A group by the subject is one such row, or none, and so can be joined with rows and repeats nothing.
    """

    def of(self, query: exp.Expr, named: Named) -> HeldRow:
        """
        What is asked of a row of one frame.

        Raises:
            NotUnderstoodError: If more is asked, or not all is tied by the key of the subject.
        """
        read = self.query(query, named, {})
        read.asked = [each for each in read.asked if not self._is_held(each, read)]
        block = merged(read, self.schema)
        if block.key is None and self.made.keys() & {*block.frames.values()}:
            block.key = self._key_returned(block)
        if block.key is not None:
            inner, block = block, Block()
            block.columns = dict(self._of_groups(inner, block))
        if block.having or block.asked or block.before or block.left or not self.found:
            raise NotUnderstoodError("a row that is held against aggregates, and asked for more")
        returned = self._key_returned(block)
        self._check_tied({*block.frames}, [tables(each) for each in block.where if self._ties(each)])
        subject = self.schema.subject.lower()
        base, *others = sorted(block.frames, key=lambda alias: block.frames[alias].lower() == subject) or [""]
        several = any(block.frames[alias].lower() != subject for alias in others)
        if several or not isinstance(returned, exp.Column) or returned.table in self.optional:
            raise NotUnderstoodError("rows of two frames that are held against aggregates")
        frame = block.frames.get(base, self.schema.subject)
        if frame in self.made or self.beside - {base}:
            raise NotUnderstoodError("groups by more than the subject, or a UNION, held against aggregates")
        where = [self._on_row(each, base, frame) for each in block.where if not self._ties(each)]
        around = self.tree.around(where, self._aggregate)
        if around is None or not around.values:
            raise NotUnderstoodError
        total = all(TotalReader(self.tree, lambda of: self._type_on_row(of, frame)).is_total(each) for each in where)
        if not total and self._could_raise(frame, around):
            # Spark asks some conditions before it joins, in an order of its own.
            raise NotUnderstoodError("a comparison of aggregates that could raise on rows that a join leaves out")
        return HeldRow(frame, around.pieces, around.values)

    def _key_returned(self, block: Block) -> exp.Expr | None:
        """What a block returns, where that is a key of the subject."""
        place = self.schema.key_among([*block.columns])
        returned = [*block.columns.values()][place] if place is not None else None
        return returned if returned is not None and self._is_key_of_subject(returned) else None

    def _aggregate(self, node: exp.Expr) -> SubjectAggregate | None:
        return self.found[int(node.name)] if isinstance(node, exp.Placeholder) else None

    def _type_on_row(self, node: exp.Expr, frame: str) -> str:
        """The type of a column of a row, or of what is beside it."""
        if isinstance(node, exp.Placeholder):
            found = self.found[int(node.name)]
            if found.call.lower() == "count(*)" and not (found.where or found.counts or found.rows.left):
                return SOME
            return COUNT if found.call.lower().startswith("count(") else found.type
        return self.schema.types_of(frame).get(node.name.lower(), "")

    def _could_raise(self, frame: str, around: Around[SubjectAggregate]) -> bool:
        types = dict(self.schema.types_of(frame)) | {f"aggregate_{n}": of.type for n, of in enumerate(self.found)}
        names = (f"aggregate_{self.found.index(of)}" for of in around.values)
        text = "".join(chain.from_iterable(zip(around.pieces, (*names, ""), strict=True)))
        return not raises_nowhere(text, types, frame)

    def _on_row(self, condition: exp.Expr, base: str, frame: str) -> exp.Expr:
        """A condition on the row: each key is the row's own, and a value of the subject's row the greatest of one."""
        holder = exp.Paren(this=condition.copy())
        for column in [*holder.find_all(exp.Column)]:
            if not column.table or column.table == base:
                continue
            if self._is_key_of_subject(column):
                column.replace(exp.column(self.schema.subject_key_of(frame).lower(), base))
            elif column.table not in self.grouped:  # then it is the subject's
                own = Block(frames={column.table: self.schema.subject})
                key = exp.column(self.schema.subject_key.lower(), column.table)
                column.replace(self._come_to(exp.Max(this=column.copy()), own, key))
            else:
                raise NotUnderstoodError("a column of a group that is no aggregate")
        for made in [*holder.find_all(exp.Placeholder)]:
            while made.parent is not holder and isinstance(made.parent, exp.Paren):
                made.parent.replace(made)
        found: exp.Expr = holder.this
        return found

    def _check_tied(self, joined: set[str], ties: Sequence[set[str]]) -> None:
        """Refuse relations that are not of one subject; one that may be missing ties no others."""
        groups = [{alias} for alias in (joined | self.grouped) - self.optional]
        for tie in (tie for tie in ties if not tie & self.optional):
            touched = [group for group in groups if group & tie]
            groups = [group for group in groups if group not in touched] + [set[str]().union(*touched)]
        leaves = sorted(sorted(tie & self.optional) for tie in ties if tie & self.optional)
        if len(groups) != 1 or leaves != sorted([alias] for alias in self.optional):
            raise NotUnderstoodError("rows that are not tied to the subject by its key")

    def _select(self, query: exp.Select, named: Named, outer: Scope) -> Block:
        """Refuse a join that is tied to what may be missing: it would be read before that is known."""
        missing = set[str]()
        for join in query.args.get("joins") or ():
            columns = join.args["on"].find_all(exp.Column) if join.args.get("on") and missing else ()
            if any(each.table.lower() in missing or not (each.table or is_stand_in(each)) for each in columns):
                raise NotUnderstoodError("a join that asks of what another LEFT JOIN may not find")
            missing |= {join.this.alias_or_name.lower()} if join.args.get("side") else set()
        return super()._select(query, named, outer)

    def _left(
        self, of: Left, conditions: list[exp.Expr], block: Block, scope: Scopes, outer: Scope
    ) -> list[exp.Expr] | None:
        """The columns of a group that may be missing are NULL where it is."""
        if of.inner.frames or of.inner.asked:
            return super()._left(of, conditions, block, scope, outer)
        there = exp.and_(*of.inner.where, *(each for each in of.on if not self._ties(each)))
        block.where += filter(self._ties, of.on)
        self.optional |= {value.table for value in scope[of.alias].values() if isinstance(value, exp.Column)}
        scope[of.alias] = {
            name: exp.Case(ifs=[exp.If(this=there.copy(), true=value.copy())])
            for name, value in scope[of.alias].items()
        }
        return conditions

    def _condition(self, condition: exp.Expr, block: Block, scope: Scope, named: Named, outer: Scope) -> None:
        bare = condition.unnest()
        bare = bare.this.unnest() if isinstance(bare, exp.Not) else bare
        if isinstance(bare, exp.In) and isinstance(bare.this, exp.Tuple) and bare is condition.unnest():
            self._is_one_of(bare, block, scope, named, outer)
            return
        if isinstance(bare, exp.Exists | exp.In) or not condition.find(exp.Query):
            super()._condition(condition, block, scope, named, outer)
            return
        holder = exp.Paren(this=condition.copy())
        values = self._values(holder, block, named, beneath(outer, scope))
        block.where.append(self._resolved(holder.this, {**scope, **values}, outer))

    def _is_one_of(self, condition: exp.In, block: Block, scope: Scope, named: Named, outer: Scope) -> None:
        """``(subject, x) IN (SELECT subject, max(x) … GROUP BY subject)``: a group that is there comes to that."""
        if not condition.args.get("query"):
            raise NotUnderstoodError
        inner = self.query(condition.args["query"], named, {})
        if inner.key is None or inner.by or len(inner.columns) != len(condition.this.expressions):
            raise NotUnderstoodError("several values among those of rows that the subject does not group")
        if inner.key not in inner.columns.values():
            raise NotUnderstoodError("values among those of groups, of which several may come to the same")
        there = [*self._taken(inner, block).values()]
        own = [self._resolved(each, scope, outer) for each in condition.this.expressions]
        block.where += [exp.EQ(this=one, expression=other) for one, other in zip(own, there, strict=True)]

    def _is_held(self, asked: Asked, block: Block) -> bool:
        """
        Whether rows that are to be there, or not, come before or after one of a block: that is held against the last.

        ``EXISTS (… WHERE x.c > row.c)`` is true where ``row.c < max(x.c)``; where there is none, or the row has no
        value, there is no such row.
        """
        inner, more = asked.block, (asked.comparison, asked.given, asked.not_in)
        outside = [each for each in inner.where if tables(each) - {*inner.frames}]
        beyond = [each for each in outside if not self._ties(each)]
        if any(more) or inner.key or inner.having or block.key or len(beyond) != 1:
            return False
        if len(outside) == 1 and asked.negated:
            none = self._of_column(exp.Count(this=exp.Star()), inner, block)
            block.where.append(exp.EQ(this=none, expression=exp.Literal.number(0)))
            return True
        if len(outside) != 2:
            return False
        order = self._order(beyond[0].unnest(), inner, block)
        if order is None:
            return False
        inner.where = [each for each in inner.where if each is not beyond[0]]
        block.where.append(self._held_in(order, inner, block, denied=asked.negated))
        return True

    def _order(self, bare: exp.Expr, inner: Block, block: Block) -> list[_Beyond] | None:
        """
        By which columns a row is to come after one of a block's: by one, or by another among those with the same first.

        ``x.a > row.a OR (x.a = row.a AND x.b > row.b)`` is the order by a and b.
        """
        if not isinstance(bare, exp.Or):
            of = self._one_beyond(bare, inner, block)
            return None if of is None else [of]
        sides = sorted((bare.left.unnest(), bare.right.unnest()), key=lambda side: isinstance(side, exp.And))
        within = [*conditions_of(sides[1])]
        ties = [each.unnest() for each in within if isinstance(each.unnest(), exp.EQ)]
        more = [self._one_beyond(each.unnest(), inner, block) for each in within if each.unnest() not in ties]
        first = self._one_beyond(sides[0], inner, block)
        if first is None or len(ties) != 1 or len(more) != 1 or (second := more[0]) is None:
            return None
        if {ties[0].this, ties[0].expression} != {first.of_rows, first.own} or first.kind not in {exp.GT, exp.LT}:
            return None
        return [first, second] if self._ordered(first, second) is not None else None

    def _one_beyond(self, bare: exp.Expr, inner: Block, block: Block) -> _Beyond | None:
        ends = [each for each in (bare.this, bare.expression) if isinstance(each, exp.Column)] if bare.args else []
        if type(bare) not in _BEYOND or len(ends) != 2 or not self._same_kind(ends, inner, block):
            return None
        if ends[1].table in inner.frames:
            return _Beyond(MIRRORED[type(bare)], ends[1], ends[0])
        return _Beyond(type(bare), *ends)

    def _held_in(self, order: Sequence[_Beyond], inner: Block, block: Block, *, denied: bool) -> exp.Expr:
        """That the last of the rows in an order comes after a block's row, or denied that it does not."""
        first, kind = order[0], _BEYOND[order[0].kind]

        def held(of: _Beyond, value: exp.Expr, where: Sequence[exp.Expr], sign: type[exp.Expr]) -> exp.Expr:
            among = replace(inner, frames=dict(inner.frames), where=[*inner.where, *where])
            last = self._of_subject(value, among, block)
            own = of.own.copy()
            if denied:
                return _or_null(OPPOSITE[sign](this=own, expression=last), (own, last))
            return sign(this=own, expression=last)

        beyond = held(first, kind(this=first.of_rows.copy()), (), MIRRORED[first.kind])
        if len(order) == 1:
            return beyond
        second = order[1]
        known = [exp.Not(this=exp.Is(this=of.of_rows.copy(), expression=exp.Null())) for of in order]
        both = exp.Anonymous(this=STRUCT, expressions=[first.of_rows.copy(), self._ordered(first, second)])
        same = held(first, kind(this=first.of_rows.copy()), known, exp.EQ)
        farthest = (exp.ArgMax if kind is exp.Max else exp.ArgMin)(this=second.of_rows.copy(), expression=both)
        after = held(second, farthest, known, MIRRORED[second.kind])
        if denied:
            return exp.and_(beyond, exp.or_(same, after))
        return exp.or_(beyond, exp.and_(same, after))

    def _ordered(self, first: _Beyond, second: _Beyond) -> exp.Expr | None:
        """What rows of one value of the first column are in order by, so that the last is at the end of both."""
        value = second.of_rows.copy()
        if _BEYOND[first.kind] is _BEYOND[second.kind]:
            return value
        type_ = self._type(value, self.frames)
        digits = of_type(type_)
        if digits is not None and not digits.double:
            return exp.BitwiseNot(this=value) if digits.whole else exp.Neg(this=value)
        days = exp.Anonymous(this="unix_date", expressions=[value])
        return exp.BitwiseNot(this=days) if type_ == "date" else None

    def _same_kind(self, ends: Sequence[exp.Column], inner: Block, block: Block) -> bool:
        """Whether they are columns of a block and of one within it, whose order is the same."""
        if not all(end.table in self.frames for end in ends):
            return False
        types = {family(self.schema.types_of(self.frames[end.table]).get(end.name.lower(), "")) for end in ends}
        places = [end.table in inner.frames for end in ends], [end.table in block.frames for end in ends]
        return len(types) == 1 and "" not in types and all(sum(place) == 1 for place in places)


def _or_null(condition: exp.Expr, values: Sequence[exp.Expr]) -> exp.Expr:
    return exp.or_(condition, *(exp.Is(this=each.copy(), expression=exp.Null()) for each in values))
