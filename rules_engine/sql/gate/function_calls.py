"""Function calls as they are written: names, arguments, and the places where a function may stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from itertools import pairwise

from sqlglot import exp

from rules_engine.errors import Fault
from rules_engine.model.canonical import ParameterValue
from rules_engine.sql.allow_list import Category, Function, allowed, refuse
from rules_engine.sql.day_words import WORDS, of_pattern
from rules_engine.sql.gate.syntax import position, unknown_function, written_name
from rules_engine.sql.patterns import LIKE_SIGN, expression_faults, like_faults
from rules_engine.sql.tokens import Kind, Token


@dataclass(frozen=True, slots=True)
class Call:
    """A name before a bracket, and the tokens of each argument; after AS it names columns and calls nothing."""

    name: str
    start: int
    arguments: tuple[tuple[Token, ...], ...]
    qualified: bool
    after_as: bool


def calls(words: Sequence[Token]) -> Iterator[Call]:
    """Every name that is followed by a bracket and is not a keyword."""
    keywords = allowed().syntax.before_bracket
    for at, (token, following) in enumerate(pairwise(words)):
        if following.text == "(" and token.kind in {Kind.WORD, Kind.QUOTED}:
            before = words[at - 1].word if at else ""
            qualified = before == "."
            is_keyword = token.word in keywords and token.word not in allowed().functions
            is_keyword |= token.word == "index" and _is_hint([other.word for other in words[max(at - 2, 0) : at]])
            if not is_keyword or token.kind is Kind.QUOTED or qualified:
                yield Call(token.word, token.start, _arguments(words, at + 1), qualified, before == "as")


def _is_hint(before: Sequence[str]) -> bool:
    """Whether what comes before INDEX says how rows are to be found: USE INDEX (…), WITH (INDEX (…))."""
    return before[-1:] in (["use"], ["force"], ["ignore"]) or list(before) == ["with", "("]


def _arguments(words: Sequence[Token], opening: int) -> tuple[tuple[Token, ...], ...]:
    depth, found = 0, [list[Token]()]
    for token in words[opening:]:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            break
        if token.text == "," and depth == 1:
            found.append([])
        elif depth > 1 or token.text != "(":
            found[-1].append(token)
    return tuple(tuple(argument) for argument in found if argument)


TYPES = {"decimal", "dec", "numeric", "char", "character", "varchar"}
"""Types that take brackets, as calls do."""


def lengths(words: Sequence[Token]) -> Iterator[Fault]:
    """A warning of the first text type with a length: Spark forgets it."""
    for call in calls(words):
        if call.after_as and call.name in {"char", "character", "varchar"} and len(call.arguments) == 1:
            limit = call.arguments[0][0].text
            yield refuse("SQL-905", call.start, name=f"{call.name.upper()}({limit})", limit=limit)
            return


def foreign(words: Sequence[Token]) -> Iterator[Fault]:
    """What is called by names of other languages; said where a text cannot be read for it, too."""
    for call in calls(words):
        if not call.after_as and allowed().refused_functions.get(call.name, ("",))[0] == "SQL-104":
            yield unknown_function(call.name, call.start)


def call_faults(
    words: Sequence[Token], nodes: Sequence[exp.Expr], parameters: Mapping[str, ParameterValue]
) -> Iterator[Fault]:
    """Names that are not on the list, and arguments out of bounds; each name once."""
    renamed = {a.name.lower() for a in nodes if isinstance(a, exp.TableAlias) and a.args.get("columns")}
    renamed -= {f.name.lower() for f in nodes if isinstance(f, exp.Anonymous)}
    casts = any(isinstance(n, exp.Cast) for n in nodes)
    seen = set[str]()
    for call in calls(words):
        is_type = casts and call.after_as and call.name in TYPES
        if call.name in seen or is_type or (call.name in renamed and not call.qualified):
            continue
        function = allowed().functions.get(call.name)
        if function is None or call.qualified:
            seen.add(call.name)
            yield unknown_function(call.name, call.start)
        elif call.name not in allowed().syntax.before_bracket:
            yield from _argument_faults(function, call, parameters)


def _argument_faults(function: Function, call: Call, parameters: Mapping[str, ParameterValue]) -> Iterator[Fault]:
    low, high = function.args
    if not low <= len(call.arguments) <= high:
        limit = str(low) if low == high else f"{low} to {high}"
        said = {"found": "the number of arguments", "name": call.name, "limit": limit, "hint": _as_in(function)}
        yield refuse("SQL-114", call.start, **said)
    for at, limit, fits in _demands(function, parameters):
        if at <= len(call.arguments) and not fits(call.arguments[at - 1]):
            meant = of_pattern(_written(call.arguments[at - 1], parameters) or "")
            cured = meant and fits((replace(call.arguments[at - 1][0], text=f"'{meant}'"),))
            hint = f"Write '{meant}'." if cured else _as_in(function)
            yield refuse("SQL-114", call.start, found=f"argument {at}", name=call.name, limit=limit, hint=hint)


def _as_in(function: Function) -> str:
    """How a call is written that is none of the list's."""
    return function.instead or f"Write it as in: {function.example}"


