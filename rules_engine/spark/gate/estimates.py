"""
How large each value of a plan may be and how many steps it takes to make, estimated on Spark's analysed plan.

Every column is followed by its number through each step of the plan, WITH queries and sub-queries included, and so
are the rows that a row of a frame becomes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rules_engine.spark.gate.conditions import conjuncts
from rules_engine.spark.gate.dependence import grouped
from rules_engine.spark.gate.effort import Patterns
from rules_engine.spark.gate.plan_tree import VIEW, Node, join_type, number, walk
from rules_engine.spark.gate.reliance import short
from rules_engine.spark.gate.sizes import MOST, Size, largest, of_type, several, text
from rules_engine.spark.gate.spark_trees import Written
from rules_engine.spark.gate.spread import Spread, Spreads
from rules_engine.spark.gate.spread_names import KEEPING
from rules_engine.spark.gate.value_estimates import Made, Values
from rules_engine.spark.gate.window_frames import steps_in_frame
from rules_engine.sql.allow_list import allowed


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of a plan's rows, by number, how many there are for a row of a frame, and the steps to make them."""

    columns: Sequence[int]
    times: float = 1
    steps: float = 0

    def after(self, more: float) -> Rows:
        """With more steps."""
        return Rows(self.columns, self.times, min(MOST, self.steps + more))

    def by(self, times: float) -> Rows:
        """So many for each."""
        return Rows(self.columns, min(MOST, self.times * times), self.steps)


@dataclass(frozen=True, slots=True)
class _Repeats:
    """A column of VALUES: which table's, the most of its rows with one value, and all of them."""

    table: object
    repeats: int
    rows: int


