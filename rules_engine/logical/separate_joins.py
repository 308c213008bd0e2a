"""The relations of a query that nothing but the subject's key ties together, each as a query of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from sqlglot import exp

from rules_engine.logical.comparisons import aggregates, conditions_of, returned_in_having, says_more, ties
from rules_engine.logical.join_sides import WHOLE
from rules_engine.logical.query_tree import NotUnderstoodError, is_stand_in
from rules_engine.model.schemas import Schema

OWN = "subjects_own_row"
"""The subject's own row, in a query that does not name it."""
_KNOWN = {"expressions", "from_", "joins", "where", "distinct", "order", "group", "having"}
_INNER = {("", ""), ("", "INNER"), ("", "CROSS")}
LEFT = {("LEFT", ""), ("LEFT", "OUTER")}
_OTHERS = {*LEFT, ("LEFT", "SEMI"), ("LEFT", "ANTI"), ("", "SEMI"), ("", "ANTI")}


@dataclass
class Relations:
    """
    The relations of a query that returns subjects, the subject's own row among them, which is one row.

    ``where`` are its conditions, ``tied`` those of inner joins, and ``beside`` those of other joins.
    """

    schema: Schema
    named: Mapping[str, exp.Expr]
    items: dict[str, exp.Expr] = field(default_factory=dict)
    kinds: dict[str, tuple[str, str]] = field(default_factory=dict)
    where: list[exp.Expr] = field(default_factory=list)
    tied: list[exp.Expr] = field(default_factory=list)
    beside: dict[str, list[exp.Expr]] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    """The columns of USING, and of which relation they are taken."""
    own: str = ""
    held: dict[tuple[str, str], exp.Expr | None] = field(default_factory=dict)
    """Columns of rows that are there, by relation and name, and the condition that holds each equal to the key."""

    @property
    def key(self) -> exp.Column:
        """The key of the subject's own row."""
        return exp.column(self.schema.subject_key, self.own)

    def asked(self, condition: exp.Expr) -> set[str]:
        """
        The relations that a condition asks, but for the subject's own row.

        Raises:
            NotUnderstoodError: If a name within a sub-query may be of a relation around it.
        """
        return self.named_in(condition) - {self.own}

    def named_in(self, condition: exp.Expr) -> set[str]:
        """The relations that a condition names, the subject's own row among them."""
        found = set[str]()
        for column in condition.find_all(exp.Column):
            query = column.find_ancestor(exp.Select)
            if column.table:
                found |= {column.table.lower()} & {*self.items} if _is_outer(column) else set()
            elif not is_stand_in(column) and query is not None and column.name.lower() not in {*self._visible(query)}:
                raise NotUnderstoodError("a column of a sub-query without its relation")
        return found

    def _visible(self, query: exp.Select) -> Iterator[str]:
        for each in _sources(query):
            yield from self._columns(each.this)

    def _columns(self, item: exp.Expr) -> Iterable[str]:
        """The columns of a frame, a WITH query or a derived table, in small letters."""
        if isinstance(item, exp.Table) and item.name.lower() not in self.named:
            frame = next((name for name in self.schema.columns if name.lower() == item.name.lower()), "")
            names = [*self.schema.types_of(frame)] if frame else []
        elif isinstance(item, exp.Table | exp.Subquery):
            cte = self.named[item.name.lower()] if isinstance(item, exp.Table) else item
            names = [each.name for each in renames(item) or renames(cte)] or cte.this.unnest().named_selects
        else:
            names = []
        if not names or "*" in names:
            raise NotUnderstoodError("a relation whose columns are not named")
        return (name.lower() for name in names)

    def take(self, join: exp.Expr) -> None:
        """Take in a relation and how it is joined."""
        alias = join.this.alias_or_name.lower()
        kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
        if not alias or alias in self.items or says_more(join, {"this", "side", "kind", "on", "using"}):
            raise NotUnderstoodError
        if kind not in _INNER | _OTHERS:
            raise NotUnderstoodError("a FULL, RIGHT, NATURAL or LATERAL join beside others")
        found = [each.copy() for each in conditions_of(join.args["on"])] if join.args.get("on") else []
        for each in join.args.get("using") or ():
            first = self.merged.get(each.name.lower()) or self._owner(each.name.lower())
            self.merged[each.name.lower()] = first
            found.append(exp.EQ(this=exp.column(each.name, first), expression=exp.column(each.name, alias)))
        self.items[alias], self.kinds[alias] = join.this.copy(), kind
        if kind in _INNER:
            self.tied += found
        else:
            self.beside[alias] = found

    def _owner(self, name: str) -> str:
        owners = [alias for alias, item in self.items.items() if alias != OWN and name in self._columns(item)]
        if name not in self.merged and len(owners) != 1:
            raise NotUnderstoodError("a column without its relation")
        return self.merged.get(name) or owners[0]

    def qualify(self, conditions: Iterable[exp.Expr]) -> None:
        """Name the relation of each column that stands outside sub-queries."""
        for condition in conditions:
            for column in condition.find_all(exp.Column):
                if not column.table and not is_stand_in(column) and column.find_ancestor(exp.Select) is None:
                    column.set("table", exp.to_identifier(self._owner(column.name.lower())))

    def find_own_row(self, returned: exp.Column) -> None:
        """Know the subject's own row, which joins what is returned, and put its key wherever that is held equal."""
        self.qualify([returned, *self.where, *self.tied, *chain(*self.beside.values())])
        inner = [alias for alias, kind in self.kinds.items() if kind in _INNER]
        is_subject = (alias for alias in inner if self._is_subject(self.items[alias]))
        self.own = next(is_subject, "")
        if not self.own:
            subjects = exp.Table(this=exp.to_identifier(self.schema.subject))
            subjects.set("alias", exp.TableAlias(this=exp.to_identifier(OWN)))
            self.own, self.items = OWN, {OWN: subjects, **self.items}
            self.kinds[OWN] = ("", "")
            self.tied.append(exp.EQ(this=self.key, expression=returned.copy()))
        todo = [(returned.table.lower(), returned.name.lower())]
        if todo[0][0] not in inner:
            raise NotUnderstoodError("the key of a relation that may be missing")
        conditions = [*self.where, *self.tied]
        if todo != [(self.own, self.schema.subject_key.lower())] and not self._tie(todo[0], conditions):
            raise NotUnderstoodError("rows that are not tied to the subject by its key")
        while new := next((each for each in self._held_equal(conditions) if each not in self.held), None):
            self.held[new] = self._tie(new, conditions)
            self.put_key([*conditions, *chain(*self.beside.values())])

    def put_key(self, conditions: Iterable[exp.Expr]) -> None:
        """Put the subject's key in the place of whatever is held equal to it, but where that is said."""
        for condition in conditions:
            for column in condition.find_all(exp.Column):
                tie = self.held.get((column.table.lower(), column.name.lower()))
                if tie is not None and tie is not condition and _is_outer(column):
                    column.replace(self.key)

    def _is_subject(self, item: exp.Expr) -> bool:
        plain = isinstance(item, exp.Table) and item.name.lower() not in self.named
        return plain and not renames(item) and item.name.lower() == self.schema.subject.lower()

    def _tie(self, held: tuple[str, str], conditions: Sequence[exp.Expr]) -> exp.Expr | None:
        own = (self.own, self.schema.subject_key)
        return next((each for each in conditions if ties(each, held, own)), None)

    def _held_equal(self, conditions: Sequence[exp.Expr]) -> Iterator[tuple[str, str]]:
        """Columns of the key's type that a condition holds equal to it."""
        for each in conditions:
            for side in each.find_all(exp.Column) if isinstance(each.unnest(), exp.EQ) else ():
                held = side.table.lower(), side.name.lower()
                there = held[0] != self.own and self.kinds.get(held[0]) in _INNER and self._is_key(*held)
                if there and self._tie(held, [each]) is not None:
                    yield held

    def _is_key(self, alias: str, name: str) -> bool:
        """Whether a column is of the key's type: another is held equal to it by a cast, and is not the same value."""
        item, subject_type = self.items[alias], self.schema.subject_type
        if isinstance(item, exp.Table) and item.name.lower() not in self.named:
            frame = next((frame for frame in self.schema.columns if frame.lower() == item.name.lower()), "")
            own = self.schema.types_of(frame).get(name, "") if frame else ""
            return own == subject_type or {own, subject_type} <= WHOLE
        query = (self.named[item.name.lower()] if isinstance(item, exp.Table) else item).this
        selects = query.expressions if isinstance(query, exp.Select) and not renames(item) else []
        returned = next((each.unalias() for each in selects if each.alias_or_name.lower() == name), None)
        keys = {self.schema.subject_key.lower(), *(key.lower() for key in self.schema.subject_keys.values())}
        return isinstance(returned, exp.Column) and returned.name.lower() in keys

    def parts(self, conditions: Sequence[exp.Expr]) -> list[exp.Expr]:
        """Queries of which each is to return a subject for whom all the conditions are to be true of a row."""
        left = [(each, self.asked(each)) for each in (*conditions, *self.tied)]
        found = list[exp.Expr]()
        for several in self._components([of for _, of in left]):
            about = [each for each, of in left if of & several]
            if about or any(self.kinds[alias] not in LEFT for alias in several):
                found.append(self.query(several, about))
        own = [each for each, of in left if not of]
        found += [self.query(set(), [each]) for each in own if each.find(exp.Query)]
        plain = [each for each in own if not each.find(exp.Query)]
        return [*found, self.query(set(), plain)] if plain or not found else found

    def _components(self, asked: Sequence[set[str]]) -> list[set[str]]:
        """Relations that conditions tie to each other, the subject's own row apart; in their order."""
        found = [{alias} for alias in self.items if alias != self.own]
        beside = [{alias} | self.asked(each) for alias, several in self.beside.items() for each in several]
        for together in (*asked, *beside):
            touched = [each for each in found if each & together]
            if len(touched) > 1:
                found = [each for each in found if not each & together] + [set[str]().union(*touched)]
        order = [*self.items]
        return sorted(found, key=lambda several: min(map(order.index, several)))

    def query(self, several: set[str], conditions: Sequence[exp.Expr]) -> exp.Expr:
        """The subject's own row with some of the relations."""
        joins = list[exp.Expr]()
        for alias in (alias for alias in self.items if alias in several):
            side, kind = self.kinds[alias]
            on = exp.and_(*(each.copy() for each in self.beside[alias])) if self.beside.get(alias) else None
            joins.append(exp.Join(this=self.items[alias].copy(), side=side or None, kind=kind or None, on=on))
        query = exp.Select(expressions=[self.key], from_=exp.From(this=self.items[self.own].copy()), joins=joins)
        if conditions:
            query.set("where", exp.Where(this=exp.and_(*(each.copy() for each in conditions))))
        return query


