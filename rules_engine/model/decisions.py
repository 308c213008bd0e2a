"""
What a decision is: :func:`decide` is the definition, all else must agree with it.

The Spark plan in ``evaluation`` does the same arithmetic on whole columns;
property tests hold the two against each other (R-EVAL-1..6).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rules_engine.model.rules import Kind, MembershipType, Strategy, Tie


class Reason(StrEnum):
    """Why a decision is what it is."""

    NO_INCLUSION = "NO_INCLUSION"  # nothing speaks for it
    INCLUDED = "INCLUDED"  # granted, nothing speaks against it
    OVERRIDE = "OVERRIDE"  # granted although exclusions hit
    TIE = "TIE"  # equal weights, decided by margin or tie policy
    EXCLUDED = "EXCLUDED"  # would be granted without the exclusions
    BELOW_MARGIN = "BELOW_MARGIN"  # the inclusions alone do not reach the needed margin
    HELD = "HELD"  # the earlier decision stands: a condition was unknown, or its type is held
    ABSENT = "ABSENT"  # the subject is not in the snapshot, and the lake says that this ends its memberships
    MERGED = "MERGED"  # the subject is not in the snapshot, and the lake says into which other it was merged


class Event(StrEnum):
    """What a decision changes against the one before it."""

    GRANTED = "GRANTED"
    RETAINED = "RETAINED"
    REVOKED_LAPSED = "REVOKED_LAPSED"
    REVOKED_EXCLUDED = "REVOKED_EXCLUDED"
    REVOKED_ABSENT = "REVOKED_ABSENT"
    REINSTATED = "REINSTATED"
    NOT_GRANTED = "NOT_GRANTED"
    MERGED_INTO = "MERGED_INTO"


CHANGING = frozenset(Event) - {Event.RETAINED, Event.NOT_GRANTED}
"""The events after which somebody stands otherwise than before."""


class WritePolicy(StrEnum):
    """
    Which decisions of a run become records (R-HIST-5): all, or those alone that change how somebody stands.

    Members, registers and answers about days are the same of both.
    """

    RESULTS = "results"
    CHANGES = "changes"

    def writes(self, event: Event) -> bool:
        """Whether a decision with this event becomes a record."""
        return self is WritePolicy.RESULTS or event in CHANGING


class Standing(StrEnum):
    """Where a subject stood before the decision: never a member, a member, or one whose membership was revoked."""

    NEVER = "NEVER"
    MEMBER = "MEMBER"
    FORMER = "FORMER"


@dataclass(frozen=True, slots=True)
class Hit:
    """One rule version that hit one subject: once, however many rows matched (R-ENG-4)."""

    key: str
    version: int
    kind: Kind
    weight: int
    category: str = ""

    def __hash__(self) -> int:
        """By what names a version alone: records are written by looking up what was made of their hits before."""
        return hash((self.key, self.version))


@dataclass(frozen=True, slots=True)
class Tally:
    """
    What hit one subject for one membership type, added up.

    Sums and maxima are in weight units; ``held`` says that a rule whose unknown
    outcome holds the decision was unknown.
    """

    inclusion_hits: int = 0
    exclusion_hits: int = 0
    inclusion_sum: int = 0
    exclusion_sum: int = 0
    inclusion_max: int = 0
    exclusion_max: int = 0
    held: bool = False

    @classmethod
    def of(cls, hits: Iterable[Hit], *, held: bool = False) -> Tally:
        """Add up hits; the same version twice counts once."""
        distinct = {(h.key, h.version): h for h in hits}.values()
        for_it = [h.weight for h in distinct if h.kind is Kind.INCLUSION]
        against = [h.weight for h in distinct if h.kind is Kind.EXCLUSION]
        return cls(
            inclusion_hits=len(for_it),
            exclusion_hits=len(against),
            inclusion_sum=sum(for_it),
            exclusion_sum=sum(against),
            inclusion_max=max(for_it, default=0),
            exclusion_max=max(against, default=0),
            held=held,
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """Granted or not, why, and what that changes."""

    granted: bool
    reason: Reason
    event: Event


def decide(tally: Tally, policy: MembershipType, before: Standing = Standing.NEVER) -> Decision:
    """
    Decide one subject's membership of one type.

    Granted if and only if at least one inclusion hit and the inclusions
    outweigh the exclusions by the needed margin: ``I - E >= margin`` under
    ``weight_sum``, the same of the heaviest of each side under ``max_weight``,
    and no exclusion at all under ``any_exclusion_blocks``. An exclusion of the
    veto weight or more blocks under every strategy (R-EVAL-1..5).

    >>> decide(Tally.of([Hit("BOND-001", 1, Kind.INCLUSION, 20)]), MembershipType("GOLD"))
    Decision(granted=True, reason=<Reason.INCLUDED: 'INCLUDED'>, event=<Event.GRANTED: 'GRANTED'>)
    """
    granted, reason = _verdict(tally, policy, before)
    return Decision(granted, reason, _event(tally, policy, granted, before))


def decide_absent(before: Standing, *, ends: bool, merged: bool = False) -> Decision | None:
    """
    Decide about a subject that is not in the snapshot (R-RUN-3): nothing, or the end of a membership.

    ``ends`` is whether the lake says that absence ends memberships, ``merged`` whether it says that this subject was
    merged into another: that ends them whatever absence does. None is no decision: what stood before stands.

    >>> decide_absent(Standing.MEMBER, ends=True)
    Decision(granted=False, reason=<Reason.ABSENT: 'ABSENT'>, event=<Event.REVOKED_ABSENT: 'REVOKED_ABSENT'>)
    """
    if before is not Standing.MEMBER:
        return None
    if merged:
        return Decision(granted=False, reason=Reason.MERGED, event=Event.MERGED_INTO)
    if ends:
        return Decision(granted=False, reason=Reason.ABSENT, event=Event.REVOKED_ABSENT)
    return None


def _verdict(tally: Tally, policy: MembershipType, before: Standing) -> tuple[bool, Reason]:
    if tally.held:
        return before is Standing.MEMBER, Reason.HELD
    if not tally.inclusion_hits:
        return False, Reason.NO_INCLUSION
    inclusion, exclusion = _sides(tally, policy)
    if tally.exclusion_hits and inclusion == exclusion and not _blocked(tally, policy):
        return _tie(policy, before), Reason.TIE
    if not _blocked(tally, policy) and inclusion - exclusion >= policy.margin:
        return True, Reason.OVERRIDE if tally.exclusion_hits else Reason.INCLUDED
    return False, Reason.EXCLUDED if _excluded(tally, policy) else Reason.BELOW_MARGIN


def _tie(policy: MembershipType, before: Standing) -> bool:
    match policy.tie:
        case Tie.GRANT:
            return True
        case Tie.KEEP:
            return before is Standing.MEMBER
        case Tie.DENY:
            return policy.margin <= 0


def _sides(tally: Tally, policy: MembershipType) -> tuple[int, int]:
    if policy.strategy is Strategy.MAX_WEIGHT:
        return tally.inclusion_max, tally.exclusion_max
    return tally.inclusion_sum, tally.exclusion_sum


def _blocked(tally: Tally, policy: MembershipType) -> bool:
    if policy.veto_weight is not None and tally.exclusion_max >= policy.veto_weight:
        return True
    return policy.strategy is Strategy.ANY_EXCLUSION_BLOCKS and tally.exclusion_hits > 0


def _excluded(tally: Tally, policy: MembershipType) -> bool:
    """Whether it is the exclusions that deny: without them it would be granted."""
    return tally.exclusion_hits > 0 and tally.inclusion_hits > 0 and _sides(tally, policy)[0] >= policy.margin


def _event(tally: Tally, policy: MembershipType, granted: bool, before: Standing) -> Event:
    match granted, before:
        case True, Standing.NEVER:
            return Event.GRANTED
        case True, Standing.MEMBER:
            return Event.RETAINED
        case True, Standing.FORMER:
            return Event.REINSTATED
        case False, Standing.MEMBER:
            return Event.REVOKED_EXCLUDED if _excluded(tally, policy) else Event.REVOKED_LAPSED
    return Event.NOT_GRANTED
