"""What Spark may make of a rule: ``catalyst.toml`` as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from rules_engine.sql.allow_list import allowed, listed


@dataclass(frozen=True, slots=True)
class Catalyst:
    """
    The lists for one version of Spark.

    Classes are named without ``org.apache.spark.sql.catalyst.``; ``silent``
    names a class's fields that Spark does not print and that hold no part of a
    rule. ``read_as`` maps a function as it is written to what Spark's parser
    makes of it where that is no call: a class, or ``*`` where it leaves no trace.
    """

    parsed: frozenset[str]
    analysed: frozenset[str]
    silent: frozenset[str]
    over: frozenset[str]
    """Aggregates that stand under a window only."""
    functions: frozenset[str]
    """What Spark may see called: the functions of ``allowed.toml``, and what it reads operators as."""
    registered: frozenset[str]
    """The functions of a rule session: those without the ones that Spark's parser reads itself."""
    operators: frozenset[str]
    read_as: Mapping[str, frozenset[str]]


@cache
def catalyst(spark: str) -> Catalyst:
    """The lists for a version such as ``3.5.8``; entries that name other versions are left out."""
    body = listed("catalyst.toml")
    operators = _words(body["operators"], spark)
    return Catalyst(
        parsed=_classes(body["parsed"], spark),
        analysed=_classes(body["analysed"], spark),
        silent=frozenset(body["silent"]["fields"].split()),
        over=frozenset(body["over"]["classes"].split()),
        functions=frozenset(allowed().functions) | operators,
        registered=frozenset(allowed().functions) - _words(body["keywords"], spark) | operators,
        operators=operators,
        read_as=MappingProxyType({n: frozenset(found.split()) for n, found in body["read_as"].items()}),
    )


def _classes(section: Mapping[str, Any], spark: str) -> frozenset[str]:
    found = set()
    for versions, packages in section.items():
        if _concerns(versions, spark):
            found |= {f"{package}.{name}" for package, names in packages.items() for name in names.split()}
    return frozenset(found)


def _words(section: Mapping[str, str], spark: str) -> frozenset[str]:
    return frozenset(
        word for versions, words in section.items() if _concerns(versions, spark) for word in words.split()
    )


def _concerns(versions: str, spark: str) -> bool:
    return versions == "every" or any(spark.startswith(f"{version}.") for version in versions.split())
