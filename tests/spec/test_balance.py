"""The manual of the ledger: which counts a manifest must hold for a run to be published (R-OPS-4, R-ENG-3)."""

import re
from contextlib import nullcontext
from dataclasses import replace
from datetime import date

import pytest

from rules_engine.errors import RunRefused
from rules_engine.model.failing import HeldType
from rules_engine.model.manifest import Evaluation, Manifest, TypeCounts
from tests.spec.table import Row, cases

# G granted, T reinstated, R retained, L lapsed, E excluded, N not granted.
COUNTS = """
    before | events         | after | decided | reasons | says                                | because
    -------+----------------+-------+---------+---------+-------------------------------------+-------------------------
    0      |                | 0     | 0       | 0       |                                     | nobody hit anything
    0      | G3 N2          | 3     | 5       | 5       |                                     | a first run
    3      | G1 T1 R1 L1 E1 | 3     | 5       | 5       |                                     | two in, two out
    3      | R3 N7          | 3     | 10      | 10      |                                     | nothing moved
    3      | L3             | 0     | 3       | 3       |                                     | everybody lapsed
    3      | G1 R3          | 3     | 4       | 4       | before 3 + granted 1 - revoked 0 is | one in, not counted
    3      | R2 E1          | 3     | 3       | 3       | before 3 + granted 0 - revoked 1 is | one out, still counted
    0      | T1             | 0     | 1       | 1       | before 0 + granted 1 - revoked 0 is | a return is a gain
    0      | G1             | 1     | 2       | 2       | the events count 1 decisions        | a decision without event
    0      | G1             | 1     | 1       | 2       | the reasons count 2 decisions       | a reason too many
"""

EVENTS = {
    "G": "GRANTED", "T": "REINSTATED", "R": "RETAINED", "L": "REVOKED_LAPSED", "E": "REVOKED_EXCLUDED", "N": "NOT_GRANTED"
}  # fmt: skip


def manifest(*types: TypeCounts, subjects: int = 10, pairs: int = 30, versions: int = 3) -> Manifest:
    return Manifest(
        run_id="2024-06-01-a",
        as_of=date(2024, 6, 1),
        created_at="2024-06-01T08:00:00.000000Z",
        rule_set_digest="ab",
        versions=versions,
        snapshots={"customers": "2024-06-01"},
        settings={},
        engine_version="1",
        previous_run=None,
        evaluation=Evaluation(subjects, pairs, {}, {}, types, "cd"),
    )


def counts(row: Row) -> TypeCounts:
    return TypeCounts(
        membership_type="GOLD",
        members_before=int(row["before"]),
        members_after=int(row["after"]),
        decided=int(row["decided"]),
        events={EVENTS[part[0]]: int(part[1:]) for part in row["events"].split()},
        reasons={"INCLUDED": int(row["reasons"])},
    )


@pytest.mark.parametrize("row", cases(COUNTS))
def test_a_run_balances_or_is_refused(row: Row) -> None:
    """Members before + granted and reinstated - revoked = members after, and every decision has one event and reason."""
    if not row["says"]:
        manifest(counts(row)).balance()
        return
    with pytest.raises(RunRefused, match=re.escape(row["says"])):
        manifest(counts(row)).balance()


@pytest.mark.parametrize("pairs", [0, 29, 31])
def test_every_subject_meets_every_rule(pairs: int) -> None:
    """Ten subjects and three rules are thirty pairs, neither more nor fewer (R-ENG-3)."""
    with pytest.raises(RunRefused, match=f"{pairs} pairs were evaluated; 10 subjects × 3 rules are 30"):
        manifest(pairs=pairs).balance()


def test_all_faults_of_a_manifest_are_told_at_once() -> None:
    """Each type and each identity that does not hold is named."""
    gold = TypeCounts("GOLD", 1, 1, 1, {"GRANTED": 1}, {"INCLUDED": 2})
    silver = TypeCounts("SILVER", 5, 0, 0, {}, {})
    with pytest.raises(RunRefused) as refused:
        manifest(gold, silver, pairs=0).balance()
    assert [fault.which for fault in refused.value.faults] == [
        "Membership type GOLD", "Membership type GOLD", "Membership type SILVER", "Run 2024-06-01-a"
    ]  # fmt: skip


def test_a_run_has_as_many_decisions_as_its_types_together() -> None:
    """What the history must hold of a run is the sum over its types."""
    gold, silver = TypeCounts("GOLD", 0, 0, 3, {}, {}), TypeCounts("SILVER", 0, 0, 4, {}, {})
    assert manifest(gold, silver).decided == 7


@pytest.mark.parametrize(("pairs", "says"), [(10, ""), (30, "30 pairs were evaluated; 10 subjects × 1 rules are 10")])
def test_a_held_type_is_left_out_of_the_pairs(pairs: int, says: str) -> None:
    """Ten subjects and three rules, two of them of a held type whose members stay, are ten pairs and no more."""
    whole = manifest(TypeCounts("GOLD", 4, 4, 0, {}, {}), pairs=pairs)
    held = replace(whole, evaluation=replace(whole.evaluation, held=(HeldType("GOLD", 2, ()),)))
    with pytest.raises(RunRefused, match=says) if says else nullcontext():
        held.balance()


def test_nothing_is_decided_of_a_held_type() -> None:
    """A held type that lost a member, however well its events add up, is refused."""
    whole = manifest(TypeCounts("GOLD", 4, 3, 1, {"REVOKED_LAPSED": 1}, {"NO_INCLUSION": 1}), pairs=10)
    with pytest.raises(RunRefused, match="GOLD: it is held, yet 1 decisions of it are staged"):
        replace(whole, evaluation=replace(whole.evaluation, held=(HeldType("GOLD", 2, ()),))).balance()


def test_a_run_begins_with_what_the_one_before_it_left() -> None:
    """Members that were lost in between, such as those of a type that was held, are found out before anything is kept."""
    earlier, later = manifest(TypeCounts("GOLD", 0, 4, 4, {}, {})), manifest(TypeCounts("GOLD", 3, 3, 0, {}, {}))
    with pytest.raises(RunRefused, match="GOLD: run 2024-06-01-a left 4 members, this one began with 3"):
        later.follows(earlier)
