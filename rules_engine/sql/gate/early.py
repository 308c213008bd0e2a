"""Places whose value Spark works out while it reads or resolves a rule, before anything limits the time it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from rules_engine.errors import Fault
from rules_engine.sql.allow_list import Category, allowed, refuse
from rules_engine.sql.gate.syntax import position, written_name

_QUICK = {Category.NUMERIC, Category.DATE, Category.CONDITIONAL}
_HOLDING = {"array", "map", "struct", "named_struct"}
_PATTERNS: dict[type, str] = {exp.Like: "LIKE", exp.ILike: "ILIKE", exp.RegexpLike: "RLIKE"}


def early_faults(nodes: Sequence[exp.Expr], text: str) -> Iterator[Fault]:
    """Cells of VALUES and bounds of windows that are not written out; the first of each place."""
    for node in nodes:
        if isinstance(node, exp.Values):
            yield from _slow(node.expressions, text, "in VALUES")
        elif isinstance(node, exp.WindowSpec):
            bounds = [bound for bound in (node.args.get("start"), node.args.get("end")) if isinstance(bound, exp.Expr)]
            yield from _slow(bounds, text, "in the frame of a window")


def _slow(parts: Sequence[exp.Expr], text: str, place: str) -> Iterator[Fault]:
    for part in parts:
        for node in part.walk():
            if name := _PATTERNS.get(type(node)) or _called(node, text):
                yield refuse("SQL-138", position(node), name=name, found=place)
                return


def _called(node: exp.Expr, text: str) -> str:
    """The name of a function whose work may grow with what it is given."""
    if not isinstance(node, exp.Func):
        return ""
    function = allowed().functions.get(written_name(node, text))
    if function is None or function.category in _QUICK or function.name in _HOLDING:
        return ""
    return function.name
