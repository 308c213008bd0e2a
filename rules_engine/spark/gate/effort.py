"""How long a call of a function takes, in steps: a step looks at about one character, or compares two values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from rules_engine.spark.gate.plan_tree import Node
from rules_engine.spark.gate.reliance import short
from rules_engine.spark.gate.sizes import MOST, Size
from rules_engine.spark.gate.texts import of_literal
from rules_engine.sql.allow_list import allowed

CELL, TRIED = 12, 20
"""Steps for two characters in levenshtein, and for one in a regular expression, as far as those are allowed."""

AT_ONCE = frozenset(
    """
    AggregateExpression Alias And AttributeReference Between CaseWhen Cast Coalesce CollectList CollectSet
    CommonExpressionDef CommonExpressionRef Count CreateArray CreateMap CreateNamedStruct Decode ElementAt Elt
    EqualNull First Get GetArrayItem GetArrayStructFields GetStructField If IsNotNull IsNull Lag LambdaFunction Last
    Lead Literal MapKeys MapValues NamedLambdaVariable Not NthValue NullIf Nvl Nvl2 Or OuterReference Size Slice
    SortOrder TryElementAt WindowExpression With
    """.split()
)
"""Calls that hand their arguments on, or look at none of their characters."""

LIKES = frozenset({"Like", "ILike"})
LISTS_OF_LIKES = frozenset({"LikeAll", "LikeAny", "NotLikeAll", "NotLikeAny"})


def steps(node: Node, arguments: Sequence[Node], given: Sequence[Size], made: Size, patterns: Patterns) -> float:
    """Of one call, without those of its arguments."""
    name = short(node)
    if name in AT_ONCE:
        return 1
    if name in LIKES:
        pattern = of_literal(arguments[1]) if short(arguments[1]) == "Literal" else None
        return _matched(given[0], wildcards(pattern))
    if name in LISTS_OF_LIKES:
        return max((sum(_matched(given[0], each) for each in group) for group in patterns), default=MOST)
    if (count := _STEPS.get(name)) is not None:
        return min(MOST, count(given))
    return 1 + min(MOST, max(sum(size.whole for size in given), made.whole))


Patterns = Sequence[Sequence[int]]
"""The wildcards of each pattern, of each LIKE ANY or LIKE ALL of a rule."""


def wildcards(pattern: str | None) -> int:
    """How often a text is looked at again from each of its characters: a ``%`` at the end asks for nothing more."""
    if pattern is None:
        return allowed().limits.wildcards
    return max(1, pattern.count("%") - pattern.endswith("%"))


def _matched(text: Size, again: int) -> float:
    return float(min(MOST, max(1.0, min(text.whole, 1e9)) ** again))


def _sorted(given: Sequence[Size]) -> float:
    return given[0].whole * math.log2(2 + min(MOST, given[0].count))


def _searched(given: Sequence[Size]) -> float:
    """Spark compares what it looks for, or cuts off, at each character of a text."""
    looked_for = given[1].whole if len(given) > 1 else 1
    return given[0].whole * max(1, looked_for) + sum(size.whole for size in given[2:])


def _compared(given: Sequence[Size]) -> float:
    """Elements that are arrays, maps or structs are compared with each other, texts and numbers looked up."""
    arrays = [size for size in given if size.element is not None]
    several = [size.element for size in arrays if size.element is not None]
    if not any(element.element or element.parts for element in several):
        return sum(size.whole for size in given)
    count = sum(size.count for size in arrays)
    return min(MOST, count * count * max(element.whole for element in several) / 2)


_STEPS: Mapping[str, Callable[[Sequence[Size]], float]] = {
    "Levenshtein": lambda given: CELL * given[0].whole * given[1].whole,
    "RLike": lambda given: TRIED * given[0].whole,
    **dict.fromkeys(("ArraySort", "SortArray"), _sorted),
    **dict.fromkeys(("ArrayDistinct", "ArrayUnion", "ArrayIntersect", "ArrayExcept", "ArraysOverlap"), _compared),
    **dict.fromkeys("Contains SplitPart StringInstr StringLocate StringReplace SubstringIndex".split(), _searched),
    **dict.fromkeys("StringTrim StringTrimBoth StringTrimLeft StringTrimRight".split(), _searched),
}
"""Calls that look at their arguments more than once, or not at all of what they make."""
