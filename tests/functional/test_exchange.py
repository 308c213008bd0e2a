"""Rules as files for review: out and in again without loss, and every fault of a file at once (R-REPO-7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules_engine.errors import ChangeRefused, Fault, InvalidRule
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import (
    EffectivePeriod,
    Form,
    Kind,
    MembershipType,
    RuleVersion,
    Strategy,
    Tie,
    WhenUnknown,
)
from rules_repo import csv_file, entries, exchange, yaml_file
from rules_repo.exchange import RuleFile
from rules_repo.publishing import Shared
from rules_repo.repository import Repository
from rules_repo.shared_values import Parameter
from tests.spec.table import Row, cases

TYPES = (
    MembershipType("FAMILY", tie=Tie.KEEP),
    MembershipType("GOLD", "Gold", Strategy.MAX_WEIGHT, margin=-5, veto_weight=500),
)
FULL = RuleVersion(
    key="BOND-001",
    version=1,
    kind=Kind.INCLUSION,
    membership_type="GOLD",
    weight=50,
    form=Form.PREDICATE,
    sql="product_type = 'BOND'\n  AND name <> 'O''Brien, “é”'\n",
    frame="holdings",
    effective=EffectivePeriod(date(2024, 1, 1), date(2024, 6, 1)),
    when_unknown=WhenUnknown.HOLD,
    name="yes",
    category="2024-01-01",
    rule_type="1.50",
    reason_code="null",
    reason_text=" a: b # c ",
    owner="0x1F",
    override=True,
    shadow=True,
    parameters={
        "since": date(2020, 1, 1),
        "text": "2020-01-01",
        "least": Decimal("100.50"),
        "even": Decimal("5"),
        "tiny": Decimal("1E-9"),
        "on": True,
        "many": 2**40,
        "no": "no",
    },
    metadata={"ticket": 7, "notes": ["a", {"b": None}], "share": 0.25, "day": "2024-01-01"},
)
LATER = replace(FULL, version=2, weight=60, effective=EffectivePeriod(date(2024, 6, 1)), parameters={}, metadata={})
SELECT = RuleVersion(
    key="TEN-001",
    version=1,
    kind=Kind.EXCLUSION,
    membership_type="FAMILY",
    weight=10,
    form=Form.STATEMENT,
    sql="WITH t AS (SELECT 1)\nSELECT customer_id FROM customers",
    effective=EffectivePeriod(date(1970, 1, 1)),
)
PARAMETERS = (
    Parameter("day", date(2024, 6, 1), "a day"),
    Parameter("exact", Decimal("2.50")),
    Parameter("large", Decimal("1E+3"), 'said with its "type"'),
    Parameter("least", 5),
    Parameter("looks_like_a_number", "007"),
    Parameter("no", "no", "a text, line\nand line"),
    Parameter("off", False),
)
LISTS = (
    ReferenceList("empty", {"code": "string"}, (), "nobody yet"),
    ReferenceList(
        "rates",
        {"code": "string", "rate": "decimal(5,2)", "since": "date", "live": "boolean", "n": "bigint"},
        (
            {"code": "007", "rate": "1.50", "since": "2024-06-01", "live": True, "n": 7},
            {"code": None, "rate": None, "since": None, "live": None, "n": None},
        ),
    ),
    ReferenceList("whole", {"n": "bigint"}, ({"n": 7}, {"n": None})),
    ReferenceList("words", {"code": "string"}, ({"code": "007"}, {"code": "no"}, {"code": "{"}, {"code": ""})),
)
RULES = RuleFile(TYPES, (SELECT, LATER, FULL), PARAMETERS, LISTS)


def paths(folder: Path, kind: str) -> tuple[Path, exchange.Beside]:
    names = ("types", "parameters", "lists") if kind == "csv" else ()
    return folder / f"rules.{kind}", exchange.Beside(*(folder / f"{name}.csv" for name in names))


@pytest.mark.parametrize("kind", ["yaml", "yml", "csv", "xlsx"])
def test_a_file_keeps_everything_and_the_same_rules_give_the_same_bytes(tmp_path: Path, kind: str) -> None:
    """Out, in, out: equal values, equal bytes, parameters of every type included."""
    first, again = tmp_path / "first", tmp_path / "again"
    first.mkdir()
    again.mkdir()
    exchange.write(RULES, *paths(first, kind))
    read = exchange.read(*paths(first, kind))
    assert read == RULES
    exchange.write(read, *paths(again, kind))
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in again.iterdir()}


@pytest.mark.parametrize("kind", ["yaml", "csv", "xlsx"])
def test_rules_go_through_the_database_and_back(tmp_path: Path, database_url: str, kind: str) -> None:
    """Import into an empty database, then export: the file that was imported."""
    exchange.write(RULES, *paths(tmp_path, kind))
    before = [p.read_bytes() for p in sorted(tmp_path.iterdir())]
    repository = Repository(database_url)
    read = exchange.read(*paths(tmp_path, kind))
    said = read.versions, read.membership_types, "An import", "", False, Shared(read.parameters, read.reference_lists)
    made = repository.propose(*said)
    assert (made.published, made.changes.added) == (True, ("BOND-001", "TEN-001"))
    assert made.changes.parameters == tuple(p.name for p in PARAMETERS)
    assert made.changes.reference_lists == tuple(each.name for each in LISTS)
    shared = repository.shared()
    known = RuleFile(repository.membership_types(), repository.rules(), shared.parameters, shared.reference_lists)
    exchange.write(known, *paths(tmp_path, kind))
    assert [p.read_bytes() for p in sorted(tmp_path.iterdir())] == before
    assert repository.propose(*said).change is None, "the same again changes nothing"
    fewer = Shared((replace(PARAMETERS[3], value=6),), (replace(LISTS[3], rows=()),))
    changes = repository.propose((), (), "Fewer", "", False, fewer).changes
    assert (changes.parameters, changes.reference_lists) == (("least",), ("words",))
    assert repository.shared().reference_lists[3].rows == ()
    assert len(repository.shared().parameters) == len(PARAMETERS)


def test_a_workbook_that_a_person_typed_is_read(tmp_path: Path) -> None:
    """Days, numbers and truths that the spreadsheet made of what was typed are what was meant."""
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "rules"
    book.active.append(["key", "kind", "membership_type", "weight", "frame", "sql", "shadow", "effective_from"])
    book.active.append(["A-1", "inclusion", "GOLD", 20.0, "customers", "true", True, datetime(2024, 6, 1)])
    book.save(tmp_path / "typed.xlsx")
    (version,) = exchange.read(tmp_path / "typed.xlsx").versions
    assert (version.weight, version.shadow, version.effective.first) == (20, True, date(2024, 6, 1))


def test_what_a_workbook_cannot_keep_is_refused(tmp_path: Path) -> None:
    """A text that a spreadsheet would cut or change is not exported in silence."""
    for text in ("x" * 40_000, "a\rb", "bell \x07"):
        with pytest.raises(ChangeRefused, match=r"Export to \.yaml or \.csv"):
            exchange.write(RuleFile(TYPES, (replace(FULL, reason_text=text),)), tmp_path / "rules.xlsx")


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(max_examples=150, deadline=None)
@given(sql=TEXT.filter(str.strip), name=TEXT, value=TEXT)
def test_any_text_survives_a_file(sql: str, name: str, value: str) -> None:
    """Quotes, colons, line ends, control characters: whatever is in a text comes back."""
    version = replace(FULL, sql=sql, name=name, parameters={"value": value}, metadata={"note": value})
    faults: list[Fault] = []
    sections = yaml_file.entries(yaml_file.written((), [version]), "f", faults)
    lines = csv_file.entries(csv_file.rules_written([version]), "f", entries.READABLE_RULE_FIELDS, faults)
    for _, entry in (*sections["rules"], *lines):
        assert entries.rule_version(entry, "f", faults) == version
    assert (faults, len(sections["rules"]), len(lines)) == ([], 1, 1)


HANDWRITTEN = """\
membership_types:
  - {key: GOLD}
