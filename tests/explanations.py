"""
Explain thousands of decisions, and evaluate what was shown of each.

    python -m tests.explanations [--customers N] [--nearest N] [--minutes M] [DIR of a corpus]...

Of the demo and of every corpus one day is evaluated as a run does. Then every rule of everybody is shown as `rules explain`
shows it (for a sample of subjects one by one, by the very command's code), and held against what was written: clauses on
the values that are shown give the rule's answer, and the answers the decision. The smallest change of rules is searched
by brute force, too. Of --nearest subjects the nearest change of facts is asked for, within --minutes; all of them together
are then made in a copy of the data and evaluated as a run: every one of them must flip. Exit 1 on any difference.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from demo import scenario
from demo.generate import generate
from rules_engine.java import find_java
from rules_engine.lake import declaration
from rules_engine.model.decisions import Standing
from rules_engine.model.frames import Format, Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.review import seen as showing
from rules_engine.review.moves import Move
from rules_engine.review.nearest import Moves, nearest_facts
from rules_engine.review.snapshot import Reopened, reopened
from rules_engine.review.staged import local_tables
from rules_engine.review.turning import Case, Outcome, rule_changes
from rules_engine.spark import session
from rules_engine.spark.evaluator import SparkEvaluator
from rules_repo import exchange
from tests.acceptance.corpus import Corpus
from tests.nearest_in_batches import nearest_single, rows_of_all
from tests.shown import outcomes_shown
from tests.small_lake import AS_OF, KNOWN_AT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Pair = tuple[Any, str]


@dataclass
class Evaluated:
    """A lake evaluated by rules, its frames opened again, and each decided pair as it was written."""

    name: str
    lake: Lake
    rules: RuleSet
    opened: Reopened
    written: dict[Pair, tuple[bool, str, int, int]]

    def case(self, pair: Pair, outcomes: dict[str, Outcome]) -> Case:
        of_type = tuple(v for v in self.rules.versions if v.membership_type == pair[1])
        return Case(of_type, self.rules.membership_type(pair[1]), outcomes, Standing.NEVER)


def evaluated(spark: SparkSession, name: str, lake: Lake, rules: RuleSet, work: Path) -> Evaluated:
    evaluator = SparkEvaluator(spark, lake)
    evaluator.check(rules)
    evaluator.evaluate(rules, HitMatrix.of(rules), str(work / "run"), None)
    opened = reopened(spark, lake, evaluator.snapshots(rules.as_of), rules.reference_lists)
    return Evaluated(name, lake, rules, opened, _written(work / "run"))


def _written(folder: Path) -> dict[Pair, tuple[bool, str, int, int]]:
    rows = local_tables(str(folder / "decisions"), ())
    assert rows is not None
    names = ("subject", "membership_type", "granted", "reason", "inclusion_sum", "exclusion_sum")
    columns = (rows.column(name).to_pylist() for name in names)
    return {(subject, key): tuple(rest) for subject, key, *rest in zip(*columns, strict=True)}


def of_demo(customers: int, work: Path) -> tuple[Lake, RuleSet]:
    """The demo's first day."""
    generate(work / "lake", customers)
    text = Path(scenario.__file__).with_name("frames.toml").read_text(encoding="utf-8")
    lake = declaration.parse(text, str(work / "lake"))
    return lake, _of_file(Path(scenario.__file__).with_name("rules.yaml"), scenario.DAYS[0])


def of_corpus(folder: Path, work: Path) -> tuple[Lake, RuleSet]:
    corpus = Corpus.read(folder)
    corpus.write_rules(work / "rules.yaml")
    return corpus.lake(), _of_file(work / "rules.yaml", AS_OF)


def _of_file(path: Path, day: date) -> RuleSet:
    said = exchange.read(path)
    versions = tuple(v for v in said.versions if v.effective.first <= day)
    return RuleSet(day, KNOWN_AT, said.membership_types, versions)


def explained(of: Evaluated) -> tuple[Counter[str], dict[Pair, Case]]:
    """How many explanations there are, what of them is wrong, and the cases that they come to."""
    found, asked = Counter[str](), dict[Pair, Case]()
    outcomes: dict[Any, dict[str, Outcome]] = defaultdict(dict)
    for version in of.rules.versions:
        told = outcomes_shown(of.opened, version, of.rules.as_of)
        found.update(told.counts)
        for subject, outcome in told.outcomes.items():
            outcomes[subject][version.id] = outcome
    for pair, written in of.written.items():
        case = asked[pair] = of.case(pair, outcomes.get(pair[0], {}))
        tally, then = case.tally, case.decision
        found["explanations"] += 1
        came_to = (then.granted, then.reason.value, tally.inclusion_sum, tally.exclusion_sum)
        found["WRONG decision"] += came_to != written
    return found, asked


