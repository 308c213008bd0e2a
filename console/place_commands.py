"""Commands about the place itself: its database, its lake's catalogue, its servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from console.desk import Desk, at_desk
from console.screen import row, table
from console.statement import execute
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused, did_you_mean
from rules_engine.model.frames import Frame, Lake
from rules_repo import schema

AsSql = Annotated[bool, typer.Option("--sql", help="Print the SQL for a database administrator, and change nothing.")]
Since = Annotated[str | None, typer.Option("--since", help="With --sql: the revision the database is at.")]
FrameName = Annotated[str | None, typer.Argument(metavar="FRAME", help="All frames without it.")]


@at_desk
def upgrade(desk: Desk, as_sql: AsSql = False, since: Since = None) -> None:
    """Create the rules repository's tables, or bring them to this version; again and again changes nothing."""
    if as_sql:
        statements = schema.offline(since)
        desk.screen.answer({"sql": statements}, statements)
        return
    with opened(desk.settings()) as installation:
        schema.upgrade(installation.database_url)
        if Path(installation.settings.lake).exists():
            installation.history.create()
    desk.screen.answer({"upgraded": True}, "The rules repository is up to date.")


@at_desk
def url(desk: Desk) -> None:
    """Print the repository's URL for an SQL client, password and all."""
    with opened(desk.settings()) as installation:
        found = installation.database_url
    desk.screen.answer({"url": found}, found)


@at_desk
def sql(desk: Desk, statement: Annotated[str, typer.Argument(help="One SQL statement.")]) -> None:
    """Run one SQL statement on the rules repository, as any SQL client would; try it where there is none."""
    with opened(desk.settings()) as installation:
        done = execute(installation.database_url, statement)
    rows = table(*done.columns)
    for cells in done.rows:
        row(rows, *cells)
    content = {"columns": done.columns, "rows": done.rows, "count": done.count}
    desk.screen.answer(content, *([rows] if done.columns else []), _counted(done.count))


def _counted(rows: int) -> str:
    return "1 row." if rows == 1 else f"{max(rows, 0)} rows."


@at_desk
def catalog(desk: Desk, frame: FrameName = None) -> None:
    """List the frames a rule can see, or the columns of one."""
    with opened(desk.settings()) as installation:
        lake = installation.lake
    chosen = _frame(lake, frame) if frame else None
    if chosen:
        desk.screen.answer(_content(chosen), *_drawn(chosen))
        return
    drawn = table("frame", "grain", "columns", "source", right=["columns"])
    for each in lake.frames:
        row(drawn, each.name, each.grain, len(each.columns) or "in its files", each.source_system)
    desk.screen.answer([_content(each) for each in lake.frames], drawn)


def _frame(lake: Lake, name: str) -> Frame:
    known = [frame.name for frame in lake.frames]
    if name.lower() not in [each.lower() for each in known]:
        hint = did_you_mean(name, known) or f"There are: {', '.join(known)}."
        raise RunRefused(Fault("Argument", f"there is no frame '{name}'.", hint))
    return lake.frame(name)


def _content(frame: Frame) -> dict[str, object]:
    return {
        "frame": frame.name,
        "grain": frame.grain,
        "key": list(frame.key),
        "subject_key": frame.subject_key,
        "path": frame.path,
        "source_system": frame.source_system,
        "columns": [{"name": c.name, "type": c.type, "meaning": c.meaning, "nulls": c.nulls} for c in frame.columns],
    }


def _drawn(frame: Frame) -> tuple[RenderableType, ...]:
    drawn = table("column", "type", "nulls up to", "meaning", right=["nulls up to"])
    for column in frame.columns:
        row(drawn, column.name, column.type, f"{column.nulls:.0%}", column.meaning)
    about = f"{frame.name}: {frame.grain or 'no grain declared'}; key {', '.join(frame.key) or 'none'}; {frame.path}"
    return about, drawn if frame.columns else "It declares no columns: its Parquet files say them."


@at_desk
def down(desk: Desk) -> None:
    """Stop the servers that run for you: the embedded PostgreSQL and DynamoDB Local. Their data stays."""
    with opened(desk.settings()) as installation:
        ran = installation.stop_servers()
    said = [f"{name}: {'stopped' if was else 'was not running'}" for name, was in ran.items()]
    desk.screen.answer({name: {"stopped": was} for name, was in ran.items()}, *said)
