"""A comment changes nothing: not whether a rule is accepted, not what it reads, not what runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import pytest

from rules_engine.model.rules import Form
from rules_engine.sql import lexer
from rules_engine.sql.gate import gate
from rules_engine.sql.tokens import Kind, tokens
from tests.gate import SCHEMA, Line, lines, rule_of

DATA = Path(__file__).parents[1] / "data"
RULES = [
    line
    for name in ("honest_rules.tsv", "hostile_rules.tsv")
    for line in lines(DATA / name)
    if len(line.sql) < 2_000 and line.sql.strip()
]
COMMENTS = (
    *(
        "/**/",
        " /* x */ ",
        "-- x\n",
        "--\r\n",
        "-- it's\r",
        "/* größer als € 5 */",
        "/* \" ` ' ; # */",
        "/***/",
        "/*/ */",
    ),
    *(
        "-- or true\n",
        "/* or true */",
        "/* select secret from payroll */",
        "-- reflect('a', 'b') */\n",
        "/* -- */",
        "-- /*\n",
    ),
    *("/* :nothing */", "-- rand() \\ current_date\n", "/*\n\t* many\n\t* lines\n\t*/", "-- \U0001f600\n"),
)


def commented(line: Line, random: Random) -> str:
    """The rule with comments at some of the places between its tokens, before the first and after the last."""
    words = tokens(line.sql)
    places = random.sample([0, *(token.end for token in words)], random.randint(1, min(6, len(words) + 1)))
    text, parts = line.sql, list[str]()
    for start, end in zip([0, *sorted(places)], [*sorted(places), len(text)], strict=True):
        comment = random.choice(COMMENTS)
        parts += [text[start:end], f" {comment}" if text[:end].endswith(("-", "/", "*")) else comment]
    return "".join(parts[:-1])


def adjacent_matters(line: Line) -> bool:
    """Whether something is wrong with a text for what stands side by side in it, or for its length."""
    codes = {fault.code for fault in lexer.faults(line.sql, {})}
    return bool(codes & {"SQL-002", "SQL-004", "SQL-008", "SQL-010", "SQL-017"})


@pytest.mark.parametrize("seed", range(4))
def test_a_comment_changes_no_verdict(seed: int) -> None:
    """Honest rules stay accepted and hostile ones refused, whatever comments stand in them, and wherever."""
    random, wrong = Random(seed), list[str]()
    for line in RULES:
        changed = Line(line.tag, line.form, line.expectation, commented(line, random), line.frame)
        before, after = rule_of(line), rule_of(changed)
        if bool(gate.faults(before, SCHEMA)) != bool(gate.faults(after, SCHEMA)) and not adjacent_matters(line):
            wrong.append(changed.sql)
        elif (said := gate.reading(before, SCHEMA)) and not gate.text_faults(before, SCHEMA):
            read = gate.reading(after, SCHEMA)
            assert read is None or replace(read, warnings=()) == replace(said, warnings=())
    assert wrong == []


@pytest.mark.parametrize("seed", range(2))
def test_what_runs_is_the_rule_without_its_comments(seed: int) -> None:
    """The text that Spark is given has the tokens of the rule as it was without comments."""
    random = Random(seed)
    for line in RULES:
        if lexer.faults(line.sql, {}):
            continue
        texts = (lexer.bind(sql, {}, date(2024, 6, 1)) for sql in (line.sql, commented(line, random)))
        plain, changed = ([token.text for token in tokens(text)] for text in texts)
        assert plain == changed


def test_a_lexer_that_ends_comments_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: comments that end at the first blank let a rule change with its comment."""
    monkeypatch.setattr(lexer.comments, "blank", lambda comment: comment.partition(" ")[0] and "")
    line = Line("planted", Form.PREDICATE, "accept", "spend > 5")
    found = [lexer.blanked(commented(line, Random(seed))) for seed in range(20)]
    assert any(len(text) < len("spend > 5 /**/") for text in found)


def test_every_kind_of_token_is_commented() -> None:
    """The rules hold every kind of token there is, so a comment was put beside each."""
    kinds = {token.kind for line in RULES for token in tokens(line.sql)}
    assert kinds >= set(Kind) - {Kind.SPACE, Kind.COMMENT, Kind.BROKEN}
