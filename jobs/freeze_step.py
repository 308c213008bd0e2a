"""
Freeze the rule set of a day: read it from the rules repository once, write it where clusters read it.

The only step that knows the database. Its URL comes from Secrets Manager by
name, or from the environment; it is never an argument, which logs would show.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from jobs import aws, limits
from jobs.entry import Summary, day, finish, moment, words
from rules_engine.errors import Fault, RunRefused
from rules_engine.model.rule_sets import freeze

VARIABLE = "RULES_DATABASE_URL"

ARGUMENTS = words(
    __doc__,
    as_of=(day, "the day whose rules are frozen"),
    known_at=(moment, "the moment as of which they are known, with its zone"),
    target=(str, "where to write: a path, file:///… or s3://bucket/key"),
)
ARGUMENTS.add_argument("--tenant", help="whose rules; needed where the login belongs to several tenants")
ARGUMENTS.add_argument("--database-secret", help=f"name in Secrets Manager of the database's URL; else ${VARIABLE}")


def step(argv: Sequence[str]) -> Summary:
    """Read the rules of a day and the limits beside them, and write both where no database is needed to read them."""
    told = ARGUMENTS.parse_args(argv)
    from rules_repo.connection import of_tenant
    from rules_repo.releases import shared
    from rules_repo.repository import Repository

    url = secret_url(told.database_secret) if told.database_secret else environment_url(os.environ)
    if told.tenant:
        url = of_tenant(url, told.tenant)
    rule_set = Repository(url).rule_set(told.as_of, told.known_at)
    put(limits.beside(told.target), limits.limits_of(shared(url)))
    put(told.target, freeze(rule_set))
    return {"target": told.target, "rule_set": rule_set.digest, "versions": len(rule_set.versions)}


def environment_url(environment: Mapping[str, str]) -> str:
    """
    The database's URL from the environment.

    Raises:
        RunRefused: If it is not set.
    """
    if url := environment.get(VARIABLE, "").strip():
        return url
    raise RunRefused(Fault(VARIABLE, "it is not set.", "Set it to postgresql://…, or give --database-secret."))


def secret_url(name: str, client: Any = None) -> str:
    """
    The database's URL from a secret, with a token of IAM where it names no password.

    Raises:
        RunRefused: If the secret cannot be read or holds none.
    """
    with aws.told(f"Secret {name}"):
        text = (client or aws.client("secretsmanager")).get_secret_value(SecretId=name).get("SecretString", "").strip()
    return with_token(url_of(str(text), name))


def url_of(text: str, name: str) -> str:
    """
    The URL in a secret's text, which is the URL itself or what RDS keeps as JSON (username, password, host, …).

    Raises:
        RunRefused: If it is neither.
    """
    if text.startswith("postgresql"):
        return text
    try:
        said = json.loads(text)
        user, password = (quote(said[word], safe="") for word in ("username", "password"))
        return f"postgresql://{user}:{password}@{said['host']}:{said.get('port', 5432)}/{said['dbname']}"
    except (ValueError, KeyError, TypeError):
        # The cause is left out: it would repeat the secret.
        raise RunRefused(
            Fault(f"Secret {name}", "it is neither a postgresql:// URL nor the JSON of RDS.", "Store one of them.")
        ) from None


def with_token(url: str, client: Any = None) -> str:
    """
    The URL with a token of IAM where it names a login and no password; the connection is encrypted then.

    Raises:
        RunRefused: If there are no credentials or no region to ask with.
    """
    where = urlsplit(url)
    if where.password or not where.username or not where.hostname:
        return url
    with aws.told(f"Database {where.hostname}"):
        asked = {"DBHostname": where.hostname, "Port": where.port or 5432, "DBUsername": where.username}
        token = quote((client or aws.client("rds")).generate_db_auth_token(**asked), safe="")
    place = f"{where.username}:{token}@{where.hostname}:{where.port or 5432}"
    query = where.query if "sslmode=" in where.query else "&".join(filter(None, (where.query, "sslmode=require")))
    return urlunsplit((where.scheme, place, where.path, query, ""))


def put(target: str, text: str, client: Any = None) -> None:
    """
    Write a text to a local file or an S3 object, whole or not at all.

    Raises:
        RunRefused: If the target cannot be written.
    """
    where = urlsplit(target)
    if where.scheme in ("s3", "s3a"):
        with aws.told(f"Frozen rule set {target}"):
            key = where.path.lstrip("/")
            (client or aws.client("s3")).put_object(Bucket=where.netloc, Key=key, Body=text.encode())
        return
    path = Path(where.path if where.scheme == "file" else target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as problem:
        raise RunRefused(
            Fault(f"Frozen rule set {target}", f"it cannot be written: {problem.strerror}.", "Choose another target.")
        ) from problem


if __name__ == "__main__":
    finish(step)
