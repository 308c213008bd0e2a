"""A file of the lake, wherever it lies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote


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


def of_uri(files: Iterable[DataFile], uri: str) -> DataFile:
    """The file of a URI as Spark says it: with escapes, and as many slashes after the scheme as it likes."""
    return next(file for file in files if _plain(file.uri) == _plain(unquote(uri)))


def bare(path: str) -> str:
    """A path without the scheme of its URI, as one of this machine is written."""
    return "/" + re.sub("^[a-z0-9]+:(?=/)", "", path).strip("/")


def _plain(uri: str) -> str:
    return re.sub(":/+", ":/", uri, count=1)
