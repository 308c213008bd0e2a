"""The `rules` command from end to end on real stations: PostgreSQL, Spark, files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules_engine import __version__
from tests import small_lake
from tests.functional.rules_command import RulesCommand
from tests.spec.table import Row, cases

RULES = """
membership_types:
  - {key: GOLD, name: Gold}
  - {key: PLUS, name: Plus, strategy: max_weight}
rules:
  - key: GOLD-001
    name: Lives in Britain
    kind: inclusion
    membership_type: GOLD
    weight: 30
    frame: customers
    sql: upper(trim(country)) = 'GB'
    effective: {from: 2024-01-01}
    reason: {code: BRITAIN, text: Lives in Great Britain}
  - key: GOLD-002
    name: Holds a loan
    kind: exclusion
    membership_type: GOLD
    weight: 20
    frame: holdings
    sql: product = 'LOAN'
    effective: {from: 2024-01-01}
  - key: PLUS-001
    name: Spends
    kind: inclusion
    membership_type: PLUS
    weight: 10
    frame: customers
    sql: spend >= 10
    effective: {from: 2024-01-01}
"""
OUTWEIGH = "UPDATE rules.rule SET weight = 60, effective_from = DATE '2024-06-01' WHERE rule_key = 'GOLD-002'"


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RulesCommand]:
    """The command with a repository that holds three rules, and the small lake."""
    home = tmp_path_factory.mktemp("home")
    small_lake.write(home / "lake")
    command = RulesCommand(home, {"RULES_TENANT": "acme-eu", "RULES_LAKE": str(home / "lake" / "frames.toml")})
    (home / "rules.yaml").write_text(RULES, encoding="utf-8")
    command.open(home / "rules.yaml")
    yield command
    command.fine("down")


@pytest.fixture(scope="module")
def published(rules: RulesCommand, spark: object) -> RulesCommand:
    """The command after the first run of 1 June 2024."""
    first = rules.json("run", "--as-of", "2024-06-01", "--created-at", "2024-06-01T06:00:00Z")
    assert first["outcome"].startswith("Published: ")
    return rules


def test_the_version_is_told(tmp_path: Path) -> None:
    """`rules --version` is what a report of a defect starts with."""
    assert RulesCommand(tmp_path).fine("--version").strip() == __version__


def test_an_unknown_setting_stops_every_command(tmp_path: Path) -> None:
    """A misspelt setting is never taken for a default, and nothing is made on the way."""
    code, (fault,) = RulesCommand(tmp_path / "home", {"RULES_HISTROY": "postgres"}).refused("list")
    assert (code, fault["which"], fault["remedy"]) == (5, "RULES_HISTROY", "Did you mean 'RULES_HISTORY'?")
    assert not (tmp_path / "home").exists()


def test_a_wrong_command_line_is_exit_code_2(tmp_path: Path) -> None:
    """Typing errors are told apart from everything else."""
    assert RulesCommand(tmp_path)("lsit").exit_code == 2


def test_rules_are_listed_and_shown(rules: RulesCommand) -> None:
    """`list` gives an overview in words and JSON, `show` one rule with all that was ever known of it."""
    assert "GOLD-001/1" in rules.fine("list")
    assert [r["key"] for r in rules.json("rules", "list", "--type", "PLUS")] == ["PLUS-001"]
    (known,) = rules.json("show", "PLUS-001")
    assert (known["sql"], known["effective_from"], known["recorded_to"]) == ("spend >= 10", "2024-01-01", None)
    assert "spend >= 10" in rules.fine("rules", "show", "PLUS-001")


def test_a_rule_that_is_not_there_is_suggested(rules: RulesCommand) -> None:
    """A key misspelt names the near one."""
    code, (fault,) = rules.refused("show", "GOLD-0001")
    assert (code, fault["remedy"]) == (5, "Did you mean 'GOLD-001'?")


@pytest.mark.parametrize("name", ["rules.yaml", "rules.csv"])
def test_what_is_exported_can_be_imported_and_changes_nothing(rules: RulesCommand, tmp_path: Path, name: str) -> None:
    """A file for review says everything: imported again, every rule is as it was."""
    keys = [r["key"] for r in rules.json("list")]
    rules.fine("export", tmp_path / name)
    again = rules.json("import", tmp_path / name, "--dry-run")
    assert (again["added"], again["changed"], sorted(again["unchanged"])) == ([], [], sorted(set(keys)))


def test_a_dry_run_says_what_would_change_and_changes_nothing(rules: RulesCommand, tmp_path: Path) -> None:
    """The reviewer sees the change before it is one."""
    file = tmp_path / "heavier.yaml"
    file.write_text(RULES.replace("weight: 10", "weight: 11"), encoding="utf-8")
    assert rules.json("import", file, "--dry-run")["changed"] == ["PLUS-001"]
    assert [r["weight"] for r in rules.json("show", "PLUS-001")] == [10]


def test_the_schema_can_be_upgraded_again(rules: RulesCommand) -> None:
    """`db upgrade` on an upgraded database changes nothing and succeeds."""
    before = rules.json("list")
    assert rules.json("db", "upgrade") == {"upgraded": True}
    assert rules.json("list") == before


def test_one_statement_can_be_run_without_a_client(rules: RulesCommand) -> None:
    """`rules sql` returns rows as any client does, a percent sign included."""
    answer = rules.json("sql", "SELECT rule_key FROM rules.rule WHERE rule_key LIKE 'PLUS%'")
    assert (answer["columns"], answer["rows"], answer["count"]) == (["rule_key"], [["PLUS-001"]], 1)


def test_a_published_version_cannot_be_edited_by_sql(rules: RulesCommand) -> None:
    """The database refuses in words, and the words reach the person as exit code 4."""
    code, (fault,) = rules.refused("sql", "UPDATE rules.rule_version SET weight = 1")
    assert code == 4
    assert "never changed" in fault["what"]


def test_the_catalogue_lists_frames_and_columns(rules: RulesCommand) -> None:
    """An analyst sees what a rule can name."""
    assert [f["frame"] for f in rules.json("catalog")] == ["customers", "holdings", "products"]
    assert "decimal(12,2)" in rules.fine("catalog", "customers", "--declared")
    code, (fault,) = rules.refused("catalog", "custmers")
    assert (code, fault["remedy"]) == (5, "Did you mean 'customers'?")


def test_the_catalogue_shows_what_columns_hold_and_who_uses_them(rules: RulesCommand, tmp_path: Path) -> None:
    """Nulls, distinct values, range and frequent values as they were read; the subject's key is never shown."""
    said = rules.json("catalog", "customers", "--html", tmp_path / "catalogue.html")
    columns = {column["name"]: column for column in said["columns"]}
    assert (said["rows"], columns["spend"]["rules"], columns["score"]["rules"]) == (60, ["PLUS-001"], [])
    country, key = columns["country"]["found"], columns["customer_id"]["found"]
    assert (country["distinct"], country["nulls"]) == (6, 0.15)
    assert country["frequent"][0] == ["FR", 0.15]
    assert (columns["spend"]["found"]["low"], columns["spend"]["found"]["high"]) == ("-5.00", "99999999.99")
    assert (key["masked"], key["low"], key["frequent"]) == (True, "'*'", [])
    drawn = (tmp_path / "catalogue.html").read_text(encoding="utf-8")
    assert "PLUS-001" in drawn
    assert "<svg" in drawn


