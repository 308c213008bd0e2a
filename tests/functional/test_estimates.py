"""How large values are estimated to be, against what Spark makes of a row whose values are as large as is assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rules_engine.spark.gate.estimates import Estimates
from rules_engine.spark.gate.plan_tree import tree
from rules_engine.spark.gate.sizes import KNOWN
from rules_engine.spark.gate.spread import Spreads
from rules_engine.sql.allow_list import allowed, listed
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MADE = """
    value                                                             | because
    ------------------------------------------------------------------+-----------------------------------------
    length(t)                                                         | a column
    length(concat(t, u, 'abc'))                                       | a sum
    length(concat_ws('--', t, l, u))                                  | texts and arrays
    length(lpad(t, 900, 'x'))                                         | a length that is written
    length(left(lpad(t, 900, 'x'), 100))                              | cut again
    length(substring(t, 2, 10))                                       | a part
    length(replace(t, 'a', 'xyz'))                                    | three for one
    length(replace(replace(t, 'a', 'xy'), 'b', 'xy'))                 | each character once
    length(replace(replace(t, 'a', 'bb'), 'b', 'cc'))                 | what was made is made more
    length(replace(t, chr(97), u))                                    | a computed text for a computed one
    length(translate(t, 'a', 'b'))                                    | no longer
    length(overlay(t, u, 1, 0))                                       | put in
    length(array_join(l, ', '))                                       | elements and what stands between
    length(array_join(transform(l, x -> concat(x, x, t)), ','))       | through a lambda
    length(element_at(map('a', concat(t, t)), 'a'))                   | out of a map
    length(named_struct('a', 1, 'b', concat(t, t)).b)                 | out of a struct
    length(case when t = 'x' then 'y' else concat(t, t) end)          | of two the longer
    length(coalesce(nullif(t, ''), u))                                | what Spark prints as something else
    length(string(d))                                                 | a number
    length(format_number(d, 20))                                      | a number, spelt out
    length(sha2(t, 512))                                              | a digest
    length(mask(concat(t, u)))                                        | as long as before
    size(l)                                                           | a column of elements
    size(flatten(transform(l, x -> transform(l, y -> concat(x, y))))) | a product
    size(flatten(zip_with(l, l, (x, y) -> array(x, y))))              | two of each
    size(concat(l, l, array('a')))                                    | arrays in a row
    size(array_union(l, transform(l, x -> concat(x, 'b'))))           | two of a kind
    size(filter(slice(l, 1, 5), x -> x > ''))                         | fewer
    size(map_entries(m))                                              | a map column
    size(map_keys(m))                                                 | its keys
    size((select collect_list(x.t) from (select t, c from frame) x group by x.c)) | a sub-query
    size((select array_sort(collect_set(x.u)) from frame x where x.c = frame.c))  | one about the row outside
    length((select max(concat(x.t, x.t)) from frame x))               | a text of one
    length(s.a)                                                       | a field of a column
"""


def test_every_class_that_may_be_in_a_plan_is_known() -> None:
    """A class that a later Spark adds is not taken for small: whoever allows it says how large its value is."""
    lists = [words for lists in listed("catalyst.toml")["analysed"].values() for words in lists.items()]
    analysed = {name for package, words in lists if package.startswith("expressions") for name in words.split()}
    apart = """
    AttributeReference CollectList CollectSet CommonExpressionRef CurrentRow$ Explode Inline LambdaFunction ListQuery
    Literal NamedLambdaVariable PosExplode ScalarSubquery SpecifiedWindowFrame UnboundedFollowing$
    UnboundedPreceding$ WindowSpecDefinition
    """
    assert analysed - KNOWN == set(apart.split())


@pytest.mark.parametrize("row", cases(MADE))
def test_no_value_is_larger_than_estimated(spark: SparkSession, frame: str, row: Row) -> None:
    """What Spark makes of the row is at most as large as the estimate of it."""
    value = row["value"].replace("from frame", f"from {frame}").replace("frame.c", f"{frame}.c")
    (true,) = spark.sql(f"select {value} as n from {frame}").first() or (None,)
    name, _, inner = value.partition("(")
    plan = spark.sql(f"select {inner[:-1]} as v from {frame}")
    root = tree(plan._jdf.queryExecution().analyzed().toJSON())
    estimates = Estimates(Spreads(), (), {})
    columns = estimates.query(root).columns
    size = estimates.values.of_column(columns[0])
    found = size.count if name == "size" else size.own
    assert 0 < true <= found


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> str:
    """A view of one row, whose texts, arrays and maps are as large as the estimates take for granted."""
    given = allowed().estimates
    part = f"concat(lpad('', {given.part - 2}, 'ab'), lpad(string(n), 2, '0'))"
    listed_ = f"transform(sequence(1, {given.elements}), n -> {part})"
    spark.sql(
        f"select 1 as c, lpad('', {given.text}, 'a') as t, lpad('', {given.text}, 'ab') as u, 1.25D as d, {listed_} as l, "
        f"map_from_arrays({listed_}, {listed_}) as m, named_struct('a', lpad('', {given.part}, 'x')) as s"
    ).createOrReplaceTempView("estimated")
    return "estimated"
