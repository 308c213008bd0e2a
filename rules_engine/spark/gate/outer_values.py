"""
Values of the row outside that a sub-query uses where Spark cannot wait for that row, judged on the analysed plan.

Spark makes a join of a sub-query. A condition that asks about the row outside becomes one of the join; but what is
returned, and what is asked of rows before they are counted, is needed earlier. Where an equality gives the value
(``inner.key = outer.key``) Spark takes the one for the other. Else it pairs every value that the rows outside have with
every row of the sub-query, a product, before it looks at any key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from rules_engine.errors import Fault
from rules_engine.spark.gate.conditions import EQUAL, own_columns
from rules_engine.spark.gate.join_keys import QUERIES
from rules_engine.spark.gate.plan_tree import VIEW, Node, asks_outside, held, join_type, number, walk
from rules_engine.spark.gate.spread import ATTRIBUTE, LOGICAL
from rules_engine.spark.gate.spread_names import EXPRESSIONS
from rules_engine.sql.allow_list import refuse

OUTER = f"{EXPRESSIONS}OuterReference"
_CONDITIONAL = {f"{LOGICAL}Filter", f"{LOGICAL}Join"}
_ROW_BY_ROW = {*_CONDITIONAL, *(f"{LOGICAL}{name}" for name in ("SubqueryAlias", "Project", "Sort"))}
"""Steps over which a condition on single rows may be put off."""
_JOIN, _OF_THEIR_OWN = f"{LOGICAL}Join", {"LeftOuter", "RightOuter", "FullOuter", "LeftSemi", "LeftAnti"}
_SIDES = {f"{LOGICAL}{name}" for name in ("Union", "Intersect", "Except")}


def outer_value_faults(root: Node, is_shared: Callable[[], bool]) -> Iterator[Fault]:
    """
    Sub-queries for which every value of the rows outside would meet every row.

    ``is_shared`` says whether the engine itself answers what the rule asks, with others: Spark is not asked then, but
    by whoever runs the rule by itself. So it excuses no side of a UNION and no outer join: ask them apart.
    """
    for node, _ in walk(root):
        for plan in held(node, "plan") if node.name in QUERIES else ():
            found = _Used()
            found.read(plan, early=False)
            if name := _named(found.shown, besides=found.tied):
                yield refuse("SQL-337", name=name)
            elif (name := found.counted()) and (found.loose or not is_shared()):
                yield refuse("SQL-338", name=name)


@dataclass(slots=True)
class _Used:
    """The columns of the row outside that one sub-query uses, by number, with their names."""

    tied: set[int | None] = field(default_factory=set)
    """Those that a column of its own rows is held equal to."""
    shown: dict[int | None, str] = field(default_factory=dict)
    """In what it returns, or hands on."""
    early: dict[int | None, str] = field(default_factory=dict)
    """In conditions, but equalities, on rows that are counted, numbered or made one after that."""
    loose: dict[int | None, str] = field(default_factory=dict)
    """Where no equality helps: in the condition of a join that is no inner one, and on a side of UNION without one."""

    def read(self, plan: Node, *, early: bool) -> None:
        if plan.name == VIEW:
            return
        for part in plan.beside:
            if part.name.startswith(EXPRESSIONS):
                self._note(plan, part, early=early)
        if plan.name in _SIDES:
            self._sides(plan)
            return
        for child in plan.children:
            self.read(child, early=early or plan.name not in _ROW_BY_ROW)

    def _sides(self, plan: Node) -> None:
        """Each side has the values of all rows outside, unless an equality gives it those of its own."""
        sides = [_Used() for _ in plan.children]
        for side, child in zip(sides, plan.children, strict=True):
            side.read(child, early=True)
            for name in ("tied", "shown", "early", "loose"):
                setattr(self, name, getattr(self, name) | getattr(side, name))
        if not all(side.tied for side in sides):
            self.loose |= {column: name for child in plan.children for column, name in _everywhere(child).items()}

    def counted(self) -> str:
        """The names of columns that rows are held against before they are counted."""
        return _named({**self.early, **self.loose}, besides=self.tied - self.loose.keys())

    def _note(self, plan: Node, part: Node, *, early: bool) -> None:
        if plan.name not in _CONDITIONAL:
            self.shown |= _outer(part)
            return
        if plan.name == _JOIN and join_type(plan) in _OF_THEIR_OWN:
            self.loose |= _outer(part)
        for term in _terms(part):
            if not _is_apart(term):
                self.early |= _outer(term) if early and own_columns(term) else {}
            elif {side.name for side in term.children} == {ATTRIBUTE, OUTER}:
                self.tied |= _outer(term).keys()


def _named(used: Mapping[int | None, str], *, besides: Set[int | None]) -> str:
    """The names of columns besides some."""
    return ", ".join(sorted({name for column, name in used.items() if column not in besides}))


def _is_apart(term: Node) -> bool:
    """Whether an equality holds a value of the row outside, alone, against one of the sub-query's rows."""
    outside = [side for side in term.children if asks_outside(side)]
    return term.name in EQUAL and len(outside) == 1 and not own_columns(outside[0])


def _terms(condition: Node) -> list[Node]:
    """The conditions that AND puts together."""
    if condition.name != f"{EXPRESSIONS}And":
        return [condition]
    return [term for child in condition.children for term in _terms(child)]


def _everywhere(plan: Node) -> dict[int | None, str]:
    """The columns of the row outside that a plan uses, by number."""
    if plan.name == VIEW:
        return {}
    found = [_outer(part) for part in plan.beside if part.name.startswith(EXPRESSIONS)]
    return dict(each for of in (*found, *map(_everywhere, plan.children)) for each in of.items())


def _outer(node: Node) -> dict[int | None, str]:
    """The columns of the row outside in an expression, by number."""
    if node.name == OUTER:
        return {number(column): str(column.fields.get("name")) for column in held(node, "e")}
    return {column: name for child in node.children for column, name in _outer(child).items()}
