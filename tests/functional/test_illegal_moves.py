"""What nobody can do with rules by plain SQL, whatever their rights, and what they are told (R-REPO-5, R-REPO-6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rules_repo import embedded, schema
from tests.functional.conftest import client, runner
from tests.functional.governed import OFFICE, Office, in_every_state, open_office
from tests.spec.table import Row, cases

NEW = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES"


@pytest.fixture(scope="module")
def office(postgres_url: str) -> Iterator[Office]:
    """Changes in every state; every statement of this module must be refused, so all of them use one database."""
    url = embedded.ensure_database(postgres_url, "illegal")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    made = open_office(runner(owner), url)
    in_every_state(made)
    yield made
    owner.close()
    embedded.drop_database(postgres_url, "illegal")


MOVES = """
    login    | statement                                                             | says                                              | because
    ---------+-----------------------------------------------------------------------+---------------------------------------------------+-----------------------------------------------
    ann      | UPDATE rules.rule SET weight = 0 WHERE rule_key = 'BOND-001'          | weight 0 is not a whole number from 1             | a draft is checked like a rule
    ann      | UPDATE rules.rule SET weight = 30 WHERE rule_key = 'LOAN-001'         | it is being changed in change 3 of dan (in review) | two open changes would overwrite each other
    ann      | UPDATE rules.draft SET weight = 30 WHERE rule_key = 'LOAN-001'        | it is being changed in change 3 of dan            | nor is the draft of somebody else amended by the way
    ann      | DELETE FROM rules.draft WHERE rule_key = 'LOAN-001'                   | it is being changed in change 3 of dan            | nor taken back
    ann      | INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql) VALUES ('Bond-001', 'inclusion', 'GOLD', 5, 'customers', 'true') | Rule Bond-001: there is the rule BOND-001, whose key differs in capitals alone | it would be weighed twice
    ann      | INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql) VALUES ('new-1', 'inclusion', 'GOLD', 5, 'customers', 'true'), ('NEW-1', 'inclusion', 'GOLD', 5, 'customers', 'true') | Rule NEW-1: there is the rule new-1, whose key differs in capitals alone | nor two new ones
    ann      | INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql) VALUES ('ten-001', 'inclusion', 'GOLD', 5, 'customers', 'true') | Rule ten-001: there is the rule TEN-001, whose key differs in capitals alone | nor one beside a draft of somebody else
    ann      | INSERT INTO rules.membership_type (key, name) VALUES ('Gold', 'Gold')    | Membership type Gold: there is the membership type GOLD, whose key differs in capitals alone | nor a membership type
    ann      | DELETE FROM rules.rule WHERE rule_key = 'BOND-001'                    | permission denied                                 | an analyst has no right to delete at all
    ann      | UPDATE rules.rule SET rule_key = 'X' WHERE rule_key = 'BOND-001'      | permission denied                                 | keys are no column an analyst may write
    ann      | UPDATE rules.rule SET version = 7 WHERE rule_key = 'BOND-001'         | permission denied                                 | version numbers are not either
    ann      | INSERT INTO rules.rule_version (rule_id) VALUES (1)                   | permission denied                                 | analysts write the views alone
    ann      | INSERT INTO rules.approval (change_id, edition, content_hash, granted) VALUES (2, 1, '', true) | permission denied        | approvals are given by the function
    ann      | UPDATE rules.change SET state = 'approved' WHERE id = 2               | permission denied                                 | states are moved by the functions
    ann      | SELECT rules.approve(3)                                               | permission denied                                 | analysts approve nothing
    ann      | SELECT rules.submit(2)                                                | it gives no reason. Say why                       | an auditor reads the reason years later
    ann      | SELECT rules.submit(99, 'x')                                          | Change 99: there is none                          | a number misread names no change
    ann      | SELECT rules.submit(3, 'x')                                           | it is in review already                           | a change is handed in once
    ann      | SELECT rules.submit(1, 'x')                                           | it is scheduled, and stays as it is               | what was published is over
    ann      | SELECT rules.schedule(2)                                              | it is draft. Only an approved change is published | a draft cannot be published
    ann      | SELECT rules.schedule(3)                                              | it is in review. Only an approved change          | nor can what nobody approved
    ann      | SELECT rules.schedule(1)                                              | it is scheduled. Only an approved change is published, once | nor the same change twice
    ann      | SELECT rules.publish_at_once(2)                                       | it gives no reason                                | the short way is judged as the long one
    ann      | SELECT rules.withdraw(3)                                              | Ask its authors or an admin                       | nobody gives up the work of others
    ann      | SELECT rules.work_on(1)                                               | Begin another one                                 | a published change takes no more edits
    ann      | UPDATE rules.change SET title = 'x' WHERE id = 3                      | its reviewers have read its title                 | what is in review stays what was read
    ann      | SELECT rules.pause('BOND-001', '', current_date + 3)                  | a pause has a reason                              | an emergency is explained
    ann      | SELECT rules.pause('BOND-001', 'odd', current_date + 90)              | a pause ends, after 1 to 31 days                  | a long pause is a change
    ann      | SELECT rules.pause('BOND-009', 'odd', current_date + 3)               | there is no such rule to pause                    | a key misread pauses nothing
    ann      | SELECT rules.resume('BOND-001', 'fine')                               | it is not paused                                  | there is nothing to resume
    ann      | SELECT rules.freeze_releases('x', now() + interval '1 day')           | permission denied                                 | only an admin stops everybody
    ann      | INSERT INTO rules.governance (approvals_needed, reason) VALUES (0, 'x') | permission denied                               | nor does an analyst say who approves
    ann      | SELECT * FROM rules.audit_entry                                       | permission denied                                 | the audit is read by auditors
    ann      | SELECT rules.write_audit('x', 'y', '{}', NULL, NULL)                  | permission denied                                 | nobody writes it
    ann      | SELECT rules.diff('BOND-001/1', 'BOND-001/9')                         | Version BOND-001/9: there is none                 | a version misread is said to be
    dan      | SELECT rules.submit(5, 'x')                                           | it changes nothing. Draft something first         | an empty change is no change
    dan      | SELECT rules.submit(6, 'x')                                           | it is withdrawn, and stays as it is               | what was given up is over
    dan      | SELECT rules.approve(3)                                               | permission denied                                 | nor does an author
    bob      | SELECT rules.approve(2)                                               | it is a draft, not handed in                      | a draft is not judged yet
    bob      | SELECT rules.approve(4)                                               | it is approved already, by bob                    | one approval was needed
    bob      | SELECT rules.approve(1)                                               | there is nothing left to judge                    | what is published is not judged
    bob      | SELECT rules.approve(3, 'abcdef')                                     | it was edited since you looked                    | an approval names what was read
    bob      | SELECT rules.approve(NULL)                                            | Change (no number): there is none                 | no number is no change
    bob      | SELECT rules.reject(3, ' ')                                           | its authors need to know why                      | a rejection without a reason helps nobody
    bob      | SELECT rules.record_check(3, 'abcdef', true, 'ok')                    | it was edited since it was checked                | a check is of a content
    bob      | UPDATE rules.rule SET weight = 60                                     | permission denied                                 | an approver edits nothing
    bob      | SELECT rules.submit(2, 'x')                                           | permission denied                                 | nor hands in
    bob      | DELETE FROM rules.approval                                            | permission denied                                 | nor takes an approval back in silence
    eve      | SELECT * FROM rules.rule                                              | permission denied                                 | the engine reads the rule set of a day and no more
    eve      | SELECT * FROM rules.draft                                             | permission denied                                 | above all no drafts
    eve      | SELECT rules.schedule(4)                                              | permission denied                                 | and publishes nothing
    olga     | UPDATE rules.rule SET weight = 60                                     | permission denied                                 | an auditor changes nothing
    olga     | DELETE FROM rules.audit_entry                                         | permission denied                                 | least of all the audit
    olga     | SELECT rules.approve(3)                                               | permission denied                                 | nor approves
    adam     | SELECT rules.approve(3)                                               | permission denied                                 | an admin is no approver
    adam     | UPDATE rules.rule_version SET weight = 60                             | permission denied                                 | nor an editor of what was published
    adam     | INSERT INTO rules.governance (approvals_needed, reason) VALUES (0, 'in a hurry') | it has rules already                   | four eyes are not closed for convenience
    adam     | INSERT INTO rules.governance (approvals_needed, reason) VALUES (2, ' ')  | changes for a reason                           | more eyes have a reason too
    adam     | SELECT rules.freeze_releases('', now() + interval '1 day')            | it has a reason and ends                          | a freeze is explained
    adam     | SELECT rules.freeze_releases('year end', now() + interval '1 year')   | within 31 days                                    | a freeze that nobody lifts ends by itself
    adam     | SELECT rules.lift_freeze('done')                                      | there is none to lift                             | there is nothing to lift
    zoe      | SELECT rules.approve(7)                                               | zoe wrote it, so zoe cannot judge it, whatever rights | two roles are not two people
    zoe      | SELECT rules.reject(7, 'no')                                          | zoe wrote it                                      | an author does not judge at all
    bob      | SELECT rules.approve(7)                                               | its check failed: it hits everybody               | a failed check cannot be waved through
    postgres | SELECT rules.approve(8)                                               | postgres wrote it, so postgres cannot judge it    | a superuser does not approve its own change
    postgres | UPDATE rules.change SET state = 'approved' WHERE id = 3               | it needs 1 approval of people who did not write it | a superuser's UPDATE is judged by the facts
    postgres | UPDATE rules.change SET state = 'scheduled' WHERE id = 3              | it is in review and cannot become scheduled       | no state is skipped
    postgres | UPDATE rules.change SET state = 'scheduled' WHERE id = 4              | not published as it was approved                  | a state alone publishes nothing
    postgres | UPDATE rules.change SET state = 'draft' WHERE id = 1                  | it is scheduled, and stays as it is               | what is published does not become a draft
    postgres | UPDATE rules.change SET author = 'zoe' WHERE id = 3                   | are facts                                         | nobody becomes another author
    postgres | UPDATE rules.change SET edition = 0 WHERE id = 4                      | are facts                                         | an edit is not undone by number
    postgres | DELETE FROM rules.change WHERE id = 5                                 | Withdraw the change                               | a change is not made unhappened
    postgres | UPDATE rules.approval SET edition = 2                                 | what was published is never changed               | an approval is not moved to another edition
    postgres | DELETE FROM rules.approval                                            | It is evidence                                    | nor deleted
    postgres | TRUNCATE rules.approval                                               | It is evidence                                    | nor emptied
    postgres | DELETE FROM rules.change_author                                       | It is evidence                                    | an author stays one
    postgres | UPDATE rules.check_result SET passed = true                           | It is evidence                                    | a check is not improved
    postgres | INSERT INTO rules.approval (change_id, edition, content_hash, granted) VALUES (2, 1, '', true) | not handed in or edited since | a row written by hand is judged like the function
    postgres | INSERT INTO rules.release (change_id, content_hash, approvals_needed, approvers) VALUES (3, '', 0, '{}') | Only an approved change is published | nor can a publication be claimed
    postgres | INSERT INTO rules.release (change_id, content_hash, approvals_needed, approvers) VALUES (4, '', 0, '{}') | did not happen       | nor one of an approved change that did not happen
    postgres | UPDATE rules.draft_row SET weight = 5 WHERE change_id = 1             | its drafts stay as they were approved             | what was approved stays readable
    postgres | DELETE FROM rules.draft_rule WHERE change_id = 1                      | its drafts stay as they were approved             | all of it
    postgres | TRUNCATE rules.draft_row                                              | Take a draft back                                 | drafts are not emptied past the record of edits
    postgres | UPDATE rules.draft_rule SET open = true WHERE change_id = 1           | is fixed                                          | a closed draft is not opened again
    postgres | INSERT INTO rules.rule_period (rule_id, version, effective) SELECT rule_id, version, '[2023-01-01,2023-02-01)' FROM rules.rule_version | only an approved change is published | no period without a change
    postgres | INSERT INTO rules.rule_version (rule_id, version, kind, membership_type, weight, form, frame, sql) VALUES (1, 2, 'inclusion', 'GOLD', 5, 'predicate', 'f', 'true') | only an approved change is published | no version without a change
    postgres | UPDATE rules.rule_period SET recorded = tstzrange(lower(recorded), clock_timestamp()) | only an approved change is published | no period ends without a change
    postgres | INSERT INTO rules.membership_type_version (membership_type_id, margin) VALUES (1, -100) | only an approved change is published | no policy without a change
    postgres | INSERT INTO rules.audit_entry SELECT position + 1000, at, login, transaction, tenant, relation, 'INSERT', row_key, before, after, reason, previous, hash FROM rules.audit_entry LIMIT 1 | Nothing is added by hand | the audit is the database's own
    postgres | UPDATE rules.audit_entry SET login = 'zoe'                            | It is evidence                                    | nor is it edited
    postgres | UPDATE rules.governance SET approvals_needed = 0                      | Add a row                                         | what was said of approvals stays said
    postgres | INSERT INTO rules.governance (approvals_needed, reason) VALUES (0, 'I am root') | it has rules already                    | a superuser needs four eyes too
    postgres | DELETE FROM rules.rule_pause                                          | End it                                            | a pause is not made unhappened
    postgres | DELETE FROM rules.rule                                                | a rule is never deleted                           | retire is not delete
