"""
The manual of decisions: every table row is one case of :func:`decide`.

``inclusions`` and ``exclusions`` list the weights of the rules that hit, one
rule each. What a table does not mention is the default: strategy
``weight_sum``, margin 1, tie policy ``deny``, no veto, never a member before.
"""

from collections.abc import Iterable

import pytest

from rules_engine.model.decisions import Decision, Event, Hit, Reason, Standing, Tally, decide, decide_absent
from rules_engine.model.rules import Kind, MembershipType, Strategy, Tie
from tests.spec.table import Row, cases, numbers, rows

# R-EVAL-1, R-EVAL-4: sums against each other, margin 1, which is "whichever is higher".
SUMS = """
    inclusions | exclusions | granted | reason       | because
    -----------+------------+---------+--------------+-------------------------------------------------------
               |            | no      | NO_INCLUSION | nothing speaks for it
               | 10         | no      | NO_INCLUSION | an exclusion alone never grants
    1          |            | yes     | INCLUDED     | the smallest weight is enough where nothing is against
    10, 20     |            | yes     | INCLUDED     | several inclusions and no exclusion
    20         | 19         | yes     | OVERRIDE     | one more than the exclusions is enough
    50         | 20         | yes     | OVERRIDE     | the inclusions weigh more
    20         | 20         | no      | TIE          | an equal weight does not override
    20         | 21         | no      | EXCLUDED     | the exclusion weighs more
    10, 20     | 25         | yes     | OVERRIDE     | two light inclusions outweigh a heavier exclusion
    25         | 10, 20     | no      | EXCLUDED     | two light exclusions outweigh a heavier inclusion
    10, 10     | 20         | no      | TIE          | two rules of one weight count twice
    10, 20     | 5, 25      | no      | TIE          | sums are equal though no weight is
"""

# R-EVAL-1: the margin is what the inclusions must be ahead by.
MARGINS = """
    margin | inclusions | exclusions | granted | reason       | because
    -------+------------+------------+---------+--------------+-----------------------------------------------------
    0      | 20         | 20         | yes     | TIE          | margin 0 asks for no lead, so a tie is a grant
    0      | 19         | 20         | no      | EXCLUDED     | margin 0 and one behind
    0      |            |            | no      | NO_INCLUSION | 0 is enough of a lead, yet nothing speaks for it
    1      | 20         | 20         | no      | TIE          | margin 1 and level
    1      | 21         | 20         | yes     | OVERRIDE     | margin 1 and one ahead
    3      | 22         | 20         | no      | EXCLUDED     | margin 3 and two ahead
    3      | 23         | 20         | yes     | OVERRIDE     | margin 3 and three ahead
    3      | 20         | 20         | no      | TIE          | margin 3 and level
    3      | 2          |            | no      | BELOW_MARGIN | nothing speaks against, the inclusions are too light
    3      | 3          |            | yes     | INCLUDED     | the inclusions alone are just heavy enough
    3      | 2          | 10         | no      | BELOW_MARGIN | without the exclusion it would not be granted either
    3      | 2          | 2          | no      | TIE          | level is a tie, however light
    -5     | 15         | 20         | yes     | OVERRIDE     | a negative margin forgives a deficit of so much
    -5     | 14         | 20         | no      | EXCLUDED     | a negative margin forgives no more than that
    -5     | 20         | 20         | yes     | TIE          | level is ahead of a negative margin
    -5     |            |            | no      | NO_INCLUSION | a negative margin still asks for an inclusion
    -5     |            | 3          | no      | NO_INCLUSION | an exclusion within a negative margin grants nothing
"""

# R-EVAL-2: equal weights, and only those, are decided by the tie policy.
TIES = """
    tie   | before | inclusions | exclusions | granted | reason       | because
    ------+--------+------------+------------+---------+--------------+---------------------------------------------
    deny  | NEVER  | 20         | 20         | no      | TIE          | deny does not grant a tie
    deny  | MEMBER | 20         | 20         | no      | TIE          | deny takes the membership of a member
    grant | NEVER  | 20         | 20         | yes     | TIE          | grant gives the membership at a tie
    grant | NEVER  | 19         | 20         | no      | EXCLUDED     | grant is for ties, one behind is no tie
    grant | NEVER  |            |            | no      | NO_INCLUSION | nothing against nothing is no tie
    keep  | NEVER  | 20         | 20         | no      | TIE          | keep leaves out who was never a member
    keep  | MEMBER | 20         | 20         | yes     | TIE          | keep leaves a member in
    keep  | FORMER | 20         | 20         | no      | TIE          | keep does not bring back a former member
    keep  | MEMBER | 19         | 20         | no      | EXCLUDED     | keep is for ties, a member one behind is out
    keep  | NEVER  | 21         | 20         | yes     | OVERRIDE     | keep is for ties, one ahead is in
"""

