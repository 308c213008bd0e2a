"""What a run counts of its own results, from what its workers counted."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from rules_engine.index.words import hit_word, unknown_word
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import SourceCounts, TypeCounts
from rules_engine.spark.hit_matrix import Origin
from rules_engine.worker.work_counts import READ, RECEIVED, SENT, SUM, XOR, Left, Outcome

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_LONG = 0xFFFFFFFFFFFFFFFF


Totals = Mapping[tuple[Hashable, int], int]
"""What workers counted: kind of count and source to how many."""


def bits_set(matrix: HitMatrix, totals: Totals) -> tuple[dict[str, int], dict[str, int]]:
    """Version id to how many subjects have its bit: of hits, then of unknown outcomes."""
    hits, unknown = (
        {v.id: totals.get((word(cell.word), cell.mask.bit_length() - 1), 0) for v, cell in matrix.cells}
        for word in (hit_word, unknown_word)
    )
    return hits, unknown


def source_counts(totals: Totals, sources: Sequence[Origin], there: Mapping[str, int]) -> tuple[SourceCounts, ...]:
    """What workers counted of each source, beside what Spark counts of its frame."""
    return tuple(
        SourceCounts(
            f"{number}: {source.name}",
            there.get(source.frame),
            *(totals.get((kind, number), 0) for kind in (READ, SENT, RECEIVED)),
        )
        for number, source in enumerate(sources)
    )


def digest(totals: Totals) -> str:
    """Names the content of all decisions, whatever the order of their rows."""
    number = sum(n for _, n in _outcomes(totals))
    return f"{number}-{totals.get((XOR, 0), 0) & _LONG:016x}-{totals.get((SUM, 0), 0) & _LONG:016x}"


def _outcomes(totals: Totals) -> Iterator[tuple[Outcome, int]]:
    """What was decided, and how often."""
    return ((kind, n) for (kind, _), n in totals.items() if isinstance(kind, Outcome) and not kind.carried)


def members(decided: DataFrame) -> dict[str, int]:
    """Membership type to how many are granted it."""
    return {
        r["membership_type"]: r["count"] for r in decided.where("granted").groupBy("membership_type").count().collect()
    }


def type_counts(
    totals: Totals, types: Iterable[str], held: Mapping[str, int] = MappingProxyType({})
) -> tuple[TypeCounts, ...]:
    """
    The counts per membership type that must add up.

    ``held`` are held types and the members that the last run left: so many they are after, too.
    """
    before = {kind.membership_type: n for (kind, _), n in totals.items() if isinstance(kind, Left)}
    found = list(_outcomes(totals))
    keys = sorted(
        {*types, *held, *(key for key, n in before.items() if n), *(each.membership_type for each, _ in found)}
    )
    return tuple(
        _counts(key, found, held.get(key, before.get(key, 0)), _absent(totals, key), key in held) for key in keys
    )


def _absent(totals: Totals, key: str) -> int:
    return totals.get((Outcome(key, carried=True), 0), 0)


def _counts(key: str, found: Iterable[tuple[Outcome, int]], before: int, absent: int, held: bool) -> TypeCounts:
    of_type = [(outcome, n) for outcome, n in found if outcome.membership_type == key]
    return TypeCounts(
        membership_type=key,
        members_before=before,
        members_after=sum(n for outcome, n in of_type if outcome.granted) + (before if held else absent),
        decided=sum(n for _, n in of_type),
        events=_by(of_type, "event"),
        reasons=_by(of_type, "reason"),
        absent=absent,
    )


def _by(found: Iterable[tuple[Outcome, int]], what: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for outcome, n in found:
        said = getattr(outcome, what)
        counts[said] = counts.get(said, 0) + n
    return dict(sorted(counts.items()))
