"""The same rules in DuckDB, translated by sqlglot; views over the same files, results written to Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlglot

from bench import decided, facts
from bench.contestant import Contestant, Run, Task
from bench.facts import Facts
from bench.mixed import FUSED
from rules_engine.model.hitmatrix import Cell
from rules_engine.model.rules import Form, Kind, RuleVersion
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

    def decided(self, _: Path) -> str | None:
        """None: it decides nothing."""
        return None


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


class Decided(Words):
    """
    The whole evaluation in one query: hits, both sums, the verdict under the default policy, ids of the rules that hit.

    Where rules say their parts (:mod:`bench.mixed`, :mod:`bench.worded`), all that ask holdings are answered by one aggregation of these.
    """

    def run(self, sink: Path) -> None:
        sink.mkdir(parents=True)
        target = f"'{sink / 'decisions.parquet'}' (FORMAT parquet, COMPRESSION snappy)"
        self.connection.execute(f"COPY ({self.query()}) TO {target}")

    def query(self) -> str:
        numbered = list(enumerate(self.task.rule_set.versions))
        whole = fused_query(numbered) if all(FUSED in v.metadata for _, v in numbered) else self._from_words()
        types = {version.membership_type for _, version in numbered}
        verdicts = " UNION ALL ".join(_decided(key, numbered) for key in sorted(types))
        return f"WITH m AS MATERIALIZED ({whole}) {verdicts}"

    def _from_words(self) -> str:
        bits = ((number, cell) for number, (_, cell) in enumerate(self.task.matrix.cells))
        columns = ", ".join(f"(h{cell.word} & {cell.mask}) <> 0 AS r{number}" for number, cell in bits)
        return f"SELECT subject, {columns} FROM ({super().query()})"

    def facts(self, sink: Path) -> Facts:
        rows = sink.with_name(f"{sink.name}.rows")
        rows.mkdir()
        self.connection.execute(
            f"COPY (SELECT unnest(ids) AS rule, subject FROM read_parquet('{sink}/decisions.parquet')) "
            f"TO '{rows}/rows.parquet' (FORMAT parquet)"
        )
        return facts.of_rows(rows, [version.key for version in self.task.rule_set.versions])

    def decided(self, sink: Path) -> str:
        return decided.digest(sink)


Numbered = Sequence[tuple[int, RuleVersion]]


def fused_query(numbered: Numbered) -> str:
    """A truth value for each rule and customer: one pass over customers, one over holdings, one query a SELECT."""
    held = [(n, v.metadata[FUSED]) for n, v in numbered if "holding" in v.metadata[FUSED]]
    selects = [(n, v.metadata[FUSED]["select"]) for n, v in numbered if "select" in v.metadata[FUSED]]
    aggregates = ", ".join(f"{_aggregate(said)} AS a{number}" for number, said in held)
    words = [
        f"bit_or(CASE WHEN k // 60 = {word} THEN 1::BIGINT << (k % 60)::INT ELSE 0 END) AS s{word}"
        for word in range(-(-len(selects) // 60))
    ]
    rows = " UNION ALL ".join(f"SELECT customer_id, {k} AS k FROM ({sql})" for k, (_, sql) in enumerate(selects))
    tables = {
        "ha": f"SELECT h.customer_id, {aggregates} FROM holdings h LEFT JOIN products p "
        "ON p.product_code = h.product_code GROUP BY h.customer_id" if held else "",
        "se": f"SELECT customer_id, {', '.join(words)} FROM ({rows}) GROUP BY customer_id" if selects else "",
    }  # fmt: skip
    tables = {name: sql for name, sql in tables.items() if sql}
    places = {number: k for k, (number, _) in enumerate(selects)}
    columns = ", ".join(f"coalesce({_hit(n, v.metadata[FUSED], places)}, false) AS r{n}" for n, v in numbered)
    given = ", ".join(f"{name} AS MATERIALIZED ({sql})" for name, sql in tables.items())
    joins = " ".join(f"LEFT JOIN {name} ON {name}.customer_id = c.customer_id" for name in tables)
    return f"{f'WITH {given} ' if given else ''}SELECT c.customer_id AS subject, {columns} FROM customers c {joins}"


def _aggregate(said: Mapping[str, str]) -> str:
    if said["asks"] in {"exists", "not exists"}:
        return f"bool_or({said['holding']})"
    what, sign = ("count(*)", ">=") if said["asks"] == "count" else ("sum(h.amount)", ">")
    return f"{what} FILTER (WHERE {said['holding']}) {sign} {said['least']}"


def _hit(number: int, said: Mapping[str, str], places: Mapping[int, int]) -> str:
    if "row" in said:
        return said["row"]
    if "select" in said:
        word, bit = divmod(places[number], 60)
        return f"(coalesce(se.s{word}, 0) & {1 << bit}) <> 0"
    asked = f"coalesce(ha.a{number}, false)"
    asked = f"NOT {asked}" if said["asks"] == "not exists" else asked
    return f"{said['own']} AND {asked}" if said["own"] else asked


def _decided(key: str, numbered: Numbered) -> str:
    of_type = [(n, v) for n, v in numbered if v.membership_type == key]
    sums = {
        kind: " + ".join(f"CASE WHEN r{n} THEN {v.weight} ELSE 0 END" for n, v in of_type if v.kind is kind) or "0"
        for kind in Kind
    }
    ids, flags = (", ".join(each) for each in zip(*((str(n), f"r{n}") for n, _ in of_type), strict=True))
    inclusion, exclusion = sums[Kind.INCLUSION], sums[Kind.EXCLUSION]
    rows = f"SELECT subject, {inclusion} AS i, {exclusion} AS e, list_where([{ids}], [{flags}]) AS ids FROM m"
    columns = "i > e AS granted, i AS inclusion_sum, e AS exclusion_sum, ids"
    return f"SELECT subject, '{key}' AS membership_type, {columns} FROM ({rows}) WHERE len(ids) > 0"


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


CONTESTANTS: dict[str, Contestant] = {
    "duckdb": _contestant(Words),
    "duckdb-rows": _contestant(Rows),
    "duckdb-decided": _contestant(Decided),
}
