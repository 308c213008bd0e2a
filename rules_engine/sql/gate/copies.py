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
    exp.Nullif: 4, exp.DecodeCase: 3,
    **dict.fromkeys((exp.Case, exp.If, exp.Nvl2, exp.EqualNull, exp.SafeAdd, exp.SafeSubtract, exp.SafeMultiply,
                     exp.SafeDivide, exp.Left, exp.Right), 2),
}  # fmt: skip
"""How often Spark writes what stands within a call: beside what it makes of the call; of CASE in pairs, too."""
_AS_OTHERS = {"try_add", "try_subtract", "try_multiply", "try_divide", "try_mod", "zeroifnull", "nullifzero", "iff"}
"""Calls that sqlglot does not know, and that Spark makes into others."""

_AS_WRITTEN: dict[type[exp.Expr], str] = {
    exp.Case: "CASE", exp.If: "IF", exp.Nullif: "nullif", exp.DecodeCase: "decode", exp.Nvl2: "nvl2", exp.Left: "left",
    exp.Right: "right", exp.Coalesce: "nvl", exp.EqualNull: "equal_null", exp.SafeAdd: "try_add",
    exp.SafeSubtract: "try_subtract", exp.SafeMultiply: "try_multiply", exp.SafeDivide: "try_divide",
}  # fmt: skip


def copied_faults(tree: exp.Expr) -> Iterator[Fault]:
    """Whether parts would be written so often that no gate gets to their end: each level multiplies them."""
    written, waiting, most = 0, [(tree, tree, 1)], allowed().limits.copies
    while waiting:
        node, around, copies = waiting.pop()
        of_it = _copies(node)
        around, copies = (node if of_it > 1 else around), copies * of_it
        written += copies if copies >= _MANY else 0
        if written > most:
            name = _AS_WRITTEN.get(type(around), around.name or around.key).upper()
            yield refuse("SQL-147", position(around), name=name, found=f"{written:,}", limit=f"{most:,}")
            return
        waiting += [(child, around, copies) for child in node.iter_expressions()]


def _copies(node: exp.Expr) -> int:
    """How often Spark writes each part of a node; once where that is not known to be more."""
    if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
        return 1
    if isinstance(node, exp.Anonymous) and node.name.lower() in _AS_OTHERS:
        return 2
    if isinstance(node, exp.Coalesce) and len(node.expressions) == 1:
        return 2  # nvl and ifnull are read as that
    return _COPIES.get(type(node), 1)
