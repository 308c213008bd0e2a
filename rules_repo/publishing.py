"""Publishing many rules at once: everything checked, then written in a handful of statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import Range, insert

from rules_engine.errors import ChangeRefused, Fault, raise_all
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_repo import tables
from rules_repo.rows import Row, all_of, type_of, type_values, version_of, version_values, wording
from rules_repo.timeline import Step, by_key, overlaps, step


@dataclass(frozen=True, slots=True)
class Changes:
    """Which rules a publication added, changed and left as they were, by key, and the membership types it touched."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    membership_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows when a publication begins; ``periods`` maps a version's id and first day to its row."""

    types: Mapping[str, MembershipType]
    rules: Mapping[str, tuple[RuleVersion, ...]]
    rule_ids: Mapping[str, int]
    newest: Mapping[int, int]
    periods: Mapping[tuple[str, date], int]


def publish_in(
    connection: Connection, versions: Sequence[RuleVersion], membership_types: Sequence[MembershipType]
) -> Changes:
    """Publish within the connection's transaction, and say what changed; nobody else publishes meanwhile."""
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    connection.execute(text("LOCK TABLE rules.rule_identity, rules.membership_type_identity IN EXCLUSIVE MODE"))
    known = _known(connection)
    raise_all(ChangeRefused, _faults(versions, membership_types, known))
    types = tuple(m for m in membership_types if known.types.get(m.key) != m)
    _write_types(connection, types, known)
    steps = [step(known.rules.get(key, ()), wanted) for key, wanted in by_key(versions).items()]
    _write(connection, [s for s in steps if s.open or s.close], known)
    return Changes(
        added=tuple(s.key for s in steps if s.key not in known.rule_ids),
        changed=tuple(s.key for s in steps if s.key in known.rule_ids and (s.open or s.close)),
        unchanged=tuple(s.key for s in steps if s.key in known.rule_ids and not (s.open or s.close)),
        membership_types=tuple(m.key for m in types),
    )


def _known(connection: Connection) -> Known:
    types = all_of(type_of, _rows(connection, "SELECT * FROM rules.membership_type"), "Membership type")
    rows = _rows(connection, "SELECT * FROM rules.rule_history WHERE upper_inf(recorded)")
    rules = all_of(version_of, rows, "Rule")
    newest = "SELECT rule_id, max(version) AS version FROM rules.rule_version GROUP BY rule_id"
    return Known(
        types={m.key: m for m in types},
        rules=by_key(rules),
        rule_ids=_rule_ids(connection),
        newest={row["rule_id"]: row["version"] for row in _rows(connection, newest)},
        periods={(v.id, v.effective.first): row["period_id"] for v, row in zip(rules, rows, strict=True)},
    )


def _faults(
    versions: Sequence[RuleVersion], membership_types: Sequence[MembershipType], known: Known
) -> Iterable[Fault]:
    keys = [m.key for m in membership_types]
    for key in sorted({k for k in keys if keys.count(k) > 1}):
        yield Fault(f"Membership type {key}", "it is given twice.", "Remove one.")
    yield from overlaps(versions)
    types = set(keys) | set(known.types)
    for version in versions:
        if version.membership_type not in types:
            yield Fault(
                f"Rule {version.key}",
                f"its membership type '{version.membership_type}' does not exist.",
                "Add the membership type, or name one that exists.",
            )
        if _has_nul(version.content()):
            yield Fault(f"Rule {version.key}", "it holds a NUL character, which no database keeps.", "Remove it.")


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, (list, tuple)) and any(_has_nul(part) for part in value)


def _write_types(connection: Connection, types: Sequence[MembershipType], known: Known) -> None:
    added = [type_values(m) for m in types if m.key not in known.types]
    changed = [type_values(m) for m in types if m.key in known.types]
    if added:
        connection.execute(
            text(
                "INSERT INTO rules.membership_type (key, name, strategy, margin, tie, veto_weight)"
                " VALUES (:key, :name, :strategy, :margin, :tie, :veto_weight)"
            ),
            added,
        )
    if changed:
        connection.execute(
            text(
                "UPDATE rules.membership_type SET name = :name, strategy = :strategy, margin = :margin, tie = :tie,"
                " veto_weight = :veto_weight WHERE key = :key"
            ),
            changed,
        )


def _write(connection: Connection, steps: Sequence[Step], known: Known) -> None:
    if not steps:
        return
    moment = connection.execute(
        text(
            "SELECT greatest(clock_timestamp(), max(lower(recorded)) + interval '1 microsecond') FROM rules.rule_period"
        )
    ).scalar_one()
    closing = [known.periods[v.id, v.effective.first] for s in steps for v in s.close]
    connection.execute(
        text("UPDATE rules.rule_period SET recorded = tstzrange(lower(recorded), :moment) WHERE id = ANY(:closing)"),
        {"moment": moment, "closing": closing},
    )
    new_keys = [{"key": s.key} for s in steps if s.key not in known.rule_ids]
    if new_keys:
        connection.execute(insert(tables.rule_identity), new_keys)
    ids = _rule_ids(connection)
    versions, periods = _new_rows(steps, ids, known.newest)
    _write_references(connection, versions)
    if versions:
        connection.execute(insert(tables.rule_version), versions)
    connection.execute(insert(tables.rule_period), [p | {"recorded": Range(moment, None)} for p in periods])


def _new_rows(
    steps: Sequence[Step], ids: Mapping[str, int], newest: Mapping[int, int]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of versions not known yet, numbered on from the newest, and those of the periods to open."""
    versions: list[dict[str, Any]] = []
    periods: list[dict[str, Any]] = []
    for one in steps:
        rule_id = ids[one.key]
        numbers: dict[str, int] = {}
        for number, version in one.open:
            if not number and wording(version) not in numbers:
                numbers[wording(version)] = newest.get(rule_id, 0) + len(numbers) + 1
                versions.append(version_values(version, rule_id, numbers[wording(version)]))
            days = Range(version.effective.first, version.effective.end)
            periods.append({"rule_id": rule_id, "version": number or numbers[wording(version)], "effective": days})
    return versions, periods


def _write_references(connection: Connection, versions: Sequence[Mapping[str, Any]]) -> None:
    """Add the categories, rule types and reason codes that the versions introduce."""
    reasons = {v["reason_code"]: v["reason_text"] for v in versions if v["reason_code"]}
    for table, rows in (
        (tables.category, [{"key": key} for key in sorted({v["category"] for v in versions if v["category"]})]),
        (tables.rule_type, [{"key": key} for key in sorted({v["rule_type"] for v in versions if v["rule_type"]})]),
        (tables.reason_code, [{"code": code, "text": words} for code, words in sorted(reasons.items())]),
    ):
        if rows:
            connection.execute(insert(table).on_conflict_do_nothing(), rows)


def _rule_ids(connection: Connection) -> dict[str, int]:
    found = connection.execute(select(tables.rule_identity.c.key, tables.rule_identity.c.id))
    return {row.key: row.id for row in found}


def _rows(connection: Connection, query: str) -> list[Row]:
    return [dict(row) for row in connection.execute(text(query)).mappings()]
