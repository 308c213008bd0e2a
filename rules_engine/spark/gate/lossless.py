"""Which casts, sums and factors leave as many values as there were."""

from __future__ import annotations

import re
from typing import Any

from rules_engine.spark.gate.plan_tree import Node, walk
from rules_engine.spark.gate.texts import is_text

ATTRIBUTE, LITERAL = "expressions.AttributeReference", "expressions.Literal"
LARGEST, LARGEST_FLOAT, FACTORS = 1e9, 1e3, (1e-6, 1e6)
"""What may be added to a number, to one of seven digits, and the least and the largest factor of one."""

_DIGITS = {"byte": 3, "short": 5, "integer": 10, "long": 19}
_WHOLE = [*_DIGITS]
_DECIMAL = re.compile(r"decimal\((\d+),(-?\d+)\)")
_MOMENTS = {"timestamp", "timestamp_ntz"}


def keeps_all(child: Node, target: Any) -> bool:
    """Whether a cast to a type, as Spark prints it, keeps values apart; of a text to a number it does not."""
    source = child.fields.get("dataType") if child.name in {ATTRIBUTE, LITERAL} else None
    if source == target or is_text(target) or not isinstance(target, str):
        return source == target or is_text(target)  # the elements of an array may become anything
    if source is None:
        return target in {"double", *_MOMENTS} or (target != "float" and not is_scaled(child))
    if target in _MOMENTS:
        return source == "date" or source in _MOMENTS
    if target in {"double", "float"}:
        return not is_text(source)
    if source in _DIGITS and target in _DIGITS:
        return _WHOLE.index(source) <= _WHOLE.index(target)
    return _fits(source, target)


def _fits(source: Any, target: Any) -> bool:
    """Whether a decimal has room for all digits of a number, or a whole number for those before the point."""
    into, of = (_DECIMAL.fullmatch(str(type_)) for type_ in (target, source))
    if of is not None and target in _DIGITS:
        return int(of[1]) - int(of[2]) <= _DIGITS[target]
    if into is None or (of is None and source not in _DIGITS):
        return False
    whole, fraction = (int(of[1]) - int(of[2]), int(of[2])) if of else (_DIGITS[source], 0)
    return int(into[2]) >= fraction and int(into[1]) - int(into[2]) >= whole


def is_scaled(node: Node) -> bool:
    """Whether a number was multiplied or divided on its way: digits may be cut off afterwards."""
    scales = node.name.rpartition(".")[2] in {"Multiply", "Divide", "TryMultiply", "TryDivide"}
    return scales or any(map(is_scaled, node.children))


def may_be_a_share(node: Node) -> bool:
    """Whether a number was scaled, or is of a floating type: all of its values may lie between two whole numbers."""
    return is_scaled(node) or any(part.fields.get("dataType") in {"double", "float"} for part, _ in walk(node))


def is_near(node: Node) -> bool:
    """Whether something written out may be added: beside a huge number others vanish, and NULL makes all NULL."""
    value = _number(node)
    if value is None:  # of floating numbers: 'NaN' or 'Infinity'
        return written(node) != "null" and node.fields.get("dataType") not in {"double", "float"}
    return abs(value) <= (LARGEST_FLOAT if node.fields.get("dataType") == "float" else LARGEST)


def is_factor(node: Node) -> bool:
    """Whether a number that is written out may be multiplied with, or divided by."""
    value = _number(node)
    return value is not None and FACTORS[0] <= abs(value) <= FACTORS[1]


def _number(node: Node) -> float | None:
    """The value of a number that is written out; None of what is no number."""
    value, literal = written(node) or "", node
    while literal.children:
        literal = literal.children[0]
    type_ = str(literal.fields.get("dataType", ""))
    if not (type_ in _DIGITS or type_ in {"double", "float"} or type_.startswith("decimal")):
        return None
    return float(value) if re.fullmatch(r"-?[0-9.]+(E-?[0-9]+)?", value) else None


def written(node: Node) -> str | None:
    """The value of a literal, by itself or cast or negated; None for anything else."""
    while (
        node.name.rpartition(".")[2] in {"Cast", "ExtractANSIIntervalDays", "UnaryMinus", "UnaryPositive"}
        and node.children
    ):
        node = node.children[0]
    if node.name != LITERAL:
        return None
    value = node.fields.get("value")
    return "null" if value is None else str(value)
