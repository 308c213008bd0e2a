"""
Functions within functions, on several Sparks: ``python -m tests.composed --write FILE [--rules N] [--seed S]``.

The lines of ``tests/data/functions.tsv`` show each allowed function by itself. Here the expression of one stands in the
place of a column of another, over the same values. ``--write`` keeps those that every gate accepts, with what they come
to on the Spark at hand; ``--compare FILE`` on another Spark works them out again. Exit 1 if one comes out otherwise.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from rules_engine.spark.session import pin
from tests.function_table import COLUMNS, REFUSED, Case, cases, judged, values
from tests.gate import local_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COMBINED = 600
"""Rows of values up to which an expression is worked out."""


def typed(spark: SparkSession) -> dict[str, list[str]]:
    """The expressions of the table by the type of what they come to."""
    columns = ", ".join(f"CAST(NULL AS {type_}) AS {name}" for name, (type_, _) in COLUMNS.items())
    empty, found = spark.sql(f"SELECT {columns}"), dict[str, list[str]]()
    for case in cases():
        if case.outcome != REFUSED and not case.is_query:
            type_ = empty.selectExpr(f"{case.expression} AS r").schema[0].dataType.simpleString()
            found.setdefault(_family(type_), []).append(case.expression)
    return found


def _family(type_: str) -> str:
    return type_.partition("(")[0].replace("tinyint", "int").replace("smallint", "int")


def composed(by_type: dict[str, list[str]], random: Random) -> Iterator[Case]:
    """Expressions of the table with others in the places of columns, without end."""
    table = [case for case in cases() if case.outcome != REFUSED and not case.is_query]
    while True:
        case = random.choice(table)
        sql = case.expression
        for _ in range(random.choice((1, 1, 2))):
            names = Case("", sql).columns
            fits = [name for name in names if by_type.get(_family(COLUMNS[name][0]))]
            if fits:
                name = random.choice(fits)
                inner = random.choice(by_type[_family(COLUMNS[name][0])])
                sql = re.sub(rf"(?<![\w'.]){name}(?![\w'(.])", lambda _, inner=inner: f"({inner})", sql)
        made = Case(case.function, sql)
        if made.expression != case.expression and prod(len(COLUMNS[n][1]) for n in made.columns) <= COMBINED:
            yield made


def write(spark: SparkSession, path: Path, rules: int, seed: int) -> None:
    """Keep what is accepted of so many, with its values."""
    made, seen = composed(typed(spark), Random(seed)), dict[str, Case]()
    while len(seen) < rules:
        case = next(made)
        seen.setdefault(case.expression, case)
    kept = [case for case in judged(spark, [*seen.values()]) if case.outcome != REFUSED]
    path.write_text("".join(f"{c.function}\t{c.expression}\t{c.outcome}\n" for c in kept), "utf-8")
    print(f"{len(kept):,} of {rules:,} expressions accepted, seed {seed}, Spark {spark.version}")


def compare(spark: SparkSession, path: Path) -> int:
    """How many come out otherwise; each is printed."""
    found = cases(path)
    wrong = 0
    for case in found:
        now = json.dumps(values(spark, case), ensure_ascii=False)
        if now != case.outcome:
            wrong += 1
            pairs = zip(json.loads(case.outcome), json.loads(now), strict=False)
            print("DIFFERS", case.expression, next((f"{a!r} {b!r}" for a, b in pairs if a != b), ""))
    print(f"{len(found):,} expressions, {wrong} differ, Spark {spark.version}")
    return 1 if wrong or not found else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.composed")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--compare", type=Path)
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args(arguments)
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    with local_spark() as spark:
        if said.write:
            write(pin(spark), said.write, said.rules, said.seed)
        return compare(pin(spark), said.compare) if said.compare else 0


if __name__ == "__main__":
    sys.exit(main())
