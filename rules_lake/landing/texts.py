"""The records of text files as batches, in one pass, by the readers of the lake: what it would refuse is found."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.lake import cells, json_records
from rules_engine.lake.agreement import head_faults, in_both
from rules_engine.lake.data_files import DataFile
from rules_engine.lake.heads import EMPTY, MOST_CELLS, Found, Head, dialect, is_header, with_columns
from rules_engine.lake.json_faults import as_text, by_text, told
from rules_engine.lake.line_ends import end_of
from rules_engine.lake.spark_types import NAMES
from rules_engine.lake.text_faults import (
    Uneven,
    Wrong,
    blank_fault,
    ends_fault,
    header_again,
    record_fault,
    value_fault,
)
from rules_engine.model.frames import Format, Frame
from rules_lake.landing.folder_columns import without
from rules_lake.landing.types import arrow_type, spark_name

ROWS = 65_536
"""Rows that are held at a time."""


class _QuotedEmpty(str):
    """An empty cell within quotes, where it is told from one without: by what it is, for every letter may be one."""


QUOTED_EMPTY = _QuotedEmpty()

Held = list[Sequence[str | None]]


class TextRecords:
    """
    What the text files of a frame hold. Batches are of values; of a column of which only Java reads the form, of texts.

    Files are read one after the other, and what is wrong in all of them is told at the end, as the lake tells it.
    ``folders`` are columns that the names of their folders say, and no file.
    """

    def __init__(self, frame: Frame, folders: Iterable[str] = ()) -> None:
        self.frame, self._folders = frame, {*folders}
        self.types = without({c.name: spark_name(c.type) for c in frame.columns}, self._folders)
        self._wrong: dict[str, Wrong] = {}
        self._uneven: dict[str, tuple[int, Uneven]] = {}
        self._ends: dict[str, int] = {}
        self._again: dict[str, int] = {}
        self._blank: dict[str, int] = {}
        self._json: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
        self._lines: dict[tuple[str, str, str], int] = {}
        self._file = ""

    def csv(self, file: str, lines: Iterable[str]) -> Iterator[pa.RecordBatch]:
        """The records of a file, its header aside, which is looked at elsewhere."""
        self._file = file
        csv.field_size_limit(MOST_CELLS)
        kept = _Kept(lines)
        rows = csv.reader(kept, **dialect(self.frame))
        try:
            yield from self._batches(self._cells(rows, kept), self._readers(json=False))
        except csv.Error as problem:
            self._uneven[file] = (1, Uneven(rows.line_num, 0, str(problem)))

    def _cells(self, rows: Any, kept: _Kept) -> Iterator[tuple[int, Sequence[str | None]]]:
        said, wide, names = self.frame.options, len(self.types), list(self.types)
        null, empty = said.get("nullValue", ""), said.get("emptyValue")
        if said.get("header", "true").lower() == "true":
            raise_all(RunRefused, self._of_header(next(filter(None, rows), None)))
        first = end_of(kept.clear())
        for record in rows:
            raw = kept.clear()
            end = end_of(raw)
            first = first or end
            if end and end != first:
                self._ends.setdefault(self._file, rows.line_num)
            if is_header(record, names):
                self._again.setdefault(self._file, rows.line_num)
                continue
            if not record:
                if wide == 1:
                    self._blank.setdefault(self._file, rows.line_num)
                continue
            if len(record) != wide:
                count, uneven = self._uneven.get(self._file, (0, Uneven(rows.line_num, len(record))))
                self._uneven[self._file] = (count + 1, uneven)
                continue
            told_apart = null and "" in record and self._mark in raw
            quoted = self._with_quoted(raw, record) if told_apart else record
            yield rows.line_num, [_meant(cell, null, empty) for cell in quoted]

    def _of_header(self, names: list[str] | None) -> Iterator[Fault]:
        if "\0" in "".join(names or ()):
            raise UnicodeError("letters of two bytes each")
        if both := sorted(self._folders & {*(names or ())}):
            yield from (in_both(self.frame, name) for name in both)
            return
        file = DataFile("", self._file.rpartition("/")[2], 0, "")
        found = (
            Head(file, wrong=EMPTY) if names is None else with_columns(file, Found([(name, None) for name in names]))
        )
        yield from head_faults(self.frame, self.types, [found])

    @property
    def _mark(self) -> str:
        return str(dialect(self.frame)["quotechar"]) * 2

    def _with_quoted(self, raw: str, record: list[str]) -> list[str]:
        """The cells of a record, with a mark in those that are empty within quotes."""
        said = dialect(self.frame)
        quote, sep = re.escape(said["quotechar"]), re.escape(said["delimiter"])
        cell = re.compile(rf"(?:{quote}((?:[^{quote}]|{quote}{quote})*){quote}|[^{sep}\r\n]*)(?:{sep}|\r?\n|\r|$)")
        at, found = 0, []
        for text in record:
            match = cell.match(raw, at)
            if not match:
                return record
            found.append(QUOTED_EMPTY if match[1] == "" else text)
            at = match.end()
        return found

    def json(self, file: str, lines: Iterable[str]) -> Iterator[pa.RecordBatch]:
        """The records of a file of one object a line."""
        self._file = file
        yield from self._batches(self._objects(lines), self._readers(json=True))

    def _objects(self, lines: Iterable[str]) -> Iterator[tuple[int, Sequence[str | None]]]:
        of_json = {name: _OF_JSON.get(type_, type_) for name, type_ in self.types.items()}
        check = json_records.RecordCheck(
            of_json, frozenset(by_text(self.types, self.frame.options)), self.frame.options
        )
        for number, line in enumerate(lines, 1):
            if not line.strip(json_records.BLANK):
                continue
            for record in json_records.parted(line):
                whole = isinstance(record, json_records.Pairs)
                found = list(check.of_record(record)) if whole else [(json_records.BROKEN, "", "")]
                for kind, name, text in found:
                    self._found(kind, name, text, number)
                if all(kind == json_records.SEEN for kind, *_ in found):
                    said = dict(record)
                    yield number, [_as_text(said.get(name)) for name in self.types]

    def _found(self, kind: str, name: str, text: str, line: int) -> None:
        files = self._json.setdefault((kind, name), {})
        count, first = files.get(self._file, (0, text))
        files[self._file] = (count + 1, first)
        self._lines.setdefault((self._file, kind, name), line)

    def _readers(self, *, json: bool) -> list[cells.Read | None]:
        options = self.frame.options
        in_quotes = as_text(self.types, options) if json else list(self.types)
        return [
            cells.reader(type_, options) if name in in_quotes else cells.json_number(type_)
            for name, type_ in self.types.items()
        ]

    def _batches(
        self, records: Iterator[tuple[int, Sequence[str | None]]], readers: Sequence[cells.Read | None]
    ) -> Iterator[pa.RecordBatch]:
        held: Held = []
        numbers: list[int] = []
        for number, record in records:
            held.append(record)
            numbers.append(number)
            if len(held) == ROWS:
                yield self._batch(held, numbers, readers)
                held, numbers = [], []
        if held:
            yield self._batch(held, numbers, readers)

    def _batch(self, held: Held, numbers: Sequence[int], readers: Sequence[cells.Read | None]) -> pa.RecordBatch:
        arrays = []
        for (name, type_), read, given in zip(self.types.items(), readers, zip(*held, strict=True), strict=True):
            texts = pa.array(given, pa.string())
            if read is None:
                arrays.append(texts)
                continue
            values = cells.column(texts, read, arrow_type(type_))
            if values.null_count > texts.null_count:
                wrong = cells.wrong(texts, read)
                least = min(wrong)
                found = Wrong(sum(wrong.values()), self._file, least, numbers[given.index(least)])
                self._wrong[name] = found.and_(self._wrong.get(name))
            arrays.append(values)
        return pa.RecordBatch.from_arrays(arrays, names=list(self.types))

    def faults(self) -> Iterator[Fault]:
        """Everything that would not come back as it was written, in the files that were read."""
        if self._ends:
            for file, line in self._ends.items():
                yield ends_fault(self.frame, file, line)
            return
        for file, line in self._again.items():
            yield header_again(self.frame, file, line)
        for file, line in self._blank.items():
            yield blank_fault(self.frame, file, line)
        for file, (count, first) in self._uneven.items():
            yield record_fault(self.frame, file, count, [first], len(self.types))
        if self.frame.format is Format.JSON:
            both = sorted(name for kind, name in self._json if kind == json_records.UNKNOWN and name in self._folders)
            if both:
                yield from (in_both(self.frame, name) for name in both)
                return
            yield from told(self.frame, self.types, self._json, str, lambda *of: self._lines[of])
            return
        for name, type_ in self.types.items():
            if wrong := self._wrong.get(name):
                yield value_fault(self.frame, name, type_, wrong.count, wrong.text, wrong.file, wrong.line)


class _Kept:
    """Lines that are passed on, and kept until they are asked for."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._held = iter(lines), list[str]()

    def __iter__(self) -> _Kept:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._held.append(line)
        return line

    def clear(self) -> str:
        """The lines since the last time."""
        raw = "".join(self._held)
        self._held.clear()
        return raw


_OF_JSON: Mapping[str, str] = {name: of_json for of_json, name in NAMES.items()}


def _meant(cell: str, null: str, empty: str | None) -> str | None:
    if cell is QUOTED_EMPTY:
        return ""
    if cell in ("", null):
        return None
    return "" if cell == empty else cell


def _as_text(value: Any) -> str | None:
    """A value of JSON as it is written."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
