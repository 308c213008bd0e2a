"""Errors: one tree drawn by who can mend it, every fault in words."""

from __future__ import annotations

import re

import pytest

from rules_engine import errors
from rules_engine.errors import (
    ChangeRefused,
    Fault,
    HistoryCollision,
    InvalidRule,
    RulesError,
    RunInterrupted,
    RunRefused,
    did_you_mean,
    raise_all,
)
from tests.spec.table import Row, cases

CODES = """
    error            | code | because
    -----------------+------+--------------------------------------------------
    RulesError       | 1    | the root is never raised by itself
    InvalidRule      | 3    | the analyst mends the rule
    ChangeRefused    | 4    | whoever made the change makes another
    RunRefused       | 5    | the operator, and nothing was written
    HistoryCollision | 5    | a refusal too: nobody may overwrite
    RunInterrupted   | 6    | run the same id again
    OutOfMemory      | 8    | run the same id again, with more memory
    RunHeld          | 7    | somebody else looks at it
"""

SUGGESTIONS = """
    name         | known                  | says                            | because
    -------------+------------------------+---------------------------------+---------------------------------
    tenure_month | tenure_months, country | Did you mean 'tenure_months'?   | a letter short
    COUNTRY_     | tenure_months, Country | Did you mean 'Country'?         | the case of letters is no matter
    weight       | tenure_months, country |                                 | nothing is near
    weight       |                        |                                 | nothing is known
"""


@pytest.mark.parametrize("row", cases(CODES))
def test_each_kind_of_error_has_its_exit_code(row: Row) -> None:
    """Scripts tell by the exit code who can mend it; 2 is left to wrong command lines."""
    assert getattr(errors, row["error"]).exit_code == int(row["code"])


def test_the_tree_is_drawn_as_it_is() -> None:
    """The picture at the top of the module names every error, with its exit code."""
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, RulesError)]
    drawn = re.findall(r"[├└]── (\w+)(?: +exit (\d))?", errors.__doc__ or "")
    assert {name for name, _ in drawn} | {"RulesError"} == {k.__name__ for k in kinds}
    assert {name: int(code) for name, code in drawn if code} == {
        k.__name__: k.exit_code for k in kinds if k not in (RulesError, HistoryCollision)
    }


@pytest.mark.parametrize("kind", [InvalidRule, ChangeRefused, RunRefused, HistoryCollision, RunInterrupted])
def test_every_error_is_caught_by_the_root(kind: type[RulesError]) -> None:
    """Whoever stands at an entry point catches one class and finds the faults in it."""
    fault = Fault("Rule A-1", "it is wrong.")
    with pytest.raises(RulesError) as caught:
        raise kind(fault)
    assert caught.value.faults == (fault,)


def test_a_fault_says_which_what_and_what_to_do() -> None:
    """Which, what and the remedy in one line; the code at the end, where there is one."""
    fault = Fault("Rule GOLD-014", "its SQL is empty.", "Write a condition.", code="R-01")
    assert str(fault) == "Rule GOLD-014: its SQL is empty. Write a condition. [R-01]"
    assert str(Fault("Rule GOLD-014", "its SQL is empty.")) == "Rule GOLD-014: its SQL is empty."


def test_an_error_says_all_its_faults() -> None:
    """One line a fault, in the order in which they were found."""
    error = InvalidRule(Fault("Rule A", "one."), Fault("Rule B", "two."))
    assert str(error) == "Rule A: one.\nRule B: two."


def test_all_faults_are_raised_together() -> None:
    """Faults are collected to the last before anything is raised."""
    faults = [Fault("Rule A", "one."), Fault("Rule B", "two.")]
    with pytest.raises(RunRefused) as refused:
        raise_all(RunRefused, iter(faults))
    assert list(refused.value.faults) == faults


def test_no_fault_raises_nothing() -> None:
    """A check that found nothing returns."""
    raise_all(RunRefused, iter([]))


@pytest.mark.parametrize("row", cases(SUGGESTIONS))
def test_a_suggestion_names_what_is_near(row: Row) -> None:
    """The nearest known name is suggested as it is spelled, or nothing."""
    known = [name.strip() for name in row["known"].split(",") if name.strip()]
    assert did_you_mean(row["name"], known) == row["says"]
