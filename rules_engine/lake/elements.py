"""Critical data elements: what a frame's columns hold, against what is declared of them, in one pass over the frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault, RunRefused
from rules_engine.lake.breaches import Breach, exceeds, percent, share
from rules_engine.lake.codes import NULLS, PATTERN, RANGE, VALUES
from rules_engine.lake.spark_types import quoted
from rules_engine.lake.used import Used
from rules_engine.model.columns import AS_OF, DAYS, NUMBERS, Column
from rules_engine.model.frames import Frame, Lake
from rules_engine.model.masking import masked
from rules_engine.model.summaries import Summary

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

MOST_LISTED = 8
"""Allowed values that a message lists."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is asked of a column's rows: how many are wrong, and whether an example is shown."""

    column: Column
    code: str
    wrong: SparkColumn
    allowed: float
    what: str
    remedy: str
    example: bool = True


def wanted(lake: Lake, frame: Frame, used: Used) -> list[Column]:
    """The columns of a frame of which something is expected, as far as rules use them."""
    subject = lake.subject_key.lower() if frame is lake.subject_frame else ""  # of that key every row is looked at
    return [c for c in frame.columns if c.expects and used.of(frame.name, c.name) and c.name.lower() != subject]


def measures(frame: Frame, data: DataFrame, columns: Sequence[Column], as_of: date) -> list[Measure]:
    """What is to be counted, in the order of the columns."""
    return [measure for column in columns for measure in _of_column(frame, data, column, as_of)]


def _of_column(frame: Frame, data: DataFrame, column: Column, as_of: date) -> Iterator[Measure]:
    from pyspark.sql import functions as F  # noqa: N812

    value = data[quoted(column.name)]
    if column.nulls < 1:
        allowed = "none may be" if column.nulls == 0 else f"{percent(column.nulls)} may be"
        remedy = f"Mend the source, or allow it in the declaration: nulls = …, now {column.nulls:g}."
        yield Measure(column, NULLS, value.isNull(), column.nulls, f"without a value, and {allowed}", remedy, False)
    if column.ranged:
        outside = F.isnan(value) if column.type.lower() in {"float", "double"} else F.lit(False)
        low, high = (_bound(column, text, as_of) for text in (column.low, column.high))
        outside = outside | (value < low) if low is not None else outside
        if high is not None:
            outside = outside | (value >= F.date_add(high, 1) if _whole_day(column) else value > high)
        yield Measure(column, RANGE, outside, 0, f"outside its range, {_range(column)}", _mend("min and max"))
    if column.values:
        listed = ", ".join(value or "an empty text" for value in column.values[:MOST_LISTED]) + (
            ", …" if len(column.values) > MOST_LISTED else ""
        )
        among = value.isin([_literal(column, text) for text in column.values])
        yield Measure(column, VALUES, ~among, 0, f"not among its values ({listed})", _mend("values"))
    if column.pattern:
        _check_pattern(frame, data, column)
        whole = value.rlike(_whole(column))
        yield Measure(column, PATTERN, ~whole, 0, f"not of its pattern, {column.pattern}", _mend("pattern"))


def _mend(what: str) -> str:
    return f"Mend the source, or {what} in the declaration."


def _bound(column: Column, text: str | None, as_of: date) -> SparkColumn | None:
    from pyspark.sql import functions as F  # noqa: N812

    if text is None:
        return None
    if column.type.lower().startswith(DAYS):
        return F.lit(as_of.isoformat() if text == AS_OF else text).cast(column.type)
    return _literal(column, text)


def _whole_day(column: Column) -> bool:
    """Whether the greatest of moments is said by the day of the run, all of which it may be."""
    return column.high == AS_OF and column.type.lower() != "date"


def _literal(column: Column, text: str) -> SparkColumn:
    """A value of the declaration: of exact numbers as it is written, for the type may have fewer digits and rounds."""
    from pyspark.sql import functions as F  # noqa: N812

    exact = column.type.lower().startswith(NUMBERS) and column.type.lower() not in {"float", "double"}
    return F.lit(Decimal(f"{Decimal(text):f}")) if exact else F.lit(text).cast(column.type)


