"""Keys and records that no history could store are found before anything is written, whatever the history (R-RUN-7)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.lake.reading import check_subjects
from rules_engine.model.history import created_from
from rules_engine.publication.dynamodb_items import item_of
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import evaluate
from rules_engine.spark import record_sizes
from rules_engine.spark.evaluator import SparkEvaluator
from tests import small_lake
from tests.contract.history_records import granted
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LAKE = declaration.parse(
    'subject = "members"\n[frames.members]\npath = "members"\nsubject_key = "id"\ncolumns = { id = "string" }', "/"
)

KEYS = r"""
    keys, as SQL                                       | says                                     | because
    ---------------------------------------------------+------------------------------------------+-----------------------------------
    'a'; 'b'; ''                                       | 1 values of 'id' are an empty text       | nobody is named by nothing
    'a'; repeat('k', 2049)                             | are longer than 2,048 bytes              | DynamoDB takes no longer key
    'a'; repeat('\u00eb', 1025)                        | are longer than 2,048 bytes              | bytes count and not letters
    'a'; concat('b', char(0))                          | 1 values of 'id' hold a zero byte        | PostgreSQL stores none
    'a'; CAST(X'61C328' AS STRING)                     | 1 values of 'id' are no UTF-8            | it would be read as another key
    'Zoe\u0308'; 'Zo\u00eb'                            | 1 values of 'id' are written in two ways | one name, composed and not
    'A\u030a'; '\u212b'; '\u00c5'                      | 1 values of 'id' are written in two ways | an angstrom sign is the letter
    'K'; '\u212a'                                      | 1 values of 'id' are written in two ways | a Kelvin sign is a K of ASCII
    'a'; ''; concat('b', char(0))                      | are an empty text                        | the first of two faults
    ''; concat('b', char(0))                           | hold a zero byte                         | the second, told at once
"""


@pytest.mark.parametrize("case", cases(KEYS))
def test_a_key_that_cannot_be_stored_is_refused(spark: SparkSession, case: Row) -> None:
    """With how many there are; no key is shown, for it can be personal data."""
    rows = ", ".join(f"({key})" for key in case["keys, as SQL"].split("; "))
    with pytest.raises(RunRefused) as refused:
        check_subjects(LAKE, spark.sql(f"SELECT * FROM VALUES {rows} AS t(id)"))
    assert case["says"] in str(refused.value)


def test_keys_of_any_script_are_subjects(spark: SparkSession) -> None:
    """Letters of any script, spaces, quotes, and small beside capital: other keys, other subjects."""
    keys = ["Zoë", "zoë", "試", "a b", " a b", "💡", "o'x", "007", "7"]
    assert check_subjects(LAKE, spark.createDataFrame([(key,) for key in keys], "id string")).rows == len(keys)


def test_a_record_that_would_be_too_large_is_refused(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subject with most hits is named with the size of its record; nothing is decided."""
    monkeypatch.setattr(record_sizes, "LARGEST_RECORD", record_sizes.REST_OF_RECORD + 150)
    rules = [small_lake.rule(f"R-{n}", f"customer_id <= {n * 10}") for n in range(1, 5)]
    evaluator, store = (
        SparkEvaluator(spark, small_lake.write(tmp_path / "lake")),
        FolderRunStore(str(tmp_path / "runs")),
    )
    at = created_from("2024-06-03T08:00:00.000000Z")
    with pytest.raises(
        RunRefused, match=r"Membership type GOLD: subject \d+ has so many hits of it that its record is"
    ):
        evaluate(small_lake.rule_set(*rules), evaluator, store, at, evaluator.settings)
    (status,) = store.runs()
    assert status.decided is None


def test_the_size_of_a_hit_is_not_less_than_dynamodb_counts() -> None:
    """By DynamoDB's rules: names and texts in UTF-8, a number of 2 digits a byte and one more, a byte for each part."""
    rule = small_lake.rule("R-1", "true")
    (_, item) = ("hits", item_of(granted(1), "bigint")["hits"]["L"])
    said = sum(
        3 + 1 + sum(1 + (len(v["S"].encode()) if "S" in v else len(v["N"]) // 2 + 2) for v in hit["L"]) for hit in item
    )
    assert said <= len(item) * (record_sizes.hit_size(rule) + len("BOND-001") + len("savings"))
