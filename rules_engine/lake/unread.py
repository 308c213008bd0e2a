"""What Spark's errors come to where rows cannot be read: which file, what is wrong with it, and what to do."""

from __future__ import annotations

import re
from urllib.parse import unquote

from rules_engine.errors import Fault
from rules_engine.lake import codes
from rules_engine.lake.data_files import bare
from rules_engine.model.frames import Frame

FILE = re.compile(r"[a-z0-9]+:/[^\s,)\]]+")
CONDITION = re.compile(r"\[([A-Z][A-Z0-9_]+)(?:\.[A-Z0-9_]+)*\]")
GONE = ("FileNotFoundException", "exceptions.NotFoundException: ", "PATH_NOT_FOUND", "FILE_NOT_EXIST")
"""What Spark's errors say where a file is not there any more, Iceberg's among them."""
DAMAGED = (
    "CANNOT_READ_FILE_FOOTER", "is not a Parquet file", "Could not read footer", "CRC checksum verification failed",
    "ChecksumException", "ParquetDecodingException", "Malformed", "corrupt", "Corrupt", "Decompression error",
    "could not decompress", "Failed to decompress", "EOFException", "FAILED_TO_UNCOMPRESS", "ZstdException",
    "Can not read value", "PARSING_ERROR", "PageHeader", "Problem opening stripe", "Bad compression data",
    "InvalidProtocolBufferException",
)  # fmt: skip
"""What Spark's errors say where the bytes of a file are not what was written."""

READERS = ("OrcColumnarBatchReader", "ParquetRecordReader", "org.apache.orc.impl.RecordReaderImpl")
"""What stands in Java's stack where a file is read: Spark 3.5 has no words of its own where it is opened."""

OF_SUM = re.compile(r"URI: \.(.*)\.crc")
"""The name of a file beside which Hadoop looks for its checksum."""
COLON = "java.net.URISyntaxException"
"""What Java says of a name with a colon, which it takes for the scheme of a URI."""

NEGATIVE = "nanos > 999999999 or < 0"
"""What Java says of a fraction of a second that is below zero."""


def spark_errors() -> tuple[type[Exception], ...]:
    """What Spark raises where rows cannot be read."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return PySparkException, Py4JError


def is_of_file(problem: Exception) -> bool:
    """Whether it is a file that cannot be read, by what Spark or a table's library says; else Spark is gone, say."""
    words = ("while reading file", "FAILED_READ_FILE", *GONE, *DAMAGED, *READERS, NEGATIVE)
    return any(word in str(problem) for word in words)


def file_named(problem: Exception) -> str:
    """The file that Spark's error names, without the scheme of its URI; empty where it names none."""
    named = FILE.search(str(problem))
    return bare(unquote(named[0]).rstrip(".")) if named else ""


def unread(frame: Frame, problem: Exception) -> Fault:
    """What Spark's error comes to, where rows of a frame cannot be read; it shows no value of any row."""
    said, which, again = str(problem), f"Frame '{frame.name}'", f"Land {frame.path} again."
    named = file_named(problem)
    file = f"its file {named.rsplit('/', 1)[-1]}" if named else "a file of it"
    if "AccessControlException" in said or "AccessDenied" in said or "Permission denied" in said:
        return Fault(which, f"{file} may not be read by this login.", "Give it the right to read.", codes.BROKEN)
    if any(word in said for word in GONE):
        if frame.format.is_table:
            what = f"{file} is gone, which the version that is read needs: it was vacuumed or expired, or is lost."
            return Fault(which, what, "Read a version that is kept, or write the table again.", codes.BROKEN)
        what = f"{file} is gone: it was removed or replaced while it was read."
        return Fault(which, what, "Run again once the landing is over.", codes.BROKEN)
    if any(word in said for word in (COLON, *DAMAGED)):
        what, remedy = f"{file} cannot be read as {frame.format}: cut off or altered since it was written.", again
        if COLON in said:
            own = OF_SUM.search(said)
            file = f"its file {own[1]}" if own else file
            what, remedy = f"{file} has a colon in its name, and Hadoop reads no such file there.", "Rename it."
        return Fault(which, what, remedy, codes.BROKEN)
    if NEGATIVE in said:
        what = f"{file} has moments before 1970 with a fraction of a second, written in a way that Spark does not read."
        return Fault(which, what, "Land it as Parquet: pyarrow writes such moments so in ORC.", codes.UNREADABLE_TYPE)
    condition = CONDITION.search(said)
    why = condition[1] if condition else type(problem).__name__
    what = f"{file} cannot be read to its end: Spark says {why}."
    return Fault(which, what, f"Land {frame.path} again, or read it by Spark alone to see more.", codes.BROKEN)


def not_read(frame: Frame, problem: Exception) -> Fault:
    """Where Spark cannot read text files, and nothing that is looked for in them says why."""
    if any(word in str(problem) for word in (COLON, *DAMAGED)):
        return unread(frame, problem)
    what = f"its files cannot be read as {frame.format} to their end."
    return Fault(f"Frame '{frame.name}'", what, "See docs/lake.md for how cells and records are written.", codes.RECORD)
