"""Data that is not as its declaration says: found before a rule is run, counted, with a masked example (R-LAKE-2, -4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from rules_engine.errors import Fault, RunRefused
from rules_engine.lake import declaration, uniqueness
from rules_engine.lake.codes import DUPLICATES
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.spark.evaluator import SparkEvaluator
from tests.faults.checked_lake import RULES, check, lake_of, sound
from tests.small_lake import put, rule, rule_set
from tests.spec.table import Row, cases, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ELEMENTS = """
    type          | says                              | values                   | code     | told                                                                    | because
    --------------+-----------------------------------+--------------------------+----------+-------------------------------------------------------------------------+-----------------------------------------
    string        | nulls = 0.0                       | FR, -, FR, -             | LAKE-201 | 2 of 4 rows (50 %) are without a value, and none may be. Mend           | no NULL is allowed and there are
    string        | nulls = 0.25                      | FR, -, -, FR             | LAKE-201 | 2 of 4 rows (50 %) are without a value, and 25 % may be.                | a burst of nulls
    string        | nulls = 0.5                       | FR, -, -, FR             |          |                                                                         | as many nulls as may be
    string        | values = ["FR", "XA"]             | FR, GB, GB, -            | LAKE-203 | 2 of 4 rows (50 %) are not among its values (FR, XA), such as '**'.     | a value that is none of the list
    string        | values = ["", "FR"]               | FR, GB, -, FR            | LAKE-203 | 1 of 4 rows (25 %) are not among its values (an empty text, FR),        | a text of no letters is one
    int           | values = [1, 2, 3]                | 1, 2, 3, 4               | LAKE-203 | 1 of 4 rows (25 %) are not among its values (1, 2, 3), such as '*'.     | a number that is none of the list
    string        | pattern = "[A-Z]{2}"              | FR, Fra, -, F            | LAKE-204 | 2 of 4 rows (50 %) are not of its pattern, [A-Z]{2}, such as '*'.       | the whole text must match
    string        | pattern = "[AB]?[A-Z]"             | A, ABC, BX, CC           | LAKE-204 | 2 of 4 rows (50 %)                                                      | a part that matches is not enough
    string        | unique = true                     | AAA, AAA, BBB, -         | LAKE-205 | 1 values of {column} stand in more than one row (2 rows), such as 'A**' | a column that is declared unique
    string        | unique = true                     | A, B, -, -               |          |                                                                         | nulls are no duplicates
    string        | unique = true, sensitive = true   | AAA, AAA, BBB, -         | LAKE-205 | such as '***'                                                           | nothing is shown of a sensitive value
    date          | min = 1900-01-01, max = "as_of"   | 1899-12-31, -, -, -      | LAKE-202 | 1 of 4 rows (25 %) are outside its range, 1900-01-01 to as_of, such as '1********'. | born before anybody
    date          | max = "as_of"                     | 2024-06-02, -, -, -      | LAKE-202 | outside its range, at most as_of                                        | born after the day of the run
    date          | min = 2000-01-01, max = "as_of"   | 2024-06-01, -, -, -      |          |                                                                         | born on the day of the run
    double        | min = 0, max = 1                  | nan, 0.1, 0.2, 1         | LAKE-202 | 1 of 4 rows (25 %) are outside its range, 0 to 1                        | NaN is in no range
    double        | min = 0, owner = "Risk", source = "DWH" | -1, 0, 0, 0        | LAKE-202 | Risk owns it and it comes from DWH. Mend the source, or min and max in  | whom to ask
    decimal(12,2) | min = 0.01                        | 0, 1, 2, 3               | LAKE-202 | 1 of 4 rows (25 %) are outside its range, at least 0.01, such as '0***' | a range of decimals
    timestamp     | max = "as_of"                     | 2024-06-01T23:59:59+00:00, 2024-06-02T00:00:00+00:00, -, - | LAKE-202 | 1 of 4 rows (25 %) are outside its range, at most as_of | any moment of the day of the run
    float         | max = 0.1                         | 0.1, 0, -, -             |          |                                                                         | a bound as the type has it
    int           | values = [1.0, 2]                 | 1, 2, 3, -               | LAKE-203 | 1 of 4 rows (25 %) are not among its values (1.0, 2)                    | a whole number that is written otherwise
    tinyint       | values = [1, 300]                 | 1, 44, 1, -              | LAKE-203 | 1 of 4 rows (25 %) are not among its values (1, 300)                    | a value that none of the type is
    decimal(12,2) | values = [1.505]                  | 1.51, 1.50, -, -         | LAKE-203 | 2 of 4 rows (50 %) are not among its values (1.505)                     | a value is not rounded
    string        | nulls = 0.249                     | FR, -, FR, FR            | LAKE-201 | 1 of 4 rows (25 %) are without a value, and 24.9 % may be.              | a share that is told from the one that may be
    string        | nulls = 0.2499999                 | FR, -, FR, FR            | LAKE-201 | 1 of 4 rows (25 %) are without a value, and 24.99999 % may be.          | to the last digit
    double        | unique = true                     | nan, nan, 1, -           | LAKE-205 | 1 values of {column} stand in more than one row (2 rows), such as 'N**' | NaN is a value, and twice the same
    date          | max = 2030-01-01                  | +10000-01-01, -, -, -    | LAKE-202 | 1 of 4 rows (25 %) are outside its range, at most 2030-01-01, such as '+* | a day that Python has none of
    date          | unique = true                     | +10000-01-01, +10000-01-01, -, - | LAKE-205 | stand in more than one row (2 rows), such as '+*                | as every other one
    string        | nulls = 0.9, pattern = "x+"       | -, -, -, x               |          |                                                                         | all that is expected is met
