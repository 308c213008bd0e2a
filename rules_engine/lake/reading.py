"""Frames as Spark views: declared schema against the files' own, keys checked, nothing guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.lake.keys import key_faults
from rules_engine.lake.storage import Landed
from rules_engine.model.frames import Format, Frame, Lake, Schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

WHOLE = {"tinyint", "smallint", "int", "bigint"}


def open_frames(spark: SparkSession, lake: Lake, places: Mapping[str, Landed]) -> dict[str, DataFrame]:
    """
    Every frame as a DataFrame of its declared columns, registered as a view of its name; reads no rows.

    Raises:
        RunRefused: With every frame that is not as declared.
    """
    frames: dict[str, DataFrame] = {}
    faults: list[Fault] = []
    with ThreadPoolExecutor(4) as several:  # of each frame Spark reads what its files say of themselves
        opening = [several.submit(_open, spark, frame, places[frame.name].path) for frame in lake.frames]
    for frame, opened in zip(lake.frames, opening, strict=True):
        try:
            frames[frame.name] = opened.result()
        except RunRefused as refused:
            faults += refused.faults
        except _spark_errors():
            faults.append(_broken(frame))
    faults += _key_faults(lake, frames)
    raise_all(RunRefused, faults)
    for name, data in frames.items():
        data.createOrReplaceTempView(name)
    return frames


def reads_every_file(spark: SparkSession) -> None:
    """
    See that Hadoop does not leave out files by a filter of the place.

    Raises:
        RunRefused: If it does.
    """
    name = "mapreduce.input.pathFilter.class"
    if chosen := spark._jsc.hadoopConfiguration().get(name):
        what = f"Hadoop is set to leave out files by {chosen}, so rows would be missing without a word."
        raise RunRefused(Fault("Spark", what, f"Take spark.hadoop.{name} out of what the job is given."))


def schema_of(lake: Lake, frames: Mapping[str, DataFrame]) -> Schema:
    """What rules may name, as the language reads it."""
    return Schema(
        subject=lake.subject_frame.name,
        subject_key=lake.subject_key,
        columns={
            name: {field.name: field.dataType.simpleString() for field in data.schema.fields}
            for name, data in frames.items()
        },
        subject_keys={f.name: f.subject_key for f in lake.frames if f.subject_key},
    )


def check_subjects(lake: Lake, subjects: DataFrame) -> int:
    """
    How many subjects there are: each row of the subject frame one, named by a key that a history can store.

    Raises:
        RunRefused: If the frame cannot be read or is empty, or keys are missing, shared, or such that no history
            could store them; examples are not shown, for a key can be personal data.
    """
    try:
        row = _count_keys(lake, subjects)
    except _spark_errors() as problem:
        if "while reading file" not in str(problem):
            raise
        raise_all(RunRefused, [_broken(lake.subject_frame)])
    assert row is not None
    which = f"Frame '{lake.subject_frame.name}'"
    faults = []
    if not row["rows"]:
        faults.append(Fault(which, "it has no rows, so there is nobody to decide about.", "Land the data again."))
    if row["empty"]:
        faults.append(Fault(which, f"{row['empty']} rows have no '{lake.subject_key}'.", "Mend the source."))
    if row["shared"]:
        faults.append(
            Fault(
                which,
                f"{row['shared']} values of '{lake.subject_key}' stand in more than one row (duplicates).",
                "A subject must be one row: remove the duplicates at the source.",
            )
        )
    keys = subjects.selectExpr(f"`{lake.subject_key}` AS subject").where("subject IS NOT NULL")
    faults += key_faults(lake, keys)
    raise_all(RunRefused, faults)
    return int(row["rows"])


def _count_keys(lake: Lake, subjects: DataFrame) -> Row | None:
    from pyspark.sql import functions as F  # noqa: N812

    by_key = subjects.groupBy(F.col(f"`{lake.subject_key}`").alias("subject")).count()
    return by_key.agg(
        F.coalesce(F.sum("count"), F.lit(0)).alias("rows"),
        F.coalesce(F.sum(F.when(F.col("subject").isNull(), F.col("count"))), F.lit(0)).alias("empty"),
        F.coalesce(F.sum(F.when(F.col("subject").isNotNull() & (F.col("count") > 1), 1)), F.lit(0)).alias("shared"),
    ).first()


def _spark_errors() -> tuple[type[Exception], ...]:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return PySparkException, Py4JError


def _broken(frame: Frame) -> Fault:
    what = f"a file of it cannot be read as {frame.format.value}: it is broken, half-written or not ours to read."
    return Fault(f"Frame '{frame.name}'", what, f"Land {frame.path} again.")


def _open(spark: SparkSession, frame: Frame, path: str) -> DataFrame:
    reader = spark.read.options(**frame.options)
    if frame.format is Format.PARQUET:
        found = reader.parquet(path)
        raise_all(RunRefused, _differences(spark, frame, found))
        names = [c.name for c in frame.columns] or found.columns
        return found.select(*(f"`{name}`" for name in names))
    reader = reader.schema(_ddl(frame)).option("mode", "FAILFAST")
    if frame.format is Format.CSV:
        return reader.option("header", frame.options.get("header", "true")).option("enforceSchema", "false").csv(path)
    return reader.json(path)


def _ddl(frame: Frame) -> str:
    return ", ".join(f"`{c.name}` {c.type}" for c in frame.columns)


def _differences(spark: SparkSession, frame: Frame, found: DataFrame) -> Iterator[Fault]:
    """Where the files' own schema is not the declared one."""
    if not frame.columns:
        return
    own = {field.name.lower(): field.dataType.simpleString() for field in found.schema.fields}
    declared = spark.createDataFrame([], _ddl(frame)).schema.fields
    for field in declared:
        which, wanted = f"Frame '{frame.name}'", field.dataType.simpleString()
        if field.name.lower() not in own:
            hint = did_you_mean(field.name, [f.name for f in found.schema.fields])
            yield Fault(which, f"its files have no column '{field.name}', which is declared.", hint)
        elif own[field.name.lower()] != wanted:
            what = f"its column '{field.name}' is {own[field.name.lower()]} in the files and declared as {wanted}."
            yield Fault(which, what, "Mend the declaration, or land the declared type.")