def test_a_second_run_inserts_nothing_and_says_so(published: RulesCommand) -> None:
    """The same inputs are the same run, however often it is asked for."""
    before = published.json("runs")
    again = published.json("run", "--as-of", "2024-06-01")
    assert (again["inserted"], again["evaluated"]) == (0, False)
    assert "Already published: nothing inserted" in published.fine("run", "--as-of", "2024-06-01")
    assert published.json("runs") == before


def test_members_are_those_the_run_decided(published: RulesCommand) -> None:
    """What the history says and what the manifest counted are the same."""
    manifest = published.json("run", "--as-of", "2024-06-01")
    counted = {t["membership_type"]: t["members_after"] for t in manifest["evaluation"]["types"]}
    assert {key: published.json("members", key, "--limit", "0")["count"] for key in counted} == counted
    first = published.json("members", "PLUS", "--limit", "2")
    rest = published.json("members", "PLUS", "--limit", "0", "--after", first["next"])
    assert first["members"] + rest["members"] == published.json("members", "PLUS", "--limit", "0")["members"]
    assert (len(first["members"]), rest["next"], first["by"]) == (2, None, "register")
    assert "The first 2 members of PLUS" in published.fine("members", "PLUS", "--limit", "2")
    code, (fault,) = published.refused("members", "GOLDD")
    assert (code, fault["remedy"]) == (5, "Did you mean 'GOLD'?")