"""  # fmt: skip

KEYS = """
    says                         | number                      | id          | code     | told                                                                                         | because
    -----------------------------+-----------------------------+-------------+----------+----------------------------------------------------------------------------------------------+-------------------------------------
    key = ["number"]             | 1, 2, 2, 4                  | 1, 2, 3, 4  | LAKE-205 | 1 values of 'number' stand in more than one row (2 rows), such as '*'. Remove the duplicates | duplicate ids
    key = ["number"]             | 1, 2, -, 4                  | 1, 2, 3, 4  | LAKE-206 | 1 of 4 rows (25 %) have no 'number', which is declared as its key.                           | a key without a value
    key = ["number"]             | 1, 9000000000000000000, 1, 4| 1, 2, 3, 4  | LAKE-205 | 1 values of 'number' stand in more than one row (2 rows)                                     | numbers that are far apart
    key = ["number"]             | -7, 0, 7, 8                 | 1, 2, 3, 4  |          |                                                                                              | numbers below zero
    key = ["number"]             | -1, 63, 127, -65            | 1, 2, 3, 4  |          |                                                                                              | the last of four times 64 neighbours
    key = ["number"]             | -9223372036854775808, 9223372036854775807, -1, 0 | 1, 2, 3, 4 | |                                                                                          | the ends of whole numbers
    key = ["number"]             | -1, -1, 63, 127             | 1, 2, 3, 4  | LAKE-205 | 1 values of 'number' stand in more than one row (2 rows)                                     | the last of 64 neighbours twice
    key = ["id", "number"]       | 1, -, -, 2                  | 1, 2, 2, 4  | LAKE-206 | 2 of 4 rows (50 %) have no 'id', 'number', which is declared as its key.                     | half a key is none, and no duplicate
    key = ["id", "number"]       | 1, 1, 2, 2                  | 1, 2, 1, 2  |          |                                                                                              | a key of two columns that is kept
    key = ["id", "number"]       | 1, 2, 1, 2                  | 11, 2, 11, 2| LAKE-205 | 2 values of 'id', 'number' stand in more than one row (4 rows), such as '*', '*'.            | a key of two columns that is not
    orphans = 0.0                | 1, 2, 3, 4                  | 1, 2, 3, 99 | LAKE-207 | 1 of 4 rows (25 %) are of no 'customers', and none may be (orphans): 1 values of 'id', such as '**'. | one orphan
    orphans = 0.25               | 1, 2, 3, 4                  | 1, 2, 98, 99| LAKE-207 | 2 of 4 rows (50 %) are of no 'customers', and 25 % may be (orphans): 2 values of 'id'        | a burst of orphans
    orphans = 0.25               | 1, 2, 3, 4                  | 1, 2, 3, -  |          |                                                                                              | a row of nobody is an orphan that may be
    orphans = 0.0                | 1, 2, 3, 4                  | 1, 2, 3, 5  | LAKE-207 | 1 of 4 rows (25 %) are of no 'customers', and none may be (orphans): 1 values of 'id'         | a number beside those that are known
    orphans = 0.0                | 1, 2, 3, 4                  | 4, 4, 1, 1  |          |                                                                                              | several rows of one subject
    orphans = 0.0                | 1, 2, 3, 4                  | 1, 2, 3, -  | LAKE-207 | 1 of 4 rows (25 %) are of no 'customers', and none may be (orphans).                         | a row of nobody is an orphan
