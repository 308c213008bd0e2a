"""Rules as they are planned: bound and read once, and what each asks handed on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import product
from typing import NamedTuple

from rules_engine.index.words import RuleBit
from rules_engine.logical.disjunctive_form import Disjunction, disjunctive_form, held_form
from rules_engine.logical.join_sides import DimensionInList
from rules_engine.logical.normal_form import NormalForm
from rules_engine.logical.query_tree import NotUnderstoodError
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import Form, RuleVersion, WhenUnknown
from rules_engine.model.schemas import Schema
from rules_engine.plan.standalone import asks_other_rows
from rules_engine.sql.lexer import bind


class BoundRule(NamedTuple):
    """A version, its bit, its text with parameters bound, and what it asks: None for a condition on its own rows."""

    placed: RuleBit
    sql: str
    asks: Disjunction | None
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
        return BoundRule(placed, sql, disjunctive_form(_as_statement(version, sql, schema), schema))
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


def held_beside(rule: BoundRule, schema: Schema) -> Disjunction | None:
    """What a rule asks as a row held against aggregates beside it; None where it is no such question."""
    try:
        return held_form(_as_statement(rule.placed[0], rule.sql, schema), schema)
    except NotUnderstoodError:
        return None


def is_read(version: RuleVersion, schema: Schema) -> bool:
    """Whether a rule that asks other rows is read whole, so that it is asked together with others; of any day."""
    try:
        sql = bind(version.sql, version.parameters, date.min)
        return bool(disjunctive_form(_as_statement(version, sql, schema), schema))
    except NotUnderstoodError:
        return False


def values_wanted(rules: Iterable[BoundRule]) -> frozenset[DimensionInList]:
    """The values of small frames that joins ask for: where they are known, nothing is joined. And NULLs of any."""
    forms = [question.form for rule in rules for term in rule.asks or () for question in term]
    joined = {each for form in forms for each in form.wanted}
    return frozenset(joined | {form.given for form in forms if form.given})


class Side(NamedTuple):
    """One side of a question, and whether it is denied."""

    form: NormalForm
    denied: bool
    of_rows: bool


def sides_of(asked: Disjunction, texts: Mapping[NormalForm, tuple[str, str]]) -> Iterator[tuple[Side, ...]]:
    """
    The terms, each question by what it asks of the subject's own row and of rows; ``texts`` are both as SQL, by form.

    A question that is denied holds where one of its sides does not: it makes a term of each.
    """
    for term in asked:
        several = list[list[tuple[Side, ...]]]()
        for form, denied in term:
            rows = form.asks_rows
            own = bool(texts[form][0]) or not rows
            sides = [Side(form, denied, of_rows=False)] * own
            sides += [Side(form, denied != form.negated, of_rows=True)] * rows
            several.append([(side,) for side in sides] if denied else [tuple(sides)])
        for chosen in product(*several):
            yield tuple(side for sides in chosen for side in sides)
