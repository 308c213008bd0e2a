"""What a rule may say and should not: accepted, and said to whoever reads the report."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial

from sqlglot import exp

from rules_engine.errors import Fault
from rules_engine.model.canonical import ParameterValue
from rules_engine.model.schemas import Schema
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.cures import literal_of, of_text
from rules_engine.sql.gate.contradictions import contradictions
from rules_engine.sql.gate.syntax import position

_ADDRESS = re.compile(r"[A-Za-z0-9._+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
_PICKS = (exp.RowNumber, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)


def advice(nodes: Sequence[exp.Expr], schema: Schema, parameters: Mapping[str, ParameterValue]) -> Iterator[Fault]:
    """Warnings about one rule that is accepted, by all nodes of its tree; each kind once."""
    for found in (
        _ties(nodes, schema),
        _not_in(nodes),
        _addresses(nodes),
        _of_nobody(nodes),
        _beyond_parts(nodes),
        _look_alikes(nodes),
        _edges(nodes),
        _zeros(nodes, schema, parameters),
        _above_all(nodes, schema),
        contradictions(nodes),
    ):
        if (fault := next(found, None)) is not None:
            yield fault


def _ties(nodes: Sequence[exp.Expr], schema: Schema) -> Iterator[Fault]:
    keys = {schema.subject_key.lower(), *(key.lower() for key in schema.subject_keys.values())}
    for window in (node for node in nodes if isinstance(node, exp.Window)):
        order = window.args.get("order")
        picked = window.this.this if isinstance(window.this, exp.IgnoreNulls | exp.RespectNulls) else window.this
        if order is None or not isinstance(picked, _PICKS):
            continue
        if len(order.expressions) == 1 and not keys & {c.name.lower() for c in order.find_all(exp.Column)}:
            yield refuse("SQL-901", position(window), name=picked.sql_name().lower(), hint="Add the key to ORDER BY.")


def _not_in(nodes: Sequence[exp.Expr]) -> Iterator[Fault]:
    for negation in (node for node in nodes if isinstance(node, exp.Not)):
        query = negation.this.args.get("query") if isinstance(negation.this, exp.In) else None
        if query is not None and not any(isinstance(null.parent, exp.Is) for null in query.find_all(exp.Null)):
            yield refuse("SQL-902", position(negation))


def _addresses(nodes: Sequence[exp.Expr]) -> Iterator[Fault]:
    for text in nodes:
        if isinstance(text, exp.Literal) and text.is_string and _ADDRESS.fullmatch(text.name):
            yield refuse("SQL-903", position(text), name=text.name)


def _of_nobody(nodes: Sequence[exp.Expr]) -> Iterator[Fault]:
    """Conditions, or parts of them, that are true of nobody whatever the data."""
    say = partial(refuse, "SQL-906")
    for node in nodes:
        match node:
            case exp.In() if any(isinstance(value, exp.Null) for value in node.expressions):
                name = (
                    "NOT IN with NULL among its values"
                    if isinstance(node.parent, exp.Not)
                    else "NULL among the values of IN"
                )
                yield say(position(node), name=name, hint="Leave NULL out, and write OR x IS NULL if that is meant.")
            case exp.DPipe() | exp.Concat() | exp.Add() | exp.Sub() | exp.Mul() | exp.Div() | exp.Mod():
                if _is_null(node) and not isinstance(node, exp.ConcatWs) and isinstance(node.parent, _COMPARISONS):
                    hint = "Leave NULL out, or write coalesce(x, '') for what may be NULL."
                    yield say(
                        position(node), name=f"a comparison with {node.sql('spark')[:40]}, which is NULL,", hint=hint
                    )
            case exp.EQ() if side := _other_letters(node):
                hint = f"Write the text in the letters that {side}() makes."
                yield say(position(node), name=f"'{node.expression.unnest().name[:40]}' beside {side}()", hint=hint)
            case exp.EQ() if (text := node.expression.unnest()).is_string and _LIKE.search(text.name):
                hint = f"Write LIKE {literal_of(text.name[:40])}, if % is to stand for any letters."
                yield say(position(node), name=f"= '{text.name[:40]}' where no text has a %", hint=hint)
            case exp.Case() if node.this and any(isinstance(when.this, exp.Null) for when in node.args["ifs"]):
                yield say(position(node), name="WHEN NULL", hint="Write CASE WHEN x IS NULL THEN … END.")
            case exp.Between() if _is_reversed(node):
                ends = " AND ".join(node.args[end].find(exp.Literal).sql() for end in ("low", "high"))
                yield say(position(node), name=f"BETWEEN {ends}", hint="Write the smaller value first.")
            case exp.Like() | exp.ILike() if isinstance(node.expression, exp.Literal) and _WILD.search(
                node.expression.name
            ):
                hint = "LIKE knows % for any letters and _ for one; for [FD], * and ? write RLIKE '^[FD]'."
                yield say(position(node), name=f"LIKE '{node.expression.name[:40]}' by its brackets, * or ?", hint=hint)


_COMPARISONS = exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE | exp.Like | exp.ILike | exp.Between | exp.In


def _is_null(node: exp.Expr) -> bool:
    """Whether NULL is among what is joined or reckoned with."""
    return any(isinstance(part, exp.Null) for part in node.iter_expressions())


_PARTS = {
    **dict.fromkeys(("dow", "dayofweek"), (1, 7)),
    "weekday": (0, 6),
    "quarter": (1, 4),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
}
"""Parts of a day or moment with the least and most that each can be; to other databases Sunday is 0."""


def _part(node: exp.Expr) -> str:
    match node:
        case exp.Extract():
            return str(node.this.name).lower()
        case exp.Anonymous() if node.name.lower() in {"date_part", "datepart"} and node.expressions:
            return str(node.expressions[0].name).lower()
        case exp.Anonymous():
            return node.name.lower()
    return node.key


def _beyond_parts(nodes: Sequence[exp.Expr]) -> Iterator[Fault]:
    """Numbers that a part of a day or moment never is: dayofweek(x) = 0."""
    for node in nodes:
        if not isinstance(node, exp.EQ | exp.In) or not (bounds := _PARTS.get(part := _part(node.this))):
            continue
        low, high = bounds
        for held in [node.expression] if isinstance(node, exp.EQ) else node.expressions:
            if isinstance(held, exp.Literal) and held.name.isdecimal() and not low <= int(held.name) <= high:
                hint = f"It goes from {low} to {high}."
                yield refuse("SQL-906", position(held), name=f"{held.name} as {part} of a moment", hint=hint)


def _other_letters(node: exp.EQ) -> str:
    """The function by which one side has letters that the text on the other has not: lower(x) = 'FR'."""
    text, made = node.expression.unnest(), node.this.unnest()
    if not text.is_string or not isinstance(made, exp.Lower | exp.Upper):
        return ""
    wanted = text.name.lower() if isinstance(made, exp.Lower) else text.name.upper()
    return made.key if wanted != text.name and text.name.isascii() else ""


_LIKE = re.compile(r"^%.|[^\d\s%]%$")
"""Texts that look like patterns of LIKE, and not like a percentage."""

_WILD = re.compile(r"^[^%_]*[*?][^%_]*$|\[[^\]]+\]")
"""Patterns of file names, or of SQL Server."""


def _is_reversed(between: exp.Between) -> bool:
    low, high = between.args["low"], between.args["high"]
    if isinstance(low, exp.Cast) and isinstance(high, exp.Cast) and low.to == high.to:
        low, high = low.this, high.this
    if not (isinstance(low, exp.Literal) and isinstance(high, exp.Literal) and low.is_string == high.is_string):
        return False
    return low.name > high.name if low.is_string else float(low.name) > float(high.name)


def _look_alikes(nodes: Sequence[exp.Expr]) -> Iterator[Fault]:
    """Words of two alphabets, and letters and digits of full width: nobody types them."""
    for node in nodes:
        if isinstance(node, exp.Literal) and node.is_string:
            yield from _look_alike(f"'{node.name[:40]}'", node.name, position(node))


def _look_alike(name: str, text: str, at: int | None = None) -> Iterator[Fault]:
    if odd := of_text(text):
        shown = ", ".join(f"{char} ({unicodedata.name(char, 'no name')})" for char in dict.fromkeys(odd[1]))
        yield refuse("SQL-907", at, name=name, found=shown, hint=literal_of(odd[0][:40]))


def _edges(nodes: Sequence[exp.Expr]) -> Iterator[Fault]:
    """Texts that are compared whole and have a space before or behind them, or more than one line."""
    for node in nodes:
        compared = isinstance(node.parent, exp.EQ | exp.NEQ) or (
            isinstance(node.parent, exp.In) and node.arg_key != "this"
        )
        if isinstance(node, exp.Literal) and node.is_string and compared:
            yield from _edge(f"'{node.name[:40]}'", node.name, position(node))


def _edge(name: str, text: str, at: int | None = None) -> Iterator[Fault]:
    bare = " ".join(text.split())
    if bare and (text != text.strip() or set(text) & set("\t\r\n")):
        yield refuse("SQL-909", at, name=name, hint=literal_of(bare[:40]))


def of_value(name: str, text: str) -> Iterator[Fault]:
    """Warnings about a text that rules compare with and do not write themselves: a parameter's, or one of a list."""
    yield from _look_alike(name, text)
    yield from _edge(name, text)


