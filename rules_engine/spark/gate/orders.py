"""
Orders that are none: what a window or ``max_by`` picks where rows tie, judged on Spark's analysed plan.

An order is enough where it tells apart whatever rows the rule tells apart: rows that tie are then alike in every column
that is used. Where everything ties the rule is refused; where something may tie, it is warned of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from rules_engine.errors import Fault
from rules_engine.model.schemas import Schema
from rules_engine.spark.gate.dependence import Dependences, Rows, grouped
from rules_engine.spark.gate.plan_tree import Node, walk
from rules_engine.spark.gate.reliance import (
    NOTHING,
    PICKS,
    RANKS,
    Columns,
    Window,
    relies_on,
    short,
    told_apart_by,
    window,
)
from rules_engine.sql.allow_list import refuse

BY_VALUE = {"MaxBy": ("max_by", "greatest"), "MinBy": ("min_by", "least")}

_SQL = {
    "First": "first_value",
    "Last": "last_value",
    "NthValue": "nth_value",
    "RowNumber": "row_number",
    "DenseRank": "dense_rank",
    "PercentRank": "percent_rank",
    "CumeDist": "cume_dist",
    "CollectList": "collect_list",
    "Average": "avg",
}
TIES = "SQL-901"
NOWHERE = "something that is the same in all of them"
BY_SUBJECT = "the subject's key, which several rows share"
LAST_OF_TIES = "something that may tie, and is asked for the last of those that do"


@dataclass(frozen=True, slots=True)
class Tie:
    """Something that picks among rows that tie: the function, and what would tell them apart."""

    name: str
    cure: str
    certain: str = ""
    """What rows are ordered by, where they tie for certain; empty where they may."""

    def fault(self) -> Fault:
        """The refusal, or the warning."""
        if self.certain:
            return refuse("SQL-344", name=self.name, found=self.certain, hint=self.cure)
        return refuse(TIES, name=self.name, hint=self.cure)


def order_faults(root: Node, schema: Schema) -> Iterator[Fault]:
    """The refusals of orders in a plan, each once."""
    yield from dict.fromkeys(tie.fault() for tie in ties(root, schema) if tie.certain)


def order_warnings(root: Node, schema: Schema) -> tuple[Fault, ...]:
    """The first thing in a plan that may tie."""
    return tuple(tie.fault() for tie in ties(root, schema) if not tie.certain)[:1]


def ties(root: Node, schema: Schema) -> list[Tie]:
    """Whatever is picked among rows that tie."""
    known = Dependences(root, schema)
    found = list[Tie]()
    for node, _ in walk(root):
        if node.name == "plans.logical.Window":
            rows, named = known.of(node.children[0]), known.of(_without_windows(node)).output
            found += [tie for item in node.beside for tie in _of_windows(item, rows, named, known.subject_keys)]
        elif node.name == "plans.logical.Aggregate":
            rows = known.of(node.children[0])
            groups, items = grouped(node)
            given = rows.closure(NOTHING.union(*map(told_apart_by, groups)))
            found += [tie for item in items for tie in _of_values(item, rows, given, known.subject_keys)]
    return found


def summed_in_order(root: Node, schema: Schema, kinds: Collection[str]) -> frozenset[str]:
    """Those of some kinds of sums of which every one runs over rows in an order that tells all of them apart."""
    known, counted, ordered = Dependences(root, schema), Counter[str](), Counter[str]()
    for node, _ in walk(root):
        counted[short(node)] += 1
        if node.name == "plans.logical.Window":
            rows = known.of(node.children[0])
            asked = (each for item in node.beside for each, _ in walk(item) if short(each) == "WindowExpression")
            ordered.update(over.name for over in map(window, asked) if _is_total(over, rows))
    return frozenset(kind for kind in kinds if counted[kind] == ordered[kind])


def _is_total(over: Window, rows: Rows) -> bool:
    told = rows.closure(NOTHING.union(*map(told_apart_by, (*over.partition, *over.order))))
    return bool(over.order) and told >= rows.output.keys()


def _without_windows(plan: Node) -> Node:
    """The rows over which a SELECT computes its windows: none of these can be named in another's ORDER BY."""
    while plan.name == "plans.logical.Window":
        plan = plan.children[0]
    return plan


def _of_windows(item: Node, rows: Rows, named: Mapping[int, str], subject_keys: Columns) -> Iterator[Tie]:
    for node, _ in walk(item):
        if node.name == "expressions.WindowExpression":
            over = window(node)
            given = rows.closure(NOTHING.union(*map(told_apart_by, over.partition)))
            yield from _of_values(over.function, rows, given, subject_keys)
            if over.order:
                yield from _of_order(over, rows, named, given, subject_keys)
            elif over.name in PICKS:
                yield Tie(_SQL[over.name], _columns(rows, named, given, subject_keys), "nothing")


def _of_order(
    over: Window, rows: Rows, named: Mapping[int, str], given: Columns, subject_keys: Columns
) -> Iterator[Tie]:
    """What a window picks by its order."""
    own = NOTHING.union(*map(relies_on, over.order)) - rows.closure(())
    told = rows.closure(given.union(*map(told_apart_by, over.order)))
    name, cure = _SQL.get(over.name, over.name.lower()), _columns(rows, named, told, subject_keys)
    picks_alike = over.name in PICKS and not over.by_rows and relies_on(over.function) <= told
    if not own or (over.name in RANKS and not own - given):
        yield Tie(name, cure, NOWHERE)
    elif over.gives_ties_the_same or picks_alike or told >= rows.output.keys():
        return
    elif not own - given:
        yield Tie(name, cure, NOWHERE)
    elif own - given <= subject_keys:
        yield Tie(name, cure, BY_SUBJECT)
    else:
        yield Tie(name, cure, LAST_OF_TIES if over.name == "Last" and over.to_current_row else "")


def _of_values(item: Node, rows: Rows, given: Columns, subject_keys: Columns) -> Iterator[Tie]:
    """What ``max_by`` and ``min_by`` take of one group of rows."""
    for node, _ in walk(item):
        if short(node) not in BY_VALUE:
            continue
        name, most = BY_VALUE[short(node)]
        value, order = node.children
        own, told = relies_on(order) - rows.closure(()), rows.closure(given | told_apart_by(order))
        cure = f"Write {name}(x, struct(y, x)) for {name}(x, y): of rows that tie in y it takes the {most} x."
        picks_alike = relies_on(value) <= told
        if not own or (not own - given and not picks_alike):
            yield Tie(name, f"Order by a column: {name}(x, y) takes the x of the row with the {most} y.", NOWHERE)
        elif not picks_alike:
            yield Tie(name, cure, BY_SUBJECT if own - given <= subject_keys else "")


def _columns(rows: Rows, named: Mapping[int, str], told: Columns, subject_keys: Columns) -> str:
    """How to tell apart rows that tie: by the subject's key where that is enough, else by all that the rule uses."""
    keys = [key for key in subject_keys & named.keys() if rows.closure(told | {key}) >= named.keys()]
    missing = keys[:1] or [column for column in named if column not in told]
    names = ", ".join(dict.fromkeys(named[column] for column in missing if not _is_made(named[column])))
    return f"Add to ORDER BY what tells the rows apart: {names or 'the key'}."


def _is_made(name: str) -> bool:
    """Whether Spark gave a column its name."""
    return name.startswith("_w") and name[2:].isdigit()
