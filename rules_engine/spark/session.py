"""A Spark session whose answers do not depend on where it runs: what changes them is pinned (R-ENG-8)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused
from rules_engine.java import archive_options, class_archive, errors_to

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PINNED = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.parser.quotedRegexColumnNames": "false",
    "spark.sql.variable.substitute": "false",
    "spark.sql.runSQLOnFiles": "false",
    "spark.sql.scripting.enabled": "false",
    "spark.sql.crossJoin.enabled": "true",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.mapKeyDedupPolicy": "EXCEPTION",
    "spark.sql.decimalOperations.allowPrecisionLoss": "true",
    "spark.sql.legacy.charVarcharAsString": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    "spark.sql.csv.filterPushdown.enabled": "false",
    "spark.sql.json.filterPushdown.enabled": "false",
    "spark.sql.parquet.filterPushdown": "false",
    "spark.sql.inMemoryColumnarStorage.partitionPruning": "false",
    "spark.sql.icu.caseMappings.enabled": "false",
    "spark.sql.legacy.decimal.retainFractionDigitsOnTruncate": "true",
    "spark.sql.legacy.ctePrecedencePolicy": "CORRECTED",
    "spark.sql.legacy.nullInEmptyListBehavior": "false",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.execution.sortBeforeRepartition": "true",
    "spark.sql.subexpressionElimination.enabled": "false",
    "mapreduce.input.linerecordreader.line.maxlength": "2147483647",
}
"""
Settings that change what a rule means or what is read; recorded in every manifest.

The last is Hadoop's: a line of CSV or JSON that is longer is left out without a word. All that can change an answer
stands in docs/spark-settings.md, with why.

Lines of CSV and JSON are read whole, the columns that no rule asks too: what is cut off or wrong in one of them is
found. Those of case mappings and fraction digits are of Spark 4 and make it answer as 3.5 does: letters change their
case by Java's tables, and of two decimals whose common type has more than 38 digits the fraction is kept (a value that
no longer fits is an error, where Spark 4 would drop the fraction and find 1.4 equal to 1).

Statistics of Parquet files that others than Spark wrote, and of rows that Spark holds in memory, leave NaN out, which
is more than every number: by them Spark would leave out rows that a condition on a double is true of.

What two conditions have in common Spark would work out before the guards of either: ``a <> 0 AND b / a > 2`` then fails
beside ``a <> 0 AND b / a < 9``, and ``a <> 0 AND b / a BETWEEN 2 AND 9`` by itself.
"""

OF_THE_PLACE = (
    "spark.sql.adaptive. spark.sql.artifact. spark.sql.autoBroadcastJoinThreshold spark.sql.broadcastTimeout "
    "spark.sql.catalog. spark.sql.classic. spark.sql.connect. spark.sql.pyspark. "
    "spark.sql.catalogImplementation spark.sql.cbo. spark.sql.codegen. spark.sql.defaultSizeInBytes "
    "spark.sql.execution.pyspark.udf. spark.sql.execution.pyspark.python spark.sql.execution.python.udf. "
    "spark.sql.execution.arrow.compression. spark.sql.execution.broadcast spark.sql.execution.interruptOnCancel "
    "spark.sql.extensions spark.sql.files.max spark.sql.files.min spark.sql.files.openCostInBytes "
    "spark.sql.hive.metastore spark.sql.join. spark.sql.maxBroadcastTableSize spark.sql.maxSinglePartitionBytes "
    "spark.sql.parquet.columnarReaderBatchSize spark.sql.parquet.compression.codec spark.sql.parquet.output. "
    "spark.sql.parquet.fs. spark.sql.shuffle. spark.sql.sources.commitProtocolClass "
    "spark.sql.sources.outputCommitterClass spark.sql.sources.parallelPartitionDiscovery. spark.sql.statistics. "
    "spark.sql.streaming. spark.sql.ui. spark.sql.warehouse.dir spark.sql.emr. spark.sql.queryExecutionListeners "
    "spark.sql.redaction. spark.sql.event."
).split()
"""
The only settings, by their beginnings, that are taken from wherever Spark runs: speed, memory, logs, where files and
catalogues are. Of all others what ``spark-defaults`` or a job says is unset, and Spark's own default holds, of the
settings that later versions of Spark will have too ([0019](docs/decisions/0019-settings-of-the-place.md)).
"""

LANGUAGE = "-Duser.language=en"
"""The JVM's option for the one language in which letters change their case: in Turkish the small I is no i."""

