"""The feet of Parquet files prove that values are as declared, or nothing: then the values are read (R-LAKE-2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rules_engine.lake.codes import NULLS, RANGE
from rules_engine.lake.elements import Measure
from rules_engine.lake.feet import Feet
from rules_engine.model.columns import Column
from tests.spec.table import Row, cases

AS_OF = date(2024, 6, 1)

PROVEN = """
    type          | values                   | asked                     | written       | proven | because
    --------------+--------------------------+---------------------------+---------------+--------+-------------------------------------
    int           | 1, 2, -, 4               | nulls 0.25                |               | yes    | as many as may be
    int           | 1, 2, -, 4               | nulls 0.2                 |               |        | one too many
    int           | 1, 2, 3, 4               | nulls 0                   |               | yes    | none
    string        | a, b, c, d               | nulls 0                   |               | yes    | of texts too
    string        | a, b, c, d               | nulls 0                   | no statistics |        | nothing is said
    int           | 1, 2, 3, 4               | range 1 4                 | no statistics |        | of a range neither
    int           | 1, 2, 3, 4               | nulls 0                   | half          |        | one file of two says nothing
    int           | 1, 2, 3, 4               | nulls 0                   | two           | yes    | both files say it
    int           | 1, 2, 3, 4               | range 1 4                 | two           | yes    | and of a range
    int           | 1, 2, 3, 5               | range 1 4                 | two           |        | the second is beyond
    int           | 1, 2, 3, 5               | range 1 4                 |               |        | beyond
    int           | -, -, -, -               | range 1 4                 |               | yes    | no value is beyond
    int           | 1, 2, 3, 4               | range 1 4                 | other name    |        | no such column in the file
    decimal(12,2) | 0.01, 5, 6, 7            | range 0.01 7              |               | yes    | decimals by their value
    decimal(12,2) | 0.01, 5, 6, 7            | range 0.02 7              |               |        | a hundredth below
    double        | 0.1, 0.2, 0.3, 1         | range 0 1                 |               |        | a foot does not say whether one is NaN
    double        | nan, 0.2, 0.3, 1         | range 0 1                 |               |        | and here one is
    double        | 0.1, -, 0.3, 1           | nulls 0.5                 |               | yes    | of nulls it does
    date          | 1900-01-01, -, -, -      | range 1900-01-01 as_of    |               | yes    | days
    date          | 2024-06-02, -, -, -      | range 1900-01-01 as_of    |               |        | after the day of the run
    date          | 1500-01-01, -, -, -      | range 1400-01-01 as_of    |               |        | days before 1582 some writers mean otherwise
    timestamp     | 2024-06-01, -, -, -      | range 2024-06-01 as_of    |               | yes    | the first moment of a day
    timestamp     | 2024-06-01, -, -, -      | range 2024-06-01 as_of    | int96         |        | of this encoding nothing is said
    timestamp     | 2024-06-01, -, -, -      | range 2024-05-31T12:00:00 as_of |         |        | a moment as bound is left to the values
    string        | a, b, c, d               | values                    |               |        | of values feet say too little
"""

READ: Mapping[str, tuple[pa.DataType, Callable[[str], Any]]] = {
    "string": (pa.string(), str),
    "int": (pa.int32(), int),
    "date": (pa.date32(), date.fromisoformat),
    "timestamp": (pa.timestamp("us", "UTC"), lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC)),
    "double": (pa.float64(), float),
    "decimal(12,2)": (pa.decimal128(12, 2), Decimal),
}


@pytest.mark.parametrize("row", cases(PROVEN))
def test_what_the_feet_of_files_prove(row: Row, tmp_path: Path) -> None:
    """And what they do not is asked of the values, as ever."""
    feet = Feet([pq.read_metadata(file) for file in _written(tmp_path, row)])
    word, *said = row["asked"].split()
    column = Column("value", row["type"])
    if word == "range":
        column = Column("value", row["type"], low=said[0], high=said[1])
    code = {"nulls": NULLS, "range": RANGE}.get(word, word)
    asked: Any = Measure(column, code, None, float(said[0]) if word == "nulls" else 0, "", "")  # type: ignore[arg-type]
    assert feet.open_([asked], AS_OF) == ([] if row["proven"] else [asked])
    assert Feet(()).open_([asked], AS_OF) == [asked]


def _written(folder: Path, row: Row) -> list[Path]:
    kind, read = READ[row["type"]]
    cells = [cell.strip() for cell in row["values"].split(",")]
    column = pa.array([None if cell == "-" else read(cell) for cell in cells], kind)
    rows = pa.table({"other" if row["written"] == "other name" else "value": column})
    parts = [rows.slice(0, 2), rows.slice(2)] if row["written"] in ("two", "half") else [rows]
    files = [folder / f"{at}.parquet" for at in range(len(parts))]
    for at, (part, file) in enumerate(zip(parts, files, strict=True)):
        silent = row["written"] == "no statistics" or (row["written"] == "half" and at == 1)
        pq.write_table(
            part, file, write_statistics=not silent, use_deprecated_int96_timestamps=row["written"] == "int96"
        )
    return files
