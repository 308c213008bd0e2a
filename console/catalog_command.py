"""`rules catalog`: the frames a rule can see, their columns, what these hold, and which rules use them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from console.catalog_page import page, percent
from console.desk import Desk, at_desk, day, now
from console.screen import row, table
from jobs.cataloguing import Catalogued, Entry, catalogued, declared_alone
from jobs.reviewing import saved
from jobs.wiring import Installation, opened
from rules_engine.errors import Fault, RunRefused, did_you_mean
from rules_engine.model.frames import Frame, Lake

FrameName = Annotated[str | None, typer.Argument(metavar="FRAME", help="All frames without it.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="The day that is asked about; the newest landed without it.")]
Declared = Annotated[bool, typer.Option("--declared", help="Show what is declared, and read no data.")]
Html = Annotated[Path | None, typer.Option("--html", help="Draw it as a page; of all frames without FRAME.")]


@at_desk
def catalog(
    desk: Desk, frame: FrameName = None, as_of: AsOf = None, declared: Declared = False, html: Html = None
) -> None:
    """List the frames a rule can see, or show the columns of one: what they mean, what they hold, who uses them."""
    chosen = day(as_of, "--as-of")
    with opened(desk.settings()) as installation:
        lake = installation.lake
        known = (*lake.frames, *lake.ready_frames)
        if frame is None and html is None:
            return desk.screen.answer([_content(each) for each in declared_alone(known)], _listed(lake))
        frames = [_frame(known, frame)] if frame else [*known]
        found = declared_alone(frames) if declared else _read(desk, installation, frames, chosen)
    files = saved(html, page(found)) if html else ()
    pieces = [piece for each in found for piece in _drawn(each)] if frame else [_listed(lake)]
    content = {"list": [_content(each) for each in found]} if frame is None else _content(found[0])
    return desk.screen.answer({**content, "files": files}, *pieces, *(f"Written: {name}" for name in files))


def _read(desk: Desk, installation: Installation, frames: list[Frame], chosen: Any) -> list[Catalogued]:
    with desk.screen.progress() as progress:
        progress("Starting Spark", 0.0)
        on = chosen or installation.newest_day() or now().date()
        progress("Reading", 0.3)
        return catalogued(installation, frames, on, now())


def _listed(lake: Lake) -> RenderableType:
    drawn = table("frame", "grain", "columns", "source", right=["columns"])
    for each in (*lake.frames, *lake.ready_frames):
        row(drawn, each.name, each.grain, len(each.columns) or "in its files", each.source_system)
    return drawn


def _frame(known: tuple[Frame, ...], name: str) -> Frame:
    found = next((frame for frame in known if frame.name.lower() == name.lower()), None)
    if found is None:
        names = [frame.name for frame in known]
        hint = did_you_mean(name, names) or f"There are: {', '.join(names)}."
        raise RunRefused(Fault("Argument", f"there is no frame '{name}'.", hint))
    return found


def _content(found: Catalogued) -> dict[str, Any]:
    frame = found.frame
    return {
        "frame": frame.name,
        "grain": frame.grain,
        "key": list(frame.key),
        "subject_key": frame.subject_key,
        "path": frame.path,
        "source_system": frame.source_system,
        "max_age": frame.max_age,
        "orphans": frame.orphans,
        "snapshot": found.snapshot,
        "rows": found.rows,
        "columns": [_entry(entry) for entry in found.entries],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    said = entry.declared
    told = {name: getattr(said, name) for name in ("name", "type", "meaning", "owner", "source", "nulls", "pattern")}
    told |= {"min": said.low, "max": said.high, "values": list(said.values), "unique": said.unique}
    read = {k: v for k, v in asdict(entry.profile).items() if k not in {"name", "type"}} if entry.profile else None
    return told | {"sensitive": said.sensitive, "found": read, "rules": list(entry.rules)}


def _drawn(found: Catalogued) -> Iterator[RenderableType]:
    frame = found.frame
    yield f"{frame.name}: {frame.grain or 'no grain declared'}; key {', '.join(frame.key) or 'none'}; {frame.path}"
    if found.rows is None:
        drawn = table("column", "type", "nulls up to", "owner", "meaning", right=["nulls up to"])
        for column in frame.columns:
            row(drawn, column.name, column.type, f"{100 * column.nulls:g}%", column.owner, column.meaning)
        yield drawn if frame.columns else "It declares no columns: its files say them."
        return
    yield f"{found.rows:,} rows{f' of snapshot {found.snapshot}' if found.snapshot else ''}"
    drawn = table("column", "type", "nulls", "distinct", "range", "most frequent", "rules", right=["nulls", "distinct"])
    for entry in found.entries:
        row(drawn, *_cells(entry))
    yield drawn
    about = table("column", "owner", "source", "meaning")
    for entry in found.entries:
        row(about, entry.declared.name, entry.declared.owner, entry.declared.source, entry.declared.meaning)
    yield ""
    yield about
    yield "Distinct values are about so many. Stars stand for values of sensitive columns, and of texts of many values."


def _cells(entry: Entry) -> Iterator[object]:
    said, read = entry.declared, entry.profile
    assert read is not None
    yield said.name
    yield read.type
    yield percent(read.nulls, 1)
    yield f"{read.distinct:,}"
    yield "" if read.low is None else f"{read.low} to {read.high}"
    yield ", ".join(f"{value} {percent(share)}" for value, share in read.frequent)
    yield len(entry.rules) or ""
