"""The first run on new rules held against the plan they were approved on: expected, found, and why they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rules_engine.model.manifest import Manifest
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import RunStore
from rules_engine.review.edits import edits
from rules_engine.review.effect import Effect, ShadowEffect, effect
from rules_engine.review.plan import Evaluating, evaluated
from rules_engine.review.population import Population, missing
from rules_engine.review.staged import Kept, Tables, absent_in, kept, stood, without_standings, without_types

MOST_EDITS = 20
"""Of more, as of a first run on many rules, the sets of edits among which a cause is looked for are too many."""

Edits = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """One membership type: members by the old rules and by the new, and by which edits they were gained and lost."""

    membership_type: str
    before: int
    after: int
    causes: Mapping[Edits, tuple[int, int]]


@dataclass(frozen=True)
class Reckoned:
    """What a plan, or a run on new rules, came to, and of what; a type that is not among them was held."""

    as_of: str
    before_digest: str
    after_digest: str
    against: str | None
    snapshots: Mapping[str, str]
    edits: Edits
    types: tuple[Members, ...]

    def content(self) -> dict[str, Any]:
        """As JSON-ready values, in the words of a plan."""
        said = asdict(self) | {"edits": list(self.edits), "snapshots": dict(self.snapshots)}
        return said | {"types": [_content(each) for each in self.types]}


def _content(of_type: Members) -> dict[str, Any]:
    causes = [{"edits": list(e), "gained": gained, "lost": lost} for e, (gained, lost) in of_type.causes.items()]
    named = {"membership_type": of_type.membership_type, "before": of_type.before, "after": of_type.after}
    return named | {"causes": causes}


def reckoned_from(said: Mapping[str, Any]) -> Reckoned | None:
    """What :meth:`Reckoned.content` or a recorded plan says; None where it says nothing of the kind."""
    try:
        types = tuple(
            Members(
                t["membership_type"],
                int(t["before"]),
                int(t["after"]),
                {tuple(map(str, c["edits"])): (int(c["gained"]), int(c["lost"])) for c in t["causes"]},
            )
            for t in said["types"]
        )
        day, before, after, against = (said[name] for name in ("as_of", "before_digest", "after_digest", "against"))
        return Reckoned(day, before, after, against, dict(said["snapshots"]), tuple(map(str, said["edits"])), types)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class Found:
    """What a run's own hits say once more: what its new rules did, and who would flip if a shadow rule counted."""

    reckoned: Reckoned | None
    """None where the rules are those of the run before, or too many of them are new."""
    shadows: tuple[ShadowEffect, ...]
    why: str = ""
    """Why new rules are not held against those before."""


def found_by(
    manifest: Manifest, store: RunStore, evaluator: Callable[[], Evaluating], tables: Tables, folder: str
) -> Found:
    """
    What the rules of an evaluated run did to everybody, against those of the run before it, on the data that it read.

    Of a correction, and by the same rules without a shadow rule, there is nothing to say. The evaluator is asked for
    only where a condition of the run before is no longer among the run's own.

    Raises:
        RunRefused: If what is needed of a run is gone.
        InvalidRule: If a rule of the run before cannot be evaluated any more.
    """
    rules = store.rule_set(manifest.run_id)
    before = store.rule_set(manifest.previous_run) if manifest.previous_run else None
    nothing = replace(rules, versions=(), membership_types=(), reference_lists=())
    was = replace(before or nothing, as_of=rules.as_of)
    same = was.digest == manifest.rule_set_digest
    many = 0 if same else len(edits(was, rules))
    why = f"{many} edits since the run before: causes are told of up to {MOST_EDITS}." if many > MOST_EDITS else ""
    if manifest.correction:
        return Found(None, ())
    if (same or why) and not any(version.shadow for version in rules.versions):
        return Found(None, (), why)
    was = rules if same or why else was
    run = kept(store, manifest.run_id, tables)
    staged = [run.hits]
    if wanted := missing(without_types(was, run.held), run.hits.places()):
        staged.append(evaluated(evaluator(), replace(was, versions=wanted), folder, tables))
    like = run.hits.rows.schema.field("subject").type
    known = stood(store, manifest.previous_run, tables, absent_in(store, manifest, tables, like), like)
    population = Population.of(staged, without_standings(known, run.held))
    found = effect(without_types(was, run.held), without_types(rules, run.held), population)
    return Found(None if same or why else _of(run, was, found), found.shadows, why)


