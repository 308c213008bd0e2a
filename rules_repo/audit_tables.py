"""
The tables that the audit watches, with their columns, as each migration left them.

Verifying asks for these names and no others: what an entry names is compared with them and never becomes SQL. They were
written down once from the migrations, and a test holds them to what the migrations make.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_0002 = """
    approval: id* bigint, change_id bigint, tenant text, edition integer, content_hash text, granted boolean, reason
        text, approver text, approved_at timestamp with time zone
    category: key* text, description text
    change: id* bigint, tenant text, title text, reason text, author text, state text, edition integer, edited_in
        bigint, created_at timestamp with time zone, moved_by text, moved_at timestamp with time zone, released_in
        bigint
    change_author: change_id* bigint, login* text, tenant text
    check_result: id* bigint, change_id bigint, tenant text, edition integer, content_hash text, passed boolean,
        findings text, checked_by text, checked_at timestamp with time zone
    draft_policy: change_id* bigint, object* text, key* text, tenant text, content jsonb, base bigint, open boolean
    draft_row: id* bigint, change_id bigint, rule_id bigint, tenant text, name text, kind text, membership_type text,
        weight integer, category text, rule_type text, form text, frame text, sql text, parameters jsonb, when_unknown
        text, reason_code text, reason_text text, owner text, override boolean, shadow boolean, metadata jsonb,
        effective daterange, version integer, derived_from bigint, edited boolean, content_hash text
    draft_rule: change_id* bigint, rule_id* bigint, tenant text, base bigint[], open boolean
    governance: id* bigint, tenant text, approvals_needed integer, reason text, set_by text, set_at timestamp with
        time zone
    membership_type_identity: id* bigint, key text, tenant text
    membership_type_version: id* bigint, membership_type_id bigint, name text, strategy text, margin bigint, tie text,
        veto_weight integer, recorded tstzrange, recorded_by text, closed_by text, opened_in bigint, closed_in bigint,
        tenant text, change_id bigint
    parameter_identity: id* bigint, tenant text, name text
    parameter_version: id* bigint, tenant text, parameter_id bigint, value jsonb, description text, recorded
        tstzrange, recorded_by text, closed_by text, opened_in bigint, closed_in bigint, change_id bigint
    reason_code: code* text, text text
    reference_list_identity: id* bigint, tenant text, name text
    reference_list_version: id* bigint, tenant text, list_id bigint, columns jsonb, rows jsonb, description text,
        recorded tstzrange, recorded_by text, closed_by text, opened_in bigint, closed_in bigint, change_id bigint
    release: change_id* bigint, tenant text, content_hash text, approvals_needed integer, approvers text[],
        released_by text, released_at timestamp with time zone
    release_freeze: id* bigint, tenant text, until timestamp with time zone, reason text, recorded tstzrange,
        recorded_by text, closed_by text, opened_in bigint, closed_in bigint
    rule_identity: id* bigint, key text, tenant text
    rule_pause: id* bigint, tenant text, rule_id bigint, effective daterange, reason text, recorded tstzrange,
        recorded_by text, closed_by text, opened_in bigint, closed_in bigint
    rule_period: id* bigint, rule_id bigint, version integer, effective daterange, recorded tstzrange, recorded_by
        text, closed_by text, opened_in bigint, closed_in bigint, tenant text, change_id bigint
    rule_type: key* text, description text
    rule_version: rule_id* bigint, version* integer, name text, kind text, membership_type text, weight integer,
        category text, rule_type text, form text, frame text, sql text, parameters jsonb, when_unknown text,
        reason_code text, reason_text text, owner text, override boolean, shadow boolean, metadata jsonb, created_by
        text, created_at timestamp with time zone, content_hash text, tenant text, change_id bigint
    tenant: key* text, description text
    tenant_login: tenant* text, login* text
