"""JSON frames: read whole once, token by token, before a value of it is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.lake import cells, json_records, scanning, text_pass
from rules_engine.lake.agreement import in_both, not_encoded
from rules_engine.lake.data_files import DataFile, of_uri
from rules_engine.lake.hadoop import opened
from rules_engine.lake.json_faults import Found, as_text, by_text, told
from rules_engine.lake.json_records import RecordCheck, total
from rules_engine.lake.spark_types import quoted
from rules_engine.lake.text_faults import value_fault
from rules_engine.lake.text_values import value_of
from rules_engine.lake.unread import not_read, spark_errors
from rules_engine.model.frames import Frame

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NO_JSON = (json_records.BROKEN, json_records.LETTERS)


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
        try:
            found = total(self._found())
        except spark_errors() as problem:
            yield from [fault for file in self.files if (fault := self._break_of(file))] or [
                not_read(self.frame, problem)
            ]
            return
        for kind, name in found:
            if kind == json_records.UNKNOWN and name.lower() in map(str.lower, self.folders):
                yield in_both(self.frame, name)
        found = {key: files for key, files in found.items() if key[1].lower() not in map(str.lower, self.folders)}
        others = dict(self._others(found))
        yield from others.values()
        found = {key: rest for key, files in found.items() if (rest := {u: files[u] for u in files if u not in others})}
        yield from told(self.frame, self._in_files, found, lambda uri: self._file(uri).name, self._line)
        if self._of_java and not any(kind == json_records.BROKEN for kind, _ in found):
            yield from self._of_texts()

    def _break_of(self, file: DataFile) -> Fault | None:
        spark, frame = self.spark, self.frame
        return scanning.misnamed(spark, frame, file) or scanning.not_unpacked(spark, frame, file)

    def _others(self, found: Found) -> Iterator[tuple[str, Fault]]:
        """Files that are no JSON by their first bytes, with what is said of them."""
        for uri in {uri for key, files in found.items() if key[0] in NO_JSON for uri in files}:
            file = self._file(uri)
            if fault := scanning.misnamed(self.spark, self.frame, file):
                yield uri, fault
            elif kind := scanning.kind_of(self.spark, file):
                said = not_encoded(self.frame, kind)
                what = said.what.replace("{file}", f"file {file.name}").replace("{has}", "has")
                yield uri, Fault(f"Frame '{self.frame.name}'", what, said.remedy, said.code)

    def _of_texts(self) -> Iterator[Fault]:
        """Days and moments in a form that Java alone reads."""
        rows = self._read(dict.fromkeys(self._of_java, "string"), "PERMISSIVE")
        texts = {name: text_pass.Text(quoted(name), self.wanted[name]) for name in self._of_java}
        for name, wrong in text_pass.wrong(rows, texts, self.frame.options).items():
            if name in texts:
                file = self._file(wrong.file).name
                yield value_fault(self.frame, name, self.wanted[name], wrong.count, wrong.text, file, 0)

    def _found(self) -> list[object]:
        """What tasks find in the lines; a file that is one text is one line."""
        reader = self.spark.read.schema(f"{quoted(text_pass.LINE)} string")
        rows = reader.text(self.path, wholetext=self._whole, lineSep=self.frame.options.get("lineSep"))
        lines = rows.selectExpr(f"{quoted(text_pass.LINE)} AS value", "_metadata.file_path AS file")
        return list(lines.mapInArrow(self._check, json_records.FOUND).collect())

    @cached_property
    def _check(self) -> RecordCheck:
        parse = getattr(self.spark._jvm, "org.apache.spark.sql.types.DataType").fromDDL
        types = {name: json.loads(parse(type_).json()) for name, type_ in self._in_files.items()}
        texts = frozenset(by_text(self._in_files, self.frame.options))
        return RecordCheck(types, texts, self.frame.options, self._whole)

    @property
    def _whole(self) -> bool:
        """Whether a file is one text."""
        return self.frame.options.get("multiLine", "false").lower() == "true"

    def _line(self, uri: str, kind: str, name: str) -> int:
        file = self._file(uri)
        if self.frame.options.keys() & {"multiLine", "lineSep"} or file.name.endswith((".gz", ".bz2", ".zst")):
            return 0
        with opened(self.spark, file) as stream:
            return json_records.first(self._check, stream, kind, name)

    def _file(self, uri: str) -> DataFile:
        return of_uri(self.files, uri)

    @property
    def _in_files(self) -> dict[str, str]:
        return {name: type_ for name, type_ in self.wanted.items() if name not in self.folders}

    @cached_property
    def _as_text(self) -> list[str]:
        """Columns that Spark is to read as texts: days, and numbers where they are said to be texts."""
        return as_text(self._in_files, self.frame.options)

    @cached_property
    def _of_java(self) -> list[str]:
        texts = by_text(self._in_files, self.frame.options)
        return [name for name in texts if cells.reader(self.wanted[name], self.frame.options) is None]

    def _read(self, types: Mapping[str, str], mode: str) -> DataFrame:
        said = {name: value for name, value in self.frame.options.items() if name in ("multiLine", "lineSep")}
        said |= {"columnNameOfCorruptRecord": text_pass.BROKEN_OFF, "mode": mode}
        if not self._whole:  # else Java's reader, told of it, takes the mark at a file's beginning for a letter
            said["encoding"] = "UTF-8"
        schema = ", ".join(f"{quoted(name)} {type_}" for name, type_ in types.items())
        return self.spark.read.schema(schema).options(**said).json(self.path)

    def _value(self, name: str) -> str:
        if name not in self._as_text:
            return quoted(name)
        return value_of(quoted(name), self.wanted[name], self.frame.options)
