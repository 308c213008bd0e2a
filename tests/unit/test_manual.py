"""The lists are whole, and the manual is written from them."""

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from rules_engine.model.rules import Form
from rules_engine.sql.allow_list import Function, allowed
from rules_engine.sql.gate import gate
from rules_engine.sql.reference.examples import example_rule, example_schema
from rules_engine.sql.reference.manual import manual

FUNCTIONS = list(allowed().functions.values())


def test_the_manual_is_current() -> None:
    """docs/rule-sql.md is what `python -m rules_engine.sql.reference.manual` writes."""
    assert Path("docs/rule-sql.md").read_text("utf-8") == manual()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_every_function_has_an_example_that_is_accepted(function: Function) -> None:
    """The example calls the function and passes all gates."""
    version = example_rule(Form.STATEMENT if function.statement else Form.PREDICATE, function.example)
    assert function.name in gate.examine(version, example_schema()).functions | {"div"}


def test_no_function_is_allowed_and_refused() -> None:
    """The two lists share no name."""
    assert not set(allowed().functions) & set(allowed().refused_functions)


def test_every_listed_node_is_a_node() -> None:
    """A node class that sqlglot does not have would be a hole in the list or a misspelling."""
    known = {cls.__name__ for cls in _classes(exp.Expr)}
    assert allowed().nodes - known == set()
    assert {name for name in allowed().refused_nodes if "." not in name} - known == set()


def _classes(cls: type) -> set[type]:
    return {cls} | {found for child in cls.__subclasses__() for found in _classes(child)}


def test_nodes_that_read_write_or_run_are_not_listed() -> None:
    """Commands, DML, DDL and regular expressions are on no list."""
    assert sqlglot.__version__.startswith("30.")
    assert not allowed().nodes & {
        "Command",
        "Insert",
        "Create",
        "Drop",
        "Set",
        "Use",
        "RegexpExtract",
        "QueryTransform",
        "Hint",
        "Limit",
    }
