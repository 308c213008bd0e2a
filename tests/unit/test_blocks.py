"""Blocks that are too large bring nobody together, and chains that are too long no two who are unlike (R-LAKE-5)."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pytest

from rules_lake.master import blocks
from rules_lake.master.blocks import bounded
from rules_lake.master.clusters import LOOKED_INTO, Link, Pair, Refusal, joined
from tests.spec.table import Row, cases

RECORDS = pa.table(
    {
        "rid": [0, 1, 2, 3, 4],
        "email": ["shop@x", "shop@x", "shop@x", "a@x", None],
        "family_name": ["reed", "reed", "reed", "moss", "reed"],
        "birth_date": ["19700101", "19700102", "19800101", "19700101", "19700103"],
    }
)

WITHIN = """
    few | most | largest, pairs | because
    ----+------+----------------+-------------------------------------------------------
    10  | 0    | 500, 10        | all: a day of two, an address of three, a name of four
    9   | 0    | 3, 4           | without the name
    3   | 0    | 2, 1           | nor the address
    0   | 1    | 3, 4           | five records, a pair each
"""


@pytest.mark.parametrize("row", cases(WITHIN))
def test_the_largest_blocks_go_until_pairs_are_in_proportion(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever rule they are of."""
    monkeypatch.setattr(blocks, "FEW_PAIRS", int(row["few"]))
    monkeypatch.setattr(blocks, "MOST_PAIRS", int(row["most"]))
    found = blocks.within(RECORDS, ["email", "family_name", "birth_date"], 500)
    assert found == tuple(map(int, row["largest, pairs"].split(", ")))


BLOCKS = """
    rule                                      | largest | fits          | because
    ------------------------------------------+---------+---------------+---------------------------------------------
    email                                     | 3       |               | no block is larger
    email                                     | 2       | - - - 1 1     | an address of three; none is nobody's
    family_name                               | 3       | - - - 1 -     | a name of four
    family_name, birth_date                   | 1       |               | a name and a day of one
    family_name, substr(birth_date, 1, 4)     | 2       | - - 1 1 -     | a name and a year of three
"""


@pytest.mark.parametrize("row", cases(BLOCKS))
def test_a_block_that_is_too_large_joins_nothing(row: Row) -> None:
    """By a column beside the rule's own, only where there is such a block."""
    table, columns = bounded(RECORDS, [row["rule"]], int(row["largest"]))
    fits = [table.column(name).to_pylist() for name in columns.values()]
    assert fits == ([[1 if each == "1" else None for each in row["fits"].split()]] if row["fits"] else [])


def test_a_chain_of_any_length_joins_no_two_that_are_unlike() -> None:
    """R-LAKE-5: each record is like the next and the one after that, and no others."""
    rows = range(LOOKED_INTO + 50)
    links = [Link(row, row + 1, 0.99) for row in rows[:-1]]

    def inside(pairs: Iterable[Pair]) -> dict[Pair, float]:
        return {(a, b): 0.5 if b - a <= 2 else 0.0 for a, b in pairs}

    found = joined([None for _ in rows], links, [], inside, largest=20, weakest=0.001)
    assert max(of[-1] - of[0] for of in found.members().values()) == 2
    assert {each.why for each in found.refused} == {Refusal.CHAINED}
