"""
A statement that asks several questions, as an OR of ANDs of questions of which each has a normal form of its own.

A statement is the set of subjects that it returns. So UNION, INTERSECT and EXCEPT are OR, AND and AND NOT of two
statements; a condition between ORs or ANDs, once NOT stands before single conditions, is a statement by itself where a
query returns rows that nothing but their subject tells apart; and joins that only the subject's key ties are a
statement each, for each row of one of them meets each of the other. A row is kept where a condition is true: so
unknown and false are one here, and only EXCEPT and NOT EXISTS deny a whole statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, product
from typing import NamedTuple

from sqlglot import exp

from rules_engine.logical.block_reader import BlockReader
from rules_engine.logical.case_conditions import chosen
from rules_engine.logical.comparisons import conditions_of, says_more
from rules_engine.logical.flattened import flattened, regrouped
from rules_engine.logical.frame_names import without_hidden_frames
from rules_engine.logical.join_reader import Named, with_queries
from rules_engine.logical.join_sides import JoinSide
from rules_engine.logical.joined_conditions import among_joined, beside
from rules_engine.logical.joined_rows import HeldRow
from rules_engine.logical.left_joins import matched_or_not, with_look_ups
from rules_engine.logical.nested_queries import limits_by_place
from rules_engine.logical.normal_form import FormReader, NormalForm
from rules_engine.logical.numbered_rows import with_rows_before
from rules_engine.logical.other_subjects import with_others
from rules_engine.logical.query_tree import NotUnderstoodError, QueryTree, query_tree
from rules_engine.logical.repeated_rows import joins_groups
from rules_engine.logical.returned_subjects import columns_by_place, is_of_one, is_once, returning_subjects
from rules_engine.logical.rewrites import OPPOSITE
from rules_engine.logical.semi_joins import among
from rules_engine.logical.separate_joins import Relations, relations, renames, without_others
from rules_engine.logical.subject_aggregates import SubjectAggregateReader
from rules_engine.logical.windows import INEXACT
from rules_engine.model.schemas import Schema

MOST_TERMS, MOST_QUESTIONS = 8, 16
"""Of one statement: each question is a bit of every subject."""


class Question(NamedTuple):
    """What is asked, and whether those are meant of whom it is not true."""

    form: NormalForm
    denied: bool = False


Disjunction = tuple[tuple[Question, ...], ...]
"""True where all questions of one of the terms are."""


def disjunctive_form(sql: str, schema: Schema) -> Disjunction:
    """
    What a bound statement asks.

    Raises:
        NotUnderstoodError: If any of it is not understood, or a condition could raise; with the part, where it can be
            told.
    """
    tree = _tree(sql, schema)
    try:
        return _Reader(tree, schema).of(_asked(tree, schema), {})
    except NotUnderstoodError as problem:
        if not str(problem) and (unread := tree.unread()):
            raise NotUnderstoodError(f"an expression that is not read: {unread}") from problem
        raise


def held_form(sql: str, schema: Schema) -> Disjunction:
    """
    The same as one row held against aggregates beside it, which Spark works out.

    Raises:
        NotUnderstoodError: If it is no such question.
    """
    tree = _tree(sql, schema)
    return _held(SubjectAggregateReader(tree, schema).of(_asked(tree, schema), {}), schema)


def _tree(sql: str, schema: Schema) -> QueryTree:
    types = [of for frame in schema.columns for of in schema.types_of(frame).items()]
    tree = query_tree(sql, {name for name, type_ in types if type_ in INEXACT})
    without_hidden_frames(tree.root, {name.lower() for name in schema.columns})
    if columns_by_place(tree.root):
        raise NotUnderstoodError("columns by their places in what * stands for in a join")
    return tree


def _asked(tree: QueryTree, schema: Schema) -> exp.Query:
    """The statement without evidence, other rows of the subject's frame told by its windows and groups."""
    root = returning_subjects(tree.root, schema)
    with_rows_before(root)
    with_others(root, schema)
    return root


def _held(row: HeldRow, schema: Schema) -> Disjunction:
    return ((Question(NormalForm(JoinSide(schema.subject.lower()), held=row)),),)


