"""
Mutate the rules, and see that nothing hostile gets through: ``python -m tests.fuzz_rules --rules N [--seed S] [--first N] [--jobs J]``.

Of the rules some are made hostile, whatever they come out as (:mod:`tests.hostile`); the others are mutants. Each goes
through the whole chain, the cheap gates first. Judges that share no code with the gates say whether what all of them
accept is a leak: whatever was made hostile is one; so is a mutant with a relation, a function or a class outside the
lists (:mod:`tests.plan_oracle`); and what is about days, orders or joins is run, on two days, with its rows in two
orders (:mod:`tests.two_days`), and over rows of which joins are to make no product (:mod:`tests.joined_rows`). Exit 1
if there is a leak; the rule is printed. An order of which somebody was warned is none.

What gate 2a or the comparison of the two readers refuses is shown to gate 2b as well: a mutant that it accepts is
printed as one that they alone refused, with what the oracle finds in it.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import multiprocessing
import os
import queue
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from threading import Timer
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule
from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.spark.gate import analysed_plan
from rules_engine.spark.gate.resolution import spark_faults
from rules_engine.spark.sandbox import registered, rule_session
from rules_engine.sql.allow_list import allowed
from rules_engine.sql.gate import gate
from rules_engine.sql.lexer import bind
from tests.gate import AS_OF, local_spark, rule_of
from tests.hostile import KINDS, hostile
from tests.joined_rows import JoinedRows
from tests.mutants import mutant, worlds
from tests.two_days import TwoDays, TwoOrders

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHUNK, PRINTED = 1_000, 5
SHARE = (6, 2, 1, 1)
"""How often each world of :func:`tests.mutants.worlds` is mutated."""
BEFORE_2B = ("gate 2a", "two readers")
"""The layers of Spark that stand before gate 2b."""

_ABOUT_DAYS = re.compile(
    r"date|time|day|month|year|hour|minute|second|now|cast|trunc|[0-9]:[0-9]|joined", re.IGNORECASE
)
_ABOUT_ORDER = re.compile(r"\bover\b|_by\b|collect|array_sort", re.IGNORECASE)
_ABOUT_JOINS = re.compile(
    r"\bjoin\b|\bfrom\b.*(\bfrom\b|,)|\b(exists|in)\s*\(\s*(select|with)\b|\(\s*select\b", re.IGNORECASE | re.DOTALL
)
"""Rules that are run, too: on two days, with their rows in two orders, and counted. The others cannot be about it."""
MADE = 0.15
"""The share of rules that are made hostile."""
SLOW = 8
"""Seconds of Spark's processor from which on a rule takes too long over the few rows that it is run over."""


@dataclass
class Found:
    """What became of the mutants of one chunk: how many each layer refused, what leaked, and what :data:`BEFORE_2B` alone refused."""

    made: int = 0
    layers: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    hostile: Counter[str] = field(default_factory=Counter)
    """How many of each kind were made hostile."""
    run: int = 0
    """How many were run, in one way or more."""

    @property
    def by_pure_gates(self) -> int:
        """How many reached Spark."""
        return self.made - sum(self.layers[name] for name in ("a text seen before", "model", "L0", "gate 1"))

    def add(self, other: Found) -> None:
        self.made += other.made
        self.layers += other.layers
        self.leaks += other.leaks
        self.alone += other.alone
        self.hostile += other.hostile
        self.run += other.run

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
    if codes & {"SQL-351", "SQL-352", "SQL-355"}:
        return "two readers"
    return "gate 2a" if codes and all(code < "SQL-31" for code in codes) else "gate 2b"


