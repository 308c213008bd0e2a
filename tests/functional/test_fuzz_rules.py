"""A few hundred mutants in the suite; ``make fuzz`` runs a million. The oracle is shown to find leaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import Fault
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.sql.allow_list import allowed
from rules_engine.sql.gate import gate
from rules_engine.sql.reference.examples import example_schema
from tests.fuzz_rules import Fuzzer
from tests.gate import SCHEMA
from tests.hostile import KINDS
from tests.joined_rows import JoinedRows
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


GATES = {
    "clock": "rules_engine.spark.gate.analysed_plan.clock_faults",
    "product": "rules_engine.spark.gate.join_keys.faults",
    "cost": "rules_engine.spark.gate.analysed_plan.growth_faults",
    "order": "rules_engine.spark.gate.analysed_plan.order_faults",
    "machine": "rules_engine.spark.gate.analysed_plan.machine_faults",
}
"""Kinds of hostile rules, and what refuses most of each kind."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_gate_that_is_switched_off_leaks_its_kind(fuzzer: Fuzzer, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that are made hostile are refused; without the gate for their kind most of them get through."""
    monkeypatch.setattr(fuzzer, "made", 1.0)
    monkeypatch.setattr(fuzzer, "kinds", (kind,))
    assert fuzzer.chunk(2, 40).leaks == []
    monkeypatch.setattr(GATES[kind], lambda *_: ())
    leaks = fuzzer.chunk(3, 40).leaks
    assert len(leaks) > 8
    assert all(f"made hostile, {kind}" in leak for leak in leaks)


PRODUCTS = """
    rule                                                                                           | product                   | because
    -----------------------------------------------------------------------------------------------+---------------------------+---------------------------
    exists (select 1 from orders o where o.customer_id = customer.customer_id)                     |                           | a key
    exists (select 1 from orders o where o.amount > customer.spend)                                | a loop of 40 × 40 rows    | a range
    customer_id in (select c.customer_id from customer c join orders o on c.customer_id * 0 = o.customer_id * 0) | 1600 rows of 40 × 40 | a key of one value
    customer_id in (select c.customer_id from customer c join orders o on c.customer_id = o.customer_id < true)  | a loop of 40 × 40 rows | a comparison compared
    customer_id in (select c.customer_id from customer c cross join (select max(amount) m from orders) o) |                    | a single row
    customer_id not in (select customer_id from orders) or spend > 5                               | a loop of 40 × 40 rows    | NOT IN beside OR
"""


@pytest.mark.parametrize("row", cases(PRODUCTS))
def test_products_are_counted(spark: SparkSession, row: Row) -> None:
    """What the judge of joins finds of rules, with no gate before it."""
    found = JoinedRows(spark, SCHEMA).products(Form.PREDICATE, row["rule"], "customer")
    assert found == ([row["product"]] if row["product"] else [])


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
