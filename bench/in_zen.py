"""
GoRules' engine on a sample of rows: predicates on the customer, translated into its expression language.

Rows are handed over as its user would prepare them: days and moments as numbers, the month of birth computed once a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from bench import facts
from bench.contestant import Contestant, Run, Task
from bench.facts import Facts
from rules_engine.sql.lexer import bind

SAMPLE = 4_000
"""Rows at most; what they cost is stated per row."""

EPOCH = date(1970, 1, 1)

Evaluate = Callable[[dict[str, Any]], Iterable[int]]
"""A row to the numbers of the rules that hit it."""


class Table:
    """One decision table, a row a rule, that collects the rows that hit: how its users write rules."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.rows = min(SAMPLE, task.subjects)
        self.subjects, self.contexts = _contexts(Path(task.lake.subject_frame.path), self.rows)
        bound = (bind(v.sql, v.parameters, task.rule_set.as_of) for v in task.rule_set.versions)
        self.evaluate = self.compiled([translated(sqlglot.parse_one(sql, dialect="spark")) for sql in bound])

    def compiled(self, conditions: list[str]) -> Evaluate:
        import zen

        rules = [{"_id": str(n), "c": condition, "rule": str(n)} for n, condition in enumerate(conditions)]
        outputs = [{"id": "rule", "name": "rule", "field": "rule"}]
        table = {"hitPolicy": "collect", "inputs": [{"id": "c", "name": "c"}], "outputs": outputs, "rules": rules}
        decision = zen.ZenEngine().create_decision(json.dumps(_graph(table)))
        return lambda row: (hit["rule"] for hit in decision.evaluate(row)["result"])

    def prepare(self) -> None:
        """Rows are there."""

    def run(self, sink: Path) -> None:
        hits = [
            (r, subject) for subject, row in zip(self.subjects, self.contexts, strict=True) for r in self.evaluate(row)
        ]
        sink.mkdir(parents=True)
        rules, subjects = zip(*hits, strict=True) if hits else ((), ())
        columns = {"rule": pa.array(rules, pa.int64()), "subject": pa.array(subjects, pa.int64())}
        pq.write_table(pa.table(columns), sink / "hits.parquet")

    def facts(self, sink: Path) -> Facts | None:
        """Comparable only where the sample is everything."""
        if self.rows < self.task.subjects:
            return None
        return facts.of_rows(sink, [version.key for version in self.task.rule_set.versions])

    def decided(self, _: Path) -> str | None:
        """None: it decides nothing."""
        return None


class Expression(Table):
    """All conditions as one compiled expression: the least that the engine can take for them."""

    def compiled(self, conditions: list[str]) -> Evaluate:
        import zen

        expression = zen.compile_expression(f"[{', '.join(conditions)}]")
        return lambda row: (number for number, hit in enumerate(expression.evaluate(row)) if hit)


def _graph(table: dict[str, Any]) -> dict[str, Any]:
    return {
        "contentType": "application/vnd.gorules.decision",
        "nodes": [
            {"id": "in", "type": "inputNode", "name": "in"},
            {"id": "rules", "type": "decisionTableNode", "name": "rules", "content": table},
            {"id": "out", "type": "outputNode", "name": "out"},
        ],
        "edges": [
            {"id": "1", "sourceId": "in", "targetId": "rules", "type": "edge"},
            {"id": "2", "sourceId": "rules", "targetId": "out", "type": "edge"},
        ],
    }


def _contestant(kind: type[Table]) -> Contestant:
    @contextmanager
    def opened(task: Task) -> Iterator[Run]:
        yield kind(task)

    return opened


CONTESTANTS: dict[str, Contestant] = {"zen": _contestant(Table), "zen-expression": _contestant(Expression)}


