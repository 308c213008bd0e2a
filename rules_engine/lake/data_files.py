"""A file of the lake, wherever it lies."""

from __future__ import annotations

from dataclasses import dataclass


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
