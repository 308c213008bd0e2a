"""One aggregation that several rules about the same rows share, as SQL: each with its own filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules_engine.index.predicate_index import BoundPredicate, Source


class GroupCondition(NamedTuple):
    """A condition around aggregate calls, one piece more than calls, of the rows that meet a filter (empty: of all)."""

    where: str
    pieces: Sequence[str]
    calls: Sequence[str]
    bound: BoundPredicate


def shared(rows: Source, asked: Sequence[GroupCondition]) -> tuple[Source, tuple[BoundPredicate, ...]]:
    """The groups of rows by their key as a source, and the condition of each on a group."""
    columns: dict[str, str] = {}
    conditions = tuple(each.bound._replace(sql=" AND ".join(_conditions(each, columns))) for each in asked)
    made = ", ".join(f"{sql} AS {name}" for sql, name in columns.items())
    grouped = f"(SELECT {rows.key} AS subject_key, {made} FROM {rows.sql} GROUP BY {rows.key}) AS grouped"
    return Source(grouped, "subject_key"), conditions


def _conditions(asked: GroupCondition, columns: dict[str, str]) -> Iterator[str]:
    """That the group is there, and what is asked of it over named columns; ``columns`` collects what they are."""
    yield f"{_named(_filtered('count(*)', asked.where), columns)} > 0"
    names = (_named(_filtered(call, asked.where), columns) for call in asked.calls)
    yield f"({''.join(text for pair in zip(asked.pieces, (*names, ''), strict=True) for text in pair)})"


def _filtered(aggregate: str, where: str) -> str:
    """
    An aggregate of the rows that meet a condition; its argument is worked out on no other row.

    Spark works out what several aggregates have in common before it looks at
    their FILTERs, so a division under a guard would meet rows that the guard
    keeps away. A CASE keeps it. Every aggregate here passes over NULL.
    """
    if not where:
        return aggregate
    name, argument = aggregate[:-1].split("(", 1)
    if argument.strip() == "*":
        return f"{aggregate} FILTER (WHERE {where})"
    return f"{name}(CASE WHEN {where} THEN {argument} END)"


def _named(sql: str, columns: dict[str, str]) -> str:
    return columns.setdefault(sql, f"a{len(columns)}")
