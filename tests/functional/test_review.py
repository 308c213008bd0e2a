"""Whoever decides sees everything: a change whole, its difference marked, a rule's story, an old wording again (K21)."""

from __future__ import annotations

import re

import pytest

from console.difference import marked, told
from rules_repo.changes import Difference
from tests.functional.people import People, people, through
from tests.spec.table import Row, cases

__all__ = ["people"]

LONG = " AND ".join(f"country <> 'C{n:02}'" for n in range(40))


@pytest.mark.parametrize("width", ["40", "80", "200"])
def test_a_reviewer_sees_all_of_a_change(people: People, width: str) -> None:
    """The rule's key, each field as it was and becomes, and SQL of any length, whatever the terminal's width."""
    people.ann.fine("rules", "edit", "GOLD-001", "--sql", LONG, "--weight", 35)
    people.bob.settings["COLUMNS"] = width
    shown = people.bob.fine("change", "show", 2)
    for part in (
        "Rule GOLD-001, from 2024-01-01 on: changed", LONG, "was      upper(trim(country)) = 'GB'", "was      30", "becomes  35"
    ):  # fmt: skip
        assert part in shown, shown


def test_a_list_of_changes_cuts_nothing(people: People) -> None:
    """In 80 columns every number, state, title and key is there, folded where a column is too narrow."""
    for key in range(3, 30):
        people.ann.fine(
            *("rules", "new", f"GOLD-{key:03}", "--kind", "inclusion", "--type", "GOLD", "--weight", 10),
            *("--frame", "customers", "--sql", f"customer_id > {key}"),
        )
    people.bob.settings["COLUMNS"] = "80"
    shown = people.bob.fine("change", "list")
    lines = [line.split() for line in shown.splitlines()]
    assert lines[0] == ["change", "state", "title", "by", "approved", "by", "what"]
    assert all(f"GOLD-{key:03}" in shown for key in range(3, 30))
    assert "draft" in shown
    assert "Import of rules.yaml" in " ".join(shown.split())


TOLD = """
    was | becomes | line | because
    ----+---------+------+--------
    a > 10 AND b | a > 20 AND b | marked   a > [-10-]{+20+} AND b | what went and what came stands in the text
    a | b | becomes  b | of a single word both are enough
    a > 1 | x.y OR z IS NULL | becomes  x.y OR z IS NULL | so too of texts that have little in common
    a |  | becomes  (nothing) | an empty text is said in a word
    [{"c": 1}, {"c": 2}] | [{"c": 2}, {"c": 3}] | -{"c": 1} | the rows of a list that go
    [{"c": 2}, {"c": 4}] | [{"c": 2}, {"c": 3}] | +{"c": 3} | and those that come
"""


@pytest.mark.parametrize("case", cases(TOLD))
def test_a_difference_is_told(case: Row) -> None:
    """Each field by itself, in lines that a pipe keeps."""
    field = "rows" if case["was"].startswith("[") else "sql"
    lines = [
        line.strip()
        for line in "\n".join(told([Difference("rule A", None, field, case["was"], case["becomes"])])).split("\n")
    ]
    assert case["line"] in lines


def test_texts_of_several_lines_keep_them() -> None:
    """SQL is written in lines, and read in lines."""
    text = "\n".join(told([Difference("rule A", "[2024-01-01,2025-01-01)", "sql", None, "a\n  AND b")]))
    assert text == "Rule A, 2024-01-01 to 2025-01-01 (the first day without): new\n  sql\n    a\n      AND b\n"


def test_the_marks_give_both_texts_back() -> None:
    """Without what came it is the old text, without what went the new one."""
    was, becomes = (
        "amount >= 4000 AND bought_on >= add_months(:as_of, -24)",
        "amount > 4000 AND bought_on >= add_months(:as_of, -36)",
    )
    marks = marked(was, becomes)
    assert re.sub(r"\{\+.*?\+\}", "", re.sub(r"\[-(.*?)-\]", r"\1", marks)) == was
    assert re.sub(r"\[-.*?-\]", "", re.sub(r"\{\+(.*?)\+\}", r"\1", marks)) == becomes


