"""A row held against what rows of its subject come to, each sub-query or group that says so as an aggregate of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from sqlglot import exp

from rules_engine.logical.comparisons import aggregates, tables
from rules_engine.logical.join_reader import Columns, Left, Named, Scope, Scopes
from rules_engine.logical.join_sides import WHOLE, raises_nowhere
from rules_engine.logical.joined_rows import HeldRow, JoinedReader, SubjectAggregate
from rules_engine.logical.made_frames import MadeFrameReader
from rules_engine.logical.merged_blocks import merged
from rules_engine.logical.query_blocks import Block
from rules_engine.logical.query_tree import Around, NotUnderstoodError

_VALUES = "__values"
"""A relation of ours, whose columns are what sub-queries come to."""


@dataclass
class SubjectAggregateReader(MadeFrameReader):
    """
    Reads queries into blocks, and what rows of a subject come to into a placeholder for each aggregate.

    A group by the subject is one such row, or none, and so can be joined with rows and repeats nothing.
    """

    found: list[SubjectAggregate] = field(default_factory=list)
    grouped: set[str] = field(default_factory=set)
    optional: set[str] = field(default_factory=set)
    """Those that are aggregated, and of these such as may have no row for a subject."""

    def of(self, query: exp.Expr, named: Named) -> HeldRow:
        """
        What is asked of a row of one frame.

        Raises:
            NotUnderstoodError: If more is asked, or not all is tied by the key of the subject.
        """
        read = self.query(query, named, {})
        block = merged(read, self.schema)
        if block.key is not None:
            inner, block = block, Block()
            block.columns = dict(self._taken(inner, block))
        if block.having or block.asked or block.before or block.left or not self.found:
            raise NotUnderstoodError("a row that is held against aggregates, and asked for more")
        place = self.schema.key_among([*block.columns])
        returned = [*block.columns.values()][place] if place is not None else None
        self._check_tied({*block.frames}, [tables(each) for each in block.where if self._ties(each)])
        subject = self.schema.subject.lower()
        base, *others = sorted(block.frames, key=lambda alias: block.frames[alias].lower() == subject) or [""]
        several = any(block.frames[alias].lower() != subject for alias in others)
        if (
            several
            or not isinstance(returned, exp.Column)
            or not self._is_key_of_subject(returned)
            or returned.table in self.optional
        ):
            raise NotUnderstoodError("rows of two frames that are held against aggregates")
        frame = block.frames.get(base, self.schema.subject)
        if frame in self.made:
            raise NotUnderstoodError("groups by more than the subject, or a UNION, held against aggregates")
        where = [self._on_row(each, base, frame) for each in block.where if not self._ties(each)]
        around = self.tree.around(where, self._aggregate)
        if around is None:
            raise NotUnderstoodError
        if self._could_raise(frame, around):  # Spark asks some conditions before it joins, in an order of its own
            raise NotUnderstoodError("a comparison of aggregates that could raise on rows that a join leaves out")
        return HeldRow(frame, around.pieces, around.values)

    def _aggregate(self, node: exp.Expr) -> SubjectAggregate | None:
        return self.found[int(node.name)] if isinstance(node, exp.Placeholder) else None

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

    def _ties(self, condition: exp.Expr) -> bool:
        """Whether a condition holds two keys of the subject equal, of one type."""
        bare = condition.unnest()
        if not isinstance(bare, exp.EQ) or not all(map(self._is_key_of_subject, (bare.this, bare.expression))):
            return False
        types = {self.schema.types_of(self.frames[end.table])[end.name.lower()] for end in (bare.this, bare.expression)}
        return len(tables(bare)) == 2 and (len(types) == 1 or types <= WHOLE)

    def _check_tied(self, joined: set[str], ties: Sequence[set[str]]) -> None:
        """Refuse relations that are not of one subject; one that may be missing ties no others."""
        groups = [{alias} for alias in (joined | self.grouped) - self.optional]
        for tie in (tie for tie in ties if not tie & self.optional):
            touched = [group for group in groups if group & tie]
            groups = [group for group in groups if group not in touched] + [set[str]().union(*touched)]
        leaves = sorted(sorted(tie & self.optional) for tie in ties if tie & self.optional)
        if len(groups) != 1 or leaves != sorted([alias] for alias in self.optional):
            raise NotUnderstoodError("rows that are not tied to the subject by its key")

    def _relation(self, item: exp.Expr, block: Block, scope: Scopes, named: Named) -> None:
        super()._relation(item, block, scope, named)
        self.frames |= block.frames

    def _taken(self, inner: Block, block: Block) -> Columns:
        """A group by the subject is there where it has a row and meets its HAVING."""
        if inner.key is None and inner.distinct and len(inner.columns) > 1:
            inner.key = next(filter(self._is_key_of_subject, inner.columns.values()), None)
            inner.by = [each for each in inner.columns.values() if inner.key and each is not inner.key]
        key = inner.key
        if key is None:
            return super()._taken(inner, block)
        if not isinstance(key, exp.Column) or not self._is_key_of_subject(key):
            raise NotUnderstoodError("a group by another column than the subject")
        if inner.by:
            return self._as_frame(inner, key, block)
        self.grouped.add(key.table)
        there = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0))
        block.where += [self._come_to(each, inner, key) for each in (there, *inner.having)]
        return {
            name: value if value == key else self._come_to(value, inner, key) for name, value in inner.columns.items()
        }

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
        if isinstance(bare, exp.Exists | exp.In) or not condition.find(exp.Query):
            super()._condition(condition, block, scope, named, outer)
            return
        holder, values = exp.Paren(this=condition.copy()), dict[str, exp.Expr]()
        while (query := holder.find(exp.Subquery)) is not None:
            name = f"{_VALUES}_{len(values)}"
            values[name] = self._scalar(query, block, named, {**outer, **scope})
            query.replace(exp.column(name, _VALUES))
        if holder.find(exp.Query):
            raise NotUnderstoodError("a sub-query within an expression or under OR")
        block.where.append(self._resolved(holder.this, {**scope, _VALUES: values}, outer))

    def _scalar(self, query: exp.Expr, block: Block, named: Named, within: Scope) -> exp.Expr:
        """What a sub-query comes to, of the subject's rows that it is tied to; a count of none is 0."""
        inner = self.query(query, named, within)
        tied = [each for each in inner.where if self._ties(each) and len(tables(each) & {*inner.frames}) == 1]
        if len(inner.columns) != 1 or inner.key or inner.having or inner.distinct or len(tied) != 1:
            raise NotUnderstoodError("a sub-query that groups, or is of no subject, held against a value")
        ((own, other), (value,)) = (tied[0].unnest().this, tied[0].unnest().expression), inner.columns.values()
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
        block.where.append(tied[0])
        return self._come_to(value, inner, own, zero=True)

    def _come_to(self, value: exp.Expr, inner: Block, key: exp.Column, *, zero: bool = False) -> exp.Expr:
        """A value with a placeholder for each aggregate of the rows with a key."""
        self._check_plain([value], inner)
        holder = exp.Paren(this=value.copy())
        for call in aggregates(holder):
            reader = JoinedReader(self.tree, self.schema, inner.frames, inner.left)
            joined = reader.of(inner.where, [call], key, ())
            counts, type_ = zero and isinstance(call, exp.Count), self._type(call, inner.frames)
            self.found.append(
                SubjectAggregate(self._with_made(joined.rows), joined.where, joined.calls[0], counts, type_)
            )
            call.replace(exp.Placeholder(this=str(len(self.found) - 1)))
        if any(column.table for column in holder.find_all(exp.Column)):
            raise NotUnderstoodError("a column of a group that is no aggregate")
        return holder