def one_by_one(of: Evaluated, cases: dict[Pair, Case], number: int) -> Counter[str]:
    """The same of a few subjects by the code of the command, rule by rule."""
    found = Counter[str]()
    for subject, key in Random(21).sample(sorted(cases, key=str), min(number, len(cases))):
        case = cases[subject, key]
        told = showing.seen(of.opened, case.versions, subject, of.rules.as_of)
        for version in case.versions:
            rows = [row.truth for row in told[version.id].rows]
            unknown = Outcome.UNKNOWN if None in rows and version.frame else Outcome.MISS
            said = Outcome.HIT if True in rows else unknown
            found["rules shown one by one"] += 1
            found["WRONG shown one by one"] += said is not case.outcome(version)
    return found


def nearest_rules(cases: dict[Pair, Case], by_force: int) -> Counter[str]:
    """Each smallest change of rules decides otherwise, and by brute force none that is smaller does."""
    found = Counter[str]()
    alike: dict[object, Case] = {}
    for (_, key), case in cases.items():
        alike[key, tuple(case.outcome(version) for version in case.versions)] = case
    for number, case in enumerate(alike.values()):
        changes = rule_changes(case)
        least = min((c.size for c in changes), default=40)
        found["nearest changes of rules"] += len(changes)
        found["WRONG change of rules"] += sum(c.decision.granted == case.decision.granted for c in changes)
        if number < by_force:
            found["smallest changes by brute force"] += 1
            found["WRONG not the smallest"] += any(_smaller(case, min(least, 40)))
    return found


def _smaller(case: Case, least: int) -> Iterator[bool]:
    granted = case.decision.granted
    for size in range(1, least):
        margins = (case.with_margin(case.policy.margin + way * size) for way in (1, -1))
        yield from (other.decision.granted != granted for other in margins if other)
        for version in case.versions:
            weights = (w for w in (version.weight - size, version.weight + size) if w > 0)
            yield from (case.with_weight(version, w).decision.granted != granted for w in weights)
    yield from (case.without(v).decision.granted != granted for v in case.versions if not v.shadow and v.weight < least)


def nearest(
    of: Evaluated, cases: dict[Pair, Case], number: int, until: float
) -> tuple[Counter[str], dict[Pair, Moves]]:
    """
    The nearest change of one fact of some subjects, each subject once, until there is no more time.

    One of each type is asked for by the code of the command as well: it must find a way as short.
    """
    found, moved = Counter[str](), dict[Pair, Moves]()
    chosen: dict[str, dict[Any, Case]] = defaultdict(dict)
    seen = set[Any]()
    for subject, key in Random(7).sample(sorted(cases, key=str), len(cases)):
        if len(seen) < number and subject not in seen:
            seen.add(subject)
            chosen[key][subject] = cases[subject, key]
    rows = rows_of_all(of.opened)
    for key, of_type in chosen.items():
        best, tried = nearest_single(of.opened, of_type, rows, of.rules.as_of, until)
        found.update({"nearest asked": len(of_type), "nearest candidates evaluated": tried})
        moved |= {(subject, key): moves for subject, moves in best.items()}
        found += _as_the_command(of, key, of_type, moved)
        print(of.name, key, len(moved), flush=True)
    found["nearest flips of one fact"] = len(moved)
    return found, moved


def _as_the_command(of: Evaluated, key: str, of_type: dict[Any, Case], moved: dict[Pair, Moves]) -> Counter[str]:
    found = Counter[str]()
    for subject in [subject for subject in of_type if (subject, key) in moved][:1]:
        facts = nearest_facts(of.opened, of_type[subject], subject, of.rules.as_of)
        lengths = [sum(move.distance for move in moves) for moves in (facts.moves, moved[subject, key])]
        found["nearest asked of the command"] += 1
        found["WRONG nearest"] += len(facts.moves) != 1 or lengths[0] != lengths[1]
    return found


