"""Patterns of LIKE and regular expressions: written out, and done with every text soon."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules_engine.errors import Fault
from rules_engine.sql import regular_expressions
from rules_engine.sql.allow_list import allowed, refuse
from rules_engine.sql.regular_expressions import Unsound

LIKE_SIGN = "\\"


def like_faults(pattern: str | None, start: int | None = None, sign: str = LIKE_SIGN) -> Iterator[Fault]:
    """
    What is wrong with a pattern of LIKE; None is one that is computed.

    ``sign`` is that of ESCAPE: Spark ends the run at one that stands before another letter, or last.
    """
    limit = allowed().limits.wildcards
    if pattern is None:
        yield refuse("SQL-115", start, limit=limit, name="this one is computed")
    elif pattern.count("%") > limit:
        yield refuse("SQL-115", start, limit=limit, name=f"this one has {pattern.count('%')}")
    elif sign and sign in re.sub(f"{re.escape(sign)}[%_{re.escape(sign)}]", "", pattern):
        name = f"in this one '{sign}' stands before no '%' or '_'; write '{sign}{sign}' for the sign itself"
        yield refuse("SQL-115", start, limit=limit, name=name)


def expression_faults(pattern: str | None, start: int | None = None) -> Iterator[Fault]:
    """What is wrong with a regular expression; None is one that is computed."""
    if pattern is None:
        hint = "Write it as a quoted text, or as a parameter."
        yield refuse("SQL-118", start, name="here", found="is computed", hint=hint)
        return
    try:
        regular_expressions.judge(pattern)
    except Unsound as problem:
        yield refuse("SQL-118", start, name=f"'{pattern[:40]}'", found=problem.what, hint=problem.instead)
