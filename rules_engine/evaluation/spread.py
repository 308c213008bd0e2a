"""
How many values an expression may have over the rows of a plan: one, a few, or as many as a column of the lake.

Where a value comes from is followed through every step of Spark's analysed plan. What is not listed here has one value:
an equality of it ties nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum

from rules_engine.evaluation.plans import Node, held, number

LOGICAL, EXPRESSIONS = "plans.logical.", "expressions."


class Spread(IntEnum):
    """In the order of how well a key of it tells rows apart."""

    ONE = 0
    FEW = 1
    MANY = 2


def _names(words: str) -> frozenset[str]:
    return frozenset(f"{EXPRESSIONS}{word}" for word in words.split())


SAME = _names(
    "Alias Lower Upper StringTrim StringTrimLeft StringTrimRight StringTrimBoth InitCap Reverse Md5 Sha1 Sha2 "
    "UnaryMinus UnaryPositive Coalesce Nvl ParseToDate ParseToTimestamp GetStructField Abs Floor Ceil "
    "OuterReference KnownNotNull"
)
"""Of as many values as their first argument."""
SHIFTED = _names(
    "Add Subtract TryAdd TrySubtract DateAdd DateSub AddMonths TimestampAdd DateAddInterval DateAddYMInterval TimeAdd "
    "TimestampAddInterval TimestampAddYMInterval DatetimeSub NullIf"
)
"""Likewise, where every other argument is written out."""
SCALED = _names("Multiply Divide TryMultiply TryDivide")
"""Likewise, where the other argument is a number other than 0."""
JOINED = _names("Concat ConcatWs CreateNamedStruct CreateArray")
"""As many as the argument of most."""
SHORTENED = _names(
    "Year Quarter Month WeekOfYear DayOfYear DayOfMonth DayOfWeek WeekDay Hour YearOfWeek LastDay NextDay TruncDate "
    "TruncTimestamp DateFormatClass Length Round BRound ElementAt GetArrayItem SoundEx Ascii Extract Remainder Pmod "
    "SplitPart SubstringIndex StringTranslate StringReplace IntegralDivide"
)
"""A few, if their first argument has many, and the others are written out."""
CUT = _names("Left Right Substring StringLPad StringRPad")
"""Likewise, where a length is written out that is not 0."""
CHOSEN = _names("If CaseWhen")
"""As few as their branches have."""
PICKED = frozenset(
    f"{EXPRESSIONS}{word}"
    for word in "aggregate.Max aggregate.Min aggregate.MaxBy aggregate.MinBy aggregate.Sum aggregate.Average "
    "aggregate.First aggregate.Last Lag Lead NthValue".split()
)
COUNTED = _names("RowNumber Rank DenseRank NTile aggregate.Count aggregate.CountIf CumeDist PercentRank")
ATTRIBUTE, LITERAL = f"{EXPRESSIONS}AttributeReference", f"{EXPRESSIONS}Literal"


class Spreads:
    """The spread of every attribute of a plan, by its number; ``beyond`` is that of attributes of no known plan."""

    def __init__(self, beyond: Spread = Spread.ONE) -> None:
        self._known: dict[int, Spread] = {}
        self._queries: dict[int, Sequence[int]] = {}
        self._beyond = beyond

    def outputs(self, plan: Node, below: Sequence[Sequence[int]]) -> Sequence[int]:
        """
        The numbers of a plan's columns, given those of its children; the spread of those that it makes is noted.

        Plans are to be asked about from below.
        """
        name = plan.name.removeprefix(LOGICAL)
        if name in _OWN:
            return _OWN[name](self, plan)
        if name in _MORE:
            return [*below[0], *_MORE[name](self, plan)]
        if name in {"Union", "Intersect"}:
            return self.united(below)
        if name == "Join" and join_type(plan) not in {"LeftSemi", "LeftAnti"}:
            return [*below[0], *below[1]]
        return below[0] if below else ()

    def keep_query(self, plan: Node, columns: Sequence[int]) -> None:
        """Note the columns of a WITH query."""
        self._queries[int(plan.fields["id"])] = columns

    def of_number(self, column: int) -> Spread:
        """The spread of a column by its number."""
        return self._known.get(column, self._beyond)

    def of(self, node: Node) -> Spread:
        """The spread of an expression."""
        name = node.name
        if name == ATTRIBUTE:
            known = self._known.get(number(node) or 0, self._beyond)
            return min(known, Spread.FEW) if node.fields.get("dataType") == "boolean" else known
        if name == f"{EXPRESSIONS}Cast":
            return Spread.ONE if node.fields.get("dataType") == "boolean" else self.of(node.children[0])
        parts = node.children or node.beside
        if name in SAME and parts:
            return self.of(parts[0])
        if name in SHIFTED:
            return self._beside_written(parts, lambda _: True)
        if name in SCALED:
            return self._beside_written(parts, lambda value: value.strip("0.-") != "")
        return self._fewer(name, parts)

    def _fewer(self, name: str, parts: Sequence[Node]) -> Spread:
        if name in JOINED:
            return max(map(self.of, parts), default=Spread.ONE)
        if name in SHORTENED and all(_written(part) is not None for part in parts[1:]):
            return min(Spread.FEW, self.of(parts[0])) if parts else Spread.ONE
        if name in CUT and _written(parts[-1 if len(parts) == 2 or "Sub" in name else 1]) not in {None, "0"}:
            return min(Spread.FEW, self.of(parts[0]))
        if name in CHOSEN:
            branches = parts[1:] if name.endswith("If") else [*parts[1::2], *(parts[-1:] if len(parts) % 2 else ())]
            return min((self.of(branch) for branch in branches if _written(branch) != "null"), default=Spread.ONE)
        return Spread.ONE

    def _beside_written(self, parts: Sequence[Node], fits: Callable[[str], bool]) -> Spread:
        """That of the one argument that is not written out."""
        told = [_written(part) for part in parts]
        open_ = [part for part, value in zip(parts, told, strict=True) if value is None]
        return self.of(open_[0]) if len(open_) == 1 and all(fits(v) for v in told if v is not None) else Spread.ONE

    def _note(self, columns: Sequence[Node], spread: Callable[[Node], Spread]) -> list[int]:
        numbers = []
        for column in columns:
            at = number(column) or 0
            if column.name != ATTRIBUTE:
                self._known[at] = Spread.ONE if asks_outside(column) else spread(column)
            numbers.append(at)
        return numbers

    def listed(self, plan: Node, spread: Spread) -> list[int]:
        """The columns of rows that are there, all of one spread."""
        columns = held(plan, "output") or held(plan, "projectList")
        self._known.update({number(column) or 0: spread for column in columns})
        return [number(column) or 0 for column in columns]

    def projected(self, plan: Node) -> Sequence[int]:
        """The columns of a SELECT."""
        return self._note(held(plan, "projectList"), self.of)

    def aggregated(self, plan: Node) -> Sequence[int]:
        """The columns of a GROUP BY: no more values than its keys have."""
        keys = max((self.of(key) for key in held(plan, "groupingExpressions")), default=Spread.ONE)
        return self._note(held(plan, "aggregateExpressions"), lambda column: min(keys, self._computed(column)))

    def windowed(self, plan: Node) -> Sequence[int]:
        """The columns computed over windows."""
        return self._note(held(plan, "windowExpressions"), self._computed)

    def _computed(self, node: Node) -> Spread:
        """Of an aggregate or a window function: that of what it picks; a few where it counts."""
        if node.name in PICKED:
            return self.of(node.children[0])
        if node.name in COUNTED:
            return Spread.FEW
        if node.name.endswith((".AggregateExpression", ".WindowExpression", ".Alias")):
            return self._computed(node.children[0])
        return self.of(node)

    def generated(self, plan: Node) -> Sequence[int]:
        """The columns of LATERAL VIEW."""
        columns = held(plan, "generatorOutput")
        made = held(plan, "generator")
        source = self.of(made[0].children[0]) if made and made[0].children else Spread.ONE
        self._known.update({number(column) or 0: source for column in columns})
        return [number(column) or 0 for column in columns]

    def united(self, below: Sequence[Sequence[int]]) -> Sequence[int]:
        """Of UNION and the like: as few values as in any of the queries."""
        for columns in zip(*below, strict=False):
            self._known[columns[0]] = min(self._known.get(column, self._beyond) for column in columns)
        return below[0]

    def expanded(self, plan: Node) -> Sequence[int]:
        """Of ROLLUP: the columns below under other numbers."""
        columns = held(plan, "output")
        for column in columns:
            self._known.setdefault(number(column) or 0, Spread.FEW)
        return [number(column) or 0 for column in columns]

    def referred(self, plan: Node) -> Sequence[int]:
        """The columns of a WITH query under other numbers."""
        columns = [number(column) or 0 for column in held(plan, "output")]
        for own, column in zip(self._queries.get(int(plan.fields["cteId"]), ()), columns, strict=False):
            self._known[column] = self._known.get(own, self._beyond)
        return columns


def asks_outside(node: Node) -> bool:
    """Whether a value is of the row outside: in a sub-query it is the same for all rows."""
    return node.name == f"{EXPRESSIONS}OuterReference" or any(map(asks_outside, node.children))


def _rows_of(view: Node) -> Node:
    """What lies under a frame's view."""
    return view.children[0] if view.children else view


