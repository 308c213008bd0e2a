"""The contestants that run on Spark, all in the engine's own session with the engine's own settings."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import decided, facts, fused
from bench.contestant import Run, Task
from bench.facts import Facts
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.sql.gate import gate
from rules_engine.sql.lexer import bind

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class OnSpark:
    """One rule set on one lake, its frames opened as views."""

    given: SparkSession
    task: Task
    evaluator: SparkEvaluator = field(init=False)

    def prepare(self) -> None:
        self.evaluator = SparkEvaluator(self.given, self.task.lake)
        self.evaluator.snapshots(self.task.rule_set.as_of)

    def decided(self, _: Path) -> str | None:
        """None: it decides nothing."""
        return None

    @property
    def spark(self) -> SparkSession:
        """The session in which the frames are views."""
        return self.evaluator.spark

    def query(self, version: RuleVersion) -> str:
        """The plain query of one rule: the subjects that hit it, each once."""
        sql = bind(version.sql, version.parameters, self.task.rule_set.as_of)
        if version.form is Form.STATEMENT:
            return f"SELECT DISTINCT * FROM ({sql}) AS t(subject)"
        frame = self.task.lake.frame(version.frame)
        once = "" if frame is self.task.lake.subject_frame else "DISTINCT "
        return f"SELECT {once}`{frame.subject_key}` AS subject FROM `{frame.name}` WHERE {sql}"


class Checked(OnSpark):
    """The engine runs what its gates accepted and nothing else, so they come first; what they take is stated apart."""

    def prepare(self) -> None:
        super().prepare()
        self.evaluator.check(self.task.rule_set)


class Ours(Checked):
    """The hit matrix alone."""

    def run(self, sink: Path) -> None:
        task = self.task
        self.evaluator.matrix(task.rule_set, task.matrix, f"{sink}.work").write(str(sink))

    def facts(self, sink: Path) -> Facts:
        return facts.of_words(sink, self.task.matrix)


class OursDecided(Checked):
    """A whole evaluation: subjects checked, hit matrix, decisions, counts."""

    def run(self, sink: Path) -> None:
        self.evaluator.evaluate(self.task.rule_set, self.task.matrix, str(sink), None)

    def facts(self, sink: Path) -> Facts:
        return facts.of_words(sink / "hits", self.task.matrix)

    def decided(self, sink: Path) -> str:
        return decided.digest(sink / "decisions")


class Fused(OnSpark):
    """The plan of :mod:`bench.fused`."""

    def run(self, sink: Path) -> None:
        task = self.task
        rows = fused.matrix(self.spark, task.lake, task.rule_set, sink.with_name(f"{sink.name}.work"))
        rows.write.parquet(str(sink))

    def facts(self, sink: Path) -> Facts:
        return facts.of_words(sink, self.task.matrix)


class Union(OnSpark):
    """One text of one query a rule."""

    def run(self, sink: Path) -> None:
        queries = (
            f"SELECT {number} AS rule, subject FROM ({self.query(version)})"
            for number, version in enumerate(self.task.rule_set.versions)
        )
        self.spark.sql(" UNION ALL ".join(queries)).write.parquet(str(sink))

    def facts(self, sink: Path) -> Facts:
        return facts.of_rows(sink, [version.key for version in self.task.rule_set.versions])


class Loop(Union):
    """One query a rule, each written into a folder of its own."""

    at_once = 4

    def run(self, sink: Path) -> None:
        def one(numbered: tuple[int, RuleVersion]) -> None:
            number, version = numbered
            self.spark.sql(f"SELECT {number} AS rule, subject FROM ({self.query(version)})").write.parquet(
                str(sink / f"rule-{number}")
            )

        with ThreadPoolExecutor(self.at_once) as pool:
            list(pool.map(one, enumerate(self.task.rule_set.versions)))


class OneByOne(Loop):
    at_once = 1


class Scan(OnSpark):
    """What reading costs: the columns that any rule names, hashed into one row a frame."""

    used: dict[str, set[str]]

    def prepare(self) -> None:
        super().prepare()
        self.used = {}
        schema = self.evaluator.schema(self.task.rule_set.as_of)
        for version in self.task.rule_set.versions:
            for frame, columns in gate.examine(version, schema).columns.items():
                self.used.setdefault(frame, set()).update(columns)

    def run(self, sink: Path) -> None:
        for frame, columns in self.used.items():
            hashed = f"bit_xor(xxhash64({', '.join(f'`{column}`' for column in sorted(columns))})) AS hashed"
            self.spark.table(frame).selectExpr(hashed).write.parquet(str(sink / frame))

    def facts(self, sink: Path) -> None:
        """A scan says nothing of rules."""


RUNS: dict[str, Callable[[SparkSession, Task], Run]] = {
    "ours": Ours,
    "ours-decided": OursDecided,
    "fused": Fused,
    "union": Union,
    "loop": Loop,
    "one-by-one": OneByOne,
    "scan": Scan,
}
