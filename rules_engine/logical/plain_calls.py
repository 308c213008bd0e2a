"""Calls whose names sqlglot is not shown, as what they are: aggregates, parts of a day, truths as texts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlglot import exp

from rules_engine.logical.rewrites import STAND_IN

MORE_AGGREGATES = {"percentile", "median", "bit_or", "bit_and", "bit_xor"}
"""Aggregates that only Spark works out: all pass over NULL, and are NULL of nothing."""
OF_UNITS, UNITS = {"datediff", "date_diff", "timestampdiff"}, {"day", "week", "month", "quarter", "year"}
"""Calls whose first argument is a unit, and which are read."""
STRUCT = "struct"
_NAME = re.compile(rf"{STAND_IN}([0-9]+)__", re.IGNORECASE)
_WHOLE = {exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT}
_TYPES = {
    *_WHOLE, exp.DType.DOUBLE, exp.DType.FLOAT, exp.DType.DECIMAL, exp.DType.TEXT, exp.DType.BOOLEAN, exp.DType.DATE,
    exp.DType.TIMESTAMPTZ,
}  # fmt: skip
"""What sqlglot writes of a type as Spark does."""


def put_plainly(root: exp.Query, texts: Iterable[str]) -> None:
    """Change the tree; ``texts`` are the texts that its names stand in for, in the order of these."""
    called = [each.lower() for each in texts]
    for call in [*root.find_all(exp.Anonymous)]:
        named = _NAME.fullmatch(str(call.this))
        name = called[int(named[1])] if named else ""
        if name in MORE_AGGREGATES:
            call.replace(exp.AnonymousAggFunc(this=call.this, expressions=call.expressions))
        elif name in OF_UNITS and len(call.expressions) == len(("unit", "from", "to")):
            unit = call.expressions[0]
            if isinstance(unit, exp.Column) and not unit.table and unit.name.lower() in UNITS:
                unit.replace(exp.Var(this=unit.name))
        elif name == STRUCT:
            for value in [*call.expressions]:  # a field goes by the column's name, whatever stands for it then
                if isinstance(value, exp.Column) and not _NAME.fullmatch(value.name):
                    value.replace(exp.Alias(this=value.copy(), alias=value.this.copy()))
    for cast in [*root.find_all(exp.TryCast)]:
        if is_plain(cast) and (cased := _as_case(cast)) is not None:
            cast.replace(cased)


def is_plain(cast: exp.Expr) -> bool:
    """Whether it is CAST to a type that is written back as it was, and not TRY_CAST."""
    more = {name for name, said in cast.args.items() if said} - {"this", "to"}
    return not more and cast.args["to"].this in _TYPES


def _as_case(cast: exp.Expr) -> exp.Expr | None:
    """Of a condition that is cast to a whole number, the CASE that gives 1, 0 or NULL; None for other casts."""
    bare = cast.this.unnest()
    if cast.args["to"].this not in _WHOLE or not isinstance(bare, exp.Predicate | exp.Connector | exp.Not):
        return None
    inner = bare.this.unnest() if isinstance(bare, exp.Not) else bare
    told = isinstance(inner, exp.Exists) or (isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null))
    one, zero = exp.Literal.number(1), exp.Literal.number(0)
    ifs = [exp.If(this=bare.copy(), true=one)]
    if told:
        return exp.Case(ifs=ifs, default=zero)
    return exp.Case(ifs=[*ifs, exp.If(this=exp.Not(this=exp.Paren(this=bare.copy())), true=zero)])