def join_type(plan: Node) -> str:
    """``Inner``, ``LeftOuter`` and so on."""
    said = plan.fields.get("joinType") or {}
    return str(said.get("object", said.get("product-class", ""))).rpartition(".")[2].strip("$")


_OWN: Mapping[str, Callable[[Spreads, Node], Sequence[int]]] = {
    "Project": Spreads.projected,
    "Aggregate": Spreads.aggregated,
    "Expand": Spreads.expanded,
    "CTERelationRef": Spreads.referred,
    "LocalRelation": lambda spreads, plan: spreads.listed(plan, Spread.FEW),
    "View": lambda spreads, plan: spreads.listed(_rows_of(plan), Spread.MANY),
}
"""Steps that show the columns they make, and no others."""
_MORE: Mapping[str, Callable[[Spreads, Node], Sequence[int]]] = {
    "Window": Spreads.windowed,
    "Generate": Spreads.generated,
}
"""Steps that add to the columns below."""


def _written(node: Node) -> str | None:
    """The value of a literal, by itself or cast or negated; None for anything else."""
    while node.name.rpartition(".")[2] in {"Cast", "UnaryMinus", "UnaryPositive"} and node.children:
        node = node.children[0]
    if node.name != LITERAL:
        return None
    value = node.fields.get("value")
    return "null" if value is None else str(value)
