"""JSON frames: read whole once, token by token, before a value of it is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.lake import codes, json_records, text_pass
from rules_engine.lake.agreement import missing, undeclared
from rules_engine.lake.hadoop import DataFile, opened
from rules_engine.lake.json_records import RecordCheck, total
from rules_engine.lake.text_faults import json_fault, lost_letters, value_fault
from rules_engine.lake.text_values import quoted, value_of
from rules_engine.model.frames import Frame

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MOMENTS = {"date": "dateFormat", "timestamp": "timestampFormat", "timestamp_ntz": "timestampFormat"}
NUMBERS = {"tinyint", "smallint", "int", "bigint", "decimal", "double", "float"}


@dataclass(frozen=True)
class JsonFrame:
    """A frame's JSON files: the types that are wanted of their columns, and which columns folders say."""

    spark: SparkSession
    frame: Frame
    wanted: Mapping[str, str]
    path: str
    files: Sequence[DataFile]
    folders: Sequence[str]

    def rows(self) -> DataFrame:
        """The records as values; a record or a value that is none stops whatever reads it."""
        types = {name: "string" if name in self._as_text else type_ for name, type_ in self.wanted.items()}
        return self._read(types, "FAILFAST").selectExpr(*(f"{self._value(name)} AS {quoted(name)}" for name in types))

    def faults(self) -> Iterator[Fault]:
        """Everything that would not come back as it was written: one pass over tokens, and one over formatted texts."""
        found = total(self._found())
        yield from self._of_columns(found)
        for (kind, name), files in found.items():
            if kind in (json_records.SEEN, json_records.UNKNOWN):
                continue
            count = sum(each for each, _ in files.values())
            file = self._file(next(iter(files)))
            line = self._line(file, kind, name)
            if kind == json_records.LETTERS:
                yield lost_letters(self.frame, file.name, line)
            elif kind == json_records.VALUE:
                text = next(iter(files.values()))[1]
                yield value_fault(self.frame, name, self.wanted[name], count, text, file.name, line)
            else:
                yield json_fault(self.frame, kind, name, self.wanted.get(name, ""), count, file.name, line)
        if self._said_by_format and not any(kind == json_records.BROKEN for kind, _ in found):
            yield from self._of_texts()

    def _of_columns(self, found: Mapping[tuple[str, str], Mapping[str, tuple[int, str]]]) -> Iterator[Fault]:
        """Columns that no record of a file has, and keys that are not declared."""
        which = f"Frame '{self.frame.name}'"
        seen, unknown = (self._by_file(found, kind) for kind in (json_records.SEEN, json_records.UNKNOWN))
        for uri in sorted({*seen, *unknown}):
            file = self._file(uri)
            others = sorted(unknown.get(uri, set()))
            lost = [name for name in self._in_files if name not in seen.get(uri, set())]
            absent = self.frame.options.get("missing") == "null"
            said = [missing(name, others) for name in lost if not absent or name.lower() in map(str.lower, others)]
            near = {name.lower() for name in lost}
            said += [undeclared(name, lost) for name in others if name.lower() not in near]
            for each in said:
                what = each.what.replace("{file}", f"file {file.name}").replace("{has}", "has")
                remedy = each.remedy or 'Where it stands for no value, say options = { missing = "null" }.'
                yield Fault(which, what, remedy, codes.COLUMN)

    def _by_file(
        self, found: Mapping[tuple[str, str], Mapping[str, tuple[int, str]]], kind: str
    ) -> dict[str, set[str]]:
        names: dict[str, set[str]] = {}
        for (kind_, name), files in found.items():
            for uri in files if kind_ == kind else ():
                names.setdefault(uri, set()).add(name)
        return names

    def _of_texts(self) -> Iterator[Fault]:
        """Days and numbers that are texts, by the way in which the declaration says they are written."""
        rows = self._read(dict.fromkeys(self._said_by_format, "string"), "PERMISSIVE")
        texts = {name: text_pass.Text(quoted(name), self.wanted[name]) for name in self._said_by_format}
        for name, wrong in text_pass.wrong(rows, texts, self.frame.options).items():
            if name in texts:
                file = self._file(wrong.file).name
                yield value_fault(self.frame, name, self.wanted[name], wrong.count, wrong.text, file, 0)

    def _found(self) -> list[object]:
        """What tasks find in the lines; a file that is one text is one line."""
        whole = self.frame.options.get("multiLine", "false").lower() == "true"
        reader = self.spark.read.option("wholetext", str(whole).lower())
        if separator := self.frame.options.get("lineSep"):
            reader = reader.option("lineSep", separator)
        lines = reader.text(self.path).selectExpr("value", "_metadata.file_path AS file")
        return list(lines.mapInArrow(self._check, json_records.FOUND).collect())

    @cached_property
    def _check(self) -> RecordCheck:
        parse = getattr(self.spark._jvm, "org.apache.spark.sql.types.DataType").fromDDL
        types = {name: json.loads(parse(type_).json()) for name, type_ in self._in_files.items()}
        return RecordCheck(types, frozenset(self._said_by_format))

    def _line(self, file: DataFile, kind: str, name: str) -> int:
        if self.frame.options.keys() & {"multiLine", "lineSep"} or file.name.endswith((".gz", ".bz2", ".zst")):
            return 0
        with opened(self.spark, file) as stream:
            return json_records.first(self._check, stream, kind, name)

    def _file(self, uri: str) -> DataFile:
        name = uri.rsplit("/", 1)[-1]
        return next(file for file in self.files if file.uri.rsplit("/", 1)[-1] == name)

    @property
    def _in_files(self) -> dict[str, str]:
        return {name: type_ for name, type_ in self.wanted.items() if name not in self.folders}

    @cached_property
    def _as_text(self) -> list[str]:
        """Columns that Spark is to read as texts: days, and numbers where they are said to be texts."""
        numbers = NUMBERS if self.frame.options.get("numbers") == "texts" else set()
        return [name for name, type_ in self._in_files.items() if type_.partition("(")[0] in {*MOMENTS, *numbers}]

    @cached_property
    def _said_by_format(self) -> list[str]:
        """Those of them of which options say how they are written."""
        types = {name: self.wanted[name].partition("(")[0] for name in self._as_text}
        return [name for name, type_ in types.items() if MOMENTS.get(type_, "") in {"", *self.frame.options}]

    def _read(self, types: Mapping[str, str], mode: str) -> DataFrame:
        said = {name: value for name, value in self.frame.options.items() if name in ("multiLine", "lineSep")}
        schema = ", ".join(f"{quoted(name)} {type_}" for name, type_ in types.items())
        return self.spark.read.schema(schema).options(**said, mode=mode, encoding="UTF-8").json(self.path)

    def _value(self, name: str) -> str:
        if name not in self._as_text:
            return quoted(name)
        return value_of(quoted(name), self.wanted[name], self.frame.options)
