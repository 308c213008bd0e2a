"""psql on the rules repository: which program, and how it is set."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from psycopg2.extensions import make_dsn, parse_dsn

from rules_engine.errors import Fault, RunRefused
from rules_repo import embedded

SETTINGS = {"SHOW_CONTEXT": "never"}
"""psql's own: PostgreSQL names with every refusal of a function the lines that it came from; this leaves them out."""


def psql(url: str) -> tuple[Sequence[str], Mapping[str, str]]:
    """
    The words that start psql, and what its environment holds: the password stands in no list of processes.

    Raises:
        RunRefused: If there is none on this machine.
    """
    program = embedded.program("psql") or shutil.which("psql")
    if program is None:
        remedy = "Install PostgreSQL's client, or the extra 'local'; `rules sql STATEMENT` needs neither."
        raise RunRefused(Fault("psql", "there is none on this machine.", remedy))
    there = parse_dsn(url)
    password = there.pop("password", None)
    variables = [word for name, value in SETTINGS.items() for word in ("-v", f"{name}={value}")]
    return [program, *variables, "-d", make_dsn(**there)], {"PGPASSWORD": password} if password else {}
