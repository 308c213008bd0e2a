"""How much of a cluster's nodes Spark is given."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("instance", ["c7i.xlarge", "m7i.large", "t3.micro", "metal"])
def test_a_node_that_is_too_small_or_unknown_is_refused(instance: str) -> None:
    """Before a cluster is started on which no executor would be."""
    with pytest.raises(RunRefused, match=r"Instance type .* such as m7i\.2xlarge"):
        sizes_on(instance, 2)
