"""Values as Spark SQL literals that mean the same on every supported Spark."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal

from rules_engine.model.canonical import ParameterValue


def literal(value: ParameterValue) -> str:
    r"""
    The typed literal of a value.

    A whole number is an ``int`` where it fits 32 bits, as if the analyst had
    written it (``date_add`` takes no ``bigint``), else a ``bigint``. Texts are
    escaped by back-slashes, which all Sparks read alike while
    ``spark.sql.parser.escapedStringLiterals`` is off, its default.

    Raises:
        ValueError: If no literal has this value; the message ends the sentence "the value of the parameter …".

    >>> literal(date(2024, 6, 1)), literal(Decimal("12.50")), literal(-3), literal("O'Brien")
    ("DATE'2024-06-01'", '12.50BD', '(-3)', "'O\\'Brien'")
    """
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return _whole(value)
        case Decimal():
            return _decimal(value)
        case date():
            return f"DATE'{value.isoformat()[:10]}'"
        case str():
            return _text(value)


def _whole(value: int) -> str:
    if not -(2**63) <= value < 2**63:
        raise ValueError("needs more than 64 bits")
    return _signed(str(value) if -(2**31) <= value < 2**31 else f"{value}L")


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("is not a number")
    digits = f"{value:f}"
    if len(digits.strip("-").replace(".", "").lstrip("0")) > 38 or -int(value.as_tuple().exponent) > 38:
        raise ValueError("has more than 38 digits")
    return _signed(digits + "BD")


def _signed(digits: str) -> str:
    return f"({digits})" if digits.startswith("-") else digits


def _text(value: str) -> str:
    if invisible := next((c for c in value if is_invisible(c) and c not in "\t\r\n"), None):
        raise ValueError(f"holds the invisible character U+{ord(invisible):04X}")
    return "'" + "".join(map(_escaped, value)) + "'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return "\\" + character
    return f"\\u{ord(character):04x}" if character < " " or character in "$" else character


_WHOLE = {"integer", "long", "short", "byte"}
_TRUTHS = {"t", "true", "y", "yes", "1", "f", "false", "n", "no", "0"}


def is_value(text: str, type_: str) -> bool:
    """
    Whether Spark can cast a text to a type, by its JSON's name; types but numbers and truths are not judged.

    >>> is_value("1.000,50", "decimal(12,2)"), is_value(" 5 ", "integer"), is_value("DE", "boolean")
    (False, True, False)
    """
    if type_ == "boolean":
        return text.strip().lower() in _TRUTHS
    if type_ in _WHOLE:
        return bool(re.fullmatch(r"[+-]?\d+", text.strip()))
    if type_ in ("double", "float") or type_.startswith("decimal"):
        number = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?|[+-]?(infinity|inf)|nan"
        return bool(re.fullmatch(number, text.strip(), re.IGNORECASE))
    return True


def is_invisible(character: str) -> bool:
    """Whether a character shows nothing, or changes how its neighbours show (controls, bidi marks, joiners)."""
    return character != " " and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
