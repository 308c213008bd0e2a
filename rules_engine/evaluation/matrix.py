"""From the outcomes of all passes to one row of packed words per subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from rules_engine.evaluation.planning import Plan
from rules_engine.evaluation.words import PRESENT, SUBJECT, Placed, hit_word, unknown_word
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import WhenUnknown

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def gather(
    matrix: HitMatrix,
    plan: Plan,
    subjects: DataFrame,
    others: Sequence[DataFrame],
    facts: Sequence[DataFrame],
) -> DataFrame:
    """
    One row of words per subject that has any bit.

    ``subjects`` are the subject frame's rows with the words of its predicates
    (grain: subject); ``others`` the rows of other sources with theirs; ``facts``
    rows ``subject, word, mask, unknown`` of queries. Subjects that the subject
    frame does not have are dropped. Columns: ``subject``, ``h<word>`` for
    every word and ``u<word>`` where an outcome can be unknown (bigint).
    """
    hits = [hit_word(w) for w in range(matrix.words)]
    seconds = [hit_word(matrix.words + w) for w in plan.asks]
    unknown = [u for u in map(unknown_word, range(matrix.words)) if any(u in f.columns for f in [subjects, *others])]
    if facts:
        unknown = sorted({*unknown, *map(unknown_word, _counts_when_unknown(matrix.cells, WhenUnknown.HOLD)),
                          *map(unknown_word, _counts_when_unknown(matrix.cells, WhenUnknown.HIT))})  # fmt: skip
    words = [*hits, *seconds, *unknown]
    parts = [_aligned(subjects, words, "true"), *(_aligned(rows, words, "false") for rows in others)]
    parts += [_spread(rows, words) for rows in facts]
    if len(parts) > 1:
        all_rows = reduce(lambda a, b: a.unionAll(b), parts)
        joined = all_rows.groupBy(SUBJECT).agg(*_together(words)).where(PRESENT)
    else:
        joined = parts[0]
    answered = joined.selectExpr(SUBJECT, *_answered(matrix, plan, hits, unknown))
    settled = answered.selectExpr(SUBJECT, *_settled(matrix, hits, unknown))
    return settled.where(f"({' | '.join([*hits, *unknown])}) <> 0")


def _aligned(rows: DataFrame, words: Sequence[str], present: str) -> DataFrame:
    """Rows with every word, those they say nothing of 0."""
    said = set(rows.columns)
    columns = [word if word in said else f"0L AS {word}" for word in words]
    return rows.selectExpr(SUBJECT, f"{present} AS {PRESENT}", *columns)


def _spread(facts: DataFrame, words: Sequence[str]) -> DataFrame:
    """Rows ``subject, word, mask, unknown`` with the mask in its word's column."""
    columns = []
    for word in words:
        unknown = "unknown" if word[0] == "u" else "NOT unknown"
        columns.append(f"CASE WHEN word = {word[1:]} AND {unknown} THEN mask ELSE 0L END AS {word}")
    return facts.selectExpr(SUBJECT, f"false AS {PRESENT}", *columns)


def _together(words: Sequence[str]) -> list[object]:
    from pyspark.sql import functions as F  # noqa: N812

    return [F.expr(f"bool_or({PRESENT})").alias(PRESENT), *(F.expr(f"bit_or({word})").alias(word) for word in words)]


def _answered(matrix: HitMatrix, plan: Plan, hits: Sequence[str], unknown: Sequence[str]) -> list[str]:
    """A rule that asks another frame is true, or unknown, only where its second bit says so as well."""
    columns = []
    for column in [*hits, *unknown]:
        word = int(column[1:])
        asks, denies = plan.asks.get(word, 0), plan.denies.get(word, 0)
        second = hit_word(matrix.words + word)
        columns.append(f"{column} & (({second} ^ {denies}L) | ~{asks}L) AS {column}" if asks else column)
    return columns


def _settled(matrix: HitMatrix, hits: Sequence[str], unknown: Sequence[str]) -> list[str]:
    """Unknown only where no row was true; where a rule says so, unknown is a hit (R-EVAL-6)."""
    means_hit = _counts_when_unknown(matrix.cells, WhenUnknown.HIT)
    columns = []
    for word, hit in enumerate(hits):
        outcome = unknown_word(word)
        mask = means_hit.get(word, 0) if outcome in unknown else 0
        columns.append(f"{hit} | ({outcome} & {mask}L) AS {hit}" if mask else hit)
    return columns + [f"{u} & ~{hit_word(int(u[1:]))} AS {u}" for u in unknown]


def _counts_when_unknown(placed: Iterable[Placed], when: WhenUnknown) -> dict[int, int]:
    """Word to mask over the versions whose unknown outcome means ``when``."""
    masks: dict[int, int] = {}
    for version, cell in placed:
        if version.when_unknown is when:
            masks[cell.word] = masks.get(cell.word, 0) | cell.mask
    return masks
