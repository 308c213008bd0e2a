"""The value that a text of a file says, as Spark SQL over its text: what :mod:`rules_engine.lake.cells` lets pass."""

from __future__ import annotations

from collections.abc import Mapping

from rules_engine.lake.cells import EXACT, RANGES

Options = Mapping[str, str]


def literal(text: str) -> str:
    """A text as Spark SQL writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def is_of_form(text: str, type_: str, options: Options) -> str:
    """
    Whether the text of a column, given as SQL, is a day or a moment in the form that is said: SQL that is never NULL.

    For forms that Java alone reads; no text is no fault.
    """
    form = options["dateFormat" if type_ == "date" else "timestampFormat"]
    read = f"try_to_timestamp({text}, {literal(form)})"
    fits = f"{read} = date_trunc('DAY', {read})" if type_ == "date" else f"{read} IS NOT NULL"
    return f"coalesce({text} IS NULL OR ({fits}), false)"


def value_of(text: str, type_: str, options: Options) -> str:
    """The value of a text that is one as it is written, as SQL."""
    family = type_.partition("(")[0]
    if family == "string" or type_.startswith(("varchar", "char")):
        return text
    if family in (*RANGES, *EXACT, "decimal"):
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
