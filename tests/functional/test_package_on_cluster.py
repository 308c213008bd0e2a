"""What `rules emr package` makes is enough: the steps on two workers that have Spark and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.generate import generate
from demo.play import RULES
from rules_engine.java import find_java
from rules_engine.publication import dynamodb_local
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from tests.functional.packaged import BUILD, NODES, SparkAlone, wheels
from tests.functional.rules_command import RulesCommand

CLUSTER = "local-cluster[2,1,2048]"
DAY, MORNING = "2024-06-03", "2024-06-03T06:00:00+00:00"
KNOWN = "2099-01-01T00:00:00+00:00"
PLACE = ("--environment", "test", "--tenant", "packaged")
TABLE = "test_packaged_memberships_history"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> SparkAlone:
    root = tmp_path_factory.mktemp("packaged")
    RulesCommand(root / "home").fine(
        *("emr", "package", root / "artefacts", "--wheels", wheels()),
        *("--python", NODES.python, "--architecture", NODES.architecture),
    )
    return SparkAlone.under(root, find_java(root / "java"), root / "artefacts")


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    yield dynamodb_local.start(tmp_path / "dynamodb", BUILD / "dynamodb-local")
    dynamodb_local.stop(tmp_path / "dynamodb")


def test_the_interpreter_holds_spark_and_nothing_else(alone: SparkAlone) -> None:
    """What a step imports beside Spark, it imports from the package."""
    assert {path.name for path in alone.packages.iterdir() if not path.name.startswith("__")} == {"pyspark", "py4j"}
    program = "import pyspark, sys; print([path for path in sys.path if 'site-packages' in path])"
    done = subprocess.run([alone.python, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([str(alone.packages)])


@pytest.mark.slow
def test_the_steps_on_two_workers_decide_as_the_command_does(
    alone: SparkAlone, endpoint: str, database_url: str, spark: object, tmp_path: Path
) -> None:
    """Freeze, evaluate, guard and publish, with only the package: the decisions digest of `rules run` on the demo's first day."""
    generate(tmp_path / "lake", 2000, 7)
    lake = tmp_path / "lake" / "frames.toml"
    said = {"RULES_DATABASE_URL": database_url, "RULES_LAKE": str(lake), "RULES_RUNS": str(tmp_path / "here")}
    rules = RulesCommand(tmp_path / "home", said)
    rules.fine("import", RULES)
    here = rules.json("run", "--as-of", DAY, "--created-at", MORNING)
    frozen = tmp_path / "rule_set.json"
    words = ("--as-of", DAY, "--known-at", KNOWN, "--target", str(frozen))
    assert (
        alone.submit(CLUSTER, "freeze", *words, RULES_DATABASE_URL=database_url)["rule_set"] == here["rule_set_digest"]
    )

    run = (*PLACE, "--runs", (tmp_path / "runs").as_uri(), "--run-id", "packaged")
    places = ("--rule-set", frozen.as_uri(), "--lake", lake.as_uri(), "--created-at", MORNING)
    there = alone.submit(CLUSTER, "evaluate", *run, *places)
    assert there["decisions_digest"] == here["evaluation"]["decisions_digest"]

    assert alone.submit(CLUSTER, "guard", *run, "--rule-set", frozen.as_uri())["passed"]
    DynamoDBHistory(TABLE, "bigint", connect(endpoint, None), stream=False).create()
    published = alone.submit(CLUSTER, "publish", *run, "--at", MORNING, "--endpoint", endpoint)
    assert published["inserted"] == there["decided"] == here["inserted"]
