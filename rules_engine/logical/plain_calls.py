"""Calls whose names sqlglot is not shown, as what they are: aggregates, parts of a day, truths as numbers."""

from __future__ import annotations

import re

from sqlglot import exp

from rules_engine.logical.rewrites import STAND_IN

MORE_AGGREGATES = {"percentile", "median", "bit_or", "bit_and", "bit_xor"}
"""Aggregates that only Spark works out: all pass over NULL, and are NULL of nothing."""
OF_UNITS, UNITS = {"datediff", "date_diff", "timestampdiff"}, {"day", "week", "month", "quarter", "year"}
"""Calls whose first argument is a unit, and which are read."""
_NAME = re.compile(rf"{STAND_IN}([0-9]+)__", re.IGNORECASE)
_PARTS = {"year", "quarter", "month", "day"}
"""What EXTRACT takes of a day as calls of the same name do."""
_WHOLE = {exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT}
_TYPES = {
    *_WHOLE, exp.DType.DOUBLE, exp.DType.FLOAT, exp.DType.DECIMAL, exp.DType.TEXT, exp.DType.BOOLEAN, exp.DType.DATE,
    exp.DType.TIMESTAMPTZ,
}  # fmt: skip
"""What sqlglot writes of a type as Spark does."""


def put_plainly(root: exp.Query, numbers: dict[str, int]) -> None:
    """Change the tree; ``numbers`` are the texts that its names stand in for, with their numbers, and may get more."""
    texts = [each.lower() for each in numbers]
    for call in [*root.find_all(exp.Anonymous)]:
        named = _NAME.fullmatch(str(call.this))
        name = texts[int(named[1])] if named else ""
        if name in MORE_AGGREGATES:
            call.replace(exp.AnonymousAggFunc(this=call.this, expressions=call.expressions))
        elif name in OF_UNITS and len(call.expressions) == len(("unit", "from", "to")):
            unit = call.expressions[0]
            if isinstance(unit, exp.Column) and not unit.table and unit.name.lower() in UNITS:
                unit.replace(exp.Var(this=unit.name))
    for cast in [*root.find_all(exp.TryCast)]:
        if is_plain(cast) and (cased := _as_case(cast)) is not None:
            cast.replace(cased)
    for part in [*root.find_all(exp.Extract)]:
        unit = part.this.name.lower()
        if unit not in _PARTS:
            continue
        name = f"{STAND_IN}{numbers.setdefault(unit, len(numbers))}__"
        part.replace(exp.Anonymous(this=name, expressions=[part.expression]))


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
