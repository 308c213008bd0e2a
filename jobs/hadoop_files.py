"""Small text files through the Hadoop file systems of a Spark session: file:, hdfs:, s3:, s3a:."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from rules_engine.errors import Fault, RunInterrupted
from rules_engine.lake import hadoop
from rules_engine.lake.hadoop import is_absent, said_by_java

T = TypeVar("T")

OBJECT_STORES = ("s3", "s3a", "s3n", "gs", "abfs", "abfss")
"""Where an object appears whole when it is closed, and a rename would be a copy."""


class HadoopFiles:
    """
    Read, replace and list small files by URI; a path without scheme is on the cluster's default file system.

    The evaluator's place to keep a run where nothing but Spark is installed.
    """

    def __init__(self, spark: Any) -> None:
        self._spark = spark
        self._hadoop = spark._jvm.org.apache.hadoop.fs
        self._part = f".{spark.sparkContext.applicationId}.part"

    def read(self, path: str) -> str:
        """
        The text of a file.

        Raises:
            FileNotFoundError: If there is none.
            RunInterrupted: If it cannot be read.
        """
        return _reached(path, lambda: self._read(path))

    def write(self, path: str, text: str) -> None:
        """
        Put the whole text in place of what is there; a reader sees the old text or the new one.

        Raises:
            RunInterrupted: If it cannot be written.
        """
        _reached(path, lambda: self._write(path, text))

    def create(self, path: str, text: str) -> bool:
        """
        Write a file that is not there yet; False, and nothing written, if it is there.

        On HDFS one of two writers succeeds. An object store that has no conditional write lets the later one win
        where both look at the same moment; of Hadoop from 3.4.2 on S3A has it, if it is set to use it.

        Raises:
            RunInterrupted: If it cannot be written.
        """
        return _reached(path, lambda: self._create(path, text))

    def digests(self, path: str) -> dict[str, str]:
        """
        Names of the data files of a folder, and their SHA-256, computed where the executors are; none without folder.

        Raises:
            RunInterrupted: If they cannot be read.
        """
        if not any(not name.startswith(("_", ".")) for name in self.names(path)):
            return {}
        read = self._spark.read.format("binaryFile").load(path).selectExpr("path", "sha2(content, 256) AS digest")
        rows = _reached(path, read.collect)
        return {row["path"].rsplit("/", 1)[-1]: row["digest"] for row in rows}

    def remove(self, path: str) -> None:
        """
        Remove a folder and all in it; one that is not there stays away.

        Raises:
            RunInterrupted: If it cannot be removed.
        """
        _reached(path, lambda: hadoop.remove(self._spark, path))

    def names(self, path: str) -> list[str]:
        """Names of the children of a folder, in order; none where there is no folder."""
        found = _reached(path, lambda: hadoop.names(self._spark, path))
        return sorted(name for name in found if not name.endswith(".part"))

    def _at(self, uri: str) -> tuple[Any, Any, str]:
        """File system, path and scheme; local files without the checksum files a plain program would not keep."""
        system, path = hadoop.file_system(self._spark, uri)
        scheme = str(system.getUri().getScheme())
        return (system.getRawFileSystem() if scheme == "file" else system), path, scheme

    def _read(self, uri: str) -> str:
        system, path, _ = self._at(uri)
        stream = system.open(path)
        try:
            return bytes(stream.readAllBytes()).decode()
        finally:
            stream.close()

    def _create(self, uri: str, text: str) -> bool:
        system, path, scheme = self._at(uri)
        if system.exists(path):
            return False
        if scheme in OBJECT_STORES:
            _put(system, path, text)
            return True
        part = self._hadoop.Path(path.getParent(), f".{path.getName()}{self._part}")
        _put(system, part, text)
        try:
            self._rename(system.makeQualified(part), system.makeQualified(path), "NONE")
        except Py4JJavaError as problem:
            if "FileAlreadyExistsException" not in said_by_java(problem):
                raise
            return False
        finally:
            system.delete(part, False)
        return True

    def _write(self, uri: str, text: str) -> None:
        system, path, scheme = self._at(uri)
        if scheme in OBJECT_STORES:
            _put(system, path, text)
            return
        part = self._hadoop.Path(path.getParent(), f".{path.getName()}{self._part}")
        _put(system, part, text)
        if scheme == "file":
            system.rename(part, path)
        else:
            self._rename(system.makeQualified(part), system.makeQualified(path), "OVERWRITE")

    def _rename(self, part: Any, path: Any, how: str) -> None:
        """Rename over what is there or not, which HDFS does only through its newer interface."""
        rename = self._hadoop.Options.Rename
        options = self._spark.sparkContext._gateway.new_array(rename, 1)
        options[0] = getattr(rename, how)
        conf = self._spark.sparkContext._jsc.hadoopConfiguration()
        self._hadoop.FileContext.getFileContext(path.toUri(), conf).rename(part, path, options)


def _put(system: Any, path: Any, text: str) -> None:
    stream = system.create(path, True)
    try:
        stream.write(text.encode())
    finally:
        stream.close()


def _reached(uri: str, act: Callable[[], T]) -> T:
    """What ``act`` returns, with the errors of the Java side in our words."""
    try:
        return act()
    except (Py4JJavaError, PySparkException) as problem:
        if is_absent(problem):
            raise FileNotFoundError(uri) from None
        raise RunInterrupted(
            Fault(
                f"File {uri}",
                f"it cannot be reached: {said_by_java(problem)}",
                "Check its address and the permissions of the role, then run the same id again.",
            )
        ) from problem
