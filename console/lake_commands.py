"""`rules lake …`: a declaration written from the files that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, at_desk
from console.screen import row, table
from rules_engine.errors import Fault, RunRefused
from rules_engine.lake.declaration import parse
from rules_engine.lake.declaring import declared, written

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where each frame has a folder, or a file.")]
Subject = Annotated[str, typer.Option("--subject", help="The frame that holds those whom decisions are about.")]
Key = Annotated[str, typer.Option("--key", help="The column of it that names one.")]
Out = Annotated[Path | None, typer.Option("--out", help="The file to write; lake.toml in the folder if not said.")]
Force = Annotated[bool, typer.Option("--force", help="Write it anew where it is there.")]


@at_desk
def declare(
    desk: Desk, folder: Folder, subject: Subject = "", key: Key = "", out: Out = None, force: Force = False
) -> None:
    """Write a lake's declaration from its files: formats, days, options, every column with its type."""
    place = out or folder / "lake.toml"
    if place.exists() and not force:
        raise RunRefused(Fault(str(place), "it is there already.", "Say --out FILE, or --force to write it anew."))
    chosen, frames = declared(folder, subject, key)
    text = written(chosen, frames)
    parse(text, str(folder.resolve()))
    place.write_text(text, encoding="utf-8")
    drawn = table("frame", "format", "path", "columns", "subject's key", right=["columns"])
    for frame in frames:
        row(drawn, frame.name, frame.format.value, frame.path, len(frame.columns), frame.subject_key)
    about = f"{place} is written; decisions are about '{chosen}'. What is guessed of text files can be mended there."
    content = {"file": str(place), "subject": chosen, "frames": [frame.name for frame in frames]}
    desk.screen.answer(content, drawn, about)
