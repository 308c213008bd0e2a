"""The three steps as a cluster runs them: spark-submit, the zip, and interpreters that hold no more than they may."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyspark
import pytest

from jobs import evaluate_step, package, register_step, verdicts
from rules_engine.errors import RunInterrupted, RunRefused
from rules_engine.java import find_java
from rules_engine.model.history import HistoryRecord
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import freeze
from rules_engine.publication import dynamodb_local
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from rules_engine.publication.dynamodb_register import DynamoDBRegister
from rules_engine.publication.register_tables import register_tables
from rules_engine.publication.staging import FolderRunStore
from rules_engine.spark.evaluator import SparkEvaluator
from rules_repo.repository import Repository
from tests import class_archive
from tests.functional.packaged import QUICK
from tests.small_lake import rule, rule_set, write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"
SPARKS_OWN = Path(pyspark.__file__).parent / "python" / "lib"
JARS = Path(__file__).parents[2] / "build" / "dynamodb-local"
RULES = rule_set(
    rule("GB", "country = 'GB'", weight=20),
    rule("BOND", "product = 'BOND'", frame="holdings"),
    rule("RICH", "SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 10"),
)
TABLE = "test_steps_memberships_history"
PLACE = ("--environment", "test", "--tenant", "steps")
RUN = (*PLACE, "--run-id", "run-1", "--created-at", "2024-06-01T04:00:00+00:00")


@dataclass
class ClusterOfOne:
    """This machine as a cluster: a folder of artefacts, a home, an interpreter with nothing installed."""

    root: Path
    java_home: Path

    @property
    def bare_python(self) -> str:
        return str(self.root / "bare" / "bin" / "python")

    def submit(
        self, entry: str, *words: str, python: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """spark-submit of an entry file, in an environment with nothing but what is given."""
        known = self.environment(python or self.bare_python)
        command = [SUBMIT, "--master", "local[2]", "--driver-memory", "1g", "--conf", "spark.ui.enabled=false"]
        options = f"{QUICK} {class_archive.read(self.java_home)}"
        command += ["--conf", "spark.sql.shuffle.partitions=2", "--driver-java-options", options]
        command += ["--py-files", f"{self.root}/artefacts/rules.zip", f"{self.root}/artefacts/{entry}", *words]
        return subprocess.run(
            command, env=known | environment, cwd=self.root, capture_output=True, text=True, timeout=900, check=False
        )

    def begin(
        self, entry: str, *words: str, python: str | None = None, **told: str
    ) -> subprocess.CompletedProcess[str]:
        """
        An entry file begun as spark-submit begins it, by Python with the zip and pyspark on its path.

        For steps that end, or refuse to begin, before they start Spark: a JVM would only wait beside them.
        """
        path = os.pathsep.join([f"{self.root}/artefacts/rules.zip", *map(str, SPARKS_OWN.glob("*.zip"))])
        command = [python or self.bare_python, f"{self.root}/artefacts/{entry}", *words]
        known = self.environment(python or self.bare_python) | {"PYTHONPATH": path}
        return subprocess.run(command, env=known | told, cwd=self.root, capture_output=True, text=True, check=False)

    def environment(self, python: str) -> dict[str, str]:
        """All that a step's environment holds."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "JAVA_HOME": str(self.java_home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": python,
            "PYSPARK_DRIVER_PYTHON": python,
        }

    def evaluate(self, told: Mapping[str, str] | None = None, **other: str) -> subprocess.CompletedProcess[str]:
        places = {"rule-set": "rule_set.json", "lake": "lake/frames.toml", "runs": "runs"} | other
        words = [word for name, path in places.items() for word in (f"--{name}", (self.root / path).as_uri())]
        if told:
            return self.begin("evaluate_step.py", *words, *RUN, **told)
        return self.submit("evaluate_step.py", *words, *RUN)


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _as_spark_unpacks_them(bare: Path) -> None:
    """What the archive of the evaluate step holds: numpy, pandas and pyarrow, with what these need."""
    (packages,) = (bare / "lib").glob("python*/site-packages")
    for library in ("numpy", "pandas", "pyarrow", "dateutil", "pytz", "six", "tzdata"):
        for part in Path(sysconfig.get_path("platlib")).glob(f"{library}*"):
            (packages / part.name).symlink_to(part)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> ClusterOfOne:
    root = tmp_path_factory.mktemp("cluster")
    (root / "artefacts").mkdir()
    package.write_program(root / "artefacts", f"{sys.version_info[0]}.{sys.version_info[1]}")
    write(root / "lake")
    (root / "rule_set.json").write_text(freeze(RULES), encoding="utf-8")
    venv.create(root / "bare", with_pip=False)
    _as_spark_unpacks_them(root / "bare")
    return ClusterOfOne(root, find_java(root / "java"))


