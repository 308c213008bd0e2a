"""``python -m bench.checks``: what the checks of the data cost, as a share of the whole evaluation they stand before."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench import data, values
from bench.measure import cpu_seconds
from bench.rule_sets import rule_set
from rules_engine.java import find_java
from rules_engine.model.columns import Column
from rules_engine.model.frames import Frame, Lake
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import evaluate
from rules_engine.spark import session
from rules_engine.spark.evaluator import SparkEvaluator

AT = datetime(2024, 6, 1, 20, tzinfo=UTC)
BOUND = 0.15
"""Of a whole evaluation, warm."""
CHECKS = "check subjects"
"""The phase of a run that holds all checks: the subjects, and what is declared of what rules use."""

PATTERNS = {"postcode": "[0-9]{5}", "email": ".+@.+"}
VALUES = {"gender": ("f", "m", "x"), "role": tuple(values.ROLES)}


def main() -> None:
    """Measure, print a line each, and fail where the bound is broken."""
    reads = argparse.ArgumentParser(description=__doc__)
    reads.add_argument("--customers", type=int, default=1_000_000)
    reads.add_argument("--rules", default="all-100")
    reads.add_argument("--memory", default="4g")
    reads.add_argument(
        "--tries", type=int, default=2, help="Warm evaluations; the one of the least share of CPU seconds counts."
    )
    reads.add_argument("--work", type=Path, default=Path("build") / "bench")
    told = reads.parse_args()
    lake = declared(data.lake(data.made(data.Population(told.customers), told.work / "data")))
    spark = session.start(find_java(told.work / "java"), told.work / "spark", "local[2]", told.memory)
    try:
        with tempfile.TemporaryDirectory() as folder:
            shares = [*measured(SparkEvaluator(spark, lake), FolderRunStore(f"{folder}/runs"), told.rules, told.tries)]
    finally:
        spark.stop()
    raise SystemExit(f"BROKEN the checks cost {min(shares[1:]):.1%}" if min(shares[1:]) > BOUND else 0)


def measured(evaluator: SparkEvaluator, store: FolderRunStore, rules: str, tries: int) -> Iterator[float]:
    """The share of each evaluation, the first of them cold."""
    asked = rule_set(rules)
    for number in range(tries + 1):
        load, started, spent = os.getloadavg()[0], time.perf_counter(), CpuOf(CHECKS)
        found = evaluate(asked, evaluator, store, AT, evaluator.settings, f"run-{number}", spent).evaluation
        whole, checks = time.perf_counter() - started, found.seconds[CHECKS]
        phases = ", ".join(f"{name} {took:.1f}" for name, took in found.seconds.items())
        how = "warm" if number else "cold"
        print(f"{how}: whole evaluation {whole:.1f} s, checks {checks / whole:.3f} of it ({phases}; load {load:.1f})")
        print(f"      CPU {spent.whole:.1f} s, checks {spent.share:.3f} of it")
        yield spent.share


class CpuOf:
    """CPU seconds of all processes, in one phase and in all, told by the progress of a run."""

    def __init__(self, phase: str) -> None:
        self._phase, self._begun, self._began, self._spent = phase, cpu_seconds(), 0.0, 0.0

    def __call__(self, name: str, done: float) -> None:
        if name == self._phase and not self._began:
            self._began = cpu_seconds()
        elif name == self._phase and done == 1:
            self._spent = cpu_seconds() - self._began

    @property
    def whole(self) -> float:
        return cpu_seconds() - self._begun

    @property
    def share(self) -> float:
        return self._spent / self.whole


def declared(lake: Lake) -> Lake:
    """The lake with something expected of every column, a limit of orphans, and the keys that it has."""
    return replace(lake, frames=tuple(_frame(frame, lake) for frame in lake.frames))


def _frame(frame: Frame, lake: Lake) -> Frame:
    schema = pq.read_schema(next(iter(sorted(Path(frame.path).glob("*.parquet")))))
    columns = tuple(column for field in schema if (column := _column(field)))
    orphans = 0.01 if frame.subject_key and frame.name != lake.subject else None
    return replace(frame, columns=columns, orphans=orphans)


def _column(field: pa.Field) -> Column | None:
    """The column, and what is expected of it by its type; none where its type has two names."""
    kind = field.type
    among, pattern = VALUES.get(field.name, ()), PATTERNS.get(field.name, "")
    if pa.types.is_string(kind):
        return Column(field.name, "string", nulls=0.9, values=among, pattern=pattern)
    if pa.types.is_date(kind):
        return Column(field.name, "date", nulls=0.9, low="1900-01-01", high="2100-01-01")
    if pa.types.is_decimal(kind):
        return Column(
            field.name, f"decimal({kind.precision},{kind.scale})", nulls=0.9, low="-1000000000", high="1000000000"
        )
    if pa.types.is_boolean(kind):
        return Column(field.name, "boolean", nulls=0.9)
    names = {pa.int64(): "bigint", pa.int32(): "int", pa.float64(): "double"}
    return Column(field.name, names[kind], nulls=0.9, low="-1000000000", high="1000000000") if kind in names else None


if __name__ == "__main__":
    main()
