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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from rules_engine.logical.aggregate_conditions import counted, filtered
from rules_engine.logical.block_reader import BlockReader
from rules_engine.logical.comparisons import NotUnderstoodError, aggregates, ties
from rules_engine.logical.placed_rows import Placed, WindowReader
from rules_engine.logical.query_blocks import Asked, Block
from rules_engine.logical.query_tree import QueryTree, query_tree
from rules_engine.logical.select_query import unqualified
from rules_engine.logical.semi_join import JoinSide, Reader, Relation, raises_nowhere
from rules_engine.logical.window_query import WindowQuery
from rules_engine.model.frames import Schema


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
    placed: Placed | None = None
    """In place of rows: what the windows of a row are to come to."""
    ranked: WindowQuery | None = None
    """The same where workers may answer it."""


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
        block = self._regrouped(self._merged(block))
        place = self.schema.key_among([*block.columns])
        if place is None:
            raise NotUnderstoodError
        returned = [*block.columns.values()][place]
        if block.key is not None:
            if block.before:
                raise NotUnderstoodError
            return self._grouped(block, returned)
        if block.having:
            raise NotUnderstoodError
        own = self._own(block)
        if block.before:
            return self._placed(block, own, returned)
        if not block.asked:
            return self._rows(block, own, returned)
        if len(block.asked) != 1 or own is None or {*block.frames} != {own} or not self._is_key(returned, own):
            raise NotUnderstoodError
        return self._about(block, block.asked[0], own)

    def _merged(self, block: Block) -> Block:
        """With rows that are to be there joined, where the query around them counts none."""
        left = list[Asked]()
        found = replace(block, frames=dict(block.frames), where=[*block.where], asked=[])
        found.before, found.groups = dict(block.before), dict(block.groups)
        for asked in block.asked:
            inner = replace(asked, block=self._merged(asked.block))
            grouped = inner.block.key is not None
            if not asked.negated and not asked.comparison and found.key is None and not (grouped and left):
                found.frames |= inner.block.frames
                found.where += inner.block.where
                found.before |= inner.block.before
                found.groups |= inner.block.groups
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
        own = sorted((alias for alias in own if alias not in block.groups), key=lambda alias: alias not in block.before)
        if len(own) > 1:
            first, other = own[:2]
            key = self.schema.subject_key
            if other in block.before:
                raise NotUnderstoodError
            return self._unified(_as_one(block, (first, key), (other, key)))
        return block

    def _regrouped(self, block: Block) -> Block:
        """A row and the group of its frame that it is tied to are one."""
        for alias, column in block.groups.items():
            same = [a for a, frame in block.frames.items() if frame == block.frames[alias] and a not in block.groups]
            if len(same) != 1 or block.before.get(same[0]):
                raise NotUnderstoodError
            return self._regrouped(_as_one(block, (same[0], column), (alias, column)))
        return block

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
        if inner.asked or inner.before or self._own(inner):
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

    def _placed(self, block: Block, own: str | None, returned: exp.Expr) -> NormalForm:
        """What the windows of a row come to."""
        alias, before = next(iter(block.before.items()))
        if len(block.before) > 1 or block.asked or block.lost or {*block.frames} - {alias, own}:
            raise NotUnderstoodError
        self._check_returned(returned, block)
        frame, subject, others = block.frames[alias], list[exp.Expr](), block.where
        key = self.schema.subject_key_of(frame)
        if own not in {None, alias}:
            assert own is not None
            tie = next((c for c in others if ties(c, (alias, key), (own, self.schema.subject_key))), None)
            subject = [c for c in others if _tables(c) == {own}]
            others = [c for c in others if c is not tie and c not in subject]
            if tie is None:
                raise NotUnderstoodError
        if not key or any(_tables(condition) != {alias} for condition in (*others, *before)):
            raise NotUnderstoodError
        texts = self._texts(subject, own) if subject else ()
        reader = WindowReader(self.tree, self.schema)
        ranked = None if before else reader.of_workers(frame, others)
        placed = reader.of_spark(frame, others, before)
        return NormalForm(texts, None, ranked=ranked, placed=placed)

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
        around = self.tree.around(conditions, lambda node: self._call(node, rows))
        if around is None or any(not aggregates(condition) for condition in conditions):
            raise NotUnderstoodError
        rest = (column for condition in conditions for column in condition.find_all(exp.Column) if column.table)
        if any(column.find_ancestor(exp.AggFunc) is None for column in rest):
            raise NotUnderstoodError
        return around

    def _call(self, node: exp.Expr, rows: str) -> str | None:
        if not isinstance(node, exp.AggFunc):
            return None
        if _tables(node) - {rows}:
            raise NotUnderstoodError
        return unqualified(self._text(node), rows)

    def _is_rows(self, frame: str) -> bool:
        return bool(self.schema.subject_key_of(frame)) and frame.lower() != self.schema.subject.lower()

    def _text(self, node: exp.Expr) -> str:
        text = self.tree.text(node)
        if text is None:
            raise NotUnderstoodError
        return f"({text})" if isinstance(node, exp.Or) else text


def _as_one(block: Block, one: tuple[str, str], other: tuple[str, str]) -> Block:
    """With two relations that are held equal by a key as one; the key is then given."""
    tie = next((condition for condition in block.where if ties(condition, one, other)), None)
    if tie is None:
        raise NotUnderstoodError
    given = exp.Not(this=exp.Is(this=exp.column(one[1], one[0]), expression=exp.Null()))
    grouped = other[0] in block.groups
    block.where = [given if c is tie else c for c in block.where if c is not tie or grouped]
    del block.frames[other[0]]
    if grouped:
        del block.groups[other[0]], block.before[other[0]]
        block.before.setdefault(one[0], [])
    nodes = [*block.where, *block.columns.values(), *block.having, *([block.key] if block.key else [])]
    for asked in block.asked:
        nodes += [*asked.block.where, *asked.block.having]
    for node in nodes:
        for column in node.find_all(exp.Column):
            if column.table == other[0]:
                column.set("table", exp.to_identifier(one[0]))
    return block


def _tables(condition: exp.Expr) -> set[str]:
    return {column.table for column in condition.find_all(exp.Column) if column.table}
