"""The files of a source's day: found by what its settings say, and whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.lake.data_files import hidden
from rules_lake.landing import extracts
from rules_lake.landing.manifest import checked
from rules_lake.landing.place import MANIFEST, Place


def files_of(which: str, path: str, format_: str, day: str) -> list[Path]:
    """
    The files of a day: a file, a folder's, or a pattern's. What lies in a folder of a name that hides it was put aside.

    Raises:
        RunRefused: If there is none, a writer is at work, one is of another day, hidden or of no format that is read
            here, or a landed folder is not as it landed.
    """
    said = Path(path.replace("{day}", day))
    base = next(parent for parent in said.parents if parent.exists())  # what is there is named, and no pattern
    found = [said] if said.exists() else [p for p in sorted(base.glob(str(said.relative_to(base)))) if _seen(p, base)]
    files: list[Path] = []
    faults: list[Fault] = []
    for folder in sorted({place.parent for place in found if place != said}):
        faults += extracts.writer_at_work(which, Place(str(folder)))
    for place in (place for place in found if not place.exists()):
        faults.append(Fault(which, f"its {place.name} is no file, or leads to none.", "Put the file there."))
    for place in found:
        extract = Place(str(place))
        inside = [file for file in extract.files() if Path(file.name).name != MANIFEST]
        faults += extracts.left_out(f"{which}, {extract.uri}", extract, inside, format_)
        files += [place / file.name if place.is_dir() else place for file in extracts.data_of(inside)]
    raise_all(RunRefused, faults)
    if not files:
        raise RunRefused(Fault(which, f"there is no file {path} of {day}.", "Land it first."))
    strange = [file for file in files if file.suffix.lower() not in (".csv", ".parquet", ".txt", "")]
    remedy = "Write it as .csv or .parquet, or move it away; a file that is being written is none yet."
    raise_all(RunRefused, [Fault(which, f"its file {file.name} would not be read.", remedy) for file in strange])
    for folder in sorted({file.parent for file in files}):
        if (folder / MANIFEST).exists():
            checked(Place(str(folder)))
    return sorted(files)


def _seen(place: Path, base: Path) -> bool:
    """Whether what a pattern finds lies, or is, in no folder that was put aside."""
    parts = place.relative_to(base).parts
    return not any(map(hidden, parts if place.is_dir() else parts[:-1]))


def checksum(files: list[Path]) -> str:
    """SHA-256 over the files' contents, in order."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
