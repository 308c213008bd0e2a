"""
How many values an expression may have over the rows of a plan: one, a few, or as many as a column of the lake.

Where a value comes from is followed through every step of Spark's analysed plan. What is not listed here has one value:
an equality of it ties nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum

from rules_engine.spark.gate.lossless import is_factor, is_near, is_scaled, keeps_all, may_be_a_share, written
from rules_engine.spark.gate.plan_tree import Node, asks_outside, held, join_type, number, rows_of, walk
from rules_engine.spark.gate.spread_names import (
    CHOSEN,
    COMBINED,
    COMPARED,
    COUNTED,
    CUT,
    EXPRESSIONS,
    FILLED_UP,
    JOINED,
    NULL_AS_ONE,
    OF_ANOTHER_ROW,
    ONE_OF_PART,
    PICKED,
    REPLACED,
    ROUNDED,
    SAME,
    SCALED,
    SHIFTED,
    SHORTENED,
    TRIMMED,
)
from rules_engine.spark.gate.window_frames import moves
from rules_engine.spark.gate.written_rows import is_list

LOGICAL = "plans.logical."


class Spread(IntEnum):
    """In the order of how well a key of it tells rows apart."""

    ONE = 0
    FEW = 1
    MANY = 2


ATTRIBUTE, LITERAL = f"{EXPRESSIONS}AttributeReference", f"{EXPRESSIONS}Literal"


class Spreads:
    """The spread of every attribute of a plan, by its number; ``beyond`` is that of attributes of no known plan."""

    def __init__(self, beyond: Spread = Spread.ONE) -> None:
        self._known: dict[int, Spread] = {}
        self._queries: dict[int, Sequence[int]] = {}
        self._given = set[int]()
        """The attributes that are NULL only where a column of the lake is."""
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
            columns = self.united(below)
            if is_list(plan):
                self._known.update(dict.fromkeys(columns, Spread.FEW))
            return columns
        if name == "Join" and join_type(plan) not in {"LeftSemi", "LeftAnti"}:
            self._given.difference_update(*(below[side] for side in FILLED_UP.get(join_type(plan), ())))
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
        parts = node.children or node.beside
        if name == f"{EXPRESSIONS}Cast":
            return min(self.of(parts[0]), _cast(parts[0], node.fields.get("dataType")))
        if name in SAME | TRIMMED | ROUNDED | REPLACED and parts:
            return self._of_first(name, parts)
        if name in SHIFTED:
            short = any(part.fields.get("dataType") == "float" for part in parts)
            twice = any((short or part.name in SHIFTED) and is_scaled(part) for part in parts)
            return min(self._beside_written(parts, is_near), Spread.FEW if twice else Spread.MANY)
        if name in SCALED:
            return self._beside_written(parts, is_factor, once=True)
        return self._fewer(node, parts)

    def _of_first(self, name: str, parts: Sequence[Node]) -> Spread:
        """That of the first argument, unless much of it may be cut off or replaced."""
        if name in REPLACED and not self.is_given(parts[0]):
            return min(Spread.FEW, *map(self.of, parts))
        cut = (name in TRIMMED and len(parts) > 1) or (name in ROUNDED and may_be_a_share(parts[0]))
        return min(self.of(parts[0]), Spread.FEW if cut else Spread.MANY)

    def is_given(self, node: Node) -> bool:
        """Whether a value is NULL only where a column of the lake is: NULL meets NULL by ``<=>``, and by COALESCE."""
        name, parts = node.name, node.children or node.beside
        if name == ATTRIBUTE:
            at = number(node) or 0
            return at in self._given or (self._beyond is Spread.MANY and at not in self._known)
        if name == LITERAL:
            return node.fields.get("value") is not None
        if name == f"{EXPRESSIONS}Cast":
            return _cast(parts[0], node.fields.get("dataType")) is Spread.MANY and self.is_given(parts[0])
        if name in SAME | TRIMMED | ROUNDED | REPLACED and "Parse" not in name:
            return self.is_given(parts[0])
        return name in JOINED | SHIFTED | SCALED and "Null" not in name and all(map(self.is_given, parts))

    def _fewer(self, node: Node, parts: Sequence[Node]) -> Spread:
        name = node.name
        if name in JOINED:
            return self._of_joined(name, parts)
        if name == f"{EXPRESSIONS}GetStructField":
            return self._field(parts[0], int(node.fields.get("ordinal", 0)))
        if name in SHORTENED and all(written(part) is not None for part in parts[1:]):
            return min(Spread.FEW, self.of(parts[0])) if parts else Spread.ONE
        if name in CUT and written(parts[-1 if len(parts) == 2 or "Sub" in name else 1]) not in {None, "0"}:
            return min(Spread.FEW, self.of(parts[0]))
        return self._chosen(name, parts) if name in CHOSEN else Spread.ONE

    def _of_joined(self, name: str, parts: Sequence[Node]) -> Spread:
        """Of the parts of a text, a struct or an array; of CONCAT_WS not what stands between them."""
        if not all(map(self._may_stand_beside, parts)):
            return Spread.ONE
        told = parts[1:] if name.endswith("ConcatWs") else parts
        given = [self.of(part) for part in told if name not in NULL_AS_ONE or self.is_given(part)]
        if name.endswith("CreateArray"):
            structs = [part for part in told if part.name.endswith("CreateNamedStruct")]
            given += [self.of(value) for struct in structs for value in struct.children[1::2]]
            made = any(type(part.fields.get("dataType")) is dict for part in told)
            return min(given, default=Spread.ONE) if len(given) >= len(told) and not made else Spread.ONE
        return max(given, default=Spread.ONE)

    def _chosen(self, name: str, parts: Sequence[Node]) -> Spread:
        """Of IF and CASE: that of the branch with the fewest; NULL may stand for a part of the rows, not for any."""
        paired = len(parts) - (1 if name.endswith("If") else len(parts) % 2)
        conditions, branches = parts[:paired:2], [*parts[1:paired:2], *parts[paired:]]
        values = [branch for branch in branches if written(branch) != "null"]
        if (len(values) < len(branches) or paired == len(parts)) and not all(map(self._parts_rows, conditions)):
            return Spread.ONE
        return min(map(self.of, values), default=Spread.ONE)

    def _parts_rows(self, condition: Node) -> bool:
        """Whether a condition holds a value that differs against what is written: it may be true of some rows alone."""
        if condition.name in COMBINED:
            return all(map(self._parts_rows, condition.children))
        open_ = [part for part in condition.children if written(part) is None]
        return condition.name in COMPARED and len(open_) == 1 and self.of(open_[0]) is not Spread.ONE

    def _may_stand_beside(self, part: Node) -> bool:
        """Whether a part of a text does not make all of it NULL."""
        return self.is_given(part) or self.of(part) is not Spread.ONE

    def _field(self, struct: Node, ordinal: int) -> Spread:
        """Of a struct that stands there, or of a column; of one that was made in a step before nothing is known."""
        if struct.name == f"{EXPRESSIONS}CreateNamedStruct":
            return self.of(struct.children[2 * ordinal + 1])
        return self.of(struct) if self.is_given(struct) else Spread.ONE

    def _beside_written(self, parts: Sequence[Node], fits: Callable[[Node], bool], *, once: bool = False) -> Spread:
        """That of the one argument that is not written out; a few, where that is scaled more than ``once``."""
        told = [part for part in parts if written(part) is not None]
        open_ = [part for part in parts if written(part) is None]
        if len(open_) != 1 or not all(map(fits, told)):
            return Spread.ONE
        return min(self.of(open_[0]), Spread.FEW if once and is_scaled(open_[0]) else Spread.MANY)

    def _note(self, columns: Sequence[Node], spread: Callable[[Node], Spread]) -> list[int]:
        numbers = []
        for column in columns:
            at = number(column) or 0
            if column.name != ATTRIBUTE:
                self._known[at] = Spread.ONE if asks_outside(column) else spread(column)
                made = any(part.name.endswith("CreateNamedStruct") for part, _ in walk(column))
                self._given |= {at} if self.is_given(column) and not made else set()
            numbers.append(at)
        return numbers

    def listed(self, plan: Node, spread: Spread) -> list[int]:
        """The columns of rows that are there, all of one spread."""
        columns = held(plan, "output") or held(plan, "projectList")
        self._known.update({number(column) or 0: spread for column in columns})
        self._given.update(number(column) or 0 for column in columns)
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
        if node.name in OF_ANOTHER_ROW and written(node.children[2]) != "null":
            return min(map(self.of, node.children[::2]))
        if node.name in PICKED:
            return self.of(node.children[0])
        if node.name in COUNTED:
            return Spread.FEW
        if node.name == f"{EXPRESSIONS}WindowExpression":
            return min(self._computed(node.children[0]), self._of_parts(*node.children))
        if node.name.endswith((".AggregateExpression", ".Alias")):
            return self._computed(node.children[0])
        return self.of(node)

    def _of_parts(self, function: Node, specification: Node) -> Spread:
        """How many values a window function may at least be held to: where it has one for each part, as its parts."""
        *by, frame = specification.children
        if function.name in OF_ANOTHER_ROW:
            return Spread.MANY
        name = (function.children[0] if function.name.endswith(".AggregateExpression") else function).name
        orders = [part for part in by if part.name.endswith(".SortOrder")]
        parts = [part for part in by if part not in orders]
        if moves(frame, last=name.endswith(".Last")) and name.rpartition(".")[2] not in ONE_OF_PART:
            ranged = "RangeFrame" in str(frame.fields.get("frameType"))
            return max(map(self.of, [*parts, *orders])) if ranged else Spread.MANY
        return max(map(self.of, parts), default=Spread.ONE)

    def generated(self, plan: Node) -> Sequence[int]:
        """The columns of LATERAL VIEW."""
        columns = held(plan, "generatorOutput")
        made = held(plan, "generator")
        source = self.of(made[0].children[0]) if made and made[0].children else Spread.ONE
        self._known.update({number(column) or 0: source for column in columns})
        if made and made[0].name.endswith("PosExplode"):
            self._known[number(columns[0]) or 0] = Spread.FEW
        return [number(column) or 0 for column in columns]

    def united(self, below: Sequence[Sequence[int]]) -> Sequence[int]:
        """Of UNION and the like: as few values as in any of the queries."""
        for columns in zip(*below, strict=False):
            self._known[columns[0]] = min(self._known.get(column, self._beyond) for column in columns)
            self._given -= set() if self._given.issuperset(columns) else {columns[0]}
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
            self._given |= {column} if own in self._given else set()
        return columns


def _cast(child: Node, target: object) -> Spread:
    """How many values a cast lets through."""
    return Spread.ONE if target == "boolean" else Spread.MANY if keeps_all(child, target) else Spread.FEW


_OWN: Mapping[str, Callable[[Spreads, Node], Sequence[int]]] = {
    "Project": Spreads.projected,
    "Aggregate": Spreads.aggregated,
    "Expand": Spreads.expanded,
    "CTERelationRef": Spreads.referred,
    "LocalRelation": lambda spreads, plan: spreads.listed(plan, Spread.FEW),
    "View": lambda spreads, plan: spreads.listed(rows_of(plan), Spread.MANY),
}
"""Steps that show the columns they make, and no others."""
_MORE: Mapping[str, Callable[[Spreads, Node], Sequence[int]]] = {
    "Window": Spreads.windowed,
    "Generate": Spreads.generated,
}
"""Steps that add to the columns below."""
