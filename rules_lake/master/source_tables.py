"""The rows of a source's files as one table: Parquet as it is, CSV as landing reads it, every cell as text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rules_engine.errors import Fault, RunRefused, collected, did_you_mean, raise_all
from rules_engine.lake.agreement import head_faults
from rules_engine.lake.data_files import DataFile
from rules_engine.lake.heads import EMPTY, LETTERS, READERS, Head
from rules_engine.lake.text_faults import Uneven, record_fault
from rules_engine.model.columns import Column
from rules_engine.model.frames import Format, Frame
from rules_lake.landing.place import Place
from rules_lake.landing.records import Records
from rules_lake.master.settings import Source

WRITTEN = (
    'Have it written again, with "" for a quote within quotes and one kind of line ends; how it is written is said by '
    "delimiter and encoding."
)


def wanted(source: Source) -> set[str]:
    """The columns that the settings name."""
    said = {column for columns in (*source.roles.values(), *source.keep.values()) for column in columns}
    return said | {source.key, *filter(None, [source.updated])}


def table_of(which: str, source: Source, files: list[Path]) -> pa.Table:
    """
    All rows of a source's files.

    Raises:
        RunRefused: If one cannot be read, or has not the columns of the others; of all files at once.
    """
    faults: list[Fault] = []
    names = {file: collected(partial(_names, which, source, file), faults) or [] for file in files}
    raise_all(RunRefused, faults)
    raise_all(RunRefused, _without_header(which, source, names))
    raise_all(RunRefused, _unlike(which, names))
    read = [collected(partial(_rows, which, source, file, names[file]), faults) for file in files]
    raise_all(RunRefused, faults)
    tables = {file: table for file, table in zip(files, read, strict=True) if table is not None}
    raise_all(RunRefused, _of_other_types(which, tables))
    return pa.concat_tables(tables.values(), promote_options="default")


def _names(which: str, source: Source, file: Path) -> list[str]:
    if source.format == "csv":
        return _header(which, source, file)
    try:
        return list(pq.read_schema(file).names)
    except (pa.ArrowException, OSError) as problem:
        raise RunRefused(_no_parquet(which, file, problem)) from None


def _rows(which: str, source: Source, file: Path, names: list[str]) -> pa.Table:
    if source.format == "csv":
        return _texts(which, source, file, names)
    try:
        return pq.read_table(file, coerce_int96_timestamp_unit="us")  # of nanoseconds, none is after 2262
    except (pa.ArrowException, OSError) as problem:
        raise RunRefused(_no_parquet(which, file, problem)) from None


def _no_parquet(which: str, file: Path, problem: Exception) -> Fault:
    what = f"its file {file.name} cannot be read: {str(problem).splitlines()[0].rstrip('.')}."
    other = file.suffix.lower() in (".csv", ".txt")
    return Fault(which, what, 'Write format = "csv".' if other else "Have it written, or land it, again.")


def _header(which: str, source: Source, file: Path) -> list[str]:
    """
    The columns of a CSV file, by its first line.

    Raises:
        RunRefused: If it has none, or one that is no text.
    """
    frame, said = _frame(source, ["any"]), DataFile("", file.name, 0, "")
    try:
        with file.open("rb") as stream:
            return [name for name, _ in READERS[Format.CSV](stream, frame).columns]
    except UnicodeError as problem:
        faults = [*head_faults(frame, {}, [Head(said, wrong=LETTERS, said=str(problem))])]
    except EOFError:
        faults = [*head_faults(frame, {}, [Head(said, wrong=EMPTY)])]
    except csv.Error as problem:
        faults = [record_fault(frame, file.name, 1, [Uneven(1, 0, str(problem))], 1)]
    raise RunRefused(*_of_source(which, frame, faults))


def _texts(which: str, source: Source, file: Path, names: list[str]) -> pa.Table:
    """
    Every cell of a CSV file as text: what an identifier with leading zeros means is not for a reader to guess.

    Raises:
        RunRefused: With the line of what landing and the lake would refuse as well.
    """
    frame = _frame(source, names)
    records = Records(Place(str(file)), file.name, frame, unended=True)
    try:
        batches = [*records.batches()]
        raise_all(RunRefused, records.faults)
    except RunRefused as refused:
        raise RunRefused(*_of_source(which, frame, refused.faults)) from None
    return pa.Table.from_batches(batches, pa.schema([(name, pa.string()) for name in names]))


def _frame(source: Source, names: list[str]) -> Frame:
    """A source's files as the lake would declare them."""
    columns = tuple(Column(name, "string") for name in names)
    options = {"sep": source.delimiter, "encoding": source.encoding}
    return Frame("source", source.path, Format.CSV, columns=columns, options=options)


def _of_source(which: str, frame: Frame, faults: Iterable[Fault]) -> Iterator[Fault]:
    """Faults of a frame as those of a source, which has no options."""
    for fault in faults:
        remedy = WRITTEN if "option" in fault.remedy else fault.remedy
        yield replace(fault, which=fault.which.replace(f"Frame '{frame.name}'", which), remedy=remedy)


def _without_header(which: str, source: Source, names: Mapping[Path, list[str]]) -> Iterator[Fault]:
    """CSV files with nothing in the first line that is looked for: its cells may be values, and are not shown."""
    looked_for = {name.lower() for name in wanted(source)}
    for file, own in names.items():
        if source.format == "csv" and not looked_for & {name.strip().lower() for name in own}:
            what = f"its file {file.name} has no column '{source.key}' in the first line, nor any that settings name."
            alone = "Say by delimiter what parts its cells, or name columns that it has."
            remedy = "Name columns that it has; where it has no header, have it written with one."
            yield Fault(which, what, alone if len(own) == 1 else remedy)


def _unlike(which: str, names: Mapping[Path, list[str]]) -> Iterator[Fault]:
    """Columns that one file has and another has not: they would be taken for cells without a value."""
    first, *_ = names
    for file, own in names.items():
        lower = [column.lower() for column in own]
        for column in sorted({column for column in lower if lower.count(column) > 1}):
            what = f"its file {file.name} has two columns '{column}', whatever the capitals."
            yield Fault(which, what, "Have each column written under a name of its own.")
        for column in sorted({*names[first]} ^ {*own}):
            has, lacks = (first, file) if column in names[first] else (file, first)
            what = f"its file {has.name} has a column '{column}', and {lacks.name} has none."
            yield Fault(which, what, did_you_mean(column, names[lacks]) or "Have all files written alike.")


def _of_other_types(which: str, tables: Mapping[Path, pa.Table]) -> Iterator[Fault]:
    """Columns of another type in another file: 7 and the text 7 are one key, and 007 is none of theirs."""
    first: dict[str, tuple[Path, pa.DataType]] = {}
    for file, table in tables.items():
        for field in table.schema:
            other, type_ = first.setdefault(field.name, (file, field.type))
            if type_ != field.type and not any(map(pa.types.is_null, (type_, field.type))):
                what = f"its column '{field.name}' is {type_} in {other.name} and {field.type} in {file.name}."
                yield Fault(which, what, "Have all files written alike.")
