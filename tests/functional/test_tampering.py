"""What `rules audit verify` finds after tampering by an owner or a superuser, and what it says (R-REPO-6)."""

from __future__ import annotations

import pytest

from rules_repo import audit
from tests.functional.governed import Office
from tests.functional.tampering import quietly, told, unguarded
from tests.spec.table import Row, cases

ROWS = """
    statement                                                                                  | says                                                               | because
    -------------------------------------------------------------------------------------------+--------------------------------------------------------------------+-------------------------------------------------
    UPDATE rules.rule_version SET weight = 51 WHERE rule_id = 1 AND version = 1                | rules.rule_version {"rule_id": 1, "version": 1}: it is not what    | a wording was edited
    UPDATE rules.rule_version AS v SET sql = 'true', content_hash = encode(sha256(convert_to(rules.wording(v)::text, 'UTF8')), 'hex') | rules.rule_version {"rule_id": 1, "version": 1}: it is not what | and its hash
    DELETE FROM rules.rule_version WHERE rule_id = 1 AND version = 1                           | rules.rule_version {"rule_id": 1, "version": 1}: it is gone        | a version was removed
    UPDATE rules.rule_version SET version = 9 WHERE version = 2 | rules.rule_version {"rule_id": 1, "version": 9}: the audit does not know it | a version was renumbered
    DELETE FROM rules.approval WHERE change_id = 1                                             | rules.approval {"id": 1}: it is gone                               | an approval was removed
    UPDATE rules.approval SET approver = 'cy' WHERE id = 1                                     | rules.approval {"id": 1}: it is not what                           | an approver was exchanged
    INSERT INTO rules.approval (change_id, tenant, edition, content_hash, granted, approver) VALUES (3, 'main', 1, '', true, 'cy') | rules.approval {"id": 3}: the audit does not know it | an approval was made up
    DELETE FROM rules.change_author WHERE change_id = 3                                        | rules.change_author {"login": "dan", "change_id": 3}: it is gone   | an author was removed, who may approve then
    UPDATE rules.change_author SET login = 'zoe' WHERE change_id = 3                           | rules.change_author {"login": "zoe", "change_id": 3}: the audit does not know it | an author was exchanged
    UPDATE rules.change SET state = 'approved' WHERE id = 3                                    | rules.change {"id": 3}: it is not what                             | a change was approved by hand
    UPDATE rules.change SET reason = 'the board said so' WHERE id = 1                          | rules.change {"id": 1}: it is not what                             | a reason was rewritten
    UPDATE rules.release SET approvers = '{bob,cy}' WHERE change_id = 1                        | rules.release {"change_id": 1}: it is not what                     | a publication got more approvers
    UPDATE rules.governance SET approvals_needed = 1                                           | rules.governance {"id": 1}: it is not what                         | four eyes were closed
    INSERT INTO rules.governance (tenant, approvals_needed, reason) VALUES ('main', 0, '')     | rules.governance {"id": 2}: the audit does not know it             | and by a row more
    UPDATE rules.rule_period SET effective = '[2023-01-01,)' WHERE id = 2                      | rules.rule_period {"id": 2}: it is not what                        | days were edited
    UPDATE rules.rule_period SET recorded = tstzrange('2020-01-01', upper(recorded)) WHERE id = 1 | rules.rule_period {"id": 1}: it is not what                     | knowledge was dated back
    UPDATE rules.rule_period SET closed_by = 'cy' WHERE closed_by IS NOT NULL                  | rules.rule_period {"id": 1}: it is not what                        | who replaced it was exchanged
    UPDATE rules.rule_identity SET tenant = 'acme' WHERE id = 2                                | rules.rule_identity {"id": 2}: it is not what                      | a rule was moved to another tenant
    UPDATE rules.rule_identity SET key = 'LOAN-009' WHERE id = 2                               | rules.rule_identity {"id": 2}: it is not what                      | a permanent key was changed
    INSERT INTO rules.tenant_login VALUES ('acme', 'eve')                                      | rules.tenant_login {"login": "eve", "tenant": "acme"}: the audit does not know it | a login was let in
    UPDATE rules.draft_row SET weight = 99 WHERE change_id = 3                                 | rules.draft_row {"id":                                             | a draft was edited under its reviewers' eyes
    UPDATE rules.check_result SET findings = 'fine' WHERE id = 1                               | rules.check_result {"id": 1}: it is not what                       | a finding was rewritten
    UPDATE rules.parameter_version SET value = '{"bigint": 6}'                                 | rules.parameter_version {"id": 1}: it is not what                  | a shared value was edited
    UPDATE rules.reference_list_version SET rows = '[]'                                        | rules.reference_list_version {"id": 1}: it is not what             | a list was emptied
    UPDATE rules.membership_type_version SET margin = 9                                        | rules.membership_type_version {"id": 1}: it is not what            | a policy was edited
    DELETE FROM rules.rule_pause                                                               | rules.rule_pause {"id": 1}: it is gone                             | a pause was made undone
    UPDATE rules.release_freeze SET recorded_by = 'cy'                                         | rules.release_freeze {"id": 1}: it is not what                     | who froze was exchanged
    UPDATE rules.reason_code SET text = 'other'                                                | rules.reason_code {"code": "B", "tenant": "main"}: it is not what  | a reason for reuse was edited
    UPDATE rules.settling SET moment = '9999-01-01' | rules.settling: it does not hold one moment, before that of the newest entry | the moments to come were put off
    INSERT INTO rules.settling VALUES (1, '2020-01-01') | rules.settling: it does not hold one moment, before that of the newest entry | there were two clocks
    UPDATE rules.audit_entry SET login = 'zoe' WHERE position = 20                             | Audit entry 20: it was altered                                     | who did it was rewritten
    UPDATE rules.audit_entry SET after = jsonb_set(after, '{weight}', '51') WHERE relation = 'rule_version' | it was altered: its content does not give its hash    | what was done was rewritten
    DELETE FROM rules.audit_entry WHERE position = 20                                          | Audit entry 20: it is missing                                      | an entry was taken out
    UPDATE rules.audit_entry SET hash = repeat('0', 64) WHERE position = 20                    | Audit entry 20: it was altered                                     | a hash was rewritten
    UPDATE rules.audit_entry SET position = position + 1000 WHERE position > 20                | Audit entry 21: it is missing                                      | entries were renumbered
    UPDATE rules.audit_entry SET position = -1 WHERE position = 20; UPDATE rules.audit_entry SET position = 20 WHERE position = 21; UPDATE rules.audit_entry SET position = 21 WHERE position = -1 | Audit entry 20: it does not follow the entry before it | two entries changed places
    DELETE FROM rules.audit_entry WHERE position > 30                                          | the audit does not know it                                         | the newest entries were cut off
    TRUNCATE rules.audit_entry                                                                 | it has no entry of the migration to                                | all entries were removed
    UPDATE rules.audit_entry SET tenant = 'acme' WHERE position = 20                           | Audit entry 20: it was altered                                     | an entry was filed elsewhere
    UPDATE rules.audit_entry SET after = '5' WHERE position = 20                               | what it says is no row                                             | an entry that breaks whoever reads it
"""


