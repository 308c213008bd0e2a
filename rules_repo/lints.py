"""What rules may say and had better not: warnings about a rule set, never refusals. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise

from rules_engine.errors import Fault
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import Kind, MembershipType, RuleVersion
from rules_repo.timeline import by_key

LONG = 32_000
"""Characters from which a rule takes seconds to check: 120,000 of them, in one list of texts, took half a minute."""


def warnings(
    versions: Sequence[RuleVersion], membership_types: Iterable[MembershipType], about: Iterable[str] | None = None
) -> tuple[Fault, ...]:
    """
    The warnings about rules that count on the same days.

    Args:
        versions: The rules of one day.
        membership_types: The types they argue about.
        about: The keys of the rules to speak of; all of them without it.
    """
    weights = Counter[tuple[str, Kind]]()
    for version in versions:
        if not version.shadow:
            weights[version.membership_type, version.kind] += version.weight
    types = {m.key: m for m in membership_types}
    keys = set(about) if about is not None else {v.key for v in versions}
    asked = (v for v in versions if v.key in keys)
    return tuple(f for v in asked for f in (*_alone(v), *_among(v, weights, types.get(v.membership_type))))


def between(versions: Iterable[RuleVersion]) -> Iterator[Fault]:
    """The warnings about the days of rules: where a rule stops for some days, or counts for a single one (R-REPO-2)."""
    for key, timeline in by_key(versions).items():
        for one, following in pairwise(timeline):
            end, first = one.effective.end, following.effective.first
            if end is not None and end < first:
                days = f"{(first - end).days} day{'s' if (first - end).days > 1 else ''}"
                what = (
                    f"it does not count for {days}, from {end} until {first}: an end is the first day without, so"
                    " whoever is a member by it loses the membership and gets it back."
                )
                yield Fault(f"Rule {key}", what, f"End the earlier period on {first}, if there is to be no gap.")
        for version in timeline:
            first, end = version.effective.first, version.effective.end
            if end is not None and (end - first).days == 1:
                what = f"it counts on one day alone, {first}: its end, {end}, is the first day without."
                yield Fault(f"Rule {key}", what, "Give a later end, if more days are meant.")


def of_lists(lists: Iterable[ReferenceList]) -> Iterator[Fault]:
    """The warnings about the texts of reference lists: at most three of each."""
    from rules_engine.sql.gate.lint import of_value  # with its lists of words, as below

    for each in lists:
        texts = ((column, value) for row in each.rows for column, value in row.items() if isinstance(value, str))
        found = (fault for column, value in texts for fault in of_value(f"'{value[:40]}' of {column}", value))
        yield from (replace(fault, which=f"Reference list {each.name}") for fault in islice(found, 3))


def _alone(version: RuleVersion) -> Iterator[Fault]:
    which = f"Rule {version.key}"
    if version.weight % 10:
        yield Fault(
            which, f"its weight {version.weight} is no multiple of ten.", "Multiples of ten leave room between."
        )
    if len(version.sql) > LONG:
        what = f"its SQL has {len(version.sql):,} characters, and is slow to check and to plan."
        yield Fault(which, what, "Put long lists into a reference list and write IN (SELECT …).")
    if not version.owner:
        yield Fault(which, "it has no owner.", "Say who answers for it.")
    if not version.reason_text:
        yield Fault(which, "it has no reason text.", "Say in words what a decision will quote.")
    from rules_engine.sql.tokens import Kind, tokens  # its lists of words are read only where rules are linted

    used = {token.word for token in tokens(version.sql) if token.kind is Kind.PARAMETER}
    for name in sorted(version.parameters):
        if f":{name}" not in used:
            yield Fault(which, f"its SQL does not use its parameter '{name}'.", f"Write :{name}, or remove it.")


def _among(
    version: RuleVersion, weights: Mapping[tuple[str, Kind], int], type_: MembershipType | None
) -> Iterator[Fault]:
    which, margin = f"Rule {version.key}", type_.margin if type_ else 1
    inclusions = weights[version.membership_type, Kind.INCLUSION]
    exclusions = weights[version.membership_type, Kind.EXCLUSION]
    if version.override and version.weight - exclusions < margin:
        what = f"it is an override of weight {version.weight}, and the exclusions it can meet weigh {exclusions}."
        yield Fault(which, what, f"Give it {exclusions + margin} or more.")
    if not version.shadow and version.kind is Kind.EXCLUSION and not inclusions:
        yield Fault(which, f"it cannot matter: nothing includes anybody in {version.membership_type}.", "Retire it.")
    if not version.shadow and version.kind is Kind.INCLUSION and inclusions < margin:
        what = (
            f"it cannot matter: all inclusions of {version.membership_type} weigh {inclusions}, the margin is {margin}."
        )
        yield Fault(which, what, "Give it more weight.")
