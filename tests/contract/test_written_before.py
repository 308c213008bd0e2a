"""
A history and a folder of runs that the version before the chain of publications wrote: read, explained and continued.

The files beside this are what it wrote of the small lake's twelve subjects on two days, the table of PostgreSQL as
``pg_dump`` says it, that of DynamoDB as its items, and the staged decisions as rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import small_lake
from tests.every_case import first_or_every
from tests.functional.rules_command import RulesCommand

DATA = Path(__file__).parents[1] / "data"
JARS = Path(__file__).parents[2] / "build" / "dynamodb-local"
FIRST, SECOND = "2024-06-01-82d82eedd10a", "2024-06-02-08ad63f595f7"
COUNTED = ("inclusion_sum", "exclusion_sum", "inclusion_hits", "exclusion_hits")
STAGED = pa.schema(
    [
        pa.field("subject", pa.int64()),
        pa.field("membership_type", pa.string()),
        pa.field("granted", pa.bool_(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        *(pa.field(name, pa.int64(), nullable=False) for name in COUNTED),
        pa.field("words", pa.list_(pa.int64())),
        pa.field("first_granted", pa.date32()),
    ]
)
RULES = """
membership_types:
  - {key: GOLD, name: Gold}
  - {key: PLUS, name: Plus, strategy: max_weight}
rules:
  - {key: GOLD-001, kind: inclusion, membership_type: GOLD, weight: 30, frame: customers, sql: spend >= 0,
     effective: {from: 2024-01-01}}
  - {key: GOLD-002, kind: exclusion, membership_type: GOLD, weight: 40, frame: holdings, sql: product = 'LOAN',
     effective: {from: 2024-01-01}}
  - {key: PLUS-001, kind: inclusion, membership_type: PLUS, weight: 10, frame: customers, sql: spend >= 10,
     effective: {from: 2024-01-01}}
"""


@pytest.fixture(scope="module", params=first_or_every(["dynamodb-local", "postgres"]))
def rules(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, spark: object
) -> Iterator[RulesCommand]:
    """This version's command in the home of that one, on each store in turn; `rules db upgrade` has run."""
    home, kind = tmp_path_factory.mktemp("home"), request.param
    small_lake.write(home / "lake", 12)
    written: dict[str, Any] = json.loads((DATA / "before_the_chain.json").read_text(encoding="utf-8"))
    lake = str(home / "lake" / "frames.toml")
    command = RulesCommand(home, {"RULES_TENANT": "before", "RULES_LAKE": lake, "RULES_HISTORY": kind})
    for run_id, files in written["runs"].items():
        staged(home / "before" / "runs" / f"local_before_{kind}" / run_id, files)
    if kind == "postgres":
        with psycopg2.connect(command.fine("db", "url").strip()) as connection:
            connection.cursor().execute((DATA / "before_the_chain.sql").read_text(encoding="utf-8"))
        connection.close()
    else:
        in_dynamodb(home / "dynamodb-local", **written["dynamodb"])
    (home / "rules.yaml").write_text(RULES, encoding="utf-8")
    command.open(home / "rules.yaml")
    yield command
    command.fine("down")


def staged(folder: Path, files: dict[str, Any]) -> None:
    """A run's folder: its texts, and its decisions as Parquet."""
    (folder / "decisions").mkdir(parents=True)
    day = date.fromisoformat
    rows = [row | {"first_granted": row["first_granted"] and day(row["first_granted"])} for row in files["decisions"]]
    pq.write_table(pa.Table.from_pylist(rows, STAGED), folder / "decisions" / "part-0.parquet")
    for name in files.keys() - {"decisions"}:
        (folder / name).write_text(files[name], encoding="utf-8")


def in_dynamodb(place: Path, table: dict[str, Any], items: list[dict[str, Any]]) -> None:
    """The table and its items."""
    from rules_engine.publication import dynamodb_calls, dynamodb_local

    client = dynamodb_calls.connect(dynamodb_local.start(place, JARS), None)
    client.create_table(**table, DeletionProtectionEnabled=True)
    for item in items:
        client.put_item(TableName=table["TableName"], Item=item)


def test_what_that_version_wrote_is_read_explained_and_continued(rules: RulesCommand) -> None:
    """Runs, journey, ledger, members and a day's record; the next run stands on it; the chain begins with its last."""
    assert [(run["run_id"], run["published"]) for run in rules.json("runs")] == [(FIRST, True), (SECOND, True)]
    before = rules.json("members", "GOLD", "--limit", "0")
    assert (before["by"], before["count"]) == ("history", 9)
    subject = before["members"][0]
    rules.fine("journey", subject)
    rules.fine("explain", subject)
    assert FIRST in rules.fine("history", subject, "--as-of", "2024-06-01", "--json")

    told = rules.json("audit", "verify", "--history")
    assert (told["runs"], told["records_before_the_chain"]) == (2, 0), "what the manifests of that version count"

    ran = rules.json("run", "--as-of", "2024-06-03", "--created-at", "2024-06-03T06:00:00Z")
    assert (ran["previous_run"], ran["register"]) == (SECOND, [])
    counts = {each["membership_type"]: each for each in ran["evaluation"]["types"]}
    assert {key: (each["members_before"], each["members_after"]) for key, each in counts.items()} == {
        "GOLD": (9, 9),
        "PLUS": (5, 5),
    }
    after = rules.json("members", "GOLD", "--limit", "0")
    assert (after["by"], sorted(after["members"])) == ("register", sorted(before["members"]))
    assert rules.json("register", "verify")["faults"] == []
    rules.fine("explain", subject)
    assert rules.json("audit", "verify", "--history")["runs"] == 3
    assert FIRST in rules.fine("history", subject, "--as-of", "2024-06-01", "--json")
    code, (fault, *_) = rules.refused("run", "--as-of", "2024-06-01")
    assert (code, "earlier" in fault["what"] or "newest" in fault["what"]) == (5, True), fault
    assert rules.json("run", "--as-of", "2024-06-03")["inserted"] == 0