@pytest.mark.parametrize("case", cases(ROWS))
def test_edited_rows_are_found(lived_in: Office, case: Row) -> None:
    """With every trigger off anything can be written; put on again as they were, they tell nothing: the audit does."""
    quietly(lived_in, case["statement"], anew=False)
    assert case["says"] in told(lived_in)


ENTRY = "UPDATE rules.audit_entry SET"
ANEW = """
    statement | says | because
    --+--+--
    DELETE FROM rules.audit_entry WHERE position > (SELECT max(position) - 2 FROM rules.audit_entry); DELETE FROM rules.tenant_login WHERE tenant = 'acme'; DELETE FROM rules.tenant WHERE key = 'acme' | the newest commit is transaction | the newest entries with the rows that they told of
    E login = 'zoe' WHERE relation = 'approval' AND position < 40 | its row says that bob did it, and zoe did | the login of an approval
    UPDATE rules.approval SET approver = 'ann' WHERE id = 1; E login = 'ann', after = jsonb_set(after, '{approver}', '"ann"') WHERE relation = 'approval' AND row_key = '{"id": 1}' | ann is an author of the change and judged it | an approval by its author, in table and entries
    UPDATE rules.approval SET plan_id = 99 WHERE id = 1; E after = jsonb_set(after, '{plan_id}', '99') WHERE relation = 'approval' AND row_key = '{"id": 1}' | it names plan 99, which is none of what it approves | the plan of an approval, in table and entries
    DELETE FROM rules.audit_entry WHERE relation = 'approval' AND row_key = '{"id": 1}'; DELETE FROM rules.approval WHERE id = 1 | it needed 1 approvals of people who did not write it, and it had none | an approval taken out of table and entries
    DELETE FROM rules.audit_entry WHERE relation = 'release' AND row_key = '{"change_id": 1}'; DELETE FROM rules.release WHERE change_id = 1 | its publication is not recorded | a publication taken out
    DELETE FROM rules.audit_entry WHERE relation = 'check_result' AND row_key = '{"id": 1}'; DELETE FROM rules.check_result WHERE id = 1 | no check of this content by somebody who is no author had passed | a check taken out
    DELETE FROM rules.audit_entry WHERE relation = 'change_author' AND row_key ->> 'change_id' = '3'; DELETE FROM rules.change_author WHERE change_id = 3 | dan edited change 3 and is not among its authors | an author taken out
    UPDATE rules.rule_version SET weight = 51 WHERE rule_id = 2; E after = jsonb_set(after, '{weight}', '51') WHERE relation = 'rule_version' AND row_key ->> 'rule_id' = '2' | its wording does not give its content hash | a wording in table and entries
    UPDATE rules.rule_version SET content_hash = repeat('a', 64) WHERE rule_id = 2; E after = jsonb_set(after, '{content_hash}', to_jsonb(repeat('a', 64))) WHERE relation = 'rule_version' AND row_key ->> 'rule_id' = '2' | its wording is not in change 1 | a content hash in table and entries
    UPDATE rules.draft_row SET weight = 41 WHERE change_id = 1 AND rule_id = 2; UPDATE rules.draft_row AS d SET content_hash = encode(sha256(convert_to(rules.draft_wording(d)::text, 'UTF8')), 'hex') WHERE change_id = 1; UPDATE rules.rule_version SET weight = 41, content_hash = (SELECT content_hash FROM rules.draft_row WHERE change_id = 1 AND rule_id = 2) WHERE rule_id = 2; E after = jsonb_set(jsonb_set(after, '{weight}', '41'), '{content_hash}', (SELECT to_jsonb(content_hash) FROM rules.draft_row WHERE change_id = 1 AND rule_id = 2)) WHERE relation = 'rule_version' AND after ->> 'rule_id' = '2' OR relation = 'draft_row' AND after ->> 'rule_id' = '2' AND after ->> 'change_id' = '1' | Change 1: it does not say what its release is of | a wording and its draft, with all their hashes, in tables and entries
    UPDATE rules.change SET title = 'Another' WHERE id = 2; E after = jsonb_set(after, '{title}', '"Another"'), before = CASE WHEN before IS NOT NULL THEN jsonb_set(before, '{title}', '"Another"') END WHERE relation = 'change' AND row_key = '{"id": 2}' | Change 2: it does not say what its approval is of | a title, in table and entries
    UPDATE rules.rule_period SET effective = '[2023-01-01,)' WHERE id = 2; E after = jsonb_set(after, '{effective}', '"[2023-01-01,)"'), before = CASE WHEN before IS NOT NULL THEN jsonb_set(before, '{effective}', '"[2023-01-01,)"') END WHERE relation = 'rule_period' AND row_key = '{"id": 2}' | these days of this version are not in change 1 | days in table and entries
    UPDATE rules.parameter_version SET value = '{"bigint": 6}'; E after = jsonb_set(after, '{value}', '{"bigint": 6}'), before = CASE WHEN before IS NOT NULL THEN jsonb_set(before, '{value}', '{"bigint": 6}') END WHERE relation = 'parameter_version' | it is not what change 2 says of parameter least | a value in table and entries
    INSERT INTO rules.audit_entry SELECT position + 1000, at, login, transaction, tenant, relation, 'UPDATE', row_key, after, jsonb_set(after, '{name}', '"x"'), '', '', '' FROM rules.audit_entry WHERE relation = 'rule_version' AND row_key ->> 'rule_id' = '2'; UPDATE rules.rule_version SET name = 'x' WHERE rule_id = 2 | such a row is never changed | an update of evidence, with its entry
    INSERT INTO rules.audit_entry SELECT position + 1000, at, login, transaction, tenant, relation, 'DELETE', row_key, after, NULL, '', '', '' FROM rules.audit_entry WHERE relation = 'approval' AND row_key = '{"id": 1}'; DELETE FROM rules.approval WHERE id = 1 | such a row is never removed | a removal of evidence, with its entry
    INSERT INTO rules.audit_entry SELECT position + 1000, at, login, transaction, tenant, relation, operation, row_key, before, after, '', '', '' FROM rules.audit_entry WHERE relation = 'approval' AND row_key = '{"id": 1}' | the row was there already | an approval told twice
    INSERT INTO rules.audit_entry SELECT max(position) + 1, max(at), 'eve', 999999, 'main', 'nonesuch', 'INSERT', '{"id": 1}', NULL, '{"id": 1}', '', '', '' FROM rules.audit_entry | it is of a table that the audit does not watch | an entry of a table that is none, as R2 forged
    INSERT INTO rules.audit_entry SELECT max(position) + 1, max(at), 'eve', 999999, 'main', 'approval', 'INSERT', '{"id": 9}', NULL, '{"id": 9, "granted": true}', '', '', '' FROM rules.audit_entry | or has other columns | an entry with fewer columns, as R2 forged
    INSERT INTO rules.audit_entry SELECT position + 1000, at, login, 999999, tenant, relation, operation, '{"id": []}', before, jsonb_set(after, '{id}', '[]'), '', '', '' FROM rules.audit_entry WHERE relation = 'change' AND operation = 'INSERT' AND row_key = '{"id": 1}' | it holds values that no such row has | an entry of values that end a careless proof
    INSERT INTO rules.audit_entry SELECT position + 1000, at, login, 999999, tenant, relation, operation, row_key, before, jsonb_set(after, '{edition}', 'null'), '', '', '' FROM rules.audit_entry WHERE relation = 'change' AND operation = 'UPDATE' AND position < 15 | the row was another one before | and of nothing where there is something
    INSERT INTO rules.audit_entry SELECT position + 1000, at, 'eve', 999999, tenant, relation, operation, '{"id": 9}', NULL, jsonb_set(jsonb_set(after, '{id}', '9'), '{approver}', '"eve"'), '', '', '' FROM rules.audit_entry WHERE relation = 'approval' AND row_key = '{"id": 1}' | rules.approval {"id": 9}: it is gone | an entry of a row that never was
    E at = at - interval '1 day' WHERE position = 25 | its time lies before that of the entry before it | an entry dated back
    E position = 2000 - position WHERE position BETWEEN 22 AND 26; E position = position - 1952 WHERE position > 1900 | a draft was closed whose change is open | entries in another order
    E transaction = (SELECT transaction FROM rules.audit_entry WHERE position = 3) WHERE position = 40 | its transaction | an entry slipped into an earlier transaction
    E tenant = 'acme' WHERE position = 20 | it is filed under the tenant acme | an entry filed under another tenant
    E row_key = '{"id": 7}' WHERE relation = 'approval' AND row_key = '{"id": 1}' | its key is not that of the row | an entry of another key
    E operation = 'BASELINE' WHERE relation = 'rule_identity' AND row_key = '{"id": 2}' | it says what was there before, and no migration wrote it | an entry made a baseline
    E operation = 'BASELINE', before = NULL, transaction = 1, at = '2026-01-01', login = 'postgres' WHERE operation = 'INSERT'; DELETE FROM rules.audit_entry WHERE operation IN ('UPDATE', 'DELETE') | no migration wrote it | all of it begun anew as a baseline
    INSERT INTO rules.audit_entry SELECT max(position) + 1, max(at), 'postgres', 999999, NULL, 'schema_version', 'MIGRATION', '{"version_num": "0003"}', NULL, '{"version_num": "0003", "catalogue": "x"}', '', '', '' FROM rules.audit_entry | there is no migration to 0003 after 0009 | a migration that was none
    UPDATE rules.rule_period SET recorded = tstzrange('2020-01-01', upper(recorded)) WHERE id = 2; E after = jsonb_set(after, '{recorded}', '"[\\"2020-01-01 00:00:00+00\\",)"'), before = CASE WHEN before IS NOT NULL THEN jsonb_set(before, '{recorded}', '"[\\"2020-01-01 00:00:00+00\\",)"') END WHERE relation = 'rule_period' AND row_key = '{"id": 2}' | it is recorded as of 2020-01-01 00:00:00+00, and was not committed then | knowledge dated back in table and entries
    UPDATE rules.rule_period SET recorded_by = 'cy' WHERE id = 2; E after = jsonb_set(after, '{recorded_by}', '"cy"'), before = CASE WHEN before IS NOT NULL THEN jsonb_set(before, '{recorded_by}', '"cy"') END WHERE relation = 'rule_period' AND row_key = '{"id": 2}' | it says that cy recorded it, and bob did | who recorded it, in table and entries
    UPDATE rules.governance SET approvals_needed = 0; E after = jsonb_set(after, '{approvals_needed}', '0') WHERE relation = 'governance' | 1 approvals were needed, and fewer are where there are rules | four eyes closed in table and entries
    INSERT INTO rules.audit_entry SELECT max(e.position) + 1, max(e.at), 'dan', 999999, 'main', 'change', 'UPDATE', '{"id": 3}', to_jsonb(c), jsonb_set(jsonb_set(to_jsonb(c), '{state}', '"scheduled"'), '{moved_by}', '"dan"'), '', '', '' FROM rules.audit_entry AS e, rules.change AS c WHERE c.id = 3 GROUP BY c.id; UPDATE rules.change SET state = 'scheduled' WHERE id = 3 | a change that is in review does not become scheduled | a change moved by an entry
    UPDATE rules.approval SET approved_at = '2030-01-01' WHERE id = 1; E after = jsonb_set(after, '{approved_at}', '"2030-01-01T00:00:00+00:00"') WHERE relation = 'approval' AND row_key = '{"id": 1}' | its approved_at is 2030-01-01T00:00:00+00:00, after it was committed | when it was approved, in table and entries
    UPDATE rules.rule_pause SET effective = daterange('2026-01-01', '2126-01-01'); E after = jsonb_set(after, '{effective}', '"[2026-01-01,2126-01-01)"'), before = CASE WHEN before IS NOT NULL THEN jsonb_set(before, '{effective}', '"[2026-01-01,2126-01-01)"') END WHERE relation = 'rule_pause' | it lasts 36524 days, and 31 are the most | a pause without an end to speak of
    UPDATE rules.release_freeze SET until = '2126-01-01'; E after = jsonb_set(after, '{until}', '"2126-01-01T00:00:00+00:00"'), before = CASE WHEN before IS NOT NULL THEN jsonb_set(before, '{until}', '"2126-01-01T00:00:00+00:00"') END WHERE relation = 'release_freeze' | days, and 31 are the most | a freeze of a hundred years
    E reason = 'the board said so' WHERE relation = 'governance' | its reason is not that of its row | why four eyes were needed
    UPDATE rules.release SET approvers = '{bob,cy}' WHERE change_id = 1; E after = jsonb_set(after, '{approvers}', '["bob", "cy"]') WHERE relation = 'release' AND row_key = '{"change_id": 1}' | it names ['bob', 'cy'], and ['bob'] had approved | approvers of a publication, in table and entries
    UPDATE rules.draft_row SET weight = 99 WHERE change_id = 3 AND edited; INSERT INTO rules.audit_entry SELECT max(e.position) + 1, max(e.at), 'dan', 999999, 'main', 'draft_row', 'UPDATE', jsonb_build_object('id', d.id), jsonb_set(to_jsonb(d), '{weight}', '30'), to_jsonb(d), '', '', '' FROM rules.audit_entry AS e, rules.draft_row AS d WHERE d.change_id = 3 AND d.edited GROUP BY d.id | its wording does not give its content hash | a draft under review, with its entry
""".replace("    E ", f"    {ENTRY} ").replace("; E ", f"; {ENTRY} ")


