"""What groups of rows, and all rows, come to: a placeholder for each aggregate, in the place of what says it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from rules_engine.logical.comparisons import aggregates, tables
from rules_engine.logical.join_reader import Columns, Named, Scope, Scopes
from rules_engine.logical.join_sides import WHOLE
from rules_engine.logical.joined_rows import JoinedReader, SubjectAggregate
from rules_engine.logical.made_frames import MadeFrameReader
from rules_engine.logical.query_blocks import Block
from rules_engine.logical.query_tree import NotUnderstoodError

_VALUES = "__values"
"""A relation of ours, whose columns are what sub-queries come to."""


@dataclass
class AggregateReader(MadeFrameReader):
    """Reads groups by the subject, and sub-queries that are aggregates, into a placeholder for each aggregate."""

    found: list[SubjectAggregate] = field(default_factory=list)
    grouped: set[str] = field(default_factory=set)
    optional: set[str] = field(default_factory=set)
    """Those that are aggregated, and of these such as may have no row for a subject."""
    beside: set[str] = field(default_factory=set)
    """Relations of a row that aggregates of others are beside, by another column than the subject."""

    def _ties(self, condition: exp.Expr) -> bool:
        """Whether a condition holds two keys of the subject equal, of one type."""
        bare = condition.unnest()
        if not isinstance(bare, exp.EQ) or not all(map(self._is_key_of_subject, (bare.this, bare.expression))):
            return False
        types = {self.schema.types_of(self.frames[end.table])[end.name.lower()] for end in (bare.this, bare.expression)}
        return len(tables(bare)) == 2 and (len(types) == 1 or types <= WHOLE)

    def _relation(self, item: exp.Expr, block: Block, scope: Scopes, named: Named) -> None:
        super()._relation(item, block, scope, named)
        self.frames |= block.frames

    def _taken(self, inner: Block, block: Block) -> Columns:
        """What groups, or all rows, come to beside a row; or the rows of a frame of which more is asked."""
        if inner.key is None and inner.distinct and len(inner.columns) > 1:
            inner.key = next(filter(self._is_key_of_subject, inner.columns.values()), None)
            inner.by = [each for each in inner.columns.values() if inner.key and each is not inner.key]
        if inner.before and self.framing:
            return self._placed_as_frame(inner, block)
        if inner.key is None and inner.columns and all(map(aggregates, inner.columns.values())) and not inner.having:
            return {name: self._come_to(value, inner, None) for name, value in inner.columns.items()}
        if inner.key is not None:
            return self._of_groups(inner, block, as_frame=self.framing)
        return super()._taken(inner, block)

    def _of_groups(self, inner: Block, block: Block, *, as_frame: bool = False) -> Columns:
        """A group by the subject is there where it has a row and meets its HAVING."""
        key = inner.key
        if not isinstance(key, exp.Column) or not (as_frame or self._is_key_of_subject(key)):
            raise NotUnderstoodError("a group by another column than the subject")
        if inner.by or as_frame:
            return self._as_frame(inner, key, block)
        self.grouped.add(key.table)
        there = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0))
        block.where += [self._come_to(each, inner, key) for each in (there, *inner.having)]
        return {
            name: value if value == key else self._come_to(value, inner, key) for name, value in inner.columns.items()
        }

    def _values(self, holder: exp.Expr, block: Block, named: Named, within: Scope) -> Scope:
        """What the sub-queries of a condition come to, a column of ours in the place of each."""
        values = dict[str, exp.Expr]()
        while (query := holder.find(exp.Subquery)) is not None:
            name = f"{_VALUES}_{len(values)}"
            values[name] = self._scalar(query, block, named, within)
            query.replace(exp.column(name, _VALUES))
        if holder.find(exp.Query):
            raise NotUnderstoodError("a sub-query within an expression or under OR")
        return {_VALUES: values}

    def _select(self, query: exp.Select, named: Named, outer: Scope) -> Block:
        """HAVING may hold groups against what all rows come to."""
        if not query.args.get("having") or not query.args["having"].find(exp.Query):
            return super()._select(query, named, outer)
        asked = query.copy()
        values = self._values(asked.args["having"], Block(), named, {})
        return super()._select(asked, named, {**outer, **values})

    def _scalar(self, query: exp.Expr, block: Block, named: Named, within: Scope) -> exp.Expr:
        """What a sub-query comes to, of the subject's rows that it is tied to, or of all, or of all groups."""
        before = {*self.grouped}, {*self.optional}
        try:
            return self._one_row(query, block, named, within)
        except NotUnderstoodError:
            if self.framing:
                raise
            self.grouped, self.optional = before
            self.framing = True
            found = self._one_row(query, Block(), named, {})
            self.framing = False
            return found

    def _one_row(self, query: exp.Expr, block: Block, named: Named, within: Scope) -> exp.Expr:
        inner = self.query(query, named, within)
        if len(inner.columns) != 1 or inner.key or inner.distinct:
            raise NotUnderstoodError("a sub-query that groups, held against a value")
        (value,) = inner.columns.values()
        if inner.having:  # one row, or none
            value = exp.Case(ifs=[exp.If(this=exp.and_(*inner.having), true=value)])
            inner.having = []
        if not inner.frames and not inner.where and not inner.asked:
            return value  # of a query that has come to one row already
        if aggregates(value) and not any(tables(each) - {*inner.frames} for each in inner.where):
            return self._come_to(value, inner, None)
        return self._of_subject(value, inner, block)

    def _of_subject(self, value: exp.Expr, inner: Block, block: Block) -> exp.Expr:
        """What rows come to that are tied to a block's by the subject; a count of none is 0."""
        tied = [each for each in inner.where if self._ties(each) and len(tables(each) & {*inner.frames}) == 1]
        if not tied:
            return self._of_column(value, inner, block)
        if len(tied) != 1:
            raise NotUnderstoodError("a sub-query of no subject, held against a value")
        own, other = tied[0].unnest().this, tied[0].unnest().expression
        own, other = (own, other) if own.table in inner.frames else (other, own)
        around = set[str]().union(*map(tables, inner.where)) - {*inner.frames}
        of_subject = self.frames[other.table].lower() == self.schema.subject.lower()
        if any(each is not tied[0] and other.table in tables(each) for each in inner.where) and of_subject:
            inner.frames[other.table] = self.schema.subject
        else:
            inner.where = [each for each in inner.where if each is not tied[0]]
        if not aggregates(value) or around != {other.table}:
            raise NotUnderstoodError("a sub-query that is no aggregate")
        self.grouped.add(own.table)
        self.optional.add(own.table)
        block.where += [] if tied[0] in block.where else [tied[0]]
        return self._come_to(value, inner, own, zero=True)

    def _of_column(self, value: exp.Expr, inner: Block, block: Block) -> exp.Expr:
        """What rows come to whose column is held equal to one of a block's row; a count of none is 0."""
        outside = [each for each in inner.where if tables(each) - {*inner.frames}]
        bare = outside[0].unnest() if len(outside) == 1 else None
        held = (bare.this, bare.expression) if isinstance(bare, exp.EQ) else ()
        ends = [each for each in held if isinstance(each, exp.Column)]
        own = [each for each in ends if each.table in inner.frames]
        other = [each for each in ends if each.table in block.frames]
        types = {self._type(each, self.frames) for each in ends if each.table in self.frames}
        if not aggregates(value) or len(own) != 1 or len(other) != 1 or not (len(types) == 1 or types <= WHOLE):
            raise NotUnderstoodError("a sub-query of no subject, held against a value")
        inner.where = [each for each in inner.where if each is not outside[0]]
        self.beside.add(other[0].table)
        return self._come_to(value, inner, own[0], zero=True, by=other[0].name.lower())

    def _come_to(
        self, value: exp.Expr, inner: Block, key: exp.Column | None, *, zero: bool = False, by: str = ""
    ) -> exp.Expr:
        """A value with a placeholder for each aggregate of the rows with a key, or of all."""
        self._check_plain([value], inner)
        holder = exp.Paren(this=value.copy())
        for call in aggregates(holder):
            if zero and isinstance(call, exp.ArrayAgg | exp.ArrayUniqueAgg):
                raise NotUnderstoodError("a list of what may be no row")
            reader = JoinedReader(self.tree, self.schema, inner.frames, inner.left)
            joined = reader.of(inner.where, [call], key, ())
            counts, type_ = zero and isinstance(call, exp.Count), self._type(call, inner.frames)
            self.found.append(
                SubjectAggregate(self._with_made(joined.rows), joined.where, joined.calls[0], counts, type_, by)
            )
            call.replace(exp.Placeholder(this=str(len(self.found) - 1)))
        if any(column.table for column in holder.find_all(exp.Column)):
            raise NotUnderstoodError("a column of a group that is no aggregate")
        return holder
