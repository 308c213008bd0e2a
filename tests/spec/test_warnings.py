"""The manual of warnings: what rules may say and had better not; a warning never stops anything."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import EffectivePeriod, Form, Kind, MembershipType, RuleVersion
from rules_repo.lints import between, of_lists, warnings
from tests.spec.table import Row, cases

GOLD = MembershipType("GOLD", margin=10)


def rule(text: str) -> RuleVersion:
    """``+20`` or ``-20`` with words: override, shadow, nobody (no owner), silent (no reason), long (SQL), :name (a parameter)."""
    weight, *words = text.split()
    named = {word[1:]: 1 for word in words if word.startswith(":")}
    return RuleVersion(
        key=f"R{text.replace(' ', '-').replace(':', '').replace('+', 'P').replace('-', 'M')}",
        version=1,
        kind=Kind.INCLUSION if weight[0] == "+" else Kind.EXCLUSION,
        membership_type="GOLD",
        weight=abs(int(weight)),
        form=Form.PREDICATE,
        sql="x > :used AND y <> '::unused'" + (" " * 32_000 if "long" in words else ""),
        frame="customers",
        owner="" if "nobody" in words else "team",
        reason_text="" if "silent" in words else "because",
        override="override" in words,
        shadow="shadow" in words,
        parameters=named,
    )


WARNINGS = """
    rules                     | says                                      | because
    --------------------------+-------------------------------------------+-------------------------------------------------
    +20; -20                  |                                           | nothing is wrong with plain rules
    +25                       | its weight 25 is no multiple of ten       | multiples of ten leave room between rules
    +20 nobody                | it has no owner                           | somebody answers for a rule
    +20 silent                | it has no reason text                     | a decision quotes it
    +20 :used                 |                                           | a parameter that the SQL names is used
    +20 :unused               | its SQL does not use its parameter 'unused' | one that stands in a text only is not
    +20 long                  | its SQL has 32,029 characters, and is slow | a long list belongs into a reference list
    +60 override; -50         |                                           | ahead by the margin is head-room enough
    +50 override; -50         | the exclusions it can meet weigh 50       | an override must outweigh every exclusion
    +60 override; -30; -40    | Give it 80 or more                        | it can meet both at once
    +60 override; -90 shadow  |                                           | a shadow weighs nothing
    -20                       | nothing includes anybody in GOLD          | an exclusion alone cannot matter
    -20; +20 shadow           | nothing includes anybody in GOLD          | a shadow includes nobody
    +5                        | no multiple of ten.*all inclusions of GOLD weigh 5, the margin is 10 | never ahead by the margin
"""


@pytest.mark.parametrize("case", cases(WARNINGS))
def test_what_is_warned_of(case: Row) -> None:
    """The rules of one day, and everything said about them."""
    said = " ".join(map(str, warnings([rule(text.strip()) for text in case["rules"].split(";")], [GOLD])))
    assert re.search(case["says"], said) if case["says"] else not said


TEXTS = """
    value        | says                                                       | because
    -------------+------------------------------------------------------------+----------------------------------
    XA           |                                                            | a code as everybody types it
    Orléans      |                                                            | a letter with its accent
    Москва       |                                                            | a word all of Cyrillic
    X\u00a0A          | 'X\u00a0A' of code holds \u00a0 .NO-BREAK SPACE.* type it again: 'X A' | pasted from a web page
    X\u00adA          | SOFT HYPHEN.* type it again: 'XA'                          | what is not to be seen
    ХA           | CYRILLIC CAPITAL LETTER HA.* type it again: 'XA'           | a letter that looks like ours
    “XA”         | LEFT DOUBLE QUOTATION MARK                                 | quotes of a word processor
    OrlÃ©ans     | type it again: 'Orléans'                                   | another encoding
    "XA "        | begins or ends with a space.* write 'XA'                   | a space behind it
"""


@pytest.mark.parametrize("case", cases(TEXTS))
def test_texts_of_lists_are_warned_of(case: Row) -> None:
    """A text that no text that was typed is equal to is never found in the list."""
    codes = ReferenceList("codes", {"code": "string"}, ({"code": case["value"].strip('"')},))
    said = " ".join(map(str, of_lists([codes])))
    assert re.search(f"^Reference list codes: .*{case['says']}", said) if case["says"] else not said


def test_only_the_rules_asked_about_are_warned_of() -> None:
    """A change is told about its own rules, among all the others."""
    here, there = rule("+25"), rule("+35")
    assert [fault.which for fault in warnings([here, there], [GOLD], {here.key})] == [f"Rule {here.key}"]


DAYS = """
    periods                                            | says                                             | because
    ---------------------------------------------------+--------------------------------------------------+---------------------------
    2024-01-01 2026-07-01; 2026-07-01                   |                                                  | one ends where the next begins
    2024-01-01 2026-06-30; 2026-07-01                   | it does not count for 1 day, from 2026-06-30 until 2026-07-01: an end is the first day without | the last day was meant
    2024-01-01 2025-01-01; 2026-01-01                   | for 365 days, .* End the earlier period on 2026-01-01 | a year without
    2024-01-01 2024-01-02                              | it counts on one day alone, 2024-01-01: its end, 2024-01-02, is the first day without | two days were meant
    2024-01-01 2024-01-03                              |                                                  | two days are two days
    2024-01-01                                         |                                                  | until further notice
    2024-01-01 2024-06-01; 2024-06-02; 2023-01-01 2023-12-31 | from 2023-12-31 until 2024-01-01.*from 2024-06-01 until 2024-06-02 | every gap, in order
"""


@pytest.mark.parametrize("case", cases(DAYS))
def test_days_between_periods_are_warned_of(case: Row) -> None:
    """All periods of a rule together."""
    timeline = []
    for text in case["periods"].split(";"):
        first, *end = (date.fromisoformat(day) for day in text.split())
        timeline.append(replace(rule("+20"), effective=EffectivePeriod(first, *end)))
    said = " ".join(map(str, between(timeline)))
    assert re.search(case["says"], said) if case["says"] else not said
