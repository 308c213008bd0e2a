"""What a table of TOML says, against the fields of the class that takes it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from rules_engine.errors import Fault, did_you_mean

FORMATS = ("parquet", "csv")
SEE = "See docs/master.md for the form of the file."


def unknown(which: str, said: Mapping[str, Any], known: set[str]) -> Iterator[Fault]:
    """Words that mean nothing there."""
    for word in sorted(set(said) - known):
        remedy = did_you_mean(word, known) or f"There are: {', '.join(sorted(known))}."
        yield Fault(which, f"it says '{word}', which means nothing.", remedy)


FITS: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "str": (str, "a text in quotes"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "tuple[str, ...]": (list, "a list of texts"),
    "Mapping[str, tuple[str, ...]]": (Mapping, "a table of columns"),
}
"""What a field's type takes of TOML, and what to write."""


def typed(which: str, said: Any, kind: type) -> Iterator[Fault]:
    """What is no table, words that it does not have, and values of another type than its fields."""
    if not isinstance(said, Mapping):
        yield Fault(which, f"it is {said!r}, and no table.", f"Write it as a table in brackets. {SEE}")
        return
    yield from unknown(which, said, {field.name for field in fields(kind)} - {"name"})
    for field in (field for field in fields(kind) if field.name in said):
        (wanted, like), value = FITS[str(field.type)], said[field.name]
        fits = isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)
        if not fits or (wanted is list and not all(isinstance(each, str) for each in value)):
            yield Fault(which, f"{field.name} = {value!r} is of another type.", f"Write {like}.")


def text_file(which: str, said: Mapping[str, Any]) -> Iterator[Fault]:
    """How a file is written, where none is read that is so."""
    if said.get("format", "csv") not in FORMATS:
        yield Fault(which, f"there is no format '{said['format']}'.", f"Say one of {', '.join(FORMATS)}.")
    if isinstance(delimiter := said.get("delimiter", ","), str) and len(delimiter) != 1:
        yield Fault(which, f"its delimiter is {delimiter!r}.", "Write one character.")
    try:
        codecs.lookup(str(said.get("encoding", "utf-8")))
    except LookupError:
        yield Fault(which, f"there is no encoding '{said['encoding']}'.", "Write one such as utf-8 or windows-1252.")


LEAST = {"threads": 0, "seed": 0, "u_pairs": 1, "em_pairs": 1, "largest": 2, "largest_block": 2}


def linking_faults(linking: Any) -> Iterator[Fault]:
    """Words and amounts of linking that none can be."""
    which = "Master settings, [linking]"
    if not 0 < linking.review <= linking.match < 1:
        what = f"review = {linking.review} and match = {linking.match}."
        yield Fault(which, what, "Choose 0 < review <= match < 1.")
    if linking.backend not in ("duckdb", "spark"):
        yield Fault(which, f"there is no backend '{linking.backend}'.", "Say duckdb or spark.")
    if linking.train not in ("once", "always"):
        yield Fault(which, f"train = '{linking.train}' means nothing.", "Say once or always.")
    for word, least in LEAST.items():
        if getattr(linking, word) < least:
            yield Fault(which, f"{word} = {getattr(linking, word)}.", f"The least that it can be is {least}.")
    if not 0 <= linking.weakest <= linking.match:
        yield Fault(which, f"weakest = {linking.weakest}.", "Choose 0 <= weakest <= match.")
    if linking.memory and not re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", linking.memory):
        yield Fault(which, f"memory = '{linking.memory}'.", "Write an amount such as 8GB.")
