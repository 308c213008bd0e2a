"""Gate 1, first half: sqlglot's tree of a text, and whether every node of it is on the list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from rules_engine.errors import Fault, did_you_mean
from rules_engine.model.rules import Form
from rules_engine.sql.allow_list import allowed, refuse
from rules_engine.sql.cures import ANYWHERE, of_condition, of_statement
from rules_engine.sql.gate.rollups import keeps_key
from rules_engine.sql.gate.token_faults import token_faults
from rules_engine.sql.moments import is_day, is_moment
from rules_engine.sql.tokens import Token

_SPOKEN = {"BOOLEAN", "TIMESTAMP", "STRING", "VARCHAR", "INT", "BIGINT", "DOUBLE", "DECIMAL"}
"""Spark's names of types as which others are told, of another database."""

FIRST_OF_EACH = (
    "Number the rows in a derived table and filter outside: SELECT … FROM (SELECT …, row_number() OVER "
    "(PARTITION BY … ORDER BY …, key) AS place FROM …) t WHERE place = 1."
)


GROUPED = (
    "Group the rows in a derived table and join it: "
    "JOIN (SELECT key, sum(x) AS total FROM … GROUP BY key) t ON t.key = …."
)


OF_A_QUERY = "Name it in WITH, or put it into FROM, IN or EXISTS."
_JOINS_OF_OTHERS = {
    "STRAIGHT_JOIN": "Write JOIN.",
    "ASOF": FIRST_OF_EACH,
    "OUTER": "Write LEFT OUTER JOIN: without LEFT Spark takes OUTER for the name of the relation before it.",
    **dict.fromkeys(("RIGHT SEMI", "RIGHT ANTI"), "Put the frames the other way round, and write LEFT."),
}
"""Words of joins that sqlglot reads and Spark has not: what to write instead."""


class Unreadable(Exception):
    """The text gave no tree; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def parse(text: str, form: Form, words: Sequence[Token]) -> exp.Expr:
    """
    The tree of one condition or one query.

    Raises:
        Unreadable: On whatever goes wrong; a parser that breaks is a refusal.
    """
    for fault in token_faults(form, words):
        raise Unreadable(fault)
    try:
        if form is Form.PREDICATE:
            return sqlglot.parse_one(text, dialect="spark", into=exp.Condition)
        return sqlglot.parse_one(text, dialect="spark")
    except ParseError as problem:
        raise Unreadable(
            _syntax(problem, of_condition(text) if form is Form.PREDICATE else of_statement(text))
        ) from problem
    except (Exception, RecursionError) as problem:
        raise Unreadable(refuse("SQL-101", name=f" ({type(problem).__name__})", hint=ANYWHERE)) from problem


def _syntax(problem: ParseError, hint: str) -> Fault:
    for error in problem.errors:
        near = f"{error.get('highlight') or ''}{error.get('end_context') or ''}"[:20].strip()
        before = error.get("start_context") or ""
        where = f" near '{near}'" if near else " after its end"
        return refuse("SQL-101", len(before) if len(before) < 100 else None, name=where, hint=hint)
    return refuse("SQL-101", hint=hint)


def node_faults(tree: exp.Expr, nodes: Sequence[exp.Expr], text: str, *, named: bool = False) -> Iterator[Fault]:
    """
    Nodes, settings, types and dates that are not on the list; each kind once, and nothing inside a refused node.

    Where calls are ``named`` that are refused, functions by names that the text does not hold are not spoken of.
    """
    listed, seen, written = allowed(), set[str](), text.lower()
    if any(type(node).__name__ in listed.refused_nodes for node in nodes):
        nodes = [*tree.walk(prune=lambda node: type(node).__name__ in listed.refused_nodes and not keeps_key(node))]
    for node in nodes:
        if keeps_key(node):
            continue
        for name in _names(node):
            if name not in listed.nodes and name not in listed.flags:
                if name not in seen and not (
                    named and isinstance(node, exp.Func) and node.sql_name().lower() not in written
                ):
                    seen.add(name)
                    yield _refused(node, name, text)
                break
        yield from _value_faults(node)


def _names(node: exp.Expr) -> Iterator[str]:
    """The node's class, and the class with each setting that is no node itself."""
    name = type(node).__name__
    yield name
    for key, value in node.args.items():
        values = value if isinstance(value, list) else [value]
        if value and any(not isinstance(v, exp.Expr) for v in values):
            yield f"{name}.{key}"


