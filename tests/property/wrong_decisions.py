"""Definitions of a decision that are wrong on purpose, each by one fault, for ``test_decide`` to notice."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from rules_engine.model.decisions import Decision, Event, Hit, Reason, Standing, Tally, decide
from rules_engine.model.rules import Kind, MembershipType, Strategy, Tie

TallyOf = Callable[[Sequence[Hit]], Tally]
Decide = Callable[[Tally, MembershipType, Standing], Decision]


def without_exclusions(tally: Tally) -> Tally:
    return replace(tally, exclusion_hits=0, exclusion_sum=0, exclusion_max=0)


def every_row_counts(hits: Sequence[Hit]) -> Tally:
    """Three holdings are three hits."""
    return Tally.of([replace(hit, key=f"{hit.key}-{row}") for row, hit in enumerate(hits)])


def last_is_heaviest(hits: Sequence[Hit]) -> Tally:
    """The heaviest of a side is whichever came last."""
    inclusions = [h.weight for h in hits if h.kind is Kind.INCLUSION]
    return replace(Tally.of(hits), inclusion_max=inclusions[-1] if inclusions else 0)


def strictly_ahead(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """The margin must be passed, not reached."""
    return decide(tally, replace(policy, tie=Tie.DENY, margin=policy.margin + 1), before)


def inclusion_not_needed(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """The sums alone decide, although nothing speaks for it."""
    return decide(replace(tally, inclusion_hits=max(1, tally.inclusion_hits)), policy, before)


def exclusions_speak_for(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """The kinds are mixed up."""
    mixed = replace(
        without_exclusions(tally),
        inclusion_hits=tally.inclusion_hits + tally.exclusion_hits,
        inclusion_sum=tally.inclusion_sum + tally.exclusion_sum,
        inclusion_max=max(tally.inclusion_max, tally.exclusion_max),
    )
    return decide(mixed, policy, before)


def ties_before_margins(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """A tie is granted whatever the margin: the policy that MembershipType refuses to hold."""
    decision = decide(tally, policy, before)
    tied = tally.exclusion_hits > 0 and tally.inclusion_sum == tally.exclusion_sum
    return replace(decision, granted=True) if tied else decision


def averaged(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """The inclusions' average weight is weighed, so that a light one costs."""
    average = tally.inclusion_sum // max(1, tally.inclusion_hits)
    return decide(replace(tally, inclusion_sum=average, inclusion_max=average), policy, before)


def one_inclusion_at_most(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """A second inclusion is taken for a mistake, and the first with it."""
    return decide(replace(tally, inclusion_hits=tally.inclusion_hits % 2), policy, before)


def always_summed(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """The strategy is not looked at."""
    return decide(tally, replace(policy, strategy=Strategy.WEIGHT_SUM), before)


def vetoes_summed(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """A veto must outweigh the inclusions like any exclusion."""
    return decide(tally, replace(policy, veto_weight=None), before)


def held_ignored(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """An unknown is a miss although its rule says hold."""
    return decide(replace(tally, held=False), policy, before)


def never_below_margin(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """Whoever is denied in spite of an inclusion was excluded."""
    decision = decide(tally, policy, before)
    return replace(decision, reason=Reason.EXCLUDED) if decision.reason is Reason.BELOW_MARGIN else decision


def returns_unnoticed(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """Who comes back is counted as never gone."""
    decision = decide(tally, policy, before)
    return replace(decision, event=Event.RETAINED) if decision.event is Event.REINSTATED else decision


def lapses_unnoticed(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
    """Who loses the last inclusion is counted as never in."""
    decision = decide(tally, policy, before)
    return replace(decision, event=Event.NOT_GRANTED) if decision.event is Event.REVOKED_LAPSED else decision
