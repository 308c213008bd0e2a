"""`rules register`: the register of members is built, proved and fed from the history."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, History, at_desk, writing
from console.screen import fault_rows
from jobs import registers
from jobs.registers import register_of
from jobs.wiring import Installation, opened
from rules_engine import registering
from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.history import Subject

AT_ONCE = 5_000
"""Numbers of the master that are taken at a time."""


@writing
def rebuild(desk: Desk, history: History = None) -> None:
    """Make the register what the history says, from the history alone; membership numbers stay."""
    with opened(desk.settings(history=history)) as installation, desk.screen.progress() as progress:
        counted = registering.rebuild(installation.history, register_of(installation), progress)
    content = {name: getattr(counted, name) for name in ("records", "rows", "changed", "removed", "unreadable")}
    told = f"The register has {counted.rows:,} rows, from {counted.records:,} records: {counted.changed:,} changed, "
    desk.screen.warn(counted.faults, "Left out: the history holds what is no record")
    desk.screen.answer(content, f"{told}{counted.removed:,} removed.")


@at_desk
def verify(
    desk: Desk,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Name at most so many faults.")] = 20,
    history: History = None,
) -> None:
    """Compare the register with the history, row by row: otherwise exit 5 and what is wrong, counted in full."""
    with opened(desk.settings(history=history)) as installation, desk.screen.progress() as progress:
        progress("Reading the history", 0.0)
        register = register_of(installation)
        if register.through() is None:
            raise RunRefused(Fault("Register", "it was never built.", "Build it: `rules register rebuild`."))
        counted = registering.verify(installation.history, register, limit)
        apart = register.apart()
    if counted.wrong:
        what = f"{counted.wrong:,} faults were found; {counted.records:,} records come to {counted.rows:,} rows."
        raise RunRefused(Fault("The register", what), *counted.faults)
    content = {"records": counted.records, "rows": counted.rows, "faults": fault_rows([]), "set_apart": apart}
    told = f"The register is what the history says: {counted.rows:,} rows, {counted.records:,} records."
    poison = f"{apart:,} items of the stream were set apart." if apart else ""
    desk.screen.answer(content, told, *filter(None, [poison]))


@writing
def follow(
    desk: Desk,
    once: Annotated[
        bool, typer.Option("--once", help="End when nothing is left, instead of waiting for more.")
    ] = False,
    history: History = None,
) -> None:
    """Feed the register: by the history's stream on DynamoDB, run by run on PostgreSQL; it goes on where it stopped."""
    with opened(desk.settings(history=history)) as installation, desk.screen.progress() as progress:
        register = register_of(installation)
        counted = registers.follow(installation, register, progress, once=once)
        apart = register.apart()
    content = {"records": counted.records, "changed": counted.changed, "set_apart": apart}
    poison = f"{apart:,} items were ever set apart: see the table of poison." if apart else ""
    told = f"{counted.records:,} records: {counted.changed:,} rows changed."
    desk.screen.answer(content, told, *filter(None, [poison]))


@at_desk
def numbers(
    desk: Desk,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with the columns subject and number.")],
    history: History = None,
) -> None:
    """Take membership numbers from the master, before they are issued; nobody's number ever changes."""
    with opened(desk.settings(history=history)) as installation:
        register = register_of(installation)
        register.create()
        pairs, given, new = _pairs(installation, file), 0, 0
        while chunk := dict(islice(pairs, AT_ONCE)):
            given, new = given + len(chunk), new + register.adopt(chunk)
    content = {"given": given, "new": new}
    desk.screen.answer(content, f"{given:,} numbers, {new:,} of them new.")


def _pairs(installation: Installation, file: Path) -> Iterator[tuple[Subject, str]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise RunRefused(Fault(str(file), f"it cannot be read: {problem}.", "Give a CSV file in UTF-8.")) from problem
    reader = csv.DictReader(lines)
    missing = {"subject", "number"} - {*(reader.fieldnames or ())}
    what, remedy = "it has no column '{}'.", "Its first line is: subject,number."
    raise_all(RunRefused, [Fault(str(file), what.format(name), remedy) for name in sorted(missing)])
    for said in reader:
        if not (said["subject"] or "").strip() or not (said["number"] or "").strip():
            raise RunRefused(
                Fault(f"{file}, line {reader.line_num}", "a subject or its number is empty.", "Give both.")
            )
        yield installation.subject(said["subject"].strip()), said["number"].strip()
