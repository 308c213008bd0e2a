"""An extract taken into the lake: looked at, copied as it is, put in place at once, once."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.lake.data_files import misspelt_fault
from rules_engine.model.frames import Frame
from rules_engine.model.layouts import PLACEHOLDER, Layout
from rules_lake.landing import extracts, folder_columns
from rules_lake.landing.manifest import LandedFile, Manifest, checked, manifest_of
from rules_lake.landing.options import unjudged
from rules_lake.landing.place import CHUNK, MANIFEST, FoundFile, Place, shown
from rules_lake.landing.records import Records
from rules_lake.landing.texts import TextRecords

ASIDE = ".landing-"


@dataclass(frozen=True, slots=True)
class Landing:
    """What came of an extract: its manifest, where it is, and whether it was there before."""

    manifest: Manifest
    place: str
    before: bool


def land(
    source: str,
    frame: Frame,
    day: date,
    now: datetime,
    *,
    unended: bool = False,
    tell: Callable[[str], None] = lambda _name: None,
) -> Landing:
    """
    Take an extract to the frame's folder of a day; the same extract again changes nothing. ``tell`` names each file
    as it has been copied.

    Raises:
        RunRefused: If the extract is half-written, changes while it is read or is not as declared, another one
            landed for the day, or the day lies there by another name; nothing is landed then.
    """
    target, extract = place_of(frame, day), Place(source)
    before = extract.files()
    raise_all(RunRefused, [*extracts.faults(extract, before, frame), *_elsewhere(frame, day, _places(frame))])
    aside = target.beside(f"{ASIDE}{uuid.uuid4().hex[:12]}")
    try:
        manifest = _copied(extract, before, aside, frame, day, now, tell, unended=unended)
        there = manifest_of(target)
        if there is None:
            begun = bool(target.names())
            if begun and not _begun(target, manifest):
                what = "there are files that never landed, so this would mix two states."
                raise RunRefused(Fault(f"Folder {target.uri}", what, f"Move it away: {target.away}."))
            if aside.put_in_place(target, over=begun):
                return Landing(manifest, target.uri, before=False)
            there = checked(target)
        return _once(manifest, there, target)
    finally:
        aside.remove()


def _begun(target: Place, manifest: Manifest) -> bool:
    """Whether all that is there are files of this extract, as where a landing in S3 broke off before its manifest."""
    ours = {file.name: file.sha256 for file in manifest.files}
    return all(ours.get(file.name) == target.sha256(file.name) for file in target.files())


def _once(manifest: Manifest, there: Manifest, target: Place) -> Landing:
    if there.digest == manifest.digest:
        return Landing(checked(target), target.uri, before=True)
    what = f"another extract landed for {there.day}, at {there.landed_at:%Y-%m-%d %H:%M} from {there.source}."
    remedy = (
        f"What landed stays. Land this one for its own day with --day; if the first was wrong and nothing was decided "
        f"on it, move it away ({target.away}) and land this one again."
    )
    raise RunRefused(Fault(f"Frame '{there.frame}'", what, remedy))


def place_of(frame: Frame, day: date) -> Place:
    """
    Where a frame's snapshot of a day is.

    Raises:
        RunRefused: If the frame's path has no place for the day.
    """
    if not Layout(frame.path).dated:
        what = f"its path {shown(frame.path)} has no place for the day, and what lands is dated."
        raise RunRefused(Fault(f"Frame '{frame.name}'", what, f'Say path = "{frame.name}/{{day}}".'))
    said = {"day": day.isoformat(), "yyyy": f"{day:%Y}", "mm": f"{day:%m}", "dd": f"{day:%d}"}
    return Place(PLACEHOLDER.sub(lambda match: said[match[1]], frame.path))


def landed_days(frame: Frame) -> list[date]:
    """The days of which a frame has landed snapshots, oldest first."""
    return [*_places(frame)]


def _places(frame: Frame) -> Mapping[date, Sequence[str]]:
    """Each day that folders name, oldest first, and the folders that do."""
    place_of(frame, date.min)
    return Layout(frame.path).landed(_names)


def misspelt(frame: Frame, day: date) -> Iterator[Fault]:
    """Folders that look like days of a frame and are read as none, for which an older day would be read."""
    layout = Layout(frame.path)
    if odd := layout.misspelt(_names):
        remedy = f"Name it as it landed, or move it away and land its files: rules land SOURCE {frame.name} --day DAY."
        yield misspelt_fault(frame, odd, layout.understood(day).partition(" or ")[0], remedy)


def passed_over(frame: Frame, day: date) -> Iterator[Fault]:
    """Folders for which an older day would be read, or for which a day is there twice."""
    yield from misspelt(frame, day)
    yield from _elsewhere(frame, day, _places(frame))


def beside_days(frame: Frame) -> list[str]:
    """The places of these folders, and of those that say a day in another spelling than landing does."""
    layout, places = Layout(frame.path), _places(frame)
    other = [each for day, of in places.items() for each in of if Place(each).root != place_of(frame, day).root]
    return [*(f"{layout.root}/{name}" for name in layout.misspelt(_names)), *other]


def _names(folder: str) -> list[str]:
    return Place(folder).names()


def _elsewhere(frame: Frame, day: date, places: Mapping[date, Sequence[str]]) -> Iterator[Fault]:
    """Folders that say a day in another spelling than landing does: of two that say it neither would be read."""
    own = place_of(frame, day)
    for place in map(Place, places.get(day, ())):
        if place.root != own.root:
            what = f"{day} lies in {place.uri}, and it lands as {own.uri}: where both are there, neither is read."
            yield Fault(f"Frame '{frame.name}'", what, f"Move it away: {place.away}.")


def snapshot(frame: Frame, day: date) -> Manifest:
    """
    The manifest of a frame's snapshot of a day, as it landed.

    Raises:
        RunRefused: If it is not as it landed, or landed for another day or frame.
    """
    place = place_of(frame, day)
    found = checked(place)
    if found.frame != frame.name:
        what = f"it landed as frame '{found.frame}', and not as '{frame.name}': it was moved, or the frame renamed."
        remedy = f"Move it back; or move it away, and land its files as what they are: rules land SOURCE {frame.name}."
        raise RunRefused(Fault(f"Landed snapshot {place.uri}", what, remedy))
    if found.day != day:
        what = f"it landed for {found.day}: it was moved, or its manifest altered."
        remedy = f"Move it back, or land the extract of {day}."
        raise RunRefused(Fault(f"Landed snapshot {place.uri}", what, remedy))
    return found


def left(frame: Frame) -> list[str]:
    """Folders that landings left beside a frame's snapshots when they were stopped, or that are being landed in."""
    beside = {place.uri: place for place in (place_of(frame, d).beside("") for d in (date.min, *landed_days(frame)))}
    return [f"{uri}/{name}" for uri, each in sorted(beside.items()) for name in each.names() if name.startswith(ASIDE)]


