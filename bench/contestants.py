"""Who takes part, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.contestant import Contestant, Run, Task


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
