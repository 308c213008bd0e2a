"""
The schema itself as part of what is verified: owners, rights, functions, triggers, policies, views, columns.

It is asked by a query that this program carries, the text that the function of the migration has, and never by the
function, which whoever tampers could replace. What is found is compared with the lines that a fresh migration leaves,
which are shipped: those that every server writes alike, and for some versions of PostgreSQL those that it words itself.
With them goes what the schema asks of PostgreSQL itself (:mod:`audit_built_in`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from rules_repo import audit_built_in
from rules_repo.audit_faults import Findings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection

MIGRATIONS = files("rules_repo") / "migrations"
ABOUT = "The schema"
REMEDY = (
    "Who had the rights of a superuser or of its owner? `rules db upgrade` of an empty database shows how it is to be."
)

_NAMES = {
    "function": r"function \S+?\(.*?\)(?= returns )",
    "index": r"index CREATE (?:UNIQUE )?INDEX (\S+)",
    "default": r"default privileges of \S+ on [^\s:]+",
    "foreign": r"foreign key triggers \S+",
    "schema": r"schema",
}
_FIELDS = re.compile(r" (\w+)=(.*?)(?= \w+=|$)", re.DOTALL)

MEMBERS = """
    SELECT pg_get_userbyid(m.member), pg_get_userbyid(m.roleid),
        coalesce((to_jsonb(m) ->> 'inherit_option')::boolean OR (to_jsonb(m) ->> 'set_option')::boolean, true)
    FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid
    JOIN pg_roles AS w ON w.oid = m.member AND NOT w.rolsuper
    WHERE r.rolname IN ('rules_owner', 'rules_views') ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Shipped:
    """The lines of a fresh migration: of every server, and of one version, if that is known."""

    alike: frozenset[str]
    own: frozenset[str] | None
    names: frozenset[str]


@cache
def query() -> str:
    """The text of ``rules.catalogue``, as this program's own migration has it."""
    text = (MIGRATIONS / "sql" / "0003_catalogue.sql").read_text("utf-8")
    return text.split("$catalogue$")[1]


def lines(connection: Bare) -> frozenset[str]:
    """What the schema is on this server; names are looked up in PostgreSQL's own schema alone."""
    with connection.cursor() as cursor:
        cursor.execute(query())
        return frozenset(line for (line,) in cursor) | audit_built_in.lines(connection)


def digest(found: frozenset[str]) -> str:
    """What the migration writes into the audit: SHA-256 of the lines in their order, but those of PostgreSQL itself."""
    own = (line for line in found if not line.startswith(audit_built_in.MARK))
    return hashlib.sha256("\n".join(sorted(own, key=lambda line: line.encode())).encode()).hexdigest()


def shipped(major: int) -> Shipped:
    """What a server of a version is to have."""
    alike, versions = frozenset(_read("catalogue.txt") or ()), {}
    for file in MIGRATIONS.iterdir():
        if named := re.fullmatch(r"catalogue_(\d+)\.txt", file.name):
            versions[int(named[1])] = frozenset(_read(file.name) or ())
    names = frozenset(name(line) for line in alike.union(*versions.values()))
    return Shipped(alike, versions.get(major), names)


def _read(file: str) -> list[str] | None:
    """Lines of a file; one that has several itself is written with a mark in the place of each end."""
    return [line.replace("⏎", "\n") for line in (MIGRATIONS / file).read_text("utf-8").splitlines()]


def name(line: str) -> str:
    """
    Which object a line is about.

    >>> name("trigger change.audited enabled=A CREATE CONSTRAINT TRIGGER audited …")
    'trigger change.audited'
    """
    found = re.match(_NAMES.get(line.split(" ", 1)[0], r"\S+ \S+"), line, re.DOTALL)
    return found[0] if found else line


def judge(connection: Bare, migrated: str, findings: Findings) -> None:
    """Find what of the schema is not as the migrations make it; ``migrated`` is the digest that the audit has of it."""
    major = connection.server_version // 10_000
    compare(lines(connection), shipped(major), major, migrated, findings)
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS)
        for member, role, acts in cursor:
            if acts:
                what = f"{member} is a member of it and can do what it can."
                findings.add(f"{ABOUT} (role)", f"Role {role}", what, f"REVOKE {role} FROM {member};")


def compare(found: frozenset[str], wanted: Shipped, major: int, migrated: str, findings: Findings) -> None:
    """Compare with what is shipped; on a version without lines of its own, also with the digest that the audit has."""
    if wanted.own is not None:
        _named(found, wanted.alike | wanted.own, findings)
        return
    alike = {name(line) for line in wanted.alike}
    _named(
        frozenset(line for line in found if name(line) in alike or name(line) not in wanted.names),
        wanted.alike,
        findings,
    )
    if digest(found) != migrated:
        what = (
            f"it is not what its migration left. How PostgreSQL {major} words views is not known here: if"
            " the server was brought to that version since, that is why."
        )
        findings.add(ABOUT, ABOUT, what, "Compare it with an empty database upgraded on the same server.")


def _named(found: frozenset[str], wanted: frozenset[str], findings: Findings) -> None:
    """Name what was added, what is gone and what is another; of a relation that was added, not each of its columns."""
    there, meant = ({name(line): line for line in sorted(some)} for some in (found - wanted, wanted - found))
    added = {about.split(" ", 1)[1] for about in there.keys() - meant.keys() if about.startswith("relation ")}
    for about in sorted(there.keys() | meant.keys()):
        kind, _, rest = about.partition(" ")
        if about not in meant:
            if kind in ("relation", "function") or rest.partition(".")[0] not in added:
                findings.add(f"{ABOUT} ({kind}, added)", _which(about), "no migration made it.", REMEDY)
        elif kind == audit_built_in.MARK:
            what = "they are not those that PostgreSQL brings: somebody replaced or edited one that the schema asks."
            findings.add(f"{ABOUT} ({kind})", _which(about), what, audit_built_in.REMEDY)
        elif about not in there:
            findings.add(f"{ABOUT} ({kind}, gone)", _which(about), "it is gone.", REMEDY)
        else:
            what = f"it is not as the migrations make it: {_difference(there[about], meant[about])}."
            findings.add(f"{ABOUT} ({kind}, altered)", _which(about), what, REMEDY)


def _which(about: str) -> str:
    return about[:1].upper() + about[1:]


def _difference(there: str, meant: str) -> str:
    """The fields that differ, where a line has any; a text is only said to be another one."""
    fields = [dict(_FIELDS.findall(line.split(" CREATE ")[0])) for line in (there, meant)]
    odd = [
        f"{field}={_short(fields[0].get(field))} instead of {_short(value)}"
        for field, value in fields[1].items()
        if fields[0].get(field) != value
    ]
    return ", ".join(odd) or "its text is another one"


def _short(value: str | None) -> str:
    text = " ".join((value or "nothing").split())
    return text if len(text) <= 60 else f"{text[:60]}…"