# R-EVAL-3: what is weighed against what.
STRATEGIES = """
    strategy             | margin | inclusions | exclusions | granted | reason       | because
    ---------------------+--------+------------+------------+---------+--------------+-------------------------------------------
    weight_sum           | 1      | 30, 30     | 50         | yes     | OVERRIDE     | sum: 60 against 50
    max_weight           | 1      | 30, 30     | 50         | no      | EXCLUDED     | heaviest: 30 against 50
    any_exclusion_blocks | 1      | 30, 30     | 50         | no      | EXCLUDED     | any: one exclusion is enough
    weight_sum           | 1      | 50         | 30, 30     | no      | EXCLUDED     | sum: 50 against 60
    max_weight           | 1      | 50         | 30, 30     | yes     | OVERRIDE     | heaviest: 50 against 30
    any_exclusion_blocks | 1      | 50         | 1          | no      | EXCLUDED     | any: however light it is
    any_exclusion_blocks | 1      | 50         | 50         | no      | EXCLUDED     | any: there are no ties
    any_exclusion_blocks | -5     | 50         | 1          | no      | EXCLUDED     | any: no margin forgives an exclusion
    any_exclusion_blocks | 1      | 50         |            | yes     | INCLUDED     | any: no exclusion, so granted
    any_exclusion_blocks | 3      | 1, 2       |            | yes     | INCLUDED     | any: the sum reaches the margin
    any_exclusion_blocks | 3      | 2          |            | no      | BELOW_MARGIN | any: the margin holds without exclusions
    any_exclusion_blocks | 3      | 2          | 9          | no      | BELOW_MARGIN | any: the inclusions were too light anyway
    any_exclusion_blocks | 1      |            | 9          | no      | NO_INCLUSION | any: nothing speaks for it
    max_weight           | 1      | 30, 20     | 30         | no      | TIE          | heaviest: equal, the second counts nothing
    max_weight           | 3      | 2, 2       |            | no      | BELOW_MARGIN | heaviest: two light ones stay light
    max_weight           | 3      | 33         | 30, 30     | yes     | OVERRIDE     | heaviest: ahead by the margin
    max_weight           | 1      |            | 9          | no      | NO_INCLUSION | heaviest: nothing speaks for it
"""

# R-EVAL-3: an exclusion of the veto weight blocks under every strategy.
VETO = """
    veto | strategy             | tie   | inclusions | exclusions | granted | reason       | because
    -----+----------------------+-------+------------+------------+---------+--------------+---------------------------------------
    90   | weight_sum           | deny  | 500        | 90         | no      | EXCLUDED     | the veto weight itself blocks
    90   | weight_sum           | deny  | 500        | 91         | no      | EXCLUDED     | more than the veto weight blocks
    90   | weight_sum           | deny  | 500        | 89         | yes     | OVERRIDE     | one below is an exclusion like any
    90   | weight_sum           | deny  | 500        | 89, 89     | yes     | OVERRIDE     | a veto is one rule, never a sum
    90   | weight_sum           | deny  | 500        | 5, 90      | no      | EXCLUDED     | one veto among several is enough
    90   | weight_sum           | grant | 90         | 90         | no      | EXCLUDED     | a veto at equal weight is no tie
    90   | weight_sum           | deny  | 20         | 20         | no      | TIE          | a light tie stays a tie
    90   | max_weight           | deny  | 500        | 90         | no      | EXCLUDED     | a veto blocks under max_weight
    90   | any_exclusion_blocks | deny  | 500        | 1          | no      | EXCLUDED     | the strategy blocks below the veto
    90   | weight_sum           | deny  |            | 90         | no      | NO_INCLUSION | without an inclusion no veto is needed
    90   | weight_sum           | deny  | 50         |            | yes     | INCLUDED     | a veto nobody hits changes nothing
"""

