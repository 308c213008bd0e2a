"""
What a statement asks, whatever its wording: of the subject's own row, and of the rows of one other frame.

``EXISTS``, ``IN (SELECT …)``, ``LEFT SEMI JOIN``, ``INTERSECT``, a join, and a join with a derived table, DISTINCT or
not, are one thing: a row is there. So are ``NOT EXISTS``, ``LEFT ANTI JOIN``, ``LEFT JOIN … IS NULL``, ``EXCEPT`` and a
count of nothing: none is there. So are ``GROUP BY … HAVING``, a scalar sub-query, a derived table that groups, and a
window over the subject: what the rows come to. WITH queries and derived tables are put where they are named.

NULL decides what is equal. ``NOT IN`` is ``NOT EXISTS`` where neither side is NULL in any row; a sum of nothing is NULL
and a count of nothing is 0. What is not understood is None, and stays a query of its own: slower, never another answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from rules_engine.logical.aggregate_conditions import counted, filtered
from rules_engine.logical.arithmetic import Against, exact_number
from rules_engine.logical.comparisons import SIGNS, aggregates, tables
from rules_engine.logical.join_sides import DimensionInList, JoinSide, SideReader
from rules_engine.logical.joined_rows import HeldRow, Joined, JoinedReader
from rules_engine.logical.made_types import MadeTypes
from rules_engine.logical.merged_blocks import merged, regrouped, with_missing
from rules_engine.logical.placed_rows import Placed, WindowReader
from rules_engine.logical.query_blocks import NO_KEY, NOT_IN, OTHER_SUBJECTS, Asked, Block, asked_of_rows
from rules_engine.logical.query_tree import NotUnderstoodError, QueryTree, is_stand_in
from rules_engine.logical.rewrites import MIRRORED
from rules_engine.logical.total_values import TotalReader
from rules_engine.logical.typed_values import COUNT
from rules_engine.logical.window_query import WindowQuery
from rules_engine.model.schemas import Schema


@dataclass(frozen=True, slots=True)
class NormalForm:
    """
    What is asked of the subject's own row (``subject``), and of ``rows`` for it.

    Without ``calls`` a row is to be there, or where ``negated`` none. Else ``pieces`` is the text of a condition
    around the aggregate ``calls`` of the rows, one more of them, and ``against`` holds others against the subject.
    """

    subject: JoinSide
    rows: JoinSide | None = None
    negated: bool = False
    pieces: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    against: tuple[Against, ...] = ()
    placed: Placed | None = None
    """In place of rows: what the windows of a row are to come to."""
    ranked: WindowQuery | None = None
    """The same where workers may answer it."""
    joined: Joined | None = None
    """In place of rows: what is asked of rows of several frames, or of a group by more than the subject."""
    held: HeldRow | None = None
    """In place of rows: what a row is held against that rows of its subject come to."""
    given: DimensionInList | None = None
    """What must be NULL in no row of all subjects: else NOT IN is true of nobody."""

    @property
    def asks_rows(self) -> bool:
        """Whether more is asked than the subject's own row."""
        return any(of is not None for of in (self.rows, self.placed, self.joined, self.held))

    @property
    def wanted(self) -> list[DimensionInList]:
        """The values of look-ups that are asked for."""
        return [each for side in (self.subject, self.rows) if side for each in side.wanted]