rules:
  - key: TEN-001
    kind: INCLUSION
    membership_type: GOLD
    weight: 20
    sql: select customer_id from customers
    effective: {from: 2024-01-01}
  - key: BOND-001
    kind: exclusion
    membership_type: GOLD
    weight: 20
    frame: holdings
    sql: amount > :least AND share > :share
    parameters: {least: 5, share: 2.50, from_day: {date: "2024-01-01"}}
    effective: {from: 2024-01-01, to: 2025-01-01}
    reason: {code: BOND, text: "A bond, or two"}
"""


def test_a_handwritten_file_may_leave_out_what_is_clear(tmp_path: Path) -> None:
    """The form is read from the SQL, the rest has defaults, and values keep their digits."""
    path = tmp_path / "rules.yaml"
    path.write_text(HANDWRITTEN)
    bond, ten = exchange.read(path).versions
    assert (ten.form, ten.kind, bond.form) == (Form.STATEMENT, Kind.INCLUSION, Form.PREDICATE)
    assert bond.parameters == {"least": 5, "share": Decimal("2.50"), "from_day": date(2024, 1, 1)}
    assert str(bond.parameters["share"]) == "2.50"
    assert (bond.effective.end, bond.reason_text) == (date(2025, 1, 1), "A bond, or two")


FAULTS = """
    was                       | becomes                    | says                                                         | because
    --------------------------+----------------------------+--------------------------------------------------------------+-----------------------------------------
    weight: 20                | weight: 0                  | rules.yaml line 4, rule TEN-001: its weight 0                | a weight of zero is named with its line
    weight: 20                | weight: -5                 | never by a negative weight                                   | so is a negative one
    weight: 20                | weight: 2.5                | its weight '2.5' is not a whole number                       | half a weight is not rounded
    weight: 20                | weight: "20"               | its weight '20' is a text and not a whole number                        | a text is no number
    weight: 20                | wieght: 20                 | it has no field 'wieght'. Did you mean 'weight'?             | a misspelt field is not passed over
    kind: INCLUSION           | kind:                      | it has no kind. Write one of inclusion, exclusion            | a kind that is missing is none of Python's
    kind: INCLUSION           | kind: bonus                | its kind 'bonus' is none of inclusion, exclusion             | a kind is one of two
    sql: select customer_id from customers | sql: ""       | its SQL is empty                                             | empty SQL is refused
    sql: select customer_id from customers | sql: [a]      | its sql ['a'] is no text                                     | SQL is a text
    from: 2024-01-01}         | from: 2024-13-01}          | '2024-13-01' is no day                                       | a day that does not exist is refused
    from: 2024-01-01}         | from: soon}                | its effective_from 'soon' is no day                          | nor is a word a day
    from: 2024-01-01}         | to: 2025-01-01}            | it has no first day                                          | every rule begins some day
    from: 2024-01-01, to: 2025-01-01 | from: 2025-01-01, to: 2024-01-01 | it holds no day                        | a period that ends before it begins
    {from: 2024-01-01}        | 2024-01-01                 | its effective '2024-01-01' cannot be read                    | a day alone is shown as it is written
    from: 2024-01-01, to: 2025-01-01 | since: 2024-01-01   | Write effective: {from: …, to: …}                            | a group has known parts
    key: BOND-001             | key: TEN-001               | rules.yaml, Rule TEN-001: the periods                        | two versions on one day overlap
    least: 5                  | least: [5]                 | its parameter 'least' '[5]' is no value                      | a list is no value of a parameter
    least: 5                  | As_of: 5                   | its parameter 'As_of' has no usable name                     | parameters have small letters
    least: 5                  | least: 5, least: 6         | 'least' is given twice                                       | a name given twice hides a value
    - {key: GOLD}             | - {key: GOLD, margin: x}   | membership type GOLD: its margin 'x' is not a whole number   | membership types are checked alike
    - {key: GOLD}             | - {key: GOLD, tie: keep, margin: 3} | Set the margin to 1                                 | and by the model
    - {key: GOLD}             | - {key: GOLD}, - {key: GOLD} | it is no YAML                                              | what is no YAML says where
    rules:                    | ruels:                     | there is no section 'ruels'. Did you mean 'rules'?           | a misspelt section is not passed over
    "A bond, or two"          | A bond, or two             | with texts that hold a comma in quotes                       | a comma in a group needs quotes
