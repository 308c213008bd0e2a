"""Names of tables: they carry environment and tenant, and the access layer adds them (R-HIST-9)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rules_engine.errors import Fault, RunRefused, raise_all

PART = re.compile(r"[A-Za-z0-9.-]+")
LAST_PART = re.compile(r"[A-Za-z0-9_.-]+")
LONGEST = 255


def table_name(env: str, tenant: str, service: str, table: str) -> str:
    """
    ``{env}_{tenant}_{service}_{table}``.

    Only the last part may hold an underscore: no two tenants can come to one name.

    Raises:
        RunRefused: With every part that is empty or malformed, and if the whole is too long.

    >>> table_name("dev", "mutual", "rules", "history")
    'dev_mutual_rules_history'
    """
    name = f"{env}_{tenant}_{service}_{table}"
    parts = {"environment": env, "tenant": tenant, "service": service, "table": table}
    raise_all(RunRefused, [*_part_faults(parts), *_length_faults(name)])
    return name


def runs_root(runs: str, env: str, tenant: str, history: str) -> str:
    """
    Where the runs of an environment, tenant and kind of history are staged, below the place of all runs.

    Being published is said of one history, so another history has runs of its own.

    >>> runs_root("s3://bucket/runs/", "prod", "mutual", "dynamodb")
    's3://bucket/runs/prod_mutual_dynamodb'
    """
    table_name(env, tenant, "memberships", "history")
    return f"{runs.rstrip('/')}/{env}_{tenant}_{history}"


def _part_faults(parts: dict[str, str]) -> Iterable[Fault]:
    for part, text in parts.items():
        allowed = LAST_PART if part == "table" else PART
        if not allowed.fullmatch(text):
            underscore = ", '_'" if part == "table" else ""
            yield Fault(
                f"Table name, {part} '{text}'",
                "it is empty." if not text else f"it is not of letters, digits{underscore}, '.' and '-' alone.",
                f"Set the {part} to one that is.",
            )


def _length_faults(name: str) -> Iterable[Fault]:
    if len(name) > LONGEST:
        yield Fault(f"Table name '{name}'", f"it has {len(name)} characters, {LONGEST} fit.", "Shorten its parts.")
