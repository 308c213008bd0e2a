"""One aggregation that several rules about the same rows share, as SQL: each with its own filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules_engine.index.predicate_index import BoundPredicate, Source
from rules_engine.logical.joined_rows import JoinedRows
from rules_engine.model.frames import Schema
from rules_engine.sql.tokens import tokens


class GroupCondition(NamedTuple):
    """A condition around aggregate calls, one piece more than calls, of the rows that meet a filter (empty: of all)."""

    where: str
    pieces: Sequence[str]
    calls: Sequence[str]
    bound: BoundPredicate


def shared(
    rows: Source, asked: Sequence[GroupCondition], by: Sequence[str] = ()
) -> tuple[Source, tuple[BoundPredicate, ...]]:
    """The groups of rows by their key, and by what else, as a source, and the condition of each on a group."""
    columns: dict[str, str] = {}
    conditions = tuple(each.bound._replace(sql=" AND ".join(_conditions(each, columns))) for each in asked)
    made = ", ".join(f"{sql} AS {name}" for sql, name in columns.items())
    grouped = (
        f"(SELECT {rows.key} AS subject_key, {made} FROM {rows.sql} GROUP BY {', '.join([rows.key, *by])}) AS grouped"
    )
    return Source(grouped, "subject_key"), conditions


def _conditions(asked: GroupCondition, columns: dict[str, str]) -> Iterator[str]:
    """That the group is there, and what is asked of it over named columns; ``columns`` collects what they are."""
    yield f"{_named(_filtered('count(*)', asked.where), columns)} > 0"
    names = (_named(_filtered(call, asked.where), columns) for call in asked.calls)
    if asked.pieces:
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
    if argument.lower().startswith("distinct "):
        return f"{name}(DISTINCT CASE WHEN {where} THEN {argument[9:]} END)"
    if argument.strip() == "*":
        return f"{aggregate} FILTER (WHERE {where})"
    if name.lower() in {"max_by", "min_by"}:  # which pass over rows without what they order by
        value, by = split(argument)
        return f"{name}({value}, CASE WHEN {where} THEN {by} END)"
    return f"{name}(CASE WHEN {where} THEN {argument} END)"


def joined_source(rows: JoinedRows, asked: Sequence[GroupCondition], schema: Schema) -> Source:
    """Relations joined as they are tied, without the rows that no question is about."""
    known = {name.lower(): name for name in schema.columns}
    ties, plain = " AND ".join(rows.ties), [each for each in rows.frames if each[0] not in dict(rows.left)]
    sql = ", ".join(f"`{known[frame]}` AS {name}" for name, frame in plain[:1])
    sql += "".join(f" CROSS JOIN `{known[frame]}` AS {name}" for name, frame in plain[1:])
    sql += "".join(
        f" LEFT JOIN `{known[frame]}` AS {name} ON {dict(rows.left)[name]}" for name, frame in rows.frames[len(plain) :]
    )
    filters = " OR ".join(f"({each.where})" for each in asked) if all(each.where for each in asked) else ""
    where = " AND ".join(filter(None, (ties, f"({filters})" if filters else "")))
    return Source(f"{sql} WHERE {where}" if where else sql, rows.key)


def split(arguments: str) -> tuple[str, str]:
    """The texts before and after the first comma outside brackets."""
    depth = 0
    for token in tokens(arguments):
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and not depth:
            return arguments[: token.start], arguments[token.end :]
    raise ValueError(arguments)


def _named(sql: str, columns: dict[str, str]) -> str:
    return columns.setdefault(sql, f"a{len(columns)}")
