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

from rules_engine.model.frames import Schema
from rules_engine.model.rules import Form
from tests.gate import SCHEMA, Line, lines

ROOT = Path(__file__).parents[1]
FILES = [
    path / name
    for path in (ROOT / "tests" / "data", ROOT.parent / "shared" / "security")
    for name in ("hostile_rules.tsv", "honest_rules.tsv")
    if (path / name).exists()
]
LONGEST = 600
"""Characters of a rule that is mutated; longer ones say nothing new and cost more."""

_WORD = re.compile(r"'[^']*'|`[^`]*`|\s+|\w+|<=>|<=|>=|<>|!=|\|\||.", re.DOTALL)


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
    words = _WORD.findall(sql)
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
        shape = random.choice(_CONDITIONS)
        return shape.format(this=sql, condition=condition, query=query, key=key, frame=frame), form
    shape = random.choice(_QUERIES)
    return shape.format(this=sql, condition=condition, query=query, key=key, frame=frame), form


_CONDITIONS = (
    "({this}) and ({condition})",
    "({this}) or not ({condition})",
    "not ({this})",
    "case when {this} then {condition} else false end",
    "if({this}, {condition}, false)",
    "coalesce(({this}), ({condition}))",
    "({this}) <=> ({condition})",
    "({this}) and {key} in ({query})",
    "({this}) or exists ({query})",
    "({this}) and {key} = (select max({key}) from {frame})",
    "exists(array(1, 2), x -> {this})",
    "{key} in (select {key} from {frame} where {this})",
    "exists (with w as ({query}) select 1 from w)",
    "({this}) is true",
)
_QUERIES = (
    "({this}) union ({query})",
    "({this}) except ({query})",
    "{this} intersect {query}",
    "with w as ({this}) select {key} from w",
    "with w as ({query}) {this}",
    "with w as ({query}), v as ({this}) select v.{key} from v join w on v.{key} = w.{key}",
    "select {key} from ({this}) t",
    "select {key} from {frame} where {key} in ({this})",
    "select {key} from {frame} where {condition}",
    "select {key} from ({this}) where {condition}",
    "select {key} from {frame} where {condition} group by {key} having count(*) > 1",
    "select {key} from (select {key}, row_number() over (partition by {key} order by {key}) n from {frame}) where n = 1",
    "{this} order by ({query})",
    "select {key} from {frame} lateral view explode(array({key})) t as x where {condition}",
)

Words = list[str]
Change = Callable[[Words, World, Random], None]


def _at(words: Words, random: Random, fits: Callable[[str], object] = str.strip) -> int:
    """A place whose word fits, else any."""
    places = [at for at, word in enumerate(words) if fits(word)] or range(len(words))
    return random.choice(places)


def _delete(words: Words, world: World, random: Random) -> None:
    at = _at(words, random)
    del words[at : at + random.randint(1, 3)]
    words.append("") if not words else None


def _duplicate(words: Words, world: World, random: Random) -> None:
    at = _at(words, random)
    words[at:at] = [*words[at : at + random.randint(1, 5)], " "]


def _swap(words: Words, world: World, random: Random) -> None:
    one, other = _at(words, random), _at(words, random)
    words[one], words[other] = words[other], words[one]


def _splice(words: Words, world: World, random: Random) -> None:
    more = _WORD.findall(random.choice(world.rules).sql)
    start, at = random.randrange(len(more)), _at(words, random)
    words[at : at + random.randint(0, 4)] = more[start : start + random.randint(1, 9)]


def _operator(words: Words, world: World, random: Random) -> None:
    words[_at(words, random, _OPERATORS.__contains__)] = random.choice(_OPERATORS)


def _column(words: Words, world: World, random: Random) -> None:
    columns = set(world.columns)
    words[_at(words, random, columns.__contains__)] = random.choice(world.columns)


def _value(words: Words, world: World, random: Random) -> None:
    at = _at(words, random, lambda word: word.isdigit() or word.startswith("'"))
    words[at] = random.choice(_VALUES)


def _function(words: Words, world: World, random: Random) -> None:
    calls = [at for at, (w, after) in enumerate(pairwise(words)) if w.isidentifier() and after == "("]
    name = random.choice(world.functions)
    if calls and random.random() < 0.7:
        words[random.choice(calls)] = name
    else:
        at = _at(words, random, set(world.columns).__contains__)
        words[at] = random.choice(("{}({})", "{}({}, 1)", "{}('a', {})", "{}()", "{}({}, 'x', {})")).format(
            name, words[at], words[at]
        )


def _relation(words: Words, world: World, random: Random) -> None:
    frames = set(world.frames)
    words[_at(words, random, frames.__contains__)] = random.choice((*world.frames, *_RELATIONS)).format(
        frame=random.choice(world.frames)
    )


