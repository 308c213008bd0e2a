"""`rules land` and `rules curate`: extracts taken into the lake, and what of them rules may see."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, day, now, writing
from console.screen import row, table
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.model.frames import Frame, Lake

Source = Annotated[str | None, typer.Argument(metavar="[SOURCE]", help="The extract: a file or a folder of files.")]
FrameName = Annotated[str | None, typer.Argument(metavar="[FRAME]", help="The frame that it is of.")]
Day = Annotated[str | None, typer.Option("--day", help="The day that the extract is of; today without it.")]
Verify = Annotated[bool, typer.Option("--verify", help="Compare each landed snapshot with its manifest; take nothing.")]
Unended = Annotated[bool, typer.Option("--unended", help="Take texts whose last line has no end of line.")]


@writing
def land(
    desk: Desk,
    source: Source = None,
    frame: FrameName = None,
    on: Day = None,
    verify: Verify = False,
    unended: Unended = False,
) -> None:
    """Take an extract as a frame's snapshot of a day: whole, once, never changed; or compare what landed (--verify)."""
    chosen = day(on, "--day")
    with opened(desk.settings()) as installation:
        lake = installation.landed.lake
    if verify:
        return _verify(desk, lake, source, frame)
    if source is None or frame is None:
        what = "it is not said which extract is taken, and as which frame."
        raise RunRefused(Fault("rules land", what, "Write: rules land SOURCE FRAME [--day 2024-06-01]."))
    from rules_lake.landing import landing

    address = source if "://" in source else str(Path(source).absolute())
    done = landing.land(address, named(lake, frame), chosen or now().date(), now(), unended=unended)
    found = done.manifest
    said = "had landed before: nothing changed" if done.before else "landed"
    told = f"{found.rows:,} rows of '{found.frame}' in {len(found.files)} files {said}, as {found.day}: {done.place}"
    if found.unjudged:
        told += f"\nIts values are judged when the lake is read: landing knows nothing of {', '.join(found.unjudged)}."
    desk.log("landed", frame=found.frame, rows=found.rows, digest=found.digest, before=done.before)
    content = {"frame": found.frame, "day": found.day, "rows": found.rows, "digest": found.digest}
    content |= {"unjudged": found.unjudged}
    files = [asdict(file) for file in found.files]
    return desk.screen.answer(content | {"place": done.place, "before": done.before, "files": files}, told)


def _verify(desk: Desk, lake: Lake, *words: str | None) -> None:
    """A frame may be named by the only word there is."""
    from rules_lake.landing import landing

    chosen = [named(lake, word) for word in words if word] or list(lake.frames)
    found = [(frame, *each) for frame in chosen for each in landing.verify(frame)]
    odd = (fault for frame in chosen for fault in landing.misspelt(frame, now().date()))
    raise_all(RunRefused, [*(fault for *_, faults in found for fault in faults), *odd])
    drawn = table("frame", "day", "rows", "files", "content", right=["rows", "files"])
    content = []
    for frame, on, manifest, _ in found:
        assert manifest is not None
        row(drawn, frame.name, on, f"{manifest.rows:,}", len(manifest.files), manifest.digest[:12])
        content.append({"frame": frame.name, "day": on, "rows": manifest.rows, "digest": manifest.digest})
    told = [
        f"Left by a landing that was stopped, or under way: {place}" for each in chosen for place in landing.left(each)
    ]
    desk.screen.answer(content, drawn, f"{len(content)} snapshots are as they landed.", *told)


Change = Annotated[int | None, typer.Option("--change", help="Let go on what the drafts of this change read, too.")]
UpTo = Annotated[
    str | None, typer.Option("--day", help="Curate what had landed up to this day; up to tomorrow without it.")
]


@writing
def curate(desk: Desk, on: UpTo = None, change: Change = None) -> None:
    """Make the lake that rules see of what landed, by the privacy of each column; only what is another than before."""
    from jobs.curating import curated

    chosen = day(on, "--day")
    with opened(desk.settings()) as installation:
        done = curated(installation, chosen, now().date(), change)
        lake = installation.settings.lake
    drawn = table("frame", "day", "rows", "go on", "dropped", "made", right=["rows"])
    for each in done.frames:
        gone = [name for name, said in each.columns.items() if not said["type"]]
        cells = f"{each.rows:,}", len(each.columns) - len(gone), ", ".join(gone)
        row(drawn, each.frame, each.day, *cells, each.made or "not again: nothing it follows from is another")
    made = [each.frame for each in done.frames if each.made]
    desk.log("curated", made=made, tokens=sum(each.tokens for each in done.frames))
    told = f"{len(made)} of {len(done.frames)} frames were made. Rules are evaluated by {lake}."
    older = [
        f"{each.frame} {', '.join(each.older)}: otherwise than is declared now. Curate again by --day, or remove them."
        for each in done.frames
        if each.older
    ]
    desk.screen.answer([asdict(each) for each in done.frames], drawn, told, *older)


def named(lake: Lake, name: str) -> Frame:
    """
    A frame by its name.

    Raises:
        RunRefused: If none is called so.
    """
    known = [frame.name for frame in lake.frames]
    if name.lower() not in {each.lower() for each in known}:
        hint = did_you_mean(name, known) or f"There are: {', '.join(known)}."
        raise RunRefused(Fault("Argument", f"there is no frame '{name}' that lands.", hint))
    return lake.frame(name)
