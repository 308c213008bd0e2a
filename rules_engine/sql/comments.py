"""
Comments: kept in a rule's text, and blank to everybody who reads it.

The grammar is Spark's where all readers of SQL agree: ``--`` to the end of the line, ``/*`` to ``*/``. Where they do
not (a comment within a comment, a line that ends in a back-slash, a hint), it is refused, for there one reader's
comment is another one's rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules_engine.errors import Fault
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.literals import is_invisible

WHOLE = r"--[^\r\n]* | /\*(?!\+)(?:(?!/\*|\*/).)*\*/"
"""A comment of which all readers know the end."""

BROKEN = r"/\*\+? | \*/"
"""What else would begin or end one."""

_SEEN = re.compile(r"[^\r\n]")


def blank(comment: str) -> str:
    """A comment as white space of the same length and lines."""
    return _SEEN.sub(" ", comment)


def comment_faults(comment: str, start: int) -> Iterator[Fault]:
    """What is wrong with a comment whose end is known."""
    if comment.startswith("--") and comment.endswith("\\"):
        name = "ends in a back-slash, after which Spark takes the next line for a comment, too"
        yield refuse("SQL-004", start, name=name, hint="End the line with another character.")
    for character in comment:
        if is_invisible(character) and character not in "\t\r\n":
            name = f"holds the invisible character U+{ord(character):04X}"
            yield refuse("SQL-004", start, name=name, hint="Type the comment again without it.")


def broken(token: str, start: int, rest: str) -> Fault:
    """Why a comment that begins or ends here is none; ``rest`` is the text after the token."""
    match token:
        case "/*+":
            name, hint = "is a hint to Spark ('/*+')", "Remove it; a comment has a space there: '/* +'."
        case "*/":
            name, hint = "ends here and was not opened", "Remove '*/', or open the comment with '/*'."
        case _ if "*/" in rest:
            name = "holds another '/*', and some readers end it at the first '*/'"
            hint = "Take the inner '/*' and '*/' out."
        case _:
            name, hint = "is not closed", "Close it with '*/'."
    return refuse("SQL-004", start, name=name, hint=hint)