@pytest.mark.parametrize("case", cases(ANEW))
def test_entries_with_the_chain_made_anew_are_found(lived_in: Office, case: Row) -> None:
    """Every hash holds again, and table and entries agree; but such a history nothing but tampering can have written."""
    quietly(lived_in, case["statement"], anew=True)
    found = told(lived_in)
    assert case["says"] in found
    assert "its content does not give its hash" not in found
    assert "does not follow the entry before it" not in found


UNGUARDED = """
    statement | says | because
    --+--+--
    UPDATE rules.change SET state = 'scheduled' WHERE id = 3 | a change that is in review does not become scheduled | a change was published in one step
    UPDATE rules.change SET state = 'approved', moved_by = 'postgres' WHERE id = 3 | it needed 2 approvals of people who did not write it, and it had none | approved by nobody
    UPDATE rules.change SET title = 'x' WHERE id = 3 | its title or its reason was rewritten after its reviewers had read it | another title under review
    UPDATE rules.change SET title = 'x' WHERE id = 1 | the change was scheduled already, and stays as it was | another title of what was published
    UPDATE rules.change SET author = 'zoe' WHERE id = 3 | who began it, when and for whom, and how often it was edited, are facts | an author was exchanged
    INSERT INTO rules.approval (change_id, tenant, edition, content_hash, granted, approver) VALUES (3, 'main', 1, '', true, 'cy') | its row says that cy did it, and postgres did | an approval in another one's name
    INSERT INTO rules.approval (change_id, tenant, edition, content_hash, granted, approver) VALUES (3, 'main', 1, '', true, 'postgres') | no check of this content by somebody who is no author had passed | an approval of what nobody checked
    INSERT INTO rules.approval (change_id, tenant, edition, content_hash, granted, approver) VALUES (1, 'main', 1, '', true, 'postgres') | the change was scheduled, and nothing was to be judged | an approval that comes late
    UPDATE rules.approval SET granted = false | such a row is never changed | an approval became a rejection
    DELETE FROM rules.change_author | such a row is never removed | authors were forgotten
    UPDATE rules.rule_version SET weight = 51 | such a row is never changed | wordings were edited
    UPDATE rules.rule_identity SET key = 'LOAN-009' WHERE id = 2 | such a row is never changed | a key was exchanged
    DELETE FROM rules.governance | such a row is never removed | four eyes were forgotten
    INSERT INTO rules.governance (tenant, approvals_needed, reason, set_by) VALUES ('main', 0, 'so', 'postgres') | 2 approvals were needed, and fewer are where there are rules | four eyes were closed
    INSERT INTO rules.rule_version (rule_id, version, tenant, change_id, kind, membership_type, weight, form, frame, sql, created_by, content_hash) VALUES (2, 9, 'main', 1, 'inclusion', 'GOLD', 1, 'predicate', 'f', 'true', 'postgres', '') | it is published as of change 1, which its transaction did not publish | a version out of nowhere
    INSERT INTO rules.rule_period (rule_id, version, tenant, change_id, effective, recorded, opened_in) VALUES (2, 1, 'main', 1, '[2023-01-01,2023-02-01)', tstzrange(now(), NULL), rules.this_change()) | it is published as of change 1, which its transaction did not publish | days out of nowhere
    UPDATE rules.rule_period SET recorded = tstzrange('2020-01-01', NULL) WHERE id = 2 | its beginning was moved by a transaction that had not recorded it | knowledge was dated back
    UPDATE rules.rule_period SET recorded = tstzrange(lower(recorded), now()), closed_by = 'postgres', closed_in = rules.this_change() WHERE id = 2 | it was closed by a transaction that published no change of it | a rule was ended by hand
    UPDATE rules.rule_period SET effective = '[2023-01-01,)' WHERE id = 2 | its effective was changed, and of what was recorded only the end can be set | its days were moved
    UPDATE rules.parameter_version SET value = '{"bigint": 6}' | its value was changed | a shared value
    DELETE FROM rules.rule_pause | such a row is never removed | a pause was made undone
    INSERT INTO rules.rule_pause (tenant, rule_id, effective, reason, recorded, recorded_by, opened_in) VALUES ('main', 1, '[2027-01-01,2127-01-01)', 'so', tstzrange(now(), NULL), 'postgres', rules.this_change()) | and 31 are the most | a rule was paused for good
    UPDATE rules.draft_row SET weight = 99 WHERE change_id = 3 AND edited | change 3 was edited and is no new edition | a draft was edited under review
    DELETE FROM rules.draft_row WHERE change_id = 1 | the change was scheduled already, and its drafts stay as they were | what was approved was removed
    UPDATE rules.draft_rule SET open = false WHERE change_id = 3 | a draft was closed whose change is open | a rule was freed for another change
    INSERT INTO rules.release (change_id, tenant, content_hash, approvals_needed, approvers, released_by) VALUES (3, 'main', '', 0, '{}', 'postgres') | it records a publication that did not happen | a publication that was none
"""


