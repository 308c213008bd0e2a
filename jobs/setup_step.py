"""
Make ready what runs need of databases: the newest schema of the rules, and a look at the history's tables.

It logs in as whoever may change the schema, by a secret of its own; doing it again changes nothing. No run does it.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobs import aws
from jobs.entry import Summary, finish, words
from jobs.freeze_step import secret_url
from rules_engine.errors import Fault, RunRefused, raise_all

ARGUMENTS = words(
    __doc__,
    environment=(str, "environment, part of the name of every table"),
    tenant=(str, "tenant, likewise"),
    database_secret=(str, "name in Secrets Manager of the URL of a login that may change the schema"),
)
ARGUMENTS.add_argument("--endpoint", help="http(s)://… of DynamoDB where it is not AWS itself")
ARGUMENTS.add_argument("--region", help="AWS region, where the cluster's own is not meant")


def step(argv: Sequence[str]) -> Summary:
    """Upgrade the schema, and look whether the history's tables are there."""
    told = ARGUMENTS.parse_args(argv)
    _look(told.environment, told.tenant, told.endpoint, told.region)
    return {"schema": upgraded(secret_url(told.database_secret)), "tables": "there"}


def upgraded(url: str) -> str:
    """The schema's revision after the upgrade; migrations are read from a folder, never from a zip."""
    with tempfile.TemporaryDirectory(prefix="migrations-") as place:
        _unpack(Path(place))
        schema = importlib.import_module("rules_repo.schema")
        return str(schema.upgrade(url, schema.PLAN_DAYS))


def _unpack(place: Path) -> None:
    """Where this runs from the job zip, have the repository's modules be read from a folder of it."""
    zipped = next((path for path in sys.path if Path(path).is_file() and Path(path).name == "rules.zip"), None)
    if zipped is None:
        return
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(place, [name for name in archive.namelist() if name.startswith("rules_repo/")])
    sys.path.insert(0, str(place))
    for name in [name for name in sys.modules if name.partition(".")[0] == "rules_repo"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _look(environment: str, tenant: str, endpoint: str | None, region: str | None) -> None:
    """
    Ask for the history's tables.

    Raises:
        RunRefused: Naming those that are not there.
    """
    from rules_engine.publication.dynamodb_calls import connect
    from rules_engine.publication.names import table_name

    client, table = connect(endpoint, region), table_name(environment, tenant, "memberships", "history")
    remedy = "Make it: infra/history.yaml, as `rules infra render` prints."
    missing = [name for name in (table, f"{table}_chain") if not _there(client, name)]
    raise_all(RunRefused, [Fault(f"Table {name}", "it is not there.", remedy) for name in missing])


def _there(client: Any, table: str) -> bool:
    with aws.told(f"Table {table}"):
        try:
            client.describe_table(TableName=table)
        except client.exceptions.ResourceNotFoundException:
            return False
        return True


if __name__ == "__main__":
    finish(step)
