"""Two rule sets over a few subjects, decided by hand: what the review must agree with, one subject at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from rules_engine.model.decisions import Decision, Hit, Standing, Tally, decide
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType, RuleVersion, Strategy, Tie, WhenUnknown
from rules_engine.review.edits import Edit
from rules_engine.review.population import Population, Staged, Stood
from tests.small_lake import AS_OF, KNOWN_AT, rule

TYPES = ("GOLD", "PLUS")
CONDITIONS = ("country = 'GB'", "spend > :least", "country IN (SELECT code FROM risky)", "score > 1")
TRUE, UNKNOWN, MISS = "true", "unknown", "miss"


def lists_of(code: str) -> tuple[ReferenceList, ...]:
    return (ReferenceList("risky", {"code": "string"}, ({"code": code},)),)


POLICIES = st.builds(
    lambda key, strategy, margin_tie, veto: MembershipType(
        key, strategy=strategy, margin=margin_tie[0], tie=margin_tie[1], veto_weight=veto
    ),
    st.just("GOLD"),
    st.sampled_from(Strategy),
    st.sampled_from([(1, Tie.DENY), (1, Tie.KEEP), (1, Tie.GRANT), (2, Tie.DENY), (0, Tie.DENY)]),
    st.sampled_from([None, None, 3]),
)


@st.composite
def rules(draw: st.DrawFn, key: str) -> RuleVersion:
    sql = draw(st.sampled_from(CONDITIONS))
    return rule(
        key,
        sql,
        kind=draw(st.sampled_from(Kind)),
        weight=draw(st.integers(1, 4)),
        membership_type=draw(st.sampled_from([*TYPES, "GOLD", "GOLD"])),
        when_unknown=draw(st.sampled_from(WhenUnknown)),
        shadow=draw(st.sampled_from([False, False, False, True])),
        parameters={"least": draw(st.integers(1, 2))} if ":least" in sql else {},
    )


@st.composite
def changes(draw: st.DrawFn) -> tuple[RuleSet, RuleSet]:
    """A rule set and one of up to a few edits more: most rules stay, some come, go or say something else."""
    keys = [f"R-{n}" for n in range(draw(st.integers(1, 6)))]
    was = {key: draw(rules(key)) for key in keys}
    becomes = dict(was)
    for key in draw(st.lists(st.sampled_from([*keys, "R-8", "R-9"]), max_size=4, unique=True)):
        if key in was and draw(st.integers(0, 3)) == 0:
            del becomes[key]
        elif key in was and draw(st.booleans()):
            aspects = draw(st.sets(st.sampled_from(["weight", "kind", "when_unknown", "shadow", "sql"]), min_size=1))
            other = draw(rules(key))
            if "sql" in aspects:
                aspects.add("parameters")
            becomes[key] = replace(was[key], **{name: getattr(other, name) for name in aspects})
        else:
            becomes[key] = draw(rules(key))
    policies = [draw(POLICIES)] * 2 if draw(st.booleans()) else [draw(POLICIES), draw(POLICIES)]
    codes = ["XA", draw(st.sampled_from(["XA", "XA", "XB"]))]
    return tuple(  # type: ignore[return-value]
        RuleSet(AS_OF, KNOWN_AT, (policy, MembershipType("PLUS")), tuple(each.values()), lists_of(code))
        for each, policy, code in zip((was, becomes), policies, codes, strict=True)
    )


def asked(version: RuleVersion, rule_set: RuleSet) -> tuple[Any, ...]:
    """What a rule asks of the data, lists included."""
    code = rule_set.reference_lists[0].rows[0]["code"] if "risky" in version.sql else ""
    return version.sql, tuple(version.parameters.items()), code


@dataclass(frozen=True)
class World:
    """Rule sets before and after, what each subject's conditions are, and how it stood by type."""

    before: RuleSet
    after: RuleSet
    outcomes: Mapping[int, Mapping[tuple[Any, ...], str]]
    standing: Mapping[int, Mapping[str, Standing]]

    def population(self) -> Population:
        staged = [self.staged(self.before), self.staged(self.after)]
        rows = [
            {"subject": s, "membership_type": t, "granted": stood is Standing.MEMBER}
            for s, by_type in self.standing.items()
            for t, stood in by_type.items()
            if stood is not Standing.NEVER
        ]
        schema = pa.schema([("subject", pa.int64()), ("membership_type", pa.string()), ("granted", pa.bool_())])
        return Population.of(staged, Stood(pa.Table.from_pylist(rows, schema), pa.array([], pa.int64())))

    def staged(self, rule_set: RuleSet) -> Staged:
        """The outcomes as a run whose rules count nothing unknown would stage them."""
        apart = replace(rule_set, versions=tuple(replace(v, when_unknown=WhenUnknown.MISS) for v in rule_set.versions))
        matrix, rows = HitMatrix.of(apart), []
        for subject, known in self.outcomes.items():
            row = {"subject": subject} | {f"{w}{n}": 0 for w in "hu" for n in range(matrix.words)}
            for version, cell in matrix.cells:
                said = known[asked(version, rule_set)]
                row[f"h{cell.word}"] |= cell.mask * (said == TRUE)
                row[f"u{cell.word}"] |= cell.mask * (said == UNKNOWN)
            rows.append(row)
        return Staged(apart, pa.Table.from_pylist(rows))

    def decision(self, subject: int, membership_type: str, back: Iterable[Edit] | None = None) -> Decision:
        """By the definition; ``back`` are the edits that are taken back, None for none."""
        parts = {part for edit in back or () for part in edit.parts}
        sides = {v.key: (v, asked(v, self.before)) for v in self.before.versions}
        others = {v.key: (v, asked(v, self.after)) for v in self.after.versions}
        hits, held = [], False
        for key in sorted({*sides, *others}):
            was, becomes = sides.get(key), others.get(key)
            mixed = {p.aspect for p in parts if p.key == key and not p.of_type}
            if was is None or becomes is None:
                there = was if "presence" in mixed else becomes
                if there is None:
                    continue
                version, condition = there
            else:
                condition = (was if "condition" in mixed else becomes)[1]
                said = {a: getattr(was[0], a) for a in mixed - {"condition"}}
                version = replace(becomes[0], **said)
            if version.membership_type != membership_type or version.shadow:
                continue
            found = self.outcomes[subject][condition]
            if found == TRUE or (found == UNKNOWN and version.when_unknown is WhenUnknown.HIT):
                hits.append(Hit(key, 1, version.kind, version.weight))
            held |= found == UNKNOWN and version.when_unknown is WhenUnknown.HOLD
        policies = [each.membership_type(membership_type) for each in (self.before, self.after)]
        undone = {p.aspect for p in parts if p.key == membership_type and p.of_type}
        names = ("strategy", "margin", "tie", "veto_weight")
        policy = SimpleNamespace(**{n: getattr(policies[n not in undone], n) for n in names})
        return decide(Tally.of(hits, held=held), policy, self.standing[subject][membership_type])  # type: ignore[arg-type]


@st.composite
def worlds(draw: st.DrawFn, subjects: int = 12) -> World:
    before, after = draw(changes())
    wanted = {asked(v, each) for each in (before, after) for v in each.versions}
    found = st.sampled_from([TRUE, TRUE, MISS, UNKNOWN])
    ids = range(1, subjects + 1)
    return World(
        before,
        after,
        {s: {each: draw(found) for each in sorted(wanted, key=str)} for s in ids},
        {s: {t: draw(st.sampled_from(Standing)) for t in TYPES} for s in ids},
    )


def smallest(world: World, subject: int, membership_type: str, edits: tuple[Edit, ...]) -> tuple[Edit, ...] | None:
    """By trying every set of up to four edits, in order: the first that undoes a flip."""
    was = world.decision(subject, membership_type, edits).granted
    for size in range(1, 5):
        for tried in combinations(edits, size):
            if world.decision(subject, membership_type, tried).granted == was:
                return tried
    return None
