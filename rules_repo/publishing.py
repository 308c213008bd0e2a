"""Drafting many rules at once in a change of their own: everything checked, then written in a handful of statements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from rules_engine.errors import ChangeRefused, Fault, did_you_mean, raise_all
from rules_engine.model.canonical import canonical_json, decode_parameter, encode_parameter
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_repo.rows import Row, all_of, list_of, type_of, type_values, version_of
from rules_repo.shared_values import Parameter
from rules_repo.timeline import Step, by_key, overlaps, step


@dataclass(frozen=True, slots=True)
class Changes:
    """Which rules a publication adds, changes and leaves as they are, by key, and what else it touches, by name."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    membership_types: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    reference_lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """Shared parameters and reference lists that are proposed with rules."""

    parameters: tuple[Parameter, ...] = ()
    reference_lists: tuple[ReferenceList, ...] = ()


NOTHING = Shared()


@dataclass(frozen=True, slots=True)
class Proposal:
    """
    What became of proposed rules.

    ``change`` is the number of the change that holds them, None where there was
    nothing to change; ``published`` whether that needed no approval.
    """

    changes: Changes
    change: int | None
    published: bool


@dataclass(frozen=True, slots=True)
class Known:
    """
    What the database knows of the rules that are proposed: ``rules`` holds their known days by key, ``types`` policies
    by what they are called. ``others`` are the keys, published or in an open draft, that differ from those proposed in
    capitals at most.
    """

    types: Mapping[str, MembershipType]
    rules: Mapping[str, tuple[RuleVersion, ...]]
    keys: frozenset[str]
    others: frozenset[str]
    parameters: Mapping[str, Parameter]
    lists: Mapping[str, ReferenceList]


def propose_in(
    connection: Connection,
    versions: Sequence[RuleVersion],
    membership_types: Sequence[MembershipType],
    title: str,
    reason: str,
    dry_run: bool = False,
    shared: Shared = NOTHING,
) -> Proposal:
    """Draft within the connection's transaction, and publish where no approval is needed; a dry run reads alone."""
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    known = _known(connection, sorted({version.key for version in versions}))
    raise_all(ChangeRefused, _faults(versions, membership_types, known))
    types = tuple(m for m in membership_types if known.types.get(m.named) != m)
    steps = [step(known.rules.get(key, ()), wanted) for key, wanted in by_key(versions).items()]
    changes = Changes(
        added=tuple(s.key for s in steps if s.key not in known.keys),
        changed=tuple(s.key for s in steps if s.key in known.keys and s.changes),
        unchanged=tuple(s.key for s in steps if s.key in known.keys and not s.changes),
        membership_types=tuple(m.named for m in types),
        parameters=tuple(p.name for p in shared.parameters if known.parameters.get(p.name) != p),
        reference_lists=tuple(r.name for r in shared.reference_lists if known.lists.get(r.name) != r),
    )
    same = [f"rule {key}" for key in changes.unchanged]
    same += [f"membership type {m.named}" for m in membership_types if known.types.get(m.named) == m]
    same += [f"parameter {p.name}" for p in shared.parameters if p.name not in changes.parameters]
    same += [f"reference list {r.name}" for r in shared.reference_lists if r.name not in changes.reference_lists]
    raise_all(ChangeRefused, _drafted_otherwise(connection, same))
    drafted = [s for s in steps if s.changes]
    if not (drafted or types or changes.parameters or changes.reference_lists):
        return Proposal(changes, None, published=False)
    if dry_run:
        raise_all(ChangeRefused, _held(connection, [s.key for s in drafted]))
        return Proposal(changes, None, published=False)
    change = _begun(connection, title, reason)
    _draft_types(connection, types, known)
    _draft_shared(connection, shared, changes, known)
    _draft_rules(connection, change, drafted)
    return Proposal(changes, change, _published(connection, change))


def _drafted_otherwise(connection: Connection, same: Sequence[str]) -> Iterable[Fault]:
    """What is to stay as it is published, and was drafted otherwise by the same login: one of the two is not meant."""
    for row in _rows(connection, OWN_DRAFTS, objects=list(same)):
        which, change = row["object"][0].upper() + row["object"][1:], row["change_id"]
        what = f"you have drafted it otherwise in change {change}, and here it is as it is published."
        yield Fault(which, what, f"Take the draft back: `rules change withdraw {change}`; or leave it out here.")