@pytest.fixture(scope="module")
def evaluated(cluster: ClusterOfOne) -> dict[str, Any]:
    return summary(cluster.evaluate())


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("dynamodb")
    yield dynamodb_local.start(home, JARS)
    dynamodb_local.stop(home)


def test_the_interpreter_of_the_evaluator_holds_nothing(cluster: ClusterOfOne) -> None:
    """What the evaluate step imports, it imports from the zip and from Spark."""
    program = "import importlib.util as u; print([m for m in ('sqlglot', 'rules_engine', 'pyspark', 'boto3') if u.find_spec(m)])"
    done = subprocess.run([cluster.bare_python, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_run_on_the_cluster_is_the_run_on_a_laptop(
    cluster: ClusterOfOne, evaluated: dict[str, Any], spark: SparkSession, tmp_path: Path
) -> None:
    """Zip, frozen rule set and file URIs give the decisions that the engine gives in process (R-ENG-8)."""
    lake = write(tmp_path / "lake")
    here = SparkEvaluator(spark, lake).evaluate(RULES, HitMatrix.of(RULES), str(tmp_path / "run"), None)
    assert evaluated["decisions_digest"] == here.decisions_digest
    assert (evaluated["run_id"], evaluated["subjects"], evaluated["versions"]) == ("run-1", 60, 3)
    assert evaluated["rule_set"] == RULES.digest


def test_everything_missing_is_named_at_once_and_nothing_is_written(cluster: ClusterOfOne) -> None:
    """Neither the rule set nor the lake is there: both addresses, the operator's exit code, no folder of runs."""
    done = cluster.evaluate(**{"rule-set": "none.json", "lake": "none/frames.toml", "runs": "other"})
    assert done.returncode == 5
    # Spark hands on what a Python program says on either of its channels as output.
    assert "none.json: there is no such file" in done.stdout
    assert "none/frames.toml: there is no such file" in done.stdout
    assert not (cluster.root / "other").exists()


def test_the_evaluator_needs_neither_database_nor_history(cluster: ClusterOfOne, evaluated: dict[str, Any]) -> None:
    """
    It evaluated in an environment of these six names: no URL, no endpoint, no credentials, no library of AWS or PostgreSQL.

    Their absence is looked up in the environment itself, so that a name added to it for another reason is noticed.
    """
    assert evaluated["decided"] > 0
    told = {"PATH", "HOME", "JAVA_HOME", "SPARK_LOCAL_IP", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"}
    assert set(cluster.environment(cluster.bare_python)) == told
    program = "import importlib.util as u; print([m for m in ('boto3', 'psycopg2', 'sqlalchemy') if u.find_spec(m)])"
    done = subprocess.run([cluster.bare_python, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_evaluator_that_is_told_too_much_does_not_start(cluster: ClusterOfOne) -> None:
    """A database URL and an endpoint in its environment are refused together; no value is repeated, nothing written."""
    told = {"RULES_DATABASE_URL": "postgresql://u:hunter2@db/rules", "RULES_HISTORY_ENDPOINT": "http://history:8000"}
    done = cluster.evaluate(runs="unwritten", told=told)
    assert done.returncode == 5
    assert "RULES_DATABASE_URL: it is set, and this step is not to know it" in done.stderr
    assert "RULES_HISTORY_ENDPOINT: it is set" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert not (cluster.root / "unwritten").exists()


def test_a_moment_without_a_zone_is_a_wrong_command(capsys: pytest.CaptureFixture[str]) -> None:
    """It would be another moment on another machine."""
    words = "--rule-set a --lake b --runs c --run-id d --environment e --tenant f --created-at 2024-06-01T00:00"
    with pytest.raises(SystemExit) as ended:
        evaluate_step.ARGUMENTS.parse_args(words.split())
    assert ended.value.code == 2
    assert "names no time zone: say 2024-06-01T00:00+00:00" in capsys.readouterr().err


def test_the_staged_run_is_published(cluster: ClusterOfOne, evaluated: dict[str, Any], endpoint: str) -> None:
    """
    The publish step inserts what was decided, each record with the rules that hit, and says so in the run's folder.

    What no guard rail let pass it refuses (R-OPS-5).
    """
    history = DynamoDBHistory(TABLE, "bigint", connect(endpoint, None), stream=False)
    history.create()
    words = ("--runs", (cluster.root / "runs").as_uri(), "--run-id", "run-1", "--at", "2024-06-01T05:00:00+00:00")
    words += (*PLACE, "--endpoint", endpoint)
    refused = cluster.submit("publish_step.py", *words, python=sys.executable)
    assert refused.returncode == 5
    assert "Run run-1: no guard rail was asked about it. Run the guard step first" in refused.stdout
    staged = FolderRunStore(str(cluster.root / "runs" / "test_steps_dynamodb"))
    manifest = staged.manifest("run-1")
    assert manifest
    verdicts.keep(staged, manifest)
    published = cluster.submit("publish_step.py", *words, python=sys.executable)
    done, decided = summary(published), f"{evaluated['decided']:,}"
    assert evaluated["decided"] > 0
    assert f"Publishing: {decided} of {decided} records, " in published.stdout
    assert done == {"run_id": "run-1", "inserted": evaluated["decided"], "already_there": 0}
    _the_log_says_which_run(published.stdout)
    assert [status.published for status in staged.runs()] == [datetime.fromisoformat("2024-06-01T05:00:00+00:00")]
    records = [*staged.decisions("run-1", HitMatrix.of(RULES))]
    assert all(history.journey(record.subject) == (record,) for record in records)
    assert {record.run_id for record in records} == {"run-1"}
    _looked_at_until_the_register_has_caught_up(endpoint, records)


def _the_log_says_which_run(output: str) -> None:
    """The run's id, tenant and day on each line of the step's log, from its command line and the staged run (R-OPS-6)."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"at"')]
    assert [line["event"] for line in lines if line["event"] != "progress"] == ["step ended"]
    assert {(line["step"], line["run_id"], line["tenant"], line["day"]) for line in lines} == {
        ("publish", "run-1", "steps", "2024-06-01")
    }
    assert lines[-1]["counts"]["inserted"] > 0


def _looked_at_until_the_register_has_caught_up(endpoint: str, records: list[HistoryRecord]) -> None:
    """A register that lacks records of the run is one to wait for, and names them; one that has them is fine."""
    words = [*PLACE, "--run-id", "run-1", "--endpoint", endpoint, "--minutes", "0"]
    register = DynamoDBRegister(register_tables("test", "steps"), connect(endpoint, None))
    register.create()
    register.apply(records[1:])
    with pytest.raises(RunInterrupted, match=rf"lacks 1 of {len(records)} records(.|\n)*the register has no row"):
        register_step.step(words)
    register.apply(records)
    assert register_step.step(words)["register"] == "caught up"
    with pytest.raises(RunRefused, match="run-2: it is not published"):
        register_step.step([*words, "--run-id", "run-2"])


def test_the_frozen_rule_set_is_the_one_of_the_database(cluster: ClusterOfOne, database_url: str) -> None:
    """Published rules come out of the freeze step with the digest that the repository gives."""
    Repository(database_url).publish(RULES.versions, RULES.membership_types)
    target = cluster.root / "frozen" / "rule_set.json"
    words = ("--as-of", "2024-06-01", "--known-at", "2099-01-01T00:00:00+00:00", "--target", target.as_uri())
    done = summary(cluster.begin("freeze_step.py", *words, python=sys.executable, RULES_DATABASE_URL=database_url))
    assert (done["versions"], done["rule_set"]) == (3, json.loads(target.read_text())["digest"])
