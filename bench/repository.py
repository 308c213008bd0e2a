"""
The rules repository at 10,000 rules of 5 versions each: rule_set(), `rules list`, an import of 1,000 rules.

    python -m bench.repository [--rules N] [--json FILE]

A throw-away embedded PostgreSQL with its ordinary settings, filled with copies of one rule. Goals: rule_set()
under 0.2 s, the list under 1 s, the import under 30 s.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, named as one
from psycopg2.extras import register_default_jsonb
from sqlalchemy import text

from rules_engine.model.rules import EffectivePeriod, Form, Kind, MembershipType, RuleVersion
from rules_repo import embedded, exchange, schema
from rules_repo.connection import bare, connected
from rules_repo.governance import require_approvals
from rules_repo.overview import overview
from rules_repo.repository import Repository

VERSIONS = 5
DAY = date(2024, 7, 1)
GOALS = {"rule_set() in the database": 0.2, "rules list, the whole command": 1.0, "import of 1,000 rules": 30.0}


FILLING = """
    ALTER TABLE rules.rule_identity DISABLE TRIGGER ALL; ALTER TABLE rules.rule_version DISABLE TRIGGER ALL;
    ALTER TABLE rules.rule_period DISABLE TRIGGER ALL;
    INSERT INTO rules.rule_identity (tenant, key) SELECT 'main', 'B-' || n FROM generate_series(2, :count) AS n;
    INSERT INTO rules.rule_version (rule_id, version, tenant, change_id, name, kind, membership_type, weight, form, frame,
        sql, parameters, reason_text, owner, metadata, content_hash)
    SELECT i.id, v.version, v.tenant, v.change_id, v.name, v.kind, v.membership_type, v.weight, v.form, v.frame, v.sql,
        v.parameters, v.reason_text, v.owner, v.metadata, v.content_hash
    FROM rules.rule_identity AS i, rules.rule_version AS v WHERE v.rule_id = 1 AND i.id <> 1;
    INSERT INTO rules.rule_period (rule_id, version, tenant, change_id, effective, recorded, opened_in)
    SELECT i.id, p.version, p.tenant, p.change_id, p.effective, p.recorded, p.opened_in
    FROM rules.rule_identity AS i, rules.rule_period AS p WHERE p.rule_id = 1 AND i.id <> 1;
    ALTER TABLE rules.rule_identity ENABLE TRIGGER ALL; ALTER TABLE rules.rule_version ENABLE TRIGGER ALL;
    ALTER TABLE rules.rule_period ENABLE TRIGGER ALL; VACUUM ANALYZE
"""
"""Copies of one published rule, written past the triggers as a restored dump is."""


def rules(count: int, prefix: str = "R") -> list[RuleVersion]:
    """Rules with a timeline of versions, the last of which is in force on :data:`DAY`."""
    days = [date(2024 - VERSIONS + n, 1, 1) for n in range(1, VERSIONS + 1)]
    periods = [EffectivePeriod(a, b) for a, b in zip(days, [*days[1:], None], strict=True)]
    one = RuleVersion(
        key="R",
        version=1,
        kind=Kind.INCLUSION,
        membership_type="GOLD",
        weight=10,
        form=Form.PREDICATE,
        sql="annual_premium >= :floor AND joined_on <= add_months(:as_of, -12 * :years)",
        frame="customers",
        name="A customer of some standing",
        owner="analysts",
        reason_text="Premium and tenure",
        parameters={"floor": 500, "years": 5},
        metadata={"tags": ["bench"]},
    )
    return [
        replace(one, key=f"{prefix}-{n:05}", weight=10 * (v + 1), effective=period)
        for n in range(count)
        for v, period in enumerate(periods)
    ]


def cpu_seconds(server: Path) -> float:
    """CPU time so far of this program, its ended children, and the PostgreSQL server; wall time alone tells of the load."""
    postmaster = (server / "postmaster.pid").read_text().splitlines()[0]
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, (_, parent, *rest) = stat.parent.name, stat.read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue  # it ended in the meantime
        if postmaster in (pid, parent):
            ticks += sum(int(t) for t in (rest[9:13] if pid == postmaster else rest[9:11]))
    own = os.times()
    return ticks / os.sysconf("SC_CLK_TCK") + own.user + own.system + own.children_user + own.children_system


def measured(work: Callable[[], object], server: Path, repeats: int = 5) -> dict[str, float]:
    """Wall seconds, the first time and the median of the others, and CPU seconds for each time."""
    seconds, before = [], cpu_seconds(server)
    for _ in range(repeats + 1):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    spent = (cpu_seconds(server) - before) / (repeats + 1)
    median = statistics.median(seconds[1:] or seconds)
    return {"first": round(seconds[0], 3), "median": round(median, 3), "cpu": round(spent, 3)}


def run(url: str, count: int, folder: Path) -> dict[str, dict[str, float]]:
    """
    What was measured, in seconds (``first``, ``median``, ``cpu``), by what it is; ``count`` rules are written first.

    ``url`` is an empty database of the server whose data is in ``folder/postgres``.
    """
    server = folder / "postgres"
    schema.upgrade(url)
    require_approvals(url, 0, "a benchmark")
    repository, found = Repository(url), {}
    repository.publish(rules(1), [MembershipType("GOLD")])
    engine = connected(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in FILLING.split(";"):
            connection.execute(text(statement), {"count": count} if ":count" in statement else {})
    with bare(url) as plain, plain.cursor() as cursor:
        register_default_jsonb(plain, loads=str)  # a client that shows rows does not take JSON apart
        found["rule_set() in the database"] = measured(lambda: _fetched(cursor), server)
    later = datetime.now(UTC) + timedelta(days=1)
    found["rule_set() as a rule set of the engine"] = measured(lambda: repository.rule_set(DAY, later), server)
    command = [sys.executable, "-c", "from console.main import main; main()", "list", "--as-of", DAY.isoformat()]
    environment = os.environ | {"RULES_DATABASE_URL": url, "RULES_HOME": str(folder)}
    found["rules list, the whole command"] = measured(lambda: _listed(command, environment), server)
    found["rules list --json, the whole command"] = measured(lambda: _listed([*command, "--json"], environment), server)
    found["rules list, what it reads"] = measured(lambda: overview(url, DAY), server)
    file = folder / "thousand.yaml"
    exchange.write(exchange.RuleFile((), tuple(rules(1_000, "I")[VERSIONS - 1 :: VERSIONS])), file)
    found["import of 1,000 rules"] = measured(lambda: _imported(repository, file), server, 0)
    engine.dispose()
    return found


def _fetched(cursor: Cursor) -> None:
    cursor.execute("SELECT * FROM rules.rule_set(%s)", [DAY])
    assert cursor.fetchall()


def _listed(command: Sequence[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def _imported(repository: Repository, file: Path) -> None:
    contents = exchange.read(file)
    repository.publish(contents.versions, contents.membership_types)


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="rules-bench-"))
    folder.chmod(0o755)
    try:
        server = embedded.start(folder / "postgres")
        found = run(embedded.ensure_database(server, "bench"), told.rules, folder)
    finally:
        embedded.stop(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)
    _tell(found, told.json)


def _tell(found: dict[str, dict[str, float]], file: Path | None) -> None:
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    print(machine)
    for name, seconds in found.items():
        goal = f"  (goal {GOALS[name]} s)" if name in GOALS else ""
        print(f"{name:45} {seconds}{goal}")
    if file:
        file.write_text(json.dumps({"machine": machine, "seconds": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