@dataclass(frozen=True)
class _Reader:
    tree: QueryTree
    schema: Schema

    def of(self, query: exp.Expr, named: Named) -> Disjunction:
        """One question where the query has a normal form that joins no rows, or else what its parts ask."""
        try:
            form = self._form(query, named)
        except NotUnderstoodError as problem:
            return self._of_parts(query, named, problem)
        apart = self._without_a_join(query, named) if form.joined is not None else None
        return apart or ((Question(form),),)

    def _form(self, query: exp.Expr, named: Named, *, grouping: bool = True) -> NormalForm:
        block = BlockReader(self.tree, self.schema, grouping=grouping).query(query.copy(), named, {})
        form = FormReader(self.tree, self.schema).of(block)
        if form.joined is not None and joins_groups(query, named):
            raise NotUnderstoodError("groups that are joined with rows, which repeat them")
        return form

    def _of_parts(self, query: exp.Expr, named: Named, problem: NotUnderstoodError) -> Disjunction:
        """What the parts of a query ask; as one where a row is held against aggregates, and it can be."""
        try:
            found = self._parts(query, named)
        except NotUnderstoodError as of_part:
            found, problem = None, of_part
        if found is None or any(question.form.held for term in found for question in term):
            for framing in (False, True) if found is None else (False,):
                with suppress(NotUnderstoodError):
                    asked = limits_by_place(query.copy()) if framing else query.copy()
                    reader = SubjectAggregateReader(self.tree, self.schema, framing=framing)
                    return _held(reader.of(asked, named), self.schema)
        if found is None and query.find(exp.Window):
            with suppress(NotUnderstoodError):
                return ((Question(self._form(query, named, grouping=False)),),)
        if found is None and (found := self._conditioned(query, named)) is None:
            raise problem
        if _are_too_many(found):
            raise NotUnderstoodError("more questions than are asked together") from problem
        return found

    def _conditioned(self, query: exp.Expr, named: Named) -> Disjunction | None:
        """What a query asks whose joins are conditions of the row that they are joined to."""
        query, named = _bare(query, named)
        if isinstance(query, exp.Select) and query.args.get("from_"):
            for asked in (beside(query, self.schema), among_joined(query, named)):
                with suppress(NotUnderstoodError):
                    if asked is not None:
                        return self.of(asked, named)
        return None

    def _without_a_join(self, query: exp.Expr, named: Named) -> Disjunction | None:
        """What the parts of a query ask, where none of them joins rows and they are few."""
        try:
            found = self._parts(query, named)
        except NotUnderstoodError:
            return None
        if found is None or _are_too_many(found):
            return None
        return None if any(question.form.joined is not None for term in found for question in term) else found

    def _parts(self, query: exp.Expr, named: Named) -> Disjunction | None:
        query, named = _bare(query, named)
        if isinstance(query, exp.SetOperation):
            return self._set_operation(query, named)
        if not isinstance(query, exp.Select):
            return None
        inner = _renamed(query, named) or flattened(query, named) or regrouped(query, named)
        inner = inner or with_look_ups(query, named, self.schema)
        if inner is not None:
            return self.of(*inner)
        try:
            parts = self._separate(query, named)
        except NotUnderstoodError:  # what cannot be told apart is told of the whole
            return None
        if parts is None:
            return None
        return tuple(term for several in parts for term in self._all(several, named))

    def _separate(self, query: exp.Select, named: Named) -> list[list[exp.Expr]] | None:
        """The queries that one is an OR of ANDs of; None where that is the query itself."""
        found = relations(query, named, self.schema)
        if found is None:
            return None
        if query.args.get("group") or query.args.get("having"):
            others = without_others(query, found)
            return [[others[0], *others[1]]] if others else None
        if several := matched_or_not(query, found):
            return [[each] for each in several]
        told = [chosen(each, self.tree) for each in found.where]
        terms = [*islice(_disjuncts(told, found), MOST_TERMS + 1)]
        parts = [found.parts(term) for term in terms]
        if told == found.where and len(terms) == 1 and len(parts[0]) == 1:
            asked = among(parts[0][0], found)
            return [[asked]] if asked is not None else None
        return parts

    def _set_operation(self, query: exp.SetOperation, named: Named) -> Disjunction | None:
        sides = [query.this, query.args["expression"]]
        if says_more(query, {"this", "expression", "distinct", "order"}) or not all(map(is_of_one, sides)):
            return None
        one, other = (self.of(side, named) for side in sides)
        if isinstance(query, exp.Union):
            return one + other
        if isinstance(query, exp.Intersect):
            return _both(one, other)
        once = query.args.get("distinct") or is_once(query.this, self.schema)
        return _both(one, denied(other)) if once else None

    def _all(self, queries: Sequence[exp.Expr], named: Named) -> Disjunction:
        """What queries ask together; one after NOT is denied."""
        found: Disjunction = ((),)
        for query in queries:
            of = denied(self.of(query.this, named)) if isinstance(query, exp.Not) else self.of(query, named)
            found = _both(found, of)
        return found


