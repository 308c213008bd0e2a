"""A trained model: what each level of each comparison weighs, as JSON that the next build can take as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

DIGITS = 6
"""Significant digits that are kept: the last ones depend on the order in which a machine adds."""

RAREST = 1e-6
"""No level is taken to be rarer than this among records of different people."""

STRONGEST, ALIKE, APART = 0.85, 0.05, 0.05
"""How often one person's records usually agree on a level: the first, those between, the last."""

AS_IF = 20
"""Pairs that what is usual counts for."""

MOSTLY = 10
"""Of the pairs at random that agree on a level, at most all but one in so many are taken to be one person."""

LEAST = 1e-4
"""No level is taken to be rarer than this among one person's records."""


@dataclass(frozen=True, slots=True)
class Model:
    """Splink's settings with the trained parameters."""

    said: Mapping[str, Any]

    def text(self) -> str:
        """The model as JSON of one spelling."""
        return json.dumps(self.said, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def with_rules(self, conditions: Sequence[str]) -> dict[str, Any]:
        """Splink's settings with other blocking rules."""
        rules = [{"blocking_rule": condition, "sql_dialect": self.said["sql_dialect"]} for condition in conditions]
        return {**self._whole(), "blocking_rules_to_generate_predictions": rules}

    def detailed(self) -> dict[str, Any]:
        """Splink's settings, to say everything of a pair."""
        return {
            **self.with_rules(["1=0"]),
            "retain_intermediate_calculation_columns": True,
            "retain_matching_columns": True,
        }

    def _whole(self) -> dict[str, Any]:
        """Another seed of names inside Splink would not change results, and would differ from run to run."""
        return {**deepcopy(dict(self.said)), "linker_uid": "master"}

    @property
    def comparisons(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The levels of each comparison by its name, the strongest first."""
        return {c["output_column_name"]: c["comparison_levels"] for c in self.said["comparisons"]}

    @property
    def prior(self) -> float:
        """How likely two records at random are one person."""
        return float(self.said["probability_two_random_records_match"])

    def fits(self, other: Mapping[str, Any]) -> bool:
        """Whether it compares what other settings compare, level by level."""
        return _shape(self.said) == _shape(other)


def from_text(text: str) -> Model:
    """The model that :meth:`Model.text` wrote."""
    return Model(json.loads(text))


def _shape(said: Mapping[str, Any]) -> list[Any]:
    return [
        (c["output_column_name"], [level["sql_condition"] for level in c["comparison_levels"]])
        for c in said["comparisons"]
    ]


def averaged(begun: Mapping[str, Any], learnt: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A model whose levels have the mean of what several blocks taught; of its own columns a block teaches nothing."""
    model = deepcopy(dict(begun))
    for place, comparison in enumerate(model["comparisons"]):
        for number, level in enumerate(comparison["comparison_levels"]):
            before = level.get("m_probability")
            said = [each["comparisons"][place]["comparison_levels"][number].get("m_probability") for each in learnt]
            values = [float(m) for m in said if isinstance(m, int | float) and m != before]
            if values:
                level["m_probability"] = sum(values) / len(values)
    return model


def settled(said: Mapping[str, Any], records: int, agreeing: int) -> Model:
    """
    A model with a value for every level, rounded.

    What was learnt of ``agreeing`` pairs is mixed with what is usual, as if of so many pairs more: few records, or
    pairs that are all alike, would have it that what was not seen cannot be. To agree on nothing never speaks for a
    link, and to agree on everything never against one.
    """
    model = deepcopy(dict(said))
    prior = float(model.get("probability_two_random_records_match") or 0.0)
    if not agreeing or not 0 < prior < 1:
        prior = 1 / max(records, 2)
    rarest = max(RAREST, 0.5 / max(records, 2) ** 2)
    for comparison in model["comparisons"]:
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        if not levels[0].get("fix_m_probability"):
            for place, level in enumerate(levels):
                _settle(level, place, len(levels) - 1, agreeing, rarest, prior)
    model["probability_two_random_records_match"] = _rounded(prior)
    model.pop("linker_uid", None)
    return Model(model)


def _settle(level: dict[str, Any], place: int, last: int, agreeing: int, rarest: float, prior: float) -> None:
    usual = STRONGEST if place == 0 else APART if place == last else ALIKE
    m = _learnt(level.get("m_probability"), usual)
    m = (m * agreeing + usual * AS_IF) / (agreeing + AS_IF)
    u = _learnt(level.get("u_probability"), 0.9 if place == last else rarest)
    u = max((u - prior * m) / (1 - prior), u / MOSTLY, rarest)  # pairs at random are one person now and then
    m = max(m, u) if place == 0 else min(m, u) if place == last else m
    level["m_probability"], level["u_probability"] = _rounded(max(m, LEAST)), _rounded(u)


def _learnt(value: object, otherwise: float) -> float:
    """A number that Splink learnt; it says in words what it did not."""
    return float(value) if isinstance(value, int | float) else otherwise


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
