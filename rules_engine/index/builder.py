"""From conditions to the index over them; Spark is asked for types and constants, and reads no rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rules_engine.index.bitmap_index import Breakpoints, BucketBitmaps, Tested, tables
from rules_engine.index.predicate_index import (
    BoundPredicate,
    IndexedExpression,
    IndexExplanation,
    MultiColumnPredicate,
    PredicateIndex,
    Source,
    SparkPredicate,
)
from rules_engine.index.value_types import ComparisonType, NotIndexed
from rules_engine.logical.condition import Conjunct, Test, tests_of
from rules_engine.model.hitmatrix import Cell

if TYPE_CHECKING:
    pass


def assembled(
    source: Source,
    conditions: Sequence[BoundPredicate],
    found: Sequence[tuple[BoundPredicate, Conjunct]],
    whole: Mapping[BoundPredicate, str],
    domains: Mapping[str, ComparisonType],
) -> PredicateIndex:
    """The index over conditions' parts, and over those that stay ``whole``, each with why."""
    computed: dict[str, list[BoundPredicate]] = {}
    for bound in whole:
        computed.setdefault(bound.sql, []).append(bound)
    looked_up: list[tuple[BoundPredicate, Conjunct]] = []
    for bound, part in found:
        if is_looked_up(part, domains):
            looked_up.append((bound, part))
        else:
            computed.setdefault(part.sql, []).append(bound)
    words: dict[int, int] = {}
    for bound in conditions:
        words[bound.cell.word] = words.get(bound.cell.word, 0) | bound.cell.mask
    reasons = {bound.cell: why for bound, why in whole.items()}
    return PredicateIndex(
        source,
        tuple(_lookups(looked_up, domains)),
        tuple(SparkPredicate(sql, _of_computed(several)) for sql, several in computed.items()),
        tuple(MultiColumnPredicate(p.tree, b.cell.word, b.cell.mask, b.filters) for b, p in looked_up if p.of is None),
        dict(sorted(words.items())),
        tuple(_places(conditions, looked_up, computed, reasons)),
    )


def is_looked_up(part: Conjunct, domains: Mapping[str, ComparisonType]) -> bool:
    """Whether every test of a part can be."""
    try:
        for test in tests_of(part.tree):
            if not isinstance(test, Test) or test.of.name not in domains:
                return False
            Breakpoints.by(domains[test.of.name], [test])
    except NotIndexed:
        return False
    return True


def _lookups(
    found: Sequence[tuple[BoundPredicate, Conjunct]], domains: Mapping[str, ComparisonType]
) -> Iterator[IndexedExpression]:
    """Every expression once; parts about it alone are in its tables."""
    tests: dict[str, list[Test]] = {}
    alone: dict[str, list[Tested]] = {}
    for bound, part in found:
        for test in tests_of(part.tree):
            assert isinstance(test, Test)
            tests.setdefault(test.of.name, []).append(test)
        if part.of is not None:
            tested = Tested(bound.cell.word, bound.cell.mask, part.tree, bound.filters)
            alone.setdefault(part.of.name, []).append(tested)
    for name, several in tests.items():
        cuts = Breakpoints.by(domains[name], several)
        yield IndexedExpression(name, several[0].of.sql, cuts, tables(cuts, alone.get(name, ())))


def _of_computed(found: Sequence[BoundPredicate]) -> dict[int, BucketBitmaps]:
    false: dict[int, int] = {}
    unknown: dict[int, int] = {}
    for bound in found:
        word, mask = bound.cell.word, bound.cell.mask
        false[word] = false.get(word, 0) | mask
        unknown[word] = unknown.get(word, 0) | (mask if bound.filters else 0)
    return {word: _three_values(mask, unknown[word]) for word, mask in false.items()}


def _three_values(mask: int, unknown_is_false: int) -> BucketBitmaps:
    """Words of false, true and unknown; of some rules unknown is false."""
    true = np.array([~mask, -1, ~mask], dtype=np.int64)
    return BucketBitmaps(
        true, None if mask == unknown_is_false else np.array([~mask, -1, ~unknown_is_false], dtype=np.int64)
    )


def _places(
    conditions: Sequence[BoundPredicate],
    looked_up: Sequence[tuple[BoundPredicate, Conjunct]],
    computed: Mapping[str, list[BoundPredicate]],
    whole: Mapping[Cell, str],
) -> Iterator[IndexExplanation]:
    expressions: dict[Cell, dict[str, None]] = {}
    left: dict[Cell, list[str]] = {}
    for bound, part in looked_up:
        names_ = (test.of.name for test in tests_of(part.tree) if isinstance(test, Test))
        expressions.setdefault(bound.cell, {}).update(dict.fromkeys(names_))
    for sql, several in computed.items():
        for bound in several:
            left.setdefault(bound.cell, []).append(sql)
    for cell in (bound.cell for bound in conditions):
        yield IndexExplanation(cell, tuple(expressions.get(cell, ())), tuple(left.get(cell, ())), whole.get(cell, ""))
