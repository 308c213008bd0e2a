"""The same rules in DuckDB, translated by sqlglot; views over the same files, results written to Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlglot

from bench import facts
from bench.contestants import Contestant, Run, Task
from bench.facts import Facts
from rules_engine.model.hitmatrix import Cell
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.sql.lexer import bind

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Placed = tuple[RuleVersion, Cell]


class Words:
    """Hits packed in words, as this engine keeps them: one pass a frame, one query a statement, then one aggregation."""

    def __init__(self, connection: DuckDBPyConnection, task: Task) -> None:
        self.connection, self.task = connection, task
        self.sql = {v.key: translated(v, task) for v in task.rule_set.versions}

    def prepare(self) -> None:
        """The views are there."""

    def run(self, sink: Path) -> None:
        sink.mkdir(parents=True)
        self.connection.execute(
            f"COPY ({self.query()}) TO '{sink / 'hits.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
        )

    def query(self) -> str:
        """One query for all rules: a row of words per subject, as ours."""
        cells, lake = self.task.matrix.cells, self.task.lake
        words = [f"h{word}" for word in range(self.task.matrix.words)]
        of_frames = [
            (frame, [p for p in cells if p[0].form is Form.PREDICATE and p[0].frame == frame.name])
            for frame in lake.frames
        ]
        parts = [self._words_of_rows(frame.name, frame.subject_key, placed) for frame, placed in of_frames if placed]
        parts += [self._statement(placed) for placed in cells if placed[0].form is Form.STATEMENT]
        if len(parts) == 1 and of_frames[0][1]:
            return f"SELECT * FROM ({parts[0]}) WHERE ({' | '.join(words)}) <> 0"
        either = ", ".join(f"bit_or({word}) AS {word}" for word in words)
        rows = " UNION ALL BY NAME ".join(parts)
        return f"SELECT subject, {either} FROM ({rows}) GROUP BY subject"

    def _words_of_rows(self, frame: str, key: str, placed: Sequence[Placed]) -> str:
        words = []
        for word in sorted({cell.word for _, cell in placed}):
            bits = (f"CASE WHEN {self.sql[v.key]} THEN {c.mask} ELSE 0 END" for v, c in placed if c.word == word)
            words.append(f"{either([f'CAST({bit} AS BIGINT)' for bit in bits])} AS h{word}")
        return f"SELECT {key} AS subject, {', '.join(words)} FROM {frame}"

    def _statement(self, placed: Placed) -> str:
        version, cell = placed
        return (
            f"SELECT DISTINCT subject, {cell.mask}::BIGINT AS h{cell.word} FROM ({self.sql[version.key]}) AS t(subject)"
        )

    def facts(self, sink: Path) -> Facts:
        return facts.of_words(sink, self.task.matrix)


class Rows(Words):
    """Hits as rows of rule and subject: one query a rule, UNION ALL."""

    def query(self) -> str:
        """Each rule a query of its own, joined by UNION ALL: number of the rule, subject."""
        return " UNION ALL ".join(
            f"SELECT {number} AS rule, subject FROM ({self._one(version)})"
            for number, version in enumerate(self.task.rule_set.versions)
        )

    def _one(self, version: RuleVersion) -> str:
        sql = self.sql[version.key]
        if version.form is Form.STATEMENT:
            return f"SELECT DISTINCT subject FROM ({sql}) AS t(subject)"
        frame = self.task.lake.frame(version.frame)
        once = "" if frame is self.task.lake.subject_frame else "DISTINCT "
        return f"SELECT {once}{frame.subject_key} AS subject FROM {frame.name} WHERE {sql}"

    def facts(self, sink: Path) -> Facts:
        return facts.of_rows(sink, [version.key for version in self.task.rule_set.versions])


def translated(version: RuleVersion, task: Task) -> str:
    """A rule's SQL in DuckDB's dialect."""
    sql = bind(version.sql, version.parameters, task.rule_set.as_of)
    return sqlglot.parse_one(sql, dialect="spark").sql(dialect="duckdb")


def either(bits: Sequence[str]) -> str:
    """Bits joined by OR as a balanced tree."""
    if len(bits) <= 2:
        return " | ".join(bits)
    middle = len(bits) // 2
    return f"({either(bits[:middle])}) | ({either(bits[middle:])})"


def _contestant(kind: type[Words]) -> Contestant:
    @contextmanager
    def opened(task: Task) -> Iterator[Run]:
        import duckdb

        connection = duckdb.connect()
        for setting, value in _settings(task).items():
            connection.execute(f"SET {setting} = '{value}'")
        for frame in task.lake.frames:
            connection.execute(f"CREATE VIEW {frame.name} AS SELECT * FROM read_parquet('{frame.path}/*.parquet')")
        try:
            yield kind(connection, task)
        finally:
            connection.close()

    return opened


def _settings(task: Task) -> dict[str, str]:
    return {
        "threads": str(task.cores),
        "TimeZone": "UTC",
        "max_expression_depth": "10000",
        "preserve_insertion_order": "false",
        "temp_directory": str(task.work / "duckdb"),
    }


CONTESTANTS: dict[str, Contestant] = {"duckdb": _contestant(Words), "duckdb-rows": _contestant(Rows)}
