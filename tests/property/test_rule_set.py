"""What holds of rule sets, their digest and their periods, and the proof that each property would notice a fault."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine.errors import InvalidRule
from rules_engine.model.canonical import canonical_json
from rules_engine.model.rule_sets import RuleSet, freeze, thaw
from rules_engine.model.rules import (
    EffectivePeriod,
    Form,
    Kind,
    MembershipType,
    RuleVersion,
    Strategy,
    Tie,
    WhenUnknown,
)
from tests.property.proof import Check, Proof, Property, holds, notices, planted_faults, real_things

Digest = Callable[[RuleSet], str]
Thaw = Callable[[str], RuleSet]
Overlaps = Callable[[EffectivePeriod, EffectivePeriod], bool]

DAY = date(2024, 6, 1)
NOW = datetime(2024, 6, 1, 8, tzinfo=UTC)
GOLD, SILVER = TYPES = (MembershipType("GOLD"), MembershipType("SILVER", veto_weight=50))

TEXTS = st.text("aé€'\"\\\n", max_size=4)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner, max_size=2))
VALUES = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | TEXTS
    | st.dates()
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
)
PERIODS = st.builds(
    lambda first, days: EffectivePeriod(first, first + timedelta(days) if days else None),
    st.dates(date(2000, 1, 1), DAY),
    st.none() | st.integers(1, 9999),
)
VERSIONS = st.builds(
    RuleVersion,
    key=st.sampled_from(["A-1", "B-2", "C:3", "D_4"]),
    version=st.integers(1, 9),
    kind=st.just(Kind.INCLUSION),
    membership_type=st.sampled_from([t.key for t in TYPES]),
    weight=st.integers(1, 100),
    form=st.just(Form.PREDICATE),
    sql=st.sampled_from(["bonds > 0", "name = 'O''Brien — é'", "a\n  > 1"]),
    frame=st.sampled_from(["customers", "holdings"]),
    effective=PERIODS,
    when_unknown=st.sampled_from(WhenUnknown),
    reason_text=TEXTS,
    shadow=st.booleans(),
    parameters=st.dictionaries(st.sampled_from(["floor", "since"]), VALUES, max_size=2),
    metadata=st.dictionaries(TEXTS, JSON, max_size=1),
)
RULE_SETS = st.builds(
    lambda versions: RuleSet(DAY, NOW, TYPES, tuple(versions)),
    st.lists(VERSIONS, min_size=1, max_size=3, unique_by=lambda v: v.key),
)
SHORT_PERIODS = st.builds(
    lambda first, days: EffectivePeriod(DAY + timedelta(first), DAY + timedelta(first + days) if days else None),
    st.integers(0, 6),
    st.none() | st.integers(1, 6),
)

VERSION_CHANGES: dict[str, Callable[[RuleVersion], dict[str, Any]]] = {
    "key": lambda v: {"key": f"{v.key}-B"},
    "version": lambda v: {"version": v.version + 1},
    "kind": lambda v: {"kind": Kind.EXCLUSION},
    "membership_type": lambda v: {"membership_type": {"GOLD": "SILVER", "SILVER": "GOLD"}[v.membership_type]},
    "weight": lambda v: {"weight": v.weight + 1},
    "form": lambda v: {"form": Form.STATEMENT, "frame": ""},
    "sql": lambda v: {"sql": v.sql + " "},
    "frame": lambda v: {"frame": "products"},
    "when_unknown": lambda v: {"when_unknown": next(w for w in WhenUnknown if w is not v.when_unknown)},
    "override": lambda v: {"override": True},
    "shadow": lambda v: {"shadow": not v.shadow},
    "parameters": lambda v: {"parameters": {"floor": Decimal("0.1"), "changed": 1}},
    "metadata": lambda v: {"metadata": {"changed": [1]}},
    "name": lambda v: {"name": "changed"},
    "category": lambda v: {"category": "changed"},
    "rule_type": lambda v: {"rule_type": "changed"},
    "reason_code": lambda v: {"reason_code": "changed"},
    "reason_text": lambda v: {"reason_text": "changed"},
    "owner": lambda v: {"owner": "changed"},
}
TYPE_CHANGES: dict[str, Any] = {
    "name": "changed",
    "strategy": Strategy.MAX_WEIGHT,
    "margin": 2,
    "tie": Tie.KEEP,
    "veto_weight": 90,
}


# ---- the properties -------------------------------------------------------------------------------------------------


def the_digest_notices_every_field(digest: Digest) -> Check:
    """Any one field of any version changes the digest."""

    @given(RULE_SETS)
    def check(rule_set: RuleSet) -> None:
        first, *others = rule_set.versions
        changed = [replace(first, **change(first)) for change in VERSION_CHANGES.values()]
        digests = {digest(replace(rule_set, versions=(version, *others))) for version in (first, *changed)}
        assert len(digests) == 1 + len(VERSION_CHANGES)

    return check


def the_digest_notices_every_policy(digest: Digest) -> Check:
    """Any one field of any membership type changes the digest."""

    @given(RULE_SETS)
    def check(rule_set: RuleSet) -> None:
        changed = [replace(GOLD, **{field: value}) for field, value in TYPE_CHANGES.items()]
        digests = {digest(replace(rule_set, membership_types=(gold, SILVER))) for gold in (GOLD, *changed)}
        assert len(digests) == 1 + len(TYPE_CHANGES)

    return check


def the_digest_ignores_clocks_and_order(digest: Digest) -> Check:
    """The same rules on another day, known at another moment, given in another order, are the same rule set."""

    @given(RULE_SETS, st.dates(), PERIODS)
    def check(rule_set: RuleSet, day: date, period: EffectivePeriod) -> None:
        versions = tuple(replace(v, effective=period) for v in reversed(rule_set.versions))
        same = RuleSet(day, NOW + timedelta(days=1), (SILVER, GOLD), versions)
        assert digest(same) == digest(rule_set)

    return check


def thawing_gives_back_what_was_frozen(thaw: Thaw) -> Check:
    """A frozen rule set thaws to an equal one, and that freezes to the same text."""

    @given(RULE_SETS)
    def check(rule_set: RuleSet) -> None:
        text = freeze(rule_set)
        assert thaw(text) == rule_set
        assert freeze(thaw(text)) == text

    return check


def an_altered_file_does_not_thaw(thaw: Thaw) -> Check:
    """Whoever edits a frozen rule set by hand is found out."""

    @given(RULE_SETS, st.sampled_from([("weight", 200), ("sql", "true"), ("owner", "nobody")]))
    def check(rule_set: RuleSet, edit: tuple[str, object]) -> None:
        body = json.loads(freeze(rule_set))
        body["versions"][0] |= dict([edit])
        assert "it was altered" in refusal(thaw, canonical_json(body))

    return check


def overlap_is_a_shared_day(overlaps: Overlaps) -> Check:
    """R-REPO-4: two periods overlap if and only if some day is covered by both, found by trying every day."""

    @given(SHORT_PERIODS, SHORT_PERIODS)
    def check(one: EffectivePeriod, other: EffectivePeriod) -> None:
        days = [DAY + timedelta(n) for n in range(-1, 15)]
        assert overlaps(one, other) is any(one.covers(day) and other.covers(day) for day in days)

    return check


def refusal(thaw: Thaw, text: str) -> str:
    """What thawing is refused with, empty if it is not."""
    try:
        thaw(text)
    except InvalidRule as refused:
        return str(refused)
    return ""


# ---- the planted faults ---------------------------------------------------------------------------------------------


def real_digest(rule_set: RuleSet) -> str:
    return rule_set.digest


def digest_without(field: str) -> Digest:
    """A digest that forgets one field of the versions."""

    def forgetful(rule_set: RuleSet) -> str:
        return canonical_json([{k: x for k, x in v.content().items() if k != field} for v in rule_set.versions])

    forgetful.__name__ = f"digest_without_{field}"
    return forgetful


def digest_of_versions(rule_set: RuleSet) -> str:
    """A digest that forgets the decision policies."""
    return canonical_json(rule_set.content()["versions"])


def digest_with_clocks(rule_set: RuleSet) -> str:
    """A digest over the frozen text, days and moments included."""
    return freeze(rule_set)


def digest_with_periods(rule_set: RuleSet) -> str:
    """A digest that a longer effective period changes."""
    return rule_set.digest + str([v.effective for v in rule_set.versions])


def trusting_thaw(text: str) -> RuleSet:
    """Believes the content and not the digest that the file names."""
    body = json.loads(text)
    content = {name: body[name] for name in ("membership_types", "versions")}
    return thaw(canonical_json(body | {"digest": hashlib.sha256(canonical_json(content).encode()).hexdigest()}))


def timeless_thaw(text: str) -> RuleSet:
    """Forgets the effective periods."""
    rule_set = thaw(text)
    return replace(rule_set, versions=tuple(replace(v, effective=EffectivePeriod(DAY)) for v in rule_set.versions))


def ends_included(one: EffectivePeriod, other: EffectivePeriod) -> bool:
    """Takes the end for a day that counts."""
    return (other.end is None or one.first <= other.end) and (one.end is None or other.first <= one.end)


def open_ends_forgotten(one: EffectivePeriod, other: EffectivePeriod) -> bool:
    """Takes a period without an end for one that is over."""
    return None not in (one.end, other.end) and one.overlaps(other)


# A change of form is always one of frame too (a predicate names one, a statement does not), so no fault hides it alone.
FORGETFUL = [digest_without(field) for field in VERSION_CHANGES if field != "form"]

PROOFS: list[Proof] = [
    (the_digest_notices_every_field, real_digest, FORGETFUL),
    (the_digest_notices_every_policy, real_digest, [digest_of_versions]),
    (the_digest_ignores_clocks_and_order, real_digest, [digest_with_clocks, digest_with_periods]),
    (thawing_gives_back_what_was_frozen, thaw, [timeless_thaw]),
    (an_altered_file_does_not_thaw, thaw, [trusting_thaw]),
    (overlap_is_a_shared_day, EffectivePeriod.overlaps, [ends_included, open_ends_forgotten]),
]


@pytest.mark.parametrize(("property_", "real"), real_things(PROOFS))
def test_the_property_holds(property_: Property, real: object) -> None:
    """Whatever the rule set, the property holds."""
    holds(property_, real)


@pytest.mark.parametrize(("property_", "fault"), planted_faults(PROOFS))
def test_the_property_notices_a_planted_fault(property_: Property, fault: object) -> None:
    """The same property fails on a definition that is wrong on purpose."""
    notices(property_, fault)


def test_every_field_is_changed() -> None:
    """A field of a version or a membership type that no change touches would be one no property judges."""
    assert set(VERSION_CHANGES) == {field.name for field in fields(RuleVersion)} - {"effective"}
    assert set(TYPE_CHANGES) == {field.name for field in fields(MembershipType)} - {"key", "effective_from"}


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"digest": "ab"}', '{"effective": {"A-1/1": ["x", null]}}'])
def test_what_is_no_frozen_rule_set_is_refused_in_words(text: str) -> None:
    """Any other text gives the analyst's error and not one of a library."""
    assert "Frozen rule set: it cannot be read" in refusal(thaw, text)
