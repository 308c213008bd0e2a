"""`rules lake declare FOLDER` writes the declaration from the files, so that nobody types columns (R-LAKE-1)."""

from __future__ import annotations

import gzip
import json
import re
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from console.main import program
from rules_engine.lake import declaration
from rules_engine.spark.evaluator import SparkEvaluator
from tests.spec.table import Row, cases

DECLARED = """
subject = "customers"

[frames.customers]
path = "customers/dt={day}"
format = "parquet"
key = ["customer_id"]
subject_key = "customer_id"
[frames.customers.columns]
customer_id = "bigint"
born = "date"
premium = "decimal(12,2)"

[frames.policies]
path = "policies.csv"
format = "csv"
subject_key = "customer_id"
options = { sep = ";", decimal = ",", dateFormat = "dd.MM.yyyy" }
[frames.policies.columns]
policy = "string"
customer_id = "bigint"
insured = "decimal(18,2)"
since = "date"

[frames.products]
path = "products"
format = "orc"
[frames.products.columns]
code = "string"
country = "string"

[frames.visits]
path = "visits"
format = "json"
subject_key = "customer_id"
[frames.visits.columns]
customer_id = "bigint"
at = "timestamp"
rating = "decimal(18,1)"
tags = "array<string>"
"""


def _land(folder: Path) -> None:
    for day in ("2026-06-04", "2026-06-05"):
        place = folder / "customers" / f"dt={day}"
        place.mkdir(parents=True)
        premium, born = pa.array([1, 2], pa.decimal128(12, 2)), pa.array([date(1990, 1, 1)] * 2)
        pq.write_table(pa.table({"customer_id": [1, 2], "born": born, "premium": premium}), place / "part-0.parquet")
    (folder / "policies.csv").write_text(
        "policy;customer_id;insured;since\n007;1;1600,50;05.06.2020\n8;2;900;01.02.2021\n"
    )
    (folder / "products/country=FR").mkdir(parents=True)
    orc.write_table(pa.table({"code": ["A"]}), str(folder / "products/country=FR/part-0.orc"))
    (folder / "visits").mkdir()
    visits = [
        '{"customer_id": 1, "at": "2026-06-05T10:00:00Z", "rating": 4.5, "tags": ["a"]}',
        '{"customer_id": 2, "at": "2026-06-05T11:00:00Z", "rating": null, "tags": []}',
    ]
    (folder / "visits/part-0.json").write_text("\n".join(visits) + "\n")


def _declare(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(program(), ["lake", "declare", *map(str, arguments)])
    return done.exit_code, done.output


def test_a_declaration_is_written_and_can_be_read(spark: SparkSession, tmp_path: Path) -> None:
    """Formats, days, separators, decimal marks, forms of days and types are guessed; what is guessed is opened."""
    _land(tmp_path)
    code, said = _declare(tmp_path)
    assert code == 0, said
    text = (tmp_path / "lake.toml").read_text()
    assert text == DECLARED.lstrip()
    evaluator = SparkEvaluator(spark, declaration.parse(text, str(tmp_path)))
    assert evaluator.check_lake(date(2026, 6, 5)).subjects == 2
    (row,) = evaluator.spark.sql("SELECT sum(insured) AS total, max(since) AS newest FROM policies").collect()
    assert (str(row["total"]), row["newest"]) == ("2500.50", date(2021, 2, 1))


def test_a_declaration_is_not_overwritten(tmp_path: Path) -> None:
    """Whoever has said what columns mean keeps it, until told otherwise."""
    _land(tmp_path)
    (tmp_path / "lake.toml").write_text("mine")
    code, said = _declare(tmp_path)
    assert code == 5
    assert "it is there already" in said
    assert (tmp_path / "lake.toml").read_text() == "mine"
    assert _declare(tmp_path, "--force")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "which frame holds those whom decisions are about? There are: a, b."),
        (["--subject", "c"], "there is no frame 'c'."),
        (["--subject", "a"], "which column of 'a' names a subject? There are: x."),
        (["--subject", "a", "--key", "y"], "frame 'a' has no column 'y'."),
    ],
    ids=["two frames", "no such frame", "no likely key", "no such key"],
)
def test_what_cannot_be_guessed_is_asked(tmp_path: Path, arguments: list[str], says: str) -> None:
    """By what there is."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"x": 1}))
    code, said = _declare(tmp_path, *arguments)
    assert code == 5
    assert says in " ".join(said.split())


FILES = """
    files                                            | path                      | because
    -------------------------------------------------+---------------------------+--------------------------------------
    2024-06-01.json 2024-06-02.json                  | customers/{day}.json      | a file a day
    2024-06-01.json                                  | customers/{day}.json      | the first of them
    20240602.json 2024-06-01.json README.md _SUCCESS | customers/{day}.json      | whatever else lies there
    crm_2024-06-01.json crm_2024-06-02.json          | customers/crm_{day}.json  | with a word before the day
    2024-06-01_a.json 2024-06-02_a.json              | customers/{day}_a.json    | with a word after it
    dt=2024-06-01/a.json dt=2024-06-02/a.json        | customers/dt={day}        | a folder a day
    2024-06-01-a.json 2024-06-01-b.json              | customers                 | parts of one day
    part-00000-20240601.json part-00001-20240602.json | customers                | what is no day of a file
