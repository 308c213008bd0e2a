"""What CSV and YAML show is what is read, or it is refused with the line, the fault and the cure (R-UX, K14 and K15)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules_engine.errors import ChangeRefused, InvalidRule
from rules_repo import exchange, yaml_file
from tests.spec.table import Row, cases

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


ALIASES = "".join(f"    a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
LARGER = (
    (f"rules:\n- metadata:\n    a0: &a0 [x]\n{ALIASES}", "its aliases (*name) stand for more than five million values"),
    (f"rules:\n- metadata: {'[' * 9000}{']' * 9000}\n", "it is no YAML: maximum recursion depth exceeded"),
    ("rules:\n- metadata: &a {a: *a}\n", "found unconstructable recursive node"),
)


@pytest.mark.parametrize(("content", "says"), LARGER, ids=["aliases", "brackets", "itself"])
def test_what_is_larger_than_it_looks_is_refused_at_once(tmp_path: Path, content: str, says: str) -> None:
    """A few lines that stand for a hundred thousand million values, or for no end of them."""
    (tmp_path / "rules.yaml").write_text(content)
    with pytest.raises(InvalidRule) as refused:
        exchange.read(tmp_path / "rules.yaml")
    assert says in str(refused.value)


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
