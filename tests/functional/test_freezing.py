"""The freezing step: where the database is, by which login, and where the rule set goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest

from jobs import freeze_step
from rules_engine.errors import RunRefused
from tests.functional.test_emr import REGION, aws, client

__all__ = ["aws", "client"]

SECRETS = [
    ("postgresql://u:p@h/d", "postgresql://u:p@h/d"),
    (
        '{"username": "loader", "password": "a/b@c", "host": "db.local", "port": 5433, "dbname": "rules"}',
        "postgresql://loader:a%2Fb%40c@db.local:5433/rules",
    ),
    ('{"username": "loader", "password": "x", "host": "db", "dbname": "r"}', "postgresql://loader:x@db:5432/r"),
]


@pytest.mark.parametrize(("secret", "url"), SECRETS)
def test_the_database_url_comes_out_of_a_secret(client: Any, secret: str, url: str) -> None:
    """The URL itself, or what RDS keeps; a password with signs in it stays one password."""
    manager = boto3.client("secretsmanager", region_name=REGION)
    manager.create_secret(Name="rules/database", SecretString=secret)
    assert freeze_step.secret_url("rules/database", manager) == url


def test_a_login_without_a_password_gets_a_token_and_an_encrypted_connection(client: Any) -> None:
    """Aurora lets it in by IAM; whoever says more about encryption is left so."""
    rds = boto3.client("rds", region_name=REGION)
    where = urlsplit(freeze_step.with_token("postgresql://loader@db.local/rules", rds))
    assert (where.username, where.hostname, where.port, where.query) == ("loader", "db.local", 5432, "sslmode=require")
    assert unquote(where.password or "").startswith("db.local:5432/?Action=connect&DBUser=loader&")
    full = freeze_step.with_token("postgresql://loader@db.local:5433/rules?sslmode=verify-full", rds)
    assert urlsplit(full).query == "sslmode=verify-full"
    assert freeze_step.with_token("postgresql://loader:secret@db.local/rules", rds).endswith(":secret@db.local/rules")


def test_a_refused_secret_is_never_repeated(client: Any) -> None:
    """What is neither a URL nor RDS's JSON is refused by the secret's name, without its text."""
    manager = boto3.client("secretsmanager", region_name=REGION)
    manager.create_secret(Name="rules/database", SecretString="hunter2")
    with pytest.raises(RunRefused, match=r"Secret rules/database: .* Store one of them\.") as refused:
        freeze_step.secret_url("rules/database", manager)
    assert "hunter2" not in str(refused.value)


def test_a_missing_secret_is_named(client: Any) -> None:
    """A name that Secrets Manager does not have."""
    with pytest.raises(RunRefused, match="Secret rules/none: AWS refuses: ResourceNotFoundException"):
        freeze_step.secret_url("rules/none", boto3.client("secretsmanager", region_name=REGION))


def test_a_frozen_rule_set_goes_to_s3(client: Any) -> None:
    """The object holds the text, letters beyond ASCII included."""
    s3 = boto3.client("s3", region_name=REGION)
    freeze_step.put("s3://rules-runs/rule-sets/a.json", "{“é”}", s3)
    assert s3.get_object(Bucket="rules-runs", Key="rule-sets/a.json")["Body"].read().decode() == "{“é”}"


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_frozen_rule_set_goes_to_a_folder(tmp_path: Path, form: str) -> None:
    """A path or a file URI, in a folder that is made for it; nothing half-written stays beside it."""
    target = tmp_path / "new" / "rule_set.json"
    freeze_step.put(form.format(target), "first")
    freeze_step.put(form.format(target), "second")
    assert [(p.name, p.read_text()) for p in target.parent.iterdir()] == [("rule_set.json", "second")]


def test_no_database_in_the_environment_is_said_in_words() -> None:
    """Neither a secret nor the variable: both ways are named."""
    with pytest.raises(RunRefused, match=r"RULES_DATABASE_URL: it is not set.* --database-secret"):
        freeze_step.environment_url({})
