"""What people and programs get to see: answers on stdout, progress and errors on stderr, JSON where asked for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from rules_engine import ports
from rules_engine.errors import (
    ChangeRefused,
    Fault,
    HistoryCollision,
    InvalidRule,
    RulesError,
    RunHeld,
    RunInterrupted,
    RunRefused,
)

TITLES: Mapping[type[RulesError], str] = {
    InvalidRule: "Rules to mend",
    ChangeRefused: "Change refused: nothing was changed",
    HistoryCollision: "History collision: nothing was overwritten",
    RunRefused: "Refused",
    RunInterrupted: "Interrupted: run the same id again",
    RunHeld: "Held: evaluated, and not published",
}


class Screen:
    """Where a command's answer goes. With ``as_json`` stdout holds one JSON document and nothing else."""

    def __init__(self, *, as_json: bool = False, writes: bool = False) -> None:
        self.as_json, self.writes = as_json, writes
        self.out = Console(highlight=False, soft_wrap=False)
        self.err = Console(stderr=True, highlight=False)

    def answer(self, content: object, *drawn: RenderableType) -> None:
        """The answer: ``content`` as JSON with the version of its format, or what is drawn of it for people."""
        if self.as_json:
            told = content if isinstance(content, dict) else {"list": content}
            self.out.file.write(_as_json({"format_version": FORMAT, **told}) + "\n")
            return
        for piece in drawn:
            if isinstance(piece, str):
                self.out.file.write(seen(piece) + "\n")
            else:
                self.out.print(_fitting(piece, self.out), markup=False)

    def listing(
        self, headers: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[str] = ()
    ) -> RenderableType:
        """Rows under headers: a table for eyes, and plain lines of one row each for programs and for very many rows."""
        if not self.out.is_terminal or len(rows) > MANY:
            return _lines(headers, rows, right)
        drawn = table(*headers, right=right)
        for cells in rows:
            row(drawn, *cells)
        return drawn

    def note(self, text: str) -> None:
        """Something on the way; never part of the answer."""
        self.err.print(Text(seen(text), style="dim"), soft_wrap=True)

    def refuse(self, error: RulesError) -> None:
        """Every fault of an error: which, what, what to do. A panel for eyes, lines for logs."""
        title = next((t for kind, t in TITLES.items() if isinstance(error, kind)), "Error")
        title += ": nothing was written" if self.writes and isinstance(error, RunRefused) else ""
        if self.as_json:
            self.answer(
                {"error": type(error).__name__, "exit_code": error.exit_code, "faults": fault_rows(error.faults)}
            )
        if self.err.is_terminal:
            self.err.print(Panel(Group(*_drawn(error.faults)), title=title, border_style="red", title_align="left"))
        elif not self.as_json:
            for line in (title, *map(str, error.faults)):
                self.err.print(Text(seen(line)), soft_wrap=True)

    def warn(self, faults: Sequence[Fault], title: str = "Accepted, and worth a look") -> None:
        """What was done and may not be what was meant; on stderr, for the answer holds it too."""
        if faults and self.err.is_terminal:
            self.err.print(Panel(Group(*_drawn(faults)), title=title, border_style="yellow", title_align="left"))
        elif faults and not self.as_json:
            for line in (title, *map(str, faults)):
                self.err.print(Text(seen(line)), soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[ports.Progress]:
        """A bar on stderr while work goes on; nothing where stderr is no terminal."""
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self.err, transient=True, disable=not self.err.is_terminal) as bar:
            task = bar.add_task("Starting", total=1.0)
            yield lambda what, share: bar.update(task, description=what, completed=share)


def few(faults: Sequence[Fault], most: int = 3) -> Iterator[Fault]:
    """The first warnings of each code, and how many more there are; those without a code all."""
    counted = Counter[str]()
    for fault in faults:
        counted[fault.code] += 1
        if not fault.code or counted[fault.code] <= most:
            yield fault
    for code, many in counted.items():
        if code and many > most:
            yield Fault(f"{many - most} more", "the same is said of them.", "--json has all.", code)


FORMAT = 1
"""The version of what ``--json`` prints: another one where a name or a meaning changes, not where one is added."""

MANY = 1_000
"""Above so many rows a table takes seconds to draw and is read by nobody."""