"""


@pytest.mark.parametrize("case", cases(FAULTS))
def test_a_fault_in_a_yaml_file_is_named(tmp_path: Path, case: Row) -> None:
    """Which file, line and rule, what is wrong, what to do."""
    path = tmp_path / "rules.yaml"
    assert case["was"] in HANDWRITTEN
    path.write_text(HANDWRITTEN.replace(case["was"], case["becomes"], 1))
    with pytest.raises(InvalidRule) as invalid:
        exchange.read(path)
    assert case["says"] in str(invalid.value)


def test_all_faults_of_a_file_are_said_at_once(tmp_path: Path) -> None:
    """Three entries with a fault each, and one with two, are five faults."""
    path = tmp_path / "rules.yaml"
    text = HANDWRITTEN.replace("{key: GOLD}", "{key: GOLD, margin: x}").replace("INCLUSION", "bonus")
    path.write_text(text.replace("weight: 20", "weight: 0").replace("least: 5", "least: [5]"))
    with pytest.raises(InvalidRule) as invalid:
        exchange.read(path)
    assert len(invalid.value.faults) == 5


CSV = """\
key,kind,membership_type,weight,frame,sql,parameters,override,effective_from
BOND-001,inclusion,GOLD,20,holdings,"a = 1
AND b = 2","{""least"": 2.50}",yes,2024-01-01

