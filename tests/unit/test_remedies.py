"""What is said to do about a text that is no value of its type reads it, once done; or it is to be mended (R-LAKE-1)."""

from __future__ import annotations

import re
import tomllib

import pytest

from rules_engine.lake import cells
from rules_engine.lake.remedies import remedy
from rules_engine.model.columns import Column
from rules_engine.model.frames import Format, Frame
from tests.spec.table import Row, cases

CSV = r"""
    type          | text                       | options                 | says                                                                                       | because
    --------------+----------------------------+-------------------------+--------------------------------------------------------------------------------------------+------------------------------------------
    bigint        | 1.600                      |                         | If its mark parts thousands, say options = { decimal = ",", grouping = "." }. If it begins a fraction: Declare it as a decimal. | 1600 to a German, and 1.6 to others
    bigint        | 1,600                      |                         | If its mark parts thousands, say options = { grouping = "," }. If it begins a fraction: Declare it as a decimal. Say how | a comma before no fraction
    decimal(12,2) | 1,600                      |                         | If its mark parts thousands, say options = { grouping = "," }. If it begins a fraction: Say how numbers are written: options = { decimal = "," }. | 1600 to the English, and 1.6 to others
    decimal(12,2) | 16.005                     |                         | say options = { decimal = ",", grouping = "." }. If it begins a fraction: Declare as many digits as it has, such as decimal(38,3) | and with a fraction that is too long
    decimal(12,2) | 1,600,000                  |                         | Say how numbers are written: options = { grouping = "," }. | a mark that stands twice parts thousands
    bigint        | 1.600.000                  |                         | options = { decimal = ",", grouping = "." }                | so a point, which begins no fraction then
    decimal(12,2) | 1,600,00                   |                         | Mend the source, or declare the column as string.          | two marks of one sign read nothing
    decimal(12,2) | 0,605                      |                         | Declare as many digits as it has, such as decimal(38,3): none is rounded. Say how numbers are written: options = { decimal = "," }. | no thousand begins with zero
    decimal(12,2) | 16.005                     | decimal=,               | options = { decimal = ",", grouping = "." }                | what is said of the fraction stands
    bigint        | 1.600,50                   |                         | Declare it as a decimal. Say how numbers are written: options = { decimal = ",", grouping = "." }. | no whole number
    bigint        | 1\u00a0600                 |                         | options = { grouping = "\u00a0" }                          | a space that nobody sees
    bigint        | 1600\u00a0                 |                         | Mend the source: a space stands beside it that no option   | Java leaves out those of ASCII alone
    bigint        | 1600_                      |                         | Say options = { ignoreLeadingWhiteSpace = true, ignoreTrail | as here
    bigint        | _1600,5                    |                         | WhiteSpace = true }. Declare it as a decimal. Say how      | and what else is to be done
    bigint        | abc_                       |                         | Mend the source, or declare the column as string.          | no number by any option
    bigint        | 007                        |                         | say options = { leadingZeros = true }                      | zeros before a number
    tinyint       | 0300                       |                         | Mend the source, or declare the column as string.          | of which none would be one
    timestamp     | 01.06.2024 10:00:00.123    |                         | options = { timestampFormat = "dd.MM.yyyy HH:mm:ss.SSS" }. | all of it is to be read
    timestamp     | 1.6.2024T10:00             |                         | options = { timestampFormat = "d.M.yyyy'T'HH:mm" }.        | whatever parts day and hours
    timestamp     | 20240601100000             |                         | options = { timestampFormat = "yyyyMMddHHmmss" }.          | or nothing does
    date          | 01.06.2024 10:00:00        |                         | Declare it as timestamp: hours would be lost. Say how it is written, such as options = { timestampFormat = | hours that no day has
    timestamp     | 2024-06-01 24:00:00        |                         | Mend the source: there is no such day or time.             | an hour that there is not
    timestamp     | 2024-06-01 10:00:60        |                         | Mend the source: there is no such day or time.             | a second
    timestamp     | 1500-02-29                 |                         | Mend the source: there is no such day or time.             | a day of an older calendar
    date          | 31.4.2024                  | dateFormat=d.M.yyyy     | Mend the source: there is no such day or time.             | a day, in the form that is said
    date          | 31.04.2024                 |                         | Mend the source: there is no such day or time.             | and in one that could be
    timestamp     | 32.01.2024 10:00:00.1      | timestampFormat=dd.MM.yyyy HH:mm:ss.S | Mend the source: there is no such day or time. | and in one that Java alone reads
    timestamp     | 2024-06-01 10:00:00        | timestampFormat=dd.MM.yyyy | Leave the option timestampFormat out.                   | it stands as where nothing is said
    timestamp_ntz | 2024-06-01T10:00:00Z       |                         | Declare it as timestamp: its zone would be lost.           | a zone, where none is declared
    timestamp     | 1717236000                 |                         | Declare it as the number that it is, such as bigint, or    | seconds since 1970
    date          | 45444                      |                         | Declare it as the number that it is, such as bigint, or    | days of a spreadsheet
"""

JSON = """
    type          | text                 | says                                                                      | because
    --------------+----------------------+---------------------------------------------------------------------------+-------------------------------
    decimal(10,2) | 16.005               | declare a type that holds it, such as decimal(38,3).                      | more digits than there are
    bigint        | 12345678901234567890 | declare a type that holds it, such as decimal(38,2).                      | a longer number
    decimal(10,2) | NaN                  | declare a type that holds it, such as double.                             | no decimal is not a number
    decimal(10,2) | 1e-400               | Mend the source: no type of numbers holds it.                             | nor does any double
"""


@pytest.mark.parametrize("row", cases(CSV))
def test_what_is_said_to_do_reads_the_text(row: Row) -> None:
    """Options that are named read it in the type that is named, each reading alone."""
    text = row["text"].replace("_", " ").replace("\\u00a0", "\u00a0")
    frame = _frame(Format.CSV, row["type"], dict([row["options"].split("=", 1)]) if row["options"] else {})
    said = remedy(row["type"], text, frame)
    assert row["says"] in said
    for reading in said.split(" If it begins a fraction: "):
        options = [tomllib.loads(each)["options"] for each in re.findall(r"options = \{[^}]*\}", reading)]
        found = {
            name: str(value).lower() if value is True else value for each in options for name, value in each.items()
        }
        type_ = next((new for words, new in TYPES.items() if words in reading), row["type"])
        read = cells.reader(type_, found if "Leave" in said else {**frame.options, **found})
        if options and read:  # else Java alone knows
            read(text.strip() if "ignoreLeadingWhiteSpace" in found else text)


TYPES = {
    "Declare it as a decimal": "decimal(38,6)",
    "decimal(38,3)": "decimal(38,3)",
    "Declare it as timestamp": "timestamp",
}
"""What types are said to be declared instead."""


@pytest.mark.parametrize("row", cases(JSON))
def test_a_type_that_is_named_for_a_number_of_json_holds_it(row: Row) -> None:
    """Or none is named."""
    said = remedy(row["type"], row["text"], _frame(Format.JSON, row["type"], {}))
    assert row["says"] in said
    if found := re.search("such as (.*)[.]$", said):
        cells.json_number(found[1])(row["text"])


def _frame(format_: Format, type_: str, options: dict[str, str]) -> Frame:
    return Frame("customers", "customers", format_, columns=(Column("x", type_),), options=options)
