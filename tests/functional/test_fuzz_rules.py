"""A few hundred mutants in the suite; ``make fuzz`` runs a million. The oracle is shown to find leaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import Fault
from rules_engine.language import gate
from rules_engine.language.allowed import allowed
from rules_engine.language.examples import example_schema
from rules_engine.model.frames import Schema
from rules_engine.model.rules import Form, RuleVersion
from tests.fuzz_rules import Fuzzer
from tests.plan_oracle import Oracle
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def fuzzer(spark: SparkSession) -> Fuzzer:
    """One fuzzer for all tests: its sessions take seconds to open."""
    return Fuzzer(spark, seed=20240601)


@pytest.fixture(scope="module")
def oracle(spark: SparkSession) -> Oracle:
    """The oracle over the example frames."""
    return Oracle(spark, example_schema())


def test_mutants_do_not_leak(fuzzer: Fuzzer) -> None:
    """Nothing that the whole chain accepts holds what no rule may; every layer has something to refuse."""
    found = fuzzer.chunk(0, 400)
    assert found.leaks == []
    assert {"L0", "gate 1", "gate 2b", "accepted"} <= found.layers.keys()


def only_the_text(
    _session: SparkSession, version: RuleVersion, schema: Schema
) -> Iterator[tuple[str, tuple[Fault, ...]]]:
    """A chain with every layer but the first switched off."""
    yield "L0", gate.text_faults(version, schema)


def test_a_chain_with_layers_switched_off_leaks(fuzzer: Fuzzer) -> None:
    """The oracle finds what a chain lets through when its gates are off, be the first few hundred mutants what they may."""
    missed = {"function ", "table payroll"}
    for number in range(1, 13):
        missed -= {what for leak in fuzzer.chunk(number, 50, only_the_text).leaks for what in missed if what in leak}
        if not missed:
            break
    assert missed == set()


SMUGGLED = {
    "back-slash": "spend > 5 -- a \\\n or true\n or exists (select 1 from payroll)",
    "separator": "spend > 5 /* a */ or exists (select 1 from payroll) -- \u2028 or true",
    "nested": "spend > 5 /* a /* b */ c */ or exists (select 1 from payroll)",
    "hint in a comment": "spend > 5 /* a /*+ b */ or exists (select 1 from payroll) /* c */",
    "return": "spend > 5 -- a \r or exists (select 1 from payroll)",
}


@pytest.mark.parametrize("sql", SMUGGLED.values(), ids=SMUGGLED)
def test_the_oracle_sees_what_a_comment_seems_to_hold(oracle: Oracle, sql: str) -> None:
    """The oracle is given the text as it was written, and Spark says what is a comment."""
    assert "table payroll" in oracle.leaks(Form.PREDICATE, sql, "people")


LEAKS = """
    rule                                                         | found                                          | because
    -------------------------------------------------------------+------------------------------------------------+-------------------------
    reflect('java.lang.System', 'getenv', 'HOME') = 'x'          | function reflect                               | native code
    joined < current_date                                        | class org.apache.spark.sql.catalyst.expressions.CurrentDate | the clock
    regexp_extract(name, 'x', 0) = 'x'                           | class org.apache.spark.sql.catalyst.expressions.RegExpExtract | a regular expression
    exists (select 1 from payroll)                               | table payroll                                  | another table
    exists (select 1 from range(10))                             | class org.apache.spark.sql.catalyst.plans.logical.Range | a table function
    exists (select 1 from people limit 1)                        | class org.apache.spark.sql.catalyst.plans.logical.GlobalLimit | chance
    exists (select 1 from people having size(array_agg(spend)) > 1) | function array_agg                          | another name of a listed function
"""


@pytest.mark.parametrize("row", cases(LEAKS))
def test_the_oracle_finds(oracle: Oracle, row: Row) -> None:
    """A function, a class or a table outside the lists is named, with no gate before the oracle."""
    assert row["found"] in oracle.leaks(Form.PREDICATE, row["rule"], "people")


def test_the_oracle_lets_every_listed_function_pass(oracle: Oracle) -> None:
    """What the list allows, the oracle finds nothing wrong with."""
    found = {
        function.name: leaks
        for function in allowed().functions.values()
        if (leaks := oracle.leaks(Form.STATEMENT if function.statement else Form.PREDICATE, function.example, "people"))
    }
    assert found == {}