def _of(run: Kept, before: RuleSet, found: Effect) -> Reckoned:
    manifest = run.manifest
    types = (
        Members(t.membership_type, t.before, t.after, {c.edits: (c.gained, c.lost) for c in t.causes})
        for t in found.types
    )
    return Reckoned(
        manifest.as_of.isoformat(),
        before.digest,
        manifest.rule_set_digest,
        manifest.previous_run,
        dict(manifest.snapshots),
        found.edits,
        tuple(types),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """
    One figure that was expected and found: members, or who was gained and who was lost by some edits.

    ``because`` says from what the difference comes, and is empty where there is none; ``found`` is None of a type
    that the run held.
    """

    membership_type: str
    what: str
    expected: tuple[int, ...]
    found: tuple[int, ...] | None
    because: str


OLD, NEW = "members by the old rules", "members by the new rules"
DATA, RULES, PAST = "other data", "other rules", "decided against another run"
HELD = "the run held the type"


def held_against(plan: Reckoned, run: Reckoned) -> tuple[Line, ...]:
    """What was expected beside what was found, type by type, of all types that the plan or the run changes."""
    own = {t.membership_type: t for t in run.types}
    planned = {t.membership_type: t for t in plan.types}
    lines: list[Line] = []
    for key in sorted({*own, *planned}):
        one, other = planned.get(key) or Members(key, 0, 0, {}), own.get(key)
        if one.causes or (other and other.causes):
            lines += _of_type(plan, run, one, other)
    return tuple(lines)


def _of_type(plan: Reckoned, run: Reckoned, one: Members, other: Members | None) -> Iterator[Line]:
    key = one.membership_type
    if other is None:
        yield Line(key, NEW, (one.after,), None, HELD)
        return
    yield _line(key, OLD, (one.before,), (other.before,), _why(plan, run, new=False))
    for cause in [*one.causes, *(each for each in other.causes if each not in one.causes)]:
        expected, found = (each.causes.get(cause, (0, 0)) for each in (one, other))
        strange = not {*cause} <= {*plan.edits} & {*run.edits}
        yield _line(key, _together(cause), expected, found, RULES if strange else _why(plan, run))
    yield _line(key, NEW, (one.after,), (other.after,), _why(plan, run))


def _line(key: str, what: str, expected: tuple[int, ...], found: tuple[int, ...], why: str) -> Line:
    return Line(key, what, expected, found, why if expected != found else "")


def _together(edits: Edits) -> str:
    return edits[0] if len(edits) == 1 else f"{'; '.join(edits)} (together)"


def _why(plan: Reckoned, run: Reckoned, *, new: bool = True) -> str:
    """What was another when the run was evaluated than when the plan was made."""
    first = plan.against is None and run.against is None
    same = first or plan.before_digest == run.before_digest
    same = same and (not new or plan.after_digest == run.after_digest)
    reasons = [*([] if _same_data(plan, run) else [DATA]), *([] if same else [RULES])]
    return " or ".join(reasons) or PAST


def _same_data(plan: Reckoned, run: Reckoned) -> bool:
    return plan.snapshots == run.snapshots and plan.as_of == run.as_of


def others(plan: Reckoned, run: Reckoned) -> Sequence[str]:
    """What is another in the run than in the plan, in words: its day and frames, and its edits."""
    said = []
    if plan.as_of != run.as_of:
        said.append(f"the plan is of {plan.as_of}, the run of {run.as_of}")
    names = sorted({*plan.snapshots, *run.snapshots})
    if differ := [name for name in names if plan.snapshots.get(name) != run.snapshots.get(name)]:
        said.append(f"other data of {', '.join(differ)}")
    if more := [edit for edit in run.edits if edit not in plan.edits]:
        said.append(f"not in the plan: {'; '.join(more)}")
    if fewer := [edit for edit in plan.edits if edit not in run.edits]:
        said.append(f"not in the run: {'; '.join(fewer)}")
    return said
