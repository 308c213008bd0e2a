"""How much of a cluster's nodes Spark is given."""

from __future__ import annotations

import pytest

from jobs.entry import Summary, finish
from jobs.nodes import sizes_on
from rules_engine.errors import RunRefused
from tests.spec.table import Row, cases

SIZES = """
    instance     | nodes | executor | beside | partitions | because
    -------------+-------+----------+--------+------------+-----------------------------------------------
    m7i.2xlarge  | 2     | 5        | 4      | 32         | two executors of nine gigabytes beside the driver's five, of 24
    m7g.xlarge   | 1     | 4        | 3      | 8          | one executor beside the driver
    r7i.4xlarge  | 10    | 13       | 9      | 320        | more memory a core
    m6id.8xlarge | 4     | 7        | 4      | 256        | the letters after the number change nothing
"""


@pytest.mark.parametrize("row", cases(SIZES))
def test_sizes_follow_the_nodes(row: Row) -> None:
    """The driver and the executors of a node fit into the three quarters of it that YARN has."""
    sizes = sizes_on(row["instance"], int(row["nodes"]))
    found = (sizes.executor, sizes.beside, sizes.partitions)
    assert found == (int(row["executor"]), int(row["beside"]), int(row["partitions"]))


BY_WORK = """
    rows       | rules | driver | executor | partitions | because
    -----------+-------+--------+----------+------------+----------------------------------------------------
    -          | -     | 4      | 5        | 32         | nothing is told: two parts for each core
    20000      | 30    | 4      | 5        | 4          | no 200 files for 20,000 customers
    100        | 30    | 4      | 5        | 1          | one part is the least
    2000000    | 500   | 4      | 5        | 32         | every core has its two
    20000000   | 2000  | 4      | 5        | 80         | no part is larger than a worker can hold
    2000000    | 2001  | 5      | 5        | 32         | more rules are a larger plan, which the driver keeps
    2000000    | 8000  | 10     | 4        | 32         | at the cost of the executors beside it
"""


@pytest.mark.parametrize("row", cases(BY_WORK))
def test_sizes_follow_rows_and_rules(row: Row) -> None:
    """On two nodes of one type: more rows are more parts, more rules a larger driver."""
    rows, rules = (None if row[name] == "-" else int(row[name]) for name in ("rows", "rules"))
    sizes = sizes_on("m7i.2xlarge", 2, rows, rules)
    found = (sizes.driver, sizes.executor, sizes.partitions)
    assert found == (int(row["driver"]), int(row["executor"]), int(row["partitions"]))


MEMORY = """
    said                                                              | words                         | because
    ------------------------------------------------------------------+-------------------------------+----------------------------
    java.lang.OutOfMemoryError: Java heap space                       | spark.executor.memory         | a heap is full
    Container killed by YARN for exceeding physical memory limits.    | spark.executor.memoryOverhead | YARN ends a container
    ExecutorLostFailure: Command exited with code 1, Exit status: 137 | spark.executor.memoryOverhead | Linux ends a process
    Total size of serialized results is bigger than maxResultSize     | spark.driver.memory           | a driver is handed too much
    malloc of size 4294967296 failed                                  | spark.executor.memoryOverhead | Arrow is given no more
"""


@pytest.mark.parametrize("row", cases(MEMORY))
def test_a_step_that_ran_out_of_memory_says_so(
    row: Row, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 8, and what to give more of, wherever in the chain of causes it is said; another error stays what it is."""
    monkeypatch.setattr("sys.argv", ["evaluate_step.py"])
    with pytest.raises(SystemExit) as ended:
        finish(lambda _: _raised(row["said"]))
    assert ended.value.code == 8
    assert row["words"] in capsys.readouterr().err
    with pytest.raises(ValueError, match="another"):
        finish(lambda _: _raised("another"))


def _raised(said: str) -> Summary:
    """A problem of Python, caused by what was said elsewhere."""
    try:
        raise RuntimeError(said)
    except RuntimeError as problem:
        raise ValueError(f"in a stage: {said}" if said == "another" else "a stage failed") from problem


@pytest.mark.parametrize("instance", ["c7i.xlarge", "m7i.large", "t3.micro", "metal"])
def test_a_node_that_is_too_small_or_unknown_is_refused(instance: str) -> None:
    """Before a cluster is started on which no executor would be."""
    with pytest.raises(RunRefused, match=r"Instance type .* such as m7i\.2xlarge"):
        sizes_on(instance, 2)