"""  # fmt: skip

READ: Mapping[str, tuple[pa.DataType, Callable[[str], object]]] = {
    "string": (pa.string(), str),
    "int": (pa.int32(), int),
    "tinyint": (pa.int8(), int),
    "float": (pa.float32(), float),
    "timestamp": (pa.timestamp("us", "UTC"), datetime.fromisoformat),
    "bigint": (pa.int64(), int),
    "date": (pa.date32(), lambda text: 2_932_897 if text == "+10000-01-01" else date.fromisoformat(text)),
    "double": (pa.float64(), float),
    "decimal(12,2)": (pa.decimal128(12, 2), Decimal),
}


def values(type_: str, cells: str) -> pa.Array:
    """A cell of a table as a column; ``-`` is no value."""
    kind, read = READ[type_]
    return pa.array([None if cell.strip() == "-" else read(cell.strip()) for cell in cells.split(",")], kind)


@pytest.fixture(scope="module")
def faults(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[Fault]:
    """Every row of both tables as a column or a frame of one lake that is checked once, as if it had many rows."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(uniqueness, "FEW", -1)
        return _found(spark, tmp_path_factory.mktemp("lake"), with_statistics=True)


def _found(spark: SparkSession, folder: Path, *, with_statistics: bool) -> list[Fault]:
    elements, keys = rows(ELEMENTS), rows(KEYS)
    columns = {f"c{at}": values(row["type"], row["values"]) for at, row in enumerate(elements)}
    put(folder / "customers", {"id": values("bigint", "1, 2, 3, 4"), **columns}, with_statistics=with_statistics)
    said = ['subject = "customers"', '[frames.customers]\npath = "customers"\nsubject_key = "id"']
    said += ['[frames.customers.columns]\nid = "bigint"']
    types = [f'c{at} = {{ type = "{row["type"]}", {row["says"]} }}' for at, row in enumerate(elements)]
    said += types
    rules = [rule(f"C{at}", f"c{at} IS NOT NULL") for at in range(len(elements))]
    put(folder / "keyed", {"id": values("bigint", "1, 2, 3, 3"), **columns}, with_statistics=with_statistics)
    said += ['[frames.keyed]\npath = "keyed"\nkey = ["id"]\nsubject_key = "id"']
    said += ['[frames.keyed.columns]\nid = "bigint"', *types]
    rules += [rule(f"K{at}", f"c{at} IS NOT NULL", frame="keyed") for at in range(len(elements))]
    for at, row in enumerate(keys if with_statistics else ()):
        put(folder / f"f{at}", {name: values("bigint", row[name]) for name in ("number", "id")})
        said += [f'[frames.f{at}]\npath = "f{at}"\nsubject_key = "id"\n{row["says"]}']
        rules += [rule(f"F{at}", "number > 1", frame=f"f{at}")]
    lake = declaration.parse("\n".join(said), str(folder))
    with pytest.raises(RunRefused) as refused:
        check(spark, lake, rule_set(*rules))
    return list(refused.value.faults)


def test_of_few_rows_the_same_is_found(spark: SparkSession, tmp_path: Path, faults: list[Fault]) -> None:
    """Their keys are looked at by the driver."""
    assert _found(spark, tmp_path, with_statistics=True) == faults


def test_files_that_say_nothing_of_their_values_are_read(
    spark: SparkSession, tmp_path: Path, faults: list[Fault]
) -> None:
    """With statistics in the feet of files or without, the same is found."""
    of_both = [fault for fault in faults if fault.which.startswith("Column") or "keyed" in fault.which]
    assert _found(spark, tmp_path, with_statistics=False) == of_both


def test_values_are_counted_in_the_pass_of_a_key_as_they_are_by_themselves(faults: list[Fault]) -> None:
    """Of a frame whose key is a whole number; that two rows have the same one is told beside."""
    by_themselves = [fault for fault in faults if fault.which.startswith("Column 'customers.")]
    with_key = [fault for fault in faults if "'keyed" in fault.which]
    assert [fault.code for fault in with_key if fault.which == "Frame 'keyed'"] == [DUPLICATES]
    of_columns = [replace(each, which=each.which.replace("keyed", "customers")) for each in with_key]
    assert [each for each in of_columns if each.which.startswith("Column")] == by_themselves