def _above_all(nodes: Sequence[exp.Expr], schema: Schema) -> Iterator[Fault]:
    """Comparisons that are true of NaN, where nothing asks for it: a floating column is to be greater."""
    types = [of for frame in schema.columns for of in schema.types_of(frame).items()]
    floating = {name for name, type_ in types if type_.lower() in {"double", "float"}}
    if not floating or any(isinstance(node, exp.IsNan) for node in nodes):
        return
    for node in nodes:
        if isinstance(node, exp.GT | exp.GTE | exp.LT | exp.LTE):
            left, right = node.left.unnest(), node.right.unnest()
            greater = left if isinstance(node, exp.GT | exp.GTE) != _is_negated(node) else right
            if isinstance(greater, exp.Column) and greater.name.lower() in floating:
                yield refuse("SQL-911", position(node), name=node.sql("spark")[:40], hint=greater.sql("spark"))


def _is_negated(node: exp.Expr) -> bool:
    """Whether an odd number of NOT stand around a comparison, with nothing but AND and OR between."""
    negated, above = False, node.parent
    while isinstance(above, exp.Paren | exp.And | exp.Or | exp.Not):
        negated, above = negated != isinstance(above, exp.Not), above.parent
    return negated


def _zeros(nodes: Sequence[exp.Expr], schema: Schema, parameters: Mapping[str, ParameterValue]) -> Iterator[Fault]:
    """Zeros that end a run; the first element of a list is 1, of a map 0 is a key like others."""
    types = [of for frame in schema.columns for of in schema.types_of(frame).items()]
    lists = {name for name, type_ in types if type_.lower().startswith("array")}
    divides, numbered = "it divides by zero", "Count from 1, or from the end by -1."
    for node in nodes:
        match node:
            case exp.Div():
                zero, name, hint = node.expression, divides, "Write another divisor, or try_divide(a, b)."
            case exp.IntDiv() | exp.Mod():
                zero, name, hint = node.expression, divides, "Write another divisor."
            case exp.Anonymous() if node.name.lower() == "pmod" and len(node.expressions) == 2:
                zero, name, hint = node.expressions[1], divides, "Write another divisor."
            case exp.SplitPart() if "part_index" in node.args:
                zero, name, hint = node.args["part_index"], "it asks for part 0 of a text", numbered
            case exp.Bracket() if node.args.get("offset") == 1 and node.this.name.lower() in lists:
                zero, name, hint = node.expressions[0], "it asks for element 0 of a list", numbered
            case _:
                continue
        if _is_zero(zero.unnest(), parameters):
            yield refuse("SQL-908", position(node), name=name, hint=hint)


def _is_zero(node: exp.Expr, parameters: Mapping[str, ParameterValue]) -> bool:
    if isinstance(node, exp.Placeholder):
        value = parameters.get(node.name.lower())
        return isinstance(value, int | Decimal) and not isinstance(value, bool) and not value
    return isinstance(node, exp.Literal) and not node.is_string and not float(node.name)