SPEED = {
    "spark.sql.analyzer.maxIterations": "1000",  # a chain of a hundred WITH queries takes more than the default of 100
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.alwaysInlineCommonExpr": "true",
    "spark.sql.optimizer.windowGroupLimitThreshold": "-1",
    "spark.sql.codegen.hugeMethodLimit": "8000",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.maxConcurrentOutputFileWriters": "8",  # of rows for several folders none waits to be sorted
    "spark.sql.execution.arrow.maxBytesPerBatch": str(
        2**31 - 1
    ),  # none: else Spark adds up a batch's bytes at each row
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
}
"""
Settings that change no answer: methods the JVM would not compile are not generated whole, and the first rows of
groups are not looked for before rows are brought together, for a subject has few: that sorts all of them twice.
What BETWEEN and NULLIF test is written out twice, as Spark 3.5 does: where it names the row outside, Spark 4 lets all
rows of a sub-query meet all those outside before it compares keys.

Batches for Arrow workers are bounded by their number of rows: of 20,000 a worker asks for a tenth less time
than of 10,000. Bounded by bytes too, handing over a
million rows of 15 columns took 5.1 CPU seconds of the JVM instead of 3.3.
"""

FEW_ROWS = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.constraintPropagation.enabled": "false",
}
"""
For plans over few rows; no answer depends on them.

Rows that are in one part stay in one part: where nothing is broadcast, a query of a hundred joins is one task and
not a hundred jobs.
"""

GUARDED = {
    "spark.task.reaper.enabled": "true",
    "spark.task.reaper.pollingInterval": "5s",
    "spark.task.reaper.killTimeout": "60s",
}
"""
Settings of the Spark context: a cancelled task that goes on is watched, and its executor killed after a minute.

In local mode there is no executor but the driver, and Spark kills none: the task keeps its core until it ends.
"""

ARROW = "-Darrow.enable_unsafe_memory_access=true -Darrow.enable_null_check_for_get=false"
"""
No bounds are checked for each value that Spark hands to a worker: its own writers keep to them.

Measured on 100 rules of all kinds over 1,000,000 customers: 28 CPU seconds of the JVM instead of 32.
"""

CODE_CACHE = "-XX:ReservedCodeCacheSize=512m"
"""
Room for compiled code: each plan makes classes of its own, and a JVM whose 48 MB are full compiles no more at all.

It is reserved and not taken: what is not compiled costs nothing.
"""

JVM_OPTIONS = f"-XX:+UseParallelGC {CODE_CACHE} {ARROW} {LANGUAGE} -Duser.timezone=UTC -Dlog4j2.level=ERROR"

QUICK = "-XX:TieredStopAtLevel=1"
"""
Compile quickly rather than well: over a small lake a run ends before the JVM's best compiler earns its keep.

Measured on the demo (100,000 customers, 25 rules, 3 days): 70 CPU seconds instead of 115. Where rules are asked about
and no lake is read, likewise: the gates took 33 CPU seconds of the JVM for 1,000 rules instead of 52.
"""


def start(
    java_home: Path,
    work: Path,
    master: str = "local[*]",
    memory: str = "4g",
    more: Mapping[str, str] | None = None,
    *,
    quick: bool = False,
    keep_classes: bool = False,
) -> SparkSession:
    """
    A local session; its scratch data goes under ``work``, its log to the console only from errors up.

    ``more`` are Spark settings of the place, such as how S3 is reached; a pinned one wins. ``quick``
    is for small lakes: see :data:`QUICK`. The JVM starts from its archive of classes where that is there;
    else, where ``keep_classes`` is said, it writes it as it ends.

    Raises:
        RunRefused: If PySpark is not installed or the JVM does not start.
    """
    os.environ["JAVA_HOME"] = str(java_home)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    try:
        from pyspark import __version__
        from pyspark.sql import SparkSession
    except ImportError as problem:
        raise RunRefused(
            Fault("Spark", "PySpark is not installed.", "Install the extra: pip install '.[local]'.")
        ) from problem
    work = work.absolute()  # what the JVM is told is an address
    work.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName("agile-rules-engine").master(master)
    archive = archive_options(java_home, class_archive(java_home, __version__, work), keep=keep_classes)
    options = f"{QUICK if quick else ''} {archive}"
    local = _local(work, memory, options) | ({"spark.sql.shuffle.partitions": "2"} if quick else {})
    for key, value in {**local, **GUARDED, **(more or {}), **SPEED, **PINNED}.items():
        builder = builder.config(key, value) if key.startswith("spark.") else builder
    log = work / "java.log"
    try:
        with errors_to(log):
            spark = builder.getOrCreate()
    except Exception as problem:
        said = " ".join(log.read_text(errors="replace").split()[-60:])
        what = f"it does not start: {str(problem).rstrip('.')}. {said}".rstrip()
        raise RunRefused(Fault("Spark", what, "See `rules doctor`.")) from problem
    spark.sparkContext.setLogLevel("OFF")
    return spark


