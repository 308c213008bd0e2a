"""Which facts of a subject could be moved, and to what: the literals that rules hold columns against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from rules_engine.logical.select_query import select_query
from rules_engine.model.frames import Lake
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.review.clauses import Comparison, columns_read, comparison, taken_apart
from rules_engine.sql.lexer import blanked
from rules_engine.sql.tokens import Kind, tokens


class Held(NamedTuple):
    """A column of a frame, and what a rule holds it against: SQL texts to be bound by ``rule``; None is no value."""

    frame: str
    column: str
    rule: RuleVersion
    against: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """One column of one row of the subject, with another value; ``row`` counts the subject's rows in the frame."""

    frame: str
    row: int
    column: str
    was: Any
    becomes: Any

    @property
    def distance(self) -> float:
        """How far: 0 for not at all, 1 for another word; numbers by their share of the larger, days by years."""
        return distance(self.was, self.becomes)


def distance(was: Any, becomes: Any) -> float:
    """
    How far one value is from another.

    >>> distance(100, 75), distance("RETAIL", "PRIVATE"), distance(None, 3)
    (0.25, 1.0, 1.0)
    """
    match was, becomes:
        case (bool(), _) | (_, bool()) | (None, _) | (_, None):
            return float(was != becomes)
        case (datetime(), datetime()) | (date(), date()):
            return abs((becomes - was) / timedelta(days=365.25))
        case ((int() | float() | Decimal()), (int() | float() | Decimal())):
            one, other = float(was), float(becomes)
            return abs(one - other) / max(abs(one), abs(other), 1e-9)
    return float(was != becomes)


def held_against(versions: Iterable[RuleVersion], schema: Schema, lake: Lake) -> tuple[Held, ...]:
    """What the rules hold columns against, each once; keys are no facts, and a column that is never empty stays so."""
    keys = {(f.name.lower(), name.lower()) for f in lake.frames for name in (*f.key, f.subject_key)}
    full = {(f.name.lower(), c.name.lower()) for f in lake.frames for c in f.columns if c.nulls == 0}
    found = dict[tuple[str, str, str, str | None], Held]()
    for version in versions:
        for held in _of_rule(version, schema):
            place = (held.frame, held.column)
            if place not in keys and not (held.against is None and place in full):
                found.setdefault((*place, "" if held.against is None else version.id, held.against), held)
    return tuple(found.values())


def _of_rule(version: RuleVersion, schema: Schema) -> Iterator[Held]:
    names = {name.lower() for name in schema.columns}
    if version.form is Form.PREDICATE:
        sources = {"": version.frame.lower(), version.frame.lower(): version.frame.lower()}
        texts = [version.sql]
    else:
        text = blanked(version.sql)
        sources, asked = _sources(text, names), select_query(text)
        texts = [asked.where, asked.having] if asked else []
    for text in filter(None, texts):
        for leaf in taken_apart(text).leaves():
            held = comparison(leaf.sql)
            yield from _of_comparison(held, version, sources, schema) if held else ()


def _of_comparison(
    held: Comparison, version: RuleVersion, sources: Mapping[str, str], schema: Schema
) -> Iterator[Held]:
    everything = {name: 0 for frame in schema.columns for name in schema.types_of(frame)}
    sides = [(held.left, held.right), *((right, (held.left,)) for right in held.right)]
    for side, others in sides:
        for frame, column in _column(side, sources, schema):
            constants = [other for other in others if not columns_read(other, everything)]
            for against in (*constants, *(("TRUE", "FALSE") if held.operator == "IS TRUE" else ())):
                yield Held(frame, column, version, against)
            yield Held(frame, column, version, None)


def _column(text: str, sources: Mapping[str, str], schema: Schema) -> Iterator[tuple[str, str]]:
    """The one column that a side of a comparison is of, as it is or within a call; of the frames that it can be of."""
    everything = {name: 0 for frame in schema.columns for name in schema.types_of(frame)}
    read = columns_read(text, everything)
    if len(read) != 1:
        return
    ((named, column),) = read.items()
    qualifier = named.replace("`", "").lower().rpartition(".")[0]
    frames = {sources[qualifier]} if qualifier in sources else set() if qualifier else {*sources.values()}
    for frame in sorted(frames):
        if column in schema.types_of(frame):
            yield frame, column


def _sources(sql: str, frames: Iterable[str]) -> dict[str, str]:
    """The frames that a query reads, in small letters, by the names they go by there."""
    known, words, found = set(frames), tokens(sql), dict[str, str]()
    for place, token in enumerate(words[:-1]):
        frame = words[place + 1].word
        if token.kind is not Kind.WORD or token.word not in {"from", "join"} or frame not in known:
            continue
        found[frame] = frame
        rest = [t for t in words[place + 2 : place + 4] if t.word != "as"]
        if rest and rest[0].kind in {Kind.WORD, Kind.QUOTED}:
            found.setdefault(rest[0].word, frame)
    return found


def values_near(value: Any) -> Iterator[Any]:
    """A literal and what is just beside it, for comparisons that it does not meet itself."""
    yield value
    match value:
        case bool() | None:
            return
        case datetime():
            step: Any = timedelta(seconds=1)
        case date():
            step = timedelta(days=1)
        case Decimal():
            step = Decimal(1).scaleb(int(value.as_tuple().exponent))
        case int():
            step = 1
        case _:
            return
    yield value - step
    yield value + step
