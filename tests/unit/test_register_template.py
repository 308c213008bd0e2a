"""infra/register.yaml says what the program makes: tables, keys, names, and a function that starts (R-HIST-7)."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from rules_engine.publication.dynamodb_register_items import definitions
from rules_engine.publication.register_tables import register_tables

TEMPLATE = Path(__file__).parents[2] / "infra" / "register.yaml"
NOT_THERE = ("numpy", "pandas", "psycopg2", "pyarrow", "pyspark", "rich", "sqlalchemy", "sqlglot", "structlog", "typer")


class Tags(yaml.SafeLoader):
    """Reads CloudFormation's functions as what they are given."""


def _given(loader: Any, _: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node)


Tags.add_multi_constructor("!", _given)


def resources() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(TEMPLATE.read_text("utf-8"), Tags)["Resources"]
    return found


def role() -> list[dict[str, Any]]:
    """The statements of the function's role."""
    (policy,) = resources()["FeedRole"]["Properties"]["Policies"]
    said: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return said


def test_the_tables_are_those_that_the_program_makes() -> None:
    """Names, keys and index; kept, guarded and encrypted besides."""
    tables = [r["Properties"] for r in resources().values() if r["Type"] == "AWS::DynamoDB::Table"]
    named = {t["TableName"].replace("${Environment}", "prod").replace("${Tenant}", "acme"): t for t in tables}
    made = definitions(register_tables("prod", "acme"), "SubjectType")
    assert named.keys() == made.keys()
    for name, wanted in made.items():
        there = named[name]
        assert {part: there.get(part) for part in wanted} == dict(wanted)
        assert there["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert there["SSESpecification"] == {"SSEEnabled": True}


def test_the_function_is_there_and_starts_with_the_package_alone() -> None:
    """What Lambda calls exists, and loads nothing but the zip and boto3, which Lambda has."""
    module, _, name = resources()["Feed"]["Properties"]["Handler"].rpartition(".")
    assert callable(getattr(import_module(module), name))
    block = f"import sys; sys.modules.update(dict.fromkeys({NOT_THERE!r})); import {module}"
    subprocess.run([sys.executable, "-c", block], check=True, cwd=TEMPLATE.parents[1])


def test_what_fails_is_given_back_one_by_one() -> None:
    """The mapping reads the function's answer, and never gives a record up before the stream does."""
    mapping = resources()["FeedOfTheStream"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (mapping["StartingPosition"], mapping["MaximumRetryAttempts"]) == ("TRIM_HORIZON", -1)