WIDE = {
    "because",
    "found",
    "grain",
    "meaning",
    "most frequent",
    "name",
    "rules that hit",
    "source",
    "what to do",
    "which",
}
"""Columns of free text: they wrap, so that the others keep their values whole."""


def table(*headers: str, right: Iterable[str] = ()) -> Table:
    """A table whose cells are taken as they are; the columns in ``right`` hold numbers."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    numbers = set(right)
    for header in headers:
        side: Literal["left", "right"] = "right" if header in numbers else "left"
        wide = header in WIDE
        least = 14 if wide else None
        drawn.add_column(header, justify=side, header_style="bold", overflow="fold", no_wrap=not wide, min_width=least)
    return drawn


def _fitting(piece: RenderableType, screen: Console) -> RenderableType:
    """The piece; a table too wide for its columns to stand whole wraps texts between words, and where words do not fit
    side by side either, each row stands by itself, a line a column: nothing is cut, and no word is broken.
    """
    if not isinstance(piece, Table) or sum(map(_least, piece.columns)) <= screen.width:
        return piece
    longest = [_longest_word(column) for column in piece.columns]
    if sum(longest) + 2 * len(longest) > screen.width:
        return _one_by_one(piece)
    for column, word in zip(piece.columns, longest, strict=True):
        column.no_wrap, column.min_width = _whole(column) == word, word
    return piece


def _one_by_one(rows: Table) -> Table:
    """A table's rows below each other: every column's header beside its value, an empty line between two rows."""
    drawn = Table.grid("", "", padding=(0, 2, 0, 0))
    for number, cells in enumerate(zip(*(column.cells for column in rows.columns), strict=True)):
        if number:
            drawn.add_row("", "")
        for column, cell in zip(rows.columns, cells, strict=True):
            if str(cell):
                drawn.add_row(Text(str(column.header), style="bold"), cell)
    return drawn


def _least(column: Column) -> int:
    """Characters that a column takes at least, with the space to the next."""
    return (_whole(column) if column.no_wrap else column.min_width or 0) + 2


def _whole(column: Column) -> int:
    """Characters of the longest cell."""
    return max(cell_len(str(cell)) for cell in (column.header, *column.cells))


def _longest_word(column: Column) -> int:
    """Characters of the longest word, which is the least that a column takes without breaking one."""
    words = (word for cell in (column.header, *column.cells) for word in str(cell).split())
    return max(map(cell_len, words), default=0)


def row(drawn: Table, *cells: object, style: str = "") -> None:
    """Add a row; text from the database is never read as markup, and nothing is an empty cell."""
    drawn.add_row(*(Text("" if cell is None else seen(str(cell))) for cell in cells), style=style)


def seen(text: str) -> str:
    """What steers a terminal, or turns letters around, as its number: what somebody decides by hides nothing."""
    return _STEERS.sub(lambda found: f"\\u{ord(found[0]):04X}", text.replace("\r\n", "\n"))


_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _lines(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[str]) -> str:
    numbers = set(right)
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    sides = [">" if header in numbers else "<" for header in headers]
    line = "  ".join(f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True)).format
    return "\n".join(line(*cells).rstrip() for cells in [headers, *rows])


def _as_json(content: object) -> str:
    """JSON with an indent; of a long answer each entry is a line, which is written many times as fast."""
    if isinstance(content, dict) and isinstance(content.get("list"), list) and len(content["list"]) > MANY:
        entries = ",\n".join(json.dumps(each, ensure_ascii=False, default=_plain) for each in content["list"])
        return f'{{\n"format_version": {FORMAT},\n"list": [\n{entries}\n]\n}}'
    return json.dumps(content, indent=2, ensure_ascii=False, default=_plain)


def fault_rows(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    return [
        {"which": f.which, "what": f.what, "remedy": f.remedy, "code": f.code, "position": f.position} for f in faults
    ]


def _drawn(faults: Iterable[Fault]) -> Iterator[Text]:
    for fault in faults:
        text = Text.assemble((seen(fault.which), "bold"), ": ", seen(fault.what))
        text.append(f" {seen(fault.remedy)}" if fault.remedy else "", style="green")
        text.append(f" [{fault.code}]" if fault.code else "", style="dim")
        yield text


def _plain(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
    return str(value)
