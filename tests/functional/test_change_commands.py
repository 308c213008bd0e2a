"""`rules change`, `rules rules`, `rules audit`, `rules freeze`: two people and the command, on a real database."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rules_engine.model.rule_sets import thaw
from rules_repo.frozen import FrozenRules
from rules_repo.repository import Repository
from tests.functional.people import RULES, People, people, through
from tests.functional.rules_command import RulesCommand

__all__ = ["people"]


def states(people: People) -> list[str]:
    return [each["state"] for each in reversed(people.ann.json("change", "list"))]


def test_a_change_goes_its_way_by_commands(people: People) -> None:
    """Edit, look, hand in, check, approve by somebody else, publish; refusals are exit code 4 with the database's words."""
    assert "drafted in change 2" in people.ann.fine("rules", "edit", "GOLD-002", "--weight", 20, "--from", "2030-01-01")
    assert {"object": "rule GOLD-002", "field": "weight", "was": "25", "becomes": "20"}.items() <= next(
        d for d in people.ann.json("change", "show", 2)["differences"] if d["field"] == "weight"
    ).items()
    people.ann.fine("change", "submit", 2, "--reason", "loans matter less")
    code, (fault,) = people.bob.refused("change", "approve", 2)
    assert (code, "nobody but its authors has checked" in fault["what"]) == (4, True)
    assert people.bob.json("change", "check", 2)["passed"]
    people.bob.fine("change", "approve", 2)
    people.bob.fine("change", "schedule", 2)
    assert states(people) == ["live", "scheduled"]
    assert [d["field"] for d in people.ann.json("rules", "diff", "GOLD-002/1", "GOLD-002/2")] == ["weight"]
    known = people.ann.json("rules", "log", "GOLD-002")
    assert (known[-1]["reason"], known[-1]["approvers"]) == ("loans matter less", "bob")


BAD = """
    INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from)
    VALUES ('BAD-001', 'inclusion', 'GOLD', 10, 'customers', $$reflect('java.lang.Runtime', 'x') = 'y'$$, '2024-01-01')
"""


def test_a_change_whose_sql_is_refused_cannot_be_approved(people: People) -> None:
    """The gates' verdict is recorded, and the approval asks for it."""
    people.office("ann", BAD)
    people.ann.fine("change", "submit", 2, "--reason", "let us see")
    assert people.bob("change", "check", 2).exit_code == 3
    code, (fault,) = people.bob.refused("change", "approve", 2)
    assert (code, "its check failed" in fault["what"]) == (4, True)
    people.bob.fine("change", "reject", 2, "--reason", "no")
    people.ann.fine("change", "withdraw", 2)
    assert states(people) == ["live", "withdrawn"]


def test_rules_are_retired_paused_and_resumed(people: People) -> None:
    """Retiring is a draft like any edit; a pause counts at once."""
    people.ann.fine("change", "new", "Tidy up", "--reason", "nobody uses it")
    people.ann.fine("rules", "retire", "GOLD-002", "--on", "2024-06-01")
    through(people, 2)
    assert [r["effective_to"] for r in people.ann.json("list", "--select", "key:gold-002")] == ["2024-06-01"]
    ((until,),) = people.office("ann", "SELECT (current_date + 5)::text")
    people.bob.fine("rules", "pause", "GOLD-001", "--until", until, "--reason", "wrong data")
    assert people.office("eve", "SELECT count(*) FROM rules.rule_set(current_date)") == [(0,)]
    people.bob.fine("rules", "resume", "GOLD-001", "--reason", "mended")
    assert people.office("eve", "SELECT count(*) FROM rules.rule_set(current_date)") == [(1,)]
    assert people.ann.refused("rules", "retire", "GOLD-009", "--on", "2024-06-01")[0] == 5