def stop(spark: SparkSession) -> None:
    """Stop Spark; one that is gone already is left alone, so that what ended it is what is told."""
    from py4j.protocol import Py4JError

    with suppress(Py4JError, ConnectionError):
        spark.stop()


def pin(spark: SparkSession, more: Mapping[str, str] = MappingProxyType({})) -> SparkSession:
    """A session of its own on the same cluster, with its own views, the pinned settings, and ``more`` for speed."""
    own = spark.newSession()
    for key in foreign(own):
        own.conf.unset(key)
    for key, value in {**SPEED, **more, **PINNED}.items():
        own.conf.set(key, value)
    return own


def foreign(spark: SparkSession) -> list[str]:
    """
    The settings of SQL that a session has from its place, and that could change an answer.

    Static ones are not among them: nothing sets them while Spark runs, and they are all of the place.
    """
    held = spark._jsparkSession.sessionState().conf().getAllConfs().keys().mkString("\n").split("\n")
    known = getattr(getattr(spark._jvm, "org.apache.spark.sql.internal.SQLConf$"), "MODULE$")
    ours = (key for key in held if key.startswith("spark.sql.") and not key.startswith(tuple(OF_THE_PLACE)))
    return sorted(key for key in ours if not known.isStaticConfigKey(key))


def speaks_english(spark: SparkSession) -> None:
    """
    See that letters change their case as :data:`LANGUAGE` has it, in the driver and where tasks run.

    Raises:
        RunRefused: If they do not.
    """
    language = str(getattr(spark._jvm, "java.util.Locale").getDefault().getLanguage())
    elsewhere = not str(spark.sparkContext.master).startswith("local")
    if language != "en" or (elsewhere and _small_letters(spark) != {"iğ"}):
        raise RunRefused(
            Fault(
                "Spark",
                f"its Java speaks another language than English ({language}), and its letters change case otherwise.",
                f"Give {LANGUAGE} to spark.driver.extraJavaOptions and spark.executor.extraJavaOptions.",
            )
        )


def _small_letters(spark: SparkSession) -> set[str]:
    """The small letters of one text, as each of many tasks writes them."""
    tasks = spark.sparkContext.defaultParallelism
    return {row[0] for row in spark.range(0, tasks, 1, tasks).selectExpr("lower(concat('IĞ', left(id, 0)))").collect()}


def _local(work: Path, memory: str, jvm: str) -> dict[str, str]:
    logging = work / "log4j2.properties"
    logging.write_text(
        "rootLogger.level = error\nrootLogger.appenderRef.c.ref = c\nappender.c.type = Console\n"
        "appender.c.name = c\nappender.c.target = SYSTEM_ERR\nappender.c.layout.type = PatternLayout\n"
    )
    return {
        "spark.driver.memory": memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.killOnFatalError.depth": "0",  # a task without memory fails; the program it runs in goes on
        "spark.driver.extraJavaOptions": f"{JVM_OPTIONS} {jvm} -Dlog4j2.configurationFile={logging.as_uri()}",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.python.daemon.module": "rules_engine.spark.daemon",
        "spark.python.unix.domain.socket.enabled": "true",  # Spark 4.1; over TCP each task waits 30 ms for nothing
        "spark.local.dir": str(work / "spark"),
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.files.maxPartitionBytes": "32m",
    }
