"""`rules explain`, `rules evidence`, `rules preview` and guard rails over one lake, in the order in which a day asks them."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.functional.rules_command import RulesCommand
from tests.functional.test_console import published, rules
from tests.spec.table import Row, cases

__all__ = ["published", "rules"]

NARROW = "INSERT INTO rules.parameter (name, value, description) VALUES ('guard_age_days', '-1', 'hold everything')"


def test_a_decision_is_explained_by_what_was_read(published: RulesCommand) -> None:
    """Every rule of the type is told without Spark; with the type named, what each read beside what it needed."""
    customer = min(published.json("members", "GOLD", "--limit", "0")["members"])
    known = {each["membership_type"]: each for each in published.json("explain", customer)}["GOLD"]
    assert {each["outcome"] for each in known["rules"]} <= {"hit", "miss", "unknown"}
    assert all(each["values"] is None for each in known["rules"])
    (told,) = published.json("explain", customer, "--type", "GOLD", "--nearest")
    hit = next(each for each in told["rules"] if each["outcome"] == "hit")
    (clause, *_) = hit["values"]["rows"][0]["clauses"]
    assert (clause["truth"], clause["read"]) == (True, "GB")
    assert told["differs_from_snapshot"] == []
    assert told["nearest_facts"]["then"]["granted"] is False
    assert all(change["decision"]["granted"] is False for change in told["nearest_rules"])
    drawn = published.fine("explain", customer, "--type", "GOLD")
    assert "upper(trim(country)) was GB, needed GB: yes" in drawn
    assert drawn.index("What would change most") < drawn.index("over customers: upper")
    code, (fault,) = published.refused("explain", customer, "--nearest", "--no-values")
    assert (code, fault["which"]) == (5, "--nearest")


def test_evidence_is_written_and_proved(published: RulesCommand, tmp_path: Path) -> None:
    """The archive proves itself and holds a page; a changed byte in it is named, and a file that is there is kept."""
    customer, file = min(published.json("members", "GOLD", "--limit", "0")["members"]), tmp_path / "e.zip"
    asked = ("evidence", customer, "--from", "2024-06-01", "--to", "2024-06-30", "--out", file)
    made = published.json(*asked)
    proved = published.json("evidence", "verify", file)
    assert (proved["records"], proved["sha256"]) == (made["records"], made["sha256"])
    with zipfile.ZipFile(file) as archive:
        assert f"Evidence about {customer}" in archive.read("page.html").decode()
        (rule, *_) = json.loads(archive.read("rules.json"))
        assert rule["published"][0]["change_id"]
    code, (fault,) = published.refused(*asked)
    assert (code, "there already" in fault["what"]) == (5, True)
    changed = file.read_bytes()
    file.write_bytes(changed.replace(b"country", b"county_", 1))
    code, (fault,) = published.refused("evidence", "verify", file)
    assert (code, fault["which"]) == (5, "audit.json")


def test_a_text_is_previewed_before_it_is_a_rule(published: RulesCommand) -> None:
    """Counts add up, a rule in force is found by its key, and what is wrong is said with its exit code."""
    told = published.json(
        "preview", "--sql", "country = 'GB' AND spend > 1", "--frame", "customers", "--as-of", "2024-06-01"
    )
    assert told["hits"] + told["unknown"] + told["misses"] == told["base"] == 60
    assert [part["in_order"] for part in told["parts"]][-1] == told["hits"]
    assert published.json("preview", "GOLD-001", "--as-of", "2024-06-01")["hits"]
    for words, code in ((("NOBODY-1",), 5), (("--sql", "a = 1"), 5), (("--sql", "a = 1", "--frame", "customers"), 3)):
        assert published.refused("preview", *words, "--as-of", "2024-06-01")[0] == code


BAD = """
    asked                                          | exit | says                              | because
    -----------------------------------------------+------+-----------------------------------+--------------------------------------------
    plan                                           | 5    | none that is not published        | nothing is drafted
    plan --change 99                               | 5    | Change 99: there is none          | a number misread
    plan --change BETA                             | 5    | there is none                     | a change of another tenant is none of this one's
    plan --change 1                                | 5    | Change 1: it is                   | it is published
    plan --file BAD                                | 3    | Did you mean 'spend'?             | the gates refuse it
    plan --file nowhere.yaml                       | 4    | nowhere.yaml                      | no such file
    plan --file BAD --change 1                     | 5    | one of them                       | two drafts
    plan --file GOOD --as-of 2024-05-01            | 5    | newest published day is           | a plan is of what comes next
    explain 99999999                               | 5    | See `rules runs`                  | nobody knows the subject
    explain somebody                               | 5    | somebody                          | a key of another form
    explain ME --type NOBODY                       | 5    | no decision about 'NOBODY'        | an unknown type
    explain ME --run 2024-06-01-nothing            | 5    | wrote nothing about it            | a run that is none, of a subject
    evidence 99999999 --from 2024-06-01 --to 2024-06-30 --out OUT | 5 | no decision from     | nothing was decided of the subject
    evidence 1 --from 2024-06-30 --to 2024-06-01 --out OUT | 5 | Turn them round              | days the other way round
    evidence verify nowhere.zip                    | 5    | nowhere.zip                       | no archive there
    replay 2024-06-01-nothing                      | 5    | no such run                       | an unknown run
    runs diff 2024-06-01-nothing 2024-06-01-none   | 5    | no such run                       | two of them
    runs diff 2024-06-01-nothing                   | 5    | two runs are held                 | one run is no two
    what-if                                        | 5    | Say for example                   | nothing is asked
    what-if --weight NOBODY=3                      | 5    | knows no rule 'NOBODY'            | an unknown rule
    what-if --weight GOLD-001=many                 | 5    | says no value that it takes       | a weight is a number
    what-if --weight GOLD-001=0                    | 5    | There are weights from 1          | a weight is above zero
    what-if --strategy GOLD=luck                   | 5    | says no value that it takes       | an unknown strategy
    what-if --sweep GOLD-001=9..1                  | 5    | GOLD-001=0..100                   | a sweep the other way round
    preview NOBODY-1                               | 5    | no such rule                      | a rule that is not in force
    preview GOLD-001 --change 99                   | 5    | drafted by change 99              | an unknown change
    BETA plan                                      | 5    | none that is not published        | its change drafts nothing
    BETA explain 1                                 | 5    | See `rules runs`                  | no run yet
    BETA replay                                    | 5    | none is published yet             | nothing to replay
    BETA what-if --weight GOLD-001=3               | 5    | `rules run` makes one             | nothing to decide again
    BETA evidence 1 --from 2024-06-01 --to 2024-06-30 --out OUT | 5 | no decision from       | nothing to prove
    GONE explain ME --type GOLD --nearest           | 5    | is gone or was altered            | the subjects' snapshot