def _quote(words: Words, world: World, random: Random) -> None:
    at = _at(words, random, str.isidentifier)
    words[at] = random.choice(("`{}`", "'{}'", '"{}"', "`{} `", "r'{}'", "``{}``", "({})", "{}.{}")).format(
        words[at], words[at]
    )


def _case(words: Words, world: World, random: Random) -> None:
    at = _at(words, random, str.isidentifier)
    words[at] = random.choice((words[at].upper(), words[at].title(), words[at].swapcase()))


def _insert(words: Words, world: World, random: Random) -> None:
    words.insert(_at(words, random), random.choice(_INSERTED))


def _letter(words: Words, world: World, random: Random) -> None:
    """A letter that some readers take for another."""
    at = _at(words, random, str.isidentifier)
    words[at] = words[at].translate(str.maketrans(random.choice(_LOOKALIKES)))


def _comment(words: Words, world: World, random: Random) -> None:
    """A comment between two words; what it holds may be a rule, and it may not be closed where one would think."""
    inside = random.choice((random.choice(_SAID), random.choice(world.rules).sql))
    words.insert(_at(words, random), random.choice(_MARKS).format(inside))


def _graft(words: Words, world: World, random: Random) -> None:
    """A hostile condition or query, in brackets, where a value or a column stands."""
    hostile = world.of(random.choice((Form.PREDICATE, Form.STATEMENT)), random, honest=False).sql
    at = _at(words, random, lambda word: word.isdigit() or word.startswith("'") or word in set(world.columns))
    words[at] = f"({hostile})"


def _raise_up(words: Words, world: World, random: Random) -> None:
    """A part in brackets becomes the whole."""
    at = _at(words, random, "(".__eq__)
    depth = 0
    for end in range(at, len(words)):
        depth += {"(": 1, ")": -1}.get(words[end], 0)
        if depth == 0:
            words[:] = words[at + 1 : end] or ["x"]
            return


# fmt: off
_OPERATORS = ("=", "<", ">", "<=", ">=", "<>", "<=>", "and", "or", "+", "-", "*", "/", "%", "||", "like", "in", "div", "&")
_VALUES = ("0", "1", "5", "1.5", "'GB'", "'x'", "null", "true", ":as_of", "date '2024-06-01'", "1e3", "12BD", "'%a%'", "-1",
           "interval 1 day", "2000000000", "date 'today'", "'%a%a%a%a%b'", "array(1, 2)", "(select 1)", "current_date", "user")
_RELATIONS = ("payroll", "spark_catalog.default.{frame}", "default.{frame}", "text.`/etc/passwd`", "parquet.`/data`", "range(10)",
              "`text`.`/etc/passwd`", "global_temp.{frame}", "(values (1), (2)) as t(v)", "explode(array(1))", "identifier('payroll')",
              "{frame} tablesample (1 rows)", "{frame} version as of 1", "(table payroll)", "json.`/proc/self/environ`", "{frame} a",
              "(select * from {frame}) t", "(select * from payroll) t", "{frame}, lateral (select 1) l", "system.information_schema.tables")
_INSERTED = (" -- x\n", " /* x */ ", "/*+ broadcast(a) */", ";", "${env:HOME}", "\\", '"', "\u00a0", "\u200b", "\u202e", "\t", "\n", "\r",
             " limit 1 ", " lateral view explode(array(1)) t as x ", " order by 1 ", " as x ", " not ", " distinct ", "(", ")", ",",
             " tablesample (1 rows) ", " window w as (order by rand()) ", " over (order by 1) ", " filter (where true) ", " ignore nulls ",
             " union select 1 ", " qualify true ", " with ", " cross join payroll ", "::int", "[0]", ".", "!", " is not null ", " collate utf8_lcase ")
_SAID = ("", "x", "it's", "``", " or true ", ":later", "größer als 5", "*", "/", "--", "+", "*/ or true /*", "\n or true", "\r or true --",
         "\u2028 or true", "select 1 from payroll", "reflect('a', 'b')", "\\", "\\\n or true", "/* x */", "/*+ x */", "\u202e", ";", "${x}")
_MARKS = ("/*{}*/", " /* {} */ ", "-- {}\n", "--{}\r\n", "--{}\r", "/*{}", "--{}", "{}*/", "/**{}**/", "/*/{}*/", "/*+{}*/", "--{}\\\n")
_LOOKALIKES = ({"i": "\u0131"}, {"s": "\u017f"}, {"k": "\u212a"}, {"c": "\u0441"}, {"e": "\uff45"}, {"o": "0"}, {"a": "\u00e4"})
# fmt: on
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
    ),
)
_CHANGES = [change for change, _ in _WEIGHTED]
_OFTEN = [often for _, often in _WEIGHTED]
