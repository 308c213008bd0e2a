"""What a declaration of text files says that nothing reads: encodings, forms of days, types that no text can say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.lake import codes, letters
from rules_engine.lake.cells import READ
from rules_engine.lake.remedies import FOUR_DIGITS
from rules_engine.lake.text_values import literal
from rules_engine.lake.unread import spark_errors
from rules_engine.model.frames import Format, Frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FORMS = ("dateFormat", "timestampFormat")
"""Options that say how days and moments are written."""


def faults(spark: SparkSession, frame: Frame, wanted: Mapping[str, str]) -> list[Fault]:
    """An encoding that nothing here reads; types that no cell can say."""
    encoding, found = frame.options.get("encoding", "UTF-8"), []
    if frame.format.is_text and not letters.known(encoding):
        what = f"its encoding '{encoding}' is none that is read here."
        hint = "There are UTF-8, UTF-16, UTF-32, and those of one byte a letter, such as windows-1252 or ISO-8859-15."
        found.append(Fault(f"Frame '{frame.name}'", what, hint, codes.OPTION))
    return [*found, *_forms(spark, frame, wanted), *_types(frame, wanted)]


def _types(frame: Frame, wanted: Mapping[str, str]) -> Iterator[Fault]:
    """Types that no file keeps, or no text can say."""
    for name, type_ in wanted.items():
        which, what = f"Frame '{frame.name}'", f"its column '{name}' is declared as {type_}"
        if re.search(r"\bchar\(|\bvarchar\(", type_):
            what = f"{what}, and Spark reads every text of files as a string."
            yield Fault(which, what, "Declare it as string.", codes.UNREADABLE_TYPE)
        elif frame.format is Format.JSON and re.search(r"\bbinary\b", type_):
            what = f"{what}, and texts of JSON are letters: one reader takes them as they are, another for base64."
            yield Fault(which, what, "Declare it as string.", codes.UNREADABLE_TYPE)
        elif frame.format is Format.JSON and re.search("map<(?!string)", type_):
            what = f"{what}, and keys of JSON are texts."
            yield Fault(which, what, "Declare map<string,…>.", codes.UNREADABLE_TYPE)
        elif frame.format is Format.CSV and type_.partition("(")[0] not in READ:
            what = f"{what}, which no cell of CSV can say."
            yield Fault(which, what, "Declare it as string.", codes.UNREADABLE_TYPE)


def _forms(spark: SparkSession, frame: Frame, wanted: Mapping[str, str]) -> Iterator[Fault]:
    """Forms of days and moments that nothing reads, or by which two moments would be one, or another."""
    for option, form in frame.options.items():
        if option not in FORMS:
            continue
        said = re.sub("'[^']*'", "", form)
        told = None if _is_read(spark, form) else ("is no form of a day", "Write one such as dd.MM.yyyy HH:mm:ss.")
        told = told or next(((what, do) for pattern, what, do in _NOT_TOLD if re.search(pattern, said)), None)
        if told is None and re.search("[XxOZ]", said) and _of_no_zone(option, wanted):
            told = (
                "has a zone, which a day and a timestamp_ntz have not",
                "Declare what it is of as timestamp, and say timestampFormat.",
            )
        if told is not None:
            yield Fault(f"Frame '{frame.name}'", f"its option {option} = '{form}' {told[0]}.", told[1], codes.OPTION)


_NOT_TOLD = (
    ("(?<![yu])(yy|uu)(?![yu])", "has years of two digits, and not of which century", FOUR_DIGITS),
    (
        "(?<![yu])([yu]|[yu]{3}|[yu]{5,})(?![yu])",
        "has years of any number of digits: 24 would be the year 24",
        "Write yyyy, and land years of four digits.",
    ),
    (
        "^(?!.*a).*[hK]",
        "has hours to twelve, and not of which half of the day",
        "Write HH for hours to 24, or hh with a.",
    ),
    ("S{7}", "has more than six digits of a second, and Spark keeps six", "Land it with six of them."),
    (
        "[zvV]",
        "has names of zones: IST is the time of India, Israel and Ireland",
        "Land an offset such as +02:00, and write XXX, or land moments in UTC.",
    ),
    (
        "^(?!.*[yu])|^(?!.*D)(?!.*[ML].*d|.*d.*[ML])",
        "says not of which year, month and day",
        "Write all three; declare hours alone as string, and leave the option out.",
    ),
)
"""What forms leave open, by their letters outside quotes: what is wrong, and what to do."""


def _of_no_zone(option: str, wanted: Mapping[str, str]) -> bool:
    """Whether an option is of columns whose values are of no zone."""
    return option == "dateFormat" or "timestamp_ntz" in wanted.values()


def _is_read(spark: SparkSession, form: str) -> bool:
    """Whether Java reads a form."""
    try:
        spark.sql(f"SELECT try_to_timestamp('2024-06-01', {literal(form)})").collect()
    except spark_errors():
        return False
    return True