# R-EVAL-6, R-EVAL-4: an unknown condition of a rule that holds, or a held type: the earlier decision stands.
HELD = """
    before | inclusions | exclusions | granted | reason | event       | because
    -------+------------+------------+---------+--------+-------------+----------------------------------------
    NEVER  | 50         |            | no      | HELD   | NOT_GRANTED | held, so nobody comes in
    MEMBER |            |            | yes     | HELD   | RETAINED    | held, so no member lapses
    MEMBER | 10         | 90         | yes     | HELD   | RETAINED    | held, so no member is excluded
    MEMBER | 50         |            | yes     | HELD   | RETAINED    | held, though it would be granted anyway
    FORMER | 50         |            | no      | HELD   | NOT_GRANTED | held, so no former member comes back
"""

# R-EVAL-4: the decision against the one before it.
EVENTS = """
    before | inclusions | exclusions | granted | reason       | event            | because
    -------+------------+------------+---------+--------------+------------------+--------------------------------------------
    NEVER  | 50         |            | yes     | INCLUDED     | GRANTED          | in for the first time
    NEVER  | 50         | 20         | yes     | OVERRIDE     | GRANTED          | in for the first time against an exclusion
    NEVER  |            |            | no      | NO_INCLUSION | NOT_GRANTED      | out as before
    NEVER  | 20         | 50         | no      | EXCLUDED     | NOT_GRANTED      | excluded, yet nothing is taken away
    MEMBER | 50         |            | yes     | INCLUDED     | RETAINED         | in as before
    MEMBER | 50         | 20         | yes     | OVERRIDE     | RETAINED         | in as before against an exclusion
    MEMBER |            |            | no      | NO_INCLUSION | REVOKED_LAPSED   | nothing speaks for a member any more
    MEMBER |            | 20         | no      | NO_INCLUSION | REVOKED_LAPSED   | lapsed, the exclusion makes no difference
    MEMBER | 20         | 50         | no      | EXCLUDED     | REVOKED_EXCLUDED | but for the exclusion it would stay
    MEMBER | 20         | 20         | no      | TIE          | REVOKED_EXCLUDED | the tie takes what the inclusion would give
    FORMER | 50         |            | yes     | INCLUDED     | REINSTATED       | in again
    FORMER | 50         | 20         | yes     | OVERRIDE     | REINSTATED       | in again against an exclusion
    FORMER |            |            | no      | NO_INCLUSION | NOT_GRANTED      | out as before, no second revocation
    FORMER | 20         | 50         | no      | EXCLUDED     | NOT_GRANTED      | excluded again, yet nothing is taken away
"""

# R-EVAL-4: a member below the margin lapses; only where the exclusions decide is a member excluded.
REVOCATIONS = """
    strategy             | margin | veto | inclusions | exclusions | reason       | event            | because
    ---------------------+--------+------+------------+------------+--------------+------------------+----------------------------------------
    weight_sum           | 3      |      | 2          |            | BELOW_MARGIN | REVOKED_LAPSED   | too light without any exclusion
    weight_sum           | 3      |      | 2          | 10         | BELOW_MARGIN | REVOKED_LAPSED   | too light with or without the exclusion
    weight_sum           | 3      |      | 2          | 2          | TIE          | REVOKED_LAPSED   | a tie too light for the margin
    weight_sum           | 3      |      | 5          | 3          | EXCLUDED     | REVOKED_EXCLUDED | the exclusion eats the margin
    weight_sum           | 1      | 90   | 500        | 90         | EXCLUDED     | REVOKED_EXCLUDED | vetoed
    weight_sum           | 0      |      |            | 10         | NO_INCLUSION | REVOKED_LAPSED   | without an inclusion no margin is reached
    any_exclusion_blocks | 1      |      | 50         | 1          | EXCLUDED     | REVOKED_EXCLUDED | blocked by any exclusion
    max_weight           | 1      |      | 30, 30     | 50         | EXCLUDED     | REVOKED_EXCLUDED | outweighed by the heaviest
"""

ABSENT = """
    before | absence | granted | reason | event          | because
    -------+---------+---------+--------+----------------+---------------------------------------------------
    NEVER  | keeps   |         |        |                | nothing is known of it, and nothing is decided
    MEMBER | keeps   |         |        |                | absent is not lapsed: the membership stands
    FORMER | keeps   |         |        |                | what was revoked stays revoked
    NEVER  | ends    |         |        |                | there is nothing to end
    MEMBER | ends    | no      | ABSENT | REVOKED_ABSENT | the lake says that who is absent has left
    FORMER | ends    |         |        |                | it has ended before
    NEVER  | merged  |         |        |                | it was no member
    MEMBER | merged  | no      | MERGED | MERGED_INTO    | whom it was merged into is decided by rules, as always
    FORMER | merged  |         |        |                | it was a member no more
"""

