"""The manual of what cannot be built: membership types, rule versions and rule sets are valid or not there."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from rules_engine.errors import InvalidRule
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import LARGEST_WEIGHT, EffectivePeriod, Form, Kind, MembershipType, RuleVersion, Tie
from tests.spec.table import Row, cases

# R-EVAL-1, R-EVAL-2, R-EVAL-3; `says` is part of the message, empty where the type is valid.
TYPES = """
    key       | margin | tie   | veto | says                    | because
    ----------+--------+-------+------+-------------------------+------------------------------------------------
    GOLD      | 1      | deny  |      |                         | the defaults
    GOLD      | -5     | deny  |      |                         | a margin may be negative
    GOLD      | 1      | keep  | 90   |                         | a tie policy at margin 1, and a veto
    GOLD      | 3      | grant |      | its margin 3            | level would be granted and two ahead would not
    GOLD      | 3      | keep  |      | its margin 3            | level would be kept and two ahead would not
    GOLD      | 0      | keep  |      | the margin decides ties | margin 0 grants every tie already
    GOLD      | 1.5    | deny  |      | is not a whole number   | weights are whole, so is what they are ahead by
    GOLD      | True   | deny  |      | is not a whole number   | true is no number
    GOLD      | 1      | deny  | 0    | its veto weight 0       | a veto of 0 would make every exclusion one
              | 1      | deny  |      | its key is not          | a type without a key
    GOLD#1    | 1      | deny  |      | its key is not          | '#' parts the sort key of the history
    GOLD CARD | 1      | deny  |      | its key is not          | a key is one word
"""

# R-REPO-2, R-REPO-3; `change` is made to a valid predicate.
VERSIONS = """
    change                                  | says                           | because
    ----------------------------------------+--------------------------------+-----------------------------------------
    weight=10                               |                                | a multiple of ten, as advised
    weight=7                                |                                | multiples of ten are advice, not law
    weight=LARGEST_WEIGHT                   |                                | the largest weight
    weight=0                                | its weight 0 is not            | a rule without weight argues nothing
    weight=-20                              | never by a negative weight     | kinds say for and against, not signs
    weight=1.5                              | its weight 1.5 is not          | weights are whole
    weight=True                             | its weight True is not         | true is no weight
    weight=LARGEST_WEIGHT + 1               | is not a whole number from 1   | sums must fit into 64 bits
    version=0                               | its version 0 is not           | versions are numbered from 1
    key=''                                  | its key is not of              | a rule without a key
    key='BOND 001'                          | its key is not of              | a key is one word
    membership_type='GOLD '                 | its membership type 'GOLD ' is not of | a space that nobody sees names another type
    membership_type=''                      | its membership type '' is not of | a rule argues about something
    sql=' '                                 | its SQL is empty               | an empty condition
    frame=''                                | names no frame                 | a predicate is about the rows of a frame
    form=Form.STATEMENT                     | names the frame 'customers'    | a statement names its frames itself
    kind=Kind.EXCLUSION                     |                                | an exclusion has a weight above zero too
    override=True                           |                                | an inclusion may override
    override=True, kind=Kind.EXCLUSION      | Only an inclusion can override | an exclusion never grants (R-EVAL-5)
    parameters={'floor': Decimal('0.5')}    |                                | a decimal parameter
    parameters={'since': date(2024, 6, 1)}  |                                | a day as a parameter
    parameters={'as_of': 1}                 | 'as_of' has no usable name     | :as_of is the run's day and nothing else
    parameters={'Floor': 1}                 | 'Floor' has no usable name     | parameter names are small letters
    parameters={'floor': 0.5}               | is of type float               | a float would not be the number written
    parameters={'floor': None}              | is of type NoneType            | nothing is no parameter
    parameters={'at': datetime(2024, 6, 1)} | is of type datetime            | days, never moments: as-of is a day
    metadata={'tags': ['a', 1]}             |                                | metadata is any JSON
    metadata={'since': date(2024, 6, 1)}    | its metadata is no JSON        | a digest covers JSON alone
    metadata={1: 'a'}                       | its metadata is no JSON        | names in JSON are texts
