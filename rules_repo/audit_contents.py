"""What was approved and published, hashed anew: the content of a change, of which its approvals and its release are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rules_repo.audit_faults import Findings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection

_WORDING = (
    """to_jsonb(d) - '{id,change_id,rule_id,tenant,effective,version,derived_from,edited,content_hash}'::text[]"""
)

_HASHED = (
    "encode(sha256(convert_to(coalesce(string_agg(l.line, E'\\n' ORDER BY l.line COLLATE \"C\"), ''), 'UTF8')), 'hex')"
)

CONTENTS = f"""
    SELECT l.change_id, {_HASHED} FROM (
        SELECT c.id AS change_id, jsonb_build_array('change', c.tenant, c.title, c.reason)::text AS line
        FROM ONLY rules.change AS c
        UNION ALL SELECT d.change_id, jsonb_build_array('rule', i.key, to_jsonb(d.base))::text
        FROM ONLY rules.draft_rule AS d JOIN ONLY rules.rule_identity AS i ON i.id = d.rule_id
        UNION ALL SELECT d.change_id,
            jsonb_build_array('draft', i.key, lower(d.effective), upper(d.effective), {_WORDING})::text
        FROM ONLY rules.draft_row AS d JOIN ONLY rules.rule_identity AS i ON i.id = d.rule_id
        UNION ALL SELECT d.change_id, jsonb_build_array(d.object, d.key, d.base, d.content)::text
        FROM ONLY rules.draft_policy AS d
    ) AS l WHERE %(all)s OR l.change_id = ANY (%(some)s::bigint[]) GROUP BY l.change_id
"""
"""By change: what its approvals are of since revision 0003."""

OLDER = f"""
    SELECT l.change_id, {_HASHED} FROM (
        SELECT d.change_id, format('rule %%s', i.key) AS line
        FROM ONLY rules.draft_rule AS d JOIN ONLY rules.rule_identity AS i ON i.id = d.rule_id
        UNION ALL SELECT d.change_id, format('rule %%s %%s %%s', i.key, d.effective, {_WORDING})
        FROM ONLY rules.draft_row AS d JOIN ONLY rules.rule_identity AS i ON i.id = d.rule_id
        UNION ALL SELECT d.change_id, format('%%s %%s %%s', d.object, d.key, d.content)
        FROM ONLY rules.draft_policy AS d
    ) AS l WHERE %(all)s OR l.change_id = ANY (%(some)s::bigint[]) GROUP BY l.change_id
"""
"""What they were of before, in days as the session wrote them."""

STYLES = ("ISO, YMD", "SQL, MDY", "SQL, DMY", "Postgres, MDY", "Postgres, DMY", "German")

WANTED = """
    SELECT r.change_id, 'release', r.content_hash FROM ONLY rules.release AS r
    UNION SELECT a.change_id, 'approval', a.content_hash FROM ONLY rules.approval AS a
    JOIN ONLY rules.change AS c ON c.id = a.change_id AND c.edition = a.edition
    WHERE a.granted AND c.state IN ('in review', 'approved', 'scheduled') ORDER BY 1, 2, 3
"""
"""What says what a change says now: releases, and approvals of the edition that it is at."""

NEEDED = frozenset({"approval", "change", "draft_policy", "draft_row", "draft_rule", "release", "rule_identity"})


def judge(connection: Bare, findings: Findings) -> None:
    """Find releases and approvals that are of another content than their change has."""
    with connection.cursor() as cursor:
        cursor.execute(WANTED)
        odd = set(cursor.fetchall())
        cursor.execute(CONTENTS, {"all": True, "some": []})
        odd -= {(change, what, now) for change, now in cursor for what in ("release", "approval")}
        for style in STYLES if odd else ():
            cursor.execute("SELECT set_config('DateStyle', %s, true)", (style,))
            cursor.execute(OLDER, {"all": False, "some": [change for change, _, _ in odd]})
            odd -= {(change, what, then) for change, then in cursor for what in ("release", "approval")}
        cursor.execute("SELECT set_config('DateStyle', 'ISO, YMD', true)")
    for change, what, said in sorted(odd):
        which = f"Change {change}"
        findings.add("Contents", which, f"it does not say what its {what} is of ({said[:12]}…): it was altered.")
