"""What shows of an extract that is not there to be taken: half-written, of several days, twice the same."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rules_engine.errors import Fault
from rules_engine.lake.data_files import ENDINGS, data_that_is_hidden, table_of
from rules_engine.model.frames import Frame
from rules_lake.landing.manifest import LandedFile
from rules_lake.landing.place import MANIFEST, FoundFile, Place
from rules_lake.landing.records import PACKED

WRITER_AT_WORK = "_temporary"
FINISHED = "_SUCCESS"
BOOKKEEPING = re.compile(r"_(manifest|committed|started).*")
OF_A_DAY = re.compile(r"(?:[^=]+=)?[0-9]{4}-?[0-9]{2}-?[0-9]{2}")
TAKE_AWAY = "Take one of the two away."


def data_of(files: list[FoundFile]) -> list[FoundFile]:
    """The files of data among an extract's."""
    return [file for file in files if not file.hidden]


def faults(extract: Place, files: list[FoundFile], frame: Frame) -> Iterator[Fault]:
    """What shows, before a byte is read, that an extract is not there to be taken."""
    which = f"Extract {extract.uri}"
    if not extract.kind():
        yield Fault(which, "there is nothing.", "Mend the address.")
        return
    yield from left_out(which, extract, files, frame.format.value, {column.name for column in frame.columns})
    if not data_of(files):
        yield Fault(which, "it has no file of data.", "Mend the address, or have it written again.")
    packed = {f.name: _unpacked_name(f.name) for f in data_of(files)}
    for name in sorted(name for name, plain in packed.items() if plain != name and plain in packed):
        yield Fault(which, f"its file {name} is {packed[name]}, packed: its rows would count twice.", TAKE_AWAY)
    fitting = ENDINGS.get(frame.format.value, ())
    for file in data_of(files):
        suffixes = [s.lower() for s in Path(file.name).suffixes if s.lower() not in PACKED]
        if suffixes and fitting and suffixes[-1] not in fitting:
            what = f"its file {file.name} is called neither {' nor '.join(fitting)}: half-written, or something else."
            yield Fault(which, what, "Land it once it has its name, or a folder without it.")


def left_out(
    which: str, extract: Place, files: list[FoundFile], format_: str, columns: Collection[str] = ()
) -> Iterator[Fault]:
    """
    Files that whoever reads an extract's data would leave out, or take though they are none of it.

    ``columns`` are those of which a folder may say a day.
    """
    yield from writer_at_work(which, extract, files)
    yield from _of_logs(which, [f.name for f in files])
    yield from _strays(which, extract, files, columns)
    own = {Path(f.name).name for f in files}
    kept = sorted(name for name in own if BOOKKEEPING.fullmatch(name))
    if kept and FINISHED not in own:
        what = f"its writer keeps {kept[0]} and has not said {FINISHED}."
        yield Fault(which, what, f"Land it once there is {FINISHED}: it is written last.")
    if out := data_that_is_hidden(((f.name, f.bytes) for f in files), format_):
        what = f"its file {out[0]} would not be read, for a name that begins with '_' or '.'."
        yield Fault(which, what, "Name it otherwise, or take it away.")


def writer_at_work(which: str, extract: Place, files: Sequence[FoundFile] = ()) -> Iterator[Fault]:
    """What a writer of Hadoop keeps aside until it has ended."""
    if at_work := sorted({f.name for f in files if WRITER_AT_WORK in Path(f.name).parts}) or (
        [WRITER_AT_WORK] if WRITER_AT_WORK in extract.names() else []
    ):
        yield Fault(which, f"its writer has not ended: there is {at_work[0]}.", "Land it once it has ended.")


