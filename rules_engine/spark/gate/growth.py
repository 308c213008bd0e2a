"""
What grows too large, or works too long, in little text, judged on Spark's analysed plan.

Values, rows and steps are estimated (:mod:`estimates`) and held against ``[growth]`` of ``allowed.toml``. The time
limits of a run are the last line; this is the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rules_engine.errors import Fault
from rules_engine.spark.gate.effort import LISTS_OF_LIKES, Patterns, wildcards
from rules_engine.spark.gate.estimates import Estimates
from rules_engine.spark.gate.excess import excess_faults
from rules_engine.spark.gate.plan_tree import Node, walk
from rules_engine.spark.gate.reliance import short
from rules_engine.spark.gate.spark_trees import each, every, written_columns
from rules_engine.spark.gate.spread import Spread, Spreads
from rules_engine.spark.gate.value_estimates import Made
from rules_engine.sql.allow_list import allowed, refuse


def growth_faults(root: Node, shown: Any) -> Iterator[Fault]:
    """The first of each kind of cost in a plan or a condition; ``shown`` is Spark's own object of it."""
    yield from excess_faults(root)
    is_plan = root.name.startswith("plans.")
    classes = {short(node) for node, _ in walk(root)}
    patterns = _patterns(shown) if classes & LISTS_OF_LIKES else ()
    written = written_columns(shown) if "LocalRelation" in classes else {}
    estimates = Estimates(Spreads() if is_plan else Spreads(Spread.MANY), patterns, written)
    steps = estimates.query(root).steps if is_plan else estimates.values.of([root])[1]
    grown = next(filter(None, map(_too_large, estimates.values.made)), None)
    if grown is not None:
        yield grown
    elif estimates.most_rows > (limit := allowed().growth.rows):
        said = f"about {_shown(estimates.most_rows)} rows"
        hint = (
            "Explode one array only, of fewer elements; ask for its elements with array_contains or exists, "
            "or group by the key after each LATERAL VIEW and UNION ALL."
        )
        yield refuse("SQL-347", name="one row of a frame", found=said, limit=f"{limit:,} rows", hint=hint)
    elif steps > (limit := allowed().growth.steps):
        worst = max(estimates.values.made, key=lambda made: made.steps)
        name, hint = called(worst.by), _QUICKER.get(short(worst.by), _SHORTER)
        yield refuse("SQL-348", name=name, found=f"about {_shown(steps)}", limit=f"{limit:,}", hint=hint)


def _too_large(made: Made) -> Fault | None:
    limits, size = allowed().growth, made.size
    if size.count > limits.elements:
        return _grown(made, size.count, limits.elements, "elements")
    if size.element is None and not size.parts and size.own > limits.characters:
        return _grown(made, size.own, limits.characters, "characters")
    if size.whole > limits.size:
        return _grown(made, size.whole, limits.size, "characters in all")
    return None


def _grown(made: Made, found: float, limit: int, of: str) -> Fault:
    hint = _COLLECTED if short(made.by).startswith("Collect") and of == "elements" else _SHORTER
    return refuse(
        "SQL-347",
        name=f"what {called(made.by)} makes",
        found=f"about {_shown(found)} {of}",
        limit=f"{limit:,} {of}",
        hint=hint,
    )


_COLLECTED = (
    "Collect in a query that is grouped by the key, or ask without a list: count(DISTINCT x), max(x), "
    "key IN (SELECT …)."
)
_SHORTER = "Shorten what it is given with left(x, 100) or slice(x, 1, 10), or ask for fewer things at once."
_QUICKER = {
    **dict.fromkeys(
        ("Like", "ILike", *LISTS_OF_LIKES),
        "Look at less of the text, left(x, 100) LIKE …, or ask with fewer %: contains(x, 'a') AND contains(x, 'b').",
    ),
    "Levenshtein": "Compare the beginnings: levenshtein(left(a, 100), left(b, 100)).",
    "WindowExpression": (
        "Let the window begin at its first row (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW, with the order "
        "turned round if need be), or part it by the key, or name fewer rows."
    ),
}


def called(node: Node) -> str:
    """What an analyst calls a class of Spark's."""
    name = short(node)
    return _CALLED.get(name, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())


_CALLED = {
    "EqualNullSafe": "<=>",
    "EqualTo": "=",
    "GreaterThan": ">",
    "GreaterThanOrEqual": ">=",
    "LessThan": "<",
    "LessThanOrEqual": "<=",
    "ArrayExists": "exists",
    "ArrayFilter": "filter",
    "ArrayForAll": "forall",
    "ArrayTransform": "transform",
    "CreateArray": "array",
    "CreateMap": "map",
    "CreateNamedStruct": "struct",
    "ILike": "ILIKE",
    "Like": "LIKE",
    "LikeAll": "LIKE ALL",
    "LikeAny": "LIKE ANY",
    "NotLikeAll": "NOT LIKE ALL",
    "NotLikeAny": "NOT LIKE ANY",
    "RLike": "RLIKE",
    "StringInstr": "instr",
    "StringLPad": "lpad",
    "StringLocate": "locate",
    "StringRPad": "rpad",
    "StringReplace": "replace",
    "StringSpace": "space",
    "StringTranslate": "translate",
    "StringTrim": "trim",
    "StringTrimBoth": "btrim",
    "StringTrimLeft": "ltrim",
    "StringTrimRight": "rtrim",
    "WindowExpression": "a window whose frame moves",
}


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number < 1e12 else "10^" + str(len(f"{number:.0f}") - 1)


def _patterns(shown: Any) -> Patterns:
    """The wildcards of the patterns of each LIKE ANY and LIKE ALL, which Spark does not print."""
    found = []
    for node in every(shown):
        if node.getClass().getSimpleName() in LISTS_OF_LIKES:
            found.append([wildcards(str(pattern)) for pattern in each(node.patterns())])
    return found
