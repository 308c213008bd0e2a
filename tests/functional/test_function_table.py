"""Every allowed function answers what it answered when its line was written, on whatever Spark and Java (R-ENG-8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import RunRefused
from rules_engine.spark.session import LANGUAGE, pin, speaks_english
from rules_engine.sql.allow_list import allowed
from tests.function_table import COLUMNS, Case, cases, judged, values

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLE = cases()


def test_every_allowed_function_is_in_the_table() -> None:
    """A function that is allowed has a line; one that is not has none."""
    assert {case.function for case in TABLE} == set(allowed().functions)
    assert [case for case in TABLE if case.function not in case.expression] == []


def test_each_answers_what_it_answered(spark: SparkSession) -> None:
    """The values of all lines, or that a gate refuses them, are those of the file: see its first lines."""
    found = {case.expression: case.outcome for case in judged(pin(spark), TABLE)}
    assert {case.expression: case.outcome for case in TABLE} == found


def test_the_table_holds_values_that_differ() -> None:
    """Most lines have many values, and every column is asked by some."""
    asked = {name for case in TABLE for name in case.columns}
    assert asked == set(COLUMNS)
    assert sum(case.outcome.count(",") > 3 for case in TABLE) > len(TABLE) / 2


DIFFER = ["initcap(t)", "coalesce(cast(d as decimal(38,18)), cast(i as decimal(38,0)))"]


@pytest.mark.parametrize("expression", DIFFER)
def test_without_the_pinned_settings_the_table_would_differ(spark: SparkSession, expression: str) -> None:
    """Planted: with the settings that Spark 4 has by itself these lines come out otherwise; 3.5 knows no such settings."""
    own = pin(spark)
    own.conf.set("spark.sql.icu.caseMappings.enabled", "true")
    own.conf.set("spark.sql.legacy.decimal.retainFractionDigitsOnTruncate", "false")
    case = next(case for case in TABLE if case.expression == expression)
    differs = values(own, Case(case.function, expression)) != values(pin(spark), case)
    assert differs == (spark.version > "4")


def test_a_java_of_another_language_is_refused(spark: SparkSession) -> None:
    """In Turkish lower('I') is no i: the run is refused before it decides (K3)."""
    locale = getattr(spark._jvm, "java.util.Locale")
    assert LANGUAGE in str(spark.conf.get("spark.driver.extraJavaOptions"))
    before = locale.getDefault()
    speaks_english(spark)
    locale.setDefault(locale.forLanguageTag("tr-TR"))
    try:
        assert pin(spark).sql("SELECT lower(t) FROM VALUES ('IĞDIR') AS v(t)").collect()[0][0] == "ığdır"
        with pytest.raises(RunRefused, match=r"user\.language=en"):
            speaks_english(spark)
    finally:
        locale.setDefault(before)
