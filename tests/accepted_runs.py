"""
What `rules check` accepts is run, on the Spark at hand: ``python -m tests.accepted_runs --rules N [--seed S]``.

The rules of the demo and of both corpora, and honest mutants of them (:mod:`tests.mutants`), are asked about by the
gates as `rules check` asks them, many at a time. Those that are accepted are evaluated together, as a run does, over two
lakes: in the one every column but keys is empty, and no rule may fail; in the other each column has as many values as
rows, and a rule may fail on a value alone, which the message then names. Exit 1 if a rule is refused in another way.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from rules_engine.errors import InvalidRule
from rules_engine.lake import declaration
from rules_engine.model.frames import Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType, RuleVersion, WhenUnknown
from rules_engine.model.schemas import Schema
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.failure import isolation
from rules_engine.sql.allow_list import allowed
from rules_engine.sql.gate import gate
from tests.filled_rows import ROWS, value
from tests.gate import AS_OF, Line, local_spark, rule_of
from tests.mutants import World, plain, worlds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BATCH = 60
NAMES = ("tests/data", "demo", "berka", "german_credit")
"""What the worlds of :func:`tests.mutants.worlds` are."""
ON_A_VALUE = "Spark says"
"""How the message of a rule begins to name what Spark stumbled over in a row."""


@dataclass
class Told:
    """What became of the rules of one world."""

    asked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    on_a_value: Counter[str] = field(default_factory=Counter)
    """Rules that fail on a value of a row, by what is said of it."""
    faults: list[str] = field(default_factory=list)


def asked(lines: Iterable[Line], schema: Schema) -> Iterator[RuleVersion]:
    """The rules of lines that the pure gates accept, each once, numbered; in turn of each kind and meaning of unknown."""
    seen = set[str]()
    for line in lines:
        try:
            kind, unknown = ([*each][len(seen) % len(each)] for each in (Kind, WhenUnknown))
            version = replace(rule_of(line, schema), key=f"R-{len(seen)}", kind=kind, when_unknown=unknown)
        except InvalidRule:
            continue
        if version.text_digest not in seen and not gate.faults(version, schema):
            seen.add(version.text_digest)
            yield version


def mutants(world: World, random: Random) -> Iterator[Line]:
    """Mutants of the honest rules of a world, without end."""
    while True:
        yield plain(world, random)


class Place:
    """One schema's two lakes on one Spark, and the evaluators over them."""

    def __init__(self, spark: SparkSession, schema: Schema, folder: Path) -> None:
        self.folder = folder
        self.gate = SparkEvaluator(spark, written(spark, schema, folder / "filled", empty=False))
        self.empty = SparkEvaluator(spark, written(spark, schema, folder / "empty", empty=True))

    def run(self, versions: Sequence[RuleVersion], told: Told) -> None:
        """Ask the gates, evaluate what they accept over both lakes, and note what becomes of it."""
        told.asked += len(versions)
        refused = self._refused(versions)
        told.refused += Counter(code for code, _ in refused.values())
        accepted = [version for version in versions if version.key not in refused]
        told.accepted += len(accepted)
        for evaluator, values in ((self.empty, False), (self.gate, True)):
            for version, said in self._failing(evaluator, accepted):
                if values and ON_A_VALUE in said:
                    told.on_a_value[said] += 1
                else:
                    told.faults.append(f"{'values' if values else 'empty'}: {said}: {version.form} {version.sql!r}")

    def _refused(self, versions: Sequence[RuleVersion]) -> dict[str, tuple[str, str]]:
        try:
            self.gate.check(_rule_set(versions))
        except InvalidRule as invalid:
            return {fault.which.removeprefix("Rule "): (fault.code, str(fault)) for fault in invalid.faults}
        return {}

    def _failing(self, evaluator: SparkEvaluator, versions: Sequence[RuleVersion]) -> Iterator[tuple[RuleVersion, str]]:
        """Rules that end a run, and what is said; those that it names are left out of the next, others found by halves."""
        left = list(versions)
        while left:
            rule_set = _rule_set(left)
            try:
                with patch.object(isolation, "_of_data", lambda _: False):  # what only rules together fail on is told
                    evaluator.evaluate(rule_set, HitMatrix.of(rule_set), str(self.folder / "run"), None)
            except InvalidRule as invalid:
                said = {fault.which.split()[1].split("/")[0]: f"{fault.code} {fault.what}" for fault in invalid.faults}
                if named := [version for version in left if version.key in said]:
                    yield from ((version, said[version.key]) for version in named)
                    left = [version for version in left if version.key not in said]
                    continue
                problem: Exception = invalid
            except Exception as raised:
                problem = raised
            else:
                return
            if len(left) == 1:
                yield left[0], f"{type(problem).__name__} {problem}"[:300]
                return
            middle = len(left) // 2
            yield from self._failing(evaluator, left[:middle])
            left = left[middle:]


