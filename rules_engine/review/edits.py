"""What differs between two rule sets, as edits that can be taken back one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rules_engine.model.canonical import encode_parameter
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import MembershipType, RuleVersion, Tie
from rules_engine.review.conditions import lists_named

PRESENCE, CONDITION = "presence", "condition"
RULE_ASPECTS = ("weight", "kind", "membership_type", "when_unknown", "shadow")
TYPE_ASPECTS = ("strategy", "margin", "tie", "veto_weight")


class Part(NamedTuple):
    """What an edit changes: one aspect of one rule or, where ``of_type``, of one membership type."""

    key: str
    aspect: str
    of_type: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """
    One thing that a change changes, named for people, and all that is taken back with it.

    What cannot be told apart is one edit: a rule whose text changed together with a list that it names has two
    wordings that were ever evaluated, not four.
    """

    name: str
    parts: frozenset[Part]


@dataclass(frozen=True, slots=True)
class Slot:
    """One rule before and after; None where it is not in force."""

    key: str
    before: RuleVersion | None
    after: RuleVersion | None

    @property
    def types(self) -> frozenset[str]:
        return frozenset(v.membership_type for v in (self.before, self.after) if v)


def slots(before: RuleSet, after: RuleSet) -> tuple[Slot, ...]:
    """Every rule of either set, by key."""
    was, becomes = ({v.key: v for v in each.versions} for each in (before, after))
    return tuple(Slot(key, was.get(key), becomes.get(key)) for key in sorted({*was, *becomes}))


def edits(before: RuleSet, after: RuleSet) -> tuple[Edit, ...]:
    """
    What differs and can change a decision: of rules by key, then of membership types by key.

    The order is that in which causes are chosen where several would do.
    """
    found: list[Edit] = []
    for slot in slots(before, after):
        found += _of_rule(slot)
    found += _of_conditions(before, after)
    types = {m.key: m for m in after.membership_types}
    for was in before.membership_types:
        if was.key in types:
            found += _of_type(was, types[was.key])
    return tuple(found)


def _of_rule(slot: Slot) -> Iterator[Edit]:
    """Edits of one rule but of its condition: that it is new or retired, or what else it says."""
    key, was, becomes = slot.key, slot.before, slot.after
    if was is None or becomes is None:
        yield Edit(f"{'new' if was is None else 'retired'} {key}", frozenset({Part(key, PRESENCE)}))
        return
    for aspect in RULE_ASPECTS:
        one, other = getattr(was, aspect), getattr(becomes, aspect)
        if one != other:
            yield Edit(f"{_words(aspect)} of {key}: {_said(one)} → {_said(other)}", frozenset({Part(key, aspect)}))


def _of_type(was: MembershipType, becomes: MembershipType) -> Iterator[Edit]:
    changed = [a for a in TYPE_ASPECTS if getattr(was, a) != getattr(becomes, a)]
    inseparable = {"margin", "tie"}
    if inseparable <= {*changed} and {was.tie, becomes.tie} != {Tie.DENY}:  # a tie policy needs a margin of 1
        both = ", ".join(f"{a} {_said(getattr(was, a))} → {_said(getattr(becomes, a))}" for a in ("margin", "tie"))
        yield Edit(f"policy of {was.key}: {both}", frozenset(Part(was.key, a, of_type=True) for a in inseparable))
        changed = [a for a in changed if a not in inseparable]
    for aspect in changed:
        said = f"{_said(getattr(was, aspect))} → {_said(getattr(becomes, aspect))}"
        yield Edit(f"{_words(aspect)} of {was.key}: {said}", frozenset({Part(was.key, aspect, of_type=True)}))


def _of_conditions(before: RuleSet, after: RuleSet) -> Iterator[Edit]:
    """Wordings, parameters and reference lists; those that meet in one rule are one edit."""
    was_lists, are_lists = ({r.name: (r.columns, r.rows) for r in each.reference_lists} for each in (before, after))
    changed = {n for n in {*was_lists, *are_lists} if was_lists.get(n) != are_lists.get(n)}
    groups: list[tuple[set[str], set[str]]] = []
    for slot in slots(before, after):
        if slot.before is None or slot.after is None:
            continue
        why = set(_why(slot.before, slot.after, changed))
        if not why:
            continue
        names, keys = why, {slot.key}
        for group in [g for g in groups if g[0] & why]:
            groups.remove(group)
            names, keys = names | group[0], keys | group[1]
        groups.append((names, keys))
    for names, keys in sorted(groups, key=lambda g: min(g[1])):
        yield Edit(" and ".join(sorted(names)), frozenset(Part(key, CONDITION) for key in keys))


def _why(was: RuleVersion, becomes: RuleVersion, lists: Iterable[str]) -> Iterator[str]:
    """Why the condition of a rule differs, one reason each."""
    if (was.form, was.frame.lower(), was.sql) != (becomes.form, becomes.frame.lower(), becomes.sql):
        yield f"wording of {was.key}"
    one, other = _parameters(was), _parameters(becomes)
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            yield f"parameter :{name}: {one.get(name, 'none')} → {other.get(name, 'none')}"
    for name in sorted({*lists} & (lists_named(was.sql, lists) | lists_named(becomes.sql, lists))):
        yield f"reference list {name}"


def _parameters(version: RuleVersion) -> Mapping[str, str]:
    return {name: str(encode_parameter(value)) for name, value in version.parameters.items()}


def _words(aspect: str) -> str:
    return aspect.replace("_", " ")


def _said(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "none" if value is None else "yes" if value else "no"
    return str(value)
