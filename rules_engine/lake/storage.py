"""What a frame's files are, asked of Hadoop's file systems: one way for folders, S3 and all else Spark reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.frames import Frame, Naming

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = "{day}"


@dataclass(frozen=True, slots=True)
class Landed:
    """Where a frame's files of one day are, and the name of their state."""

    path: str
    snapshot: str


def landed(spark: SparkSession, frame: Frame, as_of: date, naming: Naming = Naming.TIMES) -> Landed:
    """
    The newest landed state of a frame not after a day; reads names, sizes and times, or by ``naming`` the content.

    Raises:
        RunRefused: If there is none.
    """
    day = _newest_day(spark, frame, as_of) if DAY in frame.path else ""
    found = _landed_on(spark, frame, day, naming)
    if found is None:
        raise RunRefused(
            Fault(
                f"Frame '{frame.name}'",
                f"there is no file at {frame.path.replace(DAY, day)}.",
                "Land the data, or mend the path in the lake's declaration.",
            )
        )
    return found


def landed_as(spark: SparkSession, frame: Frame, snapshot: str, naming: Naming = Naming.TIMES) -> Landed | None:
    """The state of a frame that :func:`landed` named so; None where it is there no more, or is another by now."""
    found = _landed_on(spark, frame, snapshot.rpartition("@")[0], naming)
    return found if found and found.snapshot == snapshot else None


def _landed_on(spark: SparkSession, frame: Frame, day: str, naming: Naming) -> Landed | None:
    """The state of a frame's files of a day, empty where it is not dated; None where there is no file."""
    path = frame.path.replace(DAY, day)
    files = _files(spark, path)
    if not files:
        return None
    digest = hashlib.sha256("\n".join(sorted(_state(spark, f, path, naming) for f in files)).encode()).hexdigest()[:16]
    return Landed(path, f"{day}@{digest}" if day else digest)


def days(spark: SparkSession, frame: Frame) -> list[date]:
    """The days on which a dated frame landed, oldest first; none for a frame that is not dated."""
    if DAY not in frame.path:
        return []
    parent = frame.path.split(DAY)[0]
    return sorted(day for name in _names(spark, parent) if (day := _as_day(name)))


def exists(spark: SparkSession, path: str) -> bool:
    """Whether a file or folder is there."""
    file_system, hadoop_path = _file_system(spark, path)
    return bool(file_system.exists(hadoop_path))


def remove(spark: SparkSession, path: str) -> None:
    """Remove a folder and all in it, if it is there."""
    file_system, hadoop_path = _file_system(spark, path)
    file_system.delete(hadoop_path, True)


def _newest_day(spark: SparkSession, frame: Frame, as_of: date) -> str:
    past = [day for day in days(spark, frame) if day <= as_of]
    if not past:
        known = days(spark, frame)
        raise RunRefused(
            Fault(
                f"Frame '{frame.name}'",
                f"nothing has landed at {frame.path} up to {as_of}"
                + (f"; the first landed day is {known[0]}." if known else "."),
                "Choose a later day with --as-of, or land the data.",
            )
        )
    return past[-1].isoformat()


def _file_system(spark: SparkSession, path: str) -> tuple[Any, Any]:
    jvm: Any = spark._jvm
    hadoop_path = jvm.org.apache.hadoop.fs.Path(path)
    return hadoop_path.getFileSystem(spark._jsc.hadoopConfiguration()), hadoop_path


def _names(spark: SparkSession, path: str) -> list[str]:
    file_system, hadoop_path = _file_system(spark, path)
    return (
        [s.getPath().getName() for s in file_system.listStatus(hadoop_path)] if file_system.exists(hadoop_path) else []
    )


def _files(spark: SparkSession, path: str) -> list[Any]:
    """Statuses of the data files under a path, the hidden ones left out as Spark does."""
    from py4j.protocol import Py4JJavaError

    try:
        file_system, hadoop_path = _file_system(spark, path)
        if not file_system.exists(hadoop_path):
            return []
        found, listing = [], file_system.listFiles(hadoop_path, True)
        while listing.hasNext():
            status = listing.next()
            if not status.getPath().getName().startswith(("_", ".")):
                found.append(status)
    except Py4JJavaError as problem:
        raise RunRefused(
            Fault(
                f"The lake at {path}",
                f"it cannot be listed: {problem.java_exception}.",
                "Check the path and the credentials.",
            )
        ) from problem
    return found


def _state(spark: SparkSession, status: Any, root: str, naming: Naming) -> str:
    """A file's name, and what its store says instead of the content: an ETag, else size and time; or the content."""
    uri = status.getPath().toUri()
    name = str(status.getPath()).rsplit(root.rstrip("/"), 1)[-1]
    if naming is Naming.CONTENTS and uri.getScheme() == "file":
        with Path(uri.getPath()).open("rb") as file:
            return f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}"
    etag = status.getEtag() if _has_etag(spark, status) else ""
    return f"{name} {status.getLen()} {etag or status.getModificationTime()}"


def _has_etag(spark: SparkSession, status: Any) -> bool:
    """Whether a store names the state of a file; the statuses of many file systems do not."""
    jvm: Any = spark._jvm
    named = jvm.java.lang.Class.forName("org.apache.hadoop.fs.EtagSource")
    return bool(named.isInstance(status))


def _as_day(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