def flipped(of: Evaluated, cases: dict[Pair, Case], moved: dict[Pair, Moves], work: Path) -> Counter[str]:
    """
    All moves made in a copy of the data, and the whole evaluated: each decision must be the other one.

    A batch looks at nobody else's rows, as the command does before it tells anything: a decision that stays must be one
    that the command says something else of, or one that is turned once nobody else is moved at the same time.
    """
    found = Counter({"flips evaluated by a run": len(moved)})
    for number, pair in enumerate(_stay(of, moved, work / "all")):
        facts = nearest_facts(of.opened, cases[pair], pair[0], of.rules.as_of)
        told = facts.moves == moved[pair] and bool(_stay(of, {pair: facts.moves}, work / str(number)))
        found["WRONG flip" if told else "ways that others' rows stand in"] += 1
    return found


def _stay(of: Evaluated, moved: dict[Pair, Moves], work: Path) -> list[Pair]:
    """The decisions that are what they were once all these moves are made."""
    frames = []
    for frame in of.lake.frames:
        own = {
            pair: each for pair, moves in moved.items() if (each := [m for m in moves if m.frame == frame.name.lower()])
        }
        if own:
            rows = of.opened.spark.table(frame.name)
            made = of.opened.spark.createDataFrame([*_moved(rows, frame.subject_key, own)], rows.schema)
            made.coalesce(1).write.parquet(str(work / frame.name))
            frame = replace(frame, path=str(work / frame.name), format=Format.PARQUET, options={})
        frames.append(frame)
    lake = replace(of.lake, frames=tuple(frames))
    evaluator = SparkEvaluator(of.opened.spark, lake)
    evaluator.check(of.rules)
    evaluator.evaluate(of.rules, HitMatrix.of(of.rules), str(work / "run"), None)
    then = _written(work / "run")
    nothing = (False, "", 0, 0)
    return [pair for pair in moved if then.get(pair, nothing)[0] == of.written[pair][0]]


def _moved(rows: DataFrame, key: str, moved: dict[Pair, list[Move]]) -> Iterator[tuple[Any, ...]]:
    """All rows of a frame, those of the subjects that are moved with other values; rows are counted in their order."""
    columns = [name.lower() for name in rows.columns]
    at, seen = columns.index(key.lower()), Counter[Any]()
    of_subject = {subject: moves for (subject, _), moves in moved.items()}
    for row in rows.collect():
        values, number = list(row), seen[row[at]]
        seen[row[at]] += 1
        for move in of_subject.get(row[at], ()):
            if move.row == number:
                values[columns.index(move.column)] = move.becomes
        yield tuple(values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found of each, and the sums."""
    parser = argparse.ArgumentParser(prog="python -m tests.explanations", description=__doc__)
    parser.add_argument("corpora", nargs="*", type=Path)
    parser.add_argument("--customers", type=int, default=3_000)
    parser.add_argument("--one-by-one", type=int, default=20, help="decisions of each lake that the command explains")
    parser.add_argument("--by-force", type=int, default=60, help="cases of each lake, of which every change is tried")
    parser.add_argument("--nearest", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=60)
    told = parser.parse_args(arguments)
    total = Counter[str]()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        spark = session.start(find_java(work / "java"), work / "spark", memory="3g", quick=True)
        lakes: list[tuple[str, Callable[[Path], tuple[Lake, RuleSet]]]] = []
        lakes += [(folder.name, partial(of_corpus, folder)) for folder in told.corpora]
        lakes += [("demo", partial(of_demo, told.customers))]
        share = -(-told.nearest // len(lakes))
        for name, made in lakes:
            at = work / name
            at.mkdir()
            of = evaluated(spark, name, *made(at), at)
            found, cases = explained(of)
            print(name, dict(found), flush=True)
            found += one_by_one(of, cases, told.one_by_one)
            found += nearest_rules(cases, told.by_force)
            print(name, dict(found), flush=True)
            near, moved = nearest(of, cases, share, time.monotonic() + 60 * told.minutes / len(lakes))
            found += near + flipped(of, cases, moved, at / "moved")
            print(name, dict(found), flush=True)
            total += found
        spark.stop()
    print("\n".join(f"{count:>9,}  {what}" for what, count in sorted(total.items())))
    return 1 if any(count for what, count in total.items() if what.startswith("WRONG")) else 0


if __name__ == "__main__":
    sys.exit(main())
