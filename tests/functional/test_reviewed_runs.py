"""`rules explain`, `rules evidence`, `rules preview` and guard rails over one lake, in the order in which a day asks them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tests.functional.rules_command import RulesCommand
from tests.functional.test_console import published, rules

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
