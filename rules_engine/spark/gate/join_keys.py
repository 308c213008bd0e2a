"""
Whether relations meet by keys that tell rows apart, judged on what Spark runs: its analysed plan.

Spark reads some texts otherwise than other readers do: ``a = b <= true`` compares a comparison. So every join, and
every sub-query that asks about the row outside, is looked at once its names are resolved: without an equality of two
values of many, one of each side, all rows would meet all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rules_engine.errors import Fault
from rules_engine.spark.gate.conditions import EQUAL, conjuncts, own_columns
from rules_engine.spark.gate.plan_tree import Node, asks_outside, held, join_type
from rules_engine.spark.gate.single_rows import is_one_each, is_single, why_several
from rules_engine.spark.gate.spread import LOGICAL, Spread, Spreads
from rules_engine.spark.gate.spread_names import EXPRESSIONS
from rules_engine.spark.gate.written_rows import is_settled, is_written_out
from rules_engine.sql.allow_list import refuse

OUTER = -1
"""Stands for the row outside where relations are named by their place."""
QUERIES = {f"{EXPRESSIONS}{name}" for name in ("Exists", "ScalarSubquery", "ListQuery")}
_BETWEEN = {"Not", "And", "Or"}
_OF_OUTSIDE = (
    "a sub-query asks about the row outside",
    "Write WHERE inner.key = outer.key AND …, and put brackets around each side of any further comparison.",
)
_OF_SEVERAL = (
    "NOT IN of several columns, of which each may be NULL, compares every row with every row",
    "Write NOT EXISTS (SELECT 1 FROM … WHERE inner.a = outer.a AND inner.b = outer.b).",
)
"""What is wrong with a sub-query whose rows no equality holds, and what to write instead."""


def faults(root: Node) -> Iterator[Fault]:
    """Joins and correlated sub-queries of an analysed plan, or of a condition alone, that are held by no key."""
    reader = _Reader(Spreads() if root.name.startswith("plans.") else Spreads(Spread.MANY))
    if root.name.startswith("plans."):
        reader.query(root)
    else:
        reader.expression(root, alone=True)
    yield from reader.found


@dataclass(frozen=True, slots=True, eq=False)
class _Relation:
    """What is joined: its columns, by number, its name, and whether it is one row."""

    columns: frozenset[int]
    name: str
    single: bool


@dataclass(slots=True)
class _Query:
    """One query: whether it asks about the row outside, and whether an equality holds it there."""

    correlated: bool = False
    tied: bool = False


@dataclass(slots=True)
class _Reader:
    spreads: Spreads
    found: list[Fault] = field(default_factory=list)
    _single: set[int] = field(default_factory=set)
    """WITH queries of one row."""
    _written: set[int] = field(default_factory=set)
    """WITH queries that read no frame."""

    def query(self, root: Node, *, outer: Sequence[Node] = ()) -> tuple[Sequence[int], _Query]:
        """Judge a query; ``outer`` are the values that its columns are held equal to by IN."""
        about = _Query()
        columns = self._plan(root, about, [])
        pairs = list(zip(outer, columns, strict=False))
        about.tied |= any(self._tells(self.spreads.of(v), self.spreads.of_number(c)) for v, c in pairs)
        return columns, about

    def expression(self, node: Node, *, negated: bool = False, alone: bool = False) -> None:
        """
        Judge the sub-queries of an expression.

        ``negated`` says whether it is asked for by NOT, and ``alone`` whether a row is kept by nothing but it and
        what stands beside it by AND: there Spark turns NOT IN into a join, elsewhere into a loop.
        """
        word = node.name.removeprefix(EXPRESSIONS)
        if word == "InSubquery":
            *values, asked = node.children
            if negated and not alone:
                self.found.append(refuse("SQL-333"))
            self._subquery(asked, () if negated else values, several=negated and len(values) > 1)
            for value in values:
                self.expression(value)
            return
        if node.name in QUERIES:
            self._subquery(node, ())
        flipped, together = negated != (word == "Not"), word in {"Not", "Or" if negated else "And"}
        for child in (*node.children, *(part for part in node.beside if part.name.startswith(EXPRESSIONS))):
            self.expression(child, negated=flipped and word in _BETWEEN, alone=alone and together)

    def _subquery(self, node: Node, outer: Sequence[Node], *, several: bool = False) -> None:
        for plan in held(node, "plan"):
            _, about = self.query(plan, outer=outer)
            if (about.correlated or several) and not about.tied:
                name, hint = _OF_SEVERAL if several else _OF_OUTSIDE
                self.found.append(refuse("SQL-332", name=name, hint=hint))
            elif node.name.endswith(".ScalarSubquery"):
                if about.correlated and not is_one_each(plan, self._single):
                    self.found.append(refuse("SQL-334", name=why_several(plan)))
                elif is_written_out(plan, self._written) and not is_single(plan, self._single):
                    self.found.append(
                        refuse("SQL-334", name="has rows that are written out, and does not end in an aggregate")
                    )

    def _plan(self, plan: Node, about: _Query, given: list[Node]) -> Sequence[int]:
        """The columns of a plan; ``given`` are conditions above it that its rows will meet."""
        name = plan.name.removeprefix(LOGICAL)
        if name == "View":
            return self.spreads.outputs(plan, ())
        if name == "Join":
            return self._joined(plan, about, given)
        own = [*given] if name in {"Filter", "Project", "SubqueryAlias", "Sort", "WithCTE"} else []
        if name == "Filter":
            own += conjuncts(held(plan, "condition"))
        below = [self._plan(child, about, own) for child in plan.children]
        columns = self.spreads.outputs(plan, below)
        if name == "CTERelationDef":
            self.spreads.keep_query(plan, columns)
            self._single |= {int(plan.fields["id"])} if is_single(plan.children[0], self._single) else set()
            self._written |= {int(plan.fields["id"])} if is_written_out(plan.children[0], self._written) else set()
        self._conditions(plan, about, conjuncts(held(plan, "condition")) if name == "Filter" else [])
        return below[-1] if name == "WithCTE" else columns

    def _conditions(self, plan: Node, about: _Query, terms: Sequence[Node]) -> None:
        """Judge what a step's expressions ask, and note whether they hold its rows to the row outside."""
        for part in plan.beside:
            if part.name.startswith(EXPRESSIONS):
                self.expression(part, alone=plan.name in {f"{LOGICAL}Filter", f"{LOGICAL}Join"})
                about.correlated |= asks_outside(part)
        for term in terms:
            if term.name in EQUAL:
                inside, outside = sorted(term.children, key=asks_outside)
                apart = not asks_outside(inside) and asks_outside(outside) and not own_columns(outside)
                about.tied |= apart and self._tie(term)

    def _joined(self, plan: Node, about: _Query, given: list[Node]) -> Sequence[int]:
        """A join, with those that it is made of."""
        relations: list[_Relation] = []
        terms: list[Node] = []
        columns = self._gather(plan, about, given, relations, terms)
        self._untied(relations, [*terms, *given])
        return columns

    def _gather(
        self, plan: Node, about: _Query, given: list[Node], relations: list[_Relation], terms: list[Node]
    ) -> Sequence[int]:
        """Collect what inner joins join, and their conditions; other joins are judged by their own."""
        name = plan.name.removeprefix(LOGICAL)
        if name == "Filter" and _is_join(plan):
            own = conjuncts(held(plan, "condition"))
            columns = self._gather(plan.children[0], about, [*given, *own], relations, terms)
            self._conditions(plan, about, own)
            terms += own
            return columns
        if name != "Join":
            columns = self._plan(plan, about, given)
            relations.append(_Relation(frozenset(columns), _name(plan), is_single(plan, self._single)))
            return columns
        own = conjuncts(held(plan, "condition"))
        if join_type(plan) in {"Inner", "Cross"}:
            below = [self._gather(child, about, [*given, *own], relations, terms) for child in plan.children]
            terms += own
        else:
            below = self._apart(plan, about, given, own)
            columns = self.spreads.outputs(plan, below)
            relations.append(_Relation(frozenset(columns), _name(plan.children[1]), single=False))
        self._conditions(plan, about, own)
        return self.spreads.outputs(plan, below)

    def _apart(self, plan: Node, about: _Query, given: list[Node], own: list[Node]) -> list[Sequence[int]]:
        """An outer, semi or anti join, which its own condition does: what stands in WHERE comes too late."""
        right = join_type(plan) == "RightOuter"
        above = (given if not right else [], given if right else [])
        below = [self._plan(child, about, [*more]) for child, more in zip(plan.children, above, strict=True)]
        each = zip(below, plan.children, strict=True)
        sides = [_Relation(frozenset(columns), _name(child), is_single(child, self._single)) for columns, child in each]
        self._untied(sides, own)
        if join_type(plan) == "FullOuter" and any(map(is_settled, own)):
            self.found.append(refuse("SQL-336", name=sides[1].name))
        return below

    def _untied(self, relations: Sequence[_Relation], terms: Sequence[Node]) -> None:
        group = {at: at for at in range(len(relations))} | {OUTER: OUTER}
        waiting = [tie for term in terms if (tie := self._sides(term, relations))]
        while waiting:
            left = [(a, b) for a, b in waiting if not _merge(group, a, b)]
            if len(left) == len(waiting):
                break
            waiting = left
        several = [at for at, relation in enumerate(relations) if not relation.single]
        for at in several[1:]:
            if group[at] != group[several[0]]:
                self.found.append(refuse("SQL-331", name=relations[at].name))
                return
        looped = _looped(relations, terms, [tie for term in terms if (tie := self._sides(term, relations))])
        if looped is not None:
            self.found.append(refuse("SQL-331", name=relations[looped].name))

    def _sides(self, term: Node, relations: Sequence[_Relation]) -> tuple[frozenset[int], frozenset[int]] | None:
        """The relations on either side of an equality that tells rows apart."""
        if term.name not in EQUAL or not self._tie(term):
            return None
        left, right = (_places(side, relations) for side in term.children)
        return (left, right) if left and right and not left & right - {OUTER} else None

    def _tie(self, term: Node) -> bool:
        """Whether an equality tells rows apart; by ``<=>`` NULLs meet, so there are to be no more than the lake has."""
        if term.name.endswith("EqualNullSafe") and not all(map(self.spreads.is_given, term.children)):
            return False
        return self._tells(*map(self.spreads.of, term.children))

    @staticmethod
    def _tells(left: Spread, right: Spread) -> bool:
        return Spread.ONE not in {left, right} and Spread.MANY in {left, right}