def verify(frame: Frame) -> Iterator[tuple[date, Manifest | None, tuple[Fault, ...]]]:
    """Every landed snapshot of a frame: its manifest, or what is wrong with it, or which folder says its day, too."""
    places = _places(frame)
    for day in places:
        try:
            raise_all(RunRefused, _elsewhere(frame, day, places))
            yield day, snapshot(frame, day), ()
        except RunRefused as refused:
            yield day, None, refused.faults


def _copied(
    extract: Place,
    files: list[FoundFile],
    aside: Place,
    frame: Frame,
    day: date,
    now: datetime,
    tell: Callable[[str], None],
    *,
    unended: bool,
) -> Manifest:
    """The data files copied aside with their manifest, then read to the end, then looked at again in the source."""
    digests: dict[str, str] = {}
    for file in extracts.data_of(files):
        digest = hashlib.sha256()
        with extract.reading(file.name) as stream, aside.writing(file.name) as out:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                out.write(chunk)
        digests[file.name] = digest.hexdigest()
        tell(file.name)
    changed = {(f.name, f.state) for f in files} ^ {(f.name, f.state) for f in extract.files()}
    which = f"Extract {extract.uri}"
    raise_all(
        RunRefused,
        [
            Fault(which, f"its file {name} changed while it was read.", "Land it once its writer has ended.")
            for name in sorted({name for name, _ in changed})
        ],
    )
    raise_all(RunRefused, extracts.listed_faults(which, extract, files, digests))
    columns, landed = _read_through(aside, [f for f in files if f.name in digests], digests, frame, unended=unended)
    manifest = Manifest(frame.name, day, extract.uri, now, columns, landed, unjudged(frame))
    with aside.writing(MANIFEST) as out:
        out.write(manifest.text().encode())
    aside.freeze()
    return manifest


def _read_through(
    aside: Place, files: list[FoundFile], digests: Mapping[str, str], frame: Frame, *, unended: bool
) -> tuple[dict[str, str], tuple[LandedFile, ...]]:
    """Columns and rows of what was copied, every file read to its end and all of one schema."""
    faults: list[Fault] = []
    landed: list[LandedFile] = []
    columns: dict[str, str] = {}
    raise_all(RunRefused, folder_columns.faults(frame, [file.name for file in files]))
    texts = TextRecords(frame, folder_columns.said(frame, files[0].name) if files else ())
    for file in files:
        records = Records(aside, file.name, frame, unended=unended, judge=False, texts=texts)
        rows = 0
        try:
            for batch in records.batches():
                rows += batch.num_rows
        except RunRefused as refused:
            faults += refused.faults
            continue
        faults += [*records.faults, *extracts.folder_faults(frame, file.name, records.own)]
        if columns and records.found != columns:
            what = f"its columns are not those of {files[0].name}: {_unlike(columns, records.found)}."
            faults.append(Fault(f"Frame '{frame.name}', file {file.name}", what, "Have all files written alike."))
        columns = columns or records.found
        landed.append(LandedFile(file.name, file.bytes, digests[file.name], rows))
    faults += texts.faults()
    faults += extracts.again_faults(frame, landed)
    if not faults and not sum(file.rows for file in landed) and frame.key == (frame.subject_key,):
        faults.append(Fault(f"Frame '{frame.name}'", "the extract has no rows.", "Ask its source for another."))
    raise_all(RunRefused, faults)
    return columns, tuple(landed)


def _unlike(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    differing = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return ", ".join(f"{name} {other.get(name, 'missing')}" for name in differing)
