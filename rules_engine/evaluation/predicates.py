"""All predicates of a frame in one pass over its rows, packed into words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from rules_engine.language.lexical import bind
from rules_engine.model.hitmatrix import Cell
from rules_engine.model.rules import RuleVersion, WhenUnknown

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SUBJECT = "subject"
PRESENT = "present"

Placed = tuple[RuleVersion, Cell]


def hit_word(word: int) -> str:
    """The column of a packed word of hits."""
    return f"h{word}"


def unknown_word(word: int) -> str:
    """The column of a packed word of unknown outcomes."""
    return f"u{word}"


def words_of_rows(rows: DataFrame, key: str, placed: Sequence[Placed], as_of: date) -> DataFrame:
    """
    Evaluate predicates over a frame's rows.

    Grain: the frame's rows. Columns: ``subject`` and, for each word that a
    predicate is in, ``h<word>`` and ``u<word>`` (bigint): bits of the
    conditions that are true, and of those that are NULL.
    """
    from pyspark.sql import functions as F  # noqa: N812

    conditions = {cell: F.expr(bind(v.sql, v.parameters, as_of)) for v, cell in placed}
    columns = [F.col(f"`{key}`").alias(SUBJECT)]
    for word in sorted({cell.word for cell in conditions}):
        of_word = [(cell.mask, condition) for cell, condition in conditions.items() if cell.word == word]
        columns.append(_either([_bit(condition, mask) for mask, condition in of_word]).alias(hit_word(word)))
        unknown = [_bit(condition.isNull(), mask) for mask, condition in of_word]
        columns.append(_either(unknown).alias(unknown_word(word)))
    return rows.select(*columns)


def subjects_of_statement(found: DataFrame, cell: Cell) -> DataFrame:
    """A statement's subjects as rows ``subject, word, mask``; repeats are left for the aggregation."""
    from pyspark.sql import functions as F  # noqa: N812

    subject = F.col(f"`{found.columns[0]}`")
    return found.select(
        subject.alias(SUBJECT), F.lit(cell.word).alias("word"), F.lit(cell.mask).cast("bigint").alias("mask")
    )


def counts_when_unknown(placed: Iterable[Placed], when: WhenUnknown) -> dict[int, int]:
    """Word to mask over the versions whose unknown outcome means ``when``."""
    masks: dict[int, int] = {}
    for version, cell in placed:
        if version.when_unknown is when:
            masks[cell.word] = masks.get(cell.word, 0) | cell.mask
    return masks


def _bit(condition: Column, mask: int) -> Column:
    from pyspark.sql import functions as F  # noqa: N812

    return F.when(condition, F.lit(mask).cast("bigint")).otherwise(F.lit(0).cast("bigint"))


def _either(bits: Sequence[Column]) -> Column:
    """Bits joined by OR as a balanced tree: a long chain overflows Spark's optimiser."""
    if len(bits) <= 2:
        return reduce(lambda a, b: a.bitwiseOR(b), bits)
    middle = len(bits) // 2
    return _either(bits[:middle]).bitwiseOR(_either(bits[middle:]))