def _both(one: Disjunction, other: Disjunction) -> Disjunction:
    if len(one) * len(other) > MOST_TERMS:
        raise NotUnderstoodError("more questions than are asked together")
    return tuple((*first, *second) for first, second in product(one, other))


def denied(asked: Disjunction) -> Disjunction:
    """True of those subjects of whom it is not."""
    found: Disjunction = ((),)
    for term in asked:
        found = _both(found, tuple((Question(form, not of),) for form, of in term))
    return found


def _are_too_many(found: Disjunction) -> bool:
    return len(found) > MOST_TERMS or sum(map(len, found)) > MOST_QUESTIONS


def _bare(query: exp.Expr, named: Named) -> tuple[exp.Expr, Named]:
    """Without brackets, and without its WITH queries, which are known by name then."""
    while isinstance(query, exp.Subquery | exp.Paren) and not says_more(query, {"this", "alias"}):
        query = query.this
    if with_ := query.args.get("with_"):
        query = query.copy()
        query.set("with_", None)
        named = with_queries(with_, named)
    return query, named


def _renamed(query: exp.Select, named: Named) -> tuple[exp.Expr, Named] | None:
    """Of ``SELECT key FROM (…)``, and no more, what stands there, where that is UNION, INTERSECT or EXCEPT."""
    if says_more(query, {"expressions", "from_", "distinct", "order"}) or not query.args.get("from_"):
        return None
    item = query.args["from_"].this
    if isinstance(item, exp.Table) and item.name.lower() in named:
        inner: exp.Expr = named[item.name.lower()].this
        named = {name: of for name, of in named.items() if name != item.name.lower()}
    else:
        inner = item
    inner, named = _bare(inner, named)
    if not isinstance(inner, exp.SetOperation) or renames(item) or not (is_of_one(inner) and len(query.selects) == 1):
        return None
    (own,), (other,) = query.selects, inner.selects
    whole = own.is_star or own.unalias().name.lower() == other.alias_or_name.lower()
    return (inner, named) if whole and (own.is_star or isinstance(own.unalias(), exp.Column)) else None


def _disjuncts(conditions: Iterable[exp.Expr], found: Relations) -> Iterator[list[exp.Expr]]:
    """The terms of conditions in disjunctive form, as far as their ORs ask different relations or other rows."""
    for terms in product(*([*_of_one(each, found)] for each in conditions)):
        yield [condition for several in terms for condition in several]


def _of_one(condition: exp.Expr, found: Relations) -> Iterator[list[exp.Expr]]:
    bare = _inwards(condition.unnest())
    if isinstance(bare, exp.Or) and (bare.find(exp.Query) or len(found.named_in(bare)) > 1):
        for side in (bare.left, bare.right):
            yield from _of_one(side.copy(), found)
    elif isinstance(bare, exp.And):
        yield from _disjuncts([each.copy() for each in conditions_of(bare)], found)
    else:
        yield [bare.copy()]


def _inwards(condition: exp.Expr) -> exp.Expr:
    """With NOT before single conditions; unknown stays unknown."""
    inner = condition.this.unnest() if isinstance(condition, exp.Not) else None
    if isinstance(inner, exp.And | exp.Or):
        sides = [exp.Not(this=exp.Paren(this=side.copy())) for side in (inner.left, inner.right)]
        return (exp.Or if isinstance(inner, exp.And) else exp.And)(this=sides[0], expression=sides[1])
    if isinstance(inner, exp.Not):
        return _inwards(inner.this.unnest())
    if inner is not None and type(inner) in OPPOSITE and inner.find(exp.Query):
        return OPPOSITE[type(inner)](this=inner.this.copy(), expression=inner.expression.copy())
    return condition
