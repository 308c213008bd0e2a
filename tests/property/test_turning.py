"""What is said to turn a decision does, and nothing smaller does, by trying everything (R-WHY)."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from rules_engine.errors import InvalidRule
from rules_engine.model.decisions import Standing
from rules_engine.model.rules import Form, Kind, RuleVersion, WhenUnknown
from rules_engine.review.turning import Case, Outcome, RuleChange, rule_changes, turns
from tests.property.test_decide import policies


def version(number: int, signed: int, when: WhenUnknown, shadow: bool) -> RuleVersion:
    kind = Kind.INCLUSION if signed > 0 else Kind.EXCLUSION
    return RuleVersion(
        f"R-{number}", 1, kind, "GOLD", abs(signed), Form.PREDICATE, "a", "t", when_unknown=when, shadow=shadow
    )


RULES = st.tuples(
    st.integers(-5, 5).filter(bool), st.sampled_from(WhenUnknown), st.sampled_from([False] * 4 + [True]),
    st.sampled_from(Outcome),
)  # fmt: skip


@st.composite
def situations(draw: st.DrawFn) -> Case:
    """A few light rules, each with what it was."""
    said = draw(st.lists(RULES, max_size=4))
    versions = tuple(version(n, *rule[:3]) for n, rule in enumerate(said))
    outcomes = {v.id: rule[3] for v, rule in zip(versions, said, strict=True)}
    return Case(versions, draw(policies()), outcomes, draw(st.sampled_from(Standing)))


def turned(case: Case, then: Case | None) -> bool:
    return then is not None and then.decision.granted != case.decision.granted


def by_trying(case: Case, what: str, size: int) -> bool:
    """Whether a change of this size turns it."""
    if what == "margin":
        return any(turned(case, with_margin(case, case.policy.margin + step)) for step in (size, -size))
    counted = [v for v in case.versions if not v.shadow]
    if what == "without":
        return any(turned(case, case.without(v)) for v in counted if v.weight == size)
    tried = ((v, v.weight + step) for v in counted for step in (size, -size))
    return any(turned(case, case.with_weight(v, w)) for v, w in tried if w > 0)


def with_margin(case: Case, margin: int) -> Case | None:
    try:
        return replace(case, policy=replace(case.policy, margin=margin))
    except InvalidRule:
        return None


def after(case: Case, change: RuleChange) -> Case | None:
    if change.what == "margin":
        return with_margin(case, change.becomes or 0)
    rule = next(v for v in case.versions if v.id == change.rule)
    return case.without(rule) if change.becomes is None else case.with_weight(rule, change.becomes)


@settings(max_examples=150, deadline=None)
@given(situations())
def test_the_smallest_change_of_rules_turns_it_and_none_smaller(case: Case) -> None:
    """Weights, margins and removals: each turns the decision, and whatever is smaller of its sort does not."""
    found = {change.what: change for change in rule_changes(case)}
    for what in ("weight", "margin", "without"):
        change = found.get(what)
        smaller = range(1, change.size if change else 25)
        assert not any(by_trying(case, what, size) for size in smaller)
        if change:
            then = after(case, change)
            assert turned(case, then)
            assert then is not None
            assert change.decision == then.decision
    sizes = [change.size for change in rule_changes(case)]
    assert sizes == sorted(sizes)


@settings(max_examples=150, deadline=None)
@given(situations())
def test_what_turns_it_alone_comes_first(case: Case) -> None:
    """Every rule that would turn the decision by itself is told, before those that would not, each decided again."""
    found = turns(case)
    assert [t.turns for t in found] == sorted((t.turns for t in found), reverse=True)
    told = {(t.rule, t.to) for t in found if t.turns}
    for rule in case.versions:
        for to in (Outcome.HIT, Outcome.MISS):
            if not rule.shadow and turned(case, case.with_outcome(rule, to)):
                same = {each for each in told if each[0] == rule.id}
                assert same, f"{rule.id} as a {to} turns it"
    for turn in found:
        rule = next(v for v in case.versions if v.id == turn.rule)
        assert case.with_outcome(rule, turn.to).decision == turn.decision
