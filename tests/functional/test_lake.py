"""The lake says what is wrong with it, all at once, before a rule is run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.model.columns import Column
from rules_engine.model.failing import Limits, OnFailure
from rules_engine.model.frames import Absent, Format, Naming
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import run_identity
from rules_engine.spark.evaluator import SparkEvaluator
from tests.small_lake import AS_OF, rule, rule_set, write
from tests.spec.table import cases

DECLARATIONS = """
    text                                                               | says                                       | because
    -------------------------------------------------------------------+--------------------------------------------+------------------------------
    subject = "a"                                                      | subject frame 'a' is not declared          | nobody to decide about
    subject = "a"\\n[frames.a]\\npath = "x"                            | its key is not one column                  | a subject needs a name
    subject = "a"\\n[frames.a]\\nsubject_key = "k"                     | it has no path                             | where is it
    subject = "a"\\n[frames.a]\\npaht = "x"                            | Did you mean 'path'?                       | a slip of the finger
    subject = "a"\\n[frames.a]\\npath = "x"\\nformat = "xlsx"          | 'xlsx', which is no format                 | formats are a short list
    subject = "a"\\n[frames.a]\\npath = "x"\\nformat = "csv"           | text carries no schema of its own          | text has no types
    subject = "a"\\n[frames.a]\\npath = "x/{dt}"                       | its path says {dt}, which names no day     | days are said in two ways
    subject = "a"\\n[frames.a]\\npath = "x/{yyyy}/{mm}"                | says {yyyy} {mm}, which names no day       | a month is no day
    subject = "a"\\n[frames.a]\\npath = "x"\\noptions = {mode = "DROPMALFORMED"} | 'mode' means nothing for parquet   | rows would be lost
    subject = "a"\\n[frames.a]\\npath = "x"\\nformat = "delta"\\noptions = {version = "abc"} | version = 'abc' is no number    | a version is
    subject = "a"\\n[frames.a]\\npath = "x"\\nformat = "delta"\\noptions = {timestampAsOf = "2024-01-01"} | say version of Delta | a moment is said by no run
    subject                                                            | it is not TOML                             | not TOML at all
"""


@pytest.mark.parametrize("case", cases(DECLARATIONS))
def test_a_declaration_that_is_wrong_says_so(case: dict[str, str]) -> None:
    """Each fault of a declaration has its own words."""
    with pytest.raises(RunRefused) as refused:
        declaration.parse(case["text"].replace("\\n", "\n"), "/lake")
    assert case["says"].lower() in str(refused.value).lower()


def test_a_missing_declaration_names_the_file(tmp_path: Path) -> None:
    """The path that was looked at is in the message."""
    with pytest.raises(RunRefused, match=r"nowhere\.toml"):
        declaration.load(tmp_path / "nowhere.toml")


def test_every_missing_frame_is_named_at_once(spark: SparkSession, tmp_path: Path) -> None:
    """Two frames without files are two faults of one refusal."""
    lake = write(tmp_path)
    (tmp_path / "holdings/part-0.parquet").unlink()
    (tmp_path / "products/part-0.parquet").unlink()
    with pytest.raises(RunRefused) as refused:
        SparkEvaluator(spark, lake).snapshots(AS_OF)
    assert {fault.which for fault in refused.value.faults} == {"Frame 'holdings'", "Frame 'products'"}


def test_files_that_are_not_as_declared_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    """A renamed and a retyped column are named, with the nearest name."""
    lake = write(tmp_path)
    _rewrite(tmp_path / "customers", {"contry": pa.array(["GB"]), "spend": pa.array(["1"])}, drop=["country"])
    with pytest.raises(RunRefused) as refused:
        SparkEvaluator(spark, lake).schema(AS_OF)
    assert "no column 'country', which is declared. Did you mean 'contry'?" in str(refused.value)
    assert "'spend' is string in part-0.parquet and declared as decimal(12,2)" in str(refused.value)


def test_a_subject_key_of_another_type_does_not_join(spark: SparkSession, tmp_path: Path) -> None:
    """Text does not join whole numbers: refused before a rule is run."""
    write(tmp_path)
    text = (tmp_path / "frames.toml").read_text().replace('holding_id = "bigint"\ncustomer_id = "bigint"',
                                                          'holding_id = "bigint"\ncustomer_id = "string"')  # fmt: skip
    _rewrite(tmp_path / "holdings", {"customer_id": pa.array(["1"])})
    lake = declaration.parse(text, str(tmp_path))
    with pytest.raises(RunRefused, match="'customer_id' is string, that of 'customers' is bigint"):
        SparkEvaluator(spark, lake).schema(AS_OF)


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        ([], "it has no rows"),
        ([1, 1, 2], "1 values of 'customer_id' stand in more than one row"),
        ([1, None], "1 rows have no"),
    ],
    ids=["empty frame", "duplicates", "a subject without a name"],
)
def test_subjects_that_are_not_one_row_each_stop_the_run(
    spark: SparkSession, tmp_path: Path, ids: list[int | None], says: str
) -> None:
    """Nothing is staged of a run over such a frame."""
    lake = write(tmp_path / "lake")
    table = pq.read_table(tmp_path / "lake/customers/part-0.parquet").slice(0, len(ids))
    fresh = table.set_column(0, "customer_id", pa.array(ids, pa.int64()))
    pq.write_table(fresh, tmp_path / "lake/customers/part-0.parquet")
    rules = rule_set(rule("A", "country = 'GB'"))
    with pytest.raises(RunRefused, match=says):
        SparkEvaluator(spark, lake).evaluate(rules, HitMatrix.of(rules), str(tmp_path / "run"), None)
    assert not (tmp_path / "run").exists()


def test_a_dated_frame_is_read_as_of_its_day(spark: SparkSession, tmp_path: Path) -> None:
    """The newest landed day not after the run's; a day before the first is refused with the first named."""
    write(tmp_path / "lake")
    text = (tmp_path / "lake/frames.toml").read_text().replace('path = "customers"', 'path = "dated/{day}"')
    for day, country in (("2024-05-01", "GB"), ("2024-06-05", "FR")):
        (tmp_path / f"lake/dated/{day}").mkdir(parents=True)
        table = pq.read_table(tmp_path / "lake/customers/part-0.parquet")
        fresh = table.set_column(1, "country", pa.array([country] * table.num_rows))
        pq.write_table(fresh, tmp_path / f"lake/dated/{day}/part-0.parquet")
    evaluator = SparkEvaluator(spark, declaration.parse(text, str(tmp_path / "lake")))
    rules = rule_set(rule("A", "country = 'GB'"))
    evaluation = evaluator.evaluate(rules, HitMatrix.of(rules), str(tmp_path / "run"), None)
    assert evaluation.hits_per_rule == {"A/1": 60}
    assert evaluator.snapshots(AS_OF)["customers"].startswith("2024-05-01@")
    assert evaluator.snapshots(date(2024, 6, 5))["customers"].startswith("2024-06-05@")
    assert evaluator.landed_days == [date(2024, 5, 1), date(2024, 6, 5)]
    with pytest.raises(RunRefused, match="first landed day is 2024-05-01"):
        evaluator.snapshots(date(2024, 1, 1))


