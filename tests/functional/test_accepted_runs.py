"""No rule that `rules check` accepts is refused by the run on it: a few mutants; tests/accepted_runs.py runs more."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.rules import Form
from rules_engine.sql.allow_list import allowed
from tests.accepted_runs import Place, Told, asked, mutants
from tests.gate import Line
from tests.mutants import World, worlds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_, DEMO, _, GERMAN = worlds(sorted(allowed().functions))
MUTANTS = 15


@pytest.mark.parametrize("world", [DEMO, GERMAN], ids=["demo", "german_credit"])
def test_what_the_gates_accept_is_run(spark: SparkSession, tmp_path: Path, world: World) -> None:
    """Mutants of the demo's rules and of a corpus, over rows without values and over rows with all of them."""
    told, lines = Told(), mutants(world, Random("of the suite"))
    Place(spark, world.schema, tmp_path).run([*islice(asked(lines, world.schema), MUTANTS)], told)
    assert told.accepted > MUTANTS / 5
    assert told.faults == []


UNTRUE = """SELECT c.customer_id FROM customers c
    JOIN (SELECT household_id FROM customers GROUP BY household_id HAVING count(*) * 3) l ON l.household_id = c.household_id
"""


def test_what_a_gate_forgets_is_found(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the gate off that asks HAVING for a truth, a rule is accepted that ends the run."""
    monkeypatch.setattr("rules_engine.spark.gate.analysed_plan._having_faults", lambda *_: ())
    schema, told = DEMO.schema, Told()
    Place(spark, schema, tmp_path).run([*asked([Line("untrue", Form.STATEMENT, "", UNTRUE)], schema)], told)
    assert (told.accepted, len(told.faults)) == (1, 1)
