"""The allow-list as values: ``allowed.toml`` says what rules may say, ``refusals.toml`` how they are told no."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from rules_engine.errors import Fault


class Category(StrEnum):
    """What a function is for; what it gives, where that is one type for all of them."""

    STRING = "string"
    NUMERIC = "numeric"
    DATE = "date"
    CONDITIONAL = "conditional"
    COLLECTION = "collection"
    GENERATOR = "generator"
    AGGREGATE = "aggregate"
    WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Function:
    """
    A function a rule may call, with the Spark version it came with and one rule that calls it.

    ``args`` bounds how many arguments it takes; ``whole`` maps an argument
    (from 1) to the bounds of the whole number it must be, ``number`` of any
    number; ``plain`` lists arguments that must be numbers or an array of them,
    ``text`` those that must be a quoted text; ``words`` maps an argument to what
    a text that is written there must be (:mod:`rules_engine.sql.day_words`);
    ``pattern`` is the argument that is a regular expression, if one is.
    ``over`` functions need a window with an order, ``within`` names the
    functions it may stand in, if not in all.
    """

    name: str
    category: Category
    since: str
    example: str
    args: tuple[int, int] = (0, 255)
    whole: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    number: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    text: tuple[int, ...] = ()
    plain: tuple[int, ...] = ()
    words: Mapping[int, str] = field(default_factory=dict)
    pattern: int = 0
    boolean: bool = False
    over: bool = False
    within: frozenset[str] = frozenset()
    instead: str = ""
    """What to write where it has other arguments elsewhere."""

    @property
    def statement(self) -> bool:
        """Whether the example is a whole query."""
        return self.example.startswith("select")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of no: its stable code, what is said, what to write instead, and a rule that meets it."""

    code: str
    title: str
    what: str
    instead: str
    form: str = ""
    example: str | None = None

    def fault(self, position: int | None = None, **found: object) -> Fault:
        """The fault of one rule; the rule is named by whoever reports it."""
        said = {"name": "", "hint": "", "known": "", "found": "", "limit": ""} | found
        return Fault("", self.what.format(**said), " ".join(self.instead.format(**said).split()), self.code, position)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a rule may ask for; each number is explained in ``allowed.toml``."""

    characters: int
    nesting: int
    depth: int
    chain: int
    spine: int
    wildcards: int
    scans: int
    terms: int
    copies: int
    lateral_views: int
    name: int
    number: int


@dataclass(frozen=True, slots=True)
class Growth:
    """How large values and how long work may become; each number is explained in ``allowed.toml``."""

    rows: int
    elements: int
    characters: int
    size: int
    steps: int
    lambdas: int
    distinct: int
    all_distinct: int
    approximate: int
    counters: int
    kept: int
    windows: int
    orders: int


@dataclass(frozen=True, slots=True)
class Estimates:
    """What is taken for granted of data that nobody has looked at."""

    text: int
    part: int
    elements: int
    group: int
    exploded: int
    rows: int


@dataclass(frozen=True, slots=True)
class Syntax:
    """Sets of words that decide what a bracket or a quoted text after them means."""

    before_bracket: frozenset[str]
    before_text: frozenset[str]
    symbols: frozenset[str]
    types: frozenset[str]
    clock: frozenset[str]
    session: frozenset[str]


@dataclass(frozen=True, slots=True)
class Allowed:
    """Everything on the lists."""

    limits: Limits
    growth: Growth
    estimates: Estimates
    syntax: Syntax
    functions: Mapping[str, Function]
    refused_functions: Mapping[str, tuple[str, str]]
    """Function name to the code of its refusal and what to write instead."""
    nodes: frozenset[str]
    flags: frozenset[str]
    refused_nodes: Mapping[str, tuple[str, str]]
    """Node class to what an analyst calls it and what to write instead."""
    example: Mapping[str, str]
    """Frame name to its columns and types, as a Spark schema text."""


@cache
def allowed() -> Allowed:
    """The lists, read once."""
    body = listed("allowed.toml")
    return Allowed(
        limits=Limits(**body["limits"]),
        growth=Growth(**body["growth"]),
        estimates=Estimates(**body["estimates"]),
        syntax=Syntax(**{name: frozenset(words.split()) for name, words in body["syntax"].items()}),
        functions={n: _function(n, Category(c), f) for c, found in body["functions"].items() for n, f in found.items()},
        refused_functions={name: ("SQL-104", f"{instead} ") for name, instead in body["elsewhere"].items()}
        | {n: (r["code"], r["instead"]) for r in body["refused"].values() for n in r["names"].split()},
        nodes=frozenset(" ".join(body["nodes"]["allowed"].values()).split()),
        flags=frozenset(body["nodes"]["flags"].split()),
        refused_nodes={cls: (name, instead) for cls, (name, instead) in body["nodes"]["refused"].items()},
        example={name: " ".join(text.split()) for name, text in body["example"]["columns"].items()},
    )


def _function(name: str, category: Category, entry: dict[str, Any]) -> Function:
    shaped = entry | {
        "args": tuple(entry.get("args", (0, 255))),
        "whole": MappingProxyType({int(at): (low, high) for at, (low, high) in entry.get("whole", {}).items()}),
        "number": MappingProxyType({int(at): (low, high) for at, (low, high) in entry.get("number", {}).items()}),
        "plain": tuple(entry.get("plain", ())),
        "text": tuple(entry.get("text", ())),
        "words": MappingProxyType({int(at): name for at, name in entry.get("words", {}).items()}),
        "within": frozenset(entry.get("within", ())),
    }
    return Function(name=name, category=category, **shaped)


@cache
def refusals() -> Mapping[str, Refusal]:
    """Every refusal and warning by its code."""
    body = listed("refusals.toml")
    return {code: Refusal(code, **entry) for kind in ("refusals", "warnings") for code, entry in body[kind].items()}


def refuse(code: str, position: int | None = None, **found: object) -> Fault:
    """The fault that ``refusals.toml`` words under this code."""
    return refusals()[code].fault(position, **found)


def listed(name: str) -> dict[str, Any]:
    """A file of lists that lies beside this module."""
    return tomllib.loads(files("rules_engine.sql").joinpath(name).read_text("utf-8"))
