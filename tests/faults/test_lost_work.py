"""Work that is lost between reading and deciding: the manifest does not balance, and nothing is published (R-RUN-4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from rules_engine.errors import RunRefused
from rules_engine.model.history import created_from
from rules_engine.model.manifest import Manifest
from rules_engine.model.rules import RuleVersion
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import evaluate
from rules_engine.spark import hit_matrix, shuffle
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.worker import decide, decision_rows, exchange, merge
from tests import small_lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = created_from("2024-06-03T08:00:00.000000Z")

PREDICATES = [small_lake.rule("P-1", "country = 'GB'"), small_lake.rule("P-2", "spend > 3")]
JOINED = [
    *PREDICATES,
    small_lake.rule("S-1", "SELECT customer_id FROM holdings WHERE balance > 10"),
    small_lake.rule("S-2", "SELECT customer_id FROM holdings GROUP BY customer_id HAVING count(*) > 1"),
]


def run(spark: SparkSession, folder: Path, rules: list[RuleVersion]) -> Manifest:
    evaluator = SparkEvaluator(spark, small_lake.write(folder / "lake"))
    store = FolderRunStore(str(folder / "runs"))
    return evaluate(small_lake.rule_set(*rules), evaluator, store, NOW, evaluator.settings)


def test_nothing_is_lost(spark: SparkSession, tmp_path: Path) -> None:
    """Control: every row that a frame has is read, what is sent arrives, and every subject is decided."""
    counted = run(spark, tmp_path, JOINED).evaluation
    there = {source.source.partition(": ")[2]: source.there for source in counted.sources}
    assert there["customers"] == 60
    assert all(source.read == source.there for source in counted.sources if source.there is not None)
    assert sum(source.received for source in counted.sources) >= 60
    assert (counted.merged, (counted.bare or 0) + (counted.rows or 0)) == (60, 60)


# The workers are local classes, so that they travel to Spark's workers by what they say.
def half_of_the_merge() -> dict[str, Any]:
    class Halving(merge.Merge):
        """Of what has arrived of the subjects, every second row is dropped."""

        def blocks(self, batches: Iterable[pa.RecordBatch]) -> Iterator[merge.Block]:
            def halved() -> Iterator[pa.RecordBatch]:
                for batch in batches:
                    for source, block in zip(batch.column(0).to_pylist(), batch.column(1), strict=True):
                        read = pa.ipc.read_record_batch(block.as_buffer(), self.sources[source].schema)
                        kept = read.take(pa.array(range(0, read.num_rows, 2))) if source == 0 else read
                        columns = [
                            pa.array([source], pa.int32()),
                            pa.array([kept.serialize().to_pybytes()], pa.binary()),
                        ]
                        yield pa.RecordBatch.from_arrays(columns, ["source", "block"])

            yield from super().blocks(halved())

    return {"Merge": Halving}


def rows_not_written() -> dict[str, Any]:
    return {"Decide": forgetting(decision_rows.HITS)}


def decisions_not_written() -> dict[str, Any]:
    return {"Decide": forgetting(decision_rows.DECISIONS)}


def forgetting(forgotten: str) -> type[decide.Decide]:
    class Forgetting(decide.Decide):
        """The last rows for a folder are made and not handed on."""

        def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
            made = list(super().__call__(batches))
            last = max(place for place, (part, _) in enumerate(made) if part == forgotten)
            yield from made[:last] + made[last + 1 :]

    return Forgetting


def a_part_of_the_shuffle() -> dict[str, Any]:
    class Leaking(exchange.ShuffleWriter):
        """Of what a task sends of another source than the subjects, the first block is lost."""

        def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for number, sent in enumerate(super().__call__(batches)):
                yield sent.slice(1) if self.source and not number else sent

    return {"ShuffleWriter": Leaking}


def a_batch() -> dict[str, Any]:
    class Skipping(exchange.ShuffleWriter):
        """A worker skips the first batch of rows that it is given of another source than the subjects."""

        def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            rest = iter(batches)
            if self.source:
                next(rest, None)
            yield from super().__call__(rest)

    return {"ShuffleWriter": Skipping}


def a_batch_of_subjects() -> dict[str, Any]:
    class Skipping(merge.ProbeAndFinalise):
        """A worker skips the first batch of subjects."""

        def blocks(self, batches: Iterable[pa.RecordBatch]) -> Iterator[merge.Block]:
            rest = iter(batches)
            next(rest, None)
            yield from super().blocks(rest)

    return {"ProbeAndFinalise": Skipping}


LOST = [
    (half_of_the_merge, hit_matrix, JOINED, r"rows were sent to their subjects|there are 60 subjects, workers decided"),
    (rows_not_written, hit_matrix, JOINED, r"of 60 subjects \d+ had no hit and \d+ are in what was staged"),
    (decisions_not_written, hit_matrix, JOINED, r"workers made \d+ decisions, \d+ are in what was staged"),
    (a_part_of_the_shuffle, shuffle, JOINED, r"Source [1-9]: .*: \d+ rows were sent to their subjects, \d+ arrived"),
    (a_batch, shuffle, JOINED, r"Source [1-9]: holdings: it has \d+ rows, workers read \d+"),
    (a_batch_of_subjects, hit_matrix, PREDICATES, r"there are 60 subjects, workers decided \d+"),
]


@pytest.mark.parametrize(("fault", "module", "rules", "told"), LOST, ids=[fault.__name__ for fault, *_ in LOST])
def test_what_is_lost_is_found_out(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[], dict[str, Any]], module: Any, rules: list[RuleVersion], told: str,
) -> None:  # fmt: skip
    """The run is refused, says where, and keeps no manifest: there is nothing that could be published."""
    for name, planted in fault().items():
        monkeypatch.setattr(module, name, planted)
    with pytest.raises(RunRefused, match=told):
        run(spark, tmp_path, rules)
    (status,) = FolderRunStore(str(tmp_path / "runs")).runs()
    assert status.decided is None