@pytest.mark.parametrize(("at", "row"), [pytest.param(*it, id=it[1]["because"]) for it in enumerate(rows(ELEMENTS))])
def test_a_column_that_is_not_as_declared(faults: list[Fault], at: int, row: Row) -> None:
    """Each kind by its code, with a count and no value; what is as declared is let through."""
    found = [fault for fault in faults if fault.which == f"Column 'customers.c{at}'"]
    assert [fault.code for fault in found] == [row["code"]] * bool(row["code"])
    assert all(row["told"].replace("{column}", f"'c{at}'") in f"{f.what} {f.remedy}" for f in found), str(found)


@pytest.mark.parametrize(("at", "row"), [pytest.param(*it, id=it[1]["because"]) for it in enumerate(rows(KEYS))])
def test_a_frame_whose_rows_are_not_told_apart_or_of_nobody(faults: list[Fault], at: int, row: Row) -> None:
    """Keys of one column and of two, numbers near and far; orphans as a share of the rows."""
    found = [fault for fault in faults if fault.which == f"Frame 'f{at}'"]
    assert [fault.code for fault in found] == [row["code"]] * bool(row["code"])
    assert all(row["told"] in f"{f.what} {f.remedy}" for f in found), str(found)


HELD = """
    lake                | country                              | held                                        | types held  | because
    --------------------+--------------------------------------+---------------------------------------------+-------------+----------------------------------------
    on_breach = "hold"  | , nulls = 0.0                        |                                             | GOLD        | a column that one type's rules use
    on_breach = "hold"  |                                      | key = ["number"]                            | RICH, RISKY | a frame that two types' rules use
                        | , nulls = 0.0, on_breach = "hold"    |                                             | GOLD        | by the column's own setting
    on_breach = "hold"  | , nulls = 0.0, on_breach = "stop"    |                                             | stops       | a column that stops where the lake holds
    on_breach = "hold"  | , nulls = 0.0                        | key = ["number"]; on_breach = "stop"        | stops       | a frame that stops where the lake holds
"""