def _of_logs(which: str, names: Sequence[str]) -> Iterator[Fault]:
    """Files of which a log beside them says whether they count: all would land, and the log would not."""
    if table := table_of(names):
        what = f"it is a table of {table}: files of old versions lie beside those of now, and would count."
        yield Fault(which, what, "Have the rows of its newest version written as files, and land these.")
    if any(name.startswith("_spark_metadata/") for name in names):
        what = "a stream of Spark writes there, and files that its log (_spark_metadata) does not name would count."
        yield Fault(which, what, "Have its rows written by a job that ends, and land these.")


def _unpacked_name(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in PACKED if name.endswith(suffix)), name)


def _strays(which: str, extract: Place, files: list[FoundFile], columns: Collection[str]) -> Iterator[Fault]:
    """Files of several days; links that lead nowhere, or to what is there already; what is no file."""

    def of_a_day(folder: str) -> bool:
        return OF_A_DAY.fullmatch(folder) is not None and folder.partition("=")[0] not in columns

    of_days = sorted(f.name for f in data_of(files) if any(map(of_a_day, Path(f.name).parts[:-1])))
    if of_days:
        what = f"its file {of_days[0]} lies in a folder of a day, and an extract is of one day."
        yield Fault(which, what, f"Land that folder: {extract.uri}/{Path(of_days[0]).parent}.")
    if not extract.is_local or extract.kind() != "folder":
        return
    root = Path(extract.root)
    for path in sorted(p for p in root.rglob("*") if not p.is_file() and not p.is_dir()):
        yield Fault(which, f"its {path.relative_to(root)} is no file, or leads to none.", "Put the file there.")
    real: dict[Path, str] = {}
    for name in sorted((file.name for file in data_of(files)), key=len):
        if (other := real.setdefault((root / name).resolve(), name)) != name:
            yield Fault(which, f"its file {name} is {other} again, by a link.", "Remove the link.")
            return


def listed_faults(which: str, extract: Place, files: list[FoundFile], digests: Mapping[str, str]) -> Iterator[Fault]:
    """Where the extract has a manifest of its own: files that it names and are not there, or are not as it says."""
    if MANIFEST not in {file.name for file in files}:
        return
    try:
        listed: list[Mapping[str, Any]] = json.loads(extract.text(MANIFEST) or "")["files"]
        named = {str(each["name"]): each for each in listed}
    except (ValueError, KeyError, TypeError):
        yield Fault(which, f"its {MANIFEST} does not read as one.", "Have it written again.")
        return
    sizes = {file.name: file.bytes for file in files}
    for name, each in named.items():
        if name not in digests:
            yield Fault(which, f"its manifest names {name}, which is not there.", "Have it written again.")
        elif each.get("sha256", digests[name]) != digests[name] or each.get("bytes", sizes[name]) != sizes[name]:
            yield Fault(which, f"its file {name} is not as its manifest says.", "Have it written again.")
    for name in sorted(set(digests) - set(named)):
        yield Fault(which, f"its manifest does not name {name}.", "Have it written again, or remove the file.")


def folder_faults(frame: Frame, file: str, columns: Iterable[str]) -> Iterator[Fault]:
    """Columns that a file has, and the names of its folders say: which of the two is meant, nobody knows."""
    said = {part.partition("=")[0].lower() for part in file.split("/")[:-1] if "=" in part}
    for name in (name for name in columns if name.lower() in said):
        what = f"its column '{name}' stands in it, and in the names of its folders."
        yield Fault(f"Frame '{frame.name}', file {file}", what, "Have it written with one of the two.")


def again_faults(frame: Frame, landed: Sequence[LandedFile]) -> Iterator[Fault]:
    """Files that are another one of their folder, byte by byte; of another folder its name may say what differs."""
    first: dict[tuple[str, str], str] = {}
    for file in landed:
        other = first.setdefault((file.name.rpartition("/")[0], file.sha256), file.name)
        if other != file.name and file.rows:
            what = f"it is {other} again, byte by byte: its {file.rows:,} rows would count twice."
            yield Fault(f"Frame '{frame.name}', file {file.name}", what, TAKE_AWAY)
