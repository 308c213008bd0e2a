"""What a file of rules shows is what is read, or it is refused with the place, the fault and the cure (R-UX, K13 to K15)."""

from __future__ import annotations

import resource
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font, PatternFill

from rules_engine.errors import ChangeRefused, InvalidRule
from rules_repo import exchange, yaml_file
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
    45444      | yyyy-mm-dd | date(2024, 6, 1) | a day
    "007"      | @          | '007'           | a text
    0.5        | 0%         | refused         | it shows 50 %
    1/3        | General    | refused         | it shows fewer digits than it holds
    "2024-02-30" | General  | refused         | a day that is none is no text either
    '{"decimal": "5"' | General | refused     | nor is half a JSON
"""


@pytest.mark.parametrize("case", cases(VALUES))
def test_a_shared_value_is_what_its_cell_shows(tmp_path: Path, case: Row) -> None:
    """In the type that everybody takes it for."""
    made = book()
    made.create_sheet("parameters").append(["name", "value"])
    made["parameters"].append(["least", eval(case["value"])])
    made["parameters"]["B2"].number_format = case["format"]
    if case["read"] == "refused":
        with pytest.raises(InvalidRule, match=r"B2|is no value"):
            read(made, tmp_path)
        return
    (found,) = read(made, tmp_path).parameters
    wanted = eval(case["read"])
    assert (found.value, type(found.value)) == (wanted, type(wanted))


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


CSV = "key,kind,membership_type,weight,frame,sql,effective_from{}\nA-1,inclusion,GOLD,20,customers,a > 1,2024-01-01{}\n"


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_columns_are_parted_by_what_parts_their_names(tmp_path: Path, sign: str) -> None:
    """Commas, or the semicolons and tabs that spreadsheets write where a comma is the sign of decimals."""
    (tmp_path / "rules.csv").write_text(CSV.format("", "").replace(",", sign))
    (version,) = exchange.read(tmp_path / "rules.csv").versions
    assert (version.key, version.weight, version.sql) == ("A-1", 20, "a > 1")


def test_empty_columns_at_the_end_are_none(tmp_path: Path) -> None:
    """Spreadsheets write them for cells that once held something."""
    (tmp_path / "rules.csv").write_text(CSV.format(",,,", ",,,"))
    assert len(exchange.read(tmp_path / "rules.csv").versions) == 1


CSV_FAULTS = """
    header | row    | says                                            | because
    -------+--------+-------------------------------------------------+---------------------------------------------
    ,      | ,x     | it has 8 cells, the header has 7                | a value under no name is not dropped
    ,,name | ,,x    | rules.csv: column 8 has no name. Name it, or remove it | nor is an empty column between others
"""


@pytest.mark.parametrize("case", cases(CSV_FAULTS))
def test_a_value_without_a_column_is_refused(tmp_path: Path, case: Row) -> None:
    """Once, with its place."""
    (tmp_path / "rules.csv").write_text(CSV.format(case["header"], case["row"]))
    with pytest.raises(InvalidRule, match=case["says"].replace("(", r"\(")) as refused:
        exchange.read(tmp_path / "rules.csv")
    assert str(refused.value).count("no name") <= 1


NUMBERS = """
    was        | becomes    | says                                | because
    -----------+------------+-------------------------------------+----------------------------------------
    20,cust    | 1_000,cust | its weight '1_000' is not a whole   | only a program writes a number so
    20,cust    | ٢٠,cust    | its weight '٢٠' is not a whole      | digits of another script look otherwise
    2024-01-01 | 20240101   | its effective_from '20240101' is no day | a day has one form
    2024-01-01 | 2024-W01-1 | is no day                           | weeks are counted in several ways
"""


@pytest.mark.parametrize("case", cases(NUMBERS))
def test_numbers_and_days_have_one_form(tmp_path: Path, case: Row) -> None:
    """What Python would take for one is refused as it was written."""
    (tmp_path / "rules.csv").write_text(CSV.format("", "").replace(case["was"], case["becomes"]))
    with pytest.raises(InvalidRule) as refused:
        exchange.read(tmp_path / "rules.csv")
    assert case["says"] in str(refused.value)


QUOTED = """
    line                            | says                                              | because
    --------------------------------+---------------------------------------------------+-----------------------------------
    weight: "20"                    | its weight '20' is a text and not a whole number. Leave the quotes out: 20 | quotes make a text
    weight: 20, shadow: "false"     | its shadow 'false' is neither true nor false. Leave the quotes out         | of a truth, too
    weight: 20, name: 2024-01-01    | its name '2024-01-01' is no text. Write it in quotes                       | shown as it was written
    weight: 20, name: 007           | its name '007' is no text. Write it in quotes     | a number that YAML reads as 7
    weight: 20, owner: 1e3          | its owner '1e3' is no text                        | and one that it reads as 1000
    weight: 2e1                     | its weight '2e1' is not a whole number            | shown as written, too
    weight: .inf                    | its weight '.inf' is not a whole number           | not what a program makes of it
    weight: ~                       | it has no weight. Give it a whole number above zero | nobody wrote a zero
    weight: 20, effective_from: 2025-01-01 | its effective_from is given twice, alone and in a group | the last does not win
    weight: 20, parameters: {day: 2024-02-30} | '2024-02-30' is no day                   | nor is it a text
    weight: 20, parameters: {least: .nan} | its parameter 'least' '.nan' is no value     | no number at all
    weight: 20, name: "a\\0b"       | its name holds a zero byte                        | PostgreSQL keeps none