def _refused(node: exp.Expr, refused: str, text: str) -> Fault:
    written = written_name(node, text)
    if (
        refused not in allowed().refused_nodes
        and isinstance(node, exp.Func)
        and "." not in refused
        and written not in allowed().functions
        and written
    ):
        return unknown_function(written, position(node))
    name, instead = allowed().refused_nodes.get(refused, (refused, "docs/rule-sql.md lists what is."))
    instead = of_condition(text, instead) if isinstance(node, exp.Command) else instead
    return refuse("SQL-103", position(node), name=name, hint=instead)


def _value_faults(node: exp.Expr) -> Iterator[Fault]:
    """What a node of an allowed class may hold."""
    match node:
        case exp.With() if node.args.get("recursive"):
            yield refuse("SQL-126", position(node))
        case exp.CTE() if not isinstance(node.this, exp.Query | exp.Values):
            yield refuse("SQL-127", position(node), name="a query", hint=OF_A_QUERY)
        case exp.Distinct() if node.args.get("on"):
            yield refuse("SQL-103", position(node), name="DISTINCT ON", hint=FIRST_OF_EACH)
        case exp.Join() if words := _joined_elsewhere(node):
            name = words if words.endswith("JOIN") else f"{words} JOIN"
            yield refuse("SQL-103", position(node), name=name, hint=_JOINS_OF_OTHERS[words])
        case exp.EQ() | exp.NEQ() | exp.GT() | exp.GTE() | exp.LT() | exp.LTE() if _with_null(node):
            yield refuse("SQL-145", position(node), name=node.sql("spark"))
        case exp.Any() | exp.All() if _is_quantifier(node):
            name = f"a comparison with {node.key.upper()}"
            yield refuse("SQL-103", position(node), name=name, hint="Write EXISTS, or compare with min() or max().")
        case exp.DataType() if node.this.name not in allowed().syntax.types:
            yield refuse("SQL-117", position(node.parent or node), name=f"'{_type_name(node)}'")
        case exp.Cast() if isinstance(node.this, exp.Literal) and node.this.is_string:
            yield from _date_faults(node)
        case _:
            yield from _lenient(node)


def _joined_elsewhere(join: exp.Join) -> str:
    """The words by which only another database joins; empty where there are none."""
    said = (join.method, f"{join.side} {join.kind}".strip())
    return next((words for words in said if words in _JOINS_OF_OTHERS), "")


def _type_name(node: exp.DataType) -> str:
    """A type as it is written: Spark's name of another one would be that of a type that is allowed."""
    name, spark = str(node.this.name), node.sql("spark")
    return name if spark.partition("(")[0] in _SPOKEN else spark


def _with_null(node: exp.Binary) -> bool:
    return isinstance(node.left.unnest(), exp.Null) or isinstance(node.right.unnest(), exp.Null)


def _stands_for_values(star: exp.Star) -> bool:
    """Whether a star is neither what a SELECT returns nor what count(*) counts."""
    above = star.parent.parent if isinstance(star.parent, exp.Column) else star.parent
    return not isinstance(above, exp.Select | exp.Count | exp.Distinct)


def _lenient(node: exp.Expr) -> Iterator[Fault]:
    """More that sqlglot reads and Spark does not."""
    match node:
        case exp.In() if not (node.args.get("query") or node.expressions):
            hint = "Put the values in brackets, one at least: IN ('FR', 'BE')."
            yield refuse("SQL-101", position(node), name=" after IN", hint=hint)
        case exp.Is() if not isinstance(node.expression, exp.Null | exp.Boolean):
            yield refuse("SQL-101", position(node), name=" after IS", hint="Write IS NULL, or = and <> between values.")
        case exp.Select() if not node.expressions:
            hint = "Say what is returned: the subject's key, or SELECT 1 within EXISTS."
            yield refuse("SQL-101", position(node), name=" after SELECT", hint=hint)
        case exp.Group() if not any(node.args.values()):
            yield refuse(
                "SQL-101", position(node.parent or node), name=" after GROUP BY", hint="Name the columns to group by."
            )
        case exp.Tuple() if not node.expressions:
            yield refuse("SQL-101", position(node), name=" near '()'", hint=ANYWHERE)
        case exp.Star() if node.args.get("except_") or node.args.get("replace") or node.args.get("rename"):
            hint = "Name the columns that you want: Spark 3.5 takes a * whole."
            yield refuse("SQL-103", position(node.parent or node), name="* EXCEPT", hint=hint)
        case exp.Lateral() if isinstance(node.this, exp.Subquery):
            yield refuse("SQL-103", position(node), name="a LATERAL query", hint=GROUPED)
        case exp.Star() if _stands_for_values(node):
            hint = "Name the columns: what a frame gains later would else change the rule."
            yield refuse("SQL-103", position(node.parent or node), name="a * among values", hint=hint)


