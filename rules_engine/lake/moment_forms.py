"""Days and moments by the forms of Java's that a declaration names, such as ``dd.MM.yyyy HH:mm``, read without Java."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise

PARTS = {
    "yyyy": r"(?P<year>[0-9]{4})",
    "MM": r"(?P<month>[0-9]{2})", "M": r"(?P<month>[0-9]{1,2})",
    "dd": r"(?P<day>[0-9]{2})", "d": r"(?P<day>[0-9]{1,2})",
    "HH": r"(?P<hour>[0-9]{2})", "H": r"(?P<hour>[0-9]{1,2})",
    "mm": r"(?P<minute>[0-9]{2})",
    "ss": r"(?P<second>[0-9]{2})",
}  # fmt: skip
"""Letters of a form of which this module reads what Java does; the others are left to Java."""
WIDE = ("M", "d", "H")
"""Parts of one digit or two: what follows one must not be a digit."""
TOKEN = re.compile(r"([A-Za-z])\1*|'(?:[^']|'')*'|[^A-Za-z']")
RESERVED = "[]{}#"
DIGITS = re.compile("yyyy|uuuu|MM?|dd?|HH?|mm?|ss?|S+")
"""Parts that are written in digits."""


def read_by(form: str) -> Callable[[str], datetime] | None:
    """What reads a text by a form, in UTC, ValueError where it is not of it; None where only Java knows the form."""
    tokens = [match[0] for match in TOKEN.finditer(form)]
    if "".join(tokens) != form or any(token in RESERVED for token in tokens):
        return None
    parts = [token for token in tokens if token[0].isalpha()]
    names = [PARTS.get(part, "")[4:8] for part in parts]
    if "" in names or len(set(names)) < len(names) or not {"year", "mont", "day>"} <= set(names):
        return None
    if any(token in WIDE and token_ in PARTS for token, token_ in pairwise(tokens)):
        return None
    written = re.compile("".join(_patterns(tokens)), re.IGNORECASE | re.ASCII)

    def read(text: str) -> datetime:
        found = written.fullmatch(text)
        if not found:
            raise ValueError(form)
        said = {name: int(digits) for name, digits in found.groupdict().items()}
        return datetime(said.pop("year"), said.pop("month"), said.pop("day"), **said, tzinfo=UTC)

    return read


def is_written(form: str, text: str) -> bool:
    """Whether a text has digits and signs where a form has them, whether or not there is such a day."""
    tokens = [match[0] for match in TOKEN.finditer(form)]
    if any(token.isalpha() and not DIGITS.fullmatch(token) for token in tokens):
        return False
    parts = (f"[0-9]{{{len(token)},{max(len(token), 2)}}}" if token.isalpha() else _literal(token) for token in tokens)
    return re.fullmatch("".join(parts), text) is not None


def _patterns(tokens: list[str]) -> Iterator[str]:
    for token in tokens:
        if token in PARTS:
            yield PARTS[token]
        else:
            yield _literal(token)


def _literal(token: str) -> str:
    """A part of a form that stands for itself, as a pattern."""
    return re.escape(token[1:-1].replace("''", "'") or "'") if token.startswith("'") else re.escape(token)