"""


@pytest.mark.parametrize("case", cases(QUOTED))
def test_quotes_make_texts_and_the_cure_says_so(tmp_path: Path, case: Row) -> None:
    """In YAML; a day may stand in quotes, for it reads alike."""
    rest = 'key: A-1, kind: inclusion, membership_type: GOLD, frame: customers, sql: a > 1, effective: {from: "2024-01-01"}'
    (tmp_path / "rules.yaml").write_text(f"rules: [{{{rest}, {case['line']}}}]")
    with pytest.raises(InvalidRule) as refused:
        exchange.read(tmp_path / "rules.yaml")
    assert case["says"] in str(refused.value)
    assert len(refused.value.faults) == 1


CODES = """
    rows           | says                                                 | because
    ---------------+------------------------------------------------------+-------------------------------
    [007]          | its row 1: code '007' is no text. Write it in quotes | a code with its zeros
    [XA, 12E4]     | its row 2: code '12E4' is no text                    | a code that looks like a number
    [NO, true]     | its row 2: code 'true' is no text                    | NO is a text, and this none
    [{code: 1.10}] | its row 1: code '1.10' is no text                    | in a row of columns, too
"""


@pytest.mark.parametrize("case", cases(CODES))
def test_codes_are_texts_as_they_are_written(tmp_path: Path, case: Row) -> None:
    """Whatever YAML takes them for; by their row."""
    said = f"reference_lists: [{{name: codes, columns: {{code: string}}, rows: {case['rows']}}}]"
    (tmp_path / "rules.yaml").write_text(said)
    with pytest.raises(InvalidRule) as refused:
        exchange.read(tmp_path / "rules.yaml")
    assert case["says"] in str(refused.value)


PARTED = (
    (CSV.format("", "").replace(",", "|"), "its cells are parted by '|'. Part them by commas, semicolons or tabs"),
    (CSV.format("", "").replace(",", " "), "its cells are parted by ' '. Part them by commas"),
    ('"key,kind,sql"\n"A-1,inclusion,a > 1"\n', "Take the quotes around whole lines away"),
    ("key;kind;sql\nA-1,inclusion,GOLD\n", "Part them by the sign that parts the header"),
)


@pytest.mark.parametrize(("content", "says"), PARTED, ids=["bars", "spaces", "quotes", "two"])
def test_a_separator_that_is_none_is_named(tmp_path: Path, content: str, says: str) -> None:
    """Rather than one column of all names."""
    (tmp_path / "rules.csv").write_text(content)
    with pytest.raises(InvalidRule) as refused:
        exchange.read(tmp_path / "rules.csv")
    assert says in str(refused.value)


def test_the_line_that_a_spreadsheet_writes_for_itself_is_none(tmp_path: Path) -> None:
    """Before the names of the columns."""
    (tmp_path / "rules.csv").write_text("sep=;\n" + CSV.format("", "").replace(",", ";"))
    assert len(exchange.read(tmp_path / "rules.csv").versions) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("key;name\nA;Müller".encode("cp1252"), "byte 0xFC in line 2 is none. Save it as UTF-8"),
        ("key;name".encode("utf-16"), "it is not UTF-8 text but UTF-16 or UTF-32. Save it as UTF-8"),
        ("key;name".encode("utf-16-le"), "it is not UTF-8 text but UTF-16 or UTF-32"),
        ("key;name".encode("utf-32"), "it is not UTF-8 text but UTF-16 or UTF-32"),
    ],
    ids=["of Windows", "of 16 bits", "of 16 bits without a mark", "of 32 bits"],
)
def test_an_encoding_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    """With the byte that is none, and the name that a spreadsheet has for the right one."""
    (tmp_path / "rules.csv").write_bytes(content)
    with pytest.raises(ChangeRefused) as refused:
        exchange.read(tmp_path / "rules.csv")
    assert says in str(refused.value)


WORDS: dict[str, Any] = {
    "010": 10, "+5": 5, "0x1F": 31, "0o17": 15, "1_000": "1_000", "0b1": "0b1", "12:30": "12:30", "190:20:30": "190:20:30",
    "NO": "NO", "no": "no", "on": "on", "Yes": "Yes", "y": "y", "true": True, "FALSE": False, "TrUe": "TrUe",
    "~": None, "null": None, "nil": "nil", "2.50": Decimal("2.50"), "1e3": Decimal(1000), ".5": Decimal("0.5"), "1.": Decimal(1),
    "1,5": "1,5", "2024-06-01": date(2024, 6, 1), "2024-6-1": "2024-6-1", "2024-06-01 23:59:59": "2024-06-01 23:59:59",
    "<<": "<<", "=": "=",
}  # fmt: skip
"""What a word without quotes is by YAML 1.2's core schema, and days."""


@pytest.mark.parametrize("word", WORDS)
def test_yaml_is_read_by_its_core_schema(word: str) -> None:
    """NO is a country and 12:30 no number; a value that 1.1 guessed is a text, and the field says whether it may be one."""
    faults: list[Any] = []
    read = yaml_file.entries(f"rules:\n- key: A-1\n  name: {word}\n", "rules.yaml", faults)
    ((_, entry),) = read["rules"]
    assert (entry["name"], type(entry["name"])) == (WORDS[word], type(WORDS[word]))
    assert not faults


@pytest.mark.parametrize("word", WORDS)
def test_a_text_is_written_so_that_every_reader_takes_it_for_one(word: str) -> None:
    """In quotes, if a reader of YAML 1.1 or 1.2 would take it for something else."""
    text = yaml.dump({"name": word}, Dumper=yaml_file._Dumper)
    assert yaml.load(text, Loader=yaml_file._Loader) == yaml.safe_load(text) == {"name": word}
