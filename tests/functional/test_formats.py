"""One lake in every format of files is decided equally; tables: `python -m tests.formats`, S3: test_s3a.py."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from pyspark.sql import SparkSession

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.lake.codes import PACKAGES
from rules_engine.lake.opening import opened
from rules_engine.lake.storage import Landed, landed
from rules_engine.lake.tables import Version, without_skipping
from rules_engine.lake.unread import is_of_file, spark_errors, unread
from rules_engine.model.frame_options import OPTIONS
from rules_engine.model.frames import Format, Frame, Lake
from rules_engine.spark.evaluator import SparkEvaluator
from tests.formats import decided, rewritten
from tests.small_lake import AS_OF, rule, rule_set, write
from tests.spec.table import Row, cases

RULES = rule_set(
    rule("GB", "country = 'GB'"),
    rule("EMPTY", "country = ''"),
    rule("UNKNOWN", "country IS NULL AND joined IS NOT NULL"),
    rule("SCORE", "score > 1"),
    rule("JOINED", "joined < DATE '2014-06-01' AND spend > 3.49"),
    rule("HELD", "balance >= 10.01", frame="holdings"),
)


def test_a_lake_is_decided_equally_whatever_its_format(spark: SparkSession, tmp_path: Path) -> None:
    """Nulls and empty texts, NaN and infinity, spaces at the end: each is the same in Parquet, ORC, CSV and JSON."""
    lake = write(tmp_path / "lake")
    tables = {frame.name: pq.read_table(tmp_path / "lake" / frame.name) for frame in lake.frames}
    found = {"parquet": decided(spark, lake, RULES, tmp_path / "run")}
    for format_ in (Format.ORC, Format.CSV, Format.JSON):
        other = rewritten(lake, tables, format_, tmp_path / format_)
        found[format_] = decided(spark, other, RULES, tmp_path / f"run-{format_}")
    assert all(hits > 0 for hits in found["parquet"].hits_per_rule.values())
    assert {format_: each.hits_per_rule for format_, each in found.items()} == dict.fromkeys(
        found, found["parquet"].hits_per_rule
    )
    assert len({each.decisions_digest for each in found.values()}) == 1


def test_a_table_without_its_library_says_which_packages_to_give(spark: SparkSession, tmp_path: Path) -> None:
    """What Spark misses is said with what to set, for the Spark that runs."""
    log = tmp_path / "customers/_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text("{}")
    frame = Frame("customers", str(tmp_path / "customers"), Format.DELTA)
    place = landed(spark, frame, AS_OF)
    assert place.snapshot.startswith("version 0 ")
    with pytest.raises(RunRefused) as refused:
        opened(spark, frame, place)
    (fault,) = refused.value.faults
    assert fault.code == PACKAGES
    assert "RULES_SPARK_PACKAGES=io.delta:delta-spark_" in fault.remedy


def test_pages_of_a_table_are_compared_with_their_checksums(spark: SparkSession, tmp_path: Path) -> None:
    """Libraries of tables read Parquet as the session says, and take no option: a bit that flipped was another value."""
    session, names = spark.newSession(), pa.table({"name": ["DE, west", "DE, east"]})
    pq.write_table(names, tmp_path / "a.parquet", write_page_checksum=True, compression="none", use_dictionary=False)
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole.replace(b"west", b"wEst"))
    read = session.read.parquet(str(tmp_path / "a.parquet"))
    assert read.first() == ("DE, wEst",)
    frame = Frame("customers", str(tmp_path), Format.DELTA)
    with pytest.raises(RunRefused):  # its library is not here
        opened(session, frame, Landed(str(tmp_path), "version 0", version=Version(str(tmp_path), "0", "version 0")))
    with pytest.raises(spark_errors(), match=r"CRC|FAILED_READ_FILE"):
        session.read.parquet(str(tmp_path / "a.parquet")).collect()


ICEBERG = """
    files                                            | hint | read       | because
    -------------------------------------------------+------+------------+------------------------------------------------
    v1.metadata.json v2.metadata.json                | 2    | snapshot 2 | as it is written
    v1.metadata.json v2.metadata.json                | 1    | snapshot 2 | the hint is written after the commit, or never
    v1.metadata.json v2.metadata.json                | x    | snapshot 2 | it is a hint
    v9.metadata.json v10.metadata.json               |      | snapshot 2 | ten is after nine
    v1.gz.metadata.json v2.gz.metadata.json          | 2    | snapshot 2 | packed, as a property of the table may say
    00001-a.metadata.json 00002-b.metadata.json      |      | snapshot 2 | as catalogs write it
    00002-a.metadata.json 00002-b.metadata.json      |      |            | one is left of a commit that failed
