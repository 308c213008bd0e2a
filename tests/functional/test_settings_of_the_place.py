"""What a cluster's own settings say changes no answer (R-ENG-8, R-RUN-6)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

WRONG = {
    "spark.sql.files.ignoreCorruptFiles": "true",
    "spark.sql.files.ignoreMissingFiles": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.csv.parser.columnPruning.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.legacy.setopsPrecedence.enabled": "true",
    "spark.sql.legacy.ctePrecedencePolicy": "LEGACY",
    "spark.sql.legacy.exponentLiteralAsDecimal.enabled": "true",
    "spark.sql.legacy.literal.pickMinimumPrecision": "false",
    "spark.sql.legacy.statisticalAggregate": "true",
    "spark.sql.legacy.bangEqualsNot": "true",
    "spark.sql.legacy.percentileDiscCalculation": "true",
    "spark.sql.legacy.followThreeValuedLogicInArrayExists": "false",
    "spark.sql.parquet.binaryAsString": "true",
    "spark.sql.parquet.mergeSchema": "true",
    "spark.sql.groupByAliases": "false",
    "spark.sql.readSideCharPadding": "false",
    "spark.sql.function.concatBinaryAsString": "true",
    "spark.sql.session.timeZone": "Asia/Tokyo",
    "spark.sql.a.setting.of.a.later.spark": "true",
}

ASKED = """
import json, sys
from pathlib import Path
from rules_engine.evaluation import session
from rules_engine.java import find_java
wrong, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
started = session.start(find_java(folder / "java"), folder / "work", "local[1]", "1g", wrong, quick=True)
def told(of):
    conf = of._jsparkSession.sessionState().conf()
    return {key: conf.getConfString(key) if conf.contains(key) else "" for key in wrong}
before = told(started)
own = session.pin(started)
held = told(own)
kept = own.conf.get("spark.sql.shuffle.partitions")
answers = [str(own.sql(query).collect()[0][0]) for query in json.loads(sys.argv[3])]
try:
    read = own.read.schema("id bigint").parquet(str(folder / "frame")).count()
except Exception as refused:
    read = type(refused).__name__
print("TOLD", json.dumps([before, held, kept, answers, read]))
session.stop(started)
"""

QUERIES = {
    "SELECT \"a\" || 'b'": "ab",
    "SELECT count(*) FROM (SELECT 1 UNION ALL SELECT 1 INTERSECT SELECT 2)": "1",
    "WITH t AS (SELECT 1 AS n), u AS (WITH t AS (SELECT 2 AS n) SELECT n FROM t) SELECT n FROM u": "2",
    "SELECT typeof(1e2)": "double",
    "SELECT typeof(TIMESTAMP'2024-06-01 00:00:00')": "timestamp",
    "SELECT CAST(TIMESTAMP'2024-06-01 00:00:00Z' AS DATE)": "2024-06-01",
    "SELECT typeof(X'61' || X'62')": "binary",
}


@pytest.mark.slow
def test_what_the_place_says_is_unset(tmp_path: Path) -> None:
    """Settings of SQL that change answers are as Spark's own defaults or ours; those of speed are the place's."""
    (tmp_path / "frame").mkdir()
    pq.write_table(pa.table({"id": pa.array(range(9), pa.int64())}), tmp_path / "frame" / "a.parquet")
    (tmp_path / "frame" / "b.parquet").write_bytes(b"PAR1 half a file")
    words = [json.dumps(WRONG | {"spark.sql.shuffle.partitions": "7"}), str(tmp_path), json.dumps([*QUERIES])]
    done = subprocess.run([sys.executable, "-c", ASKED, *words], capture_output=True, text=True, check=False)
    said = [line.removeprefix("TOLD ") for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    assert said, done.stderr[-2000:]
    before, held, kept, answers, read = json.loads(said[0])
    ours = {"spark.sql.session.timeZone", "spark.sql.files.ignoreCorruptFiles", "spark.sql.files.ignoreMissingFiles"}
    assert {key for key in WRONG if before[key] == WRONG[key]} >= WRONG.keys() - ours - {
        "spark.sql.timestampType", "spark.sql.csv.parser.columnPruning.enabled",
    }, "the settings did reach Spark"  # fmt: skip
    assert [key for key in WRONG if held[key] == WRONG[key]] == []
    assert (kept, answers) == ("7", [*QUERIES.values()])
    assert isinstance(read, str), f"{read} rows were read past a broken file"
