"""Windows over a frame's rows, and groups by another column than the subject, which are windows as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

from rules_engine.logical.comparisons import aggregates, tables, ties
from rules_engine.logical.query_blocks import Block
from rules_engine.logical.query_tree import NotUnderstoodError
from rules_engine.model.schemas import Schema

INEXACT = {"double", "float"}
"""Their sums depend on the order in which they are added up."""


def as_windows(block: Block, schema: Schema) -> None:
    """Make a query that groups one frame by another column than its subject a query of windows, parted by it."""
    key = block.key
    if not isinstance(key, exp.Column) or key.table not in block.frames:
        return
    frame = block.frames[key.table]
    if key.name.lower() == schema.subject_key_of(frame).lower():
        return
    if len(block.frames) != 1 or block.asked or block.lost or block.before:
        raise NotUnderstoodError("groups by another column of more than one frame")
    types, keys = schema.types_of(frame), [key, *block.by]
    if not all(isinstance(each, exp.Column) and each.table == key.table for each in keys):
        raise NotUnderstoodError("groups by what is no column")
    block.columns = {name: _parted(value, keys, block.where, types) for name, value in block.columns.items()}
    kept = [_parted(each, keys, block.where, types) for each in block.having]
    if block.where:
        there = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0))
        kept.append(_parted(there, keys, block.where, types))
    block.groups, block.before = {key.table: tuple(each.name.lower() for each in keys)}, {key.table: []}
    block.where, block.having, block.key, block.by, block.distinct = kept, [], None, [], False


def parted(value: exp.Expr, key: exp.Column, where: Iterable[exp.Expr], schema: Schema, frame: str) -> exp.Expr:
    """An aggregate of the rows of a frame that have a key and meet conditions, as a window."""
    if not aggregates(value) or not _null_of_none(value):
        raise NotUnderstoodError("a count of rows with the same value, or what else is not NULL of none")
    return _parted(value, [key], [*where], schema.types_of(frame))


def _null_of_none(value: exp.Expr) -> bool:
    """Whether a value is NULL where there is no row to aggregate."""
    bare = value.unnest()
    if isinstance(bare, exp.Add | exp.Sub | exp.Mul | exp.Div):
        return _null_of_none(bare.left) or _null_of_none(bare.right)
    if isinstance(bare, exp.Neg):
        return _null_of_none(bare.this)
    return isinstance(bare, exp.Sum | exp.Min | exp.Max | exp.Avg)


def _parted(value: exp.Expr, keys: Sequence[exp.Expr], where: list[exp.Expr], types: dict[str, str]) -> exp.Expr:
    table = {key.table for key in keys if isinstance(key, exp.Column)}
    if any(tables(each) - table for each in (value, *where)):
        raise NotUnderstoodError("groups by another column that ask about the row outside")
    holder = exp.Paren(this=value.copy())
    for call in aggregates(holder):
        argument = call.this
        plain = isinstance(argument, exp.Column) and types.get(argument.name.lower(), "double") not in INEXACT
        if not isinstance(call, exp.Count | exp.Sum | exp.Min | exp.Max | exp.Avg) or not (
            plain or isinstance(argument, exp.Star)
        ):
            raise NotUnderstoodError("an aggregate by another column of what is no plain column, or of doubles")
        of = call.copy()
        if where:
            one = exp.Literal.number(1) if isinstance(argument, exp.Star) else argument.copy()
            met = exp.and_(*(each.copy() for each in where))
            of.set("this", exp.Case(ifs=[exp.If(this=met, true=one)]))
        call.replace(exp.Window(this=of, partition_by=[key.copy() for key in keys], over="OVER"))
    found: exp.Expr = holder.this
    return found


def place(block: Block, *, joined: bool = False) -> None:
    """Note that what a query returns is worked out over the rows of its frame, or ``joined`` ones, that it asks for."""
    more = block.asked, block.having, block.key, block.lost, block.groups
    if any(more) or not block.frames or (len(block.frames) != 1 and not joined):
        raise NotUnderstoodError("a window over rows that are joined or grouped")
    if any(each.find(exp.Window) for each in block.where) or block.before:
        raise NotUnderstoodError("a window over windows")
    alias = next(iter(block.frames))
    block.before, block.where = {alias: block.where}, []


def key_of_subject(window: exp.Window, block: Block, schema: Schema) -> exp.Expr | None:
    """The key by which a window of whole partitions parts each subject's rows; None for another window."""
    parts: list[exp.Expr] = window.args.get("partition_by") or []
    key = parts[0] if len(parts) == 1 else None
    known = isinstance(window.this, exp.Count | exp.Sum | exp.Min | exp.Max)
    if window.args.get("order") or window.args.get("spec") or not known or not isinstance(key, exp.Column):
        return None  # ROWS without an order are other rows than the subject's
    return key if key.name.lower() == schema.subject_key_of(block.frames.get(key.table, "")).lower() else None


def is_own_row(alias: str, block: Block, schema: Schema) -> bool:
    """Whether a relation is the row of the subject that a block groups by, whose values all rows of a group have."""
    own, key = (alias, schema.subject_key), block.key
    if block.frames[alias].lower() != schema.subject.lower() or not isinstance(key, exp.Column):
        return False
    return key.table == alias or any(ties(each, (key.table, key.name), own) for each in block.where)
