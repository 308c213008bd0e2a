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
    return [*found, *_forms(spark, frame), *_types(frame, wanted)]


def _types(frame: Frame, wanted: Mapping[str, str]) -> Iterator[Fault]:
    """Types that no file keeps, or no text can say."""
    for name, type_ in wanted.items():
        which, what = f"Frame '{frame.name}'", f"its column '{name}' is declared as {type_}"
        if re.search(r"\bchar\(|\bvarchar\(", type_):
            what = f"{what}, and Spark reads every text of files as a string."
            yield Fault(which, what, "Declare it as string.", codes.UNREADABLE_TYPE)
        elif frame.format is Format.JSON and re.search("map<(?!string)", type_):
            what = f"{what}, and keys of JSON are texts."
            yield Fault(which, what, "Declare map<string,…>.", codes.UNREADABLE_TYPE)
        elif frame.format is Format.CSV and type_.partition("(")[0] not in READ:
            what = f"{what}, which no cell of CSV can say."
            yield Fault(which, what, "Declare it as string.", codes.UNREADABLE_TYPE)


def _forms(spark: SparkSession, frame: Frame) -> Iterator[Fault]:
    """Forms of days and moments that nothing reads, or by which two moments would be one."""
    for option, form in frame.options.items():
        if option not in FORMS:
            continue
        what, remedy = f"its option {option} = '{form}' is no form of a day.", "Write one such as dd.MM.yyyy HH:mm:ss."
        letters_of = re.sub("'[^']*'", "", form)
        if re.search("(?<![yu])(yy|uu)(?![yu])", letters_of):
            what = f"its option {option} = '{form}' has years of two digits, and not of which century."
            yield Fault(f"Frame '{frame.name}'", what, FOUR_DIGITS, codes.OPTION)
            continue
        if re.search("[hK]", letters_of) and "a" not in form:
            what = f"its option {option} = '{form}' has hours to twelve, and not of which half of the day."
            yield Fault(f"Frame '{frame.name}'", what, "Write HH for hours to 24, or hh with a.", codes.OPTION)
            continue
        if "S" * 7 in letters_of:
            what = f"its option {option} = '{form}' has more than six digits of a second, and Spark keeps six."
            yield Fault(f"Frame '{frame.name}'", what, "Land it with six of them.", codes.OPTION)
            continue
        try:
            spark.sql(f"SELECT try_to_timestamp('2024-06-01', {literal(form)})").collect()
        except spark_errors():
            yield Fault(f"Frame '{frame.name}'", what, remedy, codes.OPTION)
