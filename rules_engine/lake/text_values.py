"""
How a value of a type must be written in a text file, as Spark SQL over its text; and the value that the text says.

A value that would not come back as it was written is none: Spark's own readers take ``1600,50`` for 160050, round what
has too many digits, and leave out the hours of a day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

WHOLE = ("tinyint", "smallint", "int", "bigint")
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
MOMENT = DAY + r"[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
ZONE = r"( ?(Z|[+-][0-9]{2}:?[0-9]{2}))?"
EXACT = {"double": 15, "float": 6}
"""Digits that a number of these types keeps for sure."""

Options = Mapping[str, str]


def literal(text: str) -> str:
    """A text as Spark SQL writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quoted(name: str) -> str:
    """A name as Spark SQL writes it."""
    return "`" + name.replace("`", "``") + "`"


def is_written(text: str, type_: str, options: Options) -> str:
    """Whether the text of a column, given as SQL, is a value of a type: SQL that is never NULL; no text is no fault."""
    family = type_.partition("(")[0]
    written = _WRITTEN.get("whole" if family in WHOLE else family, _any)(text, type_, options)
    return f"coalesce({text} IS NULL OR ({written}), false)"


def value_of(text: str, type_: str, options: Options) -> str:
    """The value of a text that :func:`is_written`, as SQL."""
    family = type_.partition("(")[0]
    if family == "string" or type_.startswith(("varchar", "char")):
        return text
    if family in WHOLE or family in ("decimal", "double", "float"):
        return f"CAST({_plain(text, options)} AS {type_})"
    form = options.get({"date": "dateFormat"}.get(family, "timestampFormat"))
    if form and family in ("date", "timestamp", "timestamp_ntz"):
        return f"CAST(to_timestamp({text}, {literal(form)}) AS {type_})"
    return f"CAST({text} AS {type_})"


def _plain(text: str, options: Options) -> str:
    """A number with a point before its fraction and nothing between thousands."""
    if grouping := options.get("grouping"):
        text = f"replace({text}, {literal(grouping)}, '')"
    if (mark := options.get("decimal", ".")) != ".":
        text = f"replace({text}, {literal(mark)}, '.')"
    return text


def _digits(options: Options, plain: str) -> str:
    """The digits before a fraction, as a pattern: grouped by thousands if that is said, and then all or none."""
    grouping = options.get("grouping")
    return rf"([0-9]{{1,3}}({re.escape(grouping)}[0-9]{{3}})+|{plain})" if grouping else plain


def _mark(options: Options) -> str:
    return re.escape(options.get("decimal", "."))


def _like(text: str, pattern: str) -> str:
    whole = rf"\A({pattern})\z"
    return f"{text} RLIKE {literal(whole)}"


def _whole(text: str, type_: str, options: Options) -> str:
    padded = options.get("leadingZeros", "false").lower() == "true"
    digits = _digits(options, "[0-9]+" if padded else "(0|[1-9][0-9]*)")
    return f"{_like(text, f'[+-]?{digits}')} AND try_cast({_plain(text, options)} AS {type_}) IS NOT NULL"


def _decimal(text: str, type_: str, options: Options) -> str:
    scale = int(type_.rstrip(")").rpartition(",")[2])
    fraction = rf"{_mark(options)}[0-9]{{0,{scale}}}0*"
    pattern = (
        rf"[+-]?({_digits(options, '[0-9]+')}({fraction})?|{_mark(options)}[0-9]{{1,{max(scale, 1)}}}0*|0[eE]-?[0-9]+)"
    )
    return f"{_like(text, pattern)} AND try_cast({_plain(text, options)} AS {type_}) IS NOT NULL"


def _floating(text: str, type_: str, options: Options) -> str:
    """Written as a number, within the range of the type; a whole number, if it is long, one that the type keeps."""
    mark, plain = _mark(options), _plain(text, options)
    pattern = rf"[+-]?({_digits(options, '[0-9]+')}({mark}[0-9]*)?|{mark}[0-9]+)([eE][+-]?[0-9]+)?"
    value = f"try_cast({plain} AS {type_})"
    fits = f"abs({value}) < CAST('Infinity' AS DOUBLE) AND ({value} <> 0 OR NOT {plain} RLIKE '^[^eE]*[1-9]')"
    exact = f"try_cast(CAST({value} AS DOUBLE) AS DECIMAL(38,0)) = try_cast({plain} AS DECIMAL(38,0))"
    long_ = f"length({plain}) > {EXACT[type_]} AND {_like(plain, '[+-]?[0-9]+')}"
    number = f"{_like(text, pattern)} AND {fits} AND (NOT ({long_}) OR {exact})"
    return f"{_like(text, '(?i:nan|[+-]?inf(inity)?)')} OR ({number})"


def _boolean(text: str, _: str, __: Options) -> str:
    return f"lower({text}) IN ('true', 'false')"


def _date(text: str, _: str, options: Options) -> str:
    if form := options.get("dateFormat"):
        read = f"try_to_timestamp({text}, {literal(form)})"
        return f"{read} = date_trunc('DAY', {read})"
    return f"{_like(text, DAY)} AND try_cast({text} AS DATE) IS NOT NULL"


def _timestamp(text: str, type_: str, options: Options) -> str:
    if form := options.get("timestampFormat"):
        return f"try_to_timestamp({text}, {literal(form)}) IS NOT NULL"
    zone = "" if type_ == "timestamp_ntz" else ZONE
    return f"{_like(text, MOMENT + zone)} AND try_cast({text} AS {type_}) IS NOT NULL"


def _short(text: str, type_: str, _: Options) -> str:
    return f"length({text}) <= {type_.rstrip(')').rpartition('(')[2]}"


def _any(_: str, __: str, ___: Options) -> str:
    return "true"


_WRITTEN: dict[str, Callable[[str, str, Options], str]] = {
    "whole": _whole,
    "decimal": _decimal,
    "double": _floating,
    "float": _floating,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "timestamp_ntz": _timestamp,
    "char": _short,
    "varchar": _short,
}

READ = (*WHOLE, "decimal", "double", "float", "boolean", "date", "timestamp", "timestamp_ntz", "char", "varchar",
        "string", "binary")  # fmt: skip
"""The types that a cell of a text file can say."""
