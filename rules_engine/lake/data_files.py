"""A file of the lake, wherever it lies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from rules_engine.errors import Fault
from rules_engine.lake.codes import NOT_LANDED
from rules_engine.lake.first_bytes import PACKED
from rules_engine.model.frames import Frame
from rules_engine.model.layouts import Layout

ENDINGS: Mapping[str, tuple[str, ...]] = {
    "parquet": (".parquet", ".parq", ".pq"),
    "orc": (".orc",),
    "csv": (".csv", ".tsv", ".txt"),
    "json": (".json", ".jsonl", ".ndjson"),
}
"""How files of a format are called, packed or not."""
TABLES = {
    "delta": re.compile("_delta_log/.*"),
    "iceberg": re.compile(r"metadata/[^/]*\.metadata\.json"),
    "hudi": re.compile(r"\.hoodie/.*"),
}
"""Names of files by which tables are known."""
MOST_NAMES = 3
"""How many names of a folder are shown at most."""
OF_A_WRITER = re.compile(r"\._.*|_(manifest|committed|started|metadata|common_metadata|delta_log|SUCCESS)([._].*)?")
"""Files that writers keep of their own, and what a Mac leaves beside each file of another system."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file: its URI, its name below its frame's path, its bytes, and what its store says of its state."""

    uri: str
    name: str
    size: int
    state: str

    @property
    def local(self) -> str:
        """Its path on this machine; empty where it is elsewhere."""
        return self.uri.removeprefix("file:").replace("//", "/", 1) if self.uri.startswith("file:") else ""


def hidden(name: str) -> bool:
    """Whether Spark leaves a file or folder of this name out."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def table_of(names: Iterable[str]) -> str:
    """The kind of table that files are of by their names: of such, old versions lie beside that of now."""
    known = [*names]
    return next((kind for kind, log in TABLES.items() if any(map(log.fullmatch, known))), "")


def data_that_is_hidden(files: Iterable[tuple[str, int]], format_: str) -> list[str]:
    """
    The names of files, of names and sizes, that are called as data of a format and that no reader would see.

    What lies in a hidden folder was put aside, if that says no column.
    """
    return [name for name, size in files if size and _is_data(PurePosixPath(name), format_)]


def _is_data(path: PurePosixPath, format_: str) -> bool:
    *folders, own = path.parts
    out = [name for name in folders if hidden(name)]
    if not (out or hidden(own)) or any("=" not in name for name in out) or OF_A_WRITER.fullmatch(own):
        return False
    ends = [end.lower() for end in path.suffixes if end.lower() not in PACKED]
    return bool(ends) and ends[-1] in ENDINGS.get(format_, ())


def of_uri(files: Iterable[DataFile], uri: str) -> DataFile:
    """The file of a URI as Spark says it: with escapes, and as many slashes after the scheme as it likes."""
    return next(file for file in files if _plain(file.uri) == _plain(unquote(uri)))


def bare(path: str) -> str:
    """A path without the scheme of its URI, as one of this machine is written."""
    return "/" + re.sub("^[a-z0-9]+:(?=/)", "", path).strip("/")


def _plain(uri: str) -> str:
    return re.sub(":/+", ":/", uri, count=1)


def misspelt_fault(frame: Frame, names: list[str], understood: str, remedy: str) -> Fault:
    """What is said of names that look like days: older data would be read in place of it without a word."""
    root = Layout(frame.path).root
    what = f"{some(names)} at {root} looks like a day and is read as none: understood is {understood}."
    return Fault(f"Frame '{frame.name}'", what, remedy, NOT_LANDED)


def some(names: Sequence[str]) -> str:
    """The first of several names, and how many there are besides."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(f"'{name}'" for name in names[:MOST_NAMES]) + more
