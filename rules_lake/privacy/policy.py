"""What becomes of a column between landed and curated: kept, dropped, banded, masked or tokenised (R-LAKE-6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import Any

import pyarrow as pa

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_lake.landing.types import arrow_type, has_length

DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,62}")
SPANS = ("month", "quarter", "year", "decade")
PARAMETERS = {"keep": (), "drop": (), "band": ("width", "edges"), "mask": ("last",), "tokenise": ("domain",)}


DECLARED = "as declared"
"""Why a column is treated as somebody says of itself."""


class Treatment(StrEnum):
    """What a policy does to a column's values."""

    KEEP = "keep"  # as they landed
    DROP = "drop"  # the column does not go on
    BAND = "band"  # the lower end of the band that they are in
    MASK = "mask"  # stars, and the last characters
    TOKENISE = "tokenise"  # a token for each, the same in every frame of its domain


@dataclass(frozen=True, slots=True)
class Policy:
    """
    The treatment of one column and its parameters.

    ``width`` is a number, or a span of :data:`SPANS` for days; ``edges`` are the lower ends of bands, in order;
    ``last`` is how many characters a mask leaves; ``domain`` names the values that have tokens in common.
    """

    treatment: Treatment
    width: int | float | str | None = None
    edges: tuple[Any, ...] = ()
    last: int = 0
    domain: str = ""

    @property
    def drops(self) -> bool:
        return self.treatment is Treatment.DROP

    def content(self) -> list[object]:
        """What of it decides how a curated column is made."""
        return [self.treatment.value, self.width, [str(edge) for edge in self.edges], self.last, self.domain]

    def type_after(self, declared: str) -> str:
        """The Spark SQL type of the curated column; of a text of some length string, for files keep no length."""
        return "string" if self.treatment is Treatment.TOKENISE or has_length(declared) else declared


def policy(frame: str, column: str, type_: str, said: Any) -> Policy:
    """
    A policy as a declaration says it: its name, or a table of ``policy`` and parameters.

    Raises:
        RunRefused: If it is none, or does not suit the column's type; every fault at once.
    """
    which = f"Column '{frame}.{column}'"
    told = said if isinstance(said, Mapping) else {"policy": said}
    name = told.get("policy")
    if name not in list(Treatment):
        near = did_you_mean(str(name), Treatment) or f"There are: {', '.join(Treatment)}."
        raise RunRefused(Fault(which, f"its privacy is '{name}', which means nothing.", near))
    given = {word: value for word, value in told.items() if word != "policy"}
    found = [*_word_faults(which, str(name), given)]
    found += [] if found else [*_faults(which, Treatment(name), arrow_type(type_), type_, given)]
    raise_all(RunRefused, found)
    return Policy(
        Treatment(name),
        given.get("width"),
        tuple(given.get("edges", ())),
        given.get("last", 0),
        given.get("domain", ""),
    )


def _word_faults(which: str, name: str, given: Mapping[str, Any]) -> Iterator[Fault]:
    for word in sorted(set(given) - set(PARAMETERS[name])):
        known = PARAMETERS[name]
        near = did_you_mean(word, known) or (f"It takes: {', '.join(known)}." if known else "It takes nothing more.")
        yield Fault(which, f"its privacy '{name}' says '{word}', which means nothing there.", near)


def _faults(
    which: str, treatment: Treatment, arrow: pa.DataType | None, type_: str, given: Mapping[str, Any]
) -> Iterator[Fault]:
    if treatment is Treatment.BAND:
        yield from _band_faults(which, arrow, type_, given)
    if treatment is Treatment.MASK:
        if arrow != pa.string():
            what = f"it is {type_}, and what is masked is text."
            yield Fault(which, what, "Use band for numbers and days, tokenise for what is joined or told apart.")
        last = given.get("last", 0)
        if isinstance(last, bool) or not isinstance(last, int) or not 0 <= last <= 8:
            yield Fault(which, f"its mask leaves last = {last!r} characters.", "Write a whole number from 0 to 8.")
    if treatment is Treatment.TOKENISE:
        if arrow is None or not (pa.types.is_integer(arrow) or arrow in (pa.string(), pa.date32())):
            what = f"it is {type_}, of which there are no tokens."
            yield Fault(which, what, "Tokens are of texts, whole numbers and days.")
        if not DOMAIN.fullmatch(str(given.get("domain", "a"))):
            what = f"its domain '{given['domain']}' is no name."
            yield Fault(which, what, "Use small letters, digits and '_', a letter first.")


def _band_faults(which: str, arrow: pa.DataType | None, type_: str, given: Mapping[str, Any]) -> Iterator[Fault]:
    of_days = arrow is not None and (pa.types.is_date(arrow) or pa.types.is_timestamp(arrow))
    number = arrow is not None and (
        pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_decimal(arrow)
    )
    if not (of_days or number):
        yield Fault(which, f"it is {type_}, which has no bands.", "Bands are of numbers and days; mask or drop texts.")
        return
    if ("width" in given) == ("edges" in given):
        example = f'width = "{SPANS[2]}"' if of_days else "width = 10"
        yield Fault(which, "its bands have a width or edges, one of them.", f"Say {example}, or edges = [ … ].")
        return
    if "width" in given:
        width = given["width"]
        if of_days and width not in SPANS:
            yield Fault(which, f"its bands are {width!r} wide.", f"Bands of days are: {', '.join(SPANS)}.")
        elif number and (not _is_number(width) or width <= 0):
            yield Fault(which, f"its bands are {width!r} wide.", "Write a number above 0.")
        elif number and pa.types.is_integer(arrow) and width != int(width):
            yield Fault(which, f"it is {type_}, and its bands are {width} wide.", "Write a whole number.")
        return
    edges = given["edges"]
    fitting = isinstance(edges, list) and edges and all(type(e) is date if of_days else _is_number(e) for e in edges)
    if not fitting or sorted(set(edges)) != edges:
        yield Fault(which, f"its edges are {edges}.", f"List {'days' if of_days else 'numbers'}, each above the last.")
    elif arrow is not None and pa.types.is_integer(arrow) and any(edge != int(edge) for edge in edges):
        yield Fault(which, f"it is {type_}, and its edges are {edges}.", "Write whole numbers.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and isfinite(value)
