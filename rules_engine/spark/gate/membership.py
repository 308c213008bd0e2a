"""
``IN (SELECT …)`` where not only its being true counts, judged on Spark's analysed plan.

Spark works ``x IN (SELECT …)`` out by a join and takes it for false where it is unknown. Where a row passes if it is
true, or a CASE goes by it, nobody sees the difference; of a value that is shown, compared or asked for NULL it is the
answer. NOT is no harm: Spark brings it down to the IN and heeds NULL there. The conditions of a rule itself are written
out (:mod:`rules_engine.sql.unknown`) and need not be judged.

An IN beside its own negation (``x IN (q) OR x NOT IN (q)``) Spark simplifies to one that asks whether it is NULL, which
is wrong; SQL-333 refuses it, as too slow. Whoever accepts more there has to refuse that here.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from rules_engine.errors import Fault
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.spark.gate.plan_tree import Node
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.lexer import blanked
from rules_engine.sql.unknown import Untold, told

IN, NOT = "expressions.InSubquery", "expressions.Not"
CASE, IF = "expressions.CaseWhen", "expressions.If"
_CONDITIONAL = {"plans.logical.Filter", "plans.logical.Join"}
"""Plans that let a row pass where their condition is true."""
_COMBINING = {"expressions.And", "expressions.Or"}


class _Counts(Enum):
    """What of a condition counts where it stands."""

    TRUE = auto()
    """Whether it is true: false and unknown are one."""
    NEGATED = auto()
    """Likewise, under a NOT that Spark brings down to what AND and OR combine."""
    ALL = auto()
    OWN = auto()
    """It is the rule's own condition, which is written out."""


def membership_faults(root: Node, version: RuleVersion) -> Iterator[Fault]:
    """The first IN of a plan, or of a condition, whose being unknown counts."""
    waiting = [(root, _of_root(root, version))]
    while waiting:
        node, counts = waiting.pop()
        if node.name == IN and counts is _Counts.ALL:
            yield refuse("SQL-350", name="IN (SELECT …)")
            return
        held = _Counts.TRUE if node.name in _CONDITIONAL else _Counts.ALL
        if node is root and node.name in _CONDITIONAL and version.form is Form.PREDICATE:
            held = _of_predicate(version)
        if node.name != CASE:  # what stands beside it are its children, printed twice
            waiting += [(child, held) for child in node.beside]
        waiting += [(child, _of_child(node, place, counts)) for place, child in enumerate(node.children)]


def _of_root(root: Node, version: RuleVersion) -> _Counts:
    return _Counts.ALL if root.name.startswith("plans.") else _of_predicate(version)


def _of_predicate(version: RuleVersion) -> _Counts:
    try:
        told(blanked(version.sql))
    except Untold:
        return _Counts.TRUE
    return _Counts.OWN


def _of_child(node: Node, place: int, counts: _Counts) -> _Counts:
    """What of a child counts, by what counts of the node."""
    if counts is _Counts.OWN or (node.name in _COMBINING and counts is not _Counts.ALL):
        return counts
    if node.name == NOT and counts is not _Counts.ALL:
        return _Counts.NEGATED
    if _goes_by(node, place) or (node.name in {IF, CASE} and counts is _Counts.TRUE):
        return _Counts.TRUE
    return _Counts.ALL


def _goes_by(node: Node, place: int) -> bool:
    """Whether a node asks of a child only if it is true: a condition of CASE, IS TRUE, and ``coalesce(…, false)``."""
    if node.name in {IF, CASE}:
        return place == 0 if node.name == IF else place % 2 == 0 and place + 1 < len(node.children)
    beside = {"expressions.EqualNullSafe": "true", "expressions.Coalesce": "false"}.get(node.name)
    return beside is not None and len(node.children) == 2 and _is(node.children[1], beside)


def _is(node: Node, value: str) -> bool:
    return node.name == "expressions.Literal" and str(node.fields.get("value")) == value
