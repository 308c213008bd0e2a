"""Expressions within each other that Spark writes several times where it shows a plan, which every gate after reads."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from rules_engine.errors import Fault
from rules_engine.sql.allow_list import allowed, refuse
from rules_engine.sql.gate.syntax import position

_MANY = 32
"""Copies of a part from which on they are counted: so deep no rule is by the way."""
_COPIES: dict[type[exp.Expr], int] = {
    exp.Between: 3, exp.Nullif: 3,
    **dict.fromkeys((exp.Case, exp.If, exp.Nvl2, exp.EqualNull, exp.SafeAdd, exp.SafeSubtract, exp.SafeMultiply,
                     exp.SafeDivide, exp.Left, exp.Right, exp.Extract), 2),
}  # fmt: skip
"""How often Spark writes what stands within a call: beside what it makes of the call, too."""
_CALLS = {
    "zeroifnull": 3, "nullifzero": 3,
    **dict.fromkeys(("try_add", "try_subtract", "try_multiply", "try_divide", "try_mod", "btrim", "date_part",
                     "datepart", "get", "iff"), 2),
}  # fmt: skip
"""The same of calls that sqlglot does not know."""
_MAKES_INTERVALS = (exp.Interval, exp.MakeInterval, exp.Sub)

_AS_WRITTEN: dict[type[exp.Expr], str] = {
    exp.Case: "CASE", exp.If: "IF", exp.Nullif: "nullif", exp.DecodeCase: "decode", exp.Nvl2: "nvl2", exp.Left: "left",
    exp.Right: "right", exp.Coalesce: "nvl or coalesce", exp.EqualNull: "equal_null", exp.SafeAdd: "try_add",
    exp.SafeSubtract: "try_subtract", exp.SafeMultiply: "try_multiply", exp.SafeDivide: "try_divide",
}  # fmt: skip


def copied_faults(tree: exp.Expr) -> Iterator[Fault]:
    """Whether parts would be written so often that no gate gets to their end: each level multiplies them."""
    written, most = 0, allowed().limits.copies
    for _, around, copies in parts(tree):
        written += copies if copies >= _MANY else 0
        if written > most:
            name = _AS_WRITTEN.get(type(around), around.name or around.key).upper()
            yield refuse("SQL-147", position(around), name=name, found=f"{written:,}", limit=f"{most:,}")
            return


def parts(tree: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr, int]]:
    """Each part of a tree, the innermost around it that makes more of what it holds, and how often it is written."""
    waiting = [(tree, tree, 1)]
    named = any(alias.find(*_MAKES_INTERVALS) for alias in tree.find_all(exp.Alias))
    while waiting:
        node, around, copies = waiting.pop()
        yield node, around, copies
        for child in node.iter_expressions():
            of_it = _copies(node, child, named_intervals=named)
            waiting.append((child, node if of_it > 1 else around, copies * of_it))


def _copies(node: exp.Expr, part: exp.Expr, *, named_intervals: bool) -> int:
    """How often Spark writes a part of a node; once where that is not known to be more."""
    found = _COPIES.get(type(node), 1)
    match node:
        case exp.If() if isinstance(node.parent, exp.Case):
            found = 1
        case exp.Case() if part.arg_key == "this":  # is held against each WHEN
            found = 2 * len(node.args["ifs"])
        case exp.DecodeCase():
            found = 2 * (len(node.expressions) // 2) + 1 if part.index == 0 else 3
        case exp.Sub() if _may_be_interval(node.expression, named=named_intervals):
            found = 2
        case exp.Bracket() if node.args.get("safe"):  # try_element_at
            found = 2
        case exp.Coalesce() if len(node.expressions) == 1:  # nvl and ifnull are read as that
            found = 2
        case exp.Anonymous():
            found = _CALLS.get(node.name.lower(), 1)
    return found


def _may_be_interval(of: exp.Expr, *, named: bool) -> bool:
    """Whether what is taken away may be an interval: then Spark writes both twice."""
    return of.find(*_MAKES_INTERVALS) is not None or (named and of.find(exp.Column) is not None)
