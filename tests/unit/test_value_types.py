"""Types whose values are looked up, and those that are left to Spark."""

from __future__ import annotations

import pyarrow as pa
import pytest

from rules_engine.index.bitmap_index import Breakpoints
from rules_engine.index.value_types import NotIndexed, comparison_type
from rules_engine.logical.condition import Expression
from rules_engine.logical.condition import Test as Asks
from rules_engine.logical.values import Value


@pytest.mark.parametrize(
    ("type_", "literal"),
    [
        ("int", 2.5), ("decimal(12,2)", 0.1), ("bigint", 2**62), ("double", float("nan")), ("double", float("inf")),
        ("date", 5), ("timestamp", 5),
    ],
)  # fmt: skip
def test_a_literal_between_values_is_left_to_spark(type_: str, literal: Value) -> None:
    """A literal that is not exactly a value of the type makes no bucket."""
    with pytest.raises(NotIndexed):
        comparison_type(type_).scalar(literal)


@pytest.mark.parametrize("type_", ["float", "decimal(19,2)", "timestamp_ntz", "binary", "array<int>"])
def test_a_type_is_left_to_spark(type_: str) -> None:
    """Types whose comparison is not known here are not looked up."""
    with pytest.raises(NotIndexed):
        comparison_type(type_)


def test_texts_need_not_be_utf_8() -> None:
    """Spark compares bytes, whatever they are: the byte after a prefix's last one ends it."""
    of = comparison_type("string")
    asked = Asks(Expression("x", "text", "x"), "prefix", ("ab",))
    column = pa.array([b"ab", b"ab\xff", b"ac", b"ab\x80z", b"aa\xff"], pa.binary()).view(pa.string())
    cuts = Breakpoints.by(of, [asked])
    assert cuts.outcome(asked).true[cuts.buckets(column)].tolist() == [True, True, False, True, False]
