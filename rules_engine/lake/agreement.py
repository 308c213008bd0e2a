"""Whether every file of a frame is as declared, and as the others are: columns, types, folders (R-LAKE-1)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rules_engine.errors import Fault, did_you_mean
from rules_engine.lake import cells, codes, first_bytes
from rules_engine.lake.arrow_types import Unreadable
from rules_engine.lake.heads import BROKEN, CLOSED, EMPTY, FEET, LETTERS, Head
from rules_engine.lake.text_faults import encoded
from rules_engine.model.frames import Format, Frame

FORMATS = (*FEET,)
AGAIN = "Mend the declaration, or land the declared type."
FOLDER_TYPES = (*cells.RANGES, "date", "string")
"""Types of columns that folders say."""
FOLDER_OPTIONS = {"leadingZeros": "true"}
NOT_OF_SPARK = re.compile("%[89A-Fa-f][0-9A-Fa-f]")
"""A letter of a folder's name as a URL has it: Spark reads each of its bytes as a letter."""
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """What is wrong with one file, in words that hold for others too: ``what`` says ``{file}``, ``{has}``."""

    what: str
    remedy: str
    code: str


def head_faults(frame: Frame, wanted: Mapping[str, str], heads: Sequence[Head]) -> Iterator[Fault]:
    """
    Everything that is wrong with files by their heads, one fault for all files of which the same is to say.

    ``wanted`` are the declared columns with Spark's names of their types.
    """
    files: dict[Said, list[str]] = {}
    whole = [head for head in heads if not head.wrong]
    for head in heads:
        for said in _of_head(frame, wanted, whole, head):
            names = files.setdefault(said, [])
            names += [head.file.name] if head.file.name not in names else []
    for said, names in files.items():
        has, plural = ("has", "file") if len(names) == 1 else ("have", "files")
        what = said.what.replace("{file}", f"{plural} {_listed(names)}").replace("{has}", has)
        what = what.replace("{in}", _listed(names))
        yield Fault(f"Frame '{frame.name}'", what, said.remedy, said.code)
    yield from _folder_faults(frame, wanted, heads)


def _of_head(frame: Frame, wanted: Mapping[str, str], whole: Sequence[Head], head: Head) -> Iterator[Said]:
    if head.wrong:
        yield _unopened(frame, head)
        return
    for name in head.twice:
        what = f"its {{file}} {{has}} more than one column '{name}', whatever the capitals."
        yield Said(what, "Keep one of them.", codes.COLUMN)
    of_folders = {name.lower() for name, _ in head.folders}
    in_files = {name: type_ for name, type_ in wanted.items() if name.lower() not in of_folders}
    if frame.format is Format.CSV:
        found = [name for name in head.columns if name.lower() not in of_folders]
        yield from _header(frame, list(in_files), found)
    elif frame.format in (Format.PARQUET, Format.ORC):
        yield from _declared(frame, in_files, head)
        yield from _others(in_files, whole[0], head)


def _unopened(frame: Frame, head: Head) -> Said:
    again = f"Land {frame.path} again."
    if head.wrong == EMPTY:
        return Said("its {file} {has} no byte at all: it was cut off.", again, codes.BROKEN)
    if head.wrong == CLOSED:
        return Said("its {file} may not be read by this login.", "Give it the right to read.", codes.BROKEN)
    if head.wrong == LETTERS:
        return not_encoded(frame, head.said)
    assert head.wrong == BROKEN
    what = f"its {{file}} cannot be read as {frame.format}: cut off, altered, or of another format ({head.said})."
    return Said(what, again, codes.BROKEN)


def not_encoded(frame: Frame, kind: str) -> Said:
    """What is said of bytes that are no letters of the encoding of a text frame, by the kind that a file begins as."""
    if kind in (*FORMATS, *first_bytes.ARCHIVES):
        remedy = (
            f'Say format = "{kind}", or land it as {frame.format}.'
            if kind in FORMATS
            else "Land what is in it, as it is or packed by gzip."
        )
        return Said(f"its {{file}} {{has}} the bytes of {kind}, and not of {frame.format}.", remedy, codes.BROKEN)
    encoding = frame.options.get("encoding", "UTF-8")
    return Said(f"its {{file}} {{has}} letters that are no {encoding}.", encoded(frame, kind), codes.ENCODING)


