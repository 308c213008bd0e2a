"""One pass over the texts of a frame: how many are no values of their types, and one of them with its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rules_engine.lake.letters import LOST
from rules_engine.lake.text_values import is_written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was found: how often, in which file, and how one of them is written."""

    count: int
    file: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A column: the SQL of its text, and its type."""

    sql: str
    type_: str


CUT, LETTERS = "", " "
"""Names of no column, under which records that are cut off and lost letters are counted."""


def wrong(
    rows: DataFrame, texts: Mapping[str, Text], options: Mapping[str, str], cut: str = "false"
) -> dict[str, Wrong]:
    """What is wrong in each column, by its name; ``cut`` is the SQL of whether a record is cut off."""
    lost = " OR ".join(f"contains(coalesce({text.sql}, ''), '{LOST}')" for text in texts.values()) or "false"
    flags = {CUT: cut, LETTERS: f"({lost})"}
    flags |= {name: f"NOT {is_written(text.sql, text.type_, options)}" for name, text in texts.items()}
    shown = {name: text.sql for name, text in texts.items()} | {CUT: "''", LETTERS: "''"}
    read = rows.selectExpr(
        "_metadata.file_path AS file",
        *(f"{sql} AS b{at}" for at, sql in enumerate(flags.values())),
        *(f"{shown[name]} AS t{at}" for at, name in enumerate(flags)),
    )
    found = read.selectExpr(*(asked for at in range(len(flags)) for asked in _asked(at))).first()
    assert found is not None
    return dict(_of_row(list(flags), found.asDict(recursive=True)))


def _asked(at: int) -> tuple[str, str]:
    """A record that is cut off is none, so its cells are not looked at."""
    bad = "b0" if at == 0 else f"b{at} AND NOT b0"
    example = f"min(CASE WHEN {bad} THEN struct(file, t{at} AS text) END) AS x{at}"
    return f"count_if({bad}) AS n{at}", example


def _of_row(names: list[str], row: Mapping[str, Any]) -> list[tuple[str, Wrong]]:
    return [
        (name, Wrong(row[f"n{at}"], row[f"x{at}"]["file"], row[f"x{at}"]["text"]))
        for at, name in enumerate(names)
        if row[f"n{at}"]
    ]
