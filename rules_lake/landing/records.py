"""The rows of an extract's files, read to the end: Parquet, ORC, CSV and JSON lines as declared, or refused."""

from __future__ import annotations

import io
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.lake import first_bytes
from rules_engine.lake.arrow_types import NANOSECONDS, Unreadable
from rules_engine.lake.heads import columns_of_parquet, lost_in
from rules_engine.lake.orc_feet import OF_JAVA, WALL_TIME, columns_of_orc
from rules_engine.lake.text_faults import lost_letters
from rules_engine.model.frames import Format, Frame
from rules_lake.landing import options
from rules_lake.landing.folder_columns import FolderColumns, without
from rules_lake.landing.place import Place
from rules_lake.landing.texts import ROWS, TextRecords
from rules_lake.landing.types import arrow_type, has_length, same, spark_type

PACKED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}

Batches = Iterator[pa.RecordBatch]

FIRST_DAY = (date(1582, 10, 15) - date(1970, 1, 1)).days
"""The first day of today's calendar, as columns count days."""


def _is_of_old_calendar(said: Mapping[bytes, bytes]) -> bool:
    """Whether Spark wrote a Parquet file by the calendar of before 1582: Spark 2 always, later ones where told to."""
    old = any(b"org.apache.spark.legacy" + kind in said for kind in (b"DateTime", b"INT96"))
    return old or said.get(b"org.apache.spark.version", b"3").startswith((b"1.", b"2."))


def _name_of(type_: pa.DataType, read: str | Unreadable) -> str:
    """A type as a manifest names it: as Spark does; a moment by whether it has a zone, however it is written."""
    if pa.types.is_timestamp(type_) or isinstance(read, Unreadable):
        return spark_type(type_) or str(type_)
    return read