@dataclass
class FormReader:
    """Makes one question of a block."""

    tree: QueryTree
    schema: Schema

    def of(self, block: Block) -> NormalForm:
        """
        What the whole statement asks.

        Raises:
            NotUnderstoodError: If it is more than one question about the rows of one frame.
        """
        block = regrouped(merged(block, self.schema))
        try:
            return self._of(block)
        except NotUnderstoodError:
            without = with_missing(block, self.schema)
            if without == block:
                raise
            return self._of(without)

    def _of(self, block: Block) -> NormalForm:
        place = self.schema.key_among([*block.columns])
        if place is None:
            raise NotUnderstoodError("no column is the key of the subject")
        returned = [*block.columns.values()][place]
        if block.key is not None:
            return self._grouped(block, returned)
        if block.having:
            raise NotUnderstoodError("an aggregate of all rows")
        own = self._own(block)
        if block.before:
            return self._placed(block, own, returned)
        if not block.asked:
            return self._rows(block, own, returned)
        if len(block.asked) != 1 or own is None or {*block.frames} - {*block.missing} != {own}:
            raise NotUnderstoodError("several questions about rows")
        self._check_returned(returned, block)
        return self._about(block, block.asked[0], own)

    def _own(self, block: Block) -> str | None:
        own = [alias for alias, frame in block.frames.items() if frame.lower() == self.schema.subject.lower()]
        return own[0] if own else None

    def _rows(self, block: Block, own: str | None, returned: exp.Expr) -> NormalForm:
        """A row of the joined relations is there."""
        self._check_returned(returned, block)
        try:
            sides = self._sides.sides(block.frames, block.where, own, once=False, missing=block.missing)
            return NormalForm(*sides)
        except NotUnderstoodError:
            return self._joined(block, block.where, (), returned)

    def _about(self, block: Block, asked: Asked, own: str) -> NormalForm:
        """No row is there, or an aggregate of rows meets a comparison."""
        inner, negated = asked.block, asked.negated
        if inner.before or self._own(inner) or asked.not_in:
            raise NotUnderstoodError(OTHER_SUBJECTS if self._own(inner) else "a question about rows that ask others")
        looked_up, ties = self._looked_up(inner)
        if asked.given and (inner.key is not None or inner.groups):
            raise NotUnderstoodError(NOT_IN)
        if inner.key is not None:
            self._check_returned(inner.key, inner)
        conditions: Sequence[exp.Expr] = asked.comparison or inner.having
        if asked.comparison and not negated:
            conditions, negated = counted(asked.comparison)
        elif not negated:
            raise NotUnderstoodError("an aggregate that is denied")
        if conditions and (inner.lost or (inner.distinct and inner.key is None)):
            raise NotUnderstoodError("DISTINCT rows that are counted")
        subject, _ = self._sides.sides(block.frames, block.where, own, once=False, missing=block.missing)
        frames = {own: block.frames[own], **inner.frames, **looked_up}
        try:
            _only_by_subject(inner)
            more, left = filtered(conditions) if conditions else ([], conditions)
            asked_of = [*inner.where, *ties, *more]
            beside, rows = self._sides.sides(
                frames, asked_of, own, once=bool(left), asked={*looked_up}, missing=inner.missing
            )
            if beside.where or beside.wanted or rows is None:
                raise NotUnderstoodError("a condition on the subject within a question about rows")
            found = NormalForm(subject, rows, negated, given=self._given(rows) if asked.given else None)
            return self._aggregated(found, left, inner, own)
        except NotUnderstoodError:
            if asked.given:
                raise
            self._check_total([each for each in conditions if own in tables(each)], frames)
            key = exp.column(self.schema.subject_key.lower(), own)
            found = self._joined(replace(inner, frames=frames), inner.where, conditions, key)
            return replace(found, subject=subject, negated=negated)

    def _check_total(self, conditions: Sequence[exp.Expr], frames: Mapping[str, str]) -> None:
        """Refuse what could raise of a subject whom another condition on its own row keeps away."""
        types = MadeTypes(self.tree, self.schema)
        reader = TotalReader(
            self.tree, lambda part: COUNT if isinstance(part, exp.Count) else types.of_part(part, frames)
        )
        if not all(map(reader.is_total, conditions)):
            raise NotUnderstoodError(
                "a value of the subject's own row that could raise, held against what rows come to"
            )

    def _looked_up(self, block: Block) -> tuple[dict[str, str], list[exp.Expr]]:
        """The look-ups in which rows that are counted are to have a row, and the conditions there."""
        frames, where = asked_of_rows(block)
        if any(map(self.schema.subject_key_of, frames.values())):
            raise NotUnderstoodError("a question about rows that ask others")
        return frames, where

    def _given(self, rows: JoinSide) -> DimensionInList:
        """The key of rows, where it is to be NULL in none of them, whatever their look-ups."""
        key = self.schema.subject_key_of(rows.frame)
        return DimensionInList(rows.frame, key.lower(), " AND ".join(rows.where), nulls=True)

    def _placed(self, block: Block, own: str | None, returned: exp.Expr) -> NormalForm:
        """What the windows of a row come to."""
        alias, before = next(iter(block.before.items()))
        if len(block.before) > 1 or block.asked or block.lost or {*block.frames} - {alias, own}:
            raise NotUnderstoodError("windows of rows that are joined or DISTINCT")
        self._check_returned(returned, block)
        subject, others = JoinSide(self.schema.subject.lower()), block.where
        if own not in {None, alias}:
            beside = [condition for condition in others if tables(condition) != {alias}]
            others = [condition for condition in others if tables(condition) == {alias}]
            subject, _ = self._sides.sides(block.frames, beside, own, once=False)
        if any(tables(condition) != {alias} for condition in (*others, *before)):
            raise NotUnderstoodError("a condition on a window and another relation")
        reader, frame = WindowReader(self.tree, self.schema), block.frames[alias]
        ranked = reader.of_workers(frame, others, before)
        return NormalForm(subject, placed=reader.of_spark(frame, others, before), ranked=ranked)

    def _grouped(self, block: Block, returned: exp.Expr) -> NormalForm:
        """What the rows of a subject come to."""
        own, (frames, where) = self._own(block), self._looked_up(block)
        if block.lost or block.before:
            raise NotUnderstoodError("groups of rows that are DISTINCT, or ask others")
        for node in (returned, block.key):
            assert node is not None
            self._check_returned(node, block)
        try:
            _only_by_subject(block)
            conditions, having = filtered(block.having)
            known, asked = block.frames | frames, [*block.where, *where, *conditions]
            subject, rows = self._sides.sides(known, asked, own, once=True, asked={*frames}, missing=block.missing)
            return self._aggregated(NormalForm(subject, rows), having, block, own)
        except NotUnderstoodError:
            keys = [block.key, *block.by]
            if returned not in keys or block.asked:
                raise
            by = [each for each in keys if each is not None and each != returned]
            return self._joined(replace(block, by=by), block.where, block.having, returned)

    def _joined(self, block: Block, where: Sequence[exp.Expr], having: Sequence[exp.Expr], key: exp.Expr) -> NormalForm:
        """What only Spark is asked of the rows of a join, for all rules that ask them."""
        if not isinstance(key, exp.Column) or block.asked or block.before or block.groups or block.missing:
            raise NotUnderstoodError("a join of rows that ask others")
        reader = JoinedReader(self.tree, self.schema, block.frames, block.left)
        joined = reader.of(where, having, key, block.by)
        return NormalForm(JoinSide(self.schema.subject.lower()), joined=joined)

    def _aggregated(
        self, found: NormalForm, conditions: Sequence[exp.Expr], block: Block, own: str | None
    ) -> NormalForm:
        """With conditions on aggregates of the rows, alone and beside a number of the subject's own row."""
        if found.rows is None:
            raise NotUnderstoodError
        if not conditions:
            return found
        rows = next(alias for alias, frame in block.frames.items() if frame.lower() == found.rows.frame)
        beside = [condition for condition in conditions if own in tables(condition)]
        plain = [condition for condition in conditions if condition not in beside]
        around = self.tree.around(plain, lambda node: self._call(node, rows))
        if around is None or any(not aggregates(condition) or _outside(condition) for condition in plain):
            raise NotUnderstoodError
        against = tuple(self._against(condition, rows) for condition in beside)
        return replace(found, pieces=around.pieces, calls=around.values, against=against)

    def _against(self, condition: exp.Expr, rows: str) -> Against:
        """An aggregate held against a number of the subject's own row that can be worked out for everybody."""
        bare = condition.unnest()
        if type(bare) not in SIGNS:
            raise NotUnderstoodError
        call, other, kind = bare.this.unnest(), bare.expression, type(bare)
        if not isinstance(call, exp.AggFunc):
            call, other, kind = bare.expression.unnest(), bare.this, MIRRORED[kind]
        text = self._call(call, rows)
        expression = self._sides.text(other)
        number = exact_number(expression, self.schema.types_of(self.schema.subject))
        if text is None or number is None or aggregates(other) or rows in tables(other):
            raise NotUnderstoodError
        return Against(text, SIGNS[kind], expression, number)

    @property
    def _sides(self) -> SideReader:
        return SideReader(self.tree, self.schema)

    def _check_returned(self, returned: exp.Expr, block: Block) -> None:
        """Refuse what is not the key of the subject, or of its rows."""
        if not isinstance(returned, exp.Column) or returned.table not in block.frames:
            raise NotUnderstoodError(NO_KEY)
        frame = block.frames[returned.table]
        if returned.name.lower() != self.schema.subject_key_of(frame).lower():
            raise NotUnderstoodError(NO_KEY)

    def _call(self, node: exp.Expr, rows: str) -> str | None:
        if not isinstance(node, exp.AggFunc):
            return None
        if tables(node) - {rows} or node.expressions:
            raise NotUnderstoodError
        return self._sides.text(node)


def _only_by_subject(block: Block) -> None:
    if block.by or block.left:
        raise NotUnderstoodError("GROUP BY several columns, or over a LEFT JOIN")


def _outside(condition: exp.Expr) -> bool:
    """Whether a column stands outside the aggregates."""
    columns: Iterable[exp.Column] = condition.find_all(exp.Column)
    named = [column for column in columns if column.table or not is_stand_in(column)]
    return any(column.find_ancestor(exp.AggFunc) is None for column in named)
