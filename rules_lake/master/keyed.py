"""Frames of other systems under master ids: whose record a row names becomes who that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_lake.master.day_files import checksum, files_of
from rules_lake.master.letters import other_way_faults
from rules_lake.master.records import Key, text_of
from rules_lake.master.settings import Keyed, Settings, Source
from rules_lake.master.source_tables import table_of

MASTER = "master_id"


@dataclass(frozen=True)
class Rows:
    """A frame of a day as it came, and the checksum of its files."""

    frame: Keyed
    table: pa.Table
    checksum: str

    @property
    def keys(self) -> list[str | None]:
        """Whose record each row names."""
        return list(text_of(self.table[self.frame.key]).to_pylist())

    def faults(self, records: Sequence[Key]) -> Iterator[Fault]:
        """Rows that would be of nobody for the way in which their keys are written."""
        source = self.frame.source
        known = [key for name, key in records if name == source]
        yield from other_way_faults(f"Frame '{self.frame.name}'", filter(None, self.keys), known, f"'{source}'")

    def under(self, masters: Mapping[Key, int | str], type_: pa.DataType) -> tuple[pa.Table, int]:
        """
        The rows with the master's id before their columns, in their order; and how many have none.

        A row whose record no source has gets no id: nothing is dropped here, the lake's check of orphans counts it.
        """
        ids = [masters.get((self.frame.source, key)) if key is not None else None for key in self.keys]
        found = self.table.add_column(0, MASTER, pa.array(ids, type_))
        return found, ids.count(None)


def read(settings: Settings, day: str) -> tuple[Rows, ...]:
    """
    Every frame that is to be written under master ids.

    Raises:
        RunRefused: For files or columns that are missing; all at once.
    """
    found: list[Rows] = []
    faults: list[Fault] = []
    for frame in settings.frames:
        try:
            found.append(_read(frame, day))
        except RunRefused as refused:
            faults += refused.faults
    raise_all(RunRefused, faults)
    return tuple(found)


def _read(frame: Keyed, day: str) -> Rows:
    which = f"Frame '{frame.name}'"
    files = files_of(which, frame.path, frame.format, day)
    as_source = Source(frame.name, frame.path, frame.format, frame.key, {}, {}, delimiter=frame.delimiter,
                       encoding=frame.encoding)  # fmt: skip
    table = table_of(which, as_source, files)
    raise_all(RunRefused, _faults(which, frame, table.column_names))
    return Rows(frame, table, checksum(files))


def _faults(which: str, frame: Keyed, names: Sequence[str]) -> Iterator[Fault]:
    if frame.key not in names:
        what = f"it has no column '{frame.key}'; it has {', '.join(names)}."
        yield Fault(which, what, did_you_mean(frame.key, names))
    if MASTER in names:
        yield Fault(which, f"it has a column '{MASTER}' already.", "Give the frame as its system has it.")


def write(folder: Path, frame: Keyed, table: pa.Table) -> None:
    """A frame in a folder of its own: Parquet as Parquet, and CSV as CSV, every cell as it was written."""
    folder.mkdir(parents=True)
    if frame.format == "parquet":
        pq.write_table(table, folder / "part-00000.parquet", compression="zstd", store_schema=False)
    else:
        pcsv.write_csv(table, folder / "part-00000.csv", pcsv.WriteOptions(delimiter=frame.delimiter))