"""


@pytest.mark.parametrize("row", cases(FILES))
def test_a_path_is_dated_as_names_are(tmp_path: Path, row: Row) -> None:
    """Days of which none is said would be read together; types are guessed of the newest."""
    for name in row["files"].split():
        (tmp_path / "customers" / name).parent.mkdir(parents=True, exist_ok=True)
        value = "a" if re.search("06-?02", name) else 1
        (tmp_path / "customers" / name).write_text(json.dumps({"customer_id": 1, "n": value}))
    code, said = _declare(tmp_path)
    assert code == 0, said
    text = (tmp_path / "lake.toml").read_text()
    assert f'path = "{row["path"]}"' in text
    newest = "{day}" in row["path"] and re.search("06-?02", row["files"])
    assert f'n = "{"string" if newest else "bigint"}"' in text


UNTOLD = """
    files                                     | says                                                                            | because
    ------------------------------------------+---------------------------------------------------------------------------------+----------------------------------
    c/2024-06-01.json c/2024-06-02.json.gz    | not called alike, as 2024-06-01.json and 2024-06-02.json.gz. Name each by its   | one of the days is packed
    c/2024-06-01.json c/2024-06-02.json c/x.json | not called alike, as 2024-06-02.json and x.json.                             | one says no day
    a-b/a.json a b.json                       | Frame 'a_b': 'a b.json' and 'a-b' would be called so, each of them. Rename all  | signs alone differ
    A/a.json a.json                           | Frame 'a': 'A' and 'a.json' would be called so                                  | capitals alone differ
    list/a.json                               | its file a.json cannot be read as json: it has a record that is no object.      | a list of what is none
"""


@pytest.mark.parametrize("row", cases(UNTOLD))
def test_what_would_be_declared_wrong_is_told(tmp_path: Path, row: Row) -> None:
    """And nothing is written."""
    for name in row["files"].replace("a b.", "a~b.").split():
        (tmp_path / name.replace("~", " ")).parent.mkdir(exist_ok=True)
        content = gzip.compress(b'{"id": 1}') if name.endswith(".gz") else b"[1, 2]" if "list" in name else b'{"id": 1}'
        (tmp_path / name.replace("~", " ")).write_bytes(content)
    code, said = _declare(tmp_path)
    assert code == 5
    assert row["says"] in " ".join(said.split())
    assert not (tmp_path / "lake.toml").exists()


def test_json_of_one_line_and_of_no_number_is_declared(spark: SparkSession, tmp_path: Path) -> None:
    """A file that is one array, and NaN, which is a double."""
    (tmp_path / "customers.json").write_text('[{"id": 1, "n": NaN}, {"id": 2, "n": 1.5}]\n')
    code, said = _declare(tmp_path)
    assert code == 0, said
    text = (tmp_path / "lake.toml").read_text()
    assert 'options = { multiLine = "true" }' in text
    assert 'n = "double"' in text
    assert SparkEvaluator(spark, declaration.parse(text, str(tmp_path))).check_lake(date(2026, 6, 5)).subjects == 2
