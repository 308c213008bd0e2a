"""Which columns the value of an expression really relies on: ``id * 0`` relies on none, though it names one."""

from __future__ import annotations

from dataclasses import dataclass

from rules_engine.spark.gate.plan_tree import Node
from rules_engine.spark.gate.texts import of_literal

Columns = frozenset[int]
Shape = tuple[object, ...]
NOTHING: Columns = frozenset()

ATTRIBUTE, ALIAS, OUTER = "AttributeReference", "Alias", "OuterReference"

_OF_ONE_WITH_ITSELF = set(
    """
    BitwiseXor Divide EqualNull EqualNullSafe EqualTo GreaterThan GreaterThanOrEqual IntegralDivide LessThan
    LessThanOrEqual NullIf Pmod Remainder Subtract
    """.split()
)
"""Operators that come to one value, or NULL, where both sides are the same."""

_WITH = {
    "Multiply": {"0"},
    "BitwiseAnd": {"0"},
    "And": {"false"},
    "Or": {"true"},
}
"""Operators that come to one value, or NULL, where either side is this constant."""

_BY = {
    "Remainder": (1, {"1", "-1"}),
    "Pmod": (1, {"1", "-1"}),
    "Pow": (1, {"0"}),
    "Left": (1, {"0"}),
    "Right": (1, {"0"}),
    "Substring": (2, {"0"}),
    "StringLPad": (1, {"0"}),
    "StringRPad": (1, {"0"}),
}
"""Functions that come to one value, or NULL, where the argument at a place is this constant."""

_EXACT = {"byte": 3, "short": 5, "integer": 10, "long": 20}
"""Digits of whole numbers, by Spark's names for them in JSON."""


def short(node: Node) -> str:
    """A class without its package."""
    return node.name.rpartition(".")[2]


def alone(node: Node) -> int | None:
    """The number of the column that an expression is, or gives."""
    return int(node.fields["exprId"]["id"]) if short(node) in {ATTRIBUTE, ALIAS} else None


def shape(node: Node) -> Shape:
    """What makes two expressions the same, for one row."""
    return (
        short(node),
        str(node.fields.get("exprId", {}).get("id", "")),
        str(node.fields.get("value", "")),
        str(node.fields.get("dataType", "")),
        *(shape(child) for child in node.children),
    )


def relies_on(node: Node) -> Columns:
    """The columns without which a value, where it is not NULL, could not be told."""
    name, children = short(node), node.children
    if name == OUTER or _is_fixed(node):
        return NOTHING
    if name == ATTRIBUTE:
        return frozenset({int(node.fields["exprId"]["id"])})
    if name in {"If", "CaseWhen"} and len({shape(branch) for branch in _branches(node)}) == 1:
        return relies_on(_branches(node)[0])
    if name == "Coalesce":
        children = children[: next((at for at, child in enumerate(children, 1) if _constant(child)), len(children))]
    if name == "CreateNamedStruct":
        children = children[1::2]
    return NOTHING.union(*(relies_on(child) for child in children))


def told_apart_by(node: Node) -> Columns:
    """The columns whose every two values give an expression two values: bare columns, and what keeps them whole."""
    match short(node), node.children:
        case "AttributeReference", _:
            return relies_on(node)
        case "UnaryMinus" | "UnaryPositive" | "Alias" | "SortOrder", (child, *_):
            return told_apart_by(child)
        case "CreateNamedStruct", children:
            return NOTHING.union(*(told_apart_by(child) for child in children[1::2]))
        case "CreateArray", children:
            return NOTHING.union(*(told_apart_by(child) for child in children))
        case "Cast", (child,) if short(child) == ATTRIBUTE and _widens(
            child.fields["dataType"], node.fields["dataType"]
        ):
            return relies_on(child)
    return NOTHING


def _is_fixed(node: Node) -> bool:
    """Whether an operator comes to one value whatever it is given."""
    name, children = short(node), node.children
    if name == "NullIf":
        children = node.beside
    if name in _OF_ONE_WITH_ITSELF and len(children) == 2 and shape(children[0]) == shape(children[1]):
        return True
    if any(_constant(child) in _WITH.get(name, ()) for child in children):
        return True
    at, constants = _BY.get(name, (0, set[str]()))
    return bool(constants) and len(children) > at and _constant(children[at]) in constants


def _constant(node: Node) -> str:
    """A constant as a text, a number without its zeros; empty for anything else, and for NULL."""
    if short(node) == "Cast":
        return _constant(node.children[0])
    if short(node) == "UnaryMinus":
        return f"-{found}" if (found := _constant(node.children[0])) not in {"", "0"} else found
    if short(node) != "Literal" or node.fields.get("value") is None:
        return ""
    if of_literal(node) is not None:
        return f"'{of_literal(node)}'"
    value = str(node.fields["value"])
    return (value.rstrip("0").rstrip(".") or "0") if "." in value else value


def _branches(node: Node) -> list[Node]:
    """What IF or CASE may come to; without ELSE, also NULL, which is no value."""
    if short(node) == "If":
        return list(node.children[1:])
    last = [node.children[-1]] if len(node.children) % 2 else []
    return [*node.children[1::2], *last]


def _widens(source: object, target: object) -> bool:
    """Whether a cast keeps every two values of a type apart."""
    if source == "date":
        return str(target).startswith("timestamp")
    before, after = _digits(source), _digits(target)
    return before is not None and after is not None and after[0] >= before[0] and after[1] >= before[1]


def _digits(printed: object) -> tuple[int, int] | None:
    """Digits before and after the point."""
    if str(printed).startswith("decimal("):
        precision, scale = (int(part) for part in str(printed)[8:-1].split(","))
        return precision - scale, scale
    return (_EXACT[str(printed)], 0) if printed in _EXACT else None


RANKS = {"Rank", "DenseRank", "PercentRank", "CumeDist"}
"""Functions that give rows that tie the same."""

PICKS = {"First", "Last", "NthValue"}
"""Functions that take the value of one row."""


@dataclass(frozen=True, slots=True)
class Window:
    """A function over a window: ``by_rows`` where the frame counts rows, and does not hold all of them."""

    function: Node
    name: str
    partition: tuple[Node, ...]
    order: tuple[Node, ...]
    by_rows: bool
    to_current_row: bool

    @property
    def gives_ties_the_same(self) -> bool:
        """Whether rows that tie are given the same value for certain."""
        return self.name in RANKS or not (self.by_rows or self.name in PICKS)


def window(expression: Node) -> Window:
    """A window expression, taken apart."""
    function, specification = expression.children
    *given, frame = specification.children
    called = function.children[0] if short(function) == "AggregateExpression" else function
    ends = [short(end) for end in frame.children]
    return Window(
        function,
        short(called),
        tuple(node for node in given if short(node) != "SortOrder"),
        tuple(node for node in given if short(node) == "SortOrder"),
        "RowFrame" in str(frame.fields.get("frameType")) and ends != ["UnboundedPreceding$", "UnboundedFollowing$"],
        ends[-1:] == ["CurrentRow$"],
    )
