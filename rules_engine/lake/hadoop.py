"""Hadoop's file systems for Python: what lies in folders, and files as streams; local ones are opened as they are."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault, RunInterrupted, RunRefused
from rules_engine.lake.data_files import DataFile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BLOCK = 8 * 2**20
"""Bytes that a remote file is asked for at once, at most."""


def file_system(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """The file system of a path, and the path as Hadoop has it."""
    hadoop_path = getattr(spark._jvm, "org.apache.hadoop.fs.Path")(path)
    return hadoop_path.getFileSystem(spark._jsc.hadoopConfiguration()), hadoop_path


def exists(spark: SparkSession, path: str) -> bool:
    """Whether a file or folder is there."""
    system, hadoop_path = file_system(spark, path)
    return bool(system.exists(hadoop_path))


def remove(spark: SparkSession, path: str) -> None:
    """Remove a folder and all in it, if it is there."""
    system, hadoop_path = file_system(spark, path)
    system.delete(hadoop_path, True)


def names(spark: SparkSession, path: str) -> list[str]:
    """The names of what lies in a folder, of links that lead nowhere, too; none where there is no folder."""
    from py4j.protocol import Py4JJavaError

    system, hadoop_path = file_system(spark, path)
    try:
        found = [status.getPath().getName() for status in system.listStatus(hadoop_path)]
    except Py4JJavaError as problem:
        if is_absent(problem):
            return []
        raise
    own = _own(system, hadoop_path)
    return found + [each.name for each in (own.iterdir() if own else ()) if not each.exists()]


def astray(spark: SparkSession, path: str) -> list[str]:
    """What lies under a path of this machine and is no file, as a link that leads nowhere: Hadoop leaves that out."""
    own = _own(*file_system(spark, path))
    if own is None:
        return []
    files = (Path(folder, name) for folder, _, names in os.walk(own, followlinks=True) for name in names)
    return sorted(str(file.relative_to(own)) for file in files if not file.is_file())


def _own(system: Any, hadoop_path: Any) -> Path | None:
    """A folder of this machine; None for what is elsewhere, or is none."""
    local = DataFile(str(system.makeQualified(hadoop_path)), "", 0, "").local
    return Path(local) if local and Path(local).is_dir() else None


def is_absent(problem: Exception) -> bool:
    """Whether Java says that a file or folder is not there."""
    return "java.io.FileNotFoundException" in said_by_java(problem)


def said_by_java(problem: Exception) -> str:
    """What Java says of a problem in one line, without its stack."""
    java = getattr(problem, "java_exception", None)
    return str(java.toString() if java else problem).splitlines()[0]


def move_files(spark: SparkSession, path: str, to: str, ending: tuple[str, str]) -> None:
    """
    Move the data files of a folder to another one, in place of all that is there, with another ending; mark it whole.

    Raises:
        RunInterrupted: If one cannot be moved.
    """
    system, there = file_system(spark, to)
    system.delete(there, True)
    system.mkdirs(there)
    old, new = ending

    def move(name: str) -> bool:
        of, fresh = (
            file_system(spark, place)[1] for place in (f"{path}/{name}", f"{to}/{name.removesuffix(old)}{new}")
        )
        return bool(system.rename(of, fresh))

    with ThreadPoolExecutor(AT_ONCE) as several:
        if not all(several.map(move, (name for name in names(spark, path) if not name.startswith(("_", "."))))):
            raise RunInterrupted(Fault(f"Folder {to}", f"files of {path} cannot be moved there.", "Run it again."))
    system.create(file_system(spark, f"{to}/{WHOLE}")[1]).close()


WHOLE = "_SUCCESS"
"""The empty file by which Hadoop's readers know that a folder is whole."""
AT_ONCE = 16
"""Files that are moved at once: an object store copies each."""


def files_below(spark: SparkSession, path: str) -> list[DataFile]:
    """
    Every file under a path, or the file that it is, the hidden ones too.

    Raises:
        RunRefused: If the place cannot be listed.
    """
    from py4j.protocol import Py4JJavaError

    try:
        system, hadoop_path = file_system(spark, path)
        if not system.exists(hadoop_path):
            return []
        root = str(system.makeQualified(hadoop_path))
        return sorted(_listed(spark, system.listFiles(hadoop_path, True), root), key=lambda file: file.name)
    except Py4JJavaError as problem:
        what = f"it cannot be listed: {problem.java_exception}."
        raise RunRefused(Fault(f"The lake at {path}", what, "Check the path and the credentials.")) from problem


def _listed(spark: SparkSession, listing: Any, root: str) -> Iterator[DataFile]:
    while listing.hasNext():
        status = listing.next()
        uri = str(status.getPath())
        name = uri.removeprefix(root).strip("/") or uri.rsplit("/", 1)[-1]
        etag = status.getEtag() if _has_etag(spark, status) else ""
        yield DataFile(uri, name, int(status.getLen()), str(etag or status.getModificationTime()))


def _has_etag(spark: SparkSession, status: Any) -> bool:
    """Whether a store names the state of a file; the statuses of many file systems do not."""
    named = getattr(spark._jvm, "java.lang.Class").forName("org.apache.hadoop.fs.EtagSource")
    return bool(named.isInstance(status))


def opened(spark: SparkSession, file: DataFile) -> Any:
    """A file as a stream of bytes that can be sought in."""
    return Path(file.local).open("rb") if file.local else io.BufferedReader(HadoopStream(spark, file), BLOCK)


class HadoopStream(io.RawIOBase):
    """A file of any of Hadoop's file systems, read through the driver's JVM: for heads of files and small ones."""

    def __init__(self, spark: SparkSession, file: DataFile) -> None:
        system, hadoop_path = file_system(spark, file.uri)
        self._stream = system.open(hadoop_path)
        self._size = file.size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), BLOCK, self._size - self._at)
        if wanted <= 0:
            return 0
        self._stream.seek(self._at)
        found = bytes(self._stream.readNBytes(wanted))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