@pytest.mark.parametrize("case", cases(UNGUARDED))
def test_what_the_audit_wrote_while_the_guards_were_off_is_found(lived_in: Office, case: Row) -> None:
    """Chain, entries and tables agree, for the database wrote them itself; but its guards would have refused that."""
    unguarded(lived_in, case["statement"])
    assert case["says"] in told(lived_in)


FORGED = """
    statement | says | because
    --+--+--
    UPDATE rules.check_result SET findings = 'fine' WHERE id = 1; UPDATE rules.audit_entry SET after = jsonb_set(after, '{findings}', '"fine"') WHERE relation = 'check_result' AND row_key = '{"id": 1}' | the chain was rewritten | one finding, in the table, in its entry and in all hashes after it: a history that could have been
    DELETE FROM rules.audit_entry WHERE relation = 'rule_pause'; DELETE FROM rules.rule_pause | it was cut | a pause, in the table and in the chain: as if it had not been
    DELETE FROM rules.audit_entry WHERE position > (SELECT max(position) - 2 FROM rules.audit_entry); DELETE FROM rules.tenant_login WHERE tenant = 'acme'; DELETE FROM rules.tenant WHERE key = 'acme'; UPDATE rules.settling SET transaction = (SELECT transaction FROM rules.audit_entry ORDER BY position DESC LIMIT 1), moment = (SELECT max(at) FROM rules.audit_entry) | it was cut | the newest entries with the rows that they told of, and the clock put back
"""


