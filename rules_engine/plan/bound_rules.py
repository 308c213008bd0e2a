"""Rules as they are planned: bound and read once, and what each asks handed on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from rules_engine.index.words import RuleBit
from rules_engine.logical.join_sides import DimensionInList
from rules_engine.logical.normal_form import NormalForm, normal_form
from rules_engine.logical.query_tree import NotUnderstoodError
from rules_engine.model.frames import Schema
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import Form, RuleVersion, WhenUnknown
from rules_engine.plan.standalone import asks_other_rows
from rules_engine.sql.lexer import bind


class BoundRule(NamedTuple):
    """A version, its bit, its text with parameters bound, and what it asks: None for a condition on its own rows."""

    placed: RuleBit
    sql: str
    asks: NormalForm | None
    not_understood: str | None = None
    """Which part keeps it from being read; None where it was read, empty where that cannot be told."""


def bound_rules(matrix: HitMatrix, schema: Schema, as_of: date) -> tuple[BoundRule, ...]:
    """Every rule of a hit matrix, in its order."""
    return tuple(_bound(placed, schema, as_of) for placed in matrix.cells)


def _bound(placed: RuleBit, schema: Schema, as_of: date) -> BoundRule:
    version, _ = placed
    sql = bind(version.sql, version.parameters, as_of)
    if version.form is Form.PREDICATE and not asks_other_rows(version.sql):
        return BoundRule(placed, sql, None)
    try:
        return BoundRule(placed, sql, normal_form(_as_statement(version, sql, schema), schema))
    except NotUnderstoodError as problem:
        return BoundRule(placed, sql, None, str(problem))


def _as_statement(version: RuleVersion, sql: str, schema: Schema) -> str:
    """A bound rule that asks other rows, as a statement."""
    if version.form is Form.STATEMENT:
        return sql
    if version.frame.lower() != schema.subject.lower():
        raise NotUnderstoodError("a sub-query in a condition on another frame than the subject's")
    if version.when_unknown is not WhenUnknown.MISS:
        raise NotUnderstoodError("a sub-query where an unknown outcome counts")
    return f"SELECT `{schema.subject_key}` FROM `{schema.subject}` WHERE ({sql})"


def values_wanted(rules: Iterable[BoundRule]) -> frozenset[DimensionInList]:
    """The values of small frames that joins ask for: where they are known, nothing is joined."""
    forms = [rule.asks for rule in rules if rule.asks]
    return frozenset(among for form in forms for side in (form.subject, form.rows) if side for _, among in side.among)
