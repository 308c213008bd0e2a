"""
Every wording, and what was misread once, beside Spark's answer to it alone, on the Spark that is installed: ``python -m tests.wordings_on_spark``.

The suite asks Spark of one wording of each meaning; this asks of all, so that the wordings of a meaning mean the same.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rules_engine.java import find_java
from rules_engine.spark import session
from tests.asked_together import alone, hits_of
from tests.property.misread import MISREAD
from tests.property.test_wordings_on_spark import ALL

ASKED = [*ALL, *MISREAD]


def main() -> int:
    """Print how many wordings there are, and each whose hits are others; 1 if any are."""
    with tempfile.TemporaryDirectory(prefix="wordings-") as place:
        work = Path(place)
        spark = session.start(find_java(work / "java"), work, master="local[2]", memory="3g", quick=True)
        spark.conf.set("spark.sql.shuffle.partitions", "2")
        expected = alone(spark, work / "alone", ASKED)
        found = hits_of(spark, work / "together", [*expected])
        others = [sql for sql in expected if found[sql] != expected[sql]]
        refused = [f"Spark itself refuses: {sql}" for sql in ASKED if sql not in expected]
        print(f"Spark {spark.version}: {len(expected)} wordings, {len(others)} with other hits.")
        print(*others, *refused, sep="\n")
        spark.stop()
    return bool(others)


if __name__ == "__main__":
    sys.exit(main())
