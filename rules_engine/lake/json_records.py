"""Records of JSON, token by token, beside executors: what Spark would read as something else, or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from rules_engine.lake import cells
from rules_engine.lake.letters import LOST
from rules_engine.lake.spark_types import NAMES
from rules_engine.lake.text_faults import shape

SEEN, BROKEN, LETTERS, UNKNOWN, TWICE, VALUE, TEXT, NUMBER = (
    "seen", "broken", "letters", "unknown", "twice", "value", "text", "number",
)  # fmt: skip
"""
What is found in a record: a column; no JSON; bytes that are no UTF-8; a key that is not declared, or stands twice; a
value that is none of its type, a text that should be a number, or a number that should be a text.
"""

HALF = re.compile("[\ud800-\udfff]")
"""Half of a letter, as an escape of JSON may say one: no text can hold it."""

BLANK = " \t\r\n"
"""What may stand about a value of JSON, and makes a line that is no record."""

PLAIN = re.compile(r"(?!.*\d{5})[^\W\d]\w*")
"""What a key is called, and no value is: one word without five digits in a row."""

FOUND = "file string, kind string, name string, count bigint, text string"

Finding = tuple[str, str, str]
"""Kind, name of a column or key, and how what was found is written."""


class Written(str):
    """A number as it is written."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """What stands in an object, in its order, twice where it stands there twice."""


@dataclass(frozen=True)
class RecordCheck:
    """
    What the values of declared columns must be.

    ``types`` are Spark's types as JSON has them. Columns of ``texts`` are texts whatever they mean, and written as
    ``options`` say; forms that Java alone reads are looked at elsewhere. Where a line is a ``whole`` file it may begin
    with a mark of its encoding, which Spark takes away from lines itself.
    """

    types: Mapping[str, Any]
    texts: frozenset[str] = field(default_factory=frozenset)
    options: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Count what is found in lines, by their files: the two columns of what is given."""
        found: dict[tuple[str, str, str], list[Any]] = {}
        for batch in batches:
            lines, files = batch.column(0).cast(pa.binary()), batch.column(1)
            for line, file in zip(lines.to_pylist(), files.to_pylist(), strict=True):
                for kind, name, text in self.findings(line):
                    counted = found.setdefault((file, kind, name), [0, text])
                    counted[0] += 1
        rows = [(*key, count, text) for key, (count, text) in found.items()]
        names = ("file", "kind", "name", "count", "text")
        types = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.string())
        columns = [pa.array([row[at] for row in rows], type_) for at, type_ in enumerate(types)]
        yield pa.RecordBatch.from_arrays(columns, names)

    def findings(self, line: bytes) -> Iterator[Finding]:
        """What is found in a line: a record, records as a list, or nothing."""
        try:
            text = line.decode("utf-8-sig" if self.whole else "utf-8")
        except UnicodeDecodeError:
            yield LETTERS, "", ""
            return
        if not text.strip(BLANK):
            return
        for record in parted(text):
            if isinstance(record, Pairs):
                yield from self.of_record(record)
            else:
                yield BROKEN, "", ""

    @cached_property
    def _checks(self) -> dict[str, Callable[[Any], str]]:
        return {
            name: _check(type_)
            if name not in self.texts
            else _written(cells.reader(NAMES.get(type_, type_), self.options), NUMBER)
            for name, type_ in self.types.items()
        }

    @cached_property
    def _near(self) -> frozenset[str]:
        return frozenset(map(str.lower, self.types))

    def of_record(self, record: Pairs) -> Iterator[Finding]:
        """What is found in one record."""
        checks, names = self._checks, set()
        for name, value in record:
            check = checks.get(name)
            known = name if name.lower() in self._near else shown(name)
            if name in names:
                yield TWICE, known, ""
            names.add(name)
            if check is None:
                yield UNKNOWN, known, ""
                continue
            yield SEEN, name, ""
            if value is not None and (wrong := check(value)):
                kind, _, key = wrong.partition(".")
                yield kind, f"{name}.{key}" if key else name, HALF.sub(LOST, value) if isinstance(value, str) else "…"


def plain(name: str) -> bool:
    """Whether a key is a name."""
    return PLAIN.fullmatch(name) is not None


