"""A tree in fewer wordings: what two constructs say alike is said by one, NULL or not."""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal

from sqlglot import exp

from rules_engine.logical.nested_queries import windows_of_groups

OPPOSITE: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.GTE, exp.LTE: exp.GT, exp.GT: exp.LTE, exp.GTE: exp.LT, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ,
}  # fmt: skip
"""Each is true where the other is false, and unknown where it is unknown."""


STAND_IN = "__stand_in_"
"""How names begin that literals and calls go by while they are read."""
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.Neg)
_OF_UNION = {"this", "expression", "distinct"}
MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE, exp.EQ: exp.EQ, exp.NEQ: exp.NEQ,
}  # fmt: skip


def plainly(root: exp.Query, doubles: Set[str] = frozenset()) -> exp.Query:
    """The tree itself, changed; ``doubles`` are names that columns of doubles have, in small letters."""
    for select in root.find_all(exp.Select):
        _named_windows(select)
        _full_join(select)
        _right_join(select)
        _numbered_groups(select)
        windows_of_groups(select)
    doubles = _with_other_names(root, doubles)
    for node in reversed([*root.walk()]):
        found = _of_list(node, doubles) or _plain(node)
        if found is not node:
            node.replace(found)
    return root


def _with_other_names(root: exp.Query, doubles: Set[str]) -> Set[str]:
    """Names of columns that may be doubles: those, and what is made of them, or of what is not told, under others."""
    found = {*doubles, *(each.name.lower() for alias in root.find_all(exp.TableAlias) for each in alias.columns)}
    made = {(each.alias.lower(), each.this) for each in root.find_all(exp.Alias)}
    before = -1
    while before < len(found):
        before = len(found)
        found |= {name for name, of in made if not isinstance(of, exp.Column) or of.name.lower() in found}
    return found


def _named_windows(select: exp.Select) -> None:
    """``OVER w`` with what the WINDOW clause says of it."""
    named = {window.name.lower(): window for window in select.args.get("windows") or ()}
    for window in [*select.find_all(exp.Window)] if named else []:
        said = named.get(window.args["alias"].name.lower()) if window.args.get("alias") else None
        if said is not None and window.parent_select is select:
            window.set("alias", None)
            for part in ("partition_by", "order", "spec"):
                window.set(part, said.copy().args.get(part))
    select.set("windows", None)


def _full_join(select: exp.Select) -> None:
    """``a FULL JOIN b`` as a LEFT or RIGHT JOIN, where a row without ``a``, or without ``b``, is not kept."""
    joins: list[exp.Expr] = select.args.get("joins") or []
    if len(joins) != 1 or (joins[0].args.get("side") or "").upper() != "FULL" or not select.args.get("where"):
        return
    given = set[str]()
    for node in select.args["where"].this.flatten() if isinstance(select.args["where"].this, exp.And) else ():
        bare = node.unnest()
        inner = bare.this.unnest() if isinstance(bare, exp.Not) else None
        not_null = isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null)
        test = inner if not_null else bare
        told = not_null or isinstance(test, (*MIRRORED, exp.In, exp.Between, exp.Like))
        if told and test is not None and isinstance(test.this, exp.Column):
            given.add(test.this.table.lower())
    given.discard("")  # of a column that names no relation it is not told whose it is
    for side, item in (("LEFT", select.args["from_"].this), ("RIGHT", joins[0].this)):
        if item.alias_or_name.lower() in given:
            joins[0].set("side", side)
            return


def _right_join(select: exp.Select) -> None:
    """``a RIGHT JOIN b`` as ``b LEFT JOIN a``, where nothing else is joined."""
    joins: list[exp.Expr] = select.args.get("joins") or []
    if len(joins) == 1 and (joins[0].args.get("side") or "").upper() == "RIGHT":
        left, right = select.args["from_"].this.copy(), joins[0].this.copy()
        select.args["from_"].set("this", right)
        joins[0].set("this", left)
        joins[0].set("side", "LEFT")


def _numbered_groups(select: exp.Select) -> None:
    """``GROUP BY 1`` by the first column."""
    group = select.args.get("group")
    for each in [*group.expressions] if group else []:
        if isinstance(each, exp.Literal) and each.name.isdigit() and 0 < int(each.name) <= len(select.expressions):
            each.replace(select.expressions[int(each.name) - 1].unalias().copy())