class Fuzzer:
    """Chunks of mutants on one Spark; each chunk depends on the seed and its number alone, but for repeats."""

    def __init__(self, spark: SparkSession, seed: int, made: float = MADE, kinds: Sequence[str] = tuple(KINDS)) -> None:
        from tests.plan_oracle import Oracle

        self.spark, self.made, self.kinds = spark, made, kinds
        logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
        self.seed, self.seen = seed, set[bytes]()
        functions, of_tables = registered(spark)
        listed = sorted(allowed().functions)
        self.worlds = worlds([*listed, *listed, *sorted(functions | of_tables), "transform", "identifier", "cast"])
        self.sessions = [rule_session(spark, world.schema) for world in self.worlds]
        self.oracles = [Oracle(spark, world.schema) for world in self.worlds]
        self.twice = cache(lambda at, kind: kind(spark, self.worlds[at].schema))

    def chunk(self, number: int, size: int, chain: Chain = whole_chain) -> Found:
        random, found = Random(f"{self.seed}/{number}"), Found()
        for _ in range(size):
            at = random.choices(range(len(self.worlds)), SHARE)[0]
            found.made += 1
            found.layers[self._one(at, chain, random, found)] += 1
        return found

    def _one(self, at: int, chain: Chain, random: Random, found: Found) -> str:
        world, kind = self.worlds[at], ""
        if random.random() < self.made:
            kind = random.choice(self.kinds)
        line = hostile(kind, world, random) if kind else mutant(world, random)
        text = hashlib.blake2b(f"{at} {line.form} {line.frame} {line.sql}".encode(), digest_size=8).digest()
        if text in self.seen:
            return "a text seen before"
        self.seen.add(text)
        found.hostile.update([kind] if kind else [])
        try:
            version = rule_of(line, world.schema)
        except InvalidRule:
            return "model"
        for layer, faults in chain(self.sessions[at], version, world.schema):
            if faults:
                self._alone(at, version, layer, faults, found)
                return layer
        if leaks := [*self._leaks(at, version, kind, found, whole=chain is whole_chain)]:
            found.leaks.append(f"{leaks}: {version.form} {version.sql!r}")
        return "accepted"

    def _alone(self, at: int, version: RuleVersion, layer: str, faults: tuple[Fault, ...], found: Found) -> None:
        """Note what no other layer would have refused."""
        if layer in BEFORE_2B and not analysed_plan.faults(self.sessions[at], version, self.worlds[at].schema, AS_OF):
            leaks = self.oracles[at].leaks(version.form, version.sql, version.frame)
            found.alone.append(f"{layer} {faults[0].code}, {leaks or 'clean'}: {version.form} {version.sql!r}")

    def _leaks(self, at: int, version: RuleVersion, kind: str, found: Found, *, whole: bool) -> Iterator[str]:
        """What is wrong with an accepted rule; it is run where the ``whole`` chain saw it: others might run for ever."""
        if kind and not (kind == "order" and self._is_warned(at, version)):
            yield f"made hostile, {kind}"
            return
        # A LIMIT at the end of EXISTS is accepted and never reaches Spark; what comments hold the oracle reads by itself.
        text = bind(version.sql, version.parameters, AS_OF, comments_too=True)
        leaks = self.oracles[at].leaks(version.form, text, version.frame)
        yield from leaks
        if not leaks and whole and not kind:
            yield from self._in_time(at, version, found)

    def _in_time(self, at: int, version: RuleVersion, found: Found) -> Iterator[str]:
        """What running a rule shows, and whether it ended soon, if need be the second time: the first has more to load."""
        for judge in (TwoDays, TwoOrders, JoinedRows):
            self.twice(at, judge)
        said, took = self._timed(at, version)
        found.run += bool(said)
        yield from filter(None, said)
        if took > SLOW and (again := self._timed(at, version)[1]) > SLOW:
            yield f"{again:.0f} seconds over a few rows"

    def _timed(self, at: int, version: RuleVersion) -> tuple[list[str], float]:
        began, stop = _spent(), Timer(10 * SLOW, self.spark.sparkContext.cancelAllJobs)
        stop.start()
        said = [*self._answers(at, version)]
        stop.cancel()
        return said, _spent() - began

    def _answers(self, at: int, version: RuleVersion) -> Iterator[str]:
        """For each way in which a rule is run what is wrong with its answer, or nothing."""
        asked = (version.form, version.sql, version.frame)
        if _ABOUT_DAYS.search(version.sql):
            yield "the clock" if self.twice(at, TwoDays).differ(*asked) else ""
        if _ABOUT_ORDER.search(version.sql):
            picks = self.twice(at, TwoOrders).differ(*asked) and not self._is_warned(at, version)
            yield "the order of the rows" if picks else ""
        if _ABOUT_JOINS.search(version.sql):
            yield ", ".join(self.twice(at, JoinedRows).products(*asked))

    def _is_warned(self, at: int, version: RuleVersion) -> bool:
        return bool(analysed_plan.warnings(self.sessions[at], version, self.worlds[at].schema, AS_OF))


