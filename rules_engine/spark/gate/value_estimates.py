"""
How large the values of expressions may be, and how many steps they take to make.

Variables of lambdas are followed by their numbers, as columns are; sub-queries are asked of whoever knows plans.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rules_engine.spark.gate import effort
from rules_engine.spark.gate.effort import Patterns
from rules_engine.spark.gate.plan_tree import Node, number
from rules_engine.spark.gate.reliance import short
from rules_engine.spark.gate.sizes import MOST, Size, largest, of_call, of_type, several, text
from rules_engine.spark.gate.texts import of_literal

LAMBDA, WITH = "LambdaFunction", "With"


@dataclass(frozen=True, slots=True)
class Made:
    """A value that a rule makes: by what, how large, and how many steps of its own it takes."""

    by: Node
    size: Size
    steps: float


@dataclass(slots=True)
class Values:
    """The sizes of columns and variables by number; ``made`` is told of every call."""

    asked: Callable[[Node], tuple[Size, float]]
    """The size of the first column of a sub-query, and its steps."""
    patterns: Patterns = ()
    made: list[Made] = field(default_factory=list)
    sizes: dict[int, Size] = field(default_factory=dict)
    _begun: dict[int, int] = field(default_factory=dict)
    """How much was made before the body of a lambda."""
    group: float = 1
    """Rows in a group of the aggregate that is being looked at."""

    def of(self, roots: Sequence[Node]) -> tuple[list[Size], float]:
        """The sizes of some values, and the steps to make them all."""
        found = [self._expression(root) for root in roots]
        return [size for size, _ in found], min(MOST, sum(steps for _, steps in found))

    def of_column(self, column: int) -> Size:
        return self.sizes.get(column, Size())

    def _expression(self, root: Node) -> tuple[Size, float]:
        """Every call after its arguments, without recursion: an expression may be some hundred levels deep."""
        done: dict[int, tuple[Size, float]] = {}
        waiting: list[tuple[Node, Node | None, bool, Sequence[Node]]] = [(root, None, False, ())]
        while waiting:
            node, above, ready, common = waiting.pop()
            if id(node) in done:
                continue
            arguments = _arguments(node)
            if ready:
                done[id(node)] = self._called(
                    node, arguments, [done[id(part)] for part in arguments], [done[id(part)][0] for part in common]
                )
                continue
            if short(node) == LAMBDA and above is not None:
                self._begun[id(node)] = len(self.made)
                self._bind(node, [done[id(part)][0] for part in _arguments(above) if part is not node])
            waiting.append((node, above, True, common))
            if short(node) == WITH:
                within, *held = arguments
                waiting += [(within, node, False, held), *((part, node, False, common) for part in held)]
            else:
                waiting += [(part, node, False, common) for part in reversed(arguments)]
        return done[id(root)]

    def _bind(self, function: Node, given: Sequence[Size]) -> None:
        """A lambda's variables are the elements of what its function is given."""
        elements = [size.element or Size() for size in given]
        if len(given) == 1 and given[0].keyed:
            elements = list(elements[0].parts)
        for at, variable in enumerate(function.children[1:]):
            self.sizes[number(variable) or 0] = elements[min(at, len(elements) - 1)] if elements else Size()

    def _called(
        self, node: Node, arguments: Sequence[Node], given: Sequence[tuple[Size, float]], held: Sequence[Size]
    ) -> tuple[Size, float]:
        """The size of a call's value, and the steps to make it, its arguments included."""
        sizes = [size for size, _ in given]
        queries = [self.asked(plan) for plan in node.beside if plan.name.startswith("plans.")]
        size = queries[0][0] if short(node) == "ScalarSubquery" else self._size(node, arguments, sizes, held)
        own = effort.steps(node, arguments, sizes, size, self.patterns)
        before = sum(steps for _, steps in given)
        if arguments and short(arguments[-1]) == LAMBDA:
            count = max((each.count for each in sizes[:-1]), default=1)
            count *= math.log2(count + 2) if short(node) == "ArraySort" else 1
            before += given[-1][1] * max(0, count - 1)
            begun = self._begun[id(arguments[-1])]
            self.made[begun:] = [
                replace(made, steps=min(MOST, made.steps * max(1, count))) for made in self.made[begun:]
            ]
        before += sum(steps for _, steps in queries)
        if arguments:
            self.made.append(Made(node, size, own))
        return size, min(MOST, own + before)

    def _size(self, node: Node, arguments: Sequence[Node], given: Sequence[Size], held: Sequence[Size]) -> Size:
        name = short(node)
        match name:
            case "Literal":
                written = of_literal(node)
                return of_type(node.fields.get("dataType")) if written is None else text(len(written))
            case "AttributeReference" | "NamedLambdaVariable":
                return self.sizes.setdefault(number(node) or 0, of_type(node.fields.get("dataType")))
            case "LambdaFunction":
                return given[0]
            case "CommonExpressionRef":
                return largest(held)
            case "CollectList" | "CollectSet":
                return several(self.group, given[0])
        return of_call(node, arguments, given)


def _arguments(node: Node) -> Sequence[Node]:
    """What an expression is made of; some print their arguments beside, some what they stand for as their child."""
    return node.children or [part for part in node.beside if part.name.startswith("expressions.")]
