"""No rule that `rules check` accepts is refused by the run on it: a few mutants; tests/accepted_runs.py runs more."""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.rules import Form
from rules_engine.sql.allow_list import allowed
from tests.accepted_runs import Place, Told, asked, mutants
from tests.gate import Line
from tests.mutants import worlds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DEMO = worlds(sorted(allowed().functions))[1]
MUTANTS = 15


@pytest.fixture(scope="module")
def place(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(spark, DEMO.schema, tmp_path_factory.mktemp("accepted"))


def test_what_the_gates_accept_is_run(place: Place) -> None:
    """Mutants of the demo's rules, over rows without values and over rows with all of them."""
    told, lines = Told(), mutants(DEMO, Random("of the suite"))
    place.run([*islice(asked(lines, DEMO.schema), MUTANTS)], told)
    assert told.accepted > MUTANTS / 5
    assert told.faults == []


UNTRUE = """SELECT c.customer_id FROM customers c
    JOIN (SELECT household_id FROM customers GROUP BY household_id HAVING count(*) * 3) l ON l.household_id = c.household_id
"""


def test_what_a_gate_forgets_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the gate off that asks HAVING for a truth, a rule is accepted that ends the run."""
    monkeypatch.setattr("rules_engine.spark.gate.analysed_plan._having_faults", lambda *_: ())
    told = Told()
    place.run([*asked([Line("untrue", Form.STATEMENT, "", UNTRUE)], DEMO.schema)], told)
    assert (told.accepted, len(told.faults)) == (1, 1)