def _declared(frame: Frame, wanted: Mapping[str, str], head: Head) -> Iterator[Said]:
    for name, type_ in wanted.items():
        if name not in head.columns:
            yield missing(name, [other for other in head.columns if other not in wanted])
            continue
        found = head.columns[name]
        moment = frame.format is Format.ORC and type_.startswith("timestamp")  # its foot has one name for both kinds
        if isinstance(found, Unreadable):
            yield _unreadable(name, found)
        elif found != type_ and not (moment and str(found).startswith("timestamp")):
            yield Said(f"its column '{name}' is {found} in {{in}} and declared as {type_}.", AGAIN, codes.TYPE)


def missing(name: str, others: Sequence[str]) -> Said:
    """What is said where a declared column is not in a file, by whatever is in its place."""
    other = next((other for other in others if other.lower() == name.lower()), None)
    if other:
        remedy = f"Did you mean '{other}'? Write the name in one way, in files and declaration."
        return Said(f"its {{file}} {{has}} a column '{other}', and '{name}' is declared.", remedy, codes.COLUMN)
    return Said(
        f"its {{file}} {{has}} no column '{name}', which is declared.", did_you_mean(name, others), codes.COLUMN
    )


def toml_key(name: str) -> str:
    """A column's name as a key of a declaration."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def undeclared(name: str, declared: Iterable[str]) -> Said:
    """What is said of a column of a text file that is not declared."""
    if not name.strip():
        what = "its {file} {has} a column without a name, as where a separator ends the header."
        return Said(what, "Name it and declare it, or land it without.", codes.COLUMN)
    remedy = did_you_mean(name, declared) or f'Declare it with its type: {toml_key(name)} = "string".'
    return Said(f"its {{file}} {{has}} a column '{name}', which is not declared.", remedy, codes.COLUMN)


def _unreadable(name: str, type_: Unreadable) -> Said:
    what = f"its column '{name}' is {type_.what} in {{in}}, which Spark does not read."
    return Said(what, f"Write {type_.instead}.", codes.UNREADABLE_TYPE)


def _others(wanted: Mapping[str, str], first: Head, head: Head) -> Iterator[Said]:
    """Columns that are not declared: all files have them as the first one has."""
    declared = {name.lower() for name in wanted}
    of_first = {name: type_ for name, type_ in first.columns.items() if name.lower() not in declared}
    own = {name: type_ for name, type_ in head.columns.items() if name.lower() not in declared}
    for name, type_ in own.items():
        if isinstance(type_, Unreadable):
            yield _unreadable(name, type_)
    for name, type_ in of_first.items():
        near = _nearest(name, [other for other in own if other not in of_first])
        if name not in own:
            what = f"its {{file}} {{has}} no column '{name}', which {first.file.name} has.{near}"
            yield Said(what, "Land all files with the same columns.", codes.COLUMN)
        elif own[name] != type_ and not isinstance(own[name], Unreadable) and not isinstance(type_, Unreadable):
            what = f"its column '{name}' is {own[name]} in {{in}} and {type_} in {first.file.name}."
            yield Said(what, "Land all files with the same types.", codes.TYPE)
    for name in own:
        if name not in of_first:
            what = f"its {{file}} {{has}} a column '{name}', which {first.file.name} has not."
            yield Said(what, "Land all files with the same columns.", codes.COLUMN)


def _nearest(name: str, others: Sequence[str]) -> str:
    hint = did_you_mean(name, others)
    return f" {hint}" if hint else ""


def _header(frame: Frame, wanted: Sequence[str], found: Sequence[str]) -> Iterator[Said]:
    """Text files have the declared columns, all of them, in their order."""
    if frame.options.get("header", "true").lower() == "false":
        return
    if other := _no_header(wanted, found):
        yield other
        return
    lost = [name for name in wanted if name not in found]
    more = [name for name in found if name not in wanted]
    for name in lost:
        yield missing(name, more)
    taken = {name.lower() for name in lost}
    for name in more:
        if name.lower() not in taken:
            yield undeclared(name, lost)
    if not lost and not more and list(found) != list(wanted):
        what = f"its {{file}} {{has}} the columns in another order: {', '.join(found)}."
        yield Said(what, f"Declared are {', '.join(wanted)}, and cells are told by their places.", codes.COLUMN)


def _no_header(wanted: Sequence[str], found: Sequence[str]) -> Said | None:
    """What is said of a first line with nothing in it that is declared: its cells may be values, and are not shown."""
    names = {name.lower() for name in wanted}
    if not names or names & {name.strip().lower() for name in found}:
        return None
    if found and found[0].startswith("sep="):
        return Said("its {file} {has} a first line for Excel alone (sep=).", "Land it without that line.", codes.COLUMN)
    for sign in ",;|\t":
        if names & {name.strip(' "').lower() for name in sign.join(found).split(sign)}:
            said = "\\t" if sign == "\t" else sign
            what = f"its {{file}} {{has}} cells that are parted by '{said}'."
            return Said(what, f'Say options = {{ sep = "{said}" }}.', codes.COLUMN)
    if any(did_you_mean(name, wanted) for name in found):
        return None
    what = "its {file} {has} none of the declared columns in the first line."
    return Said(
        what, "Declare those that it has; where it has no header, say options = { header = false }.", codes.COLUMN
    )


def _folder_faults(frame: Frame, wanted: Mapping[str, str], heads: Sequence[Head]) -> Iterator[Fault]:
    """Files in folders that say no column, and what is wrong with those that do."""
    which = f"Frame '{frame.name}'"
    below = [head.file.name for head in heads if any("=" not in part for part in head.file.name.split("/")[:-1])]
    if below:
        what = (
            f"its {'file' if len(below) == 1 else 'files'} {_listed(below)} would not be read, for being in a folder."
        )
        remedy = "Land all files in one folder; where folders are days say {day} in path, where columns COLUMN=value."
        yield Fault(which, what, remedy, codes.NOT_LANDED)
    yield from folder_faults(frame, wanted, heads)


def folder_faults(frame: Frame, wanted: Mapping[str, str], heads: Sequence[Head]) -> Iterator[Fault]:
    """Columns that folders say: the same for all files, declared, of types that folders can say, and not in files."""
    which = f"Frame '{frame.name}'"
    said = {tuple(name for name, _ in head.folders) for head in heads}
    if len(said) > 1:
        ways = " and ".join(sorted("/".join(f"{name}=" for name in names) or "none" for names in said))
        what = f"its folders do not say the same columns everywhere: {ways}."
        yield Fault(which, what, "Land all files below the same kind of folders.", codes.COLUMN)
        return
    for names in said:
        if twice := next((name for name in names if names.count(name) > 1), ""):
            what = f"its folders say a column '{twice}' twice ({'/'.join(f'{name}=' for name in names)})."
            yield Fault(which, what, "Keep one of the two.", codes.COLUMN)
            return
    for name in dict.fromkeys(name for names in said for name in names):
        values = {dict(head.folders)[name] for head in heads}
        example = f"{name}={min(values)}"
        if name not in wanted:
            what = f"its folders say a column '{name}' ({example}), which is not declared."
            hint = (
                did_you_mean(name, wanted, cutoff=0.8)
                or f'Declare it with its type, such as {toml_key(name)} = "string".'
            )
            yield Fault(which, what, hint, codes.COLUMN)
            continue
        bad = [value for value in values if value != NO_VALUE and not _says(value, wanted[name])]
        if bad:
            what = f"its folder {name}={min(bad)} says no {wanted[name]}, as which '{name}' is declared."
            yield Fault(which, what, "Declare it as folders say it: a string, a whole number, or a date.", codes.TYPE)
        if "" in values and not bad:
            what = f"its folder {name}= says no value, and Spark reads none of its files."
            yield Fault(which, what, f"Where there is no value name it {name}={NO_VALUE}.", codes.COLUMN)
        if other := [value for value in values if NOT_OF_SPARK.search(value)]:
            what = f"its folder {name}={min(other)} is written as a URL is, which Spark would read as other letters."
            yield Fault(which, what, "Name it by its letters themselves.", codes.ENCODING)
        if any(name.lower() in map(str.lower, head.columns) for head in heads):
            yield in_both(frame, name)


def in_both(frame: Frame, name: str) -> Fault:
    """A column that files have, and the names of their folders say."""
    what = f"its column '{name}' stands in its files, and in the names of its folders."
    return Fault(f"Frame '{frame.name}'", what, "Keep one of the two.", codes.COLUMN)


def _says(value: str, type_: str) -> bool:
    """Whether a folder's name says a value of a type."""
    read = cells.reader(type_, FOLDER_OPTIONS) if type_ in FOLDER_TYPES else None
    try:
        return read is not None and read(value) is not None
    except cells.NoValueError:
        return False


def _listed(names: Sequence[str]) -> str:
    if len(names) < 3:
        return " and ".join(names)
    return f"{names[0]} and {len(names) - 1} more"
