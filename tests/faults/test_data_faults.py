"""Frames that are not what they were: the run is refused by the frame's name, no rule is blamed, nothing is decided."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.lake.reader import SparkLakeReader
from rules_engine.model.failing import OnFailure
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation
from rules_engine.model.rule_sets import RuleSet
from rules_engine.spark.evaluator import SparkEvaluator
from tests.faults import faulty_lake
from tests.faults.faulty_lake import Columns, customers, held, put
from tests.small_lake import AS_OF, rule, rule_set
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RULES = rule_set(rule("GB", "country = 'GB'"), rule("BONDS", "product = 'BOND'", frame="holdings"))


def _renamed(columns: Columns) -> Columns:
    return {"contry" if name == "country" else name: values for name, values in columns.items()}


def _dropped(columns: Columns) -> Columns:
    return {name: values for name, values in columns.items() if name != "country"}


def _retyped(columns: Columns) -> Columns:
    return columns | {"n": columns["n"].cast(pa.string())}


def _rescaled(columns: Columns) -> Columns:
    return columns | {"spend": columns["spend"].cast(pa.decimal128(12, 3))}


def _emptied(columns: Columns) -> Columns:
    return {name: values[:0] for name, values in columns.items()}


def _doubled(columns: Columns) -> Columns:
    return columns | {"customer_id": pa.array([1, *range(1, 12)], pa.int64())}


def _nameless(columns: Columns) -> Columns:
    return columns | {"customer_id": pa.array([None, *range(2, 13)], pa.int64())}


def _half_written(folder: Path) -> None:
    whole = (folder / "customers/part-0.parquet").read_bytes()
    (folder / "customers/part-1.parquet").write_bytes(whole[: len(whole) // 2])


def _no_parquet(folder: Path) -> None:
    (folder / "customers/part-0.parquet").write_bytes(b"not Parquet at all" * 10)


def _no_bytes(folder: Path) -> None:
    (folder / "customers/part-1.parquet").touch()


def _bit_flipped(folder: Path) -> None:
    """In the page of a column that rules name, which has a checksum, as those have that Spark writes."""
    file = folder / "customers/part-0.parquet"
    pq.write_table(pa.table(customers()), file, write_page_checksum=True, use_dictionary=False, compression="none")
    written = bytearray(file.read_bytes())
    written[written.index(b"\x02\0\0\0GB") + 4] ^= 1
    file.write_bytes(written)


def _half_partition(folder: Path) -> None:
    (folder / "customers/_temporary/0").mkdir(parents=True)
    (folder / "customers/_temporary/0/part-1.parquet").touch()


def _being_copied(folder: Path) -> None:
    (folder / "customers/part-1.parquet._COPYING_").touch()


def _table(folder: Path) -> None:
    (folder / "customers/_delta_log").mkdir()
    (folder / "customers/_delta_log/00000000000000000000.json").write_text("{}")


def _other_table(folder: Path) -> None:
    (folder / "customers/metadata").mkdir()
    (folder / "customers/metadata/v1.metadata.json").write_text("{}")


def _of_nanoseconds(columns: Columns) -> Columns:
    return columns | {"at": pa.array(range(12), pa.timestamp("ns"))}


def _gone(folder: Path) -> None:
    (folder / "customers/part-0.parquet").unlink()


Change = Callable[[Path], None]


def _rewritten(change: Callable[[Columns], Columns]) -> Change:
    return lambda folder: put(folder / "customers", change(customers()))


CHANGES: dict[str, Change] = {
    "renamed column": _rewritten(_renamed),
    "dropped column": _rewritten(_dropped),
    "int became text": _rewritten(_retyped),
    "scale changed": _rewritten(_rescaled),
    "empty frame": _rewritten(_emptied),
    "subject twice": _rewritten(_doubled),
    "subject unnamed": _rewritten(_nameless),
    "missing frame": _gone,
    "nanoseconds": _rewritten(_of_nanoseconds),
    "half-written": _half_written,
    "no bytes": _no_bytes,
    "bit flip": _bit_flipped,
    "half partition": _half_partition,
    "being copied": _being_copied,
    "no Parquet": _no_parquet,
    "table": _table,
    "other table": _other_table,
}

FAULTS = """
    change          | code     | says                                                                        | because
    ----------------+----------+-----------------------------------------------------------------------------+-----------------------------------------
    renamed column  | LAKE-104 | no column 'country', which is declared. Did you mean 'contry'?              | a column that rules name has a new name
    dropped column  | LAKE-104 | no column 'country', which is declared.                                     | a column that rules name is gone
    int became text | LAKE-105 | its column 'n' is string in part-0.parquet and declared as int.             | a type changed
    scale changed   | LAKE-105 | its column 'spend' is decimal(12,3) in part-0.parquet and declared as decim | a scale changed
    nanoseconds     | LAKE-106 | its column 'at' is a timestamp in nanoseconds in part-0.parquet, which Spa  | a type that Spark does not read
    empty frame     | LAKE-107 | it has no rows, so there is nobody to decide about.                         | nobody landed
    subject twice   | LAKE-205 | 1 values of 'customer_id' stand in more than one row                        | a subject is two rows
    subject unnamed | LAKE-206 | 1 rows have no 'customer_id'.                                               | a subject has no key
    missing frame   | LAKE-101 | there is no file at                                                         | a frame did not land
    half-written    | LAKE-102 | its file part-1.parquet cannot be read as parquet: cut off, altered, or of  | a file was cut off
    no bytes        | LAKE-102 | its file part-1.parquet has no byte at all: it was cut off.                 | a file was cut off at its beginning
    no Parquet      | LAKE-102 | its file part-0.parquet cannot be read as parquet: cut off, altered, or of  | a file is of another format
    bit flip        | LAKE-102 | cannot be read                                                              | a bit of a value was flipped
    half partition  | LAKE-103 | it is still being written at                                                | a writer died on the way
    table           | LAKE-101 | declared as parquet: files of old versions count. Say format = "delta".     | removed rows of a table would count
    other table     | LAKE-101 | declared as parquet: files of old versions count. Say format = "iceberg".   | of Iceberg, too
    being copied    | LAKE-103 | its writer died: there is 'part-1.parquet._COPYING_'.                       | a file is still being copied
