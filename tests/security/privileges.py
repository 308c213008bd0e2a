"""
Who may do what with which object: declared once, held against the catalogue, tried out, and printed for docs/security.md.

``python -m tests.security.matrix`` writes the tables of docs/security.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.security.attackers import ROLES
from tests.spec.table import rows

READERS = "analyst, approver, auditor, admin"
ALL = "analyst, approver, engine, auditor, admin"

GRANTS = f"""
    object                          | right                          | roles                    | because
    --------------------------------+--------------------------------+--------------------------+---------------------------------------
    rule                            | SELECT                         | {READERS}                | the rules as known now
    rule                            | INSERT                         | analyst                  | drafts a rule
    rule                            | UPDATE (what it says, days)    | analyst                  | drafts its next version
    draft                           | SELECT                         | {READERS}                | the open drafts
    draft                           | DELETE                         | analyst                  | takes a draft back
    draft                           | UPDATE (what it says, days)    | analyst                  | amends a draft
    membership_type                 | SELECT                         | {READERS}                | how memberships are decided
    membership_type                 | INSERT                         | analyst                  | drafts one
    membership_type                 | UPDATE (name, strategy, margin, tie, veto_weight, effective_from) | analyst | drafts its next policy
    parameter                       | SELECT                         | {READERS}                | shared parameters as known now
    parameter                       | INSERT                         | analyst                  | drafts a value
    parameter                       | UPDATE (value, description)    | analyst                  | drafts its next value
    reference_list                  | SELECT                         | {READERS}                | reference lists as known now
    reference_list                  | INSERT                         | analyst                  | drafts a list
    reference_list                  | UPDATE (columns, rows, description) | analyst             | drafts what it holds next
    change                          | SELECT                         | {READERS}                | changes as the tables keep them
    change                          | UPDATE (title, reason)         | analyst                  | says what a draft is called and why
    category                        | SELECT                         | {READERS}                | what rules are grouped by
    category                        | INSERT (key, description)      | analyst                  | adds one
    category                        | UPDATE (description)           | analyst                  | describes it
    rule_type                       | SELECT                         | {READERS}                | what rules are grouped by, too
    rule_type                       | INSERT (key, description)      | analyst                  | adds a type
    rule_type                       | UPDATE (description)           | analyst                  | describes a type
    reason_code                     | SELECT                         | {READERS}                | reasons in words
    reason_code                     | INSERT (code, text)            | analyst                  | adds a reason
    reason_code                     | UPDATE (text)                  | analyst                  | words it
    governance                      | SELECT                         | {READERS}                | how many approvals are needed
    governance                      | INSERT (tenant, approvals_needed, reason, plan_days, without_spark) | admin | says what an approval needs
    tenant                          | SELECT                         | {READERS}                | one's own tenants
    tenant                          | INSERT (key, description)      | admin                    | founds a tenant
    tenant_login                    | SELECT                         | auditor, admin           | who belongs to a tenant
    tenant_login                    | INSERT (tenant, login)         | admin                    | lets a login in
    audit_entry                     | SELECT                         | auditor, admin           | the audit of one's own tenants
    schema_version                  | SELECT                         | {ALL}                    | which migration this is
    rule_check                      | SELECT                         | {ALL}                    | whom the checks of rules asked
    change_overview, draft_policy, pause, rule_history, membership_type_history, parameter_history, reference_list_history | SELECT | {READERS} | how things stand, and stood
    change_author, check_result, plan_result, approval, release, release_freeze, rule_identity | SELECT | {READERS} | evidence, to look up
    draft_rule, draft_row, membership_type_identity, membership_type_version, parameter_identity, parameter_version, reference_list_identity, reference_list_version, rule_pause, rule_period, rule_version | SELECT | auditor | what the audit is about
    tenant(), tenants(), refuse(), wait_for_commits(), known_now() | EXECUTE | {ALL}          | who one is and what time it is
    rule_set(), membership_types(), reference_lists(), shared_parameters() | EXECUTE | {ALL} | the questions of a run
    history(), diff(), content_hash(), approvers_of(), plan_of(), checks_of(), approvals_needed(), published_by(), rules_on(), with_shared() | EXECUTE | {READERS} | questions of people
    begin_change(), work_on(), submit(), publish_at_once(), draft_timelines() | EXECUTE | analyst | draft and hand in
    schedule(), record_check(), record_plan() | EXECUTE                        | analyst, approver        | check and publish
    approve(), reject()             | EXECUTE                        | approver                 | judge
    pause(), resume()               | EXECUTE                        | analyst, approver, admin | brake a rule
    withdraw()                      | EXECUTE                        | analyst, admin           | give a change up
    freeze_releases(), lift_freeze(), dismiss() | EXECUTE            | admin                    | brake everything, and dismiss
    audit_chain(), catalogue(), catalogue_digest(), may_see(), wording() | EXECUTE | auditor, admin | prove