"""

_0003 = """
    approval: id* bigint, change_id bigint, tenant text, edition integer, content_hash text, granted boolean,
        reason text, approver text, approved_at timestamp with time zone, approver_id bigint
    category: tenant* text, key* text, description text
    change_author: change_id* bigint, login* text, tenant text, login_id bigint
    check_result: id* bigint, change_id bigint, tenant text, edition integer, content_hash text, passed boolean,
        findings text, checked_by text, checked_at timestamp with time zone, checked_by_id bigint
    governance: id* bigint, tenant text, approvals_needed integer, reason text, set_by text,
        set_at timestamp with time zone, in_force boolean, set_by_id bigint, plan_days integer
    plan_result: id* bigint, change_id bigint, tenant text, edition integer, content_hash text,
        known_at timestamp with time zone, said jsonb, planned_by text, planned_by_id bigint,
        planned_at timestamp with time zone
    reason_code: tenant* text, code* text, text text
    release_freeze: id* bigint, tenant text, until timestamp with time zone, reason text, recorded tstzrange,
        recorded_by text, closed_by text, opened_in bigint, closed_in bigint, ended_because text
    rule_pause: id* bigint, tenant text, rule_id bigint, effective daterange, reason text, recorded tstzrange,
        recorded_by text, closed_by text, opened_in bigint, closed_in bigint, ended_because text
    rule_type: tenant* text, key* text, description text
"""

_0004 = """
    approval: id* bigint, change_id bigint, tenant text, edition integer, content_hash text, granted boolean,
        reason text, approver text, approved_at timestamp with time zone, approver_id bigint, plan_id bigint
    check_result: id* bigint, change_id bigint, tenant text, edition integer, content_hash text, passed boolean,
        findings text, checked_by text, checked_at timestamp with time zone, checked_by_id bigint, spark_version text,
        schema_digest text, gate_version text
    governance: id* bigint, tenant text, approvals_needed integer, reason text, set_by text,
        set_at timestamp with time zone, in_force boolean, set_by_id bigint, plan_days integer, without_spark boolean
    tenant: key* text, description text, plan_days integer
"""

_0005 = """
    membership_type_version: id* bigint, membership_type_id bigint, name text, strategy text, margin bigint, tie text,
        veto_weight integer, recorded tstzrange, recorded_by text, closed_by text, opened_in bigint, closed_in bigint,
        tenant text, change_id bigint, effective_from date
"""
"""Those that these revisions changed."""

ENTRY = """
    audit_entry: position* bigint, at timestamp with time zone, login text, transaction bigint, tenant text,
        relation text, operation text, row_key jsonb, before jsonb, after jsonb, reason text, previous text, hash text
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """A table: its columns with their types, and which of them are its key."""

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]


def read(text: str) -> Mapping[str, Watched]:
    """
    Tables by name, of lines such as ``governance: id* bigint, tenant text``; a star marks the key.

    >>> read("    pair: a* bigint, b text[]")["pair"]
    Watched(name='pair', columns={'a': 'bigint', 'b': 'text[]'}, key=('a',))
    """
    found = {}
    for name, said in re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text, re.MULTILINE):
        columns = [column.split(" ", 1) for column in " ".join(said.split()).split(", ")]
        types = {column.rstrip("*"): type_ for column, type_ in columns}
        found[name] = Watched(name, types, tuple(column[:-1] for column, _ in columns if column.endswith("*")))
    return found


_REVISIONS = {
    "0002": _0002,
    "0003": _0003,
    "0004": _0004,
    "0005": _0005,
    "0006": "",
    "0007": "",
    "0008": "",
    "0009": "",
}
WATCHED: Mapping[str, Mapping[str, Watched]] = {
    last: {
        name: table
        for revision in sorted(_REVISIONS)
        if revision <= last
        for name, table in read(_REVISIONS[revision]).items()
    }
    for last in _REVISIONS
}
"""By revision: what its entries may be of."""

AUDIT = read(ENTRY)["audit_entry"]
SETTLING = Watched("settling", {"transaction": "bigint", "moment": "timestamp with time zone"}, ())
VERSION = Watched("schema_version", {"version_num": "character varying"}, ("version_num",))

CLOCKS = {
    "membership_type_version",
    "parameter_version",
    "reference_list_version",
    "release_freeze",
    "rule_pause",
    "rule_period",
}
"""Tables with the clock of knowledge: a row is closed once, and never removed."""

EVIDENCE = {
    "approval",
    "change_author",
    "check_result",
    "governance",
    "membership_type_identity",
    "parameter_identity",
    "plan_result",
    "reference_list_identity",
    "release",
    "rule_identity",
    "rule_version",
}
"""Tables whose rows are written once."""

KEPT = CLOCKS | EVIDENCE | {"change"}
"""Tables whose rows are never removed."""