def test_a_rule_that_is_new_in_a_draft_is_edited_there(people: People) -> None:
    """By its author, as one that is published is; handed in it is edited no more, and that is said."""
    words = "--kind inclusion --type GOLD --weight 10 --frame customers --from 2024-01-01".split()
    people.ann.fine("rules", "new", "GOLD-007", *words, "--sql", "country = 'GB'")
    people.ann.fine("rules", "edit", "GOLD-007", "--weight", 40)
    assert people.office("ann", "SELECT weight FROM rules.draft WHERE rule_key = 'GOLD-007'") == [(40,)]
    assert people.bob.refused("rules", "edit", "GOLD-007", "--weight", 50)[0] in (4, 5), "it is ann's"
    people.ann.fine("change", "submit", 2, "--reason", "a test")
    _, (fault,) = people.ann.refused("rules", "edit", "GOLD-007", "--weight", 60)
    assert fault["what"] == "change 2 has it, and is no draft of yours."
    assert people.office("ann", "SELECT weight FROM rules.draft WHERE rule_key = 'GOLD-007'") == [(40,)]


def test_an_import_under_four_eyes_is_a_draft(people: People, tmp_path: Path) -> None:
    """A dry run shows the change set and leaves nothing; the import itself changes nothing that counts."""
    file = tmp_path / "heavier.yaml"
    file.write_text(RULES.replace("weight: 30", "weight: 45"), encoding="utf-8")
    numbers = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'rules' ORDER BY 1"
    used = people.office("postgres", numbers)
    assert people.ann.json("import", file, "--dry-run")["changed"] == ["GOLD-001"]
    assert people.office("postgres", numbers) == used, "a dry run uses up no number"
    assert states(people) == ["live"]
    part = tmp_path / "part.yaml"  # what it does not name stays, and includes people in GOLD
    part.write_text("rules:\n" + RULES[RULES.index("  - key: GOLD-002") :].replace("weight: 25", "weight: 30"))
    assert "cannot matter" not in people.ann("import", part, "--dry-run").stderr
    result = people.ann("import", file)
    assert "Drafted in change 2." in result.stdout
    (tmp_path / "other.yaml").write_text(RULES.replace("weight: 30", "weight: 46"), encoding="utf-8")
    for words in ((), ("--dry-run",)):
        _, (fault,) = people.ann.refused("import", tmp_path / "other.yaml", *words)
        assert fault["what"].startswith("it is being changed in change 2."), "the dry run refuses what the import does"
    assert "no multiple of ten" in result.stderr
    assert [r["weight"] for r in people.ann.json("list", "--select", "key:GOLD-001")] == [30]


def test_a_start_after_the_newest_day_that_was_run_is_said(people: People) -> None:
    """On a lake of an earlier year a rule of today decides nothing, and whoever publishes it learns that."""
    at_night = RulesCommand(people.ann.home, people.ann.settings | {"RULES_DATABASE_URL": people.office.url})
    at_night.fine("run", "--as-of", "2024-06-02")
    people.office("ann", "UPDATE rules.rule SET weight = 40, effective_from = '2030-01-01' WHERE rule_key = 'GOLD-001'")
    people.office("ann", "SELECT rules.submit(2, 'later')")
    people.office.approved(2)
    said = people.bob("change", "schedule", 2)
    assert said.exit_code == 0
    assert "GOLD-001 counts from 2030-01-01 on (days begin at midnight UTC)" in said.stderr
    assert "the newest day that was run is 2024-06-02" in said.stderr


SELECTED = {
    "status:live": ["GOLD-001", "GOLD-002"],
    "tag:home": ["GOLD-001"],
    "column:product": ["GOLD-002"],
    "-kind:exclusion type:gold": ["GOLD-001"],
    "owner:cred*,nobody": ["GOLD-002"],
    "status:retired": [],
}


@pytest.mark.parametrize("selection", SELECTED)
def test_rules_are_selected(people: People, selection: str) -> None:
    """By key, type, kind, tag, status, column used, owner."""
    assert [r["key"] for r in people.ann.json("list", "--select", selection)] == SELECTED[selection]


def test_a_selection_that_means_nothing_is_refused(people: People) -> None:
    """Every word of it is told, with the near one."""
    code, faults = people.ann.refused("list", "--select", "colum:x key")
    assert (code, len(faults), "column" in faults[0]["remedy"]) == (5, 2, True)


