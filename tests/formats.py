"""
One lake in every format, decided equally: `python -m tests.formats [CUSTOMERS]`.

The demo's lake of its third day, as Parquet in dated folders, in folders of a year, month and day, as ORC, CSV and
JSON, and as Delta and Iceberg tables, each decided by the demo's rules; libraries of tables come from Maven Central.
On s3a:// it is tests/functional/test_s3a.py.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv, orc

from demo import scenario
from demo.generate import generate
from rules_engine.java import find_java
from rules_engine.lake import declaration
from rules_engine.lake.tables import NEEDED, spark_settings
from rules_engine.model.frames import Format, Frame, Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation
from rules_engine.model.rule_sets import RuleSet
from rules_engine.spark import session
from rules_engine.spark.evaluator import SparkEvaluator
from rules_repo import exchange

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CATALOG = "made"
DAY = scenario.DAYS[-1]


def text_of(value: Any) -> str:
    """A value as JSON: decimals with all their digits, days as they are."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, float):
        return json.dumps(value)
    return json.dumps(value.isoformat() if isinstance(value, date) else value)


def put_json(table: pa.Table, path: Path) -> None:
    """A line an object."""
    lines = (
        "{" + ", ".join(f"{json.dumps(k)}: {text_of(v)}" for k, v in row.items()) + "}" for row in table.to_pylist()
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


PUT: dict[Format, Callable[[pa.Table, Path], None]] = {
    Format.PARQUET: lambda table, path: pq.write_table(table, path),
    Format.ORC: lambda table, path: orc.write_table(table, str(path)),
    Format.CSV: lambda table, path: csv.write_csv(table, path),
    Format.JSON: put_json,
}


def rewritten(lake: Lake, tables: dict[str, pa.Table], format_: Format, folder: Path) -> Lake:
    """A lake in another format: each frame in two files, so that there is more than one to look at."""
    frames = []
    for frame in lake.frames:
        place, table = folder / frame.name, tables[frame.name]
        place.mkdir(parents=True)
        half = table.num_rows // 2
        for at, part in enumerate((table.slice(0, half), table.slice(half))):
            PUT[format_](part, place / f"part-{at}.{format_}")
        options = (
            {"nullValue": "\\N"} if format_ is Format.CSV else {}
        )  # an empty text in quotes is none that is missing
        frames.append(replace(frame, path=str(place), format=format_, options=options))
    return replace(lake, frames=tuple(frames))


def as_tables(spark: SparkSession, lake: Lake, tables: dict[str, pa.Table], format_: Format, folder: Path) -> Lake:
    """A lake of tables, each written in two versions."""
    frames = []
    for frame in lake.frames:
        source = folder / f"{frame.name}.parquet"
        source.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(tables[frame.name], source)
        rows, place = spark.read.parquet(str(source)), folder / "lake" / frame.name
        if format_ is Format.DELTA:
            rows.limit(0).write.format("delta").save(str(place))
            rows.write.format("delta").mode("append").save(str(place))
        else:
            rows.limit(0).writeTo(f"{CATALOG}.lake.{frame.name}").create()
            rows.writeTo(f"{CATALOG}.lake.{frame.name}").append()
        frames.append(replace(frame, path=str(place), format=format_))
    return replace(lake, frames=tuple(frames))


def by_parts_of_days(lake: Lake, folder: Path) -> Lake:
    """A dated lake with a folder for each year, month and day."""
    frames = []
    for frame in lake.frames:
        for place in Path(frame.path.removesuffix("/{day}")).iterdir():
            day = date.fromisoformat(place.name)
            shutil.copytree(place, folder / frame.name / f"year={day.year}/month={day.month}/day={day.day}")
        frames.append(replace(frame, path=f"{folder}/{frame.name}/year={{yyyy}}/month={{mm}}/day={{dd}}"))
    return replace(lake, frames=tuple(frames))


def decided(spark: SparkSession, lake: Lake, rules: RuleSet, folder: Path) -> Evaluation:
    """A run's evaluation, checks and all."""
    evaluator = SparkEvaluator(spark, lake)
    evaluator.check(rules)
    return evaluator.evaluate(rules, HitMatrix.of(rules), str(folder), None)


def newest(frame: Frame) -> pa.Table:
    folders = sorted(Path(frame.path.removesuffix("/{day}")).iterdir())
    return pq.read_table(folders[-1])


@contextmanager
def started(folder: Path) -> Iterator[SparkSession]:
    """A Spark that reads and writes tables."""
    import pyspark

    version = ".".join(pyspark.__version__.split(".")[:2])
    packages = ",".join(NEEDED[format_, version] for format_ in (Format.DELTA, Format.ICEBERG))
    catalog = f"spark.sql.catalog.{CATALOG}"
    more = spark_settings(packages) | {
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "hadoop",
        f"{catalog}.warehouse": str(folder / "iceberg"),
    }
    spark = session.start(find_java(folder / "java"), folder / "work", "local[2]", "2g", more, quick=True)
    try:
        yield spark
    finally:
        spark.stop()


def demo_rules() -> RuleSet:
    found = exchange.read(Path(scenario.__file__).with_name("rules.yaml"))
    return RuleSet(DAY, datetime.now(UTC), tuple(found.membership_types), tuple(found.versions))


def lakes(spark: SparkSession, folder: Path, customers: int) -> Iterator[tuple[str, Lake]]:
    """The demo's lake in every format; each is made when it is asked for."""
    generate(folder / "demo", customers)
    lake = declaration.load(folder / "demo/frames.toml")
    tables = {frame.name: newest(frame) for frame in lake.frames}
    yield "parquet, {day}", lake
    yield "parquet, {yyyy}/{mm}/{dd}", by_parts_of_days(lake, folder / "days")
    undated = replace(lake, frames=tuple(replace(frame, path=frame.name) for frame in lake.frames))
    for format_ in PUT:
        yield str(format_), rewritten(undated, tables, format_, folder / format_)
    yield "delta", as_tables(spark, undated, tables, Format.DELTA, folder / "delta")
    yield "iceberg", as_tables(spark, undated, tables, Format.ICEBERG, folder / "iceberg")


def main(customers: int) -> int:
    """Decide the lake in every format, and say how; 1 if any is decided otherwise."""
    rules, digests = demo_rules(), set()
    with TemporaryDirectory() as name, started(Path(name)) as spark:
        for at, (said, lake) in enumerate(lakes(spark, Path(name), customers)):
            began = time.monotonic()
            evaluation = decided(spark, lake, rules, Path(name) / f"run-{at}")
            digests.add(evaluation.decisions_digest)
            seconds = time.monotonic() - began
            print(f"{said:27} {evaluation.subjects:8,} subjects  {seconds:6.1f} s  {evaluation.decisions_digest[:16]}")
    print("decided equally" if len(digests) == 1 else "DECIDED DIFFERENTLY")
    return int(len(digests) != 1)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
