"""
Other rows of the subject's frame that share a column with its own, by the extremes of that group or a place there.

``EXISTS (… WHERE o.country = c.country AND o.spend > c.spend)`` is ``max(o.spend) > c.spend`` of the country, and
how many rows have more is a rank less one. So are a join of the frame with itself that is grouped by the subject, and
one that finds none. Windows and groups of the subject's frame are shared by all rules; pairs of its rows are not.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from rules_engine.logical.aggregate_conditions import passes_over_null
from rules_engine.logical.comparisons import COMPARE, aggregates, conditions_of, says_more, tables
from rules_engine.logical.condition import family
from rules_engine.logical.joined_conditions import by_subject
from rules_engine.logical.query_tree import is_stand_in
from rules_engine.logical.rewrites import MIRRORED, OPPOSITE, decimal
from rules_engine.logical.windows import INEXACT
from rules_engine.model.schemas import Schema

_FARTHEST: dict[type[exp.Expr], type[exp.Expr]] = {exp.GT: exp.Max, exp.GTE: exp.Max, exp.LT: exp.Min, exp.LTE: exp.Min}
_ROWS = {"expressions", "from_", "where"}
_JOINED = {*_ROWS, "joins", "group", "having", "distinct"}


@dataclass(frozen=True)
class _Others:
    """Rows of the subject's frame that are tied to a row of it outside by a column of the two."""

    rows: exp.Select
    tie: exp.EQ
    """The other row's column, and the own row's."""
    beyond: exp.Binary | None
    """The same two, held against each other; None where nothing more is."""
    plain: Sequence[exp.Expr]
    """Conditions on the other row alone."""

    @property
    def name(self) -> str:
        return self.rows.args["from_"].this.alias_or_name  # type: ignore[no-any-return]

    def come_to(self, value: exp.Expr, *, beyond: bool = False) -> exp.Subquery:
        """What the rows come to; ``beyond``: those alone that are so held against the own row."""
        held = [self.beyond] if beyond and self.beyond is not None else []
        found = self.rows.copy()
        found.set("expressions", [value.copy()])
        found.set("where", exp.Where(this=exp.and_(*(each.copy() for each in (self.tie, *self.plain, *held)))))
        return exp.Subquery(this=found)


def with_others(root: exp.Query, schema: Schema) -> None:
    """Change the tree, where it asks of other rows of the subject's frame what its windows and groups say."""
    if schema.subject.lower() in {each.alias.lower() for each in root.find_all(exp.CTE)}:
        return
    reader = _Reader(schema)
    for select in [*root.find_all(exp.Select)]:
        reader.joined(select)
    for select in [*root.find_all(exp.Select)]:
        reader.asked(select)