def test_a_frozen_file_is_what_the_database_says(people: People, tmp_path: Path) -> None:
    """Byte for byte the same rule set, its digest in the name; the engine reads it instead of the database."""
    told = people.ann.json("freeze", "--as-of", "2024-06-01", "--known-at", "2099-01-01", "--out", tmp_path / "frozen")
    text = Path(told["file"]).read_text(encoding="utf-8")
    from_file = thaw(text)
    from_database = Repository(people.office.url).rule_set(from_file.as_of, from_file.known_at)
    assert told["digest"][:16] in told["file"]
    assert FrozenRules(Path(told["file"])).rule_set(from_file.as_of, from_file.known_at) == from_database
    assert json.loads(text)["digest"] == from_database.digest == replace(from_file).digest


def test_the_audit_is_shown_and_proved(people: People) -> None:
    """An auditor lists who did what, and the proof fails once somebody tampers."""
    assert people.olga.json("audit", "verify")["entries"] > 10
    entries = people.olga.json("audit", "log", "--last", 100)
    assert {"ann", "bob"} <= {e["login"] for e in entries}
    run = people.office
    run("postgres", "ALTER TABLE rules.rule_version DISABLE TRIGGER ALL; UPDATE rules.rule_version SET weight = 99")
    code, faults = people.olga.refused("audit", "verify")
    assert code == 5
    assert any(f["which"].startswith("rules.rule_version") and "it was altered" in f["what"] for f in faults)


def test_the_number_of_approvals_is_raised_and_never_lowered(people: People) -> None:
    """More eyes at any time; fewer only while there is no rule."""
    people.adam.fine("db", "govern", "--approvals", 2, "--reason", "audit finding")
    code, (fault,) = people.adam.refused("db", "govern", "--approvals", 0, "--reason", "in a hurry")
    assert (code, "has rules already" in fault["what"]) == (4, True)


def test_a_change_is_checked_with_its_reference_lists(people: People) -> None:
    """A rule may name a list that its own change adds; a list cannot lose what a known rule asks of it."""
    people.office("ann", """INSERT INTO rules.reference_list VALUES ('near', '{"code": "string"}', '["FR", "DE"]')""")
    people.office("ann", "UPDATE rules.rule SET sql = 'country IN (SELECT code FROM near)' WHERE rule_key = 'GOLD-001'")
    through(people, 2)
    people.office("ann", """UPDATE rules.reference_list SET columns = '{"nation": "string"}', rows = '["FR"]'""")
    people.ann.fine("change", "submit", 3, "--reason", "a better name")
    people.ann.fine("export", people.ann.home / "out.yaml")
    assert "name: near" in (people.ann.home / "out.yaml").read_text("utf-8")
    exported = people.ann("export", people.ann.home / "out.csv")
    assert "Not in the file: membership types (--types FILE), reference lists (--lists FILE)." in exported.stderr
    code, (fault,) = people.bob.refused("change", "check", 3)
    assert (code, fault["which"]) == (3, "Rule GOLD-001")
    assert "code" in fault["what"]


def test_a_list_of_the_rules_is_the_same_however_it_is_read(people: People) -> None:
    """Without a selection few columns are read, with one all of them; eyes, programs and JSON get the same rules."""
    plain = people.ann.fine("list", "--as-of", "2024-06-01")
    assert plain == people.ann.fine("list", "--as-of", "2024-06-01", "--select", "status:live")
    assert plain.splitlines()[1].split() == "GOLD-001/1 GOLD +30 Lives in Britain from 2024-01-01".split()
    assert [r["id"] for r in people.ann.json("list", "--as-of", "2024-06-01")] == ["GOLD-001/1", "GOLD-002/1"]
    assert people.ann.fine("list", "--type", "SILVER").splitlines()[-1] == "0 rules."


def test_a_database_of_another_age_is_not_listed(people: People) -> None:
    """The short way of reading is as careful as the long one."""
    people.office("postgres", "UPDATE rules.schema_version SET version_num = '0001'")
    code, (fault,) = people.ann.refused("list")
    assert (code, fault["remedy"]) == (5, "Run `rules db upgrade`.")