"""


@pytest.mark.parametrize("row", cases(FAULTS))
def test_a_broken_frame_stops_the_run(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """Whatever the policy: a frame serves every type, so there is none to hold."""
    faulty_lake.write(tmp_path / "lake")
    CHANGES[row["change"]](tmp_path / "lake")
    lake = faulty_lake.declared(tmp_path / "lake")
    with pytest.raises(RunRefused) as refused:
        run(SparkEvaluator(spark, lake, on_failure=OnFailure.HOLD), RULES, tmp_path / "run")
    assert row["says"] in str(refused.value)
    assert {(fault.which, fault.code) for fault in refused.value.faults} == {("Frame 'customers'", row["code"])}
    assert refused.value.exit_code == 5
    assert not (tmp_path / "run/decisions").exists()


def test_a_file_of_the_subjects_that_is_gone_is_told_of_them_alone(spark: SparkSession, tmp_path: Path) -> None:
    """Rows of holdings are held against them: that is no trouble of holdings."""
    faulty_lake.write(tmp_path)
    lake = declaration.parse(
        faulty_lake.DECLARATION.replace('"{holdings}"', '"holdings"\norphans = 0.5'), str(tmp_path)
    )
    reader = SparkLakeReader()
    opened = reader.open(spark, lake, AS_OF)
    (tmp_path / "customers/part-0.parquet").unlink()
    with pytest.raises(RunRefused) as refused:
        reader.check(opened, RULES)
    assert [fault.which for fault in refused.value.faults] == ["Frame 'customers'"]


def test_a_folder_without_the_mark_of_the_day_before_is_half_a_day(spark: SparkSession, tmp_path: Path) -> None:
    """Where whoever lands says by _SUCCESS that all of a day is there, a day without it is not read."""
    lake = faulty_lake.write(tmp_path, holdings="dated/{day}")
    for day in ("2024-05-01", "2024-05-02"):
        put(tmp_path / "dated" / day, held())
    (tmp_path / "dated/2024-05-01/_SUCCESS").touch()
    with pytest.raises(RunRefused, match=r"2024-05-02 has no _SUCCESS, which .* has: it is still being written"):
        run(SparkEvaluator(spark, lake), RULES, tmp_path / "run")


DAYS_OF_NONE = """
    2024_05_02 2024-5-2 02.05.2024 2024-02-30 2024-05-02T00-00-00 20240502_v2 20240502T2330 2024-05-02-01 dt=2024-05-02
    2024-05-02%2000%3A00%3A00
