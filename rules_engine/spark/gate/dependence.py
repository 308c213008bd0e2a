"""
What follows from what in the rows of an analysed plan: which columns are the same wherever some others are.

Columns are named by Spark's own numbers for them, which are unique in a plan. Nothing is claimed of plans of another
kind than those below: then a column follows from itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rules_engine.model.schemas import Schema
from rules_engine.spark.gate.plan_tree import VIEW, Node, view_name, walk
from rules_engine.spark.gate.reliance import NOTHING, Columns, alone, relies_on, shape, told_apart_by, window


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of a plan's rows by number, with their names, and what follows from what in them."""

    output: Mapping[int, str] = field(default_factory=dict)
    follows: tuple[tuple[Columns, int], ...] = ()
    unique: tuple[Columns, ...] = ()
    """Columns of which no two rows have the same."""

    def closure(self, columns: Iterable[int]) -> Columns:
        """All columns that are the same wherever these are."""
        known, waiting = set(columns), list(self.follows)
        while met := [(given, column) for given, column in waiting if column not in known and given <= known]:
            known |= {column for _, column in met}
        return frozenset(known)

    def kept(self, output: Mapping[int, str], more: Iterable[tuple[Columns, int]] = ()) -> Rows:
        """Other columns of the same rows."""
        return Rows(output, (*self.follows, *more), self.unique)


class Dependences:
    """What is known of every plan within one plan; each is worked out once."""

    def __init__(self, root: Node, schema: Schema) -> None:
        self.keys = {frame.lower(): key.lower() for frame, key in schema.subject_keys.items()}
        self.subject = schema.subject.lower()
        self.declared = {frame.lower(): {name.lower() for name in key} for frame, key in schema.keys.items()}
        self._queries = {node.fields["id"]: node for node, _ in walk(root) if node.name.endswith("CTERelationDef")}
        self._known: dict[int, Rows] = {}
        self.subject_keys = frozenset(
            number
            for node, _ in walk(root)
            if node.name == VIEW
            for number, name in _columns(node.children[-1]).items()
            if name.lower() == self.keys.get(view_name(node))
        )
        """The columns that hold the subject's key, of whichever frame."""

    def of(self, plan: Node) -> Rows:
        """What is known of the rows of a plan."""
        if id(plan) not in self._known:
            self._known[id(plan)] = self._of(plan)
        return self._known[id(plan)]

    def _of(self, plan: Node) -> Rows:
        name = plan.name.removeprefix("plans.logical.")
        reader = self._READERS.get(name)
        if reader is not None:
            return reader(self, plan)
        return Rows(_columns(plan))

    def _same(self, plan: Node) -> Rows:
        return self.of(plan.children[-1])

    def _view(self, plan: Node) -> Rows:
        output, frame = _columns(plan.children[-1]), view_name(plan)
        keys = frozenset(number for number, name in output.items() if name.lower() == self.keys.get(frame))
        unique = [keys] if keys and frame == self.subject else []
        declared = self.declared.get(frame, set())
        own = frozenset(number for number, name in output.items() if name.lower() in declared)
        unique += [own] if own and len(own) == len(declared) and own != keys else []
        return Rows(output, tuple((key, column) for key in unique for column in output), tuple(unique))

    def _query(self, plan: Node) -> Rows:
        """A reference to a query of WITH has numbers of its own for that query's columns, in their order."""
        output, query = _columns(plan), self._queries.get(plan.fields["cteId"])
        given = self.of(query.children[0]) if query is not None else Rows()
        if len(given.output) != len(output):
            return Rows(output)
        own = dict(zip(given.output, output, strict=True))
        follows = tuple(
            (frozenset(own[column] for column in columns), own[column])
            for columns, column in (*given.follows, *_whole(given))
            if column in own and columns <= own.keys()
        )
        unique = (frozenset(map(own.__getitem__, key)) for key in given.unique if key <= own.keys())
        return Rows(output, follows, tuple(unique))

    def _project(self, plan: Node) -> Rows:
        return self.of(plan.children[0]).kept(_named(plan.beside), _aliases(plan.beside))

    def _aggregate(self, plan: Node) -> Rows:
        groups, items = grouped(plan)
        output = _named(items)
        by_shape = {shape(item.children[0]): number for item in items if (number := alone(item)) and item.children}
        key = frozenset(
            found if (found := alone(group)) is not None else by_shape.get(shape(group), -1) for group in groups
        )
        below, own = self.of(plan.children[0]), tuple((key, column) for column in output)
        return Rows(output, (*below.follows, *own, *_aliases(items)), (key,))

    def _window(self, plan: Node) -> Rows:
        below, items = self.of(plan.children[0]), [item for item in plan.beside if item.name == ALIAS]
        follows = [(key, column) for key in below.unique for column in _named(items)]
        for item in items:
            over = window(item.children[0])
            if over.gives_ties_the_same:
                follows += [
                    (NOTHING.union(*map(relies_on, (*over.partition, *over.order))), column)
                    for column in _named([item])
                ]
        return below.kept({**below.output, **_named(items)}, follows)

    def _distinct(self, plan: Node) -> Rows:
        below = self.of(plan.children[0])
        return Rows(below.output, below.follows, (*below.unique, frozenset(below.output)))

    def _generate(self, plan: Node) -> Rows:
        below = self.of(plan.children[0])
        return Rows({**below.output, **_named(plan.beside[1:])}, below.follows)

    def _filter(self, plan: Node) -> Rows:
        below = self.of(plan.children[0])
        return below.kept(below.output, _equal(plan.beside[0]))

    def _join(self, plan: Node) -> Rows:
        left, right = (self.of(child) for child in plan.children)
        kind = str(plan.fields["joinType"]).lower()
        output = {**left.output, **right.output}
        if "semi" in kind or "anti" in kind:
            return left
        if "inner" in kind or "cross" in kind:
            equal = _equal(plan.beside[0]) if plan.beside else ()
            joined = Rows(output, (*left.follows, *right.follows, *equal))
            return Rows(output, joined.follows, tuple(_unique(left, right, joined)))
        kept = {"left": left.follows, "right": right.follows}
        return Rows(output, next((follows for side, follows in kept.items() if side in kind), ()))

    _READERS: Mapping[str, Callable[[Dependences, Node], Rows]] = {
        "View": _view,
        "CTERelationRef": _query,
        "Project": _project,
        "Aggregate": _aggregate,
        "Window": _window,
        "Generate": _generate,
        "Filter": _filter,
        "Join": _join,
        **dict.fromkeys(("CTERelationDef", "GlobalLimit", "LocalLimit", "Sort", "SubqueryAlias", "WithCTE"), _same),
        "Distinct": _distinct,
        "Except": lambda self, plan: self.of(plan.children[0]),
        "Union": lambda self, plan: Rows(self.of(plan.children[0]).output),
        "Intersect": lambda self, plan: Rows(self.of(plan.children[0]).output),
    }