def _key_faults(lake: Lake, frames: Mapping[str, DataFrame]) -> Iterator[Fault]:
    """Key columns that are missing, or of another type than the subject's key."""
    types = {name: {f.name.lower(): f.dataType.simpleString() for f in df.schema.fields} for name, df in frames.items()}
    wanted = types.get(lake.subject_frame.name, {}).get(lake.subject_key.lower())
    for frame in lake.frames:
        if frame.name not in types or not frame.subject_key:
            continue
        found = types[frame.name].get(frame.subject_key.lower())
        if found is None:
            hint = did_you_mean(frame.subject_key, [f.name for f in frames[frame.name].schema.fields])
            yield Fault(f"Frame '{frame.name}'", f"it has no column '{frame.subject_key}', its subject key.", hint)
        elif wanted and not joinable(found, wanted):
            what = f"its subject key '{frame.subject_key}' is {found}, that of '{lake.subject}' is {wanted}."
            yield Fault(f"Frame '{frame.name}'", what, "Keys join only where their types are the same.")
        elif frame is lake.subject_frame and found not in WHOLE | {"string"}:
            what = f"its subject key '{frame.subject_key}' is {found}."
            yield Fault(f"Frame '{frame.name}'", what, "A subject is named by a whole number or a text.")


def joinable(left: str, right: str) -> bool:
    """Whether keys of these Spark types name the same subjects: the same type, or whole numbers of any width."""
    return left == right or {left, right} <= WHOLE
