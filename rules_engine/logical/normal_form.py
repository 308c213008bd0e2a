"""
What a statement asks, whatever its wording: of the subject's own row, and of the rows of one other frame.

``EXISTS``, ``IN (SELECT …)``, ``LEFT SEMI JOIN``, ``INTERSECT``, a join, and a join with a derived table, DISTINCT or
not, are one thing: a row is there. So are ``NOT EXISTS``, ``LEFT ANTI JOIN``, ``LEFT JOIN … IS NULL``, ``EXCEPT`` and a
count of nothing: none is there. So are ``GROUP BY … HAVING``, a scalar sub-query, a derived table that groups, and a
window over the subject: what the rows come to. WITH queries and derived tables are put where they are named.

NULL decides what is equal. ``NOT IN`` is ``NOT EXISTS`` only where neither side can be NULL; a sum of nothing is NULL
and a count of nothing is 0. What is not understood is None, and stays a query of its own: slower, never another answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from rules_engine.logical.aggregate_conditions import counted, filtered
from rules_engine.logical.block_reader import BlockReader
from rules_engine.logical.comparisons import NotUnderstoodError, ties
from rules_engine.logical.query_blocks import Asked, Block
from rules_engine.logical.query_tree import QueryTree, query_tree
from rules_engine.logical.select_query import unqualified
from rules_engine.logical.semi_join import JoinSide, Reader, Relation, raises_nowhere
from rules_engine.model.frames import Schema

_AGGREGATE = re.compile(r"\baggregate_([0-9]+)_", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NormalForm:
    """
    What is asked of the subject's own row (``subject``), and of ``rows`` for it.

    Without ``calls`` a row is to be there, or where ``negated`` none. Else ``pieces`` is the text of a condition
    around the aggregate ``calls`` of the rows, one more of them.
    """

    subject: tuple[str, ...]
    rows: JoinSide | None
    negated: bool = False
    pieces: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


def normal_form(sql: str, schema: Schema) -> NormalForm | None:
    """A bound statement's normal form; None where it is not understood, or a condition could raise."""
    tree = query_tree(sql)
    if tree is None:
        return None
    try:
        block = BlockReader(tree, schema).query(tree.root, {}, {})
        return _Form(tree, schema).of(block)
    except NotUnderstoodError:
        return None