@dataclass(frozen=True)
class _Reader:
    schema: Schema

    def joined(self, select: exp.Select) -> None:
        """A join of the subject's frame with itself, as questions about the other rows."""
        joins = select.args.get("joins") or []
        if len(joins) != 1 or says_more(select, _JOINED) or says_more(joins[0], {"this", "on", "side", "kind"}):
            return
        side, kind = ((joins[0].args.get(name) or "").upper() for name in ("side", "kind"))
        own, other, on = self._name(select.args["from_"].this), self._name(joins[0].this), joins[0].args.get("on")
        if not own or not other or on is None or side not in {"", "LEFT"} or kind not in {"", "INNER"}:
            return
        where = [*conditions_of(select.args["where"].this)] if select.args.get("where") else []
        of_other = [each for each in where if other in tables(each)]
        if not _is_plain(select) or any(other in tables(each) for each in select.expressions):
            return
        missing = bool(side) and len(of_other) == 1 and _is_missing(of_other[0])
        if side and of_other and (not missing or select.args.get("group")):
            return
        rows = exp.Select(
            expressions=[exp.Literal.number(1)],
            from_=exp.From(this=joins[0].this.copy()),
            where=exp.Where(this=exp.and_(on.copy(), *(each.copy() for each in of_other if not missing))),
        )
        others = self._others(rows, {own})
        if others is None or (missing and not self._is_there(of_other[0].unnest().this, others)):
            return
        asked: list[exp.Expr] | None = None
        if select.args.get("group"):
            asked = self._of_group(select, others, own, left=bool(side))
        elif (
            not (select.args.get("having") or any(map(aggregates, select.expressions)))
            and bool(side) == missing
            and (missing or _is_set(select))
        ):
            asked = [exp.Not(this=exp.Exists(this=rows)) if missing else exp.Exists(this=rows)]
        if asked is None:
            return
        for name in ("joins", "group", "having"):
            select.set(name, None)
        kept = [each.copy() for each in where if each not in of_other]
        select.set("where", exp.Where(this=exp.and_(*kept, *asked)))

    def _is_there(self, column: exp.Expr, others: _Others) -> bool:
        """Whether a column is NULL of no row that is joined: its key, or one that is held equal or against another."""
        held = [others.tie.this, *([others.beyond.this] if others.beyond is not None else [])]
        return column.name.lower() in {self.schema.subject_key.lower(), *(each.name.lower() for each in held)}

    def _of_group(self, select: exp.Select, others: _Others, own: str, *, left: bool) -> list[exp.Expr] | None:
        """The conditions of HAVING, on groups of one own row each, as questions about the others."""
        if not by_subject(select, own, self.schema) or any(map(aggregates, select.expressions)):
            return None
        having = [*conditions_of(select.args["having"].this)] if select.args.get("having") else []
        calls = [call for each in having for call in aggregates(each)]
        of_none = {others.name: self.schema.subject}
        if any(own in tables(call) or (left and not passes_over_null(call, of_none)) for call in calls):
            return None
        some = exp.GT(this=others.come_to(exp.Count(this=exp.Star()), beyond=True), expression=exp.Literal.number(0))
        found: list[exp.Expr] = [] if left else [some]
        for condition in having:
            holder = exp.Paren(this=condition.copy())
            for call in aggregates(holder):
                call.replace(others.come_to(call, beyond=True))
            found.append(holder.this)
        return found

    def asked(self, select: exp.Select) -> None:
        """Questions of WHERE about other rows."""
        items = [select.args["from_"].this] if select.args.get("from_") else []
        items += [join.this for join in select.args.get("joins") or []]
        names, where = {name for name in map(self._name, items) if name}, select.args.get("where")
        if not names or where is None:
            return
        for there in [each for each in where.find_all(exp.Exists) if each.parent_select is select]:
            others, denied = self._others(there.this, names), isinstance(there.parent, exp.Not)
            one_row = others is None or aggregates(others.rows.expressions[0])  # which is there of no rows, too
            made = None if one_row or others is None else _farthest(others, denied=denied)
            if made is not None:
                (there.parent if denied else there).replace(exp.Paren(this=made))
        for between in [each for each in where.find_all(exp.Between) if each.parent_select is select]:
            if self._others(between.this.unnest(), names) is not None:
                between.replace(exp.Paren(this=_as_two(between)))
        for held in [
            each for each in where.find_all(*COMPARE) if each.parent_select is select and not _is_denied(each)
        ]:
            made = self._counted(held, names)
            if made is not None:
                held.replace(exp.Paren(this=made))

    def _counted(self, held: exp.Expr, names: Set[str]) -> exp.Expr | None:
        """How many rows are beyond the own one, held against a number, as its place among them."""
        query, added = _without_number(held.this.unnest())
        number = _whole(held.expression)
        others = self._others(query, names)
        if others is None or others.beyond is None or others.plain or number is None or added is None:
            return None
        place = self._place(others.rows.expressions[0].unalias(), others.beyond)
        key, value = others.tie.this.name.lower(), others.beyond.this.name.lower()
        same = [each.this.name.lower() == each.expression.name.lower() for each in (others.tie, others.beyond)]
        if place is None or not all(same) or key == value:
            return None
        window, more = place
        own, named = others.beyond.expression.table, (key, value, self.schema.subject, self.schema.subject_key.lower())
        by, order, frame, subject = (exp.to_identifier(each).sql("spark") for each in named)
        way = "DESC" if isinstance(others.beyond, exp.GT | exp.GTE) else "ASC"
        among = (
            f"SELECT {subject} FROM (SELECT {subject}, "
            f"{window} OVER (PARTITION BY {by} ORDER BY {order} {way}) AS placed_among "
            f"FROM {frame} WHERE {by} IS NOT NULL AND {order} IS NOT NULL) AS placed_others"
        )
        asked = type(held)(this=exp.column("placed_among"), expression=exp.Literal.number(number + more - added))
        made = sqlglot.parse_one(among, dialect="spark")
        made.set("where", exp.Where(this=asked))
        found: exp.Expr = exp.In(this=exp.column(named[-1], own), query=exp.Subquery(this=made))
        ends = [exp.column(key, others.tie.expression.table), others.beyond.expression]
        unknown = [exp.Is(this=end.copy(), expression=exp.Null()) for end in ends]
        return exp.or_(found, *unknown) if COMPARE[type(held)](added, number) else found  # type: ignore[arg-type]

    def _place(self, call: exp.Expr, beyond: exp.Expr) -> tuple[str, int] | None:
        """A window that tells how many are beyond a row, and by how much it is more than they are."""
        distinct = isinstance(call.this, exp.Distinct)
        value = call.this.expressions[0] if distinct and len(call.this.expressions) == 1 else call.this
        named = value.name.lower() if isinstance(value, exp.Column) else "*" if isinstance(value, exp.Star) else ""
        of_all = named in {"*", beyond.this.name.lower(), self.schema.subject_key.lower()} and not distinct
        strict = isinstance(beyond, exp.GT | exp.LT)
        if not isinstance(call, exp.Count) or call.expressions or type(beyond) not in _FARTHEST:
            return None
        if distinct and named == beyond.this.name.lower():
            return "dense_rank()", 1 if strict else 0
        if not of_all:
            return None
        return ("rank()", 1) if strict else ("count(*)", 0)

    def _others(self, query: exp.Expr, outside: Set[str]) -> _Others | None:
        """Rows of the subject's frame that one equality ties to one outside, and at most one comparison more."""
        if not isinstance(query, exp.Select) or says_more(query, _ROWS) or not query.args.get("where"):
            return None
        name = self._name(query.args["from_"].this) if query.args.get("from_") else None
        if name is None or name in outside or len(query.expressions) != 1:
            return None
        plain, held = list[exp.Expr](), list[exp.Expr]()
        for each in conditions_of(query.args["where"].this):
            named = {column.table or name for column in each.find_all(exp.Column) if not is_stand_in(column)}
            if each.find(exp.Query) or not named <= {name, *outside}:
                return None
            (plain if named <= {name} else held).append(each.unnest())
        told = [self._between(each, name) for each in held]
        ties = [each for each in told if isinstance(each, exp.EQ)]
        beyond = [each for each in told if each is not None and not isinstance(each, exp.EQ)]
        if None in told or len(ties) != 1 or len(beyond) > 1:
            return None
        return _Others(query, ties[0], beyond[0] if beyond else None, plain)

    def _between(self, condition: exp.Expr, name: str) -> exp.Binary | None:
        """A comparison of a column of the other row with one of the own, in this order, none of them a key."""
        ends = [condition.this, condition.expression] if type(condition) in MIRRORED else []
        if not all(isinstance(end, exp.Column) and self._is_exact(end) for end in ends) or not ends:
            return None
        if (ends[0].table or name) == name and (ends[1].table or name) != name:
            return type(condition)(this=ends[0].copy(), expression=ends[1].copy())  # type: ignore[return-value]
        if (ends[1].table or name) == name and (ends[0].table or name) != name:
            return MIRRORED[type(condition)](this=ends[1].copy(), expression=ends[0].copy())  # type: ignore[return-value]
        return None

    def _is_exact(self, column: exp.Expr) -> bool:
        type_ = self.schema.types_of(self.schema.subject).get(column.name.lower(), "")
        return bool(family(type_)) and type_ not in INEXACT and column.name.lower() != self.schema.subject_key.lower()

    def _name(self, item: exp.Expr) -> str | None:
        """By what the subject's frame goes, where a relation is that."""
        plain = isinstance(item, exp.Table) and not says_more(item, {"this", "alias"})
        if (
            not plain
            or item.name.lower() != self.schema.subject.lower()
            or (item.args.get("alias") and item.args["alias"].columns)
        ):
            return None
        return item.alias_or_name