Demand = tuple[int, str, Callable[[Sequence[Token]], bool]]


def _demands(function: Function, parameters: Mapping[str, ParameterValue]) -> Iterator[Demand]:
    """Places of arguments, what stands there, and whether it does."""
    for at, (least, most) in function.whole.items():
        limit = f"a whole number from {least} to {most}, written out"
        yield at, limit, partial(_is_within, read=_whole, bounds=(least, most), parameters=parameters)
    for at, (low, high) in function.number.items():
        limit = f"a number from {low} to {high}, written out"
        yield at, limit, partial(_is_within, read=_number, bounds=(low, high), parameters=parameters)
    for at in function.plain:
        yield at, "a number, or array(…) of numbers, written out", lambda argument: all(map(_is_plain, argument))
    for at in function.text:
        yield at, "a quoted text of up to 40 characters", partial(_is_text, parameters=parameters)
    for at, name in function.words.items():
        fits, limit = WORDS[name]
        yield at, limit, partial(_is_word, fits=fits, parameters=parameters)


def _is_within(
    argument: Sequence[Token],
    *,
    read: Callable[[Sequence[Token], Mapping[str, ParameterValue]], float | None],
    bounds: tuple[float, float],
    parameters: Mapping[str, ParameterValue],
) -> bool:
    value = read(argument, parameters)
    return value is not None and bounds[0] <= value <= bounds[1]


def _whole(argument: Sequence[Token], parameters: Mapping[str, ParameterValue]) -> int | None:
    sign = -1 if argument[0].text == "-" else 1
    match argument[1:] if sign < 0 else argument:
        case (Token(kind=Kind.NUMBER, text=digits),) if digits.isdigit():
            return sign * int(digits)
        case (Token(kind=Kind.PARAMETER) as token,):
            value = parameters.get(token.word.removeprefix(":"))
            return sign * value if isinstance(value, int) else None
    return None


def _number(argument: Sequence[Token], parameters: Mapping[str, ParameterValue]) -> float | None:
    match argument:
        case (Token(kind=Kind.NUMBER, text=digits),):
            return float(digits) if digits.replace(".", "", 1).isdigit() else None
        case (Token(kind=Kind.PARAMETER) as token,):
            value = parameters.get(token.word.removeprefix(":"))
            return float(value) if isinstance(value, int | Decimal) else None
    return None


def _is_plain(token: Token) -> bool:
    """Spark works these arguments out while it reads the rule, under no limit."""
    return token.kind in {Kind.NUMBER, Kind.PARAMETER} or token.word == "array" or token.text in "(),-"


def _is_text(argument: Sequence[Token], parameters: Mapping[str, ParameterValue]) -> bool:
    text = _written(argument, parameters)
    return text is not None and len(text) <= 40


