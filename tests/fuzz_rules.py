"""
Mutate the rules, and see that nothing hostile gets through: ``python -m tests.fuzz_rules --rules N [--seed S] [--jobs J]``.

Every mutant goes through the whole chain, the cheap gates first. What all of
them accept is handed to an oracle that shares no code with the gates
(:mod:`tests.plan_oracle`). Exit 1 if it finds a relation, a function or a class
outside the lists; the rule is printed. What gate 2a or the comparison of the two
readers refuses is shown to gate 2b as well: a mutant that it accepts is printed
as one that they alone refused, with what the oracle finds in it.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import multiprocessing
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule
from rules_engine.evaluation import analysed
from rules_engine.evaluation.resolution import spark_faults
from rules_engine.evaluation.rule_session import registered, rule_session
from rules_engine.language import gate
from rules_engine.language.allowed import allowed
from rules_engine.model.frames import Schema
from rules_engine.model.rules import RuleVersion
from tests.gate import AS_OF, local_spark, rule_of
from tests.mutants import mutant, worlds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHUNK, PRINTED = 1_000, 5
SHARE = (6, 2, 1, 1)
"""How often each world of :func:`tests.mutants.worlds` is mutated."""
BEFORE_2B = ("gate 2a", "two readers")
"""The layers of Spark that stand before gate 2b."""


@dataclass
class Found:
    """What became of the mutants of one chunk: how many each layer refused, what leaked, and what :data:`BEFORE_2B` alone refused."""

    made: int = 0
    layers: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    @property
    def by_pure_gates(self) -> int:
        """How many reached Spark."""
        return self.made - sum(self.layers[name] for name in ("a text seen before", "model", "L0", "gate 1"))

    def add(self, other: Found) -> None:
        self.made += other.made
        self.layers += other.layers
        self.leaks += other.leaks
        self.alone += other.alone

    def __str__(self) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in self.layers.most_common())


Chain = Callable[["SparkSession", RuleVersion, Schema], Iterator[tuple[str, tuple[Fault, ...]]]]


def whole_chain(session: SparkSession, version: RuleVersion, schema: Schema) -> Iterator[tuple[str, tuple[Fault, ...]]]:
    """Each layer with its refusals, in the order of a run."""
    yield "L0", gate.text_faults(version, schema)
    yield "gate 1", gate.tree_faults(version, schema)
    faults = spark_faults(session, version, schema, AS_OF)
    yield _layer(faults), faults


def _layer(faults: tuple[Fault, ...]) -> str:
    codes = {fault.code for fault in faults}
    if codes & {"SQL-351", "SQL-352"}:
        return "two readers"
    return "gate 2a" if codes and all(code < "SQL-31" for code in codes) else "gate 2b"


class Fuzzer:
    """Chunks of mutants on one Spark; each chunk depends on the seed and its number alone, but for repeats."""

    def __init__(self, spark: SparkSession, seed: int) -> None:
        from tests.plan_oracle import Oracle

        logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
        self.seed, self.seen = seed, set[bytes]()
        functions, of_tables = registered(spark)
        listed = sorted(allowed().functions)
        self.worlds = worlds([*listed, *listed, *sorted(functions | of_tables), "transform", "identifier", "cast"])
        self.sessions = [rule_session(spark, world.schema) for world in self.worlds]
        self.oracles = [Oracle(spark, world.schema) for world in self.worlds]

    def chunk(self, number: int, size: int, chain: Chain = whole_chain) -> Found:
        random, found = Random(f"{self.seed}/{number}"), Found()
        for _ in range(size):
            at = random.choices(range(len(self.worlds)), SHARE)[0]
            found.made += 1
            found.layers[self._one(at, chain, random, found)] += 1
        return found

    def _one(self, at: int, chain: Chain, random: Random, found: Found) -> str:
        world = self.worlds[at]
        line = mutant(world, random)
        text = hashlib.blake2b(f"{at} {line.form} {line.frame} {line.sql}".encode(), digest_size=8).digest()
        if text in self.seen:
            return "a text seen before"
        self.seen.add(text)
        try:
            version = rule_of(line, world.schema)
        except InvalidRule:
            return "model"
        for layer, faults in chain(self.sessions[at], version, world.schema):
            if faults:
                if layer in BEFORE_2B and not analysed.faults(self.sessions[at], version, world.schema, AS_OF):
                    leaks = self.oracles[at].leaks(version.form, version.sql, version.frame)
                    found.alone.append(f"{layer} {faults[0].code}, {leaks or 'clean'}: {version.form} {version.sql!r}")
                return layer
        if leaks := self.oracles[at].leaks(version.form, version.sql, version.frame):
            found.leaks.append(f"{leaks}: {version.form} {version.sql!r}")
        return "accepted"


def _work(
    seed: int, size: int, numbers: multiprocessing.Queue[int | None], results: multiprocessing.Queue[Found]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with local_spark() as spark:
        fuzzer = Fuzzer(spark, seed)
        while (number := numbers.get()) is not None:
            results.put(fuzzer.chunk(number, size))


def run(rules: int, seed: int, jobs: int) -> Found:
    """All chunks, spread over processes that each have a Spark of their own."""
    size = min(CHUNK, -(-rules // jobs))
    chunks = -(-rules // size)
    context = multiprocessing.get_context("spawn")
    numbers, results = context.Queue(), context.Queue()
    for number in [*range(chunks), *[None] * jobs]:
        numbers.put(number)
    workers = [context.Process(target=_work, args=(seed, size, numbers, results), daemon=True) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    total, started = Found(), time.monotonic()
    for number in range(1, chunks + 1):
        total.add(results.get())
        if number % PRINTED == 0 or number == chunks:
            seconds = time.monotonic() - started
            print(f"{total.made:,} rules in {seconds:,.0f} s, {total.made / seconds:,.0f}/s: {total}", flush=True)
    for worker in workers:
        worker.join()
    return total


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_rules", description=__doc__.strip().splitlines()[0])
    parser.add_argument("--rules", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    said = parser.parse_args(arguments)
    started = time.monotonic()
    total = run(said.rules, said.seed, said.jobs)
    for leak in total.leaks:
        print("LEAK", leak)
    for refused in total.alone:
        print("ALONE", refused)
    asked = total.by_pure_gates
    print(
        f"{total.made:,} rules, seed {said.seed}: {asked:,} ({asked / total.made:.1%}) reached Spark, "
        f"{total.layers['accepted']:,} accepted by the whole chain, {len(total.leaks)} leaks, "
        f"{len(total.alone):,} refused by gate 2a or the two readers alone, "
        f"{time.monotonic() - started:,.0f} s"
    )
    return 1 if total.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
