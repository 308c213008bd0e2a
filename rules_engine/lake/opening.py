"""One frame opened: every file as declared, and rows by columns; what cannot be opened is told as what it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.lake import codes, scanning, tables
from rules_engine.lake.agreement import head_faults
from rules_engine.lake.csv_frames import CsvFrame
from rules_engine.lake.data_files import DataFile, bare
from rules_engine.lake.heads import Head, folders_of
from rules_engine.lake.json_frames import JsonFrame
from rules_engine.lake.looking import heads
from rules_engine.lake.spark_types import quoted, sql_type, types_of
from rules_engine.lake.storage import Landed
from rules_engine.lake.text_faults import unread_packings
from rules_engine.lake.unread import spark_errors, unread
from rules_engine.lake.unreadable import faults
from rules_engine.model.frames import Format, Frame
from rules_engine.model.summaries import Summary, of_parts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CHECKED = {"parquet.page.verify-checksum.enabled": "true"}
"""Pages of Parquet that carry a checksum, as those that Spark wrote do, are compared with it."""

PROLEPTIC = "orc.proleptic.gregorian.default"
"""Whether days of ORC are of today's calendar where a file's foot does not say: else 1500-01-01 is ten days sooner."""

CLOCK = "-Duser.timezone=UTC"
"""The JVM's option for the zone in whose clock it has moments."""
MOMENT = re.compile("timestamp(?!_ntz)")
"""A type of moments that ORC has; those without a zone Spark writes as numbers, which no clock changes."""

ZONE, NO_SHIFT = re.compile('id="([^"]+)"'), "offset=0,dstSavings=0,useDaylight=false,transitions=0"
"""What Java says of a zone: its name, and that its clock is and always was UTC's."""


def opened(spark: SparkSession, frame: Frame, place: Landed) -> tuple[DataFrame, Summary | None]:
    """
    A frame's rows: its declared columns, and those that its files have besides where the format has types.

    With them what its files say of all rows, where they do.

    Raises:
        RunRefused: With everything that is not as declared, of every file.
    """
    wanted = declared_types(spark, frame)
    if place.version:
        return _table(spark, frame, wanted, place.version), None
    raise_all(RunRefused, faults(spark, frame, wanted))
    if frame.format.is_text:
        raise_all(RunRefused, unread_packings(frame, (file.name for file in place.files)))
        raise_all(RunRefused, scanning.cut_off(spark, frame, place.files))
    found = heads(spark, frame, place.files)
    raise_all(RunRefused, [*head_faults(frame, wanted, found), *_of_clock(spark, frame, found)])
    try:
        rows = _rows(spark, frame, wanted, place, found)
    except spark_errors() as problem:
        raise RunRefused(unread(frame, problem)) from problem
    raise_all(RunRefused, [*_left_out(frame, place, rows), *_differences(frame, wanted, rows)])
    return rows, of_parts(head.summary for head in found)


def _of_clock(spark: SparkSession, frame: Frame, found: Sequence[Head]) -> Iterator[Fault]:
    """Moments of ORC, which Spark reads by the clock of its Java's zone, whatever the session's zone is."""
    types = (str(type_) for head in found for type_ in head.columns.values()) if frame.format is Format.ORC else ()
    if any(map(MOMENT.search, types)) and (zone := _other_zone(spark)):
        what = f"its files have moments, which Spark reads from ORC by the clock of its Java: that of {zone}."
        remedy = f"Give {CLOCK} to spark.driver.extraJavaOptions and spark.executor.extraJavaOptions, or land Parquet."
        yield Fault(f"Frame '{frame.name}'", what, remedy, codes.UNREADABLE_TYPE)


def _other_zone(spark: SparkSession) -> str:
    """The zone that Java has in the driver, or where tasks run, if it is another than UTC."""
    tasks = spark.sparkContext.defaultParallelism
    said = spark.range(0, tasks, 1, tasks).selectExpr("java_method('java.util.TimeZone', 'getDefault')").distinct()
    zones = [getattr(spark._jvm, "java.util.TimeZone").getDefault().toString(), *(row[0] for row in said.collect())]
    return next((match[1] for zone in zones if NO_SHIFT not in zone and (match := ZONE.search(zone))), "")


