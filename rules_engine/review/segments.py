"""Who is hit by a change, split by what the lake declares about subjects; groups that lose out of proportion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.model.rule_sets import RuleSet
from rules_engine.review.causes import Comparison
from rules_engine.review.effect import verdicts
from rules_engine.review.population import Population

LEAST = 10
"""Losses below which no group is named."""

TIMES = 1.5
"""How much larger its share of losses must be than that of all others together."""

SURE = 3.0
"""Standard deviations by which it must be, so that chance names hardly any group."""


@dataclass(frozen=True, slots=True)
class SegmentEffect:
    """
    One group of one segment, for one membership type: members before who are in the snapshot, gained and lost.

    ``named`` says that it loses out of proportion: a share of its members that is half as much again as that of all
    others, and more than chance gives. ``others`` is that share.
    """

    membership_type: str
    segment: str
    group: str
    before: int
    gained: int
    lost: int
    others: float
    named: bool


@dataclass(frozen=True, slots=True)
class Among:
    """Of those who gain, or lose, a type by one cause, how many are of each group of a segment; the most first."""

    membership_type: str
    cause: str
    gained: bool
    segment: str
    groups: tuple[tuple[str, int], ...]


def among(flips: pa.Table, subjects: pa.Table, segments: Sequence[str]) -> tuple[Among, ...]:
    """
    Who they are that flip, as an approver may see it to whom they are not named.

    ``flips`` are those of an effect, ``subjects`` has a row each, and a column a segment.
    """
    keys = flips.column("subject").combine_chunks()
    places = pc.index_in(keys, value_set=subjects.column("subject").combine_chunks().cast(keys.type))
    by = ["membership_type", "cause", "after"]
    found: list[Among] = []
    for segment in segments:
        groups = pc.fill_null(subjects.column(segment).combine_chunks().take(places), "none")
        split = flips.select(by).append_column("group", groups).group_by([*by, "group"])
        of: dict[tuple[str, str, bool], list[tuple[str, int]]] = {}
        for row in split.aggregate([([], "count_all")]).to_pylist():
            of.setdefault((row["membership_type"], row["cause"], row["after"]), []).append(
                (row["group"], row["count_all"])
            )
        found += [Among(*key, segment, tuple(sorted(each, key=lambda g: (-g[1], g[0])))) for key, each in of.items()]
    return tuple(sorted(found, key=lambda a: (a.membership_type, -sum(n for _, n in a.groups), a.cause, not a.gained)))


def groups_in_words(found: Among, most: int) -> str:
    """The largest groups with their counts, and how many there are besides."""
    told = [f"{group} {number:,}" for group, number in found.groups[:most]]
    rest = sum(number for _, number in found.groups[most:])
    return ", ".join([*told, *([f"others {rest:,}"] if rest else [])])


def by_segment(
    before: RuleSet, after: RuleSet, population: Population, subjects: pa.Table, segments: Sequence[str]
) -> tuple[SegmentEffect, ...]:
    """Every type in which anybody flips, by segment and group; ``subjects`` has a row each, and a column a segment."""
    comparison = Comparison(before, after, population)
    places = pc.index_in(population.subjects, value_set=subjects.column("subject").combine_chunks())
    found: list[SegmentEffect] = []
    for key in comparison.types:
        was, becomes = (verdicts(comparison, key, after=each).granted for each in (False, True))
        if not (was != becomes).any():
            continue
        ways = (was, becomes & ~was, was & ~becomes)
        for segment in segments:
            groups = pc.fill_null(subjects.column(segment).combine_chunks().take(places), "none").dictionary_encode()
            codes = groups.indices.to_numpy(zero_copy_only=False).astype(np.int64)
            counts = [np.bincount(codes, weights=way, minlength=len(groups.dictionary)).astype(int) for way in ways]
            numbers = (column.tolist() for column in counts)
            found += _of_groups(key, segment, groups.dictionary.to_pylist(), *numbers)
    return tuple(found)


def _of_groups(
    key: str, segment: str, names: Sequence[str], before: Sequence[int], gained: Sequence[int], lost: Sequence[int]
) -> Iterator[SegmentEffect]:
    members, all_lost = sum(before), sum(lost)
    for name, had, won, went in sorted(zip(names, before, gained, lost, strict=True)):
        others = (all_lost - went) / (members - had) if members > had else 0.0
        yield SegmentEffect(key, segment, name, had, won, went, others, _named(had, went, others, members, all_lost))


def _named(had: int, went: int, others: float, members: int, all_lost: int) -> bool:
    if went < LEAST or had == members:
        return False
    share, pooled = went / had, all_lost / members
    spread = sqrt(pooled * (1 - pooled) * (1 / had + 1 / (members - had)))
    return share >= TIMES * others and (share - others) >= SURE * spread
