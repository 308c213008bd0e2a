"""What is known of a landed snapshot: its files with their checksums, its rows and schema, where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import sha256

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.canonical import canonical_json
from rules_lake.landing.place import MANIFEST, Place

FORM = 1


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One file of a snapshot, as it was read when it landed."""

    name: str
    bytes: int
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    A landed snapshot. ``columns`` are Spark SQL types by names, as found in the files.

    ``unjudged`` are options by which landing judged no value, so that this is left to whoever reads the lake.
    ``digest`` names its content: files by their checksums and what their folders say, whatever they are called, and
    the schema.
    """

    frame: str
    day: date
    source: str
    landed_at: datetime
    columns: Mapping[str, str]
    files: tuple[LandedFile, ...]
    unjudged: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def schema_digest(self) -> str:
        return sha256(canonical_json(list(self.columns.items())).encode()).hexdigest()

    @property
    def digest(self) -> str:
        said = [sorted(self._folders(file.name) + file.sha256 for file in self.files), self.schema_digest]
        return sha256(canonical_json(said).encode()).hexdigest()

    def _folders(self, name: str) -> str:
        """What the folders of a file say of its rows; nothing where they say no column."""
        return "".join(f"{part}/" for part in name.split("/")[:-1] if part.partition("=")[0] in self.columns)

    def text(self) -> str:
        """The manifest as it is stored."""
        said = {
            "form": FORM,
            "frame": self.frame,
            "day": self.day.isoformat(),
            "source": self.source,
            "landed_at": self.landed_at.isoformat(),
            "rows": self.rows,
            "columns": list(self.columns.items()),
            "schema_digest": self.schema_digest,
            "files": [asdict(file) for file in self.files],
            "digest": self.digest,
        }
        if self.unjudged:
            said["unjudged"] = list(self.unjudged)
        return canonical_json(said) + "\n"


def manifest_of(place: Place) -> Manifest | None:
    """
    The manifest of a snapshot's folder; None where there is none.

    Raises:
        RunRefused: If it is not one, or does not give the digest that it names.
    """
    try:
        if (text := place.text(MANIFEST)) is None:
            return None
        said = json.loads(text)
        found = Manifest(
            said["frame"],
            date.fromisoformat(said["day"]),
            said["source"],
            datetime.fromisoformat(said["landed_at"]),
            dict(said["columns"]),
            tuple(LandedFile(**file) for file in said["files"]),
            tuple(said.get("unjudged", ())),
        )
    except (ValueError, KeyError, TypeError) as problem:
        raise RunRefused(Fault(_which(place), "its manifest does not read as one.", RESTORE)) from problem
    if found.text() != text:
        raise RunRefused(Fault(_which(place), "its manifest was altered.", RESTORE))
    return found


def checked(place: Place) -> Manifest:
    """
    The manifest of a snapshot whose every byte is as it landed.

    Raises:
        RunRefused: If there is none, or a file was altered, removed or added; all of them at once.
    """
    manifest = manifest_of(place)
    if manifest is None:
        remedy = "Land the extract by `rules land SOURCE FRAME`; what only lies in the folder is not believed."
        raise RunRefused(Fault(_which(place), "it has no manifest: it was not landed, or not to the end.", remedy))
    there = {file.name for file in place.files() if not file.hidden}
    faults = [
        Fault(_which(place), f"its file {name} is not in the manifest.", f"Move {name} away: it never landed.")
        for name in sorted(there - {file.name for file in manifest.files})
    ]
    for file in manifest.files:
        if file.name not in there:
            faults.append(Fault(_which(place), f"its file {file.name} is gone.", RESTORE))
        elif place.sha256(file.name) != file.sha256:
            faults.append(Fault(_which(place), f"its file {file.name} was altered since it landed.", RESTORE))
    raise_all(RunRefused, faults)
    return manifest


RESTORE = "Bring the folder back from a backup, or move it away and land the extract again."


def _which(place: Place) -> str:
    return f"Landed snapshot {place.uri}"
