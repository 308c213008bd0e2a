"""One aggregation that several rules about the same rows share, as SQL: each with its own filter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from rules_engine.index.predicate_index import BoundPredicate, Source
from rules_engine.logical.joined_rows import GroupedRows, HeldRow, JoinedRows, SubjectAggregate
from rules_engine.logical.select_query import spelled
from rules_engine.model.schemas import Schema
from rules_engine.sql.tokens import tokens

TOGETHER, DISTINCT_TOGETHER = 60, 4
"""Statements that one aggregation answers: each is some columns of every group, or a copy of every row."""
Each = TypeVar("Each")


class GroupCondition(NamedTuple):
    """A condition around aggregate calls, one piece more than calls, of the rows that meet a filter (empty: of all)."""

    where: str
    pieces: Sequence[str]
    calls: Sequence[str]
    bound: BoundPredicate


def together(asked: Sequence[Each], *, distinct: bool = False) -> Iterator[Sequence[Each]]:
    """Some of what is asked at a time: for each DISTINCT Spark copies every row, with a column for each of them."""
    most = DISTINCT_TOGETHER if distinct else TOGETHER
    return (asked[begin : begin + most] for begin in range(0, len(asked), most))


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
        yield f"({around(asked.pieces, names)})"


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
        values = ", ".join(f"CASE WHEN {where} THEN {value} END" for value in arguments(argument[9:]))
        return f"{name}(DISTINCT {values})"
    if argument.strip() == "*":
        return f"{aggregate} FILTER (WHERE {where})"
    if name.lower() in {"max_by", "min_by"}:  # which pass over rows without what they order by
        value, by = arguments(argument)
        return f"{name}({value}, CASE WHEN {where} THEN {by} END)"
    value, *more = arguments(argument)
    return f"{name}({','.join([f'CASE WHEN {where} THEN {value} END', *more])})"


def joined_source(rows: JoinedRows, wheres: Sequence[str], schema: Schema) -> Source:
    """Relations joined as they are tied, without the rows that no question is about."""
    known = {name.lower(): f"`{name}`" for name in schema.columns}
    known |= {name: f"({' UNION ALL '.join(_made(each, schema) for each in of)})" for name, of in rows.made}
    ties, plain = " AND ".join(rows.ties), [each for each in rows.frames if each[0] not in dict(rows.left)]
    sql = ", ".join(f"{known[frame]} AS {name}" for name, frame in plain[:1])
    sql += "".join(f" CROSS JOIN {known[frame]} AS {name}" for name, frame in plain[1:])
    sql += "".join(
        f" LEFT JOIN {known[frame]} AS {name} ON {dict(rows.left)[name]}" for name, frame in rows.frames[len(plain) :]
    )
    filters = " OR ".join(f"({where})" for where in dict.fromkeys(wheres)) if all(wheres) else ""
    where = " AND ".join(filter(None, (ties, f"({filters})" if filters else "")))
    return Source(f"{sql} WHERE {where}" if where else sql, rows.key)


def _made(of: GroupedRows, schema: Schema) -> str:
    columns = ", ".join(f"{sql} AS `{name}`" for name, sql in of.columns)
    sql = f"SELECT {columns} FROM {joined_source(of.rows, [of.where], schema).sql}"
    if of.having is None:
        return sql
    by = ", ".join(dict.fromkeys([of.rows.key, *of.rows.by]))
    return f"{sql} GROUP BY {by}{f' HAVING {of.having}' if of.having else ''}"


def beside_aggregates(
    several: Sequence[tuple[HeldRow, BoundPredicate]], schema: Schema
) -> tuple[Source, tuple[BoundPredicate, ...]]:
    """The rows of one frame, with what rows of their subjects come to beside them, and each condition on these."""
    frame, prefix = several[0][0].frame, "aggregate_"
    while any(column.startswith(prefix) for column in schema.types_of(frame)):
        prefix += "_"
    asked = dict.fromkeys(aggregate for held, _ in several for aggregate in held.aggregates)
    columns = {aggregate: f"{prefix}{number}" for number, aggregate in enumerate(asked)}
    by_rows: dict[tuple[JoinedRows, str, bool], list[SubjectAggregate]] = {}
    for aggregate in asked:
        by_rows.setdefault((aggregate.rows, aggregate.by, is_distinct(aggregate.call)), []).append(aggregate)
    key = f"`{schema.subject_key_of(frame)}`"
    beside = (f"coalesce({name}, 0) AS {name}" if of.counts else name for of, name in columns.items())
    sql = f"SELECT held.*, {', '.join(beside)} FROM `{frame}` AS held"
    for number, ((rows, by, _), each) in enumerate(by_rows.items()):
        made = ", ".join(f"{_filtered(of.call, of.where)} AS {columns[of]}" for of in each)
        source = joined_source(rows, [of.where for of in each], schema)
        if not rows.key:  # one row, of all
            sql += f" CROSS JOIN (SELECT {made} FROM {source.sql}) AS of_{number}"
            continue
        grouped = f"SELECT {rows.key} AS subject_key, {made} FROM {source.sql} GROUP BY {rows.key}"
        sql += f" LEFT JOIN ({grouped}) AS of_{number} ON of_{number}.subject_key = held.{f'`{by}`' if by else key}"
    bounds = (bound._replace(sql=around(of.pieces, map(columns.__getitem__, of.aggregates))) for of, bound in several)
    return Source(f"({sql}) AS held", key), tuple(bounds)


def around(pieces: Sequence[str], values: Iterable[str]) -> str:
    """The text of a condition: its pieces around values, one more of them."""
    return "".join(text for pair in zip(pieces, (*values, ""), strict=True) for text in pair)


def is_distinct(call: str) -> bool:
    """Whether different values are counted: Spark keeps those of a group for each such call."""
    return "distinct" in spelled(call).split()


def arguments(written: str) -> list[str]:
    """The texts between the commas outside brackets."""
    depth, first, found = 0, 0, list[str]()
    for token in tokens(written):
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and not depth:
            found.append(written[first : token.start])
            first = token.end
    return [*found, written[first:]]


def _named(sql: str, columns: dict[str, str]) -> str:
    return columns.setdefault(sql, f"a{len(columns)}")
