"""The records of all sources in one table: as they came, and as they are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.lake.text_faults import shape
from rules_lake.master.day_files import checksum, files_of
from rules_lake.master.letters import twice_faults
from rules_lake.master.moments import moments
from rules_lake.master.roles import GENERATION, NAMES, derived, generation, readings
from rules_lake.master.settings import Outside, Settings, Source
from rules_lake.master.source_tables import table_of, wanted

Key = tuple[str, str]
"""A record by its source and its key there, as text."""


@dataclass(frozen=True)
class Records:
    """
    ``raw`` has source, key, updated and the master's columns as they came, as text; ``compared`` a row for each of
    its, with roles as they are compared, derived columns and ``rid``, the row's place. Both are sorted by source and
    key, so that they do not depend on the order of files or rows.
    """

    raw: pa.Table
    compared: pa.Table
    checksums: dict[str, str]
    keys: list[Key]

    def place(self, key: Key) -> int | None:
        """The row of a record."""
        return self._places().get(key)

    def _places(self) -> dict[Key, int]:
        found: dict[Key, int] | None = self.__dict__.get("_known")
        if found is None:
            found = {key: place for place, key in enumerate(self.keys)}
            self.__dict__["_known"] = found
        return found


def read(settings: Settings, day: str) -> Records:
    """
    Every source of a day.

    Raises:
        RunRefused: For files or columns that are missing, keys that are missing or there twice; all at once.
    """
    faults: list[Fault] = []
    tables, checksums = [], {}
    for source in settings.sources:
        try:
            which = f"Source '{source.name}'"
            files = files_of(which, source.path, source.format, day)
            table = table_of(which, source, files)
        except RunRefused as refused:
            faults += refused.faults
            continue
        found = [*_column_faults(source, table)]
        faults += found
        if not found:
            checksums[source.name] = checksum(files)
            tables.append(_raw(source, table, settings.columns))
            faults += _row_faults(source, tables[-1])
    raise_all(RunRefused, faults)
    if settings.outside.path:
        checksums["[crosswalk]"] = checksum(_crosswalk_files(settings.outside, day))
    return records_of(settings, pa.concat_tables(tables), checksums)


def records_of(settings: Settings, raw: pa.Table, checksums: dict[str, str]) -> Records:
    """Records with what is compared of them."""
    raw = raw.sort_by([("source", "ascending"), ("key", "ascending")]).combine_chunks()
    keys = list(zip(raw["source"].to_pylist(), raw["key"].to_pylist(), strict=True))
    return Records(raw, _compared(settings, raw), checksums, keys)


def _crosswalk_files(outside: Outside, day: str) -> list[Path]:
    return files_of("Crosswalk", outside.path, outside.format, day)


def read_columns(outside: Outside, day: str) -> pa.Table:
    """An outside table's columns source, key and master, as text."""
    said = {"source": outside.source, "key": outside.key, "master": outside.master}
    keep = {name: (column,) for name, column in said.items()}
    source = Source("crosswalk", outside.path, outside.format, outside.key, {}, keep, delimiter=outside.delimiter,
                    encoding=outside.encoding)  # fmt: skip
    table = table_of("Crosswalk", source, _crosswalk_files(outside, day))
    raise_all(RunRefused, _column_faults(source, table))
    return pa.table({name: text_of(table[column]) for name, column in said.items()})


def _column_faults(source: Source, table: pa.Table) -> Iterator[Fault]:
    which = f"Source '{source.name}'"
    for column in sorted(wanted(source) - set(table.column_names)):
        what = f"it has no column '{column}'; it has {', '.join(table.column_names)}."
        yield Fault(which, what, did_you_mean(column, table.column_names))
    for column in sorted(wanted(source) & set(table.column_names)):
        try:
            text_of(table[column])
        except (pa.ArrowException, UnicodeDecodeError):
            what = f"its column '{column}' is of type {table.schema.field(column).type}, which is no text."
            yield Fault(which, what, "Name a column of one plain value, or have the extract write it as text.")
    if not len(table):
        yield Fault(which, "it has no rows.", "Land the whole extract, or take the source out of the settings.")


def _row_faults(source: Source, raw: pa.Table) -> Iterator[Fault]:
    if strange := [text for text, said in said_by(source, raw).items() if said is None]:
        what = f"its {source.updated} says no moment in {len(strange):,} values, as {shape(min(strange))}."
        remedy = "Write days as 2024-06-05 or 05/06/2024, with or without 10:00:00, or all of them as whole numbers."
        yield Fault(f"Source '{source.name}'", what, remedy)
    keys = raw["key"]
    if pc.any(pc.equal(keys, source.key)).as_py():
        yield Fault(f"Source '{source.name}'", "a header stands among its records.", "Land each file with one header.")
    if keys.null_count:
        yield Fault(
            f"Source '{source.name}'", f"{keys.null_count:,} rows have no {source.key}.", "Every record needs one."
        )
    counted = keys.drop_null().value_counts()
    twice = counted.filter(pc.greater(counted.field("counts"), 1)).field("values")
    if len(twice):
        shown = ", ".join(sorted(map(str, twice.to_pylist()))[:3])
        what = f"{len(twice):,} keys are there more than once: {shown}."
        yield Fault(
            f"Source '{source.name}'", what, f"Give {source.key} that names one record, or the newest state alone."
        )
    yield from twice_faults(f"Source '{source.name}'", keys.drop_null().to_pylist())


