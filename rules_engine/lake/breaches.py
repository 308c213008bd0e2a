"""What is found wrong with the data before a rule is run: which part of which frame, and what the run does about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.columns import OnBreach
from rules_engine.model.failing import Failure
from rules_engine.model.rule_sets import RuleSet

MOST_DIGITS = 12
"""Digits after the point of a share that are shown at most."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A fault of the data; ``versions`` are the ids of the rules that use the column, or the frame, that is wrong."""

    fault: Fault
    on_breach: OnBreach
    versions: frozenset[str]


def share(part: int, whole: int, allowed: float | None = None) -> str:
    """
    A part in words, with two digits that say something, or as many as tell it from the share that is allowed.

    >>> share(5, 12), share(1, 1_000_000), share(0, 0), share(1, 3, 0.333)
    ('5 of 12 rows (42 %)', '1 of 1,000,000 rows (0.0001 %)', '0 of 0 rows (0 %)', '1 of 3 rows (33.33 %)')
    """
    percent = 100 * part / whole if whole else 0
    shown = _digits(percent)
    if allowed is not None and float(shown) <= 100 * allowed < percent:
        exact = (f"{percent:.{digits}f}" for digits in range(1, MOST_DIGITS))
        shown = next((text for text in exact if float(text) > 100 * allowed), shown)
    return f"{part:,} of {whole:,} rows ({shown} %)"


def exceeds(part: int, allowed: float, whole: int) -> bool:
    """
    Whether a part is more than the share that is allowed, as it is written.

    >>> exceeds(29, 0.29, 100), exceeds(30, 0.29, 100), exceeds(0, 0.0, 0)
    (False, True, False)
    """
    return part > Decimal(str(allowed)) * whole


def percent(part: float) -> str:
    """
    A share as a declaration has it.

    >>> percent(0.333), percent(0.05), percent(1.0)
    ('33.3 %', '5 %', '100 %')
    """
    return f"{(Decimal(str(part)) * 100).normalize():f} %"


def _digits(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or number == 0 else f"{float(f'{number:.2g}'):.10f}".rstrip("0").rstrip(".")


ALL_HELD = Fault("Membership types", "every one of them would be held, so there is nothing to decide.")


def failures(rule_set: RuleSet, breaches: Sequence[Breach]) -> tuple[Failure, ...]:
    """
    The rules that are not to be asked of this data, because what they use is wrong and holds their types.

    Raises:
        RunRefused: With every breach, where one of them stops the run, or no type would be left to decide.
    """
    faults = [breach.fault for breach in breaches]
    if any(breach.on_breach is OnBreach.STOP for breach in breaches):
        raise RunRefused(*faults)
    failing = tuple(_failing(rule_set, breaches))
    held = {failure.membership_type for failure in failing}
    left = any(version.membership_type not in held for version in rule_set.versions)
    raise_all(RunRefused, [] if left else [*faults, ALL_HELD])
    return failing


def _failing(rule_set: RuleSet, breaches: Sequence[Breach]) -> Iterator[Failure]:
    """One a rule, with all that is wrong with what it uses."""
    for version in rule_set.versions:
        if found := [breach.fault for breach in breaches if version.id in breach.versions]:
            what = " ".join(f"It uses {fault.which[0].lower()}{fault.which[1:]}: {fault.what}" for fault in found)
            remedy = " ".join(dict.fromkeys(fault.remedy for fault in found))
            yield Failure(version.id, version.membership_type, what[0].lower() + what[1:], remedy, found[0].code)