TABLES = {
    "sums": SUMS,
    "margins": MARGINS,
    "ties": TIES,
    "strategies": STRATEGIES,
    "veto": VETO,
    "events": EVENTS,
    "revocations": REVOCATIONS,
}


def hits(kind: Kind, weights: Iterable[int]) -> list[Hit]:
    """One hit of a rule of its own per weight."""
    return [Hit(f"{kind.name}-{number}", 1, kind, weight) for number, weight in enumerate(weights, 1)]


def policy(row: Row) -> MembershipType:
    return MembershipType(
        "GOLD",
        strategy=Strategy(row.get("strategy", "weight_sum")),
        margin=int(row.get("margin", 1)),
        tie=Tie(row.get("tie", "deny")),
        veto_weight=int(row["veto"]) if row.get("veto") else None,
    )


def decided(row: Row, *, held: bool = False, before: str = "NEVER") -> Decision:
    found = hits(Kind.INCLUSION, numbers(row["inclusions"])) + hits(Kind.EXCLUSION, numbers(row["exclusions"]))
    return decide(Tally.of(found, held=held), policy(row), Standing(row.get("before", before)))


def agrees(decision: Decision, row: Row) -> bool:
    """Whether a decision says what the row says; a row may leave out what it is not about."""
    said = {"granted": "yes" if decision.granted else "no", "reason": decision.reason, "event": decision.event}
    return {name: row[name] for name in said if name in row} == {name: said[name] for name in said if name in row}


@pytest.mark.parametrize("row", [case for name in TABLES if name != "revocations" for case in cases(TABLES[name])])
def test_a_decision_is_as_the_manual_says(row: Row) -> None:
    """Granted, reason and event follow from the weights hit, the policy and where the subject stood."""
    assert agrees(decided(row), row), decided(row)


@pytest.mark.parametrize("row", cases(REVOCATIONS))
def test_a_member_is_revoked_as_the_manual_says(row: Row) -> None:
    """A member who is denied lapses, unless it would be granted without the exclusions."""
    assert agrees(decided(row, before="MEMBER"), row), decided(row, before="MEMBER")


@pytest.mark.parametrize("row", cases(HELD))
def test_a_held_decision_is_the_earlier_one(row: Row) -> None:
    """Whatever hit, a held pair stays where it stood (R-EVAL-6)."""
    assert agrees(decided(row, held=True), row), decided(row, held=True)


@pytest.mark.parametrize("row", cases(ABSENT))
def test_absent_is_not_lapsed(row: Row) -> None:
    """A subject that is not in the snapshot is not decided, unless absence, or a merge, ends memberships (R-RUN-3)."""
    merged = row["absence"] == "merged"
    for ends in (False, True) if merged else (row["absence"] == "ends",):
        decision = decide_absent(Standing(row["before"]), ends=ends, merged=merged)
        assert agrees(decision, row) if decision else not row["event"]


def test_the_same_version_counts_once() -> None:
    """Three matching holdings are one hit: 20 stays 20 and does not outvote 50 (R-ENG-4)."""
    bond = Hit("BOND-001", 1, Kind.INCLUSION, 20)
    assert Tally.of([bond, bond, bond]) == Tally(inclusion_hits=1, inclusion_sum=20, inclusion_max=20)


@pytest.mark.parametrize(("column", "words"), [("reason", Reason), ("event", Event)])
def test_the_manual_shows_every_reason_and_event(column: str, words: type[Reason] | type[Event]) -> None:
    """No outcome exists that no table explains."""
    shown = {row[column] for text in (*TABLES.values(), HELD, ABSENT) for row in rows(text) if column in row}
    assert shown - {""} == {word.value for word in words}


@pytest.mark.parametrize(("column", "words"), [("strategy", Strategy), ("tie", Tie), ("before", Standing)])
def test_the_manual_shows_every_policy(column: str, words: type[Strategy] | type[Tie] | type[Standing]) -> None:
    """No policy and no standing exists that no table uses."""
    shown = {row[column] for text in TABLES.values() for row in rows(text) if column in row}
    assert shown == {word.value for word in words}
