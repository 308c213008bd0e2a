"""Whether every relation of a FROM is tied to the others by an equality: no query multiplies all rows with all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sqlglot import exp

from rules_engine.errors import Fault
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.gate.scopes import Relation, Scope

Owners = Mapping[int, Relation]
Side = frozenset[Relation | None]
Position = Callable[[exp.Expr], int | None]


def merge(join: exp.Join, scope: Scope) -> None:
    """Note the columns that USING or NATURAL make one."""
    using = join.args.get("using") or ()
    scope.merged |= {column.name.lower() for column in using}
    if join.method == "NATURAL":
        scope.merged |= _shared(scope.relations)


def _shared(relations: list[Relation]) -> set[str]:
    earlier = {c for r in relations[:-1] for c in r.columns or ()}
    return earlier & set(relations[-1].columns or ())


def faults(select: exp.Select, scope: Scope, owners: Owners, position: Position) -> Iterator[Fault]:
    """Relations that are tied by no equality, and sub-queries that are tied to the row outside by none."""
    where = select.args["where"].this if select.args.get("where") else None
    joined = list(_joined(select))
    if joined:
        yield from _untied(joined, where, scope, owners, position)
    if _correlated(select, scope) and not _is_in(select):
        conditions = [where, *(join.args.get("on") for join in joined)]
        sides = [s for c in conditions if c is not None for s in equalities(c, owners).values()]
        if not any(_ties_outside(a, b, scope) or _ties_outside(b, a, scope) for a, b in sides):
            yield refuse("SQL-131", position(scope.outer[0]))


def _joined(node: exp.Expr) -> Iterator[exp.Join]:
    """The joins of a FROM, those inside brackets and of joined joins included."""
    source = node.args.get("from_")
    for nested in [source.this] if source else [node.this] if isinstance(node, exp.Subquery) else []:
        yield from _joined(nested)
    for join in node.args.get("joins") or ():
        yield join
        yield from _joined(join.this) if not isinstance(join.this.this, exp.Query) else ()


def _untied(
    joined: list[exp.Join], where: exp.Expr | None, scope: Scope, owners: Owners, position: Position
) -> Iterator[Fault]:
    group = {r: n for n, r in enumerate(scope.relations)}
    ties = list(equalities(where, owners).values()) if where is not None else []
    for join in joined:
        condition = join.args.get("on")
        ties += equalities(condition, owners).values() if condition is not None else ()
    for left, right in ties:
        _tie(group, left, right)
    for relation in _tied_anyway(joined, scope):
        _merge(group, relation, scope.relations[0])
    for relation in scope.relations[1:]:
        if group[relation] != group[scope.relations[0]]:
            node = next((j.this for j in joined if _names(j.this, relation)), joined[-1])
            yield refuse("SQL-130", position(node), name=relation.alias or "a derived table")
            return
    yield from _outer(joined, scope, owners, position)


def _outer(joined: list[exp.Join], scope: Scope, owners: Owners, position: Position) -> Iterator[Fault]:
    """An outer, semi or anti join is done by its own ON: equalities in WHERE come too late."""
    for join in joined:
        on = join.args.get("on")
        if on is None or not (join.side or join.kind in {"SEMI", "ANTI", "OUTER"}):
            continue
        if not any(_is_tie(a, b) for a, b in equalities(on, owners).values()) and not _is_single(join, scope):
            yield refuse("SQL-130", position(join.this), name=join.this.alias_or_name or "a derived table")


def _is_single(join: exp.Join, scope: Scope) -> bool:
    return any(r.single and _names(join.this, r) for r in scope.relations)


def _names(node: exp.Expr, relation: Relation) -> bool:
    return bool(relation.alias) and node.alias_or_name.lower() == relation.alias


def _tied_anyway(joined: list[exp.Join], scope: Scope) -> Iterator[Relation]:
    """Relations of one row, of unknown columns, and those tied by USING or NATURAL."""
    for relation in scope.relations[1:]:
        if relation.single or relation.columns is None:
            yield relation
    for join in joined:
        keys = scope.merged if join.method == "NATURAL" else {c.name.lower() for c in join.args.get("using") or ()}
        for relation in scope.relations:
            if keys and _names(join.this, relation) and keys & set(relation.columns or ()):
                yield relation


def _tie(group: dict[Relation, int], left: Side, right: Side) -> None:
    if not _is_tie(left, right):
        return
    here = [r for r in (*left, *right) if r in group]
    if None in left | right:
        for relation in here:
            _merge(group, relation, here[0])
    elif len(here) == len(left | right):
        _merge(group, *_pair(left, right))


def _pair(left: Side, right: Side) -> tuple[Relation, Relation]:
    return next(r for r in left if r), next(r for r in right if r)


def _merge(group: dict[Relation, int], one: Relation, other: Relation) -> None:
    old, new = group[one], group[other]
    for relation, number in group.items():
        if number == old:
            group[relation] = new


def _is_tie(left: Side, right: Side) -> bool:
    return bool(left and right and not (left & right - {None}))


def equalities(condition: exp.Expr, owners: Owners) -> dict[str, tuple[Side, Side]]:
    """The equalities that hold wherever the condition does, by their text, as the relations on either side."""
    match condition:
        case exp.Paren():
            return equalities(condition.this, owners)
        case exp.And():
            return {k: v for term in condition.flatten() for k, v in equalities(term, owners).items()}
        case exp.Or():
            arms = [equalities(term, owners) for term in condition.flatten()]
            return {k: v for k, v in arms[0].items() if all(k in arm for arm in arms)}
        case exp.EQ() | exp.NullSafeEQ():
            texts = sorted(_text(side) for side in (condition.this, condition.expression))
            return {" = ".join(texts): (_side(condition.this, owners), _side(condition.expression, owners))}
    return {}


def _text(node: exp.Expr) -> str:
    """A side in one spelling; printing the tree is dear, and most sides are columns."""
    if isinstance(node, exp.Column):
        return ".".join(part.name for part in node.parts).lower()
    return node.sql("spark").lower()


def _side(node: exp.Expr, owners: Owners) -> Side:
    """The relations an expression reads; None among them stands for one that is not known."""
    return frozenset(owners.get(id(column)) for column in node.find_all(exp.Column))


def _correlated(select: exp.Select, scope: Scope) -> bool:
    filters = [select.args.get("where"), select.args.get("having"), *(j.args.get("on") for j in _joined(select))]
    inside = {id(c) for f in filters if f is not None for c in f.find_all(exp.Column)}
    return bool(scope.relations) and any(id(column) in inside for column in scope.outer)


def _is_in(select: exp.Select) -> bool:
    """Whether the query stands in IN, which is an equality itself."""
    above = select.parent
    while isinstance(above, exp.Subquery | exp.Paren | exp.SetOperation):
        above = above.parent
    return isinstance(above, exp.In)


def _ties_outside(inner: Side, outer: Side, scope: Scope) -> bool:
    here = set(scope.relations)
    return bool(inner and outer) and all(r is None or r in here for r in inner) and all(r not in here for r in outer)
