"""What holds of every decision, and the proof that each property would notice a fault (see ``proof``)."""

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from rules_engine.model.decisions import Decision, Event, Hit, Reason, Standing, Tally, decide
from rules_engine.model.manifest import TypeCounts
from rules_engine.model.rules import Kind, MembershipType, Strategy, Tie
from tests.property.proof import NOTICES, Check, Proof, Property, holds, notices, planted_faults, real_things
from tests.property.wrong_decisions import (
    Decide,
    TallyOf,
    always_summed,
    averaged,
    every_row_counts,
    exclusions_speak_for,
    held_ignored,
    inclusion_not_needed,
    lapses_unnoticed,
    last_is_heaviest,
    never_below_margin,
    one_inclusion_at_most,
    returns_unnoticed,
    strictly_ahead,
    ties_before_margins,
    vetoes_summed,
    without_exclusions,
)

WEIGHTS = st.integers(1, 4)
STANDINGS = st.sampled_from(Standing)


def hits_of(signed: list[int]) -> list[Hit]:
    """One hit of a rule of its own per number; a negative one is an exclusion."""
    kinds = {True: Kind.INCLUSION, False: Kind.EXCLUSION}
    return [Hit(f"R-{number}", 1, kinds[weight > 0], abs(weight)) for number, weight in enumerate(signed)]


HITS = st.lists(st.sampled_from([w for w in range(-4, 5) if w]), max_size=4).map(hits_of)
"""Few hits and light ones, so that ties and margins are met often."""

MARGINS_AND_TIES = [*((margin, Tie.DENY) for margin in (-3, 0, 1, 3)), (1, Tie.GRANT), (1, Tie.KEEP)]


def policy_of(strategy: Strategy, margin_and_tie: tuple[int, Tie], veto: int | None) -> MembershipType:
    margin, tie = margin_and_tie
    return MembershipType("GOLD", strategy=strategy, margin=margin, tie=tie, veto_weight=veto)


def policies(*strategies: Strategy) -> st.SearchStrategy[MembershipType]:
    return st.builds(
        policy_of,
        st.sampled_from(strategies or tuple(Strategy)),
        st.sampled_from(MARGINS_AND_TIES),
        st.sampled_from([None, None, 4]),
    )


TALLIES = st.builds(lambda hits, held: Tally.of(hits, held=held), HITS, st.sampled_from([False, False, False, True]))
SITUATIONS = st.tuples(TALLIES, policies(), STANDINGS)


# ---- the properties -------------------------------------------------------------------------------------------------


def repeating_a_hit_changes_nothing(tally_of: TallyOf) -> Check:
    """R-ENG-4: one rule hit again counts as it did; all hits again would cancel out and prove nothing."""

    @given(HITS.filter(bool), st.data())
    def check(hits: list[Hit], data: st.DataObject) -> None:
        again = data.draw(st.sampled_from(hits))
        where = data.draw(st.integers(0, len(hits)))
        assert tally_of([*hits[:where], again, *hits[where:]]) == tally_of(hits)

    return check


def the_order_of_hits_is_irrelevant(tally_of: TallyOf) -> Check:
    @given(HITS, st.randoms(use_true_random=False))
    def check(hits: list[Hit], random: object) -> None:
        shuffled = list(hits)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert tally_of(shuffled) == tally_of(hits)

    return check


def the_sums_decide(decide: Decide) -> Check:
    """R-EVAL-1, as its sentence says it, on ``weight_sum`` without ties and vetoes."""

    @given(HITS, st.integers(-5, 5), STANDINGS)
    def check(hits: list[Hit], margin: int, before: Standing) -> None:
        inclusions = [h.weight for h in hits if h.kind is Kind.INCLUSION]
        exclusions = [h.weight for h in hits if h.kind is Kind.EXCLUSION]
        decision = decide(Tally.of(hits), MembershipType("GOLD", margin=margin), before)
        assert decision.granted is (len(inclusions) > 0 and sum(inclusions) - sum(exclusions) >= margin)

    return check


def an_exclusion_never_grants(decide: Decide, *, strategy: Strategy) -> Check:
    """R-EVAL-5: one exclusion more never turns a denial into a grant."""

    @given(HITS, WEIGHTS, policies(strategy), STANDINGS)
    def check(hits: list[Hit], weight: int, policy: MembershipType, before: Standing) -> None:
        more = [*hits, Hit("EXTRA", 1, Kind.EXCLUSION, weight)]
        if decide(Tally.of(more), policy, before).granted:
            assert decide(Tally.of(hits), policy, before).granted

    return check


def an_inclusion_never_revokes(decide: Decide, *, strategy: Strategy) -> Check:
    """One inclusion more never turns a grant into a denial."""

    @given(HITS, WEIGHTS, policies(strategy), STANDINGS)
    def check(hits: list[Hit], weight: int, policy: MembershipType, before: Standing) -> None:
        more = [*hits, Hit("EXTRA", 1, Kind.INCLUSION, weight)]
        if decide(Tally.of(hits), policy, before).granted:
            assert decide(Tally.of(more), policy, before).granted

    return check


def only_the_heaviest_count(decide: Decide) -> Check:
    """R-EVAL-3: under ``max_weight`` a hit no heavier than one of its kind changes nothing."""

    @given(HITS.filter(bool), policies(Strategy.MAX_WEIGHT), STANDINGS, st.data())
    def check(hits: list[Hit], policy: MembershipType, before: Standing, data: st.DataObject) -> None:
        beside = data.draw(st.sampled_from(hits))
        lighter = replace(beside, key="EXTRA", weight=data.draw(st.integers(1, beside.weight)))
        assert decide(Tally.of([*hits, lighter]), policy, before) == decide(Tally.of(hits), policy, before)

    return check