def _rule_set(versions: Sequence[RuleVersion]) -> RuleSet:
    return RuleSet(AS_OF, datetime(2024, 6, 1, tzinfo=UTC), (MembershipType("ANY", "Any"),), tuple(versions))


def written(spark: SparkSession, schema: Schema, folder: Path, *, empty: bool) -> Lake:
    """A lake of Parquet files with a few rows in every frame; where it is ``empty`` they say nothing but their keys."""
    said = [f'subject = "{schema.subject}"']
    for frame, columns in schema.columns.items():
        key = schema.subject_keys.get(frame, "")
        rows = [
            tuple(_cell(type_, name == key, at, place, empty) for place, (name, type_) in enumerate(columns.items()))
            for at in range(ROWS)
        ]
        types = ", ".join(f"`{name}` {type_}" for name, type_ in columns.items())
        spark.createDataFrame(rows, types).coalesce(1).write.parquet(str(folder / frame))
        said += [f"[frames.{frame}]", f'path = "{frame}"', *([f'subject_key = "{key}"'] if key else [])]
        said += [f'key = ["{key}"]'] if frame == schema.subject else []
        said += [f"[frames.{frame}.columns]", *(f'{name} = "{type_}"' for name, type_ in columns.items())]
    return declaration.parse("\n".join(said), str(folder))


def _cell(type_: str, is_key: bool, at: int, place: int, empty: bool) -> Any:
    if is_key:
        return str(at) if type_ == "string" else at
    return None if empty else value(type_, at + place)


def run(spark: SparkSession, rules: int, seed: int) -> Iterator[tuple[str, Told]]:
    """By the name of each world what became of its own rules and of so many mutants."""
    for number, world in enumerate(worlds(sorted(allowed().functions))):
        told = Told()
        folder = Path(tempfile.mkdtemp(prefix="accepted-runs-"))
        try:
            place = Place(spark, world.schema, folder)
            own = [line for line in world.rules if line.expectation == "accept"]
            lines = chain(own, mutants(world, Random(f"{seed}/{number}")))
            versions = [*islice(asked(lines, world.schema), len(own) + rules)]
            for first in range(0, len(versions), BATCH):
                place.run(versions[first : first + BATCH], told)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        yield NAMES[number], told


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.accepted_runs", description=__doc__.strip().splitlines()[0])
    parser.add_argument("--rules", type=int, default=500, metavar="N", help="mutants for each schema")
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args(arguments)
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    failed = False
    with local_spark() as spark:
        for name, told in run(spark, said.rules, said.seed):
            refused = sum(told.refused.values())
            print(
                f"{name}: {told.asked:,} rules that the pure gates accept, {refused:,} faults by Spark and the try, "
                f"{told.accepted:,} accepted, {told.on_a_value.total()} fail on a value, "
                f"{len(told.faults)} refused by the run, Spark {spark.version}",
                flush=True,
            )
            print("   ", dict(told.refused), dict(told.on_a_value))
            for fault in told.faults:
                print("FAULT", fault)
            failed = failed or bool(told.faults) or not told.accepted
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
