"""Names of tables (R-HIST-9)."""

from __future__ import annotations

import pytest

from rules_engine.errors import RunRefused
from rules_engine.publication.names import table_name
from tests.spec.table import cases

REFUSED = """
    environment | tenant | service | table     | faults | because
    ------------+--------+---------+-----------+--------+--------------------------------------------------
                | mutual | rules   | history   | 1      | a part is missing
    dev         | a_b    | c       | history   | 1      | dev, a, b_c would come to the same name
    dev         | a      | b_c     | history   | 1      | dev, a_b, c would come to the same name
    dév         | mut/al | ru les  | his'tory  | 4      | every part is of plain letters, digits and marks
"""


@pytest.mark.parametrize("case", cases(REFUSED))
def test_a_malformed_part_is_refused(case: dict[str, str]) -> None:
    """All malformed parts are named at once."""
    with pytest.raises(RunRefused) as refused:
        table_name(case["environment"], case["tenant"], case["service"], case["table"])
    assert len(refused.value.faults) == int(case["faults"])


def test_the_name_carries_environment_and_tenant() -> None:
    """Four parts in order; only the table's own part may hold an underscore."""
    assert table_name("prod", "mutual-1", "rules", "history_v2") == "prod_mutual-1_rules_history_v2"


def test_a_name_too_long_for_dynamodb_is_refused() -> None:
    """255 characters fit, 256 do not."""
    assert len(table_name("e", "t", "s", "h" * 249)) == 255
    with pytest.raises(RunRefused, match="it has 256 characters"):
        table_name("e", "t", "s", "h" * 250)
