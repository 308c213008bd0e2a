"""Honest rules with texts in them that could be the clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from rules_engine.model.rules import Form
from tests.gate import Line
from tests.mutants import World

_WORD = re.compile(r"'[^']*'|`[^`]*`|\s+|\w+|<=>|<=|>=|<>|!=|\|\||.", re.DOTALL)
CLOCKS = (
    "'today'",
    "'now'",
    "'12:30'",
    "'T00:00'",
    "'tomorrow'",
    "lower('TODAY')",
    "concat('to', 'day')",
    "concat('00', ':00')",
    "trim(' now ')",
    "'2024-06-01'",
    "array('today')[0]",
    "cast('now' as string)",
)
DAYS = (
    "{text}",
    "{text}",
    "date({text})",
    "timestamp({text})",
    "cast({text} as date)",
    "try_cast({text} as timestamp)",
    "to_date({text})",
    "to_timestamp({text})",
    "coalesce({word}, {text})",
    "nullif({word}, {text})",
    "if({column} is null, {word}, {text})",
    "date_add({text}, 1)",
    "datediff({text}, {word})",
    "date_trunc('day', {text})",
    "year({text})",
    "cast({column} as timestamp)",
    "cast({column} as date)",
    "try_cast({column} as date)",
    "date({column})",
    "to_timestamp({column}, 'HH:mm')",
    "greatest({word}, {text})",
    "array({word}, {text})[1]",
    "(select max({text}) from {frame})",
    "element_at(map('a', {word}, 'b', {text}), 'b')",
    "date {text}",
    "case when true then {word} else {text} end",
    "to_date({column}, 'yyyy-MM-dd')",
    "unix_timestamp({text})",
    "hour({text})",
)

Words = list[str]


def dated_mutant(world: World, random: Random) -> Line:
    """An honest rule with one or two texts in it that could be the clock."""
    line = world.of(random.choice((Form.PREDICATE, Form.PREDICATE, Form.STATEMENT)), random)
    words = _WORD.findall(line.sql)
    for _ in range(random.choice((1, 1, 2))):
        _day(words, world, random)
    return Line(f"mutant of {line.tag}", line.form, "policy", "".join(words), line.frame)


def _day(words: Words, world: World, random: Random) -> None:
    """A text that Spark could read as its clock, where a value or a column stands."""
    at = _at(words, random, lambda word: word.startswith("'") or word in {*world.columns, "as_of"})
    column, frame = random.choice(world.columns), random.choice(world.frames)
    text = random.choice(CLOCKS)
    made = random.choice(DAYS).format(text=text, column=column, frame=frame, word=words[at])
    words[at] = made if words[at] != "as_of" else "as_of"


def _at(words: Words, random: Random, fits: Callable[[str], object] = str.strip) -> int:
    """A place whose word fits, else any."""
    places = [at for at, word in enumerate(words) if fits(word)] or range(len(words))
    return random.choice(places)