def _with_moments(batch: pa.RecordBatch, read: Mapping[str, str | Unreadable]) -> pa.RecordBatch:
    """The batch with moments for what Spark wrote as a number of millionths of a second, for want of a type in ORC."""
    arrays = [
        column.cast(pa.timestamp("us")) if read[name] == WALL_TIME and pa.types.is_integer(column.type) else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


class Records:
    """
    The rows of one file as batches in the declared types. What is wrong is told by :attr:`faults` as reading goes on.

    Where options say what only the lake's own reading judges, values are refused, or left as their texts where
    ``judge`` is false; of records that cannot be parted there are then lines, as the one column of a batch.
    ``own`` are the columns that the file itself has, as Spark SQL types; a text's are the declared ones. ``found``
    are these and the ones that the names of its folders say.
    ``texts`` reads several files of texts, and is then asked for what is wrong in all of them.
    """

    def __init__(
        self,
        place: Place,
        name: str,
        frame: Frame,
        *,
        unended: bool = False,
        judge: bool = True,
        texts: TextRecords | None = None,
    ) -> None:
        self.place, self.name, self.frame, self.unended = place, name, frame, unended
        self.unjudged, self.judge = options.unjudged(frame), judge
        self.own: dict[str, str] = {}
        self._folders = FolderColumns(frame, name)
        self._texts, self._of_several = texts or TextRecords(frame, self._folders.types), texts is not None
        self._faults: list[Fault] = []

    @property
    def found(self) -> dict[str, str]:
        return self.own | self._folders.types

    @property
    def faults(self) -> list[Fault]:
        """What was found wrong so far; what is wrong in texts of several files they tell themselves."""
        return self._faults + ([] if self._of_several else list(self._texts.faults()))

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
        if many := next((c for c in self.frame.columns if self.frame.format.is_text and not arrow_type(c.type)), None):
            raise self._refused(f"its column '{many.name}' is of many values, which no text holds.", "Land Parquet.")
        try:
            if options.is_parted(self.frame):
                yield from map(self._folders.beside, read[kind]())
            else:
                yield from self._lines_only()
        except UnicodeError as problem:
            raise RunRefused(*self.faults, self._lost()) from problem
        except (pa.ArrowException, EOFError, OSError) as problem:
            what = f"it cannot be read to its end as {kind}: it is broken, cut off or something else."
            raise self._refused(what, "Have it written again.") from problem

    def _declared(self) -> dict[str, str]:
        """The declared columns that stand in the file."""
        return without({c.name: c.type for c in self.frame.columns}, self._folders.types)

    # columnar ---------------------------------------------------------------------------------------------------

    def _parquet(self) -> Batches:
        with self.place.reading(self.name) as stream:
            file = pq.ParquetFile(stream, page_checksum_verification=True, coerce_int96_timestamp_unit="us")
            self._columns_are(file.schema_arrow, dict(columns_of_parquet(file.metadata)))
            of_then = _is_of_old_calendar(file.metadata.metadata or {})
            for batch in file.iter_batches(ROWS):
                yield self._typed(self._of_this_calendar(batch) if of_then else batch)

    def _orc(self) -> Batches:
        from pyarrow import orc

        with self.place.reading(self.name) as stream:
            file = orc.ORCFile(stream)
            read = dict(columns_of_orc(file.schema))
            self._columns_are(file.schema, read)
            for stripe in range(file.nstripes):
                batch = _with_moments(self._stripe(file, stripe), read)
                yield self._typed(self._of_this_calendar(batch) if file.writer == OF_JAVA else batch)

    def _stripe(self, file: Any, stripe: int) -> pa.RecordBatch:
        """
        The rows of a stripe.

        Raises:
            RunRefused: If they have moments that are none here, such as the end of 9999.
        """
        try:
            return file.read_stripe(stripe)
        except pa.ArrowInvalid as problem:
            if "out of range for nanosecond" not in str(problem):
                raise
            what = "it has moments before 1677-09-22 or after 2262-04-11, which are not read from ORC here."
            raise self._refused(what, "Have it written as Parquet, or such a column as days.") from problem

    def _of_this_calendar(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """
        The batch, if no day of it is one that was counted by the calendar of then, and would be another by today's.

        Raises:
            RunRefused: Naming a column that has such days.
        """
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
                least = pc.min(column)
                if least.is_valid and least.cast(pa.date32(), safe=False).cast(pa.int32()).as_py() < FIRST_DAY:
                    what = (
                        f"its column '{name}' has days before 15 October 1582, which it counts by the calendar of then."
                    )
                    raise self._refused(what, "Have it written as Parquet by Spark 3 or later, or without such days.")
        return batch

    def _columns_are(self, schema: pa.Schema, read: Mapping[str, str | Unreadable]) -> None:
        """
        See that columns are as declared; ``read`` are Spark's names of their types, or what it reads as nothing.

        Raises:
            RunRefused: With everything that is not.
        """
        own = {field.name: _name_of(field.type, read[field.name]) for field in schema}
        capitals = Counter(field.name.lower() for field in schema)
        for name in (field.name for field in schema if capitals[field.name.lower()] > 1):
            what = f"it has more than one column '{name}', whatever the capitals."
            self._faults.append(self._fault(what, "Keep one of them."))
        by_foot = (
            own if self.frame.format is Format.ORC else own | {n: t for n, t in read.items() if isinstance(t, str)}
        )
        for name, type_ in (self._declared() or by_foot).items():
            if name not in own:
                near = did_you_mean(name, own, 0.5)
                what = f"its column '{name}' is missing."
                self._faults.append(self._fault(what, f"{near} Mend the extract or the declaration."))
            elif isinstance(unread := read[name], Unreadable) and (unread != NANOSECONDS or not same(type_, own[name])):
                what = f"its column '{name}' is {unread.what}, which Spark does not read."
                self._faults.append(self._fault(what, f"Write {unread.instead}."))
            elif not same(type_, by_foot[name]):
                what = f"its column '{name}' is {by_foot[name]}, and declared as {type_}."
                self._faults.append(self._fault(what, "Mend the declaration, or land the declared type."))
        raise_all(RunRefused, self._faults)
        self.own = own

    def _typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch, a column in the declared type where that is of one value."""
        wanted = {c.name: c.type for c in self.frame.columns}
        arrays = [
            self._cast(name, column, wanted[name]) if arrow_type(wanted.get(name, "")) is not None else column
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    def _cast(self, name: str, column: pa.Array, declared: str) -> pa.Array:
        """
        A column in the declared type.

        Raises:
            RunRefused: Where a value would not come back, such as a moment of nanoseconds, or a text of more letters.
        """
        type_, most = arrow_type(declared), has_length(declared)
        found = None
        with suppress(pa.ArrowException):
            found = column.cast(type_)
        if found is None or (most and (pc.max(pc.utf8_length(found)).as_py() or 0) > most):
            said = declared if most else type_
            what = f"its column '{name}' is {column.type} and has values that {said}, as which it is read, cannot hold."
            raise self._refused(what, "Have it written in the declared type, or declare one that holds them.")
        return found

    # texts ------------------------------------------------------------------------------------------------------

    @property
    def _encoding(self) -> str:
        return self.frame.options.get("encoding", "UTF-8")

    def _csv(self) -> Batches:
        self.own = self._declared()
        return self._texts.csv(self.name, self._lines())

    def _json(self) -> Batches:
        self.own = self._declared()
        return self._texts.json(self.name, self._lines())

    @contextmanager
    def _unpacked(self) -> Iterator[Any]:
        packed = next((how for suffix, how in PACKED.items() if self.name.lower().endswith(suffix)), None)
        with self.place.reading(self.name) as raw:
            yield pa.CompressedInputStream(raw, packed) if packed else raw

    def _lost(self) -> Fault:
        with self._unpacked() as stream:
            text = io.BufferedReader(stream)
            kind = first_bytes.kind(text.peek(first_bytes.LONGEST)[: first_bytes.LONGEST])
            line, cut = lost_in(text, self._encoding)
        return lost_letters(self.frame, self.name, line, cut=cut, kind=kind)

    def _lines(self) -> Iterator[str]:
        """The lines of a text with their ends, which the last one has too."""
        with self._unpacked() as stream:
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
        self.own = self._declared()
        lines = self._lines()
        while held := list(itertools.islice(lines, ROWS)):
            yield pa.RecordBatch.from_arrays([pa.array(held, pa.string())], names=["line"])

    # faults -----------------------------------------------------------------------------------------------------

    def _refused(self, what: str, remedy: str) -> RunRefused:
        return RunRefused(*self.faults, self._fault(what, remedy))

    def _fault(self, what: str, remedy: str) -> Fault:
        return Fault(f"Frame '{self.frame.name}', file {self.name}", what, remedy.strip())