def _plain(node: exp.Expr) -> exp.Expr:
    found: exp.Expr
    match node:
        case exp.CountIf() if not isinstance(node.this, exp.Distinct):
            found = exp.Count(this=when(node.this, exp.Literal.number(1)))
        case exp.Filter(
            this=exp.Count() | exp.Sum() | exp.Min() | exp.Max() | exp.Avg() | exp.ArrayAgg() | exp.ArrayUniqueAgg()
        ):
            of_several = node.this.expressions and isinstance(node.this.this, exp.Star | exp.Literal)
            found = node if of_several else _filtered(node)
        case exp.If() if not isinstance(node.parent, exp.Case):
            found = _coalesced(when(node.this, node.args["true"], node.args.get("false")))
        case exp.Case():
            found = _coalesced(node) if node.this is None else _searched(node)
        case exp.Coalesce(expressions=[exp.Boolean(this=False)]) if _keeps_by(node):
            found = exp.Paren(this=node.this.copy())
        case exp.Not():
            found = _compared(_of_no_side(node))
        case exp.NullSafeNEQ():
            found = exp.Not(this=_of(exp.NullSafeEQ, node.this, node.expression))
        case exp.Count(this=exp.Literal()) if not node.expressions:
            found = exp.Count(this=exp.Star())
        case _:
            found = _compared(node) if isinstance(node.parent, exp.Window) else _compared(_of_truths(node))
    return found


def _keeps_by(node: exp.Expr) -> bool:
    """Whether rows are kept by a condition alone, or with others by AND and OR: unknown is as good as false there."""
    around = node.parent
    while isinstance(around, exp.And | exp.Or | exp.Paren):
        around = around.parent
    return isinstance(around, exp.Where | exp.Having)


def _of_no_side(node: exp.Not) -> exp.Expr:
    """``x NOT IN (A UNION B)`` as ``x NOT IN A AND x NOT IN B``; others as they are."""
    asked = node.this.unnest()
    union = asked.args["query"].unnest() if isinstance(asked, exp.In) and asked.args.get("query") else None
    if not isinstance(union, exp.Union) or {name for name, said in union.args.items() if said} - _OF_UNION:
        return node
    sides = [_of_no_side(exp.Not(this=_among(asked.this, side))) for side in (union.this, union.args["expression"])]
    return exp.Paren(this=exp.and_(*sides))


def _among(value: exp.Expr, query: exp.Expr) -> exp.In:
    bare = query.unnest()
    return exp.In(this=value.copy(), query=exp.Subquery(this=bare.copy()))


def _searched(case: exp.Case) -> exp.Expr:
    """``CASE x WHEN 1 THEN …`` as ``CASE WHEN x = 1 THEN …``, which it is to Spark."""
    found = case.copy()
    found.set("this", None)
    for each in found.args["ifs"]:
        plain = (exp.Column, exp.Literal)
        sides = [side if isinstance(side, plain) else exp.Paren(this=side.copy()) for side in (case.this, each.this)]
        each.set("this", _of(exp.EQ, *sides))
    return found


def _coalesced(case: exp.Case) -> exp.Expr:
    """``CASE WHEN x IS NULL THEN 0 ELSE x END`` as ``coalesce(x, 0)``, of a column; others as they are."""
    told, default = case.args["ifs"], case.args.get("default")
    asked = told[0].this.unnest() if len(told) == 1 and default is not None else None
    denied = isinstance(asked, exp.Not)
    test = asked.this.unnest() if denied and asked is not None else asked
    if not isinstance(test, exp.Is) or not isinstance(test.expression, exp.Null):
        return case
    result, other = told[0].args["true"], default
    value, otherwise = (result, other) if denied else (other, result)
    if not isinstance(value, exp.Column) or value != test.this or otherwise is None or otherwise.find(exp.AggFunc):
        return case
    return exp.Coalesce(this=value.copy(), expressions=[otherwise.copy()])


def _of_list(node: exp.Expr, doubles: Set[str]) -> exp.Expr | None:
    """
    What a count says of rows, where it is said of the list of their values, which NULL is not in.

    Not of doubles: a set of them holds 0.0 and -0.0, and every NaN, which are one where different values are counted.
    """
    called = isinstance(node, exp.Anonymous) and node.name.lower() == "cardinality" and len(node.expressions) == 1
    found = (
        node.expressions[0] if called else node.this if isinstance(node, exp.ArraySize | exp.ArrayContains) else None
    )
    if not isinstance(found, exp.ArrayAgg | exp.ArrayUniqueAgg):
        return None
    value = found.this.expressions[0] if isinstance(found.this, exp.Distinct) else found.this
    if value.find(exp.Anonymous, exp.Div, exp.TryCast) or any(map(_makes_doubles, value.find_all(*_ARITHMETIC))):
        return None
    if any(each.name.lower() in doubles for each in value.find_all(exp.Column)):
        return None
    if not isinstance(node, exp.ArrayContains):
        return exp.Count(this=exp.Distinct(expressions=[value.copy()]) if _is_set(found) else value.copy())
    if not _is_given(node.expression):
        return None
    held = when(_of(exp.EQ, exp.Paren(this=value.copy()), node.expression), exp.Literal.number(1))
    return exp.Paren(this=exp.GT(this=exp.Count(this=held), expression=exp.Literal.number(0)))