def shown(name: str) -> str:
    """
    A key that nobody declared, as it may be shown: what is no name may be somebody's value.

    >>> shown("contry"), shown("anna@x.example"), shown("Anna Petit"), shown("c10042117")
    ('contry', 'xxxx@x.xxxxxxx', 'xxxx xxxxx', 'x99999999')
    """
    return name if plain(name) else shape(name)


DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_float=Written, parse_int=Written, parse_constant=Written)


def parted(text: str) -> list[Any]:
    """The records of a text, one or a list of them; something else where it is no JSON, or is none of these."""
    try:
        said = DECODER.decode(text)
    except (ValueError, RecursionError):
        return [None]
    return [said] if isinstance(said, Pairs) else list(said) if isinstance(said, list) else [None]


def _check(type_: Any) -> Callable[[Any], str]:
    """What a value of a type must be: a function that gives what is wrong with one, or nothing."""
    if isinstance(type_, dict):
        return _NESTED.get(type_["type"], lambda _: _anything)(type_)
    name = NAMES.get(type_, type_)
    kind = cells.family(name)
    if kind in cells.NUMBERS:
        return _number(cells.json_number(name))
    if kind in ("date", "timestamp", "timestamp_ntz"):
        return _written(cells.reader(name, {}), NUMBER)
    if kind == "boolean":
        return _truth
    return _written(cells.reader(name, {}), NUMBER) if kind in cells.READ else _anything


def _number(read: cells.Read) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if isinstance(value, Written):
            return "" if _is_read(value, read) else VALUE
        return TEXT if isinstance(value, str) else VALUE

    return check


def _written(read: cells.Read | None, of_number: str) -> Callable[[Any], str]:
    """What a text must be; ``of_number`` is what is found where a number stands in its place."""

    def check(value: Any) -> str:
        if isinstance(value, Written):
            return of_number
        whole = isinstance(value, str) and not HALF.search(value)
        return "" if whole and (read is None or _is_read(value, read)) else VALUE

    return check


def _is_read(text: str, read: cells.Read) -> bool:
    try:
        read(text)
    except cells.NoValueError:
        return False
    return True


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else VALUE


def _anything(_: Any) -> str:
    return ""


def _array(type_: Any) -> Callable[[Any], str]:
    of = _check(type_["elementType"])

    def check(value: Any) -> str:
        if not isinstance(value, list) or isinstance(value, Pairs):
            return VALUE
        return _within(of(each) for each in value if each is not None)

    return check


def _map(type_: Any) -> Callable[[Any], str]:
    of = _check(type_["valueType"])

    def check(value: Any) -> str:
        if not isinstance(value, Pairs):
            return VALUE
        return _twice(value) or _within(of(each) for _, each in value if each is not None)

    return check


def _struct(type_: Any) -> Callable[[Any], str]:
    of = {each["name"]: _check(each["type"]) for each in type_["fields"]}

    def check(value: Any) -> str:
        if not isinstance(value, Pairs):
            return VALUE
        if any(name not in of for name, _ in value):
            return VALUE
        return _twice(value) or _within(of[name](each) for name, each in value if each is not None)

    return check


def _twice(value: Pairs) -> str:
    """The first key of an object that stands there a second time, with what that is."""
    names = [name for name, _ in value]
    return next((f"{TWICE}.{shown(name)}" for at, name in enumerate(names) if name in names[:at]), "")


def _within(wrong: Iterable[str]) -> str:
    """What is wrong with a value of many, by the first of them that is: a key that stands twice, else the value."""
    return next((each if each.startswith(TWICE) else VALUE for each in wrong if each), "")


_NESTED: Mapping[str, Callable[[Any], Callable[[Any], str]]] = {"array": _array, "map": _map, "struct": _struct}


def first(check: RecordCheck, lines: Iterable[bytes], kind: str, name: str) -> int:
    """The first line in which something is found; 0 where it is in none."""
    for at, line in enumerate(lines, 1):
        if any((kind, name) == finding[:2] for finding in check.findings(line)):
            return at
    return 0


def total(rows: Sequence[Any]) -> dict[tuple[str, str], dict[str, tuple[int, str]]]:
    """What tasks found, added up: kind and name to the files in which it is, how often, and one of them."""
    found: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
    for row in sorted(rows, key=lambda row: str(row["file"])):
        files = found.setdefault((row["kind"], row["name"]), {})
        count, text = files.get(row["file"], (0, row["text"]))
        files[row["file"]] = (count + row["count"], text)
    return found
