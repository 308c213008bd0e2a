"""What a cluster's own settings say changes no answer (R-ENG-8, R-RUN-6): docs/spark-settings.md is the table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import RunRefused
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.spark import session
from rules_engine.spark.evaluator import SparkEvaluator
from tests.small_lake import rule, rule_set, write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from rules_engine.model.rule_sets import RuleSet

PAGE = Path(__file__).parents[2] / "docs" / "spark-settings.md"
LINE = re.compile(r"^\| `(?P<key>[\w.]+)` \| (?P<held>\S+|none|nothing) \| (?P<pinned>yes|) \| (?P<sparks>[^|]+) "
                  r"\| (?P<other>`[^`]*`|empty) \| .+ \|$", re.MULTILINE)  # fmt: skip
LONGEST = "mapreduce.input.linerecordreader.line.maxlength"
PLACE = tuple(session.OF_THE_PLACE)
UNKNOWN = "spark.sql.a.setting.of.a.later.spark"
OUTSIDE = {f"spark.hadoop.{LONGEST}": "20", UNKNOWN: "true"}
OF_THE_PLACE = {"spark.sql.shuffle.partitions": "7", "spark.sql.subquery.maxThreadThreshold": "3"}
"""What stays as it was said: speed; and what is static, which nothing can take back."""

ASKED = """
import json, sys
from pathlib import Path
from rules_engine.spark import session
from rules_engine.java import find_java
from tests.functional.test_settings_of_the_place import decided, lines_read
wrong, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
started = session.start(find_java(folder / "java"), folder / "work", "local[2]", "1g", wrong, quick=True)
own = session.pin(started)
held = own._jsparkSession.sessionState().conf()
said = {key: held.getConfString(key, "") if held.contains(key) else "" for key in wrong}
print("TOLD", json.dumps([said, lines_read(own, folder), decided(started, folder)]))
session.stop(started)
"""


def every_setting(spark: SparkSession) -> dict[str, tuple[str, bool]]:
    """Each of the settings of SQL that this Spark has: its default, and whether it is static."""
    known = getattr(getattr(spark._jvm, "org.apache.spark.sql.internal.SQLConf$"), "MODULE$")
    entries = known.getConfigEntries().toArray()
    return {str(e.key()): (str(e.defaultValueString()), bool(known.isStaticConfigKey(e.key()))) for e in entries}


def lines_read(own: SparkSession, folder: Path) -> int:
    """How many lines of a file whose second is long are read."""
    (folder / "lines.csv").write_text(f"id,name\n1,short\n2,{'long' * 100}\n3,short\n")
    reader = own.read.schema("id bigint, name string").option("header", "true")
    return reader.csv(str(folder / "lines.csv")).count()


def decided(spark: SparkSession, folder: Path) -> str:
    """The digest of what rules of many kinds decide of the small lake."""
    evaluator = SparkEvaluator(spark, write(folder / "lake"))
    rules = ruled()
    return evaluator.evaluate(rules, HitMatrix.of(rules), str(folder / "staged"), None).decisions_digest


def ruled() -> RuleSet:
    """Rules whose answers some of the settings would change."""
    return rule_set(
        rule("A", "country = 'GB'"),
        rule("B", "spend / 3 > 1.1", weight=20),
        rule("C", "upper(country) = 'GB' AND joined < DATE '2014-06-02'", weight=30),
        rule("D", "exists(array(spend > 1, spend < 0), x -> x)", weight=40),
        rule("E", "SELECT customer_id FROM holdings WHERE product NOT IN (SELECT product FROM products "
                  "WHERE type = 'bond') GROUP BY 1 HAVING count(*) > 1", weight=50),
        rule("F", "size(array(country)) + 1e0 > 1 AND country IS NOT NULL", weight=60),
    )  # fmt: skip


def table() -> list[dict[str, str]]:
    """The lines of the page about settings of SQL."""
    return [found.groupdict() for found in LINE.finditer(PAGE.read_text())]


def opposites(known: dict[str, tuple[str, bool]]) -> dict[str, str]:
    """Every setting of this Spark that is true or false, the other way; and the page's, as the page has it."""
    mine = {key: of for key, (of, static) in known.items() if not static and not key.startswith(PLACE)}
    flipped = {key: str(of == "false").lower() for key, of in mine.items() if of in ("true", "false")}
    page = {f"spark.sql.{line['key']}": line["other"].strip("`").replace("empty", "") for line in table()}
    return flipped | {key: other for key, other in page.items() if key in known}


@pytest.mark.slow
def test_what_the_place_says_changes_nothing(spark: SparkSession, tmp_path: Path) -> None:
    """The opposite of all that can change an answer is said to Spark; what holds is the page's, and what is decided."""
    known = every_setting(spark)
    wrong = opposites(known)
    words = [sys.executable, "-c", ASKED, json.dumps(wrong | OF_THE_PLACE | OUTSIDE), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    told = [line.removeprefix("TOLD ") for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    assert told, done.stderr[-3000:]
    said, lines, digest = json.loads(told[0])
    expected = {key: of for key, (of, _) in known.items()} | session.SPEED | session.PINNED
    assert {key: said[key] for key in wrong if said[key] not in ("", expected[key])} == {}
    assert len(wrong) > 300
    assert {key: said[key] for key in OF_THE_PLACE} == OF_THE_PLACE
    assert (said[UNKNOWN], lines) == ("", 3)
    assert digest == decided(spark, tmp_path / "plainly")


def test_the_page_says_what_is_pinned(spark: SparkSession) -> None:
    """Each line's value is what our session holds, pinned where it says so; each pinned setting has a line."""
    own, known = session.pin(spark), every_setting(spark)
    conf = own._jsparkSession.sessionState().conf()
    lines = {f"spark.sql.{line['key']}": line for line in table()}
    ours = session.SPEED | session.PINNED
    assert {key for key in session.PINNED if key.startswith("spark.sql.")} <= lines.keys()
    assert {key for key, line in lines.items() if line["pinned"]} == lines.keys() & ours.keys()
    here = {key: line["held"].strip("`") for key, line in lines.items() if key in known}
    shown = {
        k: str(conf.getConfString(k)) if known[k][0] != "<undefined>" or conf.contains(k) else "none" for k in here
    }
    assert {key: (here[key], said) for key, said in shown.items() if here[key] not in (said, "several")} == {}
    assert len(here) > 100


def test_files_that_hadoop_leaves_out_are_not_left_out(spark: SparkSession, tmp_path: Path) -> None:
    """Hadoop's filter of paths, which no session can take back, ends a run in words."""
    hadoop = spark._jsc.hadoopConfiguration()
    hadoop.set("mapreduce.input.pathFilter.class", "com.example.Some")
    try:
        with pytest.raises(RunRefused, match=r"leave out files by com\.example\.Some"):
            SparkEvaluator(spark, write(tmp_path))
    finally:
        hadoop.unset("mapreduce.input.pathFilter.class")
