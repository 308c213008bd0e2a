"""One pass over the texts of a frame: how many are no values of their types, and one of them with its file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.lake import cells
from rules_engine.lake.heads import Records, dialect
from rules_engine.lake.letters import LOST
from rules_engine.lake.text_faults import Wrong
from rules_engine.lake.text_values import is_of_form
from rules_engine.model.frames import Frame

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FOUND = "file string, name string, count bigint, text string"
CUT, LETTERS, ENDS, AGAIN, WITHIN, LONG = "", " ", "\n", "\r", "\n\n", "\r\r"
"""
Names of no column, under which records are counted: cut off, with lost letters, an end of a line where one cell meets
another or within a text, a header, an end of a line within the last cell.
"""

BROKEN_OFF = "\ue000 broken off"
"""The column that holds a record which Spark cannot read: a name that no column has."""
LINE = "\ue000 line"
"""The same of one that holds lines."""


@dataclass(frozen=True, slots=True)
class Text:
    """A column: the SQL of its text, and its type."""

    sql: str
    type_: str


@dataclass(frozen=True)
class TextCheck:
    """
    Counts what is wrong in batches of texts: a file, what records are marked by, whether cut off first, and texts.

    Texts of ``by_form`` come with whether they are in the form that is said, which Java was asked.
    """

    marks: Sequence[str]
    types: Mapping[str, str]
    options: Mapping[str, str]
    by_form: Sequence[str]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found: dict[str, Wrong] = {}
        for batch in batches:
            for file in pc.unique(batch.column("file")).to_pylist():
                of_file = batch.filter(pc.equal(batch.column("file"), file))
                for name, wrong in self._of_file(of_file, file):
                    found[name] = wrong.and_(found.get(name))
        rows = [(each.file, name, each.count, each.text) for name, each in found.items()]
        types = (pa.string(), pa.string(), pa.int64(), pa.string())
        columns = [pa.array([row[at] for row in rows], type_) for at, type_ in enumerate(types)]
        yield pa.RecordBatch.from_arrays(columns, ["file", "name", "count", "text"])

    def _of_file(self, batch: pa.RecordBatch, file: str) -> Iterator[tuple[str, Wrong]]:
        """A record that is cut off is none, nor is a header, so their cells are not looked at."""
        for at, name in enumerate(self.marks):
            marked = batch.column(f"m{at}")
            if count := pc.sum(marked).as_py():
                yield name, Wrong(count, file)
                batch = batch.filter(pc.invert(marked)) if name in (CUT, AGAIN) else batch
        for at, (name, type_) in enumerate(self.types.items()):
            texts = batch.column(f"t{at}")
            wrong = self._not_of_form(batch, at) if name in self.by_form else self._wrong(texts, type_)
            if wrong:
                yield name, Wrong(sum(wrong.values()), file, min(wrong))

    def _wrong(self, texts: pa.Array, type_: str) -> Mapping[str, int]:
        read = cells.reader(type_, self.options)
        assert read is not None
        return cells.wrong(texts, read)

    def _not_of_form(self, batch: pa.RecordBatch, at: int) -> Mapping[str, int]:
        texts = batch.column(f"t{at}").filter(pc.invert(batch.column(f"f{at}")))
        return {each["values"]: each["counts"] for each in texts.value_counts().to_pylist()}


@dataclass(frozen=True)
class LineCheck:
    """Counts, in batches of lines as bytes, those that cannot be parted into cells by themselves."""

    frame: Frame

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        encoding = self.frame.options.get("encoding", "UTF-8")
        for batch in batches:
            lines = (raw.decode(encoding, "replace") for raw in batch.column(0).to_pylist())
            count = sum(not self._is_parted(line) for line in lines)
            yield pa.RecordBatch.from_arrays([pa.array([count], pa.int64())], ["count"])

    def _is_parted(self, line: str) -> bool:
        try:
            return all(True for _ in Records([line], self.frame))
        except csv.Error:
            return False


def has_open_lines(lines: DataFrame, frame: Frame) -> bool:
    """Whether a quote is open at the end of a line, in ``LINE``, of a frame whose records are a line each."""
    quote = dialect(frame)["quotechar"]
    if not quote:
        return False
    quoted = lines.where(lines[LINE].contains(quote)).select(lines[LINE].cast("binary"))
    return bool(quoted.mapInArrow(LineCheck(frame), "count bigint").where("count > 0").head(1))


def wrong(
    rows: DataFrame, texts: Mapping[str, Text], options: Mapping[str, str], marks: Mapping[str, str] | None = None
) -> dict[str, Wrong]:
    """What is wrong in each column, by its name; ``marks`` are the SQL of what else is counted, by the names of it."""
    lost = " OR ".join(f"contains(coalesce({text.sql}, ''), '{LOST}')" for text in texts.values()) or "false"
    marked = {**(marks or {}), LETTERS: f"({lost})"}
    judged = {name: text for name, text in texts.items() if cells.family(text.type_) not in ("string", "binary")}
    by_form = [name for name, text in judged.items() if cells.reader(text.type_, options) is None]
    forms = {at: text for at, (name, text) in enumerate(judged.items()) if name in by_form}
    read = rows.selectExpr(
        "_metadata.file_path AS file",
        *(f"coalesce({sql}, false) AS m{at}" for at, sql in enumerate(marked.values())),
        *(f"{text.sql} AS t{at}" for at, text in enumerate(judged.values())),
        *(f"{is_of_form(text.sql, text.type_, options)} AS f{at}" for at, text in forms.items()),
    )
    check = TextCheck([*marked], {name: text.type_ for name, text in judged.items()}, options, by_form)
    found: dict[str, Wrong] = {}
    for row in read.mapInArrow(check, FOUND).collect():
        of_task: Any = row.asDict()
        name = of_task.pop("name")
        found[name] = Wrong(**of_task).and_(found.get(name))
    return {name: found[name] for name in (*marked, *texts) if name in found}