def test_an_old_wording_is_drafted_again_with_its_reason(people: People) -> None:
    """In a change of its own that says why; on the days the rule has now; nothing else differs."""
    people.ann.fine(
        "rules", "edit", "GOLD-002", "--weight", 20, "--sql", "product = 'CREDIT'", "--name", "Has a credit"
    )
    through(people, 2)
    answer = people.ann.json("rules", "revert", "GOLD-002", "--to", 1, "--reason", "credits were no loans")
    shown = people.bob.json("change", "show", answer["change"])
    assert (shown["title"], shown["reason"]) == ("GOLD-002 as in version 1", "credits were no loans")
    assert {(d["field"], d["becomes"]) for d in shown["differences"]} == {
        ("weight", "25"), ("sql", "product = 'LOAN'"), ("name", "Holds a loan")
    }  # fmt: skip
    through(people, answer["change"])
    assert people.ann.json("show", "GOLD-002")[-1]["weight"] == 25
    code, (fault,) = people.ann.refused("rules", "revert", "GOLD-002", "--to", 9, "--reason", "x")
    assert (code, fault["what"], fault["remedy"]) == (5, "it has no version 9.", "There are: 1, 2, 3.")


def test_an_old_wording_needs_a_period_where_there_are_several(people: People) -> None:
    """The command says which there are, and its advice works."""
    people.ann.fine("rules", "edit", "GOLD-002", "--weight", 20, "--from", "2030-01-01")
    through(people, 2)
    _, (fault,) = people.ann.refused("rules", "revert", "GOLD-002", "--to", 1, "--reason", "x")
    assert fault["remedy"] == "Say which: --period 2024-01-01 or --period 2030-01-01."
    people.ann.fine("rules", "revert", "GOLD-002", "--to", 1, "--reason", "x", "--period", "2030-01-01")


def test_the_audit_tells_the_story_of_a_rule(people: People) -> None:
    """Who, when, why, before and after, one step a commit; nothing of internal rows."""
    people.ann.fine("rules", "edit", "GOLD-002", "--weight", 20)
    people.ann.fine("rules", "edit", "GOLD-002", "--weight", 15)
    people.ann.fine("change", "submit", 2, "--reason", "loans matter less")
    people.bob.fine("change", "reject", 2, "--reason", "too little")
    people.ann.fine("rules", "edit", "GOLD-002", "--weight", 20)
    through(people, 2)
    steps = people.olga.json("audit", "log", "GOLD-002")
    told = [
        (step["login"], step["what"], step["change"], [(f["field"], f["was"], f["becomes"]) for f in step["fields"]])
        for step in steps
    ]
    weight = lambda was, becomes: [("weight", was, becomes)]  # noqa: E731
    assert [each[:3] for each in told[:5]] == [
        ("ann", "drafted it", 1), ("ann", "handed in", 1), ("bob", "checked: passed", 1), ("bob", "approved", 1), ("bob", "published", 1)
    ]  # fmt: skip
    assert ("sql", None, "product = 'LOAN'") in told[0][3]
    assert told[5:] == [
        ("ann", "drafted it", 2, weight("25", "20")),
        ("ann", "amended its draft", 2, weight("20", "15")),
        ("ann", "handed in", 2, []),
        ("bob", "rejected", 2, []),
        ("ann", "amended its draft", 2, weight("15", "20")),
        ("ann", "handed in", 2, []),
        ("bob", "checked: passed", 2, []),
        ("bob", "approved", 2, []),
        ("bob", "published", 2, []),
    ]
    assert {"loans matter less", "too little"} <= {step["reason"] for step in steps}
    shown = people.olga.fine("audit", "log", "GOLD-002")
    assert "draft_row" not in shown
    code, (fault,) = people.olga.refused("audit", "log", "GOLD-009")
    assert (code, fault["which"]) == (5, "Name GOLD-009")
    assert fault["what"] == "the audit knows no rule, membership type, parameter or reference list of that name."


def test_the_story_leaves_a_change_with_the_draft_that_is_taken_back(people: People) -> None:
    """What became of the change afterwards is no part of it, and a draft that is made again is a draft."""
    people.ann.fine("rules", "edit", "GOLD-001", "--weight", 60)
    people.ann.fine("rules", "edit", "GOLD-002", "--weight", 20)
    people.ann.fine("sql", "DELETE FROM rules.draft WHERE rule_key = 'GOLD-002'")
    through(people, 2)
    people.ann.fine("rules", "edit", "GOLD-002", "--weight", 15)
    steps = people.olga.json("audit", "log", "GOLD-002")[5:]
    assert [(s["what"], s["change"]) for s in steps] == [
        ("drafted it", 2), ("took its draft back", 2), ("drafted it", 3)
    ]  # fmt: skip


