"""Comparisons of one column with constants, that together no value meets, or that every value meets one of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from rules_engine.errors import Fault
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.gate.syntax import position

Constant = tuple[str, Decimal | str]
"""What kind of constant, and its value: only those of one kind are held against each other."""

End = tuple[Constant, bool]
"""An end of a range, and whether it is met itself."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TURNED = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE, exp.EQ: exp.EQ, exp.NEQ: exp.NEQ}


@dataclass(slots=True)
class _Met:
    """What is asked of one column: the sets that its value is to be among, and its ends with whether they are met."""

    first: exp.Expr
    among: list[set[Constant]] = field(default_factory=list)
    least: list[End] = field(default_factory=list)
    most: list[End] = field(default_factory=list)


def contradictions(nodes: Sequence[exp.Expr]) -> Iterator[Fault]:
    """Of each AND what no row meets, and of each OR of <> what any row meets whose column is known."""
    for node in nodes:
        if isinstance(node, exp.And) and not _within(node, exp.And):
            yield from _of_all(node)
        elif isinstance(node, exp.Or) and not _within(node, exp.Or):
            yield from _of_any(node)


def _within(node: exp.Expr, kind: type[exp.Connector]) -> bool:
    """Whether it is a part of a longer one."""
    above = node.parent
    while isinstance(above, exp.Paren):
        above = above.parent
    return isinstance(above, kind)


def _of_all(node: exp.And) -> Iterator[Fault]:
    met = dict[str, _Met]()
    for part in _parts(node, exp.And):
        _take(part, met)
    for column, asked in met.items():
        if _none(asked):
            name = f"what is asked of {column}, all of it at once,"
            yield refuse(
                "SQL-906", position(asked.first), name=name, hint="Write OR, or IN (…), if one of them is enough."
            )


def _of_any(node: exp.Or) -> Iterator[Fault]:
    other = dict[str, Constant]()
    for part in _parts(node, exp.Or):
        if isinstance(part, exp.NEQ) and (found := _compared(part)) is not None:
            column, _, value = found
            before = other.setdefault(column, value)
            if before[0] == value[0] and before != value:
                yield refuse("SQL-915", position(part), name=column)
                return


def _parts(node: exp.Expr, kind: type[exp.Connector]) -> Iterator[exp.Expr]:
    """What is joined, from left to right, whatever the brackets; there may be a thousand."""
    waiting = [node]
    while waiting:
        bare = waiting.pop().unnest()
        if isinstance(bare, kind):
            waiting += [bare.right, bare.left]
        else:
            yield bare


def _take(part: exp.Expr, met: dict[str, _Met]) -> None:
    """Note what one comparison asks of its column."""
    match part:
        case exp.In() if isinstance(part.this, exp.Column) and part.expressions:
            values = [_constant(value) for value in part.expressions]
            if None not in values:
                _of(part.this, part, met).among.append({value for value in values if value})
        case exp.Between() if isinstance(part.this, exp.Column):
            low, high = _constant(part.args["low"]), _constant(part.args["high"])
            asked = _of(part.this, part, met)
            asked.least += [(low, True)] if low else []
            asked.most += [(high, True)] if high else []
        case exp.EQ() | exp.GT() | exp.GTE() | exp.LT() | exp.LTE():
            if (found := _compared(part)) is None:
                return
            column, kind, value = found
            asked = met.setdefault(column, _Met(part))
            if kind is exp.EQ:
                asked.among.append({value})
            else:
                ends = asked.least if kind in (exp.GT, exp.GTE) else asked.most
                ends.append((value, kind in (exp.GTE, exp.LTE)))


def _of(column: exp.Column, part: exp.Expr, met: dict[str, _Met]) -> _Met:
    return met.setdefault(column.sql("spark").lower(), _Met(part))


def _compared(part: exp.Binary) -> tuple[str, type[exp.Expr], Constant] | None:
    """The column, the sign and the constant of a comparison, the column on the left."""
    left, right, kind = part.left.unnest(), part.right.unnest(), type(part)
    if isinstance(right, exp.Column):
        left, right, kind = right, left, _TURNED[kind]
    value = _constant(right)
    return (left.sql("spark").lower(), kind, value) if isinstance(left, exp.Column) and value else None


def _constant(node: exp.Expr) -> Constant | None:
    """A number, a text, or a day written DATE '2024-06-01'."""
    bare = node.unnest()
    if isinstance(bare, exp.Neg) and (of := _constant(bare.this)) and isinstance(of[1], Decimal):
        return of[0], -of[1]
    if isinstance(bare, exp.Cast) and bare.to.this is exp.DataType.Type.DATE and bare.this.is_string:
        return ("day", bare.this.name) if _DAY.fullmatch(bare.this.name) else None
    if not isinstance(bare, exp.Literal):
        return None
    try:
        return ("text", bare.name) if bare.is_string else ("number", Decimal(bare.name))
    except InvalidOperation:
        return None


def _none(asked: _Met) -> bool:
    """Whether no value is among all sets and between all ends; of texts only whether they are equal is known."""
    ends = [end for end, _ in (*asked.least, *asked.most)]
    kinds = {kind for kind, _ in (*ends, *(value for values in asked.among for value in values))}
    if len(kinds) != 1:
        return False
    ordered = kinds != {"text"}
    if not asked.among:
        return ordered and any(_crossed(low, high) for low in asked.least for high in asked.most)
    left = set.intersection(*asked.among)
    return not any(not ordered or _between(value, asked) for value in left)


def _between(value: Constant, asked: _Met) -> bool:
    at = value, True
    return not any(_crossed(low, at) for low in asked.least) and not any(_crossed(at, high) for high in asked.most)


def _crossed(low: End, high: End) -> bool:
    """Whether nothing is between two ends: each is a constant, and whether it is met itself."""
    ((_, least), one), ((_, most), other) = low, high
    return least > most or (least == most and not (one and other))  # type: ignore[operator]