"""


@pytest.mark.parametrize("case", cases(MOVES))
def test_an_illegal_move_is_refused_and_said_why(office: Office, case: Row) -> None:
    """Whoever tries, with whichever rights, is refused, is told, and has changed nothing."""
    state = "SELECT id, state, edition FROM rules.change ORDER BY id"
    before = office("postgres", state), office("postgres", "SELECT count(*) FROM rules.audit_entry")
    assert case["says"] in office.refusal(case["login"], case["statement"])
    assert (office("postgres", state), office("postgres", "SELECT count(*) FROM rules.audit_entry")) == before


SOMEBODY_MAY = {
    "UPDATE rules.rule SET weight = 30 WHERE rule_key = 'LOAN-001'",
    "UPDATE rules.draft SET weight = 30 WHERE rule_key = 'LOAN-001'",
    "DELETE FROM rules.draft WHERE rule_key = 'LOAN-001'",
    "SELECT rules.approve(3)",
    "SELECT rules.approve(8)",
    "SELECT rules.reject(7, 'no')",
    "SELECT rules.withdraw(3)",
    "SELECT rules.submit(2, 'x')",
    "SELECT rules.schedule(4)",
    "SELECT rules.freeze_releases('x', now() + interval '1 day')",
    "SELECT * FROM rules.audit_entry",
    "SELECT * FROM rules.rule",
    "SELECT * FROM rules.draft",
}
"""What is refused to one login and another one may do; all else is refused to everybody."""

NOBODY_MAY = sorted({row.values[0]["statement"] for row in cases(MOVES)} - SOMEBODY_MAY)  # type: ignore[attr-defined]


@pytest.mark.parametrize("login", [*OFFICE, "postgres"])
def test_what_nobody_may_do_is_refused_to_each_role(office: Office, login: str) -> None:
    """More than 40 moves, each tried by every login; each is told why, and nothing has changed after all of them."""
    assert len(NOBODY_MAY) >= 40
    state = "SELECT id, state, edition FROM rules.change ORDER BY id"
    before = office("postgres", state), office("postgres", "SELECT count(*) FROM rules.audit_entry")
    for statement in NOBODY_MAY:
        assert len(office.refusal(login, statement)) > 20
    assert (office("postgres", state), office("postgres", "SELECT count(*) FROM rules.audit_entry")) == before


def test_there_are_enough_of_them() -> None:
    """At least 40 moves, every role and the superuser among those who try."""
    tried = [row.values[0]["login"] for row in cases(MOVES)]  # type: ignore[attr-defined]
    assert len(tried) >= 40
    assert set(tried) == {"ann", "dan", "bob", "eve", "olga", "adam", "zoe", "postgres"}
