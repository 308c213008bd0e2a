"""Blocks put together: sub-queries, rows named twice, groups and look-ups with the query around them."""

from __future__ import annotations

from dataclasses import replace

from rules_engine.logical.comparisons import ties
from rules_engine.logical.query_blocks import Asked, Block, as_one, looks_up
from rules_engine.logical.query_tree import NotUnderstoodError
from rules_engine.model.schemas import Schema


def merged(block: Block, schema: Schema, *, counts: bool = False) -> Block:
    """With rows that are to be there joined, where the query around them ``counts`` none that they would repeat."""
    left = list[Asked]()
    found = replace(block, frames=dict(block.frames), where=[*block.where], asked=[])
    found.before, found.groups = dict(block.before), dict(block.groups)
    found.by, found.left = [*block.by], dict(block.left)
    for asked in block.asked:
        inner = replace(asked, block=merged(asked.block, schema, counts=bool(asked.comparison)))
        grouped = inner.block.key is not None
        joined = not asked.negated and not asked.comparison and not counts and found.key is None
        if joined and not (grouped and left):
            found.frames |= inner.block.frames
            found.where += inner.block.where
            found.before |= inner.block.before
            found.groups |= inner.block.groups
            found.by += inner.block.by
            found.left |= inner.block.left
            left += inner.block.asked
            found.key, found.having = inner.block.key, found.having + inner.block.having
            found.lost = found.lost or (grouped and inner.block.lost)
        else:
            left.append(inner)
    found.asked = left
    return _unified(found, schema)


def with_missing(block: Block, schema: Schema) -> Block:
    """With look-ups in which a row is to have none as relations that are missing."""
    found = replace(block, frames=dict(block.frames), where=[*block.where], asked=[], missing=dict(block.missing))
    for asked in block.asked:
        alias = looks_up(asked.block, schema) if asked.negated and not asked.comparison else None
        if alias is None:
            found.asked.append(replace(asked, block=with_missing(asked.block, schema)))
            continue
        found.frames |= asked.block.frames
        found.where += asked.block.where
        found.missing[alias] = asked.not_in
    return found


def _unified(block: Block, schema: Schema) -> Block:
    """The subject's own row, named twice and tied by its key, is one."""
    own = [alias for alias, frame in block.frames.items() if frame.lower() == schema.subject.lower()]
    own = sorted((alias for alias in own if alias not in block.groups), key=lambda alias: alias not in block.before)
    if len(own) > 1:
        first, other = own[:2]
        key = schema.subject_key
        if other in block.before:
            raise NotUnderstoodError("the frame of subjects, joined by another column than its key")
        return _unified(as_one(block, (first, key), (other, key)), schema)
    return block


def regrouped(block: Block) -> Block:
    """A row and the group of its frame that it is tied to are one."""
    for alias, columns in block.groups.items():
        same = [a for a, frame in block.frames.items() if frame == block.frames[alias] and a not in block.groups]
        if len(same) != 1 or block.before.get(same[0]):
            raise NotUnderstoodError("groups that are joined with more than one row")
        if not all(any(ties(each, (same[0], name), (alias, name)) for each in block.where) for name in columns):
            raise NotUnderstoodError("groups that are not joined by all that they are grouped by")
        return regrouped(as_one(block, (same[0], columns[0]), (alias, columns[0])))
    return block
