"""Conditions on what the windows of a frame's rows come to, cut at these windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlglot import exp

from rules_engine.logical.join_sides import raises_nowhere
from rules_engine.logical.query_tree import Around, NotUnderstoodError, QueryTree
from rules_engine.logical.window_arithmetic import ComparisonReader
from rules_engine.logical.window_query import MOST_BACK, Comparison, Days, SortKey, Window, WindowQuery, type_of
from rules_engine.model.schemas import Schema

_DAYS_BETWEEN = {"datediff", "date_diff"}
_OTHER = "another window"


class SparkWindow(NamedTuple):
    """A call over the rows of a part, in an order (empty: over all of them); ``rows`` says over which of these."""

    call: str
    parts: tuple[str, ...]
    order: str
    rows: str = ""

    @property
    def sql(self) -> str:
        """It as an expression."""
        parts = f"PARTITION BY {', '.join(self.parts)}" if self.parts else ""
        order = f"ORDER BY {self.order}" if self.order else ""
        return f"{self.call} OVER ({' '.join(filter(None, (parts, order, self.rows)))})"


@dataclass(frozen=True, slots=True)
class Placed:
    """
    What is asked of a row of a frame, and of its windows over the rows that meet ``before``.

    ``pieces`` is the text of a condition around the ``windows``, one more of them.
    """

    frame: str
    before: str
    pieces: tuple[str, ...]
    windows: tuple[SparkWindow, ...]


@dataclass(frozen=True)
class WindowReader:
    """Reads conditions over the windows of one frame's rows."""

    tree: QueryTree
    schema: Schema

    def of_spark(self, frame: str, conditions: Sequence[exp.Expr], before: Sequence[exp.Expr]) -> Placed:
        """What conditions ask; ``before`` are those on the rows before they are placed."""
        around = self.tree.around(conditions, lambda node: node if isinstance(node, exp.Window) else None)
        if around is None or not around.values:
            raise NotUnderstoodError
        return Placed(frame, self._texts(before), around.pieces, tuple(map(self._window, around.values)))

    def column(self, value: exp.Expr) -> str:
        """A value of a row, or what is made of its windows, as an expression."""
        around = self.tree.around([value], lambda node: node if isinstance(node, exp.Window) else None)
        if around is None:
            raise NotUnderstoodError
        texts = (*(self._window(each).sql for each in around.values), "")
        return "".join(text for pair in zip(around.pieces, texts, strict=True) for text in pair)

    def of_workers(self, frame: str, conditions: Sequence[exp.Expr], before: Sequence[exp.Expr]) -> WindowQuery | None:
        """The same where each window is of a subject's rows, and what is asked is exact; None for any other."""
        placed = [condition for condition in conditions if condition.find(exp.Window)]
        rows = self._texts(before), self._texts([condition for condition in conditions if condition not in placed])
        types = self.schema.types_of(frame)
        reader = ComparisonReader(types, lambda node: self._value(node, frame))
        around = self.tree.around(placed, lambda node: reader.comparison(node) or self._value(node, frame))
        if around is None or not all(raises_nowhere(text, types, frame) for text in rows if text):
            return None
        values = tuple(value for value in around.values if isinstance(value, Window | Days | Comparison))
        found = WindowQuery(frame, *rows, around.pieces, values)
        return found if len(values) == len(around.values) else None

    def _window(self, node: exp.Expr) -> SparkWindow:
        order = node.args.get("order")
        ranks = not isinstance(node.this, exp.Count | exp.Sum | exp.Min | exp.Max | exp.Avg)
        spec = node.args.get("spec")
        if node.args.get("alias") or (ranks and not order) or (spec and (rows_between(spec) is None or not order)):
            raise NotUnderstoodError("a window with ranges of its own")
        parts = tuple(self._texts([each]) for each in node.args.get("partition_by") or ())
        by = ", ".join(self._texts([each]) for each in order.expressions) if order else ""
        return SparkWindow(self._texts([node.this]), parts, by, (rows_between(spec) or "") if spec else "")

    def _texts(self, conditions: Sequence[exp.Expr]) -> str:
        around: Around[str] | None = self.tree.around(conditions, lambda _: None)
        if around is None:
            raise NotUnderstoodError
        return around.pieces[0]

    def _value(self, node: exp.Expr, frame: str) -> Window | Days | str | None:
        """What workers work out, or the name of a plain column."""
        if isinstance(node, exp.Column):
            return node.name.lower() if node.table else None
        if self.tree.called(node) in _DAYS_BETWEEN and len(node.expressions) == 2:
            types = self.schema.types_of(frame)
            until, since = (self._value(end.unnest(), frame) for end in node.expressions)
            if not isinstance(until, str | Window) or not isinstance(since, str | Window):
                return None
            return Days(until, since) if [type_of(end, types) for end in (until, since)] == ["date", "date"] else None
        return self._ranked(node, frame) if isinstance(node, exp.Window) else None

    def _ranked(self, node: exp.Window, frame: str) -> Window | str:
        """A window that workers work out; for another a name, as of a column, which they do not hold."""
        parts, order, call = node.args.get("partition_by") or [], node.args.get("order"), node.this
        keys = [part.name.lower() for part in parts if isinstance(part, exp.Column)]
        by = [_sort_key(each) for each in order.expressions] if order else []
        known = tuple(each for each in by if each is not None)
        by_subject = len(parts) == 1 and keys == [self.schema.subject_key_of(frame).lower()]
        if not by_subject or not known or len(known) < len(by) or node.args.get("spec"):
            return _OTHER
        if isinstance(call, exp.RowNumber):
            return Window(known)
        if isinstance(call, exp.Lag | exp.Lead) and isinstance(call.this, exp.Column) and not call.args.get("default"):
            offset = call.args.get("offset") or exp.Literal.number(1)
            far = int(offset.name) if isinstance(offset, exp.Literal) and offset.name.isdigit() else 0
            if 0 < far <= MOST_BACK:
                return Window(known, call.this.name.lower(), far if isinstance(call, exp.Lag) else -far)
        return _OTHER


def rows_between(spec: exp.Expr) -> str | None:
    """``ROWS BETWEEN …`` by numbers of rows; None for what is not read."""
    ends = list[str]()
    for end, side in (("start", "start_side"), ("end", "end_side")):
        far, which = spec.args.get(end) or "CURRENT ROW", (spec.args.get(side) or "").upper()
        text = str(far).upper() if isinstance(far, str) else far.name if isinstance(far, exp.Literal) else ""
        if not (text == "CURRENT ROW" or (which and (text == "UNBOUNDED" or text.isdigit()))):
            return None
        ends.append(f"{text} {which}".strip())
    known = (spec.args.get("kind") or "").upper() == "ROWS" and not spec.args.get("exclude")
    return f"ROWS BETWEEN {' AND '.join(ends)}" if known else None


def _sort_key(node: exp.Expr) -> SortKey | None:
    """A column to order by; NULL comes first where nothing is said, or last where the order descends."""
    if not isinstance(node, exp.Ordered) or not isinstance(node.this, exp.Column):
        return None
    return SortKey(node.this.name.lower(), bool(node.args.get("desc")), bool(node.args.get("nulls_first")))
