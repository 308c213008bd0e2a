"""What a rule may say and should not: accepted, and said to whoever reads the report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlglot import exp

from rules_engine.errors import Fault
from rules_engine.model.frames import Schema
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.gate.syntax import position

_ADDRESS = re.compile(r"[A-Za-z0-9._+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
_PICKS = (exp.RowNumber, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)


def advice(nodes: Sequence[exp.Expr], schema: Schema) -> Iterator[Fault]:
    """Warnings about one rule that is accepted, by all nodes of its tree; each kind once."""
    for found in (_ties(nodes, schema), _not_in(nodes), _addresses(nodes)):
        if (fault := next(found, None)) is not None:
            yield fault


def _ties(nodes: Sequence[exp.Expr], schema: Schema) -> Iterator[Fault]:
    keys = {schema.subject_key.lower(), *(key.lower() for key in schema.subject_keys.values())}
    for window in (node for node in nodes if isinstance(node, exp.Window)):
        order = window.args.get("order")
        picked = window.this.this if isinstance(window.this, exp.IgnoreNulls | exp.RespectNulls) else window.this
        if order is None or not isinstance(picked, _PICKS):
            continue
        if len(order.expressions) == 1 and not keys & {c.name.lower() for c in order.find_all(exp.Column)}:
            yield refuse("SQL-901", position(window), name=picked.sql_name().lower(), hint="Add the key to ORDER BY.")


def _not_in(nodes: Sequence[exp.Expr]) -> Iterator[Fault]:
    for negation in (node for node in nodes if isinstance(node, exp.Not)):
        query = negation.this.args.get("query") if isinstance(negation.this, exp.In) else None
        if query is not None and not any(isinstance(null.parent, exp.Is) for null in query.find_all(exp.Null)):
            yield refuse("SQL-902", position(negation))


def _addresses(nodes: Sequence[exp.Expr]) -> Iterator[Fault]:
    for text in nodes:
        if isinstance(text, exp.Literal) and text.is_string and _ADDRESS.fullmatch(text.name):
            yield refuse("SQL-903", position(text), name=text.name)