def test_members_of_a_type_that_no_run_decided_about_are_told(published: RulesCommand) -> None:
    """It is not in force yet and has none, which is an answer (K22)."""
    published.fine("sql", "INSERT INTO rules.membership_type (key, name) VALUES ('LATER', 'Later')")
    told = published.json("members", "LATER")
    assert (told["membership_type"], told["members"], told["by"]) == ("LATER", [], "register")


def test_the_register_is_read_where_it_is_up_to_date(published: RulesCommand) -> None:
    """It says the same members as the history, with their numbers, page by page (R-HIST-7)."""
    by_history = published.json("members", "PLUS", "--limit", "0")
    published.fine("register", "rebuild")
    by_register = published.json("members", "PLUS", "--limit", "0")
    assert (by_register["members"], by_register["by"]) == (by_history["members"], "register")
    first = published.json("members", "PLUS", "--limit", "3")
    rest = published.json("members", "PLUS", "--limit", "0", "--after", first["next"])
    assert first["members"] + rest["members"] == by_register["members"]
    told = published.fine("members", "PLUS", "--limit", "3")
    number = by_register["numbers"][str(first["next"])]
    assert f"{first['next']}  {number}" in told
    assert f"--after {first['next']}" in told
    assert published.json("member", number)[0]["subject"] == first["next"]
    assert published("members", "PLUS").stderr == ""


def test_a_weight_changed_by_sql_decides_the_next_run(published: RulesCommand) -> None:
    """One UPDATE, then `rules run`: the decision is another, both are kept, the new version explains the newest."""
    runs = published.json("runs")
    held = set(published.json("members", "GOLD", "--limit", "0")["members"])
    published.fine("sql", OUTWEIGH)
    changed = published.json("run", "--as-of", "2024-06-01")
    assert changed["evaluated"]
    assert len(published.json("runs")) == len(runs) + 1
    lost = held - set(published.json("members", "GOLD", "--limit", "0")["members"])
    customer = min(c for c in lost)
    assert "as of" in published.fine("journey", customer)
    journey = published.json("journey", customer, "--type", "GOLD")
    assert [(r["granted"], r["event"]) for r in journey] == [(True, "GRANTED"), (False, "REVOKED_EXCLUDED")]
    (explained,) = published.json("explain", customer, "--type", "GOLD")
    assert [(line["rule"], line["weight"]) for line in explained["ledger"]] == [("GOLD-001/1", 30), ("GOLD-002/2", 60)]
    assert explained["ledger"][-1] | {"inclusions": 30, "exclusions": 60} == explained["ledger"][-1]
    told = published.fine("explain", customer, "--type", "GOLD")
    assert re.search(r"For 30, against 60: -30\. Reason EXCLUDED, event REVOKED_EXCLUDED", told)
    assert "Lives in Great Britain" in told


def test_the_past_is_asked_about_by_day_moment_and_run(published: RulesCommand) -> None:
    """What answered for a day before its rule was changed is found by what was known then, and explained (R-HIST-8)."""
    customer = min(published.json("members", "PLUS", "--limit", "0")["members"])
    first, *_ = published.json("journey", customer, "--type", "PLUS")
    question = ("history", customer, "--as-of", "2024-07-01", "--type", "PLUS")
    assert published.json(*question, "--known-at", first["created_at"]) == [first]
    assert published.json(*question)[0]["as_of"] == "2024-06-01"
    assert "PLUS" in published.fine(*question)
    code, (fault,) = published.refused(*question, "--known-at", "2024-06-01T05:00:00Z")
    assert (code, "nothing that was known then" in fault["what"]) == (5, True)
    for words in (("--run", first["run_id"]), ("--as-of", "2024-06-02")):
        (explained,) = published.json("explain", customer, "--type", "PLUS", *words)
        assert explained["subject"] == customer
        assert "the heaviest for it" in explained["policy"]


