"""
What each layer is there for: switched off, the corpus leaks, and with any one of a row switched on it does not.

L0, gate 1 and gate 2b each refuse lines that nothing else refuses. The other
three stand behind another layer on purpose. The comparison of two readers holds
when L0 lets a text through that two parsers cut differently, or in which a word
of SQL is a name to one of them. Gate 2a and the
cut registry hold when gate 1 lets a function through; we know of no line that
gate 2a alone refuses, for gate 1 reads the same text by the same lists.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.rules import Form
from rules_engine.spark.gate import analysed_plan
from rules_engine.spark.gate.resolution import spark_faults
from rules_engine.spark.sandbox import rule_session
from rules_engine.spark.session import pin
from rules_engine.sql.reference.examples import example_rule, example_schema
from tests.gate import AS_OF, LAYERS, SCHEMA, Layer, judge, lines, spark_layers
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LINES = {line.tag: line for line in lines(Path(__file__).parents[1] / "data" / "hostile_rules.tsv")}


@pytest.fixture(scope="module")
def layers(spark: SparkSession) -> dict[str, Layer]:
    """
    Every layer by its name.

    The registry's own part is gate 2b in a cut session; gate 2b's is what it does in a session with all functions.
    """
    whole = pin(spark)
    for frame, columns in SCHEMA.columns.items():
        whole.createDataFrame([], ", ".join(f"{name} {type_}" for name, type_ in columns.items())).createTempView(frame)
    found = LAYERS | spark_layers(spark)
    registry = found.pop("gate 2b")
    return {
        **found,
        "gate 2b": lambda version, schema: analysed_plan.faults(whole, version, schema, AS_OF),
        "registry": lambda version, schema: registry(version, schema),
    }


NEEDED = """
    line                        | off                        | because
    ----------------------------+----------------------------+-------------------------------------------------------------
    own.layer.comment-bidi      | L0                         | all parsers skip a comment, whatever it shows to people
    own.layer.double-quotes     | L0                         | a text to both parsers, a name to others
    own.layer.substitution      | L0                         | a text that a session may replace before it is read
    own.layer.wildcards         | gate 1, gate 2b, registry  | Spark compiles any pattern
    own.layer.join              | gate 1, gate 2b, registry  | Spark itself joins every row with every row
    own.layer.cte-like-frame    | gate 1                     | Spark lets a WITH query hide a frame
    own.layer.grain             | gate 1                     | Spark makes several rows of one
    own.types.key               | gate 2b, registry          | types are known to the analyser alone
    own.types.mixed             | gate 2b, registry          | so are the types of an IN list
    own.layer.escaped-quote     | L0, two readers            | where a text ends, two parsers disagree
    own.layer.comment-continued | L0, gate 2a, two readers, gate 2b, registry | where a comment ends, Spark alone knows
    own.layer.unlisted-alias    | gate 1, gate 2a, registry  | another name of what a listed function does
"""


@pytest.mark.parametrize("row", cases(NEEDED))
def test_a_layer_is_needed(layers: dict[str, Layer], row: Row) -> None:
    """With the layers of a row switched off its line passes the whole rest, which refuses nothing of it."""
    off = row["off"].split(", ")
    rest = {name: layer for name, layer in layers.items() if name not in off}
    assert judge(LINES[row["line"]], rest).accepted


@pytest.mark.parametrize("row", cases(NEEDED))
def test_each_of_the_layers_suffices(layers: dict[str, Layer], row: Row) -> None:
    """Any one of the layers of a row refuses its line alone."""
    for name in row["off"].split(", "):
        assert not judge(LINES[row["line"]], {name: layers[name]}).accepted, name


@pytest.mark.parametrize(
    ("sql", "seen"),
    [
        ("select person_id from people window where active", "WHERE and WINDOW and the name 'window'"),
        ("select person_id from people window group by person_id", "WINDOW and the name 'window'"),
        ("select person_id from people window having active", "HAVING and WINDOW and the name 'window'"),
        ("select person_id from people lateral view explode(tags) t window where active", "WHERE and WINDOW"),
        ("select person_id from people window order by spend", "ORDER BY and WINDOW and the name 'window'"),
        ("select person_id, active join from people", "JOIN"),
    ],
)
def test_a_word_of_sql_that_one_reader_takes_for_a_name(spark: SparkSession, sql: str, seen: str) -> None:
    """To the check WINDOW WHERE active defines a window and nothing is asked; Spark filters what it calls window."""
    (fault,) = spark_faults(
        rule_session(spark, example_schema()), example_rule(Form.STATEMENT, sql), example_schema(), AS_OF
    )
    assert (fault.code, f"only one of them sees {seen}." in fault.what) == ("SQL-355", True), fault


@pytest.mark.parametrize(
    "sql",
    [
        "select person_id from people as window where active",
        "select person_id from people where (select count(*) from orders o where o.person_id = people.person_id) between 1 and 5",
        "select person_id from people where case when exists (select 1 from orders o where o.person_id = people.person_id "
        "and o.amount > 3) then true else active end order by person_id",
        "select o.person_id from orders o left outer join people p using (person_id) group by o.person_id "
        "having count(*) filter (where p.active) > 1 union select person_id from (values (1)) as t(person_id)",
    ],
)
def test_two_readers_that_see_the_same_clauses(spark: SparkSession, sql: str) -> None:
    """What Spark prints twice counts once, a FILTER is no WHERE, and what has no name has none in either."""
    assert (
        spark_faults(rule_session(spark, example_schema()), example_rule(Form.STATEMENT, sql), example_schema(), AS_OF)
        == ()
    )
