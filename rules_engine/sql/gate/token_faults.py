"""Gate 1, before its tree: neighbouring tokens of which sqlglot makes something that Spark does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rules_engine.errors import Fault
from rules_engine.model.rules import Form
from rules_engine.sql.allow_list import allowed, refuse
from rules_engine.sql.cures import ANYWHERE, of_condition, of_statement
from rules_engine.sql.tokens import Kind, Token

_COMPARISONS = {"=", "==", "<>", "!=", "<", "<=", ">", ">=", "<=>"}

FIRST_ROWS = (
    "Rank the rows and keep the first ones: SELECT … FROM (SELECT …, row_number() OVER (ORDER BY …, key) AS place "
    "FROM …) t WHERE place <= 10."
)


def token_faults(form: Form, words: Sequence[Token]) -> Iterator[Fault]:
    """What is wrong with the tokens of a text; where there is anything, its tree says nothing."""
    yield from _form_faults(form, words)
    yield from _of_others(words)


def _form_faults(form: Form, words: Sequence[Token]) -> Iterator[Fault]:
    """What sqlglot reads kindly and Spark, or one version of it, does not."""
    first = next((t for t in words if t.text != "("), words[0])
    if form is Form.STATEMENT and first.word not in {"select", "with"}:
        yield refuse("SQL-102", first.start, name=f"'{first.text[:20]}'")
    for before, token in pairwise(words):
        if token.word == "from" and token.kind is Kind.WORD and before.text in {"(", ","}:
            near = f"{before.text} {token.text}"
            yield refuse("SQL-101", before.start, name=f" near '{near}'", hint=of_statement(near))
        if token.text == "," and (before.text in {"(", ","} or before.word in {"select", "by", "distinct"}):
            yield refuse("SQL-101", token.start, name=" near ','", hint=ANYWHERE)
        if token.text == ")" and before.text == ",":
            yield refuse("SQL-101", before.start, name=" near ', )'", hint="Leave the last comma out.")
        if before.text in _COMPARISONS and token.text in _COMPARISONS:
            near = f"{before.text} {token.text}"
            yield refuse("SQL-101", before.start, name=f" near '{near}'", hint=of_condition(near))


def _of_others(words: Sequence[Token]) -> Iterator[Fault]:
    """Words of other databases that sqlglot takes for something else."""
    for before, token in pairwise(words):
        if token.text == ")" and before.text == "+":
            yield refuse("SQL-103", before.start, name="(+)", hint="Write LEFT JOIN … ON ….")
        if before.word == "table" and before.kind is Kind.WORD and token.kind in {Kind.WORD, Kind.QUOTED}:
            yield refuse("SQL-103", before.start, name="TABLE for a query", hint="Write SELECT … FROM ….")
        if before.word == "select" and token.word == "top" and token.kind is Kind.WORD:
            yield refuse("SQL-103", token.start, name="TOP", hint=FIRST_ROWS)
    for before, token, after in zip(words, words[1:], words[2:], strict=False):
        if before.text.lower() == "sample" and token.text == "(" and after.kind is Kind.NUMBER:
            yield refuse("SQL-103", before.start, name="SAMPLE", hint=allowed().refused_nodes["TableSample"][1])
