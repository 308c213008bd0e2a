"""What a rule gives: a predicate says true or false of one row, a statement returns the subject's key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from sqlglot import exp

from rules_engine.errors import Fault
from rules_engine.model.canonical import ParameterValue
from rules_engine.model.frames import key_among
from rules_engine.model.schemas import Schema
from rules_engine.sql.allow_list import Category, allowed, refuse
from rules_engine.sql.gate.columns import enumerated
from rules_engine.sql.gate.scopes import Answer
from rules_engine.sql.gate.syntax import position, written_name

_SAID: dict[type[exp.Expr], str] = {exp.Null: "NULL", exp.Tuple: "several values", exp.Star: "a star"}
_VALUES = exp.Interval | exp.Neg | exp.DPipe | exp.Mul | exp.Add | exp.Sub | exp.Div | exp.Mod | exp.IntDiv | exp.Lambda
_MORE_VALUES = exp.BitwiseAnd | exp.BitwiseXor | exp.BitwiseNot | exp.Array | exp.Struct | exp.VarMap
_PLAIN = {Category.STRING, Category.NUMERIC, Category.DATE}


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition with what is needed to say what its parts are."""

    tree: exp.Expr
    text: str
    columns: Mapping[str, str]
    parameters: Mapping[str, ParameterValue]

    def faults(self) -> Iterator[Fault]:
        """Aggregates and windows outside sub-queries, and a condition that is certainly not boolean."""
        yield from islice(self._rows(), 1)
        if kind := self.untrue(self.tree):
            bits = isinstance(self.tree.unnest(), exp.BitwiseAnd | exp.BitwiseOr | exp.BitwiseNot)
            hint = "Write AND, OR and NOT for &, | and ~." if bits else "Compare it with something, say: … > 0."
            yield refuse("SQL-140", position(self.tree), name=kind, hint=hint)

    def _rows(self) -> Iterator[Fault]:
        for node in self.tree.walk(prune=lambda node: isinstance(node, exp.Query | exp.Window)):
            name = written_name(node, self.text)
            function = allowed().functions.get(name)
            aggregates = function is not None and function.category is Category.AGGREGATE
            if isinstance(node, exp.Window):
                yield refuse("SQL-142", position(node), name=written_name(node.this, self.text))
            elif isinstance(node, exp.AggFunc) or (aggregates and not isinstance(node, exp.Exists)):
                called = "greatest" if isinstance(node, exp.Max) else "least"
                several = isinstance(node, exp.Max | exp.Min) and node.expressions
                hint = f"Write {called}(a, b) for one of several values. " if several else ""
                yield refuse("SQL-141", position(node), name=name or node.key, hint=hint)

    def untrue(self, node: exp.Expr) -> str:
        """What a node is if it is certainly not true or false, else nothing."""
        match node:
            case exp.Paren():
                return self.untrue(node.this)
            case exp.Column() if not node.is_star:
                return self._column(node)
            case exp.Placeholder():
                value = self.parameters.get(node.name.lower())
                return "" if isinstance(value, bool) else f"the value of ':{node.name}'"
            case exp.Case() | exp.If() | exp.Coalesce():
                found = (self.untrue(branch) for branch in _branches(node) if not isinstance(branch, exp.Null))
                return next(filter(None, found), "")
        return self._value(node)

    def _column(self, node: exp.Column) -> str:
        is_field = len(node.parts) > 2 or node.table.lower() in self.columns
        type_ = "" if is_field else self.columns.get(node.name.lower(), "")
        return f"the column '{node.name}' of type {type_}" if type_ not in {"", "boolean"} else ""

    def _value(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Cast):
            return "" if node.to.this.name == "BOOLEAN" else f"of type {node.to.sql('spark').lower()}"
        if isinstance(node, exp.Literal):
            return "a text" if node.is_string else "a number"
        if isinstance(node, _VALUES | _MORE_VALUES):
            return "a value"
        function = allowed().functions.get(written_name(node, self.text))
        if function and function.category in _PLAIN and not function.boolean:
            return f"the value of '{function.name}'"
        return _SAID[exp.Star] if node.is_star and isinstance(node, exp.Column) else _SAID.get(type(node), "")


def _branches(node: exp.Case | exp.If | exp.Coalesce) -> Iterator[exp.Expr]:
    match node:
        case exp.Case():
            yield from (branch.args["true"] for branch in node.args["ifs"])
            yield from filter(None, [node.args.get("default")])
        case exp.If():
            yield from filter(None, [node.args.get("true"), node.args.get("false")])
        case exp.Coalesce():
            yield from (node.this, *node.expressions)


def statement_faults(tree: exp.Expr, answer: Answer, schema: Schema, subject_column: str | None) -> Iterator[Fault]:
    """
    Anything but one column that can be the subject's key, with evidence beside it or not.

    Alone it is named like the subject's key, like a frame's column that holds it, or by a name of
    the analyst's own; never by a column that means something else. Beside evidence it has one of the former.
    """
    wanted = subject_column or schema.subject_key
    if answer.columns is None:
        if tree.find(exp.Star):
            yield refuse("SQL-143", position(tree), name="columns that cannot be counted (*)", hint=wanted)
        return
    names = [name for name, _ in answer.columns]
    if key_among(names, wanted, [schema.subject_key, *schema.subject_keys.values()]) is None:
        keys = sum(name == wanted.lower() for name in names)
        said = f"{len(names)} columns ({enumerated(names)}), {keys or 'none'} of them called {wanted}"
        yield refuse("SQL-143", position(tree), name=said, hint=wanted)
        return
    name, *evidence = names
    if evidence:
        return
    returned = tree.selects[0] if isinstance(tree, exp.Query) else None
    if isinstance(returned, exp.AggFunc) and not isinstance(returned, exp.Max | exp.Min):
        hint = f"{wanted}, and count in HAVING"
        yield refuse("SQL-144", position(returned), name=returned.sql("spark")[:40], hint=hint)
        return
    usable = {wanted.lower(), schema.subject_key.lower(), *(key.lower() for key in schema.subject_keys.values())}
    taken = {c.lower() for columns in schema.columns.values() for c in columns}
    if name not in usable and name in taken:
        yield refuse("SQL-144", position(tree), name=name, hint=f"{schema.subject_key}, or name it AS {wanted}")


def output_name(answer: Answer, schema: Schema) -> str | None:
    """The column that a statement returns as the subject's key, None where it has no name of its own."""
    names = [name for name, _ in answer.columns or ()]
    at = schema.key_among(names)
    return None if at is None or names[at].startswith("(") else names[at]