def _held(connection: Connection, keys: Sequence[str]) -> Iterable[Fault]:
    """The rules that are in an open change, as the database refuses to draft them in another one."""
    held = "SELECT DISTINCT rule_key, change_id FROM rules.draft WHERE rule_key = ANY(CAST(:keys AS text[])) ORDER BY 1"
    for row in _rows(connection, held, keys=list(keys)):
        what = f"it is being changed in change {row['change_id']}."
        remedy = f"Wait until that is published or withdrawn: `rules change withdraw {row['change_id']}`."
        yield Fault(f"Rule {row['rule_key']}", what, remedy)


OWN_DRAFTS = """
    SELECT DISTINCT d.object, c.change_id FROM rules.change_overview AS c, LATERAL rules.diff(c.change_id) AS d
    WHERE c.state IN ('draft', 'in review', 'approved') AND session_user::text = ANY (string_to_array(c.authors, ', '))
        AND d.object = ANY (CAST(:objects AS text[])) ORDER BY 2, 1
"""


def _begun(connection: Connection, title: str, reason: str) -> int:
    values = {"title": title, "reason": reason}
    change = connection.execute(text("SELECT rules.begin_change(:title, :reason)"), values).scalar_one()
    connection.execute(text("SELECT set_config('rules.change', :change, true)"), {"change": str(change)})
    return int(change)


def _published(connection: Connection, change: int) -> bool:
    if connection.execute(text("SELECT rules.approvals_needed()")).scalar_one():
        return False
    connection.execute(text("SELECT rules.publish_at_once(:change)"), {"change": change})
    return True


def _known(connection: Connection, asked: Sequence[str]) -> Known:
    of_these = "WHERE rule_key = ANY(CAST(:keys AS text[]))"
    types = all_of(type_of, _rows(connection, "SELECT * FROM rules.membership_type"), "Membership type")
    rules = all_of(version_of, _rows(connection, f"SELECT * FROM rules.rule {of_these}", keys=asked), "Rule")
    keys = _rows(connection, f"SELECT DISTINCT rule_key FROM rules.rule_history {of_these}", keys=asked)
    others = _rows(connection, IN_ANY_CAPITALS, keys=[key.lower() for key in asked])
    return Known(
        {m.named: m for m in types},
        by_key(rules),
        frozenset(row["rule_key"] for row in keys),
        frozenset(row["rule_key"] for row in others),
        {p.name: p for p in parameters_in(connection)},
        {r.name: r for r in all_of(list_of, _rows(connection, "SELECT * FROM rules.reference_list"), "Reference list")},
    )


IN_ANY_CAPITALS = """
    SELECT rule_key FROM rules.rule_history WHERE lower(rule_key COLLATE "C") = ANY(CAST(:keys AS text[]))
    UNION SELECT rule_key FROM rules.draft WHERE lower(rule_key COLLATE "C") = ANY(CAST(:keys AS text[]))
"""


def parameters_in(connection: Connection) -> tuple[Parameter, ...]:
    """The shared parameters as known now, by name."""
    rows = _rows(connection, "SELECT name, value, description FROM rules.parameter ORDER BY name")
    return tuple(Parameter(row["name"], decode_parameter(row["value"]), row["description"]) for row in rows)


def _faults(
    versions: Sequence[RuleVersion], membership_types: Sequence[MembershipType], known: Known
) -> Iterable[Fault]:
    yield from type_faults(membership_types, known.types)
    yield from overlaps(versions)
    of_types = {m.key for m in known.types.values()}
    yield from _alike("Membership type", {m.key for m in membership_types} - of_types, of_types)
    yield from _alike("Rule", {version.key for version in versions} - known.keys, known.others)
    types = {m.key for m in membership_types} | of_types
    for version in versions:
        if version.membership_type not in types:
            yield Fault(
                f"Rule {version.key}",
                f"its membership type '{version.membership_type}' does not exist.",
                did_you_mean(version.membership_type, types) or "Add the membership type, or name one that exists.",
            )
        if _has_nul(version.content()):
            yield Fault(f"Rule {version.key}", "it holds a NUL character, which no database keeps.", "Remove it.")


