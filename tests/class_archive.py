"""The archive of the classes that Spark loads, made once for all tests: without it each JVM takes twice the CPU to start."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyspark

from rules_engine.java import archive_options, class_archive
from rules_engine.spark import session
from tests.small_runs import Runs


def made(java_home: Path) -> None:
    """Have Spark run twice over a small lake, and archive what it loaded, unless that was done."""
    with tempfile.TemporaryDirectory() as folder:
        if class_archive(java_home, pyspark.__version__, Path(folder)).exists():
            return
        spark = session.start(java_home, Path(folder), "local[2]", "1g", quick=True, keep_classes=True)
        Runs(spark, Path(folder))
        spark.stop()
        gateway = pyspark.SparkContext._gateway
        assert gateway is not None
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()


def read(java_home: Path) -> str:
    """The options of a JVM that is started by another way than the engine's session, and reads it if it is there."""
    return archive_options(java_home, class_archive(java_home, pyspark.__version__, Path()), keep=False)
