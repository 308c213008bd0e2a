"""What `rules emr package` makes is enough: the steps on two workers that have Spark and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.generate import generate
from demo.people import people
from demo.play import RULES
from rules_engine.java import find_java
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import freeze
from rules_engine.publication import dynamodb_local
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from rules_engine.publication.dynamodb_register import DynamoDBRegister
from rules_engine.publication.register_tables import register_tables
from rules_engine.publication.staging import FolderRunStore
from rules_lake.master.settings import load
from tests.every_case import first_or_every
from tests.functional import test_curating, test_master
from tests.functional.packaged import BUILD, NODES, SparkAlone, standalone, wheels
from tests.functional.rules_command import RulesCommand
from tests.small_lake import rule, rule_set

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
def test_what_is_done_before_a_run_needs_the_package_alone(alone: SparkAlone, tmp_path: Path) -> None:
    """Landing, curating and building masters, in an interpreter that has Spark and nothing else: as in one that has all."""
    day, landed = ("--day", "2024-06-01", "--run-id", "packaged", *PLACE), tmp_path / "landed"
    (tmp_path / "extracts").mkdir()
    test_curating.landed(tmp_path / "extracts")
    landed.mkdir()
    (landed / "frames.toml").write_text(test_curating.LANDED)
    declared = ("--declaration", (landed / "frames.toml").as_uri())
    done = alone.begin("ingest", "--source", f"file://{tmp_path}/extracts/{{frame}}", *declared, *day)
    assert {each["frame"]: each["rows"] for each in done["landed"]} == {"people": 3, "loans": 2}

    read = rule_set(rule("A", "name = 'Ann' AND born > :as_of", frame="people"))
    (tmp_path / "rules.json").write_text(freeze(read))
    places = {"--lake": "lake/frames.toml", "--rule-set": "rules.json", "--tokens": "tokens"}
    where = [word for name, path in places.items() for word in (name, (tmp_path / path).as_uri())]
    curated = alone.begin("curate", *declared, *where, *day, RULES_TOKEN_SECRET=test_curating.SECRET)
    assert (curated["rows"], curated["tokens"]) == ({"people": 3, "loans": 2}, 3)

    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        test_master.land(tmp_path / place, people(40, 3))
        test_master.settings(tmp_path / place)
    here, there = (load(tmp_path / place / "master.toml") for place in ("here", "there"))
    built = alone.begin("master", "--settings", (tmp_path / "there" / "master.toml").as_uri(), *day)
    assert built["input"] == test_master.build(here, "2024-06-01").manifest["input"]
    assert test_master.ids(there, "2024-06-01") == test_master.ids(here, "2024-06-01")


@pytest.fixture(params=first_or_every(["local-cluster", "standalone"]))
def master(request: pytest.FixtureRequest, alone: SparkAlone) -> Iterator[str]:
    """Two workers: of one JVM that plays a cluster, or each a process beside a master's."""
    if request.param == "local-cluster":
        yield "local-cluster[2,1,2048]"
        return
    with standalone(alone) as address:
        yield address


@pytest.mark.slow
def test_the_steps_on_two_workers_decide_as_the_command_does(
    alone: SparkAlone, master: str, endpoint: str, database_url: str, spark: object, tmp_path: Path
) -> None:
    """Freeze to register, with only the package: the decisions digest of `rules run` on the demo's first day."""
    generate(tmp_path / "lake", 300, 7)
    lake = tmp_path / "lake" / "frames.toml"
    said = {"RULES_DATABASE_URL": database_url, "RULES_LAKE": str(lake), "RULES_RUNS": str(tmp_path / "here")}
    rules = RulesCommand(tmp_path / "home", said)
    rules.fine("import", RULES)
    here = rules.json("run", "--as-of", DAY, "--created-at", MORNING)
    frozen = tmp_path / "rule_set.json"
    words = ("--as-of", DAY, "--known-at", KNOWN, "--target", str(frozen))
    frozen_there = alone.begin("freeze", *words, RULES_DATABASE_URL=database_url)
    assert frozen_there["rule_set"] == here["rule_set_digest"]

    run = (*PLACE, "--runs", (tmp_path / "runs").as_uri(), "--run-id", "packaged")
    places = ("--rule-set", frozen.as_uri(), "--lake", lake.as_uri(), "--created-at", MORNING)
    there = alone.submit(master, "evaluate", *run, *places)
    assert there["decisions_digest"] == here["evaluation"]["decisions_digest"]

    assert alone.submit("local[1]", "guard", *run, "--rule-set", frozen.as_uri())["passed"]
    DynamoDBHistory(TABLE, "bigint", connect(endpoint, None), stream=False).create()
    published = alone.submit(master, "publish", *run, "--at", MORNING, "--endpoint", endpoint)
    assert published["inserted"] == there["decided"] == here["inserted"]
    register = DynamoDBRegister(register_tables("test", "packaged"), connect(endpoint, None))
    register.create()
    staged = FolderRunStore(str(tmp_path / "runs" / "test_packaged_dynamodb"))
    register.apply([*staged.decisions("packaged", HitMatrix.of(staged.rule_set("packaged")))])
    caught = alone.begin("register", *PLACE, "--run-id", "packaged", "--endpoint", endpoint, "--minutes", "0")
    assert (caught["register"], caught["records"]) == ("caught up", published["inserted"])
