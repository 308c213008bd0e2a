"""The rows of an extract's files, read to the end: Parquet, ORC, CSV and JSON lines as declared, or refused."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rules_engine.errors import Fault, RunRefused, did_you_mean
from rules_engine.model.frames import Frame
from rules_lake.landing import options
from rules_lake.landing.place import Place
from rules_lake.landing.types import arrow_type, read_texts, same, spark_type

ROWS = 65_536
"""Rows that are held at a time."""

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "parquet": (".parquet", ".parq", ".pq"),
    "orc": (".orc",),
    "csv": (".csv", ".tsv", ".txt"),
    "json": (".json", ".jsonl", ".ndjson"),
}
PACKED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}

Batches = Iterator[pa.RecordBatch]


class Records:
    """
    The rows of one file as batches in the declared types. What is wrong is told by :attr:`faults` as reading goes on.

    Where options say what only the lake's own reading judges, values are refused, or left as their texts where
    ``judge`` is false; of records that cannot be parted there are then lines, as the one column of a batch.
    ``found`` are the columns that the file itself has, as Spark SQL types; a text's are the declared ones.
    """

    def __init__(self, place: Place, name: str, frame: Frame, *, unended: bool = False, judge: bool = True) -> None:
        self.place, self.name, self.frame, self.unended = place, name, frame, unended
        self.unjudged, self.judge = options.unjudged(frame), judge
        self.found: dict[str, str] = {}
        self.faults: list[Fault] = []
        self._said = set[str]()

    def batches(self) -> Batches:
        """
        The rows, in order.

        Raises:
            RunRefused: If the file cannot be read to its end, or its columns are not the declared ones.
        """
        read = {"parquet": self._parquet, "orc": self._orc, "csv": self._csv, "json": self._json}
        kind = self.frame.format.value
        if kind not in read:
            what = f"it is declared as {kind}, which is a table of its own and not an extract of files."
            raise self._refused(what, "Land Parquet, ORC, CSV or JSON.")
        if self.unjudged and self.judge:
            what = f"its values are written by {', '.join(self.unjudged)}, which only the lake's own reading knows."
            raise self._refused(what, "Land it as Parquet, or written without these options.")
        try:
            yield from read[kind]() if options.is_parted(self.frame) else self._lines_only()
        except UnicodeDecodeError as problem:
            what = f"it is not {self._encoding}: byte {problem.start} of a part of it means no letter."
            raise self._refused(what, "Write it as UTF-8, or say its encoding among the frame's options.") from problem
        except (pa.ArrowException, EOFError, OSError) as problem:
            what = f"it cannot be read to its end as {kind}: it is broken, cut off or something else."
            raise self._refused(what, "Have it written again.") from problem

    # columnar ---------------------------------------------------------------------------------------------------

    def _parquet(self) -> Batches:
        with self.place.reading(self.name) as stream:
            file = pq.ParquetFile(stream, page_checksum_verification=True)
            self._columns_are(file.schema_arrow)
            for batch in file.iter_batches(ROWS):
                yield self._typed(batch)

    def _orc(self) -> Batches:
        from pyarrow import orc

        with self.place.reading(self.name) as stream:
            file = orc.ORCFile(stream)
            self._columns_are(file.schema)
            for stripe in range(file.nstripes):
                yield self._typed(file.read_stripe(stripe))

    def _columns_are(self, schema: pa.Schema) -> None:
        own = {field.name: spark_type(field.type) or str(field.type) for field in schema}
        declared = {c.name: c.type for c in self.frame.columns} or own
        for name, type_ in declared.items():
            if name not in own:
                near = did_you_mean(name, own, 0.5)
                self._wrong(name, f"its column '{name}' is missing.", f"{near} Mend the extract or the declaration.")
            elif arrow_type(type_) is not None and not same(type_, own[name]):
                what = f"its column '{name}' is {own[name]}, and declared as {type_}."
                self._wrong(name, what, "Mend the declaration, or land the declared type.")
        if self.faults:
            raise RunRefused(*self.faults)
        self.found = own

    def _typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch, a column in the declared type where that is of one value."""
        wanted = {c.name: arrow_type(c.type) for c in self.frame.columns}
        arrays = [
            column.cast(wanted[name]) if wanted.get(name) is not None else column
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    # texts ------------------------------------------------------------------------------------------------------

    @property
    def _encoding(self) -> str:
        return self.frame.options.get("encoding", self.frame.options.get("charset", "UTF-8"))

    def _lines(self) -> Iterator[str]:
        """The lines of a text with their ends, which the last one has too."""
        packed = next((how for suffix, how in PACKED.items() if self.name.endswith(suffix)), None)
        with self.place.reading(self.name) as raw:
            stream = pa.CompressedInputStream(raw, packed) if packed else raw
            text = io.TextIOWrapper(stream, encoding=self._encoding, errors="strict", newline="")
            last = "\n"
            for number, line in enumerate(text):
                last = line
                yield line.removeprefix("\ufeff") if number == 0 else line
            ends = ("\n", "\r", self.frame.options.get("lineSep", "\n"))
            if not last.endswith(ends) and not self.unended:
                what = "its last line does not end, as where a writer was stopped."
                remedy = "Have it written again; if this writer never ends the last line, say --unended."
                raise self._refused(what, remedy)

    def _lines_only(self) -> Batches:
        """Lines in place of records of which landing cannot tell the cells."""
        self.found = {c.name: c.type for c in self.frame.columns}
        lines = self._lines()
        while held := list(itertools.islice(lines, ROWS)):
            yield pa.RecordBatch.from_arrays([pa.array(held, pa.string())], names=["line"])

    def _csv(self) -> Batches:
        said = self.frame.options
        rows = csv.reader(
            self._lines(),
            delimiter=options.separator(said.get("sep", ",")),
            quotechar=said.get("quote", '"'),
            strict=True,
        )
        names = [c.name for c in self.frame.columns]
        try:
            if said.get("header", "true").lower() == "true":
                self._header_is(next(rows, None), names)
            yield from self._cells(rows, names, said.get("nullValue", ""))
        except csv.Error as problem:
            what = f"line {rows.line_num} is no line of CSV: a quote is not closed, or stands within a cell."
            raise self._refused(what, "Write it as RFC 4180 has it, and to its end.") from problem

    def _header_is(self, header: list[str] | None, names: Sequence[str]) -> None:
        if header is None:
            raise self._refused("it is empty.", "Have it written again; an extract without rows has a header.")
        self.found = {c.name: c.type for c in self.frame.columns}
        if list(header) != list(names):
            what = f"its header is {', '.join(header)}, and declared are {', '.join(names)}, in this order."
            raise self._refused(what, "Mend the extract, or the declaration's columns and their order.")

    def _cells(self, rows: Iterator[list[str]], names: Sequence[str], null: str) -> Batches:
        self.found = {c.name: c.type for c in self.frame.columns}
        held: list[list[str]] = []
        first = 1
        for number, cells in enumerate(rows, 1):
            if len(cells) != len(names):
                what = f"record {number} has {len(cells)} cells, and {len(names)} columns are declared."
                raise self._refused(what, "Mend the extract: a record is cut off, or a separator is not quoted.")
            held.append(cells)
            if len(held) == ROWS:
                yield self._of_texts(zip(*held, strict=True), names, null, first)
                held, first = [], number + 1
        if held:
            yield self._of_texts(zip(*held, strict=True), names, null, first)

    def _of_texts(
        self, columns: Iterable[Sequence[str | None]], names: Sequence[str], null: str | None, first: int
    ) -> pa.RecordBatch:
        types = {c.name: arrow_type(c.type) for c in self.frame.columns}
        arrays = []
        for name, texts in zip(names, columns, strict=True):
            if (wanted := types[name]) is None:
                raise self._refused(f"its column '{name}' is of many values, which no text holds.", "Land Parquet.")
            given = pa.array([None if text == null else text for text in texts], pa.string())
            if self.unjudged:
                arrays.append(given)
                continue
            arrays.append(read_texts(given, wanted, lambda n, name=name: self._no_value(name, first + n)))  # type: ignore[misc]
        return pa.RecordBatch.from_arrays(arrays, names=list(names))

    def _no_value(self, name: str, record: int) -> None:
        declared = next(c.type for c in self.frame.columns if c.name == name)
        what = f"record {record} has no {declared} in its column '{name}'."
        self._wrong(name, what, "Mend the extract; the value is not shown, for it can be personal.")

    def _json(self) -> Batches:
        names = [c.name for c in self.frame.columns]
        self.found = {c.name: c.type for c in self.frame.columns}
        held: list[list[str | None]] = []
        first = 1
        for number, line in enumerate((line for line in self._lines() if line.strip()), 1):
            held.append(self._object(number, line, names))
            if len(held) == ROWS:
                yield self._of_texts(zip(*held, strict=True), names, None, first)
                held, first = [], number + 1
        if held:
            yield self._of_texts(zip(*held, strict=True), names, None, first)

    def _object(self, number: int, line: str, names: Sequence[str]) -> list[str | None]:
        try:
            said: Any = json.loads(line, parse_float=str, parse_int=str)
        except ValueError as problem:
            what = f"line {number} is no whole JSON object."
            raise self._refused(what, "Write one object a line, and the file to its end.") from problem
        if not isinstance(said, dict):
            raise self._refused(f"line {number} is JSON, and no object.", "Write one object a line.")
        if other := sorted(set(said) - set(names)):
            near = did_you_mean(other[0], names)
            self._wrong(other[0], f"line {number} has '{other[0]}', which is not declared.", near or "Declare it.")
        return [self._as_text(number, name, said.get(name)) for name in names]

    def _as_text(self, number: int, name: str, value: Any) -> str | None:
        if isinstance(value, dict | list):
            raise self._refused(f"line {number} has many values in '{name}'.", "Land Parquet.")
        return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    # faults -----------------------------------------------------------------------------------------------------

    def _refused(self, what: str, remedy: str) -> RunRefused:
        return RunRefused(*self.faults, Fault(self._which, what, remedy))

    def _wrong(self, name: str, what: str, remedy: str) -> None:
        """The first fault of each column."""
        if name not in self._said:
            self._said.add(name)
            self.faults.append(Fault(self._which, what, remedy.strip()))

    @property
    def _which(self) -> str:
        return f"Frame '{self.frame.name}', file {self.name}"