def _looped(
    relations: Sequence[_Relation], terms: Sequence[Node], ties: Sequence[tuple[frozenset[int], frozenset[int]]]
) -> int | None:
    """
    The relation that Spark joins by no equality, where it joins them in its own order; None where there is none.

    Its rule ReorderJoin takes as the next the first that any condition holds against those before, an equality or not.
    """
    about = [_places(term, relations) - {OUTER} for term in terms]
    joined, waiting = {0, OUTER}, [*range(1, len(relations))]
    while waiting and len(relations) > 2:
        asked_for = (each for each in waiting if any({each} < of <= joined | {each} for of in about))
        at: int = next(asked_for, waiting[0])
        tied = any(at in a | b and a | b <= joined | {at} for a, b in ties)
        if not tied and not relations[at].single and any(not relations[other].single for other in joined - {OUTER}):
            return at
        joined.add(at)
        waiting.remove(at)
    return None


def _places(side: Node, relations: Sequence[_Relation]) -> frozenset[int]:
    columns = own_columns(side)
    found = {at for at, relation in enumerate(relations) if columns & relation.columns}
    return frozenset(found | ({OUTER} if asks_outside(side) else set()))


def _merge(group: dict[int, int], left: frozenset[int], right: frozenset[int]) -> bool:
    """Join the groups on either side of an equality, if those of each side are one already."""
    (first, *more), (second, *others) = ({group[at] for at in side} for side in (left, right))
    if more or others:
        return False
    for at, of in group.items():
        group[at] = second if of == first else of
    return True


def _is_join(plan: Node) -> bool:
    while plan.name == f"{LOGICAL}Filter":
        plan = plan.children[0]
    return plan.name == f"{LOGICAL}Join"


def _name(plan: Node) -> str:
    """The alias under which a relation is joined."""
    while plan.name != f"{LOGICAL}SubqueryAlias" and len(plan.children) == 1:
        plan = plan.children[0]
    said = plan.fields.get("identifier") or {}
    return str(said.get("name", "")) or "a derived table"