@pytest.mark.parametrize("case", cases(FORGED))
def test_a_history_forged_as_a_whole_is_found_by_its_anchor_alone(lived_in: Office, case: Row) -> None:
    """Who rewrites table, entries and all hashes leaves a history that is legal; only a head noted elsewhere tells of it."""
    anchor = audit.head(lived_in.url, "2026-11-28T00:00:00Z")
    assert audit.verify(lived_in.url, [anchor]).faults == ()
    quietly(lived_in, case["statement"], anew=True)
    assert told(lived_in) == ""
    assert case["says"] in "\n".join(map(str, audit.verify(lived_in.url, [anchor]).faults))


def test_faults_of_one_kind_hide_no_other(lived_in: Office) -> None:
    """A hundred rows that the audit does not know are counted, five of them shown, and the edited version too."""
    many = "INSERT INTO rules.tenant_login SELECT 'acme', 'l' || n FROM generate_series(1, 100) AS n"
    quietly(lived_in, f"{many}; UPDATE rules.rule_version SET weight = 51 WHERE rule_id = 2", anew=False)
    verdict = audit.verify(lived_in.url)
    shown = "\n".join(map(str, verdict.faults))
    assert verdict.total == 101
    assert shown.count("rules.tenant_login {") == 5
    assert "rules.tenant_login: 95 more of its faults are not shown" in shown
    assert 'rules.rule_version {"rule_id": 2, "version": 1}: it is not what the audit says of it' in shown


