"""
What workers count of the work they do, told to the driver beside the rows (R-RUN-4).

An accumulator holds a number for each kind of count, source and partition. A task that is tried again tells the same
numbers under the same names, so that nothing is counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rules_engine.worker.work_counts import XOR

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class WorkCounts:
    """The counts of one evaluation's workers; called where they work, read where they were started."""

    accumulator: Any

    @classmethod
    def of(cls, spark: SparkSession) -> WorkCounts:
        """Counts that are all still to come."""
        from pyspark.accumulators import AccumulatorParam

        class ByPartition(AccumulatorParam):  # type: ignore[misc]
            """Numbers by what they count; the same name again is the same number again."""

            def zero(self, value: dict[Any, int]) -> dict[Any, int]:
                return type(value)()

            def addInPlace(self, value1: dict[Any, int], value2: dict[Any, int]) -> dict[Any, int]:  # noqa: N802  Spark's
                return value1 | value2

        return cls(spark.sparkContext.accumulator({}, ByPartition()))

    def __call__(self, kind: Hashable, source: int, number: int) -> None:
        from pyspark import TaskContext

        task = TaskContext.get()
        self.accumulator.add({(kind, source, task.partitionId() if task else -1): number})

    def totals(self) -> Mapping[tuple[Hashable, int], int]:
        """Kind of count and source to how many, of all partitions; ``xor`` is what all of them come to."""
        found = Counter[tuple[Hashable, int]]()
        for (kind, source, _), number in self.accumulator.value.items():
            found[kind, source] = found[kind, source] ^ number if kind == XOR else found[kind, source] + number
        return found