LOAN-001,exclusion,GOLD,20,holdings,true,,,2024-01-01
"""

CSV_FAULTS = """
    was                    | becomes               | says                                                    | because
    -----------------------+-----------------------+---------------------------------------------------------+-------------------------------------------
    LOAN-001,exclusion,GOLD,20 | LOAN-001,exclusion,GOLD,zero | rules.csv line 5, rule LOAN-001: its weight 'zero' | the line is the file's, whatever cells span
    LOAN-001,exclusion     | LOAN-001,exclusion,x  | it has 10 cells, the header has 9                       | a comma too many is no shift of columns
    key,kind               | kye,kind              | there is no column 'kye'. Did you mean 'key'?           | a misspelt column is not passed over
    key,kind               | key,key               | it has the column 'key' twice                           | a column given twice hides a value
    yes                    | maybe                 | its override 'maybe' is neither true nor false          | a flag is yes or no
    2024-01-01             | 1.1.2024              | its effective_from '1.1.2024' is no day                 | days are written one way
    {""least"": 2.50}      | {least}               | are no mapping of names to values                       | parameters are a JSON object
    true,,,                | "true,,,              | it is no CSV                                            | a quote left open is found
"""


@pytest.mark.parametrize("case", cases(CSV_FAULTS))
def test_a_fault_in_a_csv_file_is_named(tmp_path: Path, case: Row) -> None:
    """Which file, line and rule, what is wrong, what to do."""
    path = tmp_path / "rules.csv"
    assert case["was"] in CSV
    path.write_text(CSV.replace(case["was"], case["becomes"], 1))
    with pytest.raises(InvalidRule) as invalid:
        exchange.read(path)
    assert case["says"] in str(invalid.value)


def test_a_csv_file_without_a_header_is_told_once(tmp_path: Path) -> None:
    """Not of every cell of its first line that there is no such column."""
    (tmp_path / "rules.csv").write_text("BOND-001,inclusion,GOLD,20,holdings,true,,,2024-01-01\n")
    with pytest.raises(InvalidRule) as invalid:
        exchange.read(tmp_path / "rules.csv")
    assert [fault.what for fault in invalid.value.faults] == ["its first line names no column 'key'."]


def test_a_csv_file_from_a_spreadsheet_is_read(tmp_path: Path) -> None:
    """A byte-order mark, line ends of two characters and empty lines do no harm."""
    path = tmp_path / "rules.csv"
    path.write_bytes(b"\xef\xbb\xbf" + CSV.replace("AND b", "and b").replace("\n", "\r\n").encode())
    bond, loan = exchange.read(path).versions
    assert (bond.parameters["least"], bond.override, loan.sql) == (Decimal("2.50"), True, "true")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.yaml", None, "it cannot be read: No such file"),
        ("rules.xml", b"", "Use .yaml, .yml, .csv or .xlsx"),
        ("rules.yaml", b"\xff\xfe", "it is not UTF-8 text"),
    ],
    ids=["a missing file", "a kind of file not known", "another encoding"],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    """Nothing is changed, and the message names the file."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ChangeRefused, match=name) as refused:
        exchange.read(path)
    assert says in str(refused.value)