def test_an_auditor_of_one_tenant_proves_it_and_the_links_of_all(lived_in: Office) -> None:
    """No false alarm, how many entries were withheld, and what was tampered with in his tenant or in any link."""
    for login, tenant in (("eli", "acme"), ("otto", "acme")):
        lived_in("postgres", f"DO $$ BEGIN CREATE ROLE {login} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
        lived_in("postgres", f"GRANT {'rules_analyst' if login == 'eli' else 'rules_auditor'} TO {login}")
        lived_in("postgres", "INSERT INTO rules.tenant_login VALUES (%s, %s)", tenant, login)
    lived_in("eli", "INSERT INTO rules.category (key) VALUES ('ours')")
    url = lived_in.url.replace("postgres@", "otto@", 1)
    verdict = audit.verify(url)
    assert verdict.faults == ()
    assert verdict.entries == audit.verify(lived_in.url).entries
    assert 0 < verdict.withheld < verdict.entries
    quietly(lived_in, "UPDATE rules.category SET description = 'x' WHERE tenant = 'acme'", anew=False)
    assert 'rules.category {"key": "ours", "tenant": "acme"}: it is not what' in told(lived_in, "otto")
    quietly(lived_in, "DELETE FROM rules.audit_entry WHERE position = 20", anew=False)
    assert "Audit entry 20: it is missing" in told(lived_in, "otto")


def test_what_a_session_is_used_to_is_no_fault(lived_in: Office) -> None:
    """Roles and databases have their own style of days, zones and numbers, and schemas of their own in the path."""
    for setting in (
        "datestyle = 'German'",
        "timezone = 'Asia/Kathmandu'",
        "intervalstyle = 'iso_8601'",
        "extra_float_digits = -15",
    ):
        lived_in("postgres", f"ALTER DATABASE {lived_in.url.split('/')[-1].split('?')[0]} SET {setting}")
    lived_in(
        "postgres",
        "CREATE SCHEMA mine; CREATE FUNCTION mine.to_jsonb(text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'",
    )
    lived_in(
        "postgres", f"ALTER DATABASE {lived_in.url.split('/')[-1].split('?')[0]} SET search_path = mine, pg_catalog"
    )
    lived_in("ann", "UPDATE rules.rule SET weight = 70 WHERE rule_key = 'BOND-001'")
    assert told(lived_in) == ""
