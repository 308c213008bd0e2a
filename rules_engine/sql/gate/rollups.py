"""ROLLUP whose totals have a key."""

from __future__ import annotations

from sqlglot import exp

_ROLLED = 3
"""Columns of a ROLLUP: each reads all rows once more."""


def keeps_key(node: exp.Expr) -> bool:
    """Whether it is a ROLLUP of a few columns without the total over all: ``HAVING`` the first ``IS NOT NULL``."""
    if not isinstance(node, exp.Rollup) or not isinstance(group := node.parent, exp.Group):
        return False
    keys, having = node.expressions or group.expressions, group.parent and group.parent.args.get("having")
    alone = group.expressions in ([node], keys) and len(group.args.get("rollup") or ()) in {0, 1}
    if not having or not alone or not 1 <= len(keys) <= _ROLLED or not all(isinstance(k, exp.Column) for k in keys):
        return False
    terms = having.this.flatten() if isinstance(having.this, exp.And) else [having.this]
    return any(_is_not_null(term.unnest(), keys[0]) for term in terms)


def _is_not_null(term: exp.Expr, column: exp.Expr) -> bool:
    found = term.this.unnest()
    return (
        isinstance(term, exp.Not)
        and isinstance(found, exp.Is)
        and isinstance(found.expression, exp.Null)
        and found.this.unnest() == column
    )
