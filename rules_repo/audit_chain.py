"""The entries of the audit, read in order: each hangs on the one before it, and its content gives its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from rules_repo.audit_faults import BACKUP, Findings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection

STREAMED = 5_000
"""How many entries are held at once."""

SAID = """position::text, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), login, transaction::text,
    tenant, relation, operation, row_key::text, before::text, after::text, reason, previous, hash"""
"""An entry as its hash is made of it, and its hash."""

WORDING = """encode(sha256(convert_to((after::jsonb - CASE WHEN jsonb_typeof(after::jsonb) = 'object' THEN CASE relation
    WHEN 'rule_version' THEN '{rule_id,version,created_by,created_at,content_hash,tenant,change_id}'
    WHEN 'draft_row' THEN '{id,change_id,rule_id,tenant,effective,version,derived_from,edited,content_hash}'
    END END::text[])::text, 'UTF8')), 'hex')"""
"""The hash of the wording of a row that keeps it."""

WHOLE = f"SELECT {SAID}, false, {WORDING} FROM rules.audit_entry AS e ORDER BY e.position"
"""For whom sees every row."""

OWN = f"""SELECT position::text, at, login, transaction, tenant, relation, operation, row_key, before, after, reason,
    previous, hash, withheld, {WORDING} FROM rules.audit_chain(0) AS e ORDER BY e.position"""
"""For whom sees rows of some tenants: all links, and what is said of these tenants."""

_decoded = json.JSONDecoder(parse_float=Decimal).decode
_written = json.JSONEncoder(ensure_ascii=False).encode


def parsed(text: str) -> Any:
    """
    JSON as PostgreSQL writes it; a value that Python cannot read, being too deep or too long, is left as it is written.

    >>> parsed('{"a": 1, "b": ' + "[" * 5000 + "]" * 5000 + "}")["a"]
    1
    """
    try:
        return _decoded(text)
    except (ValueError, RecursionError):
        return dict(_members(text)) if text.startswith("{") else text


def _members(text: str) -> Iterator[tuple[str, Any]]:
    """The members of an object, whose values are read one by one."""
    at = 1
    while text[at] != "}":
        key, at = scanstring(text, at + 1)
        end = _end(text, at + 2)
        value = text[at + 2 : end]
        try:
            yield key, _decoded(value)
        except (ValueError, RecursionError):
            yield key, value
        at = end + 2 if text[end] == "," else end


def _end(text: str, at: int) -> int:
    """Where a value ends that begins at a place."""
    depth = 0
    while depth or text[at] not in ",}":
        if text[at] == '"':
            at = scanstring(text, at + 1)[1]
            continue
        depth += (text[at] in "[{") - (text[at] in "]}")
        at += 1
    return at


@dataclass(slots=True)
class Said:
    """One entry as it is stored; texts, as the hash is made of them."""

    position: int
    at: str
    login: str
    transaction: str
    tenant: str | None
    relation: str
    operation: str
    row_key: str
    before_text: str | None
    after_text: str | None
    reason: str
    wording: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    def __str__(self) -> str:
        return f"{self.operation} of {self.relation} {self.row_key} by {self.login} at {self.at}"

    @property
    def row(self) -> dict[str, Any]:
        """What the entry says of the row: as it became, or as it was where it is gone."""
        return self.after if self.after is not None else self.before or {}


@dataclass(slots=True)
class Links:
    """How far the chain was read, its newest hash, how much of it was withheld, and the hashes at some positions."""

    wanted: frozenset[int] = frozenset()
    entries: int = 0
    head: str = ""
    withheld: int = 0
    met: dict[int, str] = field(default_factory=dict)

    def read(self, connection: Bare, findings: Findings, whole: bool) -> Iterator[Said]:
        """The entries whose content may be seen, in order; what is wrong with the links is found on the way."""
        with connection.cursor("entries") as cursor:
            cursor.itersize = STREAMED
            cursor.execute(WHOLE if whole else OWN)
            for *said, stored, hidden, wording in cursor:
                self._follow(findings, said, stored, hidden)
                if hidden:
                    self.withheld += 1
                elif (entry := _entry(findings, said, wording)) is not None:
                    yield entry

    def _follow(self, findings: Findings, said: list[str | None], stored: str, hidden: bool) -> None:
        position = int(said[0] or 0)
        which, about = f"Audit entry {position}", "" if hidden else f" ({_short(said)})"
        if position > self.entries + 1:
            findings.add(
                "The chain",
                f"Audit entry {self.entries + 1}",
                f"it is missing: the chain goes on with {position}{about}.",
            )
        elif position <= self.entries:
            findings.add("The chain", which, f"its position is given twice{about}.")
        elif said[-1] != self.head:
            findings.add("The chain", which, f"it does not follow the entry before it{about}.")
        elif not hidden and hashlib.sha256(_written(said).encode()).hexdigest() != stored:
            findings.add("The chain", which, f"it was altered: its content does not give its hash{about}.")
        self.entries, self.head = position, stored
        if position in self.wanted:
            self.met[position] = stored


def _short(said: list[str | None]) -> str:
    return f"{said[6]} of {said[5]} {said[7]} by {said[2]} at {said[1]}"


def _entry(findings: Findings, said: list[Any], wording: str | None) -> Said | None:
    position, at, login, transaction, tenant, relation, operation, row_key, before, after, why, _ = said
    then, now = (parsed(text) if text is not None else None for text in (before, after))
    if not all(row is None or isinstance(row, dict) for row in (then, now)):
        findings.add("The chain", f"Audit entry {position}", f"what it says is no row ({_short(said)}).", BACKUP)
        return None
    return Said(
        int(position),
        at,
        login,
        transaction,
        tenant,
        relation,
        operation,
        row_key,
        before,
        after,
        why,
        wording,
        then,
        now,
    )
