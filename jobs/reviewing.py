"""Reviews over an installation: how staged folders are read, and where lists of subjects are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused
from rules_engine.review.staged import Tables, local_tables

if TYPE_CHECKING:
    import pyarrow as pa

    from jobs.wiring import Installation

FORMS = ("parquet", "csv")


def tables_of(installation: Installation) -> Tables:
    """Folders of this machine are read as they are; others by Spark, onto the driver."""
    if "://" not in installation.settings.runs:
        return local_tables

    def by_spark(folder: str, columns: Sequence[str]) -> pa.Table | None:
        import pyarrow

        from rules_engine.lake.storage import exists

        spark = installation.spark
        if not exists(spark, folder):
            return None
        rows = spark.read.parquet(folder)
        wanted = rows.select(*columns) if columns else rows
        return pyarrow.Table.from_pandas(wanted.toPandas(), preserve_index=False)

    return by_spark


def written(flips: pa.Table, folder: Path, form: str, name: str = "flips") -> tuple[str, ...]:
    """
    Write everybody who flips into a folder, and say to which files.

    Raises:
        RunRefused: If there is no such form, or the folder cannot be written to.
    """
    if form not in FORMS:
        raise RunRefused(Fault("--format", f"there is no form '{form}'.", f"There are: {', '.join(FORMS)}."))
    file = folder / f"{name}.{form}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if form == "csv":
            from pyarrow import csv

            csv.write_csv(flips, file)
        else:
            from pyarrow import parquet

            parquet.write_table(flips, file)
    except OSError as problem:
        what = f"it cannot be written to: {problem.strerror or problem}."
        raise RunRefused(Fault(f"Folder {folder}", what, "Name another with --out.")) from problem
    return (str(file),)