@dataclass
class _Form:
    """Makes one question of a block."""

    tree: QueryTree
    schema: Schema

    def of(self, block: Block) -> NormalForm:
        """
        What the whole statement asks.

        Raises:
            NotUnderstoodError: If it is more than one question about the rows of one frame.
        """
        block = self._merged(block)
        place = self.schema.key_among([*block.columns])
        if place is None:
            raise NotUnderstoodError
        returned = [*block.columns.values()][place]
        if block.key is not None:
            return self._grouped(block, returned)
        if block.having:
            raise NotUnderstoodError
        own = self._own(block)
        if not block.asked:
            return self._rows(block, own, returned)
        if len(block.asked) != 1 or own is None or {*block.frames} != {own} or not self._is_key(returned, own):
            raise NotUnderstoodError
        return self._about(block, block.asked[0], own)

    def _merged(self, block: Block) -> Block:
        """With rows that are to be there joined, where the query around them counts none."""
        left = list[Asked]()
        found = replace(block, frames=dict(block.frames), where=[*block.where], asked=[])
        for asked in block.asked:
            inner = replace(asked, block=self._merged(asked.block))
            grouped = inner.block.key is not None
            if not asked.negated and not asked.comparison and found.key is None and not (grouped and left):
                found.frames |= inner.block.frames
                found.where += inner.block.where
                left += inner.block.asked
                found.key, found.having = inner.block.key, found.having + inner.block.having
                found.lost = found.lost or (grouped and inner.block.lost)
            else:
                left.append(inner)
        found.asked = left
        return self._unified(found)

    def _unified(self, block: Block) -> Block:
        """The subject's own row, named twice and tied by its key, is one."""
        own = [alias for alias, frame in block.frames.items() if frame.lower() == self.schema.subject.lower()]
        if len(own) < 2:
            return block
        first, other = own[:2]
        tie = next(
            (c for c in block.where if ties(c, (first, self.schema.subject_key), (other, self.schema.subject_key))),
            None,
        )
        if tie is None:
            raise NotUnderstoodError
        block.where = [c for c in block.where if c is not tie]
        del block.frames[other]
        nodes = [*block.where, *block.columns.values(), *block.having, *([block.key] if block.key else [])]
        for asked in block.asked:
            nodes += asked.block.where
        for node in nodes:
            for column in node.find_all(exp.Column):
                if column.table == other:
                    column.set("table", exp.to_identifier(first))
        return self._unified(block)

    def _own(self, block: Block) -> str | None:
        own = [alias for alias, frame in block.frames.items() if frame.lower() == self.schema.subject.lower()]
        return own[0] if own else None

    def _is_key(self, node: exp.Expr, alias: str) -> bool:
        return (
            isinstance(node, exp.Column)
            and node.table == alias
            and node.name.lower() == self.schema.subject_key.lower()
        )

    def _rows(self, block: Block, own: str | None, returned: exp.Expr) -> NormalForm:
        """A row of the joined relations is there."""
        rows = [alias for alias in block.frames if alias != own]
        if not rows:
            assert own is not None
            if not self._is_key(returned, own):
                raise NotUnderstoodError
            return NormalForm(self._texts(block.where, own), None)
        subject, side = self._sides(block.frames, block.where, own, once=False)
        self._check_returned(returned, block)
        return NormalForm(subject, side)

    def _about(self, block: Block, asked: Asked, own: str) -> NormalForm:
        """No row is there, or an aggregate of rows meets a comparison."""
        inner = asked.block
        if inner.asked or self._own(inner):
            raise NotUnderstoodError
        subject = self._texts(block.where, own)
        frames = {own: block.frames[own], **inner.frames}
        if inner.key is not None:
            self._check_returned(inner.key, inner)
        conditions: Sequence[exp.Expr] = inner.having
        negated = asked.negated
        if asked.comparison and not negated:
            conditions, negated = counted(asked.comparison)
        elif asked.comparison:
            conditions = asked.comparison
        elif not negated:
            raise NotUnderstoodError
        if (conditions and inner.distinct and inner.key is None) or (conditions and inner.lost):
            raise NotUnderstoodError
        more, conditions = filtered(conditions) if conditions else ([], conditions)
        own_too, side = self._sides(frames, [*inner.where, *more], own, once=bool(conditions))
        if own_too:
            raise NotUnderstoodError
        return (
            NormalForm(subject, side, negated, *self._around(conditions, inner.frames))
            if conditions
            else NormalForm(subject, side, negated)
        )

    def _grouped(self, block: Block, returned: exp.Expr) -> NormalForm:
        """What the rows of a subject come to."""
        own = self._own(block)
        if block.asked or block.lost:
            raise NotUnderstoodError
        for node in (returned, block.key):
            assert node is not None
            self._check_returned(node, block)
        conditions, having = filtered(block.having)
        subject, side = self._sides(block.frames, [*block.where, *conditions], own, once=True)
        if not having:
            return NormalForm(subject, side)
        return NormalForm(subject, side, False, *self._around(having, block.frames))

    def _check_returned(self, returned: exp.Expr, block: Block) -> None:
        """Refuse what is not the key of the subject, or of its rows."""
        if not isinstance(returned, exp.Column) or returned.table not in block.frames:
            raise NotUnderstoodError
        frame = block.frames[returned.table]
        if returned.name.lower() != self.schema.subject_key_of(frame).lower():
            raise NotUnderstoodError

    def _sides(
        self, frames: Mapping[str, str], where: Sequence[exp.Expr], own: str | None, *, once: bool
    ) -> tuple[tuple[str, ...], JoinSide]:
        """Conditions on the subject's own row, and what is asked of a row of the others, tied to it by its key."""
        subject, others = list[exp.Expr](), list[exp.Expr]()
        for condition in where:
            named = {column.table for column in condition.find_all(exp.Column) if column.table}
            (subject if named == {own} else others).append(condition)
        relations = [Relation(frame.lower(), alias) for alias, frame in frames.items() if alias != own]
        keyed = [r for r in relations if self.schema.subject_key_of(r.frame)]
        if len(keyed) != 1:
            raise NotUnderstoodError
        rows = keyed[0]
        if own is not None:
            key = (rows.alias, self.schema.subject_key_of(rows.frame))
            tie = next((c for c in others if ties(c, key, (own, self.schema.subject_key))), None)
            if tie is None:
                raise NotUnderstoodError
            others = [c for c in others if c is not tie]
        texts = [self._text(condition) for condition in others]
        joined = Reader(relations, self.schema, once=once).joined("", texts)
        if joined is None or joined.subject is not None:
            raise NotUnderstoodError
        return (self._texts(subject, own) if own else ()), joined.rows

    def _texts(self, where: Iterable[exp.Expr], own: str | None) -> tuple[str, ...]:
        """Conditions on the subject's own row that raise nowhere, without its name."""
        types, found = self.schema.types_of(self.schema.subject), list[str]()
        for condition in where:
            if own is None or {c.table for c in condition.find_all(exp.Column) if c.table} != {own}:
                raise NotUnderstoodError
            found.append(unqualified(self._text(condition), own))
            if not raises_nowhere(found[-1], types, self.schema.subject):
                raise NotUnderstoodError
        return tuple(found)

    def _around(
        self, conditions: Sequence[exp.Expr], frames: Mapping[str, str]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The pieces of conditions around their aggregates, and these."""
        rows = next(alias for alias, frame in frames.items() if self._is_rows(frame))
        pieces, calls, text = list[str](), list[str](), ""
        for number, condition in enumerate(conditions):
            node = condition.copy()
            holder = exp.Paren(this=node)
            aggregates = list(node.find_all(exp.AggFunc))
            if not aggregates:
                raise NotUnderstoodError
            for each in aggregates:
                if {c.table for c in each.find_all(exp.Column) if c.table} - {rows}:
                    raise NotUnderstoodError
                calls.append(unqualified(self._text(each), rows))
                each.replace(exp.column(f"aggregate_{len(calls) - 1}_"))
            if any(column.table for column in holder.find_all(exp.Column)):
                raise NotUnderstoodError
            text += (" AND " if number else "") + self._text(holder.this)
        at = 0
        order = list[int]()
        for found in _AGGREGATE.finditer(text):
            pieces.append(text[at : found.start()])
            order.append(int(found[1]))
            at = found.end()
        return (*pieces, text[at:]), tuple(calls[number] for number in order)

    def _is_rows(self, frame: str) -> bool:
        return bool(self.schema.subject_key_of(frame)) and frame.lower() != self.schema.subject.lower()

    def _text(self, node: exp.Expr) -> str:
        text = self.tree.text(node)
        if text is None:
            raise NotUnderstoodError
        return f"({text})" if isinstance(node, exp.Or) else text