def declared_types(spark: SparkSession, frame: Frame) -> dict[str, str]:
    """
    The declared columns with Spark's names of their types.

    Raises:
        RunRefused: Naming each that is no type.
    """
    parse = getattr(spark._jvm, "org.apache.spark.sql.types.DataType").fromDDL
    found, faults = {}, []
    for column in frame.columns:
        try:
            found[column.name] = sql_type(json.loads(parse(column.type).json()))
        except spark_errors():
            what = f"it is declared as '{column.type}', which is no type."
            remedy = "Write a type of Spark SQL, such as bigint, decimal(12,2), date or string."
            faults.append(Fault(f"Column '{frame.name}.{column.name}'", what, remedy, codes.TYPE))
    raise_all(RunRefused, faults)
    return found


def _table(spark: SparkSession, frame: Frame, wanted: Mapping[str, str], version: tables.Version) -> DataFrame:
    for name, value in CHECKED.items():
        spark.conf.set(name, value)  # no library of tables takes it as an option of reading
    try:
        rows = tables.read(spark, frame, version)
    except spark_errors() as problem:
        raise RunRefused(tables.missing(spark, frame, str(problem)) or unread(frame, problem)) from problem
    columns = types_of(rows.schema.jsonValue())
    raise_all(RunRefused, _of_table(frame, wanted, columns, version))
    return rows


def _of_table(
    frame: Frame, wanted: Mapping[str, str], columns: Mapping[str, str], version: tables.Version
) -> list[Fault]:
    head = Head(DataFile(version.path, f"{' '.join(version.snapshot.split()[:2])}", 1, ""), dict(columns))
    return list(head_faults(Frame(frame.name, frame.path), wanted, [head]))


def _rows(spark: SparkSession, frame: Frame, wanted: Mapping[str, str], place: Landed, found: list[Head]) -> DataFrame:
    folders = dict.fromkeys(name for head in found for name, _ in head.folders)
    reader = spark.read.options(**CHECKED, **{PROLEPTIC: str(any(head.proleptic for head in found)).lower()})
    if frame.format in (Format.PARQUET, Format.ORC):
        rows = reader.format(frame.format.value).load(_literal(place.path))
        if folders:  # else Spark guesses what type a folder means
            types = {name: type_ for name, type_ in types_of(rows.schema.jsonValue()).items() if name not in folders}
            types |= {name: wanted[name] for name in folders}
            ddl = ", ".join(f"{quoted(name)} {type_}" for name, type_ in types.items())
            rows = reader.format(frame.format.value).schema(ddl).load(_literal(place.path))
        return rows.select(*map(quoted, _order(list(wanted), rows.columns)))
    return text_frame(spark, frame, wanted, place.path, place.files).rows()


def text_frame(
    spark: SparkSession, frame: Frame, wanted: Mapping[str, str], path: str, files: Sequence[DataFile]
) -> CsvFrame | JsonFrame:
    """A frame of text files, which gives its rows, and says what is wrong in them."""
    folders = list(dict.fromkeys(name for file in files for name, _ in folders_of(file)))
    kind = CsvFrame if frame.format is Format.CSV else JsonFrame
    return kind(spark, frame, wanted, _literal(path), files, folders)


def _literal(path: str) -> str:
    """A path as Spark is told it, for which some signs stand for others: here each stands for itself."""
    return re.sub(r"([\[\]{}*?])", r"\\\1", path)


def _order(wanted: list[str], found: list[str]) -> list[str]:
    """The declared columns first, as declared, and then the others."""
    declared = {name.lower() for name in wanted}
    return wanted + [name for name in found if name.lower() not in declared]


def _left_out(frame: Frame, place: Landed, rows: DataFrame) -> Iterator[Fault]:
    """Files that Spark does not read where it finds a log of them, as a stream of Spark keeps one."""
    read = {bare(unquote(uri)) for uri in rows.inputFiles()}
    if out := [file.name for file in place.files if bare(file.uri) not in read]:
        others = f" and {len(out) - 1} more" if len(out) > 1 else ""
        what = (
            f"its file {out[0]}{others} would not be read: a log that a stream of Spark keeps there does not name it."
        )
        remedy = "Land the files in a folder of their own, without _spark_metadata."
        yield Fault(f"Frame '{frame.name}'", what, remedy, codes.NOT_LANDED)


def _differences(frame: Frame, wanted: Mapping[str, str], rows: DataFrame) -> list[Fault]:
    """Where Spark reads another type out of a file than its head seemed to say."""
    own = types_of(rows.schema.jsonValue())
    return [
        Fault(
            f"Frame '{frame.name}'",
            f"its column '{name}' is {own[name]} in the files and declared as {type_}.",
            "Mend the declaration, or land the declared type.",
            codes.TYPE,
        )
        for name, type_ in wanted.items()
        if own[name] != type_
    ]