class Estimates:
    """What is known of one plan, or of a condition."""

    def __init__(self, spreads: Spreads, patterns: Patterns, written: Mapping[int, Written]) -> None:
        self.values = Values(self._asked, patterns)
        self.most_rows = 1.0
        self._spreads, self._written = spreads, written
        self._exploded = set[int]()
        """Columns that tell the rows apart that were made of one."""
        self._repeats = dict[int, _Repeats]()
        """Of columns of VALUES."""
        self._queries = dict[int, Rows]()

    def query(self, root: Node) -> Rows:
        """Of a plan, from below."""
        done: dict[int, Rows] = {}
        for plan in _from_below(root):
            below = [done[id(child)] for child in plan.children] if plan.name != VIEW else []
            columns = self._spreads.outputs(plan, [rows.columns for rows in below])
            times = below[0].times if below else 1.0
            given = Rows(columns, times, min(MOST, sum(rows.steps for rows in below)))
            reader = self._READERS.get(short(plan))
            done[id(plan)] = rows = given if reader is None else reader(self, plan, given, below)
            self.most_rows = max(self.most_rows, rows.times)
        return done[id(root)]

    def _asked(self, plan: Node) -> tuple[Size, float]:
        """The size of the first column of a sub-query, and its steps."""
        group = self.values.group
        rows = self.query(plan)
        self.values.group = group
        return self.values.of_column(rows.columns[0]) if rows.columns else Size(), rows.steps

    def _listed(self, plan: Node, given: Rows, _: Sequence[Rows]) -> Rows:
        """The columns of VALUES."""
        for column in plan.beside:
            at, size = number(column) or 0, of_type(column.fields.get("dataType"))
            if (cells := self._written.get(at)) is not None:
                self._repeats[at] = _Repeats(cells.table, cells.repeats, cells.rows)
                own = text(max(size.own, cells.characters))
                count = max(size.count, cells.elements)
                size = several(count, size.element, keyed=size.keyed) if size.element is not None else own
            self.values.sizes[at] = size
        return given

    def _projected(self, plan: Node, given: Rows, _: Sequence[Rows]) -> Rows:
        return given.after(given.times * self._noted(plan.beside))

    def _filtered(self, plan: Node, given: Rows, _: Sequence[Rows]) -> Rows:
        return given.after(given.times * self._noted(plan.beside)).by(self._repeated(plan.beside))

    def _noted(self, items: Sequence[Node]) -> float:
        """Keep what is known of the columns that are made; the steps it takes."""
        sizes, steps = self.values.of(items)
        for item, size in zip(items, sizes, strict=True):
            if short(item) == "Alias" and (column := number(item)) is not None:
                self.values.sizes[column] = size
                if (repeated := self._repeated_in(item.children[0])) is not None:
                    self._repeats[column] = repeated
                if self._is_exploded(item):
                    self._exploded.add(column)
        return steps

    def _is_exploded(self, node: Node) -> bool:
        return bool(self._exploded) and any(number(part) in self._exploded for part, _ in walk(node))

    def _repeated(self, conditions: Sequence[Node]) -> float:
        """How many rows of VALUES a row may meet by its equalities."""
        least = dict[object, int]()
        for term in conjuncts(conditions):
            if short(term) in {"EqualTo", "EqualNullSafe"}:
                for met in filter(None, map(self._repeated_in, term.children)):
                    least[met.table] = min(met.repeats, least.get(met.table, met.repeats))
        return math.prod(least.values())

    def _repeated_in(self, node: Node) -> _Repeats | None:
        """What a value has of a column of VALUES: a function may make one of any of its values."""
        while node.name in KEEPING and node.children:
            node = node.children[0]
        if (known := self._repeats.get(number(node) or 0)) is not None:
            return known
        found = (self._repeats.get(number(part) or 0) for part, _ in walk(node)) if self._repeats else ()
        return next((replace(repeated, repeats=repeated.rows) for repeated in found if repeated), None)

    def _aggregated(self, plan: Node, given: Rows, _: Sequence[Rows]) -> Rows:
        groups, items = grouped(plan)
        usual = allowed().estimates
        of_one = self._rows_of_one(groups) if groups or not _asks_outside(plan) else usual.group
        if of_one == usual.group:
            self.values.group = max(usual.group, usual.exploded * given.times)
        else:
            self.values.group = min(MOST, of_one * given.times)
        done = given.after(given.times * (self._noted(items) + self.values.of(groups)[1]))
        return done if any(map(self._is_exploded, groups)) else Rows(done.columns, 1, done.steps)

    def _rows_of_one(self, parts: Sequence[Node]) -> float:
        """How many rows of a frame have one value of all of these: of a few values one may be that of nearly all."""
        apart = any(self._spreads.of(part) is Spread.MANY for part in parts)
        return allowed().estimates.group if apart else allowed().estimates.rows

    def _over_windows(self, plan: Node, given: Rows, _: Sequence[Rows]) -> Rows:
        steps = self._noted(plan.beside)
        for item in plan.beside:
            if short(item) == "Alias" and short(item.children[0]) == "WindowExpression":
                *by, _frame = item.children[0].children[1].children
                parts = [part for part in by if short(part) != "SortOrder"]
                own = steps_in_frame(item.children[0], self._rows_of_one(parts))
                self.values.made.append(Made(item.children[0], Size(), own))
                steps += own
        return given.after(given.times * steps)

    def _generated(self, plan: Node, given: Rows, _: Sequence[Rows]) -> Rows:
        generator, *outputs = plan.beside
        (array,), steps = self.values.of(generator.children[:1])
        element = array.element or Size()
        sizes = list(element.parts) if array.keyed or short(generator) == "Inline" else [element]
        sizes = [Size(), *sizes] if short(generator) == "PosExplode" else sizes
        for at, output in enumerate(outputs):
            column = number(output) or 0
            self.values.sizes[column] = sizes[at] if at < len(sizes) else element
            self._exploded.add(column)
        return given.after(given.times * steps).by(max(1, array.count))

    def _joined(self, plan: Node, given: Rows, below: Sequence[Rows]) -> Rows:
        steps = self._noted(plan.beside)
        if join_type(plan) in {"LeftSemi", "LeftAnti"}:
            return given.after(given.times * steps)
        both = given.by(below[1].times)
        return both.after(both.times * steps).by(self._repeated(plan.beside))

    def _united(self, _: Node, given: Rows, below: Sequence[Rows]) -> Rows:
        for columns in zip(*(rows.columns for rows in below), strict=False):
            self.values.sizes[columns[0]] = largest(map(self.values.of_column, columns))
            if self._exploded & set(columns):
                self._exploded.add(columns[0])
        return Rows(given.columns, min(MOST, sum(rows.times for rows in below)), given.steps)

    def _distinct(self, _: Node, given: Rows, __: Sequence[Rows]) -> Rows:
        return given if self._exploded & set(given.columns) else Rows(given.columns, 1, given.steps)

    def _defined(self, plan: Node, given: Rows, _: Sequence[Rows]) -> Rows:
        self._spreads.keep_query(plan, given.columns)
        self._queries[int(plan.fields["id"])] = given
        return given

    def _referred(self, plan: Node, given: Rows, _: Sequence[Rows]) -> Rows:
        """A WITH query: Spark makes its rows anew wherever it is named."""
        known = self._queries.get(int(plan.fields["cteId"]), Rows(()))
        for own, column in zip(known.columns, given.columns, strict=False):
            self.values.sizes[column] = self.values.of_column(own)
            if own in self._exploded:
                self._exploded.add(column)
            if (repeated := self._repeats.get(own)) is not None:
                self._repeats[column] = replace(repeated, table=(repeated.table, id(plan)))
        return Rows(given.columns, known.times, known.steps)

    _READERS: Mapping[str, Callable[[Estimates, Node, Rows, Sequence[Rows]], Rows]] = {
        "Aggregate": _aggregated,
        "CTERelationDef": _defined,
        "CTERelationRef": _referred,
        "Distinct": _distinct,
        "Filter": _filtered,
        "Generate": _generated,
        "Join": _joined,
        "LocalRelation": _listed,
        "Project": _projected,
        "Sort": _projected,
        "Union": _united,
        "Window": _over_windows,
        "WithCTE": lambda _, __, ___, below: below[-1],
    }


def _asks_outside(plan: Node) -> bool:
    return any(short(node) == "OuterReference" for node, _ in walk(plan))


def _from_below(root: Node) -> Iterator[Node]:
    """Plans after those that they read, WITH queries first."""
    order, waiting = [], [root]
    while waiting:
        plan = waiting.pop()
        order.append(plan)
        if plan.name != VIEW:
            waiting += plan.children
    yield from reversed(order)
