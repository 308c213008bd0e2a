"""Rows that say one bit of one subject: what queries answer, on its way to where everything of the subject is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.evaluation.parcels import PART, Parts, Sent, sent_schema, side_by_side
from rules_engine.evaluation.words import SUBJECT, Placed, hit_word, unknown_word
from rules_engine.model.rules import Form, WhenUnknown

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class SendFacts:
    """Rows that say one bit (``subject, word, mask, unknown``, their part last) to rows that are sent."""

    words: tuple[str, ...]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        subjects, word, masks, unknown, part = batch.columns
        places = {name: place for place, name in enumerate(self.words)}
        most = 1 + max(int(name[1:]) for name in self.words)
        of = np.array([[places.get(word_of(n), 0) for n in range(most)] for word_of in (hit_word, unknown_word)])
        found: NDArray[np.int64] = np.zeros((batch.num_rows, len(self.words)), dtype=np.int64)
        at = of[unknown.to_numpy(zero_copy_only=False).astype(np.intp), word.to_numpy()]
        found[np.arange(batch.num_rows), at] = masks.to_numpy()
        return pa.RecordBatch.from_arrays([subjects, side_by_side(found), part], [SUBJECT, "words", PART])


def of_facts(rows: DataFrame, words: Iterable[str], parts: Parts) -> Sent:
    """Rows that say one bit of one of some words, on their way to their subjects."""
    names = tuple(sorted({*words}))
    given = rows.selectExpr(parts.subject(SUBJECT), "word", "mask", "unknown", parts.part(SUBJECT))
    return Sent(given, SendFacts(names), sent_schema(given, names), names)


def words_said(placed: Iterable[Placed]) -> Iterator[str]:
    """The words of outcomes of rules that are queries of their own."""
    for version, cell in placed:
        yield hit_word(cell.word)
        if version.form is Form.PREDICATE and version.when_unknown is not WhenUnknown.MISS:
            yield unknown_word(cell.word)
