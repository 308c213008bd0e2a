"""
How long texts may be that somebody writes: the bounds of the database, told before anything is sent.

They are asked of what is written and not of what is read: what was kept longer before is still a rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rules_engine.errors import Fault

_NAME, _PROSE, _DOCUMENT = 200, 4_000, 65_536

LONGEST: Mapping[str, Mapping[str, int]] = {
    "rule": {
        **dict.fromkeys(("name", "frame", "category", "rule_type", "reason_code", "owner"), _NAME),
        "reason_text": _PROSE,
        "sql": 131_072,
        "parameters": _DOCUMENT,
        "metadata": _DOCUMENT,
    },
    "membership_type": {"name": _NAME},
    "parameter": {"description": _PROSE, "value": _PROSE},
    "reference_list": {"description": _PROSE, "columns": 16_384, "rows": 4_000_000},
    "check_result": {"findings": _DOCUMENT},
}
"""The most characters of each text, by what it belongs to; what is no text is counted as its JSON."""

CELL = 1_000
"""The most characters of a text in a row of a reference list."""


def faults(which: str, kind: str, said: Mapping[str, Any]) -> Iterator[Fault]:
    """
    What of a thing is too long.

    >>> [fault.what for fault in faults("Rule A", "rule", {"name": "x" * 201})]
    ['in its name are 201 characters, and 200 are the most.']
    """
    for name, most in sorted(LONGEST[kind].items()):
        if (length := _length(said.get(name, ""))) > most:
            what = f"in its {name.replace('_', ' ')} are {length} characters, and {most} are the most."
            yield Fault(which, what, "Shorten it; keep what is longer elsewhere, and say where.")


def cell_faults(which: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[Fault]:
    """The first text in the rows of a list that is too long."""
    for number, row in enumerate(rows, 1):
        for value in row.values():
            if isinstance(value, str) and len(value) > CELL:
                what = f"a text in its row {number} has {len(value)} characters, and {CELL} are the most."
                yield Fault(which, what, "Land it as a frame of the lake.")
                return


def shortened(kind: str, name: str, text: str) -> str:
    """
    A text that a program writes, cut to what may be kept of it.

    >>> len(shortened("check_result", "findings", "x" * 100_000))
    65536
    """
    most, end = LONGEST[kind][name], " … (there is more)"
    return text if len(text) <= most else text[: most - len(end)] + end


def _length(value: object) -> int:
    """A number that is written as 1e5 is kept as 100000, and Python writes 100000.0: what is shorter is counted."""
    if isinstance(value, str):
        return len(value)
    return len(json.dumps(value, ensure_ascii=False, default=str).replace(".0", ""))
