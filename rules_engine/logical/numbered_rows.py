"""Rows joined with the row so many before them, by what ROW_NUMBER gives both, as rows of which LAG tells that."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from sqlglot import exp

from rules_engine.logical.comparisons import conditions_of, says_more
from rules_engine.logical.query_tree import is_stand_in
from rules_engine.logical.rewrites import decimal

_JOINED = {"expressions", "from_", "joins", "where", "group", "having", "distinct", "order", "with_"}
_NUMBERED = {"expressions", "from_", "where"}
_BEFORE = "row_before_"

Named = Mapping[str, exp.Expr | None]
"""WITH queries by name; None where it is not told what a name stands for."""


def with_rows_before(root: exp.Query) -> None:
    """Change the tree: ``a JOIN b ON b.key = a.key AND b.n = a.n - 1``, n a ROW_NUMBER by the key, as LAG in a."""
    named = dict[str, exp.Expr | None]()
    for each in root.find_all(exp.CTE):
        name = each.alias.lower()
        named[name] = None if name in named or says_more(each, {"this", "alias"}) or _renames(each) else each.this
    for select in [*root.find_all(exp.Select)]:
        joins = select.args.get("joins") or []
        if len(joins) == 1 and not says_more(select, _JOINED) and not says_more(joins[0], {"this", "on", "kind"}):
            _join(select, joins[0], named)


def _join(select: exp.Select, join: exp.Expr, named: Named) -> None:
    items = select.args["from_"].this, join.this
    rows, others = (_numbered(item, named) for item in items)
    one, two = (item.alias_or_name.lower() for item in items)
    plain = (join.args.get("kind") or "").upper() in {"", "INNER", "CROSS"} and _is_plain(select, {one, two})
    if rows is None or others is None or rows.query != others.query or one == two or not plain:
        return
    asked = [clause for clause in (join.args.get("on"), select.args.get("where")) if clause is not None]
    conditions = [
        each for clause in asked for each in conditions_of(clause.this if isinstance(clause, exp.Where) else clause)
    ]
    tied = [_tied(each, one, two) for each in conditions]
    numbers = [_distance(each, rows.number, one, two) for each in conditions]
    found = [number for number in numbers if number]
    if {*tied} & rows.parts != rows.parts or len(found) != 1:
        return
    far, later, before = abs(found[0]), *((one, two) if found[0] > 0 else (two, one))
    made = rows.told_before(select, before, far)
    if made is None:
        return
    kept = [
        each.copy()
        for each, of, number in zip(conditions, tied, numbers, strict=True)
        if of not in rows.parts and not number
    ]
    kept.append(exp.GT(this=exp.column(rows.number, later), expression=exp.Literal.number(far)))
    kept += [exp.Not(this=exp.Is(this=exp.column(part, later), expression=exp.Null())) for part in sorted(rows.parts)]
    select.set("where", exp.Where(this=exp.and_(*kept)))
    select.set("joins", None)
    for column in [of for clause in _clauses(select) for of in clause.find_all(exp.Column)]:
        if column.table.lower() == before:
            value = rows.from_later(column.name.lower(), later, far)
            column.replace(exp.alias_(value, column.name) if column.parent is select else value)
    alias = exp.TableAlias(this=exp.to_identifier(later))
    select.set("from_", exp.From(this=exp.Subquery(this=made, alias=alias)))


@dataclass(frozen=True)
class _Numbered:
    """A query that numbers its rows, by the column ``number``, in an order of their own in each of the ``parts``."""

    query: exp.Select
    number: str
    window: exp.Window
    columns: Mapping[str, exp.Expr]
    rest: bool
    """Whether it returns all other columns of what it reads, too."""
    parts: frozenset[str]

    def value(self, name: str) -> exp.Expr | None:
        """What a column stands for."""
        return self.columns.get(name) or (exp.column(name) if self.rest else None)

    def told_before(self, select: exp.Select, before: str, far: int) -> exp.Select | None:
        """The query with what a select asks of the row so many before; None where that is no value of the row."""
        found = self.query.copy()
        columns = [of for clause in _clauses(select) for of in clause.find_all(exp.Column)]
        names = {of.name.lower() for of in columns if of.table.lower() == before}
        for name in sorted(names - {self.number, *self.parts}):
            value = self.value(name)
            if value is None or value.find(exp.Window, exp.AggFunc, exp.Query):
                return None
            window = self.window.copy()
            window.set("this", exp.Lag(this=value.copy(), offset=exp.Literal.number(far)))
            found.append("expressions", exp.alias_(window, f"{_BEFORE}{name}"))
        return found

    def from_later(self, name: str, later: str, far: int) -> exp.Expr:
        """A column of the row before, as what the later row tells of it."""
        if name in self.parts:
            return exp.column(name, later)
        if name == self.number:
            return exp.Paren(this=exp.Sub(this=exp.column(name, later), expression=exp.Literal.number(far)))
        return exp.column(f"{_BEFORE}{name}", later)


def _numbered(item: exp.Expr, named: Named) -> _Numbered | None:
    if says_more(item, {"this", "alias"}) or _renames(item) or not item.alias_or_name:
        return None
    query = named.get(item.name.lower()) if isinstance(item, exp.Table) else item.this
    if not isinstance(query, exp.Select) or says_more(query, _NUMBERED) or not query.args.get("from_"):
        return None
    columns = {each.alias_or_name.lower(): each.unalias() for each in query.expressions if not each.is_star}
    stars = [each for each in query.expressions if each.is_star]
    numbers = [name for name, value in columns.items() if isinstance(value, exp.Window)]
    window = columns[numbers[0]] if len(numbers) == 1 else None
    if "" in columns or len(columns) + len(stars) != len(query.expressions) or window is None or len(stars) > 1:
        return None
    if not isinstance(window.this, exp.RowNumber) or says_more(window, {"this", "partition_by", "order", "over"}):
        return None
    by = window.args.get("partition_by") or ()
    told = [next((name for name, value in columns.items() if value == each), None) for each in by]
    parts = [
        name or (stars and isinstance(each, exp.Column) and each.name.lower())
        for name, each in zip(told, by, strict=True)
    ]
    if not parts or not all(parts) or not window.args.get("order"):
        return None
    return _Numbered(query, numbers[0], window, columns, bool(stars), frozenset(part for part in parts if part))


def _renames(item: exp.Expr) -> bool:
    return bool(item.args.get("alias") and item.args["alias"].columns)


def _clauses(select: exp.Select) -> list[exp.Expr]:
    """All that a query says of the rows of its relations."""
    asked = [select.args.get(name) for name in ("where", "group", "having", "order")]
    on = [join.args.get("on") for join in select.args.get("joins") or ()]
    return [*select.expressions, *(clause for clause in (*asked, *on) if clause is not None)]


def _is_plain(select: exp.Select, names: Set[str]) -> bool:
    """Whether each column names its relation, and no query within has one of these names."""
    within = [
        of for clause in _clauses(select) for of in clause.find_all(exp.Column, exp.Table, exp.Subquery, exp.Star)
    ]
    columns = [of for of in within if isinstance(of, exp.Column)]
    if any(of.is_star or not (of.table or is_stand_in(of)) for of in columns):
        return False
    return not names & {of.alias_or_name.lower() for of in within if isinstance(of, exp.Table | exp.Subquery)}


def _tied(condition: exp.Expr, one: str, two: str) -> str | None:
    """The column that two relations have in common, where a condition holds it equal."""
    bare = condition.unnest()
    ends = (bare.this, bare.expression) if isinstance(bare, exp.EQ) else ()
    if not ends or not all(isinstance(end, exp.Column) for end in ends):
        return None
    names = {end.name.lower() for end in ends}
    return names.pop() if {end.table.lower() for end in ends} == {one, two} and len(names) == 1 else None


def _distance(condition: exp.Expr, number: str, one: str, two: str) -> int | None:
    """By how much the number of the one is to be greater than that of the other; None where it is not held so."""
    bare = condition.unnest()
    ends = [_linear(end, number, one, two) for end in (bare.this, bare.expression)] if isinstance(bare, exp.EQ) else []
    if not ends or None in ends:
        return None
    of_one, of_two, more = (left - right for left, right in zip(*ends, strict=True))
    return -more * of_one if (of_one, of_two) in {(1, -1), (-1, 1)} else None


def _linear(value: exp.Expr, number: str, one: str, two: str) -> tuple[int, int, int] | None:
    """How often a value has the number of the one and of the other, and the whole number added to them."""
    bare = value.unnest()
    if isinstance(bare, exp.Add | exp.Sub):
        sides = [_linear(side, number, one, two) for side in (bare.left, bare.right)]
        if sides[0] is None or sides[1] is None:
            return None
        sign = 1 if isinstance(bare, exp.Add) else -1
        one_of, two_of, more = (left + sign * right for left, right in zip(*sides, strict=True))
        return one_of, two_of, more
    if isinstance(bare, exp.Column) and not is_stand_in(bare):
        of = bare.table.lower() if bare.name.lower() == number else ""
        return {one: (1, 0, 0), two: (0, 1, 0)}.get(of)
    written = decimal(bare)
    return (0, 0, int(written)) if written is not None and written == int(written) else None