def _farthest(others: _Others, *, denied: bool) -> exp.Expr | None:
    """That there is a row beyond the own one, or none, by the farthest of them."""
    if others.beyond is None or type(others.beyond) not in _FARTHEST:
        return None
    kind, of_other, own = type(others.beyond), others.beyond.this, others.beyond.expression
    farthest = others.come_to(_FARTHEST[kind](this=of_other.copy()))
    unknown = [exp.Is(this=each.copy(), expression=exp.Null()) for each in (farthest, own)]
    if not denied:  # and never unknown, as what stands around it may deny it
        return exp.and_(kind(this=farthest, expression=own.copy()), *(exp.Not(this=each) for each in unknown))
    return exp.or_(OPPOSITE[kind](this=farthest, expression=own.copy()), *unknown)


def _without_number(value: exp.Expr) -> tuple[exp.Expr, int | None]:
    """A query, and the whole number that is added to it."""
    if not isinstance(value, exp.Add):
        return value, 0
    ends = sorted((value.left.unnest(), value.right.unnest()), key=lambda end: isinstance(end, exp.Query))
    return ends[1], _whole(ends[0])


def _as_two(between: exp.Between) -> exp.Expr:
    ends = ((exp.GTE, "low"), (exp.LTE, "high"))
    return exp.and_(*(kind(this=between.this.copy(), expression=between.args[end].copy()) for kind, end in ends))


def _is_denied(condition: exp.Expr) -> bool:
    """Whether anything but AND and OR stands around a condition of WHERE."""
    around = condition.parent
    while isinstance(around, exp.And | exp.Or | exp.Paren):
        around = around.parent
    return not isinstance(around, exp.Where)


def _is_plain(select: exp.Select) -> bool:
    """Whether each column names its relation, and no query or window stands within."""
    named = all(column.table or is_stand_in(column) for column in select.find_all(exp.Column))
    return named and select.find(exp.Window, exp.Subquery, exp.Exists) is None


def _is_set(select: exp.Select) -> bool:
    """Whether it is all one how often a row is returned."""
    around = select.parent.parent if isinstance(select.parent, exp.Subquery) else select.parent
    return select.parent is None or bool(select.args.get("distinct")) or isinstance(around, exp.In | exp.Exists)


def _is_missing(condition: exp.Expr) -> bool:
    bare = condition.unnest()
    return isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Null) and isinstance(bare.this, exp.Column)


def _whole(node: exp.Expr) -> int | None:
    number = decimal(node.unnest())
    return int(number) if number is not None and number == int(number) else None