@pytest.mark.parametrize("row", cases(HELD))
def test_a_breach_holds_the_types_whose_rules_use_it(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """By the setting of the column, else of the frame, else of the lake; every rule that uses it is named."""
    frames = sound()
    frames["customers"]["country"] = pa.array(["FR", None, None, "FR"])
    frames["held"]["number"] = pa.array([1, 1, 2, 3], pa.int64())
    said = {name: row[name].replace("; ", "\n") for name in ("lake", "country", "held")}
    lake = lake_of(tmp_path / "lake", frames, **said)
    if row["types held"] == "stops":
        with pytest.raises(RunRefused):
            check(spark, lake)
        return
    failures = check(spark, lake).failures
    assert ", ".join(failure.membership_type for failure in failures) == row["types held"]
    assert all(failure.what.startswith("it uses ") for failure in failures)


def test_a_held_breach_decides_the_other_types(spark: SparkSession, tmp_path: Path) -> None:
    """Nothing of the held type is decided, and the evaluation says why; the others are decided as ever."""
    frames = sound()
    frames["customers"]["country"] = pa.array(["FR", None, None, "FR"])
    lake = lake_of(tmp_path / "lake", frames, lake='on_breach = "hold"', country=", nulls = 0.0")
    found = SparkEvaluator(spark, lake).evaluate(RULES, HitMatrix.of(RULES), str(tmp_path / "run"), None)
    assert {t.membership_type: t.decided for t in found.types if t.decided} == {"SCORED": 3, "RICH": 2, "RISKY": 2}
    ((held,),) = [each.failures for each in found.held]
    assert (held.rule, held.code) == ("OLD/1", "LAKE-201")


def test_where_every_type_would_be_held_the_run_stops(spark: SparkSession, tmp_path: Path) -> None:
    """There is nothing to decide, and that is said beside what is wrong; nothing is staged."""
    frames = sound()
    frames["customers"]["country"] = pa.array(["FR", None, None, "FR"])
    lake = lake_of(tmp_path / "lake", frames, lake='on_breach = "hold"', country=", nulls = 0.0")
    rules = rule_set(RULES.versions[0])
    with pytest.raises(RunRefused, match="nothing to decide"):
        SparkEvaluator(spark, lake).evaluate(rules, HitMatrix.of(rules), str(tmp_path / "run"), None)
    assert not (tmp_path / "run").exists()


def test_all_that_is_wrong_is_told_at_once_and_no_value(spark: SparkSession, tmp_path: Path) -> None:
    """Subjects, elements and keys together; what no rule uses is not looked at."""
    frames = sound()
    country = pa.array(["Toulouse", None, "FR", "FR"])
    frames["customers"] |= {"id": pa.array([1, 1, 2, 3], pa.int64()), "country": country}
    frames["held"]["number"] = pa.array([1, 1, 2, 3], pa.int64())
    said = {"country": ', nulls = 0.0, values = ["FR"]', "held": 'key = ["number"]\norphans = 0.0'}
    with pytest.raises(RunRefused) as refused:
        check(spark, lake_of(tmp_path / "lake", frames, **said))
    codes = [fault.code for fault in refused.value.faults]
    assert codes == ["LAKE-205", "LAKE-201", "LAKE-203", "LAKE-205", "LAKE-207"]
    assert "Toulouse" not in str(refused.value)
    assert "unused" not in str(refused.value)


def test_a_key_that_is_not_there_or_that_nothing_compares_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    """Both at once; the message says which type it is."""
    frames = sound()
    frames["held"]["tags"] = pa.array([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int32()))
    lake = lake_of(tmp_path, frames)
    held = replace(lake.frame("held"), columns=(), key=("number", "tags", "cod"))
    with pytest.raises(RunRefused) as refused:
        check(spark, replace(lake, frames=tuple(held if f.name == "held" else f for f in lake.frames)))
    said = [fault.what for fault in refused.value.faults]
    assert said == [
        "its files have no column 'cod', which is declared as its key.",
        "its key 'tags' is map<string,int>, and maps are not compared.",
    ]


@pytest.mark.parametrize("pattern", ["(FR", r"\QFR", "(?x)FR # France"])
def test_a_pattern_that_java_does_not_read_is_refused(spark: SparkSession, tmp_path: Path, pattern: str) -> None:
    """Nor one that swallows what says that it is of the whole text."""
    with pytest.raises(RunRefused, match="is no regular expression of Java's"):
        check(spark, lake_of(tmp_path, sound(), country=f", pattern = '{pattern}'"))


DECLARATIONS = """
    says                                       | told                                                                | because
    -------------------------------------------+---------------------------------------------------------------------+--------------------------------------
    type = "string", nuls = 0.1                | it says 'nuls', which means nothing. Did you mean 'nulls'?          | a slip of the finger
    type = "int", allowed = [1, 2]             | it says 'allowed', which means nothing. There are: max, meaning,    | a word of another tool
    nulls = 0.1                                | it has no type.                                                     | a column without a type
    type = "string", nulls = 5                 | it says nulls = 5, which is no share.                               | five per cent is 0.05
    type = "string", nulls = true              | it says nulls = True, which is no share.                            | a truth is no share
    type = "string", min = 1                   | it has min and is string. Only numbers and days have a range.       | texts have no range
    type = "int", min = "a"                    | its min, 'a', is no int.                                            | a bound of another type
    type = "date", max = "tomorrow"            | its max, 'tomorrow', is no date. Write a value of its type; of days | days are days, or as_of
    type = "int", min = 3, max = 2             | its min 3 is above its max 2.                                       | a range that nothing is in
    type = "int", values = [1, "x"]            | among its values 'x' is no int.                                     | a value of another type
    type = "decimal(2,1)", max = 1e40          | its max, 1e+40, is no decimal(2,1).                                 | more digits than there are
    type = "map<string,int>", unique = true    | it says unique and is map<string,int>.                              | maps are not told apart
    type = "int", values = []                  | its values are no list, or an empty one.                            | nothing may be
    type = "int", pattern = "[0-9]"            | it has a pattern and is int.                                        | numbers have no pattern
    type = "int", unique = "yes"               | it says unique = 'yes'. Write unique = true, or leave it out.       | a text is no truth
    type = "int", on_breach = "warn"           | it says on_breach = 'warn', which means nothing. Write stop or hold.| there are two
"""  # fmt: skip


@pytest.mark.parametrize("row", cases(DECLARATIONS))
def test_a_column_that_is_declared_wrongly(row: Row) -> None:
    """Refused with the column and what to write, before any file is looked at."""
    text = f'subject = "a"\n[frames.a]\npath = "a"\nsubject_key = "k"\n[frames.a.columns]\nc = {{ {row["says"]} }}'
    with pytest.raises(RunRefused) as refused:
        declaration.parse(text, "/lake")
    assert f"Column 'a.c': {row['told']}" in str(refused.value)
