"""
The same rule twice over the same rows: on two days of the clock, and with the rows in two orders.

In one process the clock is read in two zones: where it is one day in Pago Pago it is always the next in Apia, at the
same time of day, and until 2009 both had one time. So days and moments before that mean the same in both, and whatever
reads the clock does not. Rules are taken back to those years before they are run.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rules_engine.errors import InvalidRule
from rules_engine.model.rules import Form
from rules_engine.model.schemas import Schema
from rules_engine.spark.gate.resolution import spark_faults
from rules_engine.spark.sandbox import active
from rules_engine.sql.gate import gate
from tests.filled_rows import filled
from tests.gate import AS_OF, SCHEMA, Line, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

TODAY, TOMORROW = "Pacific/Pago_Pago", "Pacific/Apia"
_YEAR, _SECONDS = re.compile(r"\b20[1-9](\d)(?=-|\b)"), re.compile(r"\b(?:1[2-9]|[2-9]\d)\d{8}")
_AS_OF, _NUMBER = re.compile(r":as_of\b", re.IGNORECASE), re.compile(r"#\d+L?|\b_\w+_\d+\b|Pacific/\w+")


def taken_back(sql: str) -> str:
    """A rule about years before 2010, with a day in the place of ``:as_of``."""
    return _SECONDS.sub("1000000000", _YEAR.sub(r"200\1", _AS_OF.sub("DATE '2004-06-01'", sql)))


class Answers:
    """What rules answer in one session: their optimised plans and the subjects they hit, or how they fail."""

    def __init__(self, session: SparkSession, schema: Schema) -> None:
        self.session, self.schema = session, schema

    def of(self, form: Form, sql: str, frame: str = "") -> tuple[str, tuple[str, ...]]:
        """The plan, without the numbers that Spark gives to columns, and the sorted rows."""
        key = self.schema.subject_key_of(frame) if frame else ""
        query = sql if form is Form.STATEMENT else f"SELECT `{key}` FROM `{frame}` WHERE {sql}"
        try:
            with active(self.session):
                rows = self.session.sql(query)
                plan = _NUMBER.sub("", rows._jdf.queryExecution().optimizedPlan().toString())
                return plan, tuple(sorted(str(row[0]) for row in rows.collect()))
        except Exception as problem:
            return "", (type(problem).__name__,)


class TwoDays:
    """One schema on two days; opened once for many rules."""

    def __init__(self, spark: SparkSession, schema: Schema) -> None:
        self.spark = spark
        self.days = {}
        for zone in (TODAY, TOMORROW):
            with _zone_of_the_machine(spark, zone):
                self.days[zone] = Answers(filled(spark, schema, zone), schema)

    def differ(self, form: Form, sql: str, frame: str = "") -> bool:
        """Whether a rule has another plan or another answer on the second day."""
        found = []
        for zone, answers in self.days.items():
            with _zone_of_the_machine(self.spark, zone):
                found.append(answers.of(form, taken_back(sql), frame))
        return found[0] != found[1]


@contextmanager
def _zone_of_the_machine(spark: SparkSession, zone: str) -> Iterator[None]:
    """The JVM's own zone, which no answer may depend on either."""
    zones: Any = getattr(spark._jvm, "java.util.TimeZone")
    before = zones.getDefault()
    zones.setDefault(zones.getTimeZone(zone))
    try:
        yield
    finally:
        zones.setDefault(before)


class TwoOrders:
    """One schema with its rows forwards and backwards; opened once for many rules."""

    def __init__(self, spark: SparkSession, schema: Schema) -> None:
        self.orders = [Answers(filled(spark, schema, backwards=backwards), schema) for backwards in (False, True)]

    def differ(self, form: Form, sql: str, frame: str = "") -> bool:
        """Whether a rule hits others when the rows come the other way."""
        one, other = (answers.of(form, taken_back(sql), frame)[1] for answers in self.orders)
        return set(one) != set(other)


def accepted(session: SparkSession, line: Line) -> bool:
    """Whether every gate that reads lets a rule pass."""
    try:
        version = rule_of(line)
    except InvalidRule:
        return False
    return not (gate.faults(version, SCHEMA) or spark_faults(session, version, SCHEMA, AS_OF))
