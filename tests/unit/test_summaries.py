"""What the feet of Parquet files say of all rows, against the rows themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rules_engine.lake import parquet_feet
from rules_engine.lake.codes import NULLS, RANGE, VALUES
from rules_engine.lake.elements import Measure, wrong_rows_said
from rules_engine.lake.uniqueness import counted
from rules_engine.model.columns import Column
from rules_engine.model.summaries import ColumnSummary, Summary, of_parts

KINDS = {
    "n": (pa.int64(), lambda r: r.randint(-(10**12), 10**12)),
    "small": (pa.int8(), lambda r: r.randint(-128, 127)),
    "money": (pa.decimal128(12, 2), lambda r: Decimal(r.randint(-(10**6), 10**6)).scaleb(-2)),
    "large": (pa.decimal128(38, 4), lambda r: Decimal(r.randint(-(10**30), 10**30)).scaleb(-4)),
    "day": (pa.date32(), lambda r: date.fromordinal(r.randint(1, 3_000_000))),
}
WITHOUT_ENDS = {
    "text": (pa.string(), lambda r: "x" * r.randint(0, 200)),
    "share": (pa.float64(), lambda r: r.choice([1.5, float("nan")])),
    "moment": (pa.timestamp("us"), lambda r: r.randint(0, 10**15)),
    "yes": (pa.bool_(), lambda r: r.random() < 0.5),
}


@pytest.mark.parametrize("seed", range(20))
def test_what_files_say_is_what_their_rows_are(tmp_path: Path, seed: int) -> None:
    """Files of many parts, some of NULLs alone, some empty: rows, NULLs and both ends."""
    random, tables = Random(seed), list[pa.Table]()
    for number in range(3):
        rows, nulls = random.choice([0, 1, 7, 40]), random.choice([0.0, 0.5, 1.0])
        columns = {
            name: pa.array([None if random.random() < nulls else value(random) for _ in range(rows)], type_)
            for name, (type_, value) in (KINDS | WITHOUT_ENDS).items()
        }
        tables.append(pa.table(columns))
        pq.write_table(tables[-1], tmp_path / f"{number}.parquet", row_group_size=random.choice([1, 5, 100]))
    found = of_parts(
        parquet_feet.summary(pq.read_metadata(tmp_path / f"{number}.parquet"), [*KINDS, *WITHOUT_ENDS, "absent"])
        for number in range(3)
    )
    whole = pa.concat_tables(tables).to_pydict()
    assert found is not None
    assert found.rows == len(whole["n"])
    for name, said in found.columns.items():
        given = [value for value in whole[name] if value is not None]
        assert said.nulls == found.rows - len(given)
        assert said.ends == ((min(given), max(given)) if given and name in KINDS else None)
    assert {*found.columns} == ({*KINDS, *WITHOUT_ENDS} if found.rows else set())


def test_a_file_that_says_nothing_leaves_its_columns_unsaid(tmp_path: Path) -> None:
    """Written without statistics, for one column or all: what one part does not say, nobody says."""
    table = pa.table({"n": [1, 2], "m": [3, None]})
    feet = []
    for statistics in (True, ["n"], False):
        pq.write_table(table, tmp_path / "f.parquet", write_statistics=statistics)
        feet.append(parquet_feet.summary(pq.read_metadata(tmp_path / "f.parquet"), ["n", "m"]))
    assert [{*foot.columns} for foot in feet] == [{"n", "m"}, {"n"}, set()]
    together = of_parts(feet[:2])
    assert together == Summary(4, {"n": ColumnSummary(0, (1, 2))})
    assert of_parts([feet[0], None]) is None


def test_of_parts_of_a_value_nothing_is_said(tmp_path: Path) -> None:
    """A field of a struct has the path that a column with a dot would have, and elements of a list are no rows."""
    table = pa.table({"s": [{"x": 1}], "s.x": [2], "l": [[1, None]]})
    pq.write_table(table, tmp_path / "f.parquet")
    found = parquet_feet.summary(pq.read_metadata(tmp_path / "f.parquet"), ["s", "s.x", "l", "l.list.element"])
    assert found == Summary(1, {})


DAY = date(2024, 6, 1)
SAID = Summary(10, {"n": ColumnSummary(2, (-5, 7)), "day": ColumnSummary(0, (date(2024, 1, 1), DAY)), "none": ColumnSummary(10, None)})  # fmt: skip


def measure(code: str, column: Column) -> Measure:
    return Measure(column, code, None, 0, "", "")  # type: ignore[arg-type]  # Spark is not asked


WRONG: Sequence[tuple[str, Column, int | None]] = [
    (NULLS, Column("N", "int"), 2),
    (RANGE, Column("n", "int", low="-5", high="7"), 0),
    (RANGE, Column("n", "decimal(4,1)", low="-5.5"), 0),
    (RANGE, Column("day", "date", low="2024-01-01", high="as_of"), 0),
    (RANGE, Column("none", "int", low="1"), 0),
    # an end that is outside may be of one row or of all
    (RANGE, Column("n", "int", low="-4"), None),
    (RANGE, Column("n", "int", high="6"), None),
    (RANGE, Column("n", "double", low="-5"), None),
    (RANGE, Column("day", "date", high="2024-05-31"), None),
    (VALUES, Column("n", "int", values=("1",)), None),
    (NULLS, Column("absent", "int"), None),
]


@pytest.mark.parametrize(("code", "column", "wrong"), WRONG, ids=str)
def test_how_many_rows_are_wrong_is_said_or_has_to_be_counted(code: str, column: Column, wrong: int | None) -> None:
    assert wrong_rows_said(measure(code, column), SAID, DAY) == wrong


def test_where_files_say_all_of_it_no_row_is_read() -> None:
    """There is no frame to look at."""
    assert counted(None, [], [], 10) == (10, [], [])  # type: ignore[arg-type]