ALIAS, AGGREGATED = "expressions.Alias", "expressions.aggregate.AggregateExpression"


def _whole(rows: Rows) -> Iterator[tuple[Columns, int]]:
    """What follows from columns that the rows no longer have."""
    for column in rows.output:
        if column in rows.closure(()):
            yield frozenset(), column
        for other in rows.output:
            if other != column and other in rows.closure({column}):
                yield frozenset({column}), other


def _unique(left: Rows, right: Rows, joined: Rows) -> Iterator[Columns]:
    """Two rows that are joined are one row of the side whose key follows from the other's."""
    for one, other in ((one, other) for one in left.unique for other in right.unique):
        yield from (key for key in (one, other) if joined.closure(key) >= one | other)
        yield one | other


def grouped(aggregate: Node) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """What an aggregate groups by, and what it gives."""
    count = len(aggregate.fields.get("groupingExpressions") or ())
    return aggregate.beside[:count], aggregate.beside[count:]


def _named(items: Iterable[Node]) -> dict[int, str]:
    """The columns that expressions give, by number."""
    return {number: str(item.fields["name"]) for item in items if (number := alone(item)) is not None}


def _columns(plan: Node) -> dict[int, str]:
    """The columns that a leaf of a plan prints."""
    return _named(plan.beside)


def _aliases(items: Iterable[Node]) -> Iterator[tuple[Columns, int]]:
    """A column follows from those that its expression relies on; where that tells them apart, they follow from it."""
    for item in items:
        if item.name != ALIAS or _is_aggregated(item):
            continue
        number = alone(item)
        assert number is not None
        yield relies_on(item.children[0]), number
        yield from ((frozenset({number}), column) for column in told_apart_by(item.children[0]))


def _is_aggregated(node: Node) -> bool:
    """Whether an expression is of several rows; a sub-query's rows are none of these."""
    return node.name == AGGREGATED or any(map(_is_aggregated, node.children))


def _equal(condition: Node) -> Iterator[tuple[Columns, int]]:
    """What follows from an equality that every row meets."""
    if condition.name == "expressions.And":
        yield from (pair for side in condition.children for pair in _equal(side))
    elif condition.name in {"expressions.EqualTo", "expressions.EqualNullSafe"}:
        for one, other in (condition.children, condition.children[::-1]):
            yield from ((relies_on(other), column) for column in told_apart_by(one))
    elif condition.name == "expressions.In" and len(condition.children) == 2:
        yield from ((relies_on(condition.children[1]), column) for column in told_apart_by(condition.children[0]))