def _is_quantifier(node: exp.Expr) -> bool:
    compares = isinstance(node.parent, exp.Binary) and not isinstance(node.parent, exp.Like | exp.ILike)
    return compares and isinstance(node.this, exp.Query | exp.Tuple)


def _date_faults(cast: exp.Cast) -> Iterator[Fault]:
    """Spark reads DATE 'today' as the clock."""
    text, type_ = cast.this.name, cast.to.this.name
    if not (is_day(text) if type_ == "DATE" else is_moment(text) or not type_.startswith("TIMESTAMP")):
        what = "day (year-month-day)" if type_ == "DATE" else "moment (year-month-day hour:minute:second)"
        yield refuse("SQL-116", position(cast.this), name=text[:40], hint=what)


_CHAINS = (exp.Connector, exp.Add | exp.Sub, exp.Mul, exp.DPipe, exp.SetOperation)


def operands(node: exp.Expr) -> list[exp.Expr]:
    """
    The children of a node; of ``a AND b AND c``, ``a + b - c``, ``a || b || c`` or a UNION of many, all terms.

    Parsers nest such chains to the left as deep as they are long: going
    through them term by term needs no stack.
    """
    kind = next((kind for kind in _CHAINS if isinstance(node, kind)), None)
    if kind is None or not isinstance(node.this, kind) or (kind is exp.Connector and type(node.this) is not type(node)):
        return list(node.iter_expressions())
    terms: list[exp.Expr] = []
    link: exp.Expr = node
    while isinstance(link, kind) and (kind is not exp.Connector or type(link) is type(node)):
        terms += [child for child in link.iter_expressions(reverse=True) if child is not link.this]
        link = link.this
    return [link, *reversed(terms)]


def size_faults(tree: exp.Expr) -> Iterator[Fault]:
    """Expressions that are nested too deeply, or chained too long, for Spark's parser."""
    limits, waiting = allowed().limits, [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > limits.depth:
            name = f"an expression is more than {limits.depth} levels deep"
            yield refuse("SQL-135", position(node), name=name, limit=limits.depth)
            return
        children = operands(node)
        limit = limits.chain if isinstance(node, exp.Connector) else limits.spine
        if len(children) > limit and isinstance(node, exp.Connector | exp.Binary | exp.SetOperation):
            name = f"{len(children)} terms are chained by {node.key.upper()}"
            yield refuse("SQL-135", position(node), name=name, limit=limit)
        waiting += [(child, depth + 1) for child in children]


def written_name(node: exp.Expr, text: str) -> str:
    """A function's name as the rule writes it; the parser's own name for it where it did not keep the place."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    start, end = node.meta.get("start"), node.meta.get("end")
    if start is not None and end is not None:
        return text[start : end + 1].strip("`").lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) and not isinstance(node, exp.Connector) else ""


def unknown_function(name: str, start: int | None) -> Fault:
    """Why a function is refused, with what to write instead."""
    if name in allowed().refused_functions:
        code, instead = allowed().refused_functions[name]
        return refuse(code, start, name=name, hint=instead)
    if name in allowed().functions:
        hint = f"Write {name}(x, …): a function stands before what it is asked of."
        return refuse("SQL-104", start, name=f"….{name}", hint=f"{hint} ")
    hint = did_you_mean(name, allowed().functions, cutoff=0.75)
    return refuse("SQL-104", start, name=name, hint=f"{hint} " if hint else "")


def position(node: exp.Expr) -> int | None:
    """Where a node begins in the text, as far as the parser kept it."""
    starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
    return min(starts, default=None)