UNKNOWN_SUBJECTS = """
    words                    | says                                  | because
    -------------------------+---------------------------------------+------------------------------------------------------
    explain 99999            | the history holds no decision         | nobody of this key was ever hit
    journey ada              | 'ada' is no customer_id               | the lake's keys are whole numbers
    explain 1 --type GLOD    | the history holds no decision         | a type nobody decided about is none of his
    explain 4 --run r-0      | run 'r-0' wrote nothing about it      | a run that is none of his
    explain 4 --as-of 2020-01-01 | nothing that was known then       | a day before the first one
    history 4 --as-of 2020-01-01 | nothing that was known then       | nobody decided about so early a day
    explain 4 --run r --as-of 2024-06-01 | a day is asked about too  | one question at a time
    history 4 --as-of June   | 'June' is no day                      | days are written in one way
"""


@pytest.mark.parametrize("case", cases(UNKNOWN_SUBJECTS))
def test_a_question_about_nobody_is_answered_in_words(published: RulesCommand, case: Row) -> None:
    """Asking for what is not there is exit code 5, and says what there is."""
    code, (fault,) = published.refused(*case["words"].split())
    assert code == 5
    assert case["says"] in fault["what"]


def test_the_log_holds_no_subject(published: RulesCommand) -> None:
    """Asking about a customer leaves no trace of whom it was about."""
    published("explain", 424242)
    lines = [json.loads(line) for line in (published.home / "log" / "rules.jsonl").read_text().splitlines()]
    assert {"published", "command ended", "refused"} <= {line["event"] for line in lines}
    assert "424242" not in json.dumps(lines)


def test_doctor_says_what_is_there(rules: RulesCommand) -> None:
    """On a machine where runs work, everything needed is found."""
    report = rules.json("doctor")
    assert report["ready"]
    assert {"Python", "Spark", "Java", "PostgreSQL", "Lake", "AWS"} <= {f["what"] for f in report["findings"]}


def test_doctor_says_what_is_missing_and_how_to_get_it(rules: RulesCommand, tmp_path: Path) -> None:
    """Exit code 5, and each missing thing with its remedy."""
    lost = RulesCommand(rules.home, rules.settings | {"RULES_LAKE": str(tmp_path / "none.toml")})
    result = lost("doctor", "--json")
    lake = next(f for f in json.loads(result.stdout)["findings"] if f["what"] == "Lake")
    assert (result.exit_code, lake["verdict"]) == (5, "missing")
    assert "RULES_LAKE" in lake["remedy"]


def test_down_stops_what_runs_and_says_so(tmp_path: Path) -> None:
    """A second `down` finds nothing to stop; the data stays for the next command."""
    command = RulesCommand(tmp_path, {"RULES_TENANT": "short"})
    command.fine("db", "upgrade")
    assert command.json("down")["postgresql"] == {"stopped": True}
    assert command.json("down")["postgresql"] == {"stopped": False}
    assert command.json("list") == []
    command.fine("down")


@pytest.mark.slow
def test_the_demo_plays_three_days_and_all_its_checks_hold(tmp_path: Path, spark: object) -> None:
    """Lake, rules, three runs, a change by SQL and the report, on real stations; then it can be asked about."""
    command = RulesCommand(tmp_path)
    told = command.json("demo", "--customers", 300, "--report", tmp_path / "told.html")
    assert told["ok"], told["checks"]
    assert [day["as_of"] for day in told["days"]] == ["2024-06-03", "2024-06-04", "2024-06-05"]
    assert all(day["written"] for day in told["days"])
    assert (tmp_path / "told.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    (explained,) = command.json("explain", told["explained"], "--type", "LOYALTY")
    assert "LOY-007/2" in [line["rule"] for line in explained["ledger"]]
    assert command.json("run")["inserted"] == 0
    command.fine("down")
