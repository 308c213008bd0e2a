"""Delta and Iceberg tables: which version a run reads, told by the table's own log, without the table's libraries."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused
from rules_engine.lake.codes import BROKEN, NOT_LANDED, PACKAGES
from rules_engine.lake.data_files import DataFile
from rules_engine.lake.hadoop import exists, files_below, opened
from rules_engine.lake.spark_types import quoted, types_of
from rules_engine.model.frames import Format, Frame

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COMMIT = re.compile(r"([0-9]{20})\.json")
METADATA = re.compile(r"v?([0-9]+)(?:-[^/]*)?(?:\.gz)?\.metadata\.json")

NEEDED = {
    (Format.DELTA, "3.5"): "io.delta:delta-spark_2.12:3.3.2",
    (Format.DELTA, "4.0"): "io.delta:delta-spark_2.13:4.0.0",
    (Format.DELTA, "4.1"): "io.delta:delta-spark_4.1_2.13:4.1.0",
    (Format.ICEBERG, "3.5"): "org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.10.0",
    (Format.ICEBERG, "4.0"): "org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.10.0",
    (Format.ICEBERG, "4.1"): "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0",
}
"""Packages of Maven Central that a Spark reads a format by."""

GZIP = b"\x1f\x8b"

OF_DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
"""What Delta wants of the Spark that is started."""


def spark_settings(packages: str) -> dict[str, str]:
    """What a Spark that is started here is told, so that it reads tables by these packages; nothing without them."""
    if not packages:
        return {}
    return {"spark.jars.packages": packages} | (OF_DELTA if ":delta-spark" in packages else {})


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a table: where it is read, its number or id, the name of its state, and when it was written."""

    path: str
    number: str
    snapshot: str
    written: date | None = None


UNREAD = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, EOFError, zlib.error)
"""What reading a log ends with that is cut off, or says what no log does."""


def version_of(spark: SparkSession, frame: Frame, path: str, wanted: str = "") -> Version | None:
    """
    The version that the declaration, or ``wanted``, says; else the newest. None where there is no such version.

    Raises:
        RunRefused: If the table's log cannot be read.
    """
    try:
        if frame.format is Format.DELTA:
            return _of_delta(spark, path, wanted or frame.options.get("version", ""))
        return _of_iceberg(spark, path, wanted or frame.options.get("snapshot", ""))
    except UNREAD as problem:
        what = f"the log of its {frame.format} table cannot be read: {problem}."
        raise RunRefused(Fault(f"Frame '{frame.name}'", what, f"See whether {path} is whole.", BROKEN)) from problem


def _of_delta(spark: SparkSession, path: str, wanted: str) -> Version | None:
    """By the newest commit of the log; its content tells a table from another that was put in its place."""
    commits = {
        int(found[1]): file for file in _log(spark, path, "_delta_log") if (found := COMMIT.fullmatch(file.name))
    }
    number = int(wanted) if wanted else max(commits, default=-1)
    if number not in commits:
        return None
    content = _read(spark, commits[number])
    actions = [json.loads(line) for line in content.splitlines() if line.strip()]
    moments = [action["commitInfo"].get("timestamp") for action in actions if "commitInfo" in action]
    snapshot = f"version {number} {sha256(content).hexdigest()[:16]}"
    return Version(path, str(number), snapshot, _day(next(iter(moments), None)))


def _of_iceberg(spark: SparkSession, path: str, wanted: str) -> Version | None:
    """By the newest metadata, as the number in the file's name says; a hint of the table may lag behind it."""
    known = {file.name: file for file in _log(spark, path, "metadata") if METADATA.fullmatch(file.name)}
    if not known:
        return None
    newest = max(known, key=_number)
    if several := [name for name in sorted(known) if _number(name) == _number(newest) and name != newest]:
        raise ValueError(
            f"{newest} and {several[0]} both say that they are the newest, and which is, its catalog knows"
        )
    content = _read(spark, known[newest])
    metadata = json.loads(gzip.decompress(content) if content[:2] == GZIP else content)
    snapshots = {str(each["snapshot-id"]): each.get("timestamp-ms") for each in metadata.get("snapshots", ())}
    number = wanted or str(metadata.get("current-snapshot-id"))
    if number not in snapshots:
        return None
    return Version(known[newest].uri, number, f"snapshot {number}", _day(snapshots[number]))