def _spent() -> float:
    """The seconds of processor that Spark's process has had: by the clock, what else the machine does would count."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    pid = gateway.proc.pid if gateway else os.getpid()  # type: ignore[attr-defined]
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _work(
    seed: int, made: float, size: int, numbers: multiprocessing.Queue[int | None], results: multiprocessing.Queue[Found]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with local_spark() as spark:
        fuzzer = Fuzzer(spark, seed, made)
        while (number := numbers.get()) is not None:
            results.put(fuzzer.chunk(number, size))


def _next(results: multiprocessing.Queue[Found], workers: Sequence[BaseProcess]) -> Found:
    """
    What became of the next chunk.

    Raises:
        SystemExit: If a worker failed: its chunk would be waited for without an end.
    """
    while True:
        with suppress(queue.Empty):
            return results.get(timeout=5)
        if any(worker.exitcode for worker in workers):
            raise SystemExit("A worker failed, as it says above: go on after the rules that were counted, --first N.")


def run(rules: int, seed: int, jobs: int, made: float = MADE, first: int = 0) -> Found:
    """All chunks from the ``first`` rule on, spread over processes that each have a Spark of their own."""
    size = min(CHUNK, -(-rules // jobs))
    chunks = -(-rules // size)
    context = multiprocessing.get_context("spawn")
    numbers, results = context.Queue(), context.Queue()
    begin = first // size
    for number in [*range(begin, begin + chunks), *[None] * jobs]:
        numbers.put(number)
    workers = [
        context.Process(target=_work, args=(seed, made, size, numbers, results), daemon=True) for _ in range(jobs)
    ]
    for worker in workers:
        worker.start()
    total, shown, started = Found(), 0, time.monotonic()
    for number in range(1, chunks + 1):
        total.add(_next(results, workers))
        if number % PRINTED == 0 or number == chunks:
            seconds = time.monotonic() - started
            for leak in total.leaks[shown:]:
                print("LEAK", leak)
            shown = len(total.leaks)
            print(f"{total.made:,} rules in {seconds:,.0f} s, {total.made / seconds:,.0f}/s: {total}", flush=True)
    for worker in workers:
        worker.join()
    return total


def _shares(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counted.items()))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_rules", description=__doc__.strip().splitlines()[0])
    parser.add_argument("--rules", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--first", type=int, default=0, metavar="N", help=f"rules of the seed to pass over, by {CHUNK:,}"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--made", type=float, default=MADE, metavar="SHARE", help="the share that is made hostile")
    said = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that its workers end, too
    started = time.monotonic()
    total = run(said.rules, said.seed, said.jobs, said.made, said.first)
    for refused in total.alone:
        print("ALONE", refused)
    asked = total.by_pure_gates
    print(
        f"{total.made:,} rules, seed {said.seed}: {asked:,} ({asked / total.made:.1%}) reached Spark, "
        f"{total.layers['accepted']:,} accepted by the whole chain, {len(total.leaks)} leaks, "
        f"{len(total.alone):,} refused by gate 2a or the two readers alone, {total.run:,} run, "
        f"{total.hostile.total():,} made hostile ({_shares(total.hostile)}), "
        f"{time.monotonic() - started:,.0f} s"
    )
    return 1 if total.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