"""


@pytest.mark.parametrize("row", cases(ICEBERG))
def test_which_metadata_of_an_iceberg_table_is_the_newest(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """By the numbers of its files; where two have the newest, nobody here knows."""
    (log := tmp_path / "metadata").mkdir()
    for number, name in enumerate(row["files"].split(), 1):
        text = f'{{"current-snapshot-id": {number}, "snapshots": [{{"snapshot-id": {number}}}]}}'.encode()
        (log / name).write_bytes(gzip.compress(text) if ".gz." in name else text)
    if row["hint"]:
        (log / "version-hint.text").write_text(row["hint"])
    frame = Frame("customers", str(tmp_path), Format.ICEBERG)
    if not row["read"]:
        with pytest.raises(RunRefused, match=r"00002-a\.metadata\.json and 00002-b\.metadata\.json both say"):
            landed(spark, frame, AS_OF)
        return
    assert landed(spark, frame, AS_OF).snapshot == row["read"]


def test_no_row_with_nan_is_left_out_by_what_is_said_of_its_file(spark: SparkSession, tmp_path: Path) -> None:
    """Asked as a table's own library asks its log: with the statistics of files, which leave NaN out."""
    some = [float("nan"), 1.5] * 4
    columns = {"d": pa.array(some), "f": pa.array(some, pa.float32()), "s": pa.array([{"x": each} for each in some])}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    asking = spark.newSession()
    asking.conf.set("spark.sql.parquet.filterPushdown", "true")
    rows = asking.read.parquet(str(tmp_path / "a.parquet"))
    kept = without_skipping(rows)
    assert kept.schema == rows.schema
    for condition in ("d > 5", "f > 5", "s.x > 5"):
        assert (rows.where(condition).count(), kept.where(condition).count()) == (0, 4), condition


MOMENTS = [datetime(1, 1, 1), datetime(1500, 2, 28, 23, 59), datetime(2024, 2, 29, 23, 59, 59, 999999)]
ORC = """
    subject = "c"
    [frames.c]
    path = "c"
    format = "orc"
    subject_key = "id"
    columns = { id = "bigint", day = "date", at = { type = "timestamp"MORE } }
"""


def _orc(folder: Path, *moments: datetime, more: str = "") -> Lake:
    (folder / "c").mkdir()
    columns = {"day": pa.array(moments, pa.date32()), "at": pa.array(moments, pa.timestamp("us"))}
    orc.write_table(pa.table({"id": range(len(moments))} | columns), folder / "c/a.orc")
    return declaration.parse(ORC.replace("MORE", more), str(folder))


def test_orc_is_read_as_it_was_written_whoever_wrote_it(spark: SparkSession, tmp_path: Path) -> None:
    """Libraries but Java's count by today's calendar and do not say so: days before 1582 were read as others."""
    lake = _orc(tmp_path, *MOMENTS)
    spark.sql("SELECT 9L id, DATE '1500-02-28' day, TIMESTAMP '1500-02-28 23:59:00' at").write.mode("append").orc(
        lake.frames[0].path
    )
    evaluator = SparkEvaluator(spark, lake)
    evaluator.check_lake(AS_OF)
    read = evaluator.spark.table("c").orderBy("id").selectExpr("string(day)", "string(at)").collect()
    wanted = [(str(each.date()), str(each)) for each in (*MOMENTS, MOMENTS[1])]
    assert [tuple(row) for row in read] == wanted


