"""One aggregation that several statements over the same source share, as SQL: each with its own filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules_engine.index.predicate_index import BoundPredicate, Source
from rules_engine.logical.operands import names
from rules_engine.logical.select_query import SelectQuery, aggregates
from rules_engine.sql.lexer import tokens

Cuts = Sequence[tuple[int, int]]
"""Where the aggregates of a HAVING clause stand."""


def shared(asked: Sequence[tuple[SelectQuery, BoundPredicate, Cuts]]) -> tuple[Source, tuple[BoundPredicate, ...]]:
    """The groups of questions of one core as a source, and the condition of each on a group."""
    columns: dict[str, str] = {}
    conditions = tuple(bound._replace(sql=" AND ".join(_conditions(q, cuts, columns))) for q, bound, cuts in asked)
    one = asked[0][0]
    made = ", ".join(f"{sql} AS {name}" for sql, name in columns.items())
    grouped = f"(SELECT {one.key} AS subject_key, {made} FROM {one.source} GROUP BY {one.key}) AS grouped"
    return Source(grouped, "subject_key", given=one.given), conditions


def cuts_of(asked: SelectQuery) -> tuple[tuple[int, int], ...] | None:
    """Where the aggregates of a question stand; None where its HAVING says more than aggregates and literals."""
    found = aggregates(asked.having) if asked.having else ()
    if found is None:
        return None
    if asked.where and not all(_is_one_value(asked.having[first:after]) for first, after in found):
        return None
    rest = asked.having
    for first, after in reversed(found):
        rest = f"{rest[:first]} 0 {rest[after:]}"
    return found if not names(rest) else None


def _conditions(asked: SelectQuery, cuts: Sequence[tuple[int, int]], columns: dict[str, str]) -> Iterator[str]:
    """That the group is there, and its HAVING over named columns; ``columns`` collects what they are."""
    filtered = f" FILTER (WHERE {asked.where})" if asked.where else ""
    yield f"{_named(f'count(*){filtered}', columns)} > 0"
    if not asked.having:
        return
    pieces, at = list[str](), 0
    for first, after in cuts:
        pieces += [asked.having[at:first], _named(_filtered(asked.having[first:after], asked.where), columns)]
        at = after
    yield f"({''.join([*pieces, asked.having[at:]])})"


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


def _is_one_value(aggregate: str) -> bool:
    """Whether its argument can stand in a CASE: one value, or nothing but ``*``."""
    words, depth = tokens(aggregate)[2:-1], 0
    for place, token in enumerate(words):
        depth += (token.text == "(") - (token.text == ")")
        listed = token.text == "," and not depth
        if listed or (token.text == "*" and place and words[place - 1].text == "."):
            return False
    return True


def _named(sql: str, columns: dict[str, str]) -> str:
    return columns.setdefault(sql, f"a{len(columns)}")