def _is_word(argument: Sequence[Token], fits: Callable[[str], bool], parameters: Mapping[str, ParameterValue]) -> bool:
    """Whether a text that is written out is one of those that are known; a computed one is not judged here."""
    text = _written(argument, parameters)
    return text is None or fits(text)


def _written(argument: Sequence[Token], parameters: Mapping[str, ParameterValue]) -> str | None:
    match argument:
        case (Token(kind=Kind.TEXT, text=text),):
            return text[1:-1]
        case (Token(kind=Kind.PARAMETER) as token,):
            value = parameters.get(token.word.removeprefix(":"))
            return value if isinstance(value, str) else None
    return None


def place_faults(nodes: Sequence[exp.Expr], text: str, parameters: Mapping[str, ParameterValue]) -> Iterator[Fault]:
    """Functions that need a window or another function around them, and LIKE patterns."""
    for node in nodes:
        if isinstance(node, exp.Like | exp.ILike):
            for pattern in _patterns(node.expression):
                yield from like_faults(_constant(pattern, parameters), position(node), _escape(node))
        elif (expression := _expression(node)) is not None:
            yield from expression_faults(_constant(expression, parameters), position(node))
        elif isinstance(node, exp.Func) and (function := allowed().functions.get(written_name(node, text))):
            if function.category is Category.GENERATOR and not isinstance(node.parent, exp.Lateral):
                yield refuse("SQL-132", position(node), name=", and stands nowhere else")
            if function.over and not _is_ordered(node):
                yield refuse("SQL-136", position(node), name=function.name)
            if function.within and not _stands_in(node, text, function.within):
                yield refuse("SQL-137", position(node), name=function.name, hint=_inside(node, function))


def _inside(node: exp.Func, function: Function) -> str:
    """What to write instead of collected values by themselves; under a name they may be asked for further out."""
    if not isinstance(node.parent, exp.Alias):
        return f"Use it inside {', '.join(sorted(function.within))}."
    return (
        f"Ask in the same SELECT: array_contains({function.name}(x), 'a') or size({function.name}(x)), under a name or "
        "in HAVING; a query around it sees the answer, not the list."
    )


def _is_ordered(node: exp.Expr) -> bool:
    above = node.parent
    while isinstance(above, exp.IgnoreNulls | exp.RespectNulls):
        above = above.parent
    return isinstance(above, exp.Window) and bool(above.args.get("order") or above.args.get("alias"))


def _stands_in(node: exp.Expr, text: str, names: frozenset[str]) -> bool:
    above = node.parent
    while isinstance(above, exp.Filter | exp.Paren | exp.Window):
        above = above.parent
    return above is not None and written_name(above, text) in names


def _expression(node: exp.Expr) -> exp.Expr | None:
    """The regular expression that a node takes; there are names of RLIKE that sqlglot does not know."""
    if isinstance(node, exp.RegexpLike):
        return node.right
    function = allowed().functions.get(node.name.lower()) if isinstance(node, exp.Anonymous) else None
    given: list[exp.Expr] = node.expressions[function.pattern - 1 :] if function and function.pattern else []
    return given[0] if given else None


def _escape(node: exp.Like | exp.ILike) -> str:
    return node.parent.expression.name if isinstance(node.parent, exp.Escape) else LIKE_SIGN


def _patterns(node: exp.Expr) -> list[exp.Expr]:
    match node:
        case exp.Any() | exp.All() | exp.Paren():
            return _patterns(node.this)
        case exp.Tuple():
            return list(node.expressions)
    return [node]


def _constant(node: exp.Expr, parameters: Mapping[str, ParameterValue]) -> str | None:
    """The text of a pattern that is put together from texts and parameters alone."""
    match node:
        case exp.Literal() if node.is_string:
            return node.name
        case exp.Placeholder():
            value = parameters.get(node.name.lower())
            return value if isinstance(value, str) else None
        case exp.DPipe() | exp.Concat() | exp.Paren():
            parts = [_constant(part, parameters) for part in node.iter_expressions()]
            return None if None in parts else "".join(filter(None, parts))
    return None