def _range(column: Column) -> str:
    if column.low is None:
        return f"at most {column.high}"
    return f"at least {column.low}" if column.high is None else f"{column.low} to {column.high}"


def _whole(column: Column) -> str:
    """The pattern of a whole text."""
    return rf"\A(?:{column.pattern})\z"


def _check_pattern(frame: Frame, data: DataFrame, column: Column) -> None:
    """
    See that Java reads the pattern.

    Raises:
        RunRefused: If it does not.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    jvm: Any = data.sparkSession._jvm
    try:
        for pattern in (column.pattern, _whole(column)):
            jvm.java.util.regex.Pattern.compile(pattern)
    except (PySparkException, Py4JError) as problem:
        what = f"its pattern {column.pattern} is no regular expression of Java's."
        raise RunRefused(
            Fault(f"Column '{frame.name}.{column.name}'", what, "Mend it in the declaration.")
        ) from problem


def wrong_rows_said(measure: Measure, summary: Summary, as_of: date) -> int | None:
    """How many rows are wrong by what the files say; None where that is not known."""
    column = measure.column
    found = summary.columns.get(column.name.lower())
    if found is None or measure.code not in {NULLS, RANGE}:
        return None
    if measure.code == NULLS:
        return found.nulls
    if found.nulls == summary.rows:
        return 0
    if not found.ends or column.type.lower() in {"float", "double"}:
        return None
    low, high = (_end(column, text, as_of) for text in (column.low, column.high))
    least, most = found.ends
    within = (low is None or low <= least) and (high is None or most <= high)  # type: ignore[operator]
    return 0 if within else None


def _end(column: Column, text: str | None, as_of: date) -> Decimal | date | None:
    """A declared end of a range, to be held against what files say."""
    if text is None:
        return None
    if column.type.lower() == "date":
        return as_of if text == AS_OF else date.fromisoformat(text)
    return Decimal(text)


def breaches(
    lake: Lake, frame: Frame, data: DataFrame, asked: Sequence[Measure], rows: int, wrong: Sequence[int], used: Used
) -> Iterator[Breach]:
    """Every measure of which more rows are wrong than may be."""
    broken = {at: each for at, each in enumerate(asked) if exceeds(wrong[at], each.allowed, rows)}
    examples = _examples(data, broken)
    for at, each in broken.items():
        column, what = each.column, f"{share(wrong[at], rows, each.allowed)} are {each.what}"
        if each.example:
            sensitive = column.sensitive or column.name.lower() == frame.subject_key.lower()
            what += f", such as {masked(examples[at], sensitive=sensitive)}"
        policy = column.on_breach or frame.on_breach or lake.on_breach
        fault = Fault(f"Column '{frame.name}.{column.name}'", f"{what}.", _of(column) + each.remedy, each.code)
        yield Breach(fault, policy, used.of(frame.name, column.name))


def _examples(data: DataFrame, broken: Mapping[int, Measure]) -> dict[int, Any]:
    """
    The least wrong value of each measure that shows one: looked for where there are any, for a good day has none.

    As texts: Python has no day after the year 9999.
    """
    from pyspark.sql import functions as F  # noqa: N812

    shown = {at: each for at, each in broken.items() if each.example}
    if not shown:
        return {}
    least = [F.min(F.when(each.wrong, data[quoted(each.column.name)])).cast("string") for each in shown.values()]
    return dict(zip(shown, data.agg(*least).collect()[0], strict=True))


def _of(column: Column) -> str:
    """Whom to ask."""
    owner = f"{column.owner} owns it" if column.owner else ""
    source = f"it comes from {column.source}" if column.source else ""
    said = " and ".join(filter(None, [owner, source]))
    return f"{said[0].upper()}{said[1:]}. " if said else ""
