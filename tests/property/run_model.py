"""
Runs in a few lines: what members, journeys and register must say, replayed from the accepted publications each time.

It shares no code with what it judges. A day's snapshot says which rules hit whom; BOND-001 speaks for GOLD with a weight
of its own, DEBT-001 against it with 50, CARD-001 for SILVER.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

Pair = tuple[int, str]
Answer = tuple[bool, str, date | None]
"""Granted or not, the event, and the day of the first grant."""
Decided = dict[Pair, Answer]
Snapshot = Mapping[int, frozenset[str]]


@dataclass(frozen=True)
class Night:
    """One evaluation: of what, on top of which evaluation of which run, and in place of which run's answers."""

    day: date
    correction: bool
    snapshot: Snapshot
    weight: int
    created: datetime
    before: tuple[str, int] | None
    instead: tuple[str, ...]


@dataclass
class Model:
    """Evaluated runs by id, and the chain of those that were published; the last may be ``half`` there."""

    absence_ends: bool
    nights: dict[str, Night] = field(default_factory=dict)
    opened: dict[str, datetime] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    chain: list[str] = field(default_factory=list)
    half: bool = False

    def newest(self, known: Sequence[str]) -> str | None:
        return next((run for run in reversed(known) if not self.nights[run].correction), None)

    def answers_for(self, known: Sequence[str], day: date) -> str | None:
        return next((run for run in reversed(known) if self.nights[run].day == day), None)

    def before(self, known: Sequence[str], day: date, *, correction: bool) -> str | None:
        """The newest run, and for a correction that which answers for the last day before."""
        if not correction:
            return self.newest(known)
        days = [self.nights[run].day for run in known if self.nights[run].day < day]
        return self.answers_for(known, max(days)) if days else None

    def instead(self, known: Sequence[str], day: date, *, correction: bool) -> tuple[str, ...]:
        """Whose answers are taken back: a correction those of all its day's runs, and any run those of corrections."""
        of_day = tuple(run for run in known if self.nights[run].day == day)
        return of_day if correction or any(self.nights[run].correction for run in of_day) else ()

    def in_order(self, known: Sequence[str], day: date, *, correction: bool) -> bool:
        """Days go forward, but corrections, which go back."""
        last = self.newest(known)
        if last is None:
            return not correction
        return day <= self.nights[last].day if correction else day >= self.nights[last].day

    def evaluated(
        self,
        run: str,
        known: Sequence[str],
        day: date,
        snapshot: Snapshot,
        weight: int,
        at: datetime,
        *,
        correction: bool,
    ) -> None:
        """A run was evaluated to its end by one who knew of these publications."""
        self.tries[run] = self.tries.get(run, 0) + 1
        self.begun(run, known, at)
        before = self.before(known, day, correction=correction)
        self.nights[run] = Night(
            day,
            correction,
            dict(snapshot),
            weight,
            self.opened[run],
            (before, self.tries[before]) if before else None,
            self.instead(known, day, correction=correction),
        )

    def begun(self, run: str, known: Sequence[str], at: datetime) -> None:
        """The first opening fixes the created date, after that of the last publication known."""
        earliest = self.nights[known[-1]].created + timedelta(microseconds=1) if known else at
        self.opened.setdefault(run, max(at, earliest))

    def may_follow(self, run: str) -> bool:
        """Whether a run comes next: the past that it was decided against is the one that stands."""
        night = self.nights.get(run)
        if night is None:
            return False
        before = self.before(self.chain, night.day, correction=night.correction)
        return (
            self.in_order(self.chain, night.day, correction=night.correction)
            and night.before == ((before, self.tries[before]) if before else None)
            and night.instead == self.instead(self.chain, night.day, correction=night.correction)
            and (not self.chain or night.created > self.nights[self.chain[-1]].created)
        )

    def replayed(self) -> Iterator[tuple[str, Decided, Decided]]:
        """Publication by publication what it decided, and how everybody who was ever a member stands after it."""
        decided, stands = dict[str, Decided](), dict[str, Decided]()
        for run in self.chain:
            night = self.nights[run]
            stood = stands[night.before[0]] if night.before else {}
            own = self._decided(night, stood, {pair for each in night.instead for pair in decided.get(each, {})})
            decided[run], stands[run] = own, stood | {pair: said for pair, said in own.items() if said[2]}
            yield run, own, stands[run]

    def _decided(self, night: Night, stood: Decided, instead: Collection[Pair]) -> Decided:
        own: Decided = {}
        for subject, hit in night.snapshot.items():
            for pair in (subject, "GOLD"), (subject, "SILVER"):
                rules = hit & ({"BOND-001", "DEBT-001"} if pair[1] == "GOLD" else {"CARD-001"})
                if rules or pair in stood or pair in instead:
                    own[pair] = self._said(rules, night, stood.get(pair))
        for pair, (member, _, first) in stood.items():
            if pair[0] not in night.snapshot and member and self.absence_ends:
                own[pair] = (False, "REVOKED_ABSENT", first)
        return own

    def _said(self, rules: frozenset[str], night: Night, stood: Answer | None) -> Answer:
        bonds, debts = "BOND-001" in rules, "DEBT-001" in rules
        member = "CARD-001" in rules or (bonds and (not debts or night.weight > 50))
        if stood is None:
            return (True, "GRANTED", night.day) if member else (False, "NOT_GRANTED", None)
        was, _, first = stood
        revoked = "REVOKED_EXCLUDED" if bonds and debts else "REVOKED_LAPSED"
        event = ("RETAINED" if was else "REINSTATED") if member else (revoked if was else "NOT_GRANTED")
        return member, event, first

    def as_of(self, said: Mapping[str, Decided], day: date) -> Decided:
        """
        What journeys answer about a day: of the latest day until then, what was published last.

        Corrections answer where theirs is the last day that was published.
        """
        answers: Decided = {}
        known = [run for run in said if self.nights[run].day <= day]
        last = max((self.nights[run].day for run in known), default=None)
        for run in sorted(known, key=lambda run: self.nights[run].day):
            if not self.nights[run].correction or self.nights[run].day == last:
                answers |= said[run]
        return answers

    def now(self, said: Mapping[str, Decided]) -> dict[Pair, tuple[Answer, str]]:
        """What the newest record of each pair says, corrections aside, and the run that says it."""
        return {p: (a, run) for run, own in said.items() if not self.nights[run].correction for p, a in own.items()}
