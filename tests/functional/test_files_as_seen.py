"""What a workbook shows is what is read, or it is refused with the cell, the fault and the cure (R-UX, K13 and K15)."""

from __future__ import annotations

import resource
from ast import literal_eval
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font, PatternFill

from rules_engine.errors import ChangeRefused, InvalidRule
from rules_repo import exchange
from tests.spec.table import Row, cases

COLUMNS = "key", "kind", "membership_type", "weight", "frame", "sql", "shadow", "effective_from", "effective_to"
COLOUR = PatternFill("solid", fgColor="FF0000")


def book() -> Workbook:
    """A workbook of two rules, as somebody typed it."""
    made = Workbook()
    made.active.title = "rules"
    made.active.append(COLUMNS)
    for key in "A-1", "A-2":
        made.active.append([key, "inclusion", "GOLD", 20, "customers", "true", False, datetime(2024, 6, 1), None])
    return made


def read(made: Workbook, folder: Path) -> exchange.RuleFile:
    made.save(folder / "rules.xlsx")
    return exchange.read(folder / "rules.xlsx")


def changed(cell: str, value: object, shown_as: str = "") -> Workbook:
    made = book()
    made.active[cell] = value
    if shown_as:
        made.active[cell].number_format = shown_as
    return made


SHOWN = """
    cell | value            | format       | says                                                | because
    -----+------------------+--------------+-----------------------------------------------------+---------------------------------------
    G2   | =TRUE()          | General      | cell G2: it is a formula without a value (=TRUE())  | no program has worked it out
    D2   | =10+10           | General      | cell D2: it is a formula without a value (=10+10)   | so too a number
    A2   | 7                | 000          | cell A2: it holds the number 7 and shows it otherwise (format '000') | a key 007 is no key 7
    A2   | 7                | "R-"0        | cell A2: it holds the number 7 and shows it otherwise | nor is R-7
    A2   | 123456789012     | General      | cell A2: it holds the number 123456789012           | it shows 1.23457E+11
    D2   | 0.5              | 0%           | cell D2: it holds the number 0.5 and shows it otherwise | it shows 50 %
    D2   | 20               | 0%           | cell D2: it holds the number 20                     | and this 2000 %
    D2   | 20000            | 0,           | cell D2: it holds the number 20000                  | it shows thousands
    D2   | 20.4             | 0            | cell D2: it holds the number 20.4                   | it shows 20
    D2   | 20.4             | General      | its weight '20.4' is not a whole number             | it shows what it is, and that is no weight
    D2   | 45444            | yyyy-mm-dd   | cell D2: it is a day or a time (2024-06-01          | a day is no weight
    A2   | 45444            | yyyy-mm-dd   | where a text is expected                            | nor a key
    H2   | 45444            | General      | its effective_from '45444' is no day                | and a number is no day
    H2   | 45444            | mmm yyyy     | its format 'mmm yyyy' does not show the whole day   | the day of the month is not to be seen
    H2   | 45444.999        | yyyy-mm-dd   | cell H2: it holds a time of day (2024-06-01 23:58   | which would end a day early
    H2   | 0.5              | hh:mm        | cell H2: it holds a time of day (12:00:00)          | a time is no day
    H2   | 45444            | dddd mmmm yyyy | does not show the whole day                       | a weekday's name is no day of the month
    H2   | 45444            | yyyy dd hh:mm | does not show the whole day                        | minutes are no month
    H2   | 8919             | dd/mm/yy     | it holds 1924-06-01, and its format 'dd/mm/yy'      | 01/06/24 is of this century to everybody
    H2   | 1                | yyyy-mm-dd   | programs count the days before March 1900 differently | 1 or 2 January 1900
    F2   | true             | ;;;          | cell F2: it holds 'true' and shows it otherwise (format ';;;') | a text that is not shown
    A2   | A-1              | "R-"@        | cell A2: it holds 'A-1' and shows it otherwise      | R-A-1 is another key
    H2   | 1.5              | [h]:mm       | cell H2: it holds a time of day (1 day, 12:00:00)   | nor is a length of time
"""


@pytest.mark.parametrize("case", cases(SHOWN))
def test_a_cell_that_shows_something_else_than_it_holds_is_refused(tmp_path: Path, case: Row) -> None:
    """By sheet and cell; nothing else is said of its row."""
    value = float(case["value"]) if case["value"][0].isdigit() else case["value"]
    with pytest.raises(InvalidRule) as refused:
        read(changed(case["cell"], value, case["format"]), tmp_path)
    assert case["says"] in str(refused.value)
    assert len(refused.value.faults) == 1


SAME = """
    cell | value   | format     | column         | read       | because
    -----+---------+------------+----------------+------------+-------------------------------------------
    A2   | 7       | General    | key            | 7          | a number that shows its digits is that text
    A2   | 7       | 0          | key            | 7          | so does this
    D2   | 1000    | #,##0      | weight         | 1000       | separators are no part of a number
    D2   | 20      | 0.00       | weight         | 20         | nor are decimals that are zeros
    I2   | 45444   | dd/mm/yyyy | effective_to   | 2024-06-01 | a day in any order of its parts
    I2   | 45444   | d. mmmm yy | effective_to   | 2024-06-01 | in words
"""


@pytest.mark.parametrize("case", cases(SAME))
def test_a_cell_that_shows_what_it_holds_is_read(tmp_path: Path, case: Row) -> None:
    """Whatever the format, if the same value is to be seen."""
    made = changed("H2", datetime(2024, 1, 1))
    made.active[case["cell"]] = float(case["value"])
    made.active[case["cell"]].number_format = case["format"]
    versions = read(made, tmp_path).versions
    version = next(v for v in versions if v.key != "A-2" and v.key in ("A-1", "7"))
    found = {"key": version.key, "weight": version.weight, "effective_to": version.effective.end}
    assert str(found[case["column"]]) == case["read"]