def _day(millis: int | None) -> date | None:
    """The day of a moment that a table's log says, in UTC."""
    return datetime.fromtimestamp(millis / 1000, UTC).date() if millis else None


def _number(name: str) -> int:
    found = METADATA.fullmatch(name)
    assert found is not None
    return int(found[1])


def _log(spark: SparkSession, path: str, folder: str) -> list[DataFile]:
    return files_below(spark, f"{path.rstrip('/')}/{folder}")


def _read(spark: SparkSession, file: DataFile) -> bytes:
    with opened(spark, file) as stream:
        return bytes(stream.read())


def read(spark: SparkSession, frame: Frame, version: Version) -> DataFrame:
    """
    A table exactly as of a version; both formats take that by Spark's own option.

    Iceberg defines the catalog of tables that have none in the session that is active in the thread; Spark 3.5 looks
    for it in the one that reads.
    """
    if spark.version < "4":
        getattr(spark._jvm, "org.apache.spark.sql.SparkSession").setActiveSession(spark._jsparkSession)
    rows = spark.read.format(frame.format.value).option("versionAsOf", version.number).load(version.path)
    return without_skipping(rows)


def without_skipping(rows: DataFrame) -> DataFrame:
    """
    Rows of which none is left out by what a table's log says of floating numbers in its files: that leaves NaN out.

    NaN is more than every number. Conditions on what is made of a column are asked of its rows, and of no log.
    """
    return rows.selectExpr(*(_asked_of_rows(name, type_) for name, type_ in types_of(rows.schema.jsonValue()).items()))


def _asked_of_rows(name: str, type_: str) -> str:
    """A column that may hold floating numbers as an expression of the same values; another as it is."""
    column = quoted(name)
    if type_ in ("double", "float"):
        return f"nanvl({column}, CAST('NaN' AS {type_})) AS {column}"
    floats = re.search(r"\b(double|float)\b", type_)
    return f"IF({column} IS NULL, NULL, {column}) AS {column}" if floats else column


def missing(spark: SparkSession, frame: Frame, said: str) -> Fault | None:
    """What Spark lacks to read a format, if that is what its error says."""
    which = f"Frame '{frame.name}'"
    if "DELTA_CONFIGURE_SPARK_SESSION" in said:
        settings = " ".join(f"--conf {name}={value}" for name, value in OF_DELTA.items())
        return Fault(which, "Spark is not set up to read Delta tables.", f"Start it with {settings}", PACKAGES)
    if not any(each in said for each in ("DATA_SOURCE_NOT_FOUND", "ClassNotFoundException", "find data source")):
        return None
    packages = NEEDED.get((frame.format, ".".join(spark.version.split(".")[:2])))
    what = f"this Spark ({spark.version}) has no library for {frame.format.value} tables."
    remedy = f"Set RULES_SPARK_PACKAGES={packages} for `rules run`, or give spark-submit --packages {packages}."
    if packages is None:
        remedy = f"Give it the library of {frame.format.value} for Spark {spark.version} by --packages."
    return Fault(which, what, remedy, PACKAGES)


def not_there(spark: SparkSession, frame: Frame, path: str) -> Fault:
    """What is said where there is no table, or no such version of it."""
    which, log = f"Frame '{frame.name}'", "_delta_log" if frame.format is Format.DELTA else "metadata"
    if exists(spark, f"{path.rstrip('/')}/{log}"):
        said = next(iter(frame.options.values()), "")
        what = f"its table at {path} has no {'version ' + said if said else 'version'} that could be read."
        remedy = "Take one that the table's log has, or leave the option out." if said else "Write to it first."
        return Fault(which, what, remedy, NOT_LANDED)
    what = f"there is no {frame.format.value} table at {path}: it has no folder {log}."
    return Fault(which, what, "Write the table, or mend the path in the lake's declaration.", NOT_LANDED)