"""
"""What each role may; a login has what its roles have. Whatever is not said here is refused to everybody."""

SAID = (
    "name, kind, membership_type, weight, category, rule_type, form, frame, sql, parameters, when_unknown, reason_code, "
    "reason_text, owner, override, shadow, metadata, effective_from, effective_to"
)
Grant = tuple[str, str, str]
"""Object, right, role."""
Ask = Callable[[str], Iterable[tuple[object, ...]]]

CATALOGUE = """
    SELECT c.relname::text, a.privilege_type, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC')
    FROM pg_class AS c, aclexplode(c.relacl) AS a
    WHERE c.relnamespace = 'rules'::regnamespace AND a.grantee <> c.relowner
    UNION ALL SELECT c.relname::text, a.privilege_type || ' (' || string_agg(t.attname, ', ' ORDER BY t.attnum) || ')',
        coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC')
    FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid, aclexplode(t.attacl) AS a
    WHERE c.relnamespace = 'rules'::regnamespace AND a.grantee <> c.relowner GROUP BY c.relname, a.privilege_type, a.grantee
    UNION ALL SELECT p.proname || '()', a.privilege_type, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC')
    FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE p.pronamespace = 'rules'::regnamespace AND a.grantee <> p.proowner
    UNION ALL SELECT 'schema rules', a.privilege_type, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC')
    FROM pg_namespace AS n, aclexplode(n.nspacl) AS a WHERE n.nspname = 'rules' AND a.grantee <> n.nspowner
"""


@dataclass(frozen=True)
class Right:
    """One line of what is granted."""

    objects: str
    right: str
    roles: str
    because: str


def declared() -> list[Right]:
    return [Right(r["object"], r["right"], r["roles"], r["because"]) for r in rows(GRANTS)]


def expected() -> set[Grant]:
    """Every grant that there is to be."""
    found = {
        (thing.strip(), right.right.replace("what it says, days", SAID), f"rules_{role.strip()}")
        for right in declared()
        for thing in right.objects.split(", ")
        for role in right.roles.split(", ")
    }
    return found | {("schema rules", "USAGE", role) for role in (*ROLES, "rules_views")}


def granted(ask: Ask) -> set[Grant]:
    """Every grant that the catalogue has, to roles other than those that own the schema."""
    owned = "rules_owner", "rules_views"
    found = {(str(a), str(b), str(c)) for a, b, c in ask(CATALOGUE)}
    return {g for g in found if g[2] not in owned} | {("schema rules", "USAGE", "rules_views")}


def may(login_roles: str, thing: str, right: str, column: str = "") -> bool:
    """Whether one of a login's roles has a right, on a column if one is named, else on any."""
    roles = {role.strip() for role in login_roles.split(",")}
    return any(
        t == thing
        and role in roles
        and (r == right or (r.startswith(f"{right} (") and (not column or column in columns(r))))
        for t, r, role in EXPECTED
    )


def columns(right: str) -> list[str]:
    """The columns that a right names."""
    return [column.strip(" ()") for column in right.partition("(")[2].split(",")]


EXPECTED = expected()