def test_moments_of_orc_are_not_read_by_another_clock(spark: SparkSession, tmp_path: Path) -> None:
    """Spark reads them by the clock of its Java, whatever the session's zone is: 20:00 would be 11:00."""
    evaluator, zones = SparkEvaluator(spark, _orc(tmp_path, *MOMENTS)), getattr(spark._jvm, "java.util.TimeZone")
    zones.setDefault(zones.getTimeZone("Asia/Tokyo"))
    try:
        with pytest.raises(RunRefused, match=r"clock of its Java: that of Asia/Tokyo\. Give -Duser\.timezone=UTC"):
            evaluator.check_lake(AS_OF)
    finally:
        zones.setDefault(zones.getTimeZone("UTC"))


@pytest.mark.parametrize("more", ["", ", min = 1900-01-01"])
def test_a_fraction_below_zero_is_told_as_that(spark: SparkSession, tmp_path: Path, more: str) -> None:
    """As pyarrow writes moments before 1970 in ORC: in checks and in rules, Spark's Java ends the task."""
    lake = _orc(tmp_path, datetime(1960, 12, 31, 23, 59, 58, 250000), more=more)
    rules = rule_set(rule("OLD", "at > TIMESTAMP '1900-01-01 00:00:00'", frame="c"))
    with pytest.raises(RunRefused, match="has moments before 1970 with a fraction of a second"):
        decided(spark, lake, rules, tmp_path / "run")


GONE = "org.apache.iceberg.exceptions.NotFoundException: File does not exist: /lake/c/data/00000.parquet"
GONE_OF_SPARK = (
    "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file file:/lake/c/part-0.parquet. File"
)


@pytest.mark.parametrize("said", [GONE, GONE_OF_SPARK])
def test_a_file_that_a_version_needs_does_not_come_back(said: str) -> None:
    """Of a table it was vacuumed or expired, and running again helps nobody; of a folder somebody is landing."""
    table, folder = (unread(Frame("c", "/lake/c", kind), ValueError(said)) for kind in (Format.ICEBERG, Format.ORC))
    assert (table.remedy, folder.remedy) == (
        "Read a version that is kept, or write the table again.",
        "Run again once the landing is over.",
    )


SAID = """
    said                                                                                        | file | because
    --------------------------------------------------------------------------------------------+------+-----------------------------------------
    org.apache.iceberg.exceptions.NotFoundException: File does not exist: /lake/c/data/00.parquet | yes  | Iceberg, of a file that is gone
    java.lang.RuntimeException: file:/lake/c/data/00.parquet is not a Parquet file. Expected magic | yes | Iceberg, of a file that was cut off
    [FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///lake/c/a.parquet.    | yes  | Spark, of any file
    java.io.IOException: Problem opening stripe 0 footer in file:/lake/c/a.orc.                  | yes  | ORC, of a bit that flipped, on Spark 3.5
    java.lang.IllegalArgumentException at org.apache.orc.impl.RecordReaderImpl.readStripe(Rec    | yes  | and whatever else its reader trips over
    java.lang.OutOfMemoryError: Java heap space                                                  |      | no frame is to blame
"""


@pytest.mark.parametrize("row", cases(SAID))
def test_a_file_that_cannot_be_read_is_told_from_a_spark_that_is_gone(row: Row) -> None:
    """In the subjects' keys as in all checks: a file of Iceberg that was gone was told in Java's words, without a code."""
    assert is_of_file(ValueError(row["said"])) is bool(row["file"])


def test_every_option_stands_in_the_manual() -> None:
    """docs/lake.md is where people look."""
    manual = (Path(__file__).parents[2] / "docs/lake.md").read_text(encoding="utf-8")
    assert [name for options in OPTIONS.values() for name in options if f"`{name}`" not in manual] == []
