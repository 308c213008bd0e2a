"""`rules catalog`: figures as the data has them, values that somebody else wrote, and none that nobody may see."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from console.catalog_page import page
from jobs.cataloguing import Catalogued, Entry
from rules_engine.lake import declaration
from rules_engine.lake.profile import profile
from rules_engine.lake.used import used
from rules_engine.model.schemas import Schema
from rules_engine.review.masks import Masks
from rules_engine.spark.evaluator import SparkEvaluator
from tests.functional.rules_command import RulesCommand
from tests.small_lake import AS_OF, put, rule
from tests.spec.table import Row, cases

DECLARED = """
subject = "customers"
[frames.customers]
path = "customers"
subject_key = "id"
grain = "<script>one</script> row"
[frames.customers.columns]
id = "bigint"
name = { type = "string", meaning = "<img src=x>", owner = "</td><script>", nulls = 0.001 }
score = "double"
[frames.held]
path = "held"
subject_key = "id"
[frames.held.columns]
id = "bigint"
account = { type = "bigint", sensitive = true }
kind = { type = "string", sensitive = true }
role = "string"
[frames.codes]
path = "codes"
format = "csv"
columns = { code = "int" }
[holdings]
frame = "held"
product = "account"
product_type = "kind"
role = "role"
primary = ["OWNER"]
secondary = ["OTHER"]
"""
HOSTILE, ROWS = "<script>alert(1)</script>", 4_000


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Customers with every number that is none, a name in two rows, and one row without; and who holds what."""
    folder = tmp_path_factory.mktemp("lake")
    (folder / "frames.toml").write_text(DECLARED)
    scores = [float("nan"), float("inf"), -0.0, 0.0, None] * (ROWS // 5)
    names = [None, *[HOSTILE] * (ROWS - 2), "[red]x[/red]"]
    put(folder / "customers", {"id": pa.array(range(1, ROWS + 1)), "name": names, "score": pa.array(scores)})
    held = {"account": pa.array([12345678, 87654321, 87654321]), "kind": ["CREDIT", "DEBIT", "DEBIT"]}
    put(folder / "held", {"id": pa.array([1, 1, 2]), **held, "role": ["OWNER"] * 3})
    put(folder / "kinds", {"kind": ["CREDIT"], "name": ["On credit"]})
    (folder / "codes").mkdir()
    (folder / "codes/a.csv").write_text("code\n1\n")
    return folder


def test_figures_are_those_of_the_data(spark: SparkSession, lake: Path) -> None:
    """NULL is no value; NaN is above all numbers, as rules have it; the two zeros are one value."""
    declared = declaration.load(lake / "frames.toml")
    evaluator = SparkEvaluator(spark, declared)
    evaluator.snapshots(AS_OF)
    found = profile(declared.frame("customers"), evaluator.spark.table("customers"))
    _, name, score = found.columns
    assert (found.rows, score.nulls, score.distinct, score.low, score.high) == (ROWS, 0.2, 3, "0.0", "NaN")
    assert score.frequent == (("0.0", 0.4), ("Infinity", 0.2), ("NaN", 0.2))
    assert (name.nulls, name.distinct, name.frequent[-1]) == (1 / ROWS, 2, ("[red]x[/red]", 1 / ROWS))
    nothing = profile(declared.frame("held"), evaluator.spark.table("held").where("false"))
    assert (nothing.rows, {(c.nulls, c.distinct, c.low, c.frequent) for c in nothing.columns}) == (
        0,
        {(0, 0, None, ())},
    )


def test_a_page_shows_what_somebody_wrote_as_it_is(spark: SparkSession, lake: Path) -> None:
    """Nothing of a value, a meaning or a name is markup; and few are not none."""
    declared = declaration.load(lake / "frames.toml")
    evaluator, frame = SparkEvaluator(spark, declared), declared.frame("customers")
    evaluator.snapshots(AS_OF)
    read = profile(frame, evaluator.spark.table("customers"))
    entries = (Entry(c, p, ("<script>",)) for c, p in zip(frame.columns, read.columns, strict=True))
    drawn = page([Catalogued(frame, tuple(entries), read.rows, "<script>")])
    assert not any(tag in drawn.lower() for tag in ("<script", "<img", "</td>"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &gt;99%" in drawn
    assert "<td>&lt;0.1%" in drawn
    assert "nulls up to 0.1%" in drawn


def test_a_ready_frame_says_which_rules_use_it() -> None:
    """Its own columns by the rules that name them, and all that it is made of."""
    declared = declaration.parse(DECLARED, "/lake")
    joint = rule("JOINT", "is_joint AND role = 'PRIMARY'", frame="customer_holdings")
    uses = used([joint], Schema.declared(declared), declared)
    columns = [column.name for column in declared.ready_frames[0].columns]
    assert [name for name in columns if uses.of("customer_holdings", name)] == ["id", "role", "is_joint"]
    assert uses.of("held", "account") == {joint.id}
    assert not uses.of("customers")


def test_what_is_made_of_sensitive_columns_is_sensitive(lake: Path, tmp_path: Path) -> None:
    """The ready frame calls the account a product; where a type is not declared, too."""
    text = DECLARED.replace('path = "', f'path = "{lake}/')
    looked_up = text.replace('product_type = "kind"', 'product_type = "kinds.name"')
    for said in (text, f'{looked_up}\n[frames.kinds]\npath = "{lake}/kinds"\nkey = ["kind"]\n'):
        (tmp_path / "frames.toml").write_text(said)
        rules = RulesCommand(tmp_path / "home", {"RULES_LAKE": str(tmp_path / "frames.toml")})
        found = rules.json("catalog", "customer_holdings", "--html", tmp_path / "page.html")
        hidden = {column["name"] for column in found["columns"] if column["found"]["masked"]}
        assert hidden >= {"id", "product"}
        assert not {"1234", "8765", "CRED"} & {*_parts(str(found) + (tmp_path / "page.html").read_text())}
    masks = Masks.of(declaration.load(lake / "frames.toml"), sees=False)
    assert masks.hidden == {"account", "kind", "product", "product_type"}


BAD = """
    records | says                                                                 | because
    --------+----------------------------------------------------------------------+-------------------------------
    1 / 2b  | its column 'code' has a value that is no int as written, such as '9x' | a value that is none
    1 / "2  | its records cannot be parted into cells                              | a record that is none
"""


@pytest.mark.parametrize("row", cases(BAD))
def test_a_text_that_cannot_be_believed_is_told_as_a_run_tells_it(lake: Path, tmp_path: Path, row: Row) -> None:
    """Neither the screen nor the log has the value; other frames are shown."""
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes/a.csv").write_text("code\n" + row["records"].replace(" / ", "\n") + "\n")
    text = DECLARED.replace('path = "', f'path = "{lake}/').replace(f"{lake}/codes", f"{tmp_path}/codes")
    (tmp_path / "frames.toml").write_text(text)
    rules = RulesCommand(tmp_path / "home", {"RULES_LAKE": str(tmp_path / "frames.toml")})
    code, faults = rules.refused("catalog", "codes")
    assert code == 5
    assert row["says"] in faults[-1]["what"]
    assert "2b" not in (tmp_path / "home/log/rules.jsonl").read_text()
    assert rules.json("catalog", "held")["rows"] == 3


def _parts(text: str) -> list[str]:
    return [text[at : at + 4] for at in range(len(text))]