def _is_given(node: exp.Expr) -> bool:
    """Whether it is a literal, which is never NULL."""
    bare = node.this if isinstance(node, exp.Neg) else node
    return isinstance(bare, exp.Literal | exp.Boolean) or _stands_in(bare)


def _stands_in(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and not node.table and node.name.startswith(STAND_IN)


def _makes_doubles(node: exp.Expr) -> bool:
    """Whether arithmetic is of a number that is not plain, as 1e308 and 2D, of which NaN may come."""
    return any(map(_stands_in, node.find_all(exp.Column)))


def _is_set(node: exp.Expr) -> bool:
    return isinstance(node, exp.ArrayUniqueAgg) or isinstance(node.this, exp.Distinct)


def _of_truths(node: exp.Expr) -> exp.Expr:
    """``bool_or`` and ``bool_and`` of rows, filtered or not, by numbers; others as they are."""
    called = node.this if isinstance(node, exp.Filter) else node
    if isinstance(called.this, exp.Distinct):
        return node
    if isinstance(node, exp.LogicalOr | exp.LogicalAnd) and not isinstance(node.parent, exp.Filter):
        return _of_truth(node, node.this, exp.Not(this=exp.Paren(this=node.this.copy())))
    if isinstance(node, exp.Filter) and isinstance(node.this, exp.LogicalOr | exp.LogicalAnd):
        held, met = exp.Paren(this=node.this.this.copy()), exp.Paren(this=node.expression.this.copy())
        return _of_truth(node.this, exp.and_(met, held), exp.and_(met, exp.Not(this=held)))
    return node


def _of_truth(call: exp.Expr, true: exp.Expr, false: exp.Expr) -> exp.Expr:
    """``bool_or`` and ``bool_and``: the greatest or least of ones and zeros is 1, of nothing unknown."""
    one, zero = exp.Literal.number(1), exp.Literal.number(0)
    ifs = [exp.If(this=true.copy(), true=one), exp.If(this=false.copy(), true=zero)]
    kind = exp.Max if isinstance(call, exp.LogicalOr) else exp.Min
    return exp.Paren(this=exp.EQ(this=kind(this=exp.Case(ifs=ifs)), expression=one.copy()))


def truth_of_any(condition: exp.Expr) -> exp.Expr | None:
    """Of what ``bool_or(c)`` was made into, ``c``."""
    found = condition.this if isinstance(condition, exp.EQ) else None
    cased = isinstance(found, exp.Max) and isinstance(found.this, exp.Case)
    ifs: list[exp.Expr] = found.this.args["ifs"] if cased and found is not None else []
    if len(ifs) != 2 or not isinstance(ifs[1].this, exp.Not):
        return None
    made = _of_truth(exp.LogicalOr(), ifs[0].this, ifs[1].this).unnest() == condition
    return ifs[0].this if made and ifs[1].this.this.unnest() == ifs[0].this.unnest() else None


def _compared(node: exp.Expr) -> exp.Expr:
    """A comparison instead of its opposite denied, its number on the right."""
    inner = node.this.unnest() if isinstance(node, exp.Not) else None
    if inner is not None and type(inner) in OPPOSITE:
        return _of(OPPOSITE[type(inner)], inner.this, inner.expression)
    if type(node) in MIRRORED and isinstance(node.this, exp.Literal):
        return _of(MIRRORED[type(node)], node.expression, node.this)
    return node


def _of(comparison: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return comparison(this=left.copy(), expression=right.copy())


def when(condition: exp.Expr, value: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Case:
    ifs = [exp.If(this=condition.copy(), true=value.copy())]
    return exp.Case(ifs=ifs, default=otherwise.copy() if otherwise else None)


def _filtered(node: exp.Filter) -> exp.Expr:
    """``sum(x) FILTER (WHERE c)`` as ``sum(CASE WHEN c THEN x END)``: every aggregate here passes over NULL."""
    call: exp.Expr = node.this.copy()
    condition = node.expression.this
    inside = call.this
    if isinstance(inside, exp.Distinct) and len(inside.expressions) == 1:
        inside.set("expressions", [when(condition, inside.expressions[0])])
    elif isinstance(inside, exp.Star | exp.Literal):
        call.set("this", when(condition, exp.Literal.number(1)))
    else:
        call.set("this", when(condition, inside))
    return call


def decimal(node: exp.Expr) -> Decimal | None:
    """A plain number; None for anything else."""
    return Decimal(node.name) if isinstance(node, exp.Literal) and not node.is_string else None
