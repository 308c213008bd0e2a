"""Seeded mutants of the project's rules: honest and hostile ones cut up, mixed and changed word by word."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

import yaml

from rules_engine.model.rules import Form
from rules_engine.model.schemas import Schema
from tests.disguises import Words, at_one, clock, digits, growth, order, product
from tests.gate import SCHEMA, Line, lines
from tests.mutant_words import (
    CONDITIONS,
    INSERTED,
    LOOKALIKES,
    MARKS,
    OPERATORS,
    QUERIES,
    RELATIONS,
    SAID,
    VALUES,
)

ROOT = Path(__file__).parents[1]
FILES = [
    path / name
    for path in (ROOT / "tests" / "data", ROOT.parent / "shared" / "security")
    for name in ("hostile_rules.tsv", "hostile_rules_2.tsv", "honest_rules.tsv", "honest_rules_2.tsv")
    if (path / name).exists()
]
LONGEST = 600
"""Characters of a rule that is mutated; longer ones say nothing new and cost more."""

WORD = re.compile(r"'[^']*'|`[^`]*`|\s+|\w+|<=>|<=|>=|<>|!=|\|\||.", re.DOTALL)


@dataclass(frozen=True)
class World:
    """A schema with rules about it, and the words that its mutants are made of."""

    schema: Schema
    rules: tuple[Line, ...]
    functions: tuple[str, ...]
    """Of mutants: the listed functions several times, every other function that Spark knows once."""

    @property
    def columns(self) -> list[str]:
        return [name for columns in self.schema.columns.values() for name in columns]

    @property
    def frames(self) -> list[str]:
        return list(self.schema.columns)

    def of(self, form: Form, random: Random, honest: bool = True) -> Line:
        """Any of the rules of one form."""
        fits = [r for r in self.rules if r.form is form and (r.expectation == "accept") == honest]
        return random.choice(fits or [r for r in self.rules if r.form is form] or self.rules)


def worlds(functions: Sequence[str]) -> list[World]:
    """The frames of the tsv files, of the demo and of both corpora, each with its rules; the first holds most."""
    own = [line for path in FILES for line in lines(path) if len(line.sql) <= LONGEST and line.sql.strip()]
    found = [World(SCHEMA, tuple(own), tuple(functions)), World(*_demo(), tuple(functions))]
    return [*found, *(World(schema, rules, tuple(functions)) for schema, rules in _corpora())]


def _demo() -> tuple[Schema, tuple[Line, ...]]:
    lake = tomllib.loads((ROOT / "demo" / "frames.toml").read_text("utf-8"))
    columns = {
        name: {column: about["type"] if isinstance(about, dict) else about for column, about in said["columns"].items()}
        for name, said in lake["frames"].items()
    }
    keys = {name: said["subject_key"] for name, said in lake["frames"].items() if said.get("subject_key")}
    rules = yaml.safe_load((ROOT / "demo" / "rules.yaml").read_text("utf-8"))["rules"]
    made = (
        Line(r["key"], Form(r.get("form", "predicate")), "accept", r["sql"], r.get("frame", ""))
        for r in rules
        if "parameters" not in r
    )
    return Schema(lake["subject"], keys[lake["subject"]], columns, keys), tuple(made)


def _corpora() -> Iterator[tuple[Schema, tuple[Line, ...]]]:
    for kept in json.loads((ROOT / "tests" / "data" / "corpora_rules.json").read_text("utf-8")).values():
        key, frames = kept["subject_key"], kept["columns"]
        schema = Schema(kept["subject_frame"], key, frames, {f: key for f, columns in frames.items() if key in columns})
        yield (
            schema,
            tuple(
                Line(r["rule_id"], Form.PREDICATE, "accept", r["sql_condition"], kept["subject_frame"])
                if "sql_condition" in r
                else Line(r["rule_id"], Form.STATEMENT, "accept", r["sql_select"])
                for r in kept["rules"]
            ),
        )


def mutant(world: World, random: Random) -> Line:
    """One rule of a world, changed in one to eight places; half are honest at first."""
    form = random.choice((Form.PREDICATE, Form.STATEMENT))
    line = world.of(form, random, honest=random.random() < 0.5)
    sql, form = _composed(line.sql, line.form, world, random) if random.random() < 0.4 else (line.sql, line.form)
    words = WORD.findall(sql)
    for _ in range(random.choice((1, 2, 2, 3, 3, 4, 5, 6, 8))):
        change = random.choices(_CHANGES, _OFTEN)[0]
        change(words, world, random)
    return Line(f"mutant of {line.tag}", form, "policy", "".join(words) or "x", line.frame)


def _composed(sql: str, form: Form, world: World, random: Random) -> tuple[str, Form]:
    """A rule made of two: the second stands in it, beside it or around it."""
    honest = random.random() < 0.75
    condition, query = (world.of(f, random, honest).sql for f in (Form.PREDICATE, Form.STATEMENT))
    key, frame = world.schema.subject_key, random.choice(world.frames)
    if form is Form.PREDICATE:
        shape = random.choice(CONDITIONS)
        return shape.format(this=sql, condition=condition, query=query, key=key, frame=frame), form
    shape = random.choice(QUERIES)
    return shape.format(this=sql, condition=condition, query=query, key=key, frame=frame), form


Change = Callable[[Words, World, Random], None]


def _delete(words: Words, world: World, random: Random) -> None:
    at = at_one(words, random)
    del words[at : at + random.randint(1, 3)]
    words.append("") if not words else None


def _duplicate(words: Words, world: World, random: Random) -> None:
    at = at_one(words, random)
    words[at:at] = [*words[at : at + random.randint(1, 5)], " "]


def _swap(words: Words, world: World, random: Random) -> None:
    one, other = at_one(words, random), at_one(words, random)
    words[one], words[other] = words[other], words[one]


def _splice(words: Words, world: World, random: Random) -> None:
    more = WORD.findall(random.choice(world.rules).sql)
    start, at = random.randrange(len(more)), at_one(words, random)
    words[at : at + random.randint(0, 4)] = more[start : start + random.randint(1, 9)]


def _operator(words: Words, world: World, random: Random) -> None:
    words[at_one(words, random, OPERATORS.__contains__)] = random.choice(OPERATORS)


def _column(words: Words, world: World, random: Random) -> None:
    columns = set(world.columns)
    words[at_one(words, random, columns.__contains__)] = random.choice(world.columns)


def _value(words: Words, world: World, random: Random) -> None:
    at = at_one(words, random, lambda word: word.isdigit() or word.startswith("'"))
    words[at] = random.choice(VALUES)


def _function(words: Words, world: World, random: Random) -> None:
    calls = [at for at, (w, after) in enumerate(pairwise(words)) if w.isidentifier() and after == "("]
    name = random.choice(world.functions)
    if calls and random.random() < 0.7:
        words[random.choice(calls)] = name
    else:
        at = at_one(words, random, set(world.columns).__contains__)
        words[at] = random.choice(("{}({})", "{}({}, 1)", "{}('a', {})", "{}()", "{}({}, 'x', {})")).format(
            name, words[at], words[at]
        )


def _relation(words: Words, world: World, random: Random) -> None:
    frames = set(world.frames)
    words[at_one(words, random, frames.__contains__)] = random.choice((*world.frames, *RELATIONS)).format(
        frame=random.choice(world.frames)
    )


def _quote(words: Words, world: World, random: Random) -> None:
    at = at_one(words, random, str.isidentifier)
    words[at] = random.choice(("`{}`", "'{}'", '"{}"', "`{} `", "r'{}'", "``{}``", "({})", "{}.{}")).format(
        words[at], words[at]
    )


def _case(words: Words, world: World, random: Random) -> None:
    at = at_one(words, random, str.isidentifier)
    words[at] = random.choice((words[at].upper(), words[at].title(), words[at].swapcase()))


def _insert(words: Words, world: World, random: Random) -> None:
    words.insert(at_one(words, random), random.choice(INSERTED))


def _letter(words: Words, world: World, random: Random) -> None:
    """A letter that some readers take for another."""
    at = at_one(words, random, str.isidentifier)
    words[at] = words[at].translate(str.maketrans(random.choice(LOOKALIKES)))


def _comment(words: Words, world: World, random: Random) -> None:
    """A comment between two words; what it holds may be a rule, and it may not be closed where one would think."""
    inside = random.choice((random.choice(SAID), random.choice(world.rules).sql))
    words.insert(at_one(words, random), random.choice(MARKS).format(inside))


def _graft(words: Words, world: World, random: Random) -> None:
    """A hostile condition or query, in brackets, where a value or a column stands."""
    hostile = world.of(random.choice((Form.PREDICATE, Form.STATEMENT)), random, honest=False).sql
    at = at_one(words, random, lambda word: word.isdigit() or word.startswith("'") or word in set(world.columns))
    words[at] = f"({hostile})"


def _raise_up(words: Words, world: World, random: Random) -> None:
    """A part in brackets becomes the whole."""
    at = at_one(words, random, "(".__eq__)
    depth = 0
    for end in range(at, len(words)):
        depth += {"(": 1, ")": -1}.get(words[end], 0)
        if depth == 0:
            words[:] = words[at + 1 : end] or ["x"]
            return


_WEIGHTED: tuple[tuple[Change, int], ...] = (
    *((_delete, 3), (_duplicate, 3), (_swap, 2), (_splice, 6), (_operator, 6), (_column, 8), (_value, 8)),
    *(
        (_function, 10),
        (_relation, 5),
        (_quote, 3),
        (_case, 3),
        (_insert, 4),
        (_letter, 1),
        (_comment, 5),
        (_graft, 5),
        (_raise_up, 2),
        (clock, 6),
        (order, 4),
        (product, 4),
        (growth, 4),
        (digits, 3),
    ),
)
_CHANGES = [change for change, _ in _WEIGHTED]
_OFTEN = [often for _, often in _WEIGHTED]

_PLAIN: tuple[Change, ...] = (
    _splice,
    _operator,
    _operator,
    _column,
    _column,
    _value,
    _value,
    _function,
    _swap,
    _raise_up,
)


def plain(world: World, random: Random) -> Line:
    """An honest rule, alone or with a second one, changed in up to three places by the words of honest rules."""
    line = world.of(random.choice((Form.PREDICATE, Form.STATEMENT)), random)
    sql, form = line.sql, line.form
    if random.random() < 0.3:
        condition, query = (world.of(f, random).sql for f in (Form.PREDICATE, Form.STATEMENT))
        shape = random.choice(CONDITIONS if form is Form.PREDICATE else QUERIES)
        sql = shape.format(
            this=sql, condition=condition, query=query, key=world.schema.subject_key, frame=random.choice(world.frames)
        )
    words = WORD.findall(sql)
    for _ in range(random.choice((1, 1, 2, 3))):
        random.choice(_PLAIN)(words, world, random)
    return Line(f"mutant of {line.tag}", form, "policy", "".join(words) or "x", line.frame)
