"""Writes the tables of docs/security.md that come out of data: who may do what, and which functions run as the owner."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.security.privileges import declared

ROOT = Path(__file__).parent.parent.parent
MANUAL = ROOT / "docs" / "security.md"
DEFINERS = ROOT / "tests" / "data" / "definers.tsv"
BEGIN, END = "<!-- python -m tests.security.matrix -->", "<!-- end -->"


def definers() -> dict[str, str]:
    """The functions that run with the rights of the schema's owner, and why each must."""
    with DEFINERS.open(encoding="utf-8") as lines:
        return {row["function"]: row["reason"] for row in csv.DictReader(lines, delimiter="\t")}


def printed() -> str:
    """The text between the marks of docs/security.md."""
    lines = ["", "| Object of `rules` | Right | Roles | For |", "|---|---|---|---|"]
    for right in declared():
        things = ", ".join(f"`{thing}`" for thing in right.objects.split(", "))
        lines.append(f"| {things} | {right.right} | {right.roles} | {right.because} |")
    lines += ["", "These functions run with the rights of the schema's owner, whoever calls them:", ""]
    lines += ["| Function | Because |", "|---|---|"]
    lines += [f"| `{name}` | {reason} |" for name, reason in definers().items()]
    return "\n".join(lines) + "\n\n"


def parts(manual: str) -> tuple[str, str, str]:
    """What stands before the marks, between them, and after."""
    before, _, rest = manual.partition(BEGIN)
    between, _, after = rest.partition(END)
    return before + BEGIN, between, END + after


if __name__ == "__main__":
    first, _, last = parts(MANUAL.read_text(encoding="utf-8"))
    MANUAL.write_text(f"{first}{printed()}{last}", encoding="utf-8")