def translated(tree: exp.Expr) -> str:
    """
    A condition as one of zen's, false wherever SQL's is unknown.

    Comparing with null is an error there, so each comparison asks for it first; that is right only where no
    NOT stands above more than one comparison, as in the rules made here.

    Raises:
        ValueError: If the condition holds something else.
    """
    if isinstance(tree, exp.Not) and not isinstance(tree.this, exp.Is):
        return _present(tree.this, f"not({_test(tree.this)})")
    match tree:
        case exp.And() | exp.Or():
            word = "and" if isinstance(tree, exp.And) else "or"
            return f"({translated(tree.left)} {word} {translated(tree.right)})"
        case exp.Paren():
            return translated(tree.this)
        case exp.Is():
            return f"{_value(tree.this)} == null"
        case exp.Not():
            return f"{_value(tree.this.this)} != null"
        case _:
            return _present(tree, _test(tree))


COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "==", exp.NEQ: "!=", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="
}  # fmt: skip


def _test(tree: exp.Expr) -> str:
    match tree:
        case exp.Column():
            return f"{_value(tree)} == true"
        case exp.In():
            return f"{_value(tree.this)} in [{', '.join(_value(e) for e in tree.expressions)}]"
        case exp.Between():
            value = _value(tree.this)
            return f"({value} >= {_value(tree.args['low'])} and {value} <= {_value(tree.args['high'])})"
        case exp.Like():
            pattern = tree.expression.name
            word = "startsWith" if pattern.endswith("%") else "endsWith"
            return f'{word}({_value(tree.this)}, "{pattern.strip("%")}")'
        case exp.Binary() if type(tree) in COMPARISONS:
            return f"{_value(tree.left)} {COMPARISONS[type(tree)]} {_value(tree.right)}"
    raise ValueError(f"{tree.sql('spark')} has no translation.")


VALUES: dict[type[exp.Expr], Callable[[Any], str]] = {
    exp.Column: lambda tree: str(tree.name),
    exp.Literal: lambda tree: f'"{tree.name}"' if tree.is_string else str(tree.name),
    exp.Lower: lambda tree: f"lower({_value(tree.this)})",
    exp.Coalesce: lambda tree: f"({_value(tree.this)} ?? {_value(tree.expressions[0])})",
    exp.Month: lambda tree: f"{_column(tree).name}_month",
    exp.DateDiff: lambda tree: f"({_value(tree.this)} - {_value(tree.expression)})",
    exp.Mul: lambda tree: f"{_value(tree.left)} * {_value(tree.right)}",
    exp.TsOrDsToDate: lambda tree: _value(tree.this),
    exp.Paren: lambda tree: _value(tree.this),
}


def _value(tree: exp.Expr) -> str:
    if isinstance(tree, exp.Cast):
        text = tree.this.name if isinstance(tree.this, exp.Literal) else ""
        return str(_number(datetime.fromisoformat(f"{text}+00:00") if ":" in text else date.fromisoformat(text)))
    if type(tree) not in VALUES:
        raise ValueError(f"{tree.sql('spark')} ({type(tree).__name__}) has no translation.")
    return VALUES[type(tree)](tree)


def _present(tree: exp.Expr, test: str) -> str:
    """A test that is false where one of its columns is null."""
    asked = {c.name for c in tree.find_all(exp.Column) if not isinstance(c.parent, exp.Coalesce)}
    return "(" + " and ".join([*(f"{name} != null" for name in sorted(asked)), test]) + ")"


def _column(tree: exp.Expr) -> exp.Column:
    return next(tree.find_all(exp.Column))


def _contexts(folder: Path, rows: int) -> tuple[list[int], list[dict[str, Any]]]:
    first = next(pq.ParquetFile(sorted(folder.glob("*.parquet"))[0]).iter_batches(rows))
    subjects = first.column("customer_id").to_pylist()
    return subjects, [{k: _number(v) for k, v in row.items()} | _months(row) for row in first.to_pylist()]


def _months(row: dict[str, Any]) -> dict[str, int]:
    return {f"{name}_month": value.month for name, value in row.items() if type(value) is date}


def _number(value: Any) -> Any:
    match value:
        case datetime():
            return int(value.timestamp())
        case date():
            return (value - EPOCH).days
        case Decimal():
            return float(value)
    return value