def merged(made: Workbook) -> None:
    made.active["I2"] = datetime(2026, 6, 30)
    made.active.merge_cells("I2:I3")


def hidden_row(made: Workbook) -> None:
    made.active.row_dimensions[3].hidden = True


def hidden_sheet(made: Workbook) -> None:
    made.create_sheet("notes")
    made["rules"].sheet_state = "hidden"


def hidden_column(made: Workbook) -> None:
    made.active.column_dimensions["G"].hidden = True


def error(made: Workbook) -> None:
    made.active["F2"] = "#N/A"
    made.active["F2"].data_type = "e"


def other_name(made: Workbook) -> None:
    made.active.title = "Sheet1"
    made.create_sheet("types")


def chart(made: Workbook) -> None:
    other_name(made)
    drawn = BarChart()
    drawn.add_data(Reference(made["Sheet1"], min_col=4, min_row=1, max_row=3))
    made.create_chartsheet("rules").add_chart(drawn)


def struck_through(made: Workbook) -> None:
    made.active["A3"].font = Font(strike=True)


def like_a_sheet(made: Workbook) -> None:
    made.create_sheet("Membership_Types").append(["key", "margin"])


def far_column(made: Workbook) -> None:
    made.active["XFD2"] = "far"


SHEETS: tuple[tuple[Callable[[Workbook], None], str], ...] = (
    (merged, "cells I2:I3: they are merged: the first of them holds the value, the others hold none"),
    (hidden_sheet, "sheet rules: it is hidden. Show it, or delete it"),
    (hidden_row, "row 3: it is hidden. Show it (clear the filter), or delete it"),
    (hidden_column, "columns G:G: they are hidden"),
    (error, "cell F2: it shows the error #N/A"),
    (other_name, "it has no sheet 'rules' of cells; it has 'Sheet1', 'types'. Name the sheet with the rules 'rules'"),
    (chart, "it has no sheet 'rules' of cells; it has 'Sheet1', 'types', 'rules'"),
    (struck_through, "cell A3: it is struck through"),
    (like_a_sheet, "sheet Membership_Types: it is not read, though its name is like that of one which is"),
    (far_column, "sheet rules row 2: it has 16384 cells, the header has 9"),
)


@pytest.mark.parametrize(("change", "says"), SHEETS, ids=[change.__name__ for change, _ in SHEETS])
def test_a_sheet_that_hides_what_it_says_is_refused(
    tmp_path: Path, change: Callable[[Workbook], None], says: str
) -> None:
    """What is merged, hidden, an error or no sheet of cells is named, and what to do."""
    made = book()
    change(made)
    with pytest.raises(InvalidRule) as refused:
        read(made, tmp_path)
    assert says in str(refused.value)


VALUES = """
    value      | format     | read            | because
    -----------+------------+-----------------+--------------------------------------------
    True       | General    | True            | a truth is one, however a program writes it
    "TRUE"     | General    | True            | so too in a text
    2.5        | General    | Decimal('2.5')  | a number with all its digits
    45444      | yyyy-mm-dd | datetime.date(2024, 6, 1) | a day
    "007"      | @          | '007'           | a text
    0.5        | 0%         | refused         | it shows 50 %
    0.33333333333 | General    | refused         | it shows fewer digits than it holds
    "2024-02-30" | General  | refused         | a day that is none is no text either
    '{"decimal": "5"' | General | refused     | nor is half a JSON
"""


@pytest.mark.parametrize("case", cases(VALUES))
def test_a_shared_value_is_what_its_cell_shows(tmp_path: Path, case: Row) -> None:
    """In the type that everybody takes it for."""
    made = book()
    made.create_sheet("parameters").append(["name", "value"])
    made["parameters"].append(["least", literal_eval(case["value"])])
    made["parameters"]["B2"].number_format = case["format"]
    if case["read"] == "refused":
        with pytest.raises(InvalidRule, match=r"B2|is no value"):
            read(made, tmp_path)
        return
    (found,) = read(made, tmp_path).parameters
    assert repr(found.value) == case["read"]


def test_all_cells_at_fault_are_named_at_once(tmp_path: Path) -> None:
    """A fault in a row hides none in another."""
    made = book()
    made.active["G2"], made.active["A3"] = "=TRUE()", datetime(2024, 6, 1)
    made.active.append(["A-3", "bonus", "GOLD", 20, "customers", "true", False, datetime(2024, 6, 1)])
    with pytest.raises(InvalidRule) as refused:
        read(made, tmp_path)
    assert [fault.which.rpartition("sheet rules ")[2] for fault in refused.value.faults] == [
        "cell G2", "cell A3", "row 4, rule A-3"
    ]  # fmt: skip


def test_cells_without_a_value_cost_nothing(tmp_path: Path) -> None:
    """One coloured cell in the last row, and 20,000 above: two rules are read, in the memory that two rules take."""
    made = book()
    made.active["XFD1048576"].fill = COLOUR
    for row in range(4, 20_000):
        made.active.cell(row, 5).fill = COLOUR
    made.save(tmp_path / "rules.xlsx")
    del made
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert [version.key for version in exchange.read(tmp_path / "rules.xlsx").versions] == ["A-1", "A-2"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("content", [b"", b"PK", b"no workbook"], ids=["empty", "cut off", "a text"])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    """With the file's name."""
    (tmp_path / "rules.xlsx").write_bytes(content)
    with pytest.raises(ChangeRefused, match=r"rules\.xlsx: it cannot be read as a workbook"):
        exchange.read(tmp_path / "rules.xlsx")