def relations(query: exp.Select, named: Mapping[str, exp.Expr], schema: Schema) -> Relations | None:
    """
    The relations of a query; None where it returns no column that could be the subject's key, or says more.

    Raises:
        NotUnderstoodError: If it cannot be told of which relation a column is, or how one is joined.
    """
    place = schema.key_among([item.alias_or_name for item in query.expressions])
    returned = query.expressions[place].unalias().copy() if place is not None else None
    counts = any(aggregates(item) or item.find(exp.Window, exp.Query) for item in query.expressions)
    if not isinstance(returned, exp.Column) or returned.is_star or says_more(query, _KNOWN):
        return None
    if not query.args.get("from_"):
        return None
    if counts and not query.args.get("group"):
        return None
    found = Relations(schema, named)
    for join in _sources(query):
        found.take(join)
    if query.args.get("where"):
        found.where += [each.copy() for each in conditions_of(query.args["where"].this)]
    found.find_own_row(returned)
    return found


def without_others(query: exp.Select, found: Relations) -> tuple[exp.Expr, list[exp.Expr]] | None:
    """
    A query that groups by the subject, without what it asks of other rows; and that as queries. None where it is all.

    What is true of the subject is true of each of its rows, so that it can be asked before they are grouped.
    """
    group = query.args["group"].expressions if query.args.get("group") else []
    if len(group) != 1 or not isinstance(group[0], exp.Column) or returned_in_having(query):
        return None
    by = exp.EQ(this=group[0].copy(), expression=found.key)
    found.qualify([by])
    told = (by.this.table.lower(), by.this.name.lower())
    if told != (found.own, found.key.name.lower()) and found._tie(told, [*found.where, *found.tied]) is None:
        return None
    having = [each.copy() for each in conditions_of(query.args["having"].this)] if query.args.get("having") else []
    others = [each for each in found.where if each.find(exp.Query) and not found.asked(each)]
    for each in having:
        if not aggregates(each):
            found.qualify([each])
            found.put_key([each])
            others += [each] if not found.asked(each) else []
    if not others:
        return None
    rest = query.copy()
    for name, conditions in (("where", found.where), ("having", having)):
        clause = rest.args.get(name)
        several = zip(conditions_of(clause.this), conditions, strict=True) if clause else ()
        left = [before.copy() for before, each in several if all(each is not other for other in others)]
        rest.set(name, type(clause)(this=exp.and_(*left)) if clause and left else None)
    return rest, [found.query(set(), [each]) for each in others]


def _is_outer(column: exp.Column) -> bool:
    """Whether no sub-query that a column stands in has a relation of its table's name."""
    query = column.find_ancestor(exp.Select)
    while query is not None:
        if any(each.this.alias_or_name.lower() == column.table.lower() for each in _sources(query)):
            return False
        query = query.find_ancestor(exp.Select)
    return True


def renames(item: exp.Expr) -> Sequence[exp.Expr]:
    """The names that ``AS t (a, b)`` gives to columns."""
    return (item.args["alias"].args.get("columns") or ()) if item.args.get("alias") else ()


def _sources(query: exp.Select) -> Iterator[exp.Expr]:
    """Whatever stands after FROM, as joins."""
    if query.args.get("from_"):
        yield exp.Join(this=query.args["from_"].this)
    yield from query.args.get("joins") or ()
