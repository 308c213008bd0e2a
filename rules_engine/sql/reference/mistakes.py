"""
What people write who come from elsewhere, what is said of it, and what to write: docs/coming-from.md and its tests.

The frames are those of the examples; a broken bar parts columns, for a whole one joins texts in SQL.
"""

from __future__ import annotations

from rules_engine.sql.allow_list import listed


def mistakes() -> list[dict[str, str]]:
    """The rows: where it comes ``from``, the ``mistake``, what it ``says``, and what to ``write``."""
    lines = [line.strip() for line in listed("mistakes.toml")["table"].strip().splitlines()]
    names, *body = ([cell.strip() for cell in line.split("¦")] for line in lines if not line.startswith("---"))
    return [dict(zip(names, cells, strict=True)) for cells in body]


HEAD = """# Coming from elsewhere

Written by `python -m rules_engine.sql.reference.mistakes`; do not edit.

What people write who are used to another database, a spreadsheet, a word processor or data frames, and what to write
in a rule. Each of the first is refused with the cure, each of the second is accepted; tests hold both against every
gate. What differs in silence:

- NULL is last in `ORDER BY … DESC` and first in `ORDER BY …` here; PostgreSQL and Oracle have it the other way round.
  Say NULLS FIRST or NULLS LAST.
- NaN of a `double` is above every number: `score >= 0.9` is true of it. Add `AND NOT isnan(score)`.
- `a / b` of whole numbers is a number with decimals, as in Oracle and MySQL; PostgreSQL and SQL Server cut it. Write
  `a div b` to cut. Division by zero ends the rule; write `try_divide(a, b)` where it may happen.
- Texts are compared as they are written: `'FR' = 'fr'` is false, as in PostgreSQL and Oracle; SQL Server and MySQL say
  true. An empty text is no NULL; to Oracle it is one.
- `add_months(DATE '2024-02-29', 12)` is 2025-02-28: who was born on 29 February is of age on the 28th.
- Sunday is 1 and Saturday 7 to `dayofweek(day)` and `extract(dow FROM day)`, as in BigQuery; to PostgreSQL Sunday is 0.
- A condition that is unknown (NULL) is a miss, unless the rule says `when_unknown`.

"""


def documented() -> str:
    """The page."""
    lines = ["| from | not | but |", "|---|---|---|"]
    for row in mistakes():
        wrong, right = (_code(row[name]) for name in ("mistake", "write"))
        lines.append(f"| {row['from']} | {wrong} | {right} |")
    return HEAD + "\n".join(lines) + "\n"


def _code(text: str) -> str:
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return f"`{shown}`".replace("|", "\\|")


if __name__ == "__main__":
    print(documented(), end="")