def test_a_snapshot_is_named_by_content(spark: SparkSession, tmp_path: Path) -> None:
    """Where that is asked for: written again the same, it keeps its name; one changed value gives another."""

    def snapshots(customers: int) -> Mapping[str, str]:
        lake = replace(write(tmp_path, customers), snapshots=Naming.CONTENTS)
        return SparkEvaluator(spark, lake).snapshots(AS_OF)

    first, again, more = snapshots(60), snapshots(60), snapshots(61)
    assert first == again
    assert first["customers"] != more["customers"]


def test_a_snapshot_is_named_by_size_and_time(spark: SparkSession, tmp_path: Path) -> None:
    """No byte is read for it: what lies there untouched keeps its name, and what is written again has another."""
    lake = write(tmp_path)
    file = tmp_path / "customers" / "part-0.parquet"
    first = SparkEvaluator(spark, lake).snapshots(AS_OF)
    assert SparkEvaluator(spark, lake).snapshots(AS_OF) == first
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert SparkEvaluator(spark, lake).snapshots(AS_OF)["customers"] != first["customers"]


def test_what_can_change_an_answer_names_the_run(spark: SparkSession, tmp_path: Path) -> None:
    """The declaration, what a failing rule does, and the limits that hold a type; the same again is the same run."""
    lake = write(tmp_path)
    customers, holdings, *rest = lake.frames
    csv = replace(customers, format=Format.CSV, columns=(Column("customer_id", "bigint"),))
    others = [
        replace(lake, frames=(replace(csv, options={"sep": ";"}), *lake.frames[1:])),
        replace(lake, frames=(csv, *lake.frames[1:])),
        replace(lake, frames=(customers, replace(holdings, key=()), *rest)),
        replace(lake, absent=Absent.END),
    ]
    named = [SparkEvaluator(spark, each).settings for each in (lake, *others)]
    named += [
        SparkEvaluator(spark, lake, Limits(seconds), on_failure=OnFailure.HOLD).settings for seconds in (60.0, 120.0)
    ]
    runs = {run_identity(AS_OF, "rules", {}, settings, "1") for settings in named}
    assert len(runs) == len(named)
    assert SparkEvaluator(spark, write(tmp_path)).settings == named[0]
    assert SparkEvaluator(spark, lake, Limits(60.0)).settings == named[0], "a rule that fails ends the run"
    assert (named[0]["spark.version"], named[0]["jvm.language"]) == (spark.version, "en")


def test_csv_and_json_are_read_by_their_declared_schema(spark: SparkSession, tmp_path: Path) -> None:
    """Text formats have the declared types; a value that is not of its type stops the run."""
    (tmp_path / "people").mkdir()
    (tmp_path / "people/a.csv").write_text("id,born\n1,2000-01-01\n2,1990-05-05\n")
    (tmp_path / "visits").mkdir()
    (tmp_path / "visits/a.json").write_text('{"id": 1, "n": 3}\n{"id": 1, "n": 9}\n')
    text = (
        'subject = "people"\n[frames.people]\npath = "people"\nformat = "csv"\nsubject_key = "id"\n'
        'columns = {id = "bigint", born = "date"}\n'
        '[frames.visits]\npath = "visits"\nformat = "json"\nsubject_key = "id"\ncolumns = {id = "bigint", n = "int"}\n'
    )
    evaluator = SparkEvaluator(spark, declaration.parse(text, str(tmp_path)))
    rules = rule_set(rule("A", "born < DATE'1995-01-01'", frame="people"), rule("B", "n > 5", frame="visits"))
    evaluation = evaluator.evaluate(rules, HitMatrix.of(rules), str(tmp_path / "run"), None)
    assert evaluation.hits_per_rule == {"A/1": 1, "B/1": 1}


def _rewrite(folder: Path, columns: dict[str, pa.Array], drop: list[str] | None = None) -> None:
    file = folder / "part-0.parquet"
    table = pq.read_table(file).slice(0, 1).drop_columns(drop or [])
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table.append_column(name, values) if at < 0 else table.set_column(at, name, values)
    pq.write_table(table, file)
