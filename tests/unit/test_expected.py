"""The first run on new rules beside its plan: expected and found, and from what a difference comes (R-PLAN)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules_engine.review.expected import Members, Reckoned, held_against, others, reckoned_from
from tests.spec.table import Row, cases

WEIGHT, NEW = ("weight of A-1: 10 → 20",), ("new A-9",)
PLAN = Reckoned(
    "2024-06-05",
    "old",
    "new",
    "run-1",
    {"people": "2024-06-05@a", "policies": "2024-06-05@b"},
    (*WEIGHT, *NEW),
    (Members("GOLD", 100, 103, {WEIGHT: (5, 0), NEW: (0, 2)}), Members("PLUS", 10, 10, {})),
)


def gold(before: int, weight: tuple[int, int], new: tuple[int, int], **more: tuple[int, int]) -> tuple[Members, ...]:
    causes = {WEIGHT: weight, NEW: new, **{(edit,): counts for edit, counts in more.items()}}
    after = before + sum(gained - lost for gained, lost in causes.values())
    return (Members("GOLD", before, after, causes), Members("PLUS", 10, 10, {}))


def the_same() -> Reckoned:
    return PLAN


def another_day() -> Reckoned:
    data = {"people": "2024-06-06@c", "policies": "2024-06-05@b"}
    return replace(PLAN, as_of="2024-06-06", against="run-2", snapshots=data, types=gold(101, (6, 0), (0, 2)))


def another_change() -> Reckoned:
    types = gold(100, (5, 0), (0, 1), retired=(0, 4))
    return replace(PLAN, after_digest="newer", edits=(*PLAN.edits, "retired"), types=types)


def an_edit_less() -> Reckoned:
    types = (Members("GOLD", 100, 105, {WEIGHT: (5, 0)}),)
    return replace(PLAN, after_digest="newer", edits=WEIGHT, types=types)


def both() -> Reckoned:
    return replace(another_change(), as_of="2024-06-06", types=gold(101, (5, 0), (0, 1), retired=(0, 4)))


def another_past() -> Reckoned:
    return replace(PLAN, against="run-2", types=gold(99, (5, 0), (0, 2)))


def held() -> Reckoned:
    return replace(PLAN, types=())


def the_first_run_of_all() -> Reckoned:
    return replace(PLAN, against=None, before_digest="nothing", as_of="2024-06-06", types=gold(0, (5, 0), (0, 3)))


FOUND = """
    run            | line                    | expected | found | difference from           | because
    ---------------+-------------------------+----------+-------+---------------------------+-----------------------------
    the_same       | members by the old rules | 100     | 100   |                           | nothing is another
    the_same       | weight of A-1: 10 → 20  | 5 0      | 5 0   |                           | nor is a cause
    another_day    | members by the old rules | 100     | 101   | other data                | the data alone moved one
    another_day    | weight of A-1: 10 → 20  | 5 0      | 6 0   | other data                | the rules are those planned
    another_day    | new A-9                 | 0 2      | 0 2   |                           | as many as expected
    another_day    | members by the new rules | 103     | 105   | other data                | one more before, one more gained
    another_change | retired                 | 0 0      | 0 4   | other rules               | no edit of the plan
    another_change | new A-9                 | 0 2      | 0 1   | other rules               | what is retired stands in its way
    another_change | weight of A-1: 10 → 20  | 5 0      | 5 0   |                           | as expected all the same
    an_edit_less   | new A-9                 | 0 2      | 0 0   | other rules               | it does not count on that day
    both           | members by the old rules | 100     | 101   | other data                | the rules before are the same
    both           | new A-9                 | 0 2      | 0 1   | other data or other rules | it cannot be told apart
    both           | retired                 | 0 0      | 0 4   | other rules               | of which it comes is plain
    another_past   | members by the old rules | 100     | 99    | decided against another run | a run was published in between
    held           | members by the new rules | 103     | none  | the run held the type     | nothing was decided
"""


@pytest.mark.parametrize("case", cases(FOUND))
def test_what_was_found_stands_beside_what_was_expected(case: Row) -> None:
    run: Reckoned = globals()[case["run"]]()
    (line,) = (line for line in held_against(PLAN, run) if line.what == case["line"])
    shown = [" ".join(map(str, said)) if said is not None else "none" for said in (line.expected, line.found)]
    assert [*shown, line.because] == [case["expected"], case["found"], case["difference from"]]
    assert not any(line.membership_type == "PLUS" for line in held_against(PLAN, run)), "nobody is to move there"


def test_before_the_first_run_nothing_is_another_rule() -> None:
    """Nobody was decided before either, whatever types there were."""
    lines = held_against(replace(PLAN, against=None), the_first_run_of_all())
    assert {line.because for line in lines} == {"", "other data"}


def test_what_was_another_is_said() -> None:
    """The day, the frames and the edits; of a run on the same nothing."""
    assert others(PLAN, PLAN) == []
    assert others(PLAN, another_day()) == ["the plan is of 2024-06-05, the run of 2024-06-06", "other data of people"]
    assert others(PLAN, another_change()) == ["not in the plan: retired"]
    assert others(PLAN, an_edit_less()) == ["not in the run: new A-9"]


def test_a_plan_is_read_as_it_was_recorded_and_anything_else_is_none() -> None:
    """Whoever may record a plan by hand may record any object."""
    assert reckoned_from(PLAN.content()) == PLAN
    content = PLAN.content()
    for odd in ({}, {"types": 3}, content | {"types": [{}]}, content | {"edits": None}, content | {"snapshots": "x"}):
        assert reckoned_from(odd) is None
