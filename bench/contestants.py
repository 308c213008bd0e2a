"""Who takes part: each opens its engine, runs a rule set into a folder, and says what it found there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.facts import Facts
from rules_engine.model.frames import Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet


@dataclass(frozen=True, slots=True)
class Task:
    """What a contestant gets: rules, the lake they are about, and the machine it may use."""

    rule_set: RuleSet
    lake: Lake
    subjects: int
    work: Path
    java_home: Path
    cores: int = 2
    memory: str = "4g"
    """Of the JVM's heap."""

    @property
    def matrix(self) -> HitMatrix:
        return HitMatrix.of(self.rule_set)


class Run(Protocol):
    """An engine that is open."""

    def prepare(self) -> None:
        """What comes once, before the clock starts: frames are opened, rules checked; no rows are read."""

    def run(self, sink: Path) -> None:
        """Evaluate all rules and write what hit into a folder that is not there yet."""

    def facts(self, sink: Path) -> Facts | None:
        """What was written there, None where it says nothing of single rules."""

    def decided(self, sink: Path) -> str | None:
        """The digest of the decisions that were written there, None where none were."""


Contestant = Callable[[Task], AbstractContextManager[Run]]


def contestant(name: str) -> Contestant:
    """
    The contestant of a name; its engine is imported by whoever runs it.

    Raises:
        ValueError: If nobody is called so.
    """
    if name not in NAMES:
        raise ValueError(f"Nobody is called '{name}'. Say one of {', '.join(NAMES)}.")
    if name.startswith("duckdb"):
        from bench import in_duckdb

        return in_duckdb.CONTESTANTS[name]
    if name.startswith("zen"):
        from bench import in_zen

        return in_zen.CONTESTANTS[name]
    return _on_spark(name)


NAMES = {
    "ours": "this engine: planned rules to a written hit matrix",
    "ours-decided": "this engine, with decisions and counts",
    "fused": "Spark, one CASE a rule packed in words, statements in batches; no index",
    "union": "Spark, one query a rule, UNION ALL",
    "loop": "Spark, one query a rule, four at once",
    "one-by-one": "Spark, one query a rule, one after the other",
    "scan": "Spark, the columns that the rules name, read and hashed",
    "duckdb": "DuckDB, one query, hits packed in words",
    "duckdb-rows": "DuckDB, one query a rule, UNION ALL",
    "duckdb-decided": "DuckDB, one query, with both sums, verdicts and the ids of the rules that hit",
    "zen": "GoRules' engine, one decision table, on a sample of rows",
    "zen-expression": "GoRules' expression language alone, all rules one compiled expression, on a sample of rows",
}


def _on_spark(name: str) -> Contestant:
    @contextmanager
    def opened(task: Task) -> Iterator[Run]:
        from bench import on_spark
        from rules_engine.spark import session

        spark = session.start(task.java_home, task.work / "spark", f"local[{task.cores}]", task.memory)
        try:
            yield on_spark.RUNS[name](spark, task)
        finally:
            spark.stop()

    return opened