def said_by(source: Source, raw: pa.Table) -> Mapping[str, str | None]:
    """What the texts of a source's ``updated`` say, in the order of time: all together, for one alone does not tell."""
    texts = raw["updated"].filter(pc.equal(raw["source"], source.name)).drop_null().unique().to_pylist()
    return moments(texts, source.day_first)


def _raw(source: Source, table: pa.Table, columns: tuple[str, ...]) -> pa.Table:
    said = {**source.roles, **source.keep}
    empty = pa.nulls(len(table), pa.string())
    cells = {
        name: _joined(table, said[name], "-" if name == "birth_date" else " ") if name in said else empty
        for name in columns
    }
    updated = text_of(table[source.updated]) if source.updated else empty
    named = pa.array([source.name] * len(table), pa.string())
    return pa.table({"source": named, "key": text_of(table[source.key]), "updated": updated, **cells})


def _joined(table: pa.Table, columns: tuple[str, ...], between: str) -> pa.Array:
    if len(columns) == 1:
        return text_of(table[columns[0]])
    parts = [text_of(table[column]) for column in columns]
    if between == "-":  # of a day in parts, none is enough
        return pc.binary_join_element_wise(*parts, between)
    found = pc.binary_join_element_wise(*parts, between, null_handling="skip")
    return pc.if_else(pc.equal(found, ""), None, found)


def text_of(column: pa.ChunkedArray) -> pa.Array:
    """Cells as text: a whole number without a fraction, a moment in its own spelling; NaN is no value."""
    cells = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    texts = _numbers(cells) if pa.types.is_floating(cells.type) else pc.cast(cells, pa.string())
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(texts), ""), None, pc.utf8_trim_whitespace(texts))


def _numbers(cells: pa.Array) -> pa.Array:
    """Floating numbers as text, whatever stands beside them: each whole one that is kept by its digits."""
    cells = pc.if_else(pc.is_nan(cells), None, cells)
    whole = pc.and_(pc.equal(pc.round(cells), cells), pc.less(pc.abs(cells), 2.0**53))
    return pc.coalesce(
        pc.cast(pc.cast(pc.if_else(whole, cells, None), pa.int64()), pa.string()), pc.cast(cells, pa.string())
    )


def _compared(settings: Settings, raw: pa.Table) -> pa.Table:
    """What is compared of every record, source by source: the order of the rows is that of ``raw``."""
    roles = frozenset(settings.linking.compare) or settings.roles
    sources = sorted(settings.sources, key=lambda source: source.name)
    parts = [_of_source(source, raw.filter(pc.equal(raw["source"], source.name)), roles) for source in sources]
    table = pa.concat_tables(parts).combine_chunks()
    for role, share in OWN.items():
        if role in roles:
            most = max(settings.linking.largest, int(len(table) * share))
            table = table.set_column(table.column_names.index(role), role, _own(table[role], most))
    for column in derived(roles):
        inputs = (table[name].to_pylist() for name in column.needs)
        table = table.append_column(column.name, pa.array(map(column.make, *inputs), pa.string()))
    return table.add_column(0, "rid", pa.array(range(len(table)), pa.int64())).combine_chunks()


OWN = {"birth_date": 0.005, "email": 0.0, "phone": 0.0, "national_id": 0.0, "identifier": 0.0}
"""
What is somebody's own, and which share of all records may have one value of it besides as many as one master may have:
what more have is what a system writes for want of a value, such as 123456789.
"""


def _own(column: pa.ChunkedArray, most: int) -> pa.ChunkedArray:
    counted = column.value_counts()
    crowded = counted.filter(pc.greater(counted.field("counts"), most)).field("values").drop_null()
    return pc.if_else(pc.is_in(column, crowded), None, column)


def _of_source(source: Source, raw: pa.Table, roles: frozenset[str]) -> pa.Table:
    """Each role is read once for each value of its column, however many rows have it."""
    cells: dict[str, pa.Array] = {"source": raw["source"], "single": pa.array([source.single] * len(raw), pa.bool_())}
    for role, read in readings(source.day_first).items():
        if role in roles:
            values = raw[role].combine_chunks().dictionary_encode()
            read_values = pa.array(map(read, values.dictionary.to_pylist()), pa.string())
            cells[role] = pc.take(read_values, values.indices)
    names = [raw[role].to_pylist() for role in NAMES if role in roles]
    if names:
        cells[GENERATION] = pa.array(map(generation, zip(*names, strict=True)), pa.string())
    return pa.table(cells)