SHARED = """
    INSERT INTO rules.parameter VALUES ('high', '5', 'From here on it is high');
    INSERT INTO rules.reference_list VALUES ('risky', '{"code": "string"}', '["XA"]', 'Nobody new');
    UPDATE rules.membership_type SET margin = 5 WHERE key = 'GOLD';
    UPDATE rules.membership_type SET margin = 7 WHERE key = 'GOLD'
"""


def test_the_audit_tells_the_story_of_what_rules_share(people: People) -> None:
    """Of a type, each policy by its day; of a parameter and a list what they held; beside the verdicts on their changes."""
    for statement in SHARED.split(";"):
        people.ann.fine("sql", statement)
    through(people, 2)
    people.ann.fine("sql", "UPDATE rules.parameter SET value = '6' WHERE name = 'high'")
    later = "UPDATE rules.membership_type SET margin = 9, effective_from = '2031-01-01' WHERE key = 'GOLD'"
    people.ann.fine("sql", later)

    def told(name: str) -> list[tuple[str, list[tuple[str, str, str | None, str | None]]]]:
        steps = people.olga.json("audit", "log", name)
        return [
            (
                s["what"],
                [(f["object"], f["field"], f["was"], f["becomes"]) for f in s["fields"] if f["field"] in FIELDS],
            )
            for s in steps
            if s["fields"]
        ]

    assert told("high") == [
        ("drafted it", [("parameter high", "value", None, '{"bigint":5}')]),
        ("drafted it", [("parameter high", "value", '{"bigint":5}', '{"bigint":6}')]),
    ]
    assert told("risky") == [("drafted it", [("reference list risky", "rows", None, '[{"code":"XA"}]')])]
    assert told("GOLD")[1:] == [
        ("drafted it", [("membership type GOLD", "margin", "1", "5")]),
        ("amended its draft", [("membership type GOLD", "margin", "5", "7")]),
        ("drafted it", [("membership type GOLD from 2031-01-01", "margin", None, "9")]),
    ]
    assert [s["what"] for s in people.olga.json("audit", "log", "risky")] == [
        "drafted it", "handed in", "checked: passed", "approved", "published"
    ]  # fmt: skip


FIELDS = {"value", "rows", "margin"}


def test_who_reviews_sees_what_was_sent_back_and_nothing_hides(people: People) -> None:
    """A change says who rejected it and why; what steers a terminal or turns letters around is shown as its number."""
    name = "A \x1b[1A\x1b[2Kloan \u202eagain"
    people.ann.fine("rules", "edit", "GOLD-002", "--name", name)
    people.ann.fine("change", "submit", 2, "--reason", "another name")
    people.bob.fine("change", "reject", 2, "--reason", "say it plainly")
    shown = people.ann.fine("change", "show", 2)
    assert re.search(r"\n  rejected: by bob on \d{4}-\d\d-\d\d: say it plainly\n", shown)
    assert "A \\u001B[1A\\u001B[2Kloan \\u202Eagain" in shown
    assert not {"\x1b", "\u202e"} & set(shown)
    assert people.ann.json("change", "show", 2)["rejections"][0]["reason"] == "say it plainly"


def test_an_edit_that_says_nothing_new_begins_nothing(people: People) -> None:
    """It is refused, and so is a wording that counts already; one of a draft of one's own goes to that draft."""
    for words in (
        ("rules", "edit", "GOLD-002", "--weight", 25), ("rules", "revert", "GOLD-002", "--to", 1, "--reason", "again"),
    ):  # fmt: skip
        code, (fault,) = people.ann.refused(*words)
        assert (code, fault["what"]) == (4, "it says just that already.")
    people.ann.refused("rules", "revert", "GOLD-002", "--to", 1, "--reason", "x", "--period", "2099-01-01")
    assert [each["state"] for each in people.ann.json("change", "list")] == ["live"]
    people.ann.fine("rules", "edit", "GOLD-002", "--weight", 20)
    held = people.ann.json("change", "list")[0]["change_id"]
    assert people.ann.json("rules", "revert", "GOLD-002", "--to", 1, "--reason", "as it was")["change"] == held
    assert people.ann.json("change", "show", held)["differences"] == []
    assert [each["change_id"] for each in people.ann.json("change", "list")] == [held, 1], "and none is begun for it"