@pytest.mark.parametrize("text", ["", "rules: 5", "- a", "rules: [5]"])
def test_a_yaml_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    """An empty file is no import of nothing."""
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(InvalidRule):
        exchange.read(path)


SHARED_FAULTS = """
    section         | entry                                                       | says                                              | because
    ----------------+-------------------------------------------------------------+---------------------------------------------------+-----------------------------------------
    parameters      | {name: a, value: [1]}                                       | its value '[1]' is no value                       | a parameter is one value
    parameters      | {name: a, value: 1, kind: x}                                | it has no field 'kind'                            | a slip of the pen is not ignored
    parameters      | {value: 1}                                                  | it has no name                                    | rules name it
    reference_lists | {name: a, columns: string, rows: []}                        | its columns 'string' are no mapping               | columns have types
    reference_lists | {name: a, columns: {c: string}, rows: [007]}                | its row 1: c '007' is no text. Write it in quotes | YAML took it for a number
    reference_lists | {name: a, columns: {c: string, d: date}, rows: [x]}         | its row 1, 'x', names no columns                  | of two columns a value is neither
    reference_lists | {name: a, columns: {c: string}, rows: [{e: x}]}             | Its columns are c                                 | a column that there is not
    reference_lists | {name: a, columns: {c: text}, rows: []}                     | its column 'c' of type 'text' is none             | types are Spark's
"""


@pytest.mark.parametrize("case", cases(SHARED_FAULTS))
def test_what_is_wrong_with_shared_values_is_said(tmp_path: Path, case: Row) -> None:
    """With the line and the name, before anything is drafted."""
    (tmp_path / "rules.yaml").write_text(f"{case['section']}:\n- {case['entry']}\n", encoding="utf-8")
    with pytest.raises(InvalidRule) as refused:
        exchange.read(tmp_path / "rules.yaml")
    assert any(
        case["says"] in str(fault) and fault.which.startswith("rules.yaml line 2") for fault in refused.value.faults
    )


def test_a_list_may_be_typed_in_a_sheet_one_code_a_line(tmp_path: Path) -> None:
    """Codes as they are, columns said once; what another line says otherwise is refused."""
    lines = ["name;columns;description;row", 'high;"{""code"": ""string""}";Risky;XA', "high;;;007", "high;;;XB"]
    (tmp_path / "rules.csv").write_text("key\n", encoding="utf-8")
    (tmp_path / "lists.csv").write_text("\n".join(lines), encoding="utf-8")
    beside = exchange.Beside(lists=tmp_path / "lists.csv")
    (found,) = exchange.read(tmp_path / "rules.csv", beside).reference_lists
    assert [row["code"] for row in found.rows] == ["007", "XA", "XB"]
    (tmp_path / "lists.csv").write_text("\n".join([*lines, "high;;Harmless;XC"]), encoding="utf-8")
    with pytest.raises(InvalidRule, match=r"its description are others than in lists\.csv line 2"):
        exchange.read(tmp_path / "rules.csv", beside)