def _alike(what: str, added: Collection[str], known: Collection[str]) -> Iterable[Fault]:
    """A known key in other capitals means that one, which would be weighed twice; the database refuses it, too."""
    seen = {key.lower(): key for key in sorted(known)}
    for key in sorted(added):
        other = seen.setdefault(key.lower(), key)
        if other != key:
            said = f"there is the {what.lower()} {other}, whose key differs in capitals alone."
            yield Fault(f"{what} {key}", said, f"Write {other} if you mean that one, or choose another key.")


def type_faults(given: Sequence[MembershipType], known: Collection[str] = ()) -> Iterable[Fault]:
    """What is wrong between policies: one is given twice, or a type has none that is first, here or ``known``."""
    named = [m.named for m in given]
    for name in sorted({n for n in named if named.count(n) > 1}):
        yield Fault(f"Membership type {name}", "it is given twice.", "Remove one.")
    for key in sorted({m.key for m in given} - {*named, *known}):
        what = "there is none, and the first policy of one counts from the beginning."
        yield Fault(f"Membership type {key}", what, "Add one without effective_from.")


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, (list, tuple)) and any(_has_nul(part) for part in value)


def _draft_types(connection: Connection, types: Sequence[MembershipType], known: Known) -> None:
    """Draft what is there and becomes another, then what is added: the first policy of a type before its later ones."""
    ordered = sorted(types, key=lambda m: (m.key, m.effective_from))
    added = [type_values(m) for m in ordered if m.named not in known.types]
    changed = [type_values(m) for m in ordered if m.named in known.types]
    if added:
        connection.execute(
            text(
                "INSERT INTO rules.membership_type (key, name, strategy, margin, tie, veto_weight, effective_from)"
                " VALUES (:key, :name, :strategy, :margin, :tie, :veto_weight, :effective_from)"
            ),
            added,
        )
    if changed:
        connection.execute(
            text(
                "UPDATE rules.membership_type SET name = :name, strategy = :strategy, margin = :margin, tie = :tie,"
                " veto_weight = :veto_weight WHERE key = :key AND effective_from = :effective_from"
            ),
            changed,
        )


def _draft_shared(connection: Connection, shared: Shared, changes: Changes, known: Known) -> None:
    for each in shared.parameters:
        if each.name in changes.parameters:
            value = canonical_json(encode_parameter(each.value))
            values = {"name": each.name, "value": value, "description": each.description}
            connection.execute(text(PARAMETER[each.name in known.parameters]), values)
    for found in shared.reference_lists:
        if found.name in changes.reference_lists:
            content = found.content()
            values = content | {part: canonical_json(content[part]) for part in ("columns", "rows")}
            connection.execute(text(LIST[found.name in known.lists]), values)


PARAMETER = {
    False: "INSERT INTO rules.parameter (name, value, description) VALUES (:name, CAST(:value AS jsonb), :description)",
    True: "UPDATE rules.parameter SET value = CAST(:value AS jsonb), description = :description WHERE name = :name",
}
LIST = {
    False: "INSERT INTO rules.reference_list (name, columns, rows, description)"
    " VALUES (:name, CAST(:columns AS jsonb), CAST(:rows AS jsonb), :description)",
    True: "UPDATE rules.reference_list SET columns = CAST(:columns AS jsonb), rows = CAST(:rows AS jsonb),"
    " description = :description WHERE name = :name",
}
"""How one is drafted, by whether it is known."""


def _draft_rules(connection: Connection, change: int, steps: Sequence[Step]) -> None:
    if not steps:
        return
    wanted = canonical_json([_row(version) for s in steps for version in s.target])
    statement = text("SELECT rules.draft_timelines(:change, CAST(:wanted AS jsonb))")
    connection.execute(statement, {"change": change, "wanted": wanted})


def _row(version: RuleVersion) -> dict[str, Any]:
    """A row of ``rules.rule`` as JSON."""
    content = version.content()
    days = {"effective_from": version.effective.first.isoformat()}
    if version.effective.end:
        days["effective_to"] = version.effective.end.isoformat()
    return (
        {name: value for name, value in content.items() if name not in ("key", "version")}
        | days
        | {"rule_key": content["key"]}
    )


def _rows(connection: Connection, query: str, **values: object) -> list[Row]:
    return [dict(row) for row in connection.execute(text(query), values).mappings()]