"""


@pytest.fixture(scope="module")
def words(published: RulesCommand) -> dict[str, str]:
    """What the table's words in capitals stand for; beta is another tenant of the database, with a change."""
    beta = RulesCommand(published.home, {**published.settings, "RULES_TENANT": "beta"})
    beta.fine("db", "upgrade")
    for title in ("Something", "Something else"):
        beta.fine("change", "new", title, "--reason", "a test")
    change = max(each["change_id"] for each in beta.json("change", "list"))
    member = min(published.json("members", "GOLD", "--limit", "0")["members"])
    text = (published.home / "rules.yaml").read_text(encoding="utf-8")
    (published.home / "good.yaml").write_text(text, encoding="utf-8")
    (published.home / "bad.yaml").write_text(text.replace("spend >=", "spent >="), encoding="utf-8")
    files = {name.upper(): str(published.home / f"{name}.yaml") for name in ("good", "bad")}
    return files | {"BETA": str(change), "ME": str(member), "OUT": str(published.home / "out.zip")}


@pytest.mark.parametrize("case", cases(BAD))
def test_what_cannot_be_reviewed_is_said(published: RulesCommand, words: dict[str, str], case: Row) -> None:
    """Each its message and exit code, and nothing is written."""
    place, *said = case["asked"].split()
    tenant = "beta" if place == "BETA" else published.settings["RULES_TENANT"]
    command = RulesCommand(published.home, {**published.settings, "RULES_TENANT": tenant})
    asked = [words.get(word, word) for word in ([] if place in ("BETA", "GONE") else [place]) + said]
    file = published.home / "lake" / "customers" / "part-0.parquet"
    was = file.stat()
    if place == "GONE":
        file.touch()
    try:
        code, faults = command.refused(*asked)
    finally:
        os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    told = " ".join(f"{fault['which']}: {fault['what']} {fault['remedy']}" for fault in faults)
    assert str(code) == case["exit"], told
    assert case["says"] in told
    assert not (published.home / "out.zip").exists()


def test_a_run_beyond_a_limit_waits_for_its_release(published: RulesCommand) -> None:
    """Exit code 7, nothing in the history, the reason in `rules runs`; once released, just these decisions are published."""
    published.fine("sql", NARROW)
    before = len(published.json("runs"))
    code, (fault,) = published.refused("run", "--as-of", "2024-06-02")
    assert (code, fault["code"]) == (7, "GUARD-AGE-DAYS")
    held = next(run for run in published.json("runs") if run["held"])
    assert (len(published.json("runs")), held["published"]) == (before + 1, False)
    assert published.refused("runs", "release", held["run_id"])[0] == 5
    assert published.refused("runs", "release", "r-1", "--reason", "why not")[0] == 5
    assert published.json("runs", "release", held["run_id"], "--reason", "It is a test")["released"]
    assert published.json("run", "--as-of", "2024-06-02")["inserted"]
    code, (fault,) = published.refused("runs", "release", held["run_id"], "--reason", "again")
    assert (code, fault["what"]) == (5, "it is published.")
