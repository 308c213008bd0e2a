"""Everybody decided again from what a run found, under other weights and policies; no rule is run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import WhenUnknown
from rules_engine.ports import RunStore
from rules_engine.review.causes import Comparison, distinct
from rules_engine.review.effect import Effect, effect
from rules_engine.review.population import Population
from rules_engine.review.scenario import Scenario, Sweep, applied
from rules_engine.review.staged import Kept, Tables, absent_in, kept, stood, without_standings, without_types
from rules_engine.worker.weighing import decided


@dataclass(frozen=True)
class Review:
    """A run to ask about: its rules, and everybody as it found them, decided against what it was decided against."""

    run: Kept
    rule_set: RuleSet
    population: Population


def review(store: RunStore, run_id: str | None, tables: Tables) -> Review:
    """
    What there is to ask of a run, the newest if none is named; types that it held are left out.

    Raises:
        RunRefused: If there is no such run, or what is needed of it is gone.
    """
    run = kept(store, run_id, tables)
    like = run.hits.rows.schema.field("subject").type
    absent = absent_in(store, run.manifest, tables, like)
    before = without_standings(stood(store, run.manifest.previous_run, tables, absent, like), run.held)
    return Review(run, without_types(run.rule_set, run.held), Population.of([run.hits], before))


def what_if(known: Review, scenario: Scenario) -> Effect:
    """
    What a scenario would have changed of a run.

    Raises:
        RunRefused: If it names what the run does not know.
        InvalidRule: If its policies are none.
    """
    return effect(known.rule_set, applied(scenario, known.rule_set), known.population)


@dataclass(frozen=True, slots=True)
class Point:
    """How many members there are with a weight, and who is gained and lost against the rule set as it is."""

    weight: int
    members: int
    gained: int
    lost: int


def swept(known: Review, rule_set: RuleSet, asked: Sweep) -> tuple[str, tuple[Point, ...]]:
    """The membership type of a rule, and its members by the rule's weight; 0 is without the rule."""
    version = next(v for v in rule_set.versions if v.key == asked.key)
    key, population = version.membership_type, known.population
    comparison = Comparison(rule_set, rule_set, population)
    policy = comparison.weighing(key, after=True)
    everybody = np.arange(len(population))
    true, unknown = population.outcome(comparison.named[1][asked.key], version.when_unknown, everybody)
    hits = true | unknown if version.when_unknown is WhenUnknown.HIT else true
    holds = unknown if version.when_unknown is WhenUnknown.HOLD else np.zeros_like(unknown)
    others, standing = comparison.sides(key, after=True, but=[asked.key]), population.stood(key)
    as_it_is = decided(comparison.sides(key, after=True), policy, standing).granted
    columns = [*others.columns(), *(each.astype(np.int64) for each in (standing, hits, holds, as_it_is))]
    first, of_row = distinct(columns)
    counts, was = np.bincount(of_row, minlength=len(first)), as_it_is[first]
    points = []
    for weight in asked.weights:
        sides = others.at(first)
        if weight:
            sides.add(version.kind, weight, hits[first])
            sides.held = sides.held | holds[first]
        granted = decided(sides, policy, standing[first]).granted
        members, gained, lost = (int(counts[each].sum()) for each in (granted, granted & ~was, was & ~granted))
        points.append(Point(weight, members + population.absent.get(key, 0), gained, lost))
    return key, tuple(points)