""".split()


@pytest.mark.parametrize("name", DAYS_OF_NONE)
def test_a_folder_that_looks_like_a_day_and_is_none_is_named(spark: SparkSession, tmp_path: Path, name: str) -> None:
    """Else an older day would be read in its place, without a word; other names are nobody's."""
    lake = faulty_lake.write(tmp_path, holdings="dated/{day}")
    for folder in ("2024-05-01", "2024-05-01.old", "2024-05-02_old", "latest", "202405", name):
        put(tmp_path / "dated" / folder, held())
    with pytest.raises(
        RunRefused, match=f"'{re.escape(name)}' at .* looks like a day and is read as none: understood is 2024-06-01"
    ):
        run(SparkEvaluator(spark, lake), RULES, tmp_path / "run")


OTHER_LAYOUTS = """
    path                            | sound      | beside            | because
    --------------------------------+------------+-------------------+----------------------------
    dt={day}                        | 2024-04-30 | DT=20240502       | in other capitals
    {yyyy}/{mm}/{dd}                | 2024/04/30 | 2024/04/31        | a month has no such day
    {yyyy}/{mm}/{dd}                | 2024/04/30 | 2024/05/02_v2     | a second delivery
    year={yyyy}/month={mm}/day={dd} | 2024/04/30 | year=2024/Month=5 | a month in other capitals
    {day}.parquet                   | 2024-04-30 | 2024-05-02.PARQ   | an ending in other capitals
"""


@pytest.mark.parametrize("row", cases(OTHER_LAYOUTS))
def test_what_is_no_day_of_another_layout_is_named(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """Whichever of its folders is named otherwise."""
    year, month, day = re.findall("[0-9]+", row["sound"])
    lake = faulty_lake.write(tmp_path, holdings=f"dated/{row['path']}")
    for folder in (row["path"].format(day=row["sound"], yyyy=year, mm=month, dd=day), row["beside"]):
        put(tmp_path / "dated" / folder, held())
    with pytest.raises(RunRefused, match=f"'{row['beside']}' at .* looks like a day and is read as none"):
        run(SparkEvaluator(spark, lake), RULES, tmp_path / "run")


def test_what_is_understood_of_a_path_is_said(spark: SparkSession, tmp_path: Path) -> None:
    """Where nothing is found: the folders that would be, and those that are there."""
    lake = faulty_lake.write(tmp_path, holdings="holdings/dt={day}")
    says = "understood is dt=2024-06-01 or dt=20240601, and there is 'part-0.parquet'"
    with pytest.raises(RunRefused, match=says):
        run(SparkEvaluator(spark, lake), RULES, tmp_path / "run")


def test_a_day_that_did_not_land_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    """A dated frame without a day up to the run's is named, with where it was looked for."""
    lake = faulty_lake.write(tmp_path, holdings="dated/{day}")
    with pytest.raises(RunRefused, match=r"Frame 'holdings': nothing has landed at .* up to 2024-06-01"):
        run(SparkEvaluator(spark, lake), RULES, tmp_path / "run")


def test_a_file_that_breaks_under_a_run_is_told_from_a_rule(spark: SparkSession, tmp_path: Path) -> None:
    """A frame that was whole when its rules were checked and then cannot be read is named, and no rule over it."""
    lake = faulty_lake.write(tmp_path / "lake")
    evaluator = SparkEvaluator(spark, lake, on_failure=OnFailure.HOLD)
    evaluator.check(RULES)
    (tmp_path / "lake/holdings/part-0.parquet").write_bytes(b"not Parquet any more" * 10)
    with pytest.raises(RunRefused) as refused:
        evaluator.evaluate(RULES, HitMatrix.of(RULES), str(tmp_path / "run"), None)
    assert [fault.which for fault in refused.value.faults] == ["Frame 'holdings'"]
    assert not (tmp_path / "run/decisions").exists()


def test_a_column_without_a_value_fails_no_rule(spark: SparkSession, tmp_path: Path) -> None:
    """All NULL is unknown of everybody, and counted as that; a long text is a text."""
    rules = rule_set(rule("NOTHING", "nothing = 'x'"), rule("LONG", "length(note) > 500"))
    lake = faulty_lake.write(tmp_path / "lake")
    put(tmp_path / "lake/holdings", {**held(), "balance": pa.array([None] * 24, pa.decimal128(12, 2))})
    evaluation = run(SparkEvaluator(spark, lake), rules, tmp_path / "run")
    assert evaluation.hits_per_rule == {"LONG/1": 1, "NOTHING/1": 0}
    assert evaluation.unknown_per_rule == {"LONG/1": 0, "NOTHING/1": 12}


def run(evaluator: SparkEvaluator, rules: RuleSet, folder: Path) -> Evaluation:
    evaluator.check(rules)
    return evaluator.evaluate(rules, HitMatrix.of(rules), str(folder), None)