def a_veto_blocks(decide: Decide) -> Check:
    """R-EVAL-3: whatever speaks for it, an exclusion of the veto weight denies."""

    @given(HITS, policies(), WEIGHTS, st.integers(0, 3), STANDINGS)
    def check(hits: list[Hit], policy: MembershipType, veto: int, above: int, before: Standing) -> None:
        vetoed = [*hits, Hit("VETO", 1, Kind.EXCLUSION, veto + above)]
        assert not decide(Tally.of(vetoed), replace(policy, veto_weight=veto), before).granted

    return check


def a_held_decision_stands(decide: Decide) -> Check:
    """R-EVAL-6: held, who was in is in and who was out is out."""

    @given(SITUATIONS)
    def check(situation: tuple[Tally, MembershipType, Standing]) -> None:
        tally, policy, before = situation
        member = before is Standing.MEMBER
        expected = Decision(member, Reason.HELD, Event.RETAINED if member else Event.NOT_GRANTED)
        assert decide(replace(tally, held=True), policy, before) == expected

    return check


def a_reason_is_true(decide: Decide) -> Check:
    """R-EVAL-4: what a reason claims about the hits is so."""

    @given(SITUATIONS)
    def check(situation: tuple[Tally, MembershipType, Standing]) -> None:
        tally, policy, before = situation
        decision = decide(tally, policy, before)
        alone = decide(without_exclusions(tally), policy, before).granted
        granted, against = decision.granted, tally.exclusion_hits > 0
        claims = {
            Reason.NO_INCLUSION: not granted and tally.inclusion_hits == 0,
            Reason.INCLUDED: granted and not against,
            Reason.OVERRIDE: granted and against,
            Reason.TIE: against and tally.inclusion_hits > 0,
            Reason.EXCLUDED: not granted and against and alone,
            Reason.BELOW_MARGIN: not granted and tally.inclusion_hits > 0 and not alone,
            Reason.HELD: tally.held,
        }
        assert claims[decision.reason]

    return check


def the_ledger_balances(decide: Decide) -> Check:
    """R-OPS-4: day after day, members before + gained - lost = members after."""

    @given(policies(), st.lists(st.lists(TALLIES, min_size=2, max_size=2), min_size=1, max_size=5))
    def check(policy: MembershipType, days: list[list[Tally]]) -> None:
        standings = [Standing.NEVER] * 2
        for tallies in days:
            decisions = [decide(*pair) for pair in zip(tallies, [policy] * 2, standings, strict=True)]
            assert not list(ledger(standings, decisions).faults())
            standings = [standing_after(*pair) for pair in zip(standings, decisions, strict=True)]

    return check


def ledger(before: list[Standing], decisions: list[Decision]) -> TypeCounts:
    return TypeCounts(
        membership_type="GOLD",
        members_before=before.count(Standing.MEMBER),
        members_after=sum(d.granted for d in decisions),
        decided=len(decisions),
        events=Counter(d.event for d in decisions),
        reasons=Counter(d.reason for d in decisions),
    )


def standing_after(before: Standing, decision: Decision) -> Standing:
    if decision.granted:
        return Standing.MEMBER
    return Standing.NEVER if before is Standing.NEVER else Standing.FORMER


PROOFS: list[Proof] = [
    (repeating_a_hit_changes_nothing, Tally.of, [every_row_counts]),
    (the_order_of_hits_is_irrelevant, Tally.of, [last_is_heaviest]),
    (the_sums_decide, decide, [strictly_ahead, inclusion_not_needed, exclusions_speak_for]),
    (only_the_heaviest_count, decide, [always_summed, averaged]),
    (a_veto_blocks, decide, [vetoes_summed]),
    (a_held_decision_stands, decide, [held_ignored]),
    (a_reason_is_true, decide, [never_below_margin, exclusions_speak_for]),
    (the_ledger_balances, decide, [returns_unnoticed, lapses_unnoticed]),
    *((partial(an_exclusion_never_grants, strategy=s), decide, [exclusions_speak_for]) for s in Strategy),
    (partial(an_exclusion_never_grants, strategy=Strategy.WEIGHT_SUM), decide, [ties_before_margins]),
    *((partial(an_inclusion_never_revokes, strategy=s), decide, [one_inclusion_at_most]) for s in Strategy),
]


@pytest.mark.parametrize(("property_", "real"), real_things(PROOFS))
def test_the_property_holds(property_: Property, real: object) -> None:
    """Whatever hits, however it is weighed, the property holds of the definition."""
    holds(property_, real)


@pytest.mark.parametrize(("property_", "fault"), planted_faults(PROOFS))
def test_the_property_notices_a_planted_fault(property_: Property, fault: object) -> None:
    """The same property fails on a definition that is wrong on purpose."""
    notices(property_, fault)


@pytest.mark.parametrize(
    "outcome", [o for o in (*Reason, *Event) if not {"ABSENT", "MERGED"} & {*o.split("_")}]
)  # those are no tally's
def test_every_outcome_is_generated(outcome: Reason | Event) -> None:
    """A reason or event that no random situation reached would be one no property judges."""
    reached = find(SITUATIONS, lambda s: outcome in (decide(*s).reason, decide(*s).event), settings=NOTICES)
    assert reached is not None