"""

NAMES = {
    "LARGEST_WEIGHT": LARGEST_WEIGHT, "Form": Form, "Kind": Kind, "Decimal": Decimal, "date": date, "datetime": datetime
}  # fmt: skip


def changed(change: str) -> dict[str, Any]:
    """``weight=0, kind=Kind.EXCLUSION`` as keyword arguments."""
    return dict(eval(f"dict({change})", NAMES))  # the text is a cell of a table above


def version(**changes: Any) -> RuleVersion:
    """A valid predicate, with changes."""
    valid: dict[str, Any] = {
        "key": "BOND-001",
        "version": 1,
        "kind": Kind.INCLUSION,
        "membership_type": "GOLD",
        "weight": 20,
        "form": Form.PREDICATE,
        "sql": "bonds > 0",
        "frame": "customers",
    }
    return RuleVersion(**(valid | changes))


def rule_set(*versions: RuleVersion, types: tuple[str, ...] = ("GOLD",)) -> RuleSet:
    as_of = date(2024, 6, 1)
    return RuleSet(as_of, datetime(2024, 6, 1, tzinfo=UTC), tuple(MembershipType(t) for t in types), versions)


def whole(cell: str) -> Any:
    return {"True": True, "1.5": 1.5, "": None}[cell] if cell in ("True", "1.5", "") else int(cell)


def refusal(build: Any) -> str:
    """What the refusal says; empty text where nothing is refused."""
    try:
        build()
    except InvalidRule as refused:
        return str(refused)
    return ""


def agrees(said: str, expected: str) -> bool:
    return expected in said if expected else not said


@pytest.mark.parametrize("row", cases(TYPES))
def test_membership_types(row: Row) -> None:
    """A decision policy that contradicts itself cannot be built."""
    said = refusal(
        lambda: MembershipType(
            row["key"], margin=whole(row["margin"]), tie=Tie(row["tie"]), veto_weight=whole(row["veto"])
        )
    )
    assert agrees(said, row["says"]), said


@pytest.mark.parametrize("row", cases(VERSIONS))
def test_rule_versions(row: Row) -> None:
    """A version that could not be run or would mean something else cannot be built."""
    said = refusal(lambda: version(**changed(row["change"])))
    assert agrees(said, row["says"]), said


def test_all_faults_of_a_version_are_told_at_once() -> None:
    """One refusal names every fault, so that one edit mends them all."""
    with pytest.raises(InvalidRule) as refused:
        version(weight=0, sql="", frame="")
    assert len(refused.value.faults) == 3
    assert {fault.which for fault in refused.value.faults} == {"Rule BOND-001"}


def test_two_versions_of_a_rule_are_never_both_in_force() -> None:
    """A rule set with both names the rule, the versions and the day (R-REPO-4)."""
    with pytest.raises(InvalidRule, match="Rule BOND-001: versions 1 and 2 are both in force on 2024-06-01"):
        rule_set(version(), version(version=2))


def test_a_rule_argues_about_a_membership_type_that_exists() -> None:
    """An unknown membership type is named; a type without rules is none."""
    with pytest.raises(InvalidRule, match="its membership type 'GOLD' does not exist"):
        rule_set(version(), types=("SILVER",))
    assert rule_set(version(), types=("GOLD", "SILVER")).versions == (version(),)


def test_a_membership_type_has_one_policy() -> None:
    """The same type twice could decide two ways, so it is refused."""
    with pytest.raises(InvalidRule, match="Membership type GOLD: it is declared twice"):
        rule_set(version(), types=("GOLD", "GOLD"))


def test_all_faults_of_a_rule_set_are_told_at_once() -> None:
    """Several faults of several rules make one refusal."""
    with pytest.raises(InvalidRule) as refused:
        rule_set(version(), version(version=2), version(key="X", membership_type="NONE"), types=("GOLD", "GOLD"))
    assert len(refused.value.faults) == 3


def test_a_value_that_is_changed_is_checked_again() -> None:
    """A changed copy goes through the same checks as the original."""
    with pytest.raises(InvalidRule, match="its weight 0"):
        replace(version(effective=EffectivePeriod(date(2024, 1, 1))), weight=0)
