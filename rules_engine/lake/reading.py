"""Frames as Spark views: declared schema against the files' own, keys checked, nothing guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from types import MappingProxyType
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused, collected, did_you_mean, raise_all
from rules_engine.lake import merges, uniqueness
from rules_engine.lake.codes import DUPLICATES, EMPTY, NO_KEY, SUBJECT_KEY
from rules_engine.lake.keys import WHOLE, joinable, key_faults
from rules_engine.lake.opening import opened
from rules_engine.lake.ready import ready_frames
from rules_engine.lake.spark_types import quoted, types_of
from rules_engine.lake.storage import Landed
from rules_engine.lake.unread import is_of_file, spark_errors, unread
from rules_engine.model.frames import Lake
from rules_engine.model.schemas import Schema
from rules_engine.model.summaries import Summary

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def open_frames(
    spark: SparkSession, lake: Lake, places: Mapping[str, Landed]
) -> tuple[dict[str, DataFrame], dict[str, Summary]]:
    """
    Every frame as a DataFrame of its columns, registered as a view of its name; of files the heads are read, no rows.

    With them what their files say of all rows, by the frame's name, where they do.

    Raises:
        RunRefused: With everything that is not as declared, of every frame and every file.
    """
    frames: dict[str, DataFrame] = {}
    summaries: dict[str, Summary] = {}
    faults: list[Fault] = []
    with ThreadPoolExecutor(4) as several:  # of each frame Spark reads what its files say of themselves
        opening = [several.submit(opened, spark, frame, places[frame.name]) for frame in lake.frames]
    for frame, found in zip(lake.frames, opening, strict=True):
        if there := collected(found.result, faults):
            frames[frame.name], summary = there
            summaries |= {frame.name: summary} if summary else {}
    faults += _key_faults(lake, frames)
    raise_all(RunRefused, faults)
    for name, data in frames.items():
        data.createOrReplaceTempView(name)
    ready = ready_frames(lake, frames)
    for name, data in ready.items():
        data.createOrReplaceTempView(name)
    return frames | ready, summaries


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
    return Schema.of(lake, {name: types_of(data.schema.jsonValue()) for name, data in frames.items()})


@dataclass(frozen=True, slots=True)
class Subjects:
    """How many subjects there are, and the frames of which it is sure that every row is of one of them."""

    rows: int
    complete: frozenset[str] = frozenset()


def check_subjects(
    lake: Lake, subjects: DataFrame, others: Mapping[str, tuple[DataFrame, str]] = MappingProxyType({})
) -> Subjects:
    """
    See that each row of the subject frame is one subject, named by a key that a history can store.

    ``others`` are frames with their subject keys, which are looked at in the same pass: whole numbers all.

    Raises:
        RunRefused: If the frame cannot be read or is empty, or keys are missing, shared, or such that no history
            could store them; examples are not shown, for a key can be personal data.
    """
    try:
        rows, empty, shared, complete = _count_keys(lake, subjects, others)
    except spark_errors() as problem:
        if not is_of_file(problem):
            raise
        if others:  # whose file it is shows when they are read one by one
            return check_subjects(lake, subjects)
        raise RunRefused(unread(lake.subject_frame, problem)) from problem
    which = f"Frame '{lake.subject_frame.name}'"
    faults = []
    if not rows:
        faults.append(
            Fault(which, "it has no rows, so there is nobody to decide about.", "Land the data again.", EMPTY)
        )
    if empty:
        faults.append(Fault(which, f"{empty} rows have no '{lake.subject_key}'.", "Mend the source.", NO_KEY))
    if shared:
        faults.append(
            Fault(
                which,
                f"{shared} values of '{lake.subject_key}' stand in more than one row (duplicates).",
                "A subject must be one row: remove the duplicates at the source.",
                DUPLICATES,
            )
        )
    keys = subjects.selectExpr(f"{quoted(lake.subject_key)} AS subject").where("subject IS NOT NULL")
    faults += key_faults(lake, keys)
    raise_all(RunRefused, faults)
    return Subjects(rows, complete)


def _count_keys(
    lake: Lake, subjects: DataFrame, others: Mapping[str, tuple[DataFrame, str]]
) -> tuple[int, int, int, frozenset[str]]:
    """Rows, rows without a key, keys of more than one row, and the other frames without orphans."""
    key, complete = lake.subject_key, list[bool]()
    if others:
        found, complete = uniqueness.whole_keys([(subjects, key), *others.values()])
    else:
        found = uniqueness.key_rows(subjects, [key])
    shared = 0 if found.unique else uniqueness.repeated(subjects, [key])[0]
    return found.rows, found.rows - found.given, shared, frozenset(compress(others, complete))


def _key_faults(lake: Lake, frames: Mapping[str, DataFrame]) -> Iterator[Fault]:
    """Key columns that are missing, or of another type than the subject's key."""
    types = {
        name: {c.lower(): type_ for c, type_ in types_of(data.schema.jsonValue()).items()}
        for name, data in frames.items()
    }
    wanted = types.get(lake.subject_frame.name, {}).get(lake.subject_key.lower())
    for frame in lake.frames:
        if frame.name not in types or not frame.subject_key:
            continue
        found = types[frame.name].get(frame.subject_key.lower())
        if found is None:
            hint = did_you_mean(frame.subject_key, [f.name for f in frames[frame.name].schema.fields])
            yield Fault(
                f"Frame '{frame.name}'", f"it has no column '{frame.subject_key}', its subject key.", hint, SUBJECT_KEY
            )
        elif wanted and not joinable(found, wanted):
            what = f"its subject key '{frame.subject_key}' is {found}, that of '{lake.subject}' is {wanted}."
            yield Fault(f"Frame '{frame.name}'", what, "Keys join only where their types are the same.", SUBJECT_KEY)
        elif frame is lake.subject_frame and found not in WHOLE | {"string"}:
            what = f"its subject key '{frame.subject_key}' is {found}."
            yield Fault(f"Frame '{frame.name}'", what, "A subject is named by a whole number or a text.", SUBJECT_KEY)
    yield from merges.type_faults(lake, types, wanted)
