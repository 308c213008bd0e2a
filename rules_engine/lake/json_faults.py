"""What is said of records of JSON: of columns that no record has, of keys that nobody declared, and of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rules_engine.errors import Fault
from rules_engine.lake import cells, codes, json_records
from rules_engine.lake.agreement import Said, missing, undeclared
from rules_engine.lake.json_records import plain
from rules_engine.lake.text_faults import json_fault, lost_letters, value_fault
from rules_engine.model.frames import Frame

MOMENTS = {"date": "dateFormat", "timestamp": "timestampFormat", "timestamp_ntz": "timestampFormat"}

Found = Mapping[tuple[str, str], Mapping[str, tuple[int, str]]]
"""What was found, by kind and name: in which files, how often, and one of them."""


def as_text(types: Mapping[str, str], options: Mapping[str, str]) -> list[str]:
    """Columns that stand in quotes and mean something else: days, and numbers where they are said to be texts."""
    numbers = cells.NUMBERS if options.get("numbers") == "texts" else ()
    return [name for name, type_ in types.items() if cells.family(type_) in (*MOMENTS, *numbers)]


def by_text(types: Mapping[str, str], options: Mapping[str, str]) -> list[str]:
    """Those of them of which options say how they are written."""
    texts = as_text(types, options)
    return [name for name in texts if MOMENTS.get(cells.family(types[name]), "") in {"", *options}]


def told(
    frame: Frame,
    types: Mapping[str, str],
    found: Found,
    name_of: Callable[[str], str],
    line_of: Callable[[str, str, str], int],
) -> Iterator[Fault]:
    """Everything of records that would not come back as it was written; files are named, and their lines looked for."""
    yield from _of_columns(frame, types, found, name_of)
    for (kind, name), files in found.items():
        if kind in (json_records.SEEN, json_records.UNKNOWN):
            continue
        uri, (_, text) = next(iter(files.items()))
        count, file, line = sum(each for each, _ in files.values()), name_of(uri), line_of(uri, kind, name)
        if kind == json_records.LETTERS:
            yield lost_letters(frame, file, line)
        elif kind == json_records.VALUE:
            yield value_fault(frame, name, types[name], count, text, file, line)
        else:
            yield json_fault(frame, kind, name, types.get(name, ""), count, file, line)


def _of_columns(frame: Frame, types: Mapping[str, str], found: Found, name_of: Callable[[str], str]) -> Iterator[Fault]:
    """Columns that no record of a file has, and keys that are not declared."""
    seen, unknown = (_by_file(found, kind) for kind in (json_records.SEEN, json_records.UNKNOWN))
    for uri in sorted({*seen, *unknown}):
        others = sorted(unknown.get(uri, set()))
        lost = [name for name in types if name not in seen.get(uri, set())]
        absent = frame.options.get("missing") == "null"
        said = [missing(name, others) for name in lost if not absent or name.lower() in map(str.lower, others)]
        near = {name.lower() for name in lost}
        said += [
            undeclared(name, lost) if plain(name) else _no_name(name) for name in others if name.lower() not in near
        ]
        for each in said:
            what = each.what.replace("{file}", f"file {name_of(uri)}").replace("{has}", "has")
            remedy = each.remedy or 'Where it stands for no value, say options = { missing = "null" }.'
            yield Fault(f"Frame '{frame.name}'", what, remedy, codes.COLUMN)


def _no_name(key: str) -> Said:
    what = f"its {{file}} {{has}} a key '{key}' (digits shown as 9, letters as x), which is not declared."
    return Said(
        what, "Declare it if a column is called so; whose a record is stands in a value, not in a key.", codes.COLUMN
    )


def _by_file(found: Found, kind: str) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for (kind_, name), files in found.items():
        for uri in files if kind_ == kind else ():
            names.setdefault(uri, set()).add(name)
    return names
