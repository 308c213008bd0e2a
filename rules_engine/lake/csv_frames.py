"""CSV frames: every cell read as text, as RFC 4180 has it, and read whole once before a value of it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.lake import letters, scanning, text_pass
from rules_engine.lake.data_files import DataFile, of_uri
from rules_engine.lake.spark_types import quoted
from rules_engine.lake.text_faults import (
    Wrong,
    blank_fault,
    ends_fault,
    header_again,
    lost_letters,
    record_fault,
    value_fault,
    within_fault,
)
from rules_engine.lake.text_values import literal, value_of
from rules_engine.lake.unread import not_read, spark_errors
from rules_engine.model.frames import Frame

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PASSED_ON = (
    "header", "sep", "quote", "escape", "nullValue", "comment", "lineSep", "multiLine",
    "ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CsvFrame:
    """A frame's CSV files: the types that are wanted of their columns, and which columns folders say."""

    spark: SparkSession
    frame: Frame
    wanted: Mapping[str, str]
    path: str
    files: Sequence[DataFile]
    folders: Sequence[str]

    def rows(self) -> DataFrame:
        """The records as values; a record or a value that is none stops whatever reads it."""
        return self._cells("FAILFAST").selectExpr(*(f"{self._value(name)} AS {quoted(name)}" for name in self.wanted))

    def faults(self) -> Iterator[Fault]:
        """Everything that would not come back as it was written: one pass, and a look for the lines."""
        texts = {name: text_pass.Text(self._text(name), type_) for name, type_ in self._in_files.items()}
        try:
            found = text_pass.wrong(self._cells("PERMISSIVE"), texts, self.frame.options, self._marks())
        except spark_errors() as problem:
            yield from self._where_it_breaks(problem)
            return
        if {text_pass.CUT, text_pass.ENDS} & found.keys() and (ends := list(self._mixed_ends())):
            yield from ends
            return
        yield from self._told(found)
        if text_pass.CUT not in found:
            yield from self._ends(every=text_pass.LONG in found or self._has_open_lines())
        if len(self._in_files) == 1 or self.frame.options.get("sep", ",") in ("\t", "\\t", " "):
            blank = ((file, scanning.blank(self.spark, self.frame, file)) for file in self.files)
            yield from (blank_fault(self.frame, file.name, line) for file, line in blank if line)

    def _marks(self) -> dict[str, str]:
        """What records are counted by, beside what their cells hold."""
        marks, names = {text_pass.CUT: f"{quoted(text_pass.BROKEN_OFF)} IS NOT NULL"}, list(self._in_files)
        said = self.frame.options
        if names and said.get("multiLine", "true").lower() == "true" and "lineSep" not in said:
            first, last = quoted(names[0]), quoted(names[-1])
            marks[text_pass.ENDS] = f"endswith({last}, '\\r') OR startswith({first}, '\\n')"
            texts = [quoted(name) for name in names if self.wanted[name].startswith(("string", "varchar", "char"))]
            marks[text_pass.LONG] = f"contains({last}, '\\n')"
            marks[text_pass.WITHIN] = " OR ".join(f"contains({text}, '\\n')" for text in texts) or "false"
        if names:
            in_cells = [f"trim({literal(letters.MARK + chr(34))} FROM {quoted(names[0])})", *map(quoted, names[1:])]
            marks[text_pass.AGAIN] = " AND ".join(
                f"{text} = {literal(n)}" for text, n in zip(in_cells, names, strict=True)
            )
        return marks

    def _mixed_ends(self) -> Iterator[Fault]:
        for file in self.files:
            if line := scanning.other_end(self.spark, self.frame, file):
                yield ends_fault(self.frame, file.name, line)

    def _told(self, found: Mapping[str, Wrong]) -> Iterator[Fault]:
        frame = self.frame
        places = {name: at for at, name in enumerate(self._in_files)}
        for name, wrong in found.items():
            file = of_uri(self.files, wrong.file)
            if name == text_pass.CUT:
                told = list(scanning.uneven(self.spark, frame, file, len(places)))
                yield record_fault(frame, file.name, wrong.count, told, len(places))
            elif name == text_pass.AGAIN:
                yield header_again(self.frame, file.name, scanning.header_again(self.spark, frame, file, list(places)))
            elif name in (text_pass.ENDS, text_pass.LONG):
                continue  # within quotes: they are part of a text
            elif name == text_pass.WITHIN:
                lines = ((each, scanning.end_within(self.spark, frame, each)) for each in self.files)
                yield from (within_fault(frame, each.name, line) for each, line in lines if line)
            elif name == text_pass.LETTERS:
                line, cut = scanning.first_lost(self.spark, frame, file)
                yield from [lost_letters(frame, file.name, line, cut=cut)] if line else []
            else:
                line = scanning.line_of(self.spark, frame, file, places[name], wrong.text)
                yield value_fault(frame, name, self.wanted[name], wrong.count, wrong.text, file.name, line)

    def _has_open_lines(self) -> bool:
        """Where a record is a line, Spark ends with it what a quote has opened: no cell tells of it."""
        said = self.frame.options
        if said.get("multiLine", "true").lower() == "true":
            return False
        lines = self.spark.read.schema(f"{quoted(text_pass.LINE)} string").text(self.path, lineSep=said.get("lineSep"))
        return text_pass.has_open_lines(lines, self.frame)

    def _ends(self, *, every: bool) -> Iterator[Fault]:
        """Files whose last record is cut off within quotes, for Spark ends it there; ``every`` one is read for that."""
        cells = len(self._in_files)
        for file in self.files:
            if every or not scanning.ends_well(self.spark, self.frame, file, cells):
                for told in scanning.uneven(self.spark, self.frame, file, cells):
                    yield record_fault(self.frame, file.name, 1, [told], cells)

    def _where_it_breaks(self, problem: Exception) -> Iterator[Fault]:
        """What is wrong in each file where cells cannot be parted: looked for, for Spark does not say it."""
        found = [fault for file in self.files if (fault := self._break_of(file))]
        yield from found or [next(self._mixed_ends(), None) or not_read(self.frame, problem)]

    def _break_of(self, file: DataFile) -> Fault | None:
        if fault := scanning.misnamed(self.spark, self.frame, file):
            return fault
        told = next(scanning.uneven(self.spark, self.frame, file, len(self._in_files)), None)
        if told:
            return record_fault(self.frame, file.name, 1, [told], len(self._in_files))
        return scanning.not_unpacked(self.spark, self.frame, file)

    @property
    def _in_files(self) -> dict[str, str]:
        return {name: type_ for name, type_ in self.wanted.items() if name not in self.folders}

    @property
    def _encoding(self) -> str:
        return self.frame.options.get("encoding", "UTF-8")

    def _cells(self, mode: str) -> DataFrame:
        types = {name: type_ if name in self.folders else "string" for name, type_ in self.wanted.items()}
        said = {name: value for name, value in self.frame.options.items() if name in PASSED_ON}
        options = {"header": "true", "escape": said.get("quote", '"'), "multiLine": "true"} | said
        options |= {"encoding": letters.of_spark(self._encoding), "mode": mode, "enforceSchema": "false"}
        options |= {"unescapedQuoteHandling": "RAISE_ERROR", "columnNameOfCorruptRecord": text_pass.BROKEN_OFF}
        if mode == "PERMISSIVE":
            types[text_pass.BROKEN_OFF] = "string"
        schema = ", ".join(f"{quoted(name)} {type_}" for name, type_ in types.items())
        return self.spark.read.schema(schema).options(**options).csv(self.path)

    def _text(self, name: str) -> str:
        """The text of a cell; Spark takes what stands for an empty one the other way round, so that is read here."""
        text = letters.put_right(quoted(name), self._encoding)
        stands = self.frame.options.get("emptyValue")
        return f"CASE WHEN {text} = {literal(stands)} THEN '' ELSE {text} END" if stands else text

    def _value(self, name: str) -> str:
        if name in self.folders:
            return quoted(name)
        return value_of(self._text(name), self.wanted[name], self.frame.options)
