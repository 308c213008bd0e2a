"""
Run a corpus through the engine and compare exactly.

    python -m tests.acceptance DIR [--repeat N] [--plans] [--json FILE]

Its rules are imported into a throw-away database as a user's are, loaded from
there, evaluated on Spark, and hits, sums and decisions compared. Exit 1 on any
difference; a rule that is refused is named and counts as one. With --plans
the hits are found by plans without an index, too, and compared as well.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from rules_engine.errors import Fault, InvalidRule, RulesError
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation
from rules_engine.model.rule_sets import RuleSet
from rules_engine.spark.evaluator import SparkEvaluator
from tests.acceptance.compare import HIT, PAIR, SUMS, Difference, decided_as_text, differences, hits_of
from tests.acceptance.corpus import Corpus
from tests.acceptance.plans import hits_by_plan

AS_OF = date(2024, 6, 1)


def run_corpus(
    corpus: Corpus, evaluator: SparkEvaluator, url: str, work: Path, repeat: int = 0, plans: bool = False
) -> dict[str, Any]:
    """Import, evaluate and compare; what the JSON holds."""
    rule_set, refused = _accepted(imported(corpus, url, work), evaluator)
    matrix = HitMatrix.of(rule_set)
    seconds = []
    for number in range(repeat + 1):
        started = time.monotonic()
        evaluation = evaluator.evaluate(rule_set, matrix, str(work / f"run-{number}"), None)
        seconds.append(round(time.monotonic() - started, 3))
    result = _compared(corpus, matrix, work / "run-0", hits_by_plan(evaluator, rule_set, work) if plans else {})
    return {
        "corpus": corpus.about.get("corpus", corpus.folder.name),
        "rules": len(corpus.rules),
        "customers": evaluation.subjects,
        "refused": refused,
        **{name: difference.content() for name, difference in result.items()},
        "hits_per_rule": _per_rule(evaluation),
        "seconds": {"first": seconds[0], "repeats": seconds[1:]},
        "exact": not refused and all(d.exact for d in result.values()),
    }


def imported(corpus: Corpus, url: str, work: Path) -> RuleSet:
    """The corpus's rules, imported from a file into the database at ``url`` and loaded from it."""
    from rules_repo import exchange, schema
    from rules_repo.governance import require_approvals
    from rules_repo.repository import Repository

    path = work / "rules.yaml"
    corpus.write_rules(path)
    schema.upgrade(url)
    require_approvals(url, 0, "a throw-away database for one comparison")
    repository = Repository(url)
    contents = exchange.read(path)
    repository.publish(contents.versions, contents.membership_types)
    return repository.rule_set(AS_OF, datetime.now(UTC))


def _accepted(rule_set: RuleSet, evaluator: SparkEvaluator) -> tuple[RuleSet, dict[str, str]]:
    """The rules the engine accepts, and the reason for each that it does not."""
    refused: dict[str, str] = {}
    while True:
        try:
            evaluator.check(rule_set)
        except InvalidRule as invalid:
            refused |= {_key(fault): str(fault) for fault in invalid.faults}
            left = tuple(v for v in rule_set.versions if v.key not in refused)
            if len(left) == len(rule_set.versions):
                raise
            rule_set = RuleSet(rule_set.as_of, rule_set.known_at, rule_set.membership_types, left)
        else:
            return rule_set, refused


def _key(fault: Fault) -> str:
    return fault.which.removeprefix("Rule ")


def _per_rule(evaluation: Evaluation) -> dict[str, int]:
    return {name.rsplit("/", 1)[0]: n for name, n in evaluation.hits_per_rule.items()}


def _compared(
    corpus: Corpus, matrix: HitMatrix, folder: Path, by_plan: Mapping[str, pd.DataFrame]
) -> dict[str, Difference]:
    results = {}
    expected_hits = corpus.expected("expected_hits")
    if expected_hits is not None:
        hits = hits_of(matrix, pd.read_parquet(folder / "hits"))
        results["hits"] = differences(expected_hits[HIT], hits)
        results |= {f"hits, {name}": differences(expected_hits[HIT], found) for name, found in by_plan.items()}
    expected = corpus.expected("expected_decisions")
    if expected is not None:
        found = decided_as_text(pd.read_parquet(folder / "decisions"))
        results["sums"] = differences(expected[[*PAIR, *SUMS]], found)
        results["decisions"] = differences(expected[[*PAIR, "decision"]], found)
    return results


def show(result: dict[str, Any], console: Console) -> None:
    """Print what a person wants to know."""
    table = Table(title=f"{result['corpus']}: {result['rules']} rules, {result['customers']:,} customers")
    for heading in ("", "equal", "missing", "extra"):
        table.add_column(heading, justify="right" if heading else "left")
    compared = [name for name, found in result.items() if isinstance(found, dict) and "missing" in found]
    for name in compared:
        table.add_row(name, *(f"{result[name][side]:,}" for side in ("equal", "missing", "extra")))
    console.print(table)
    for name in compared:
        for example in result[name]["examples"]:
            console.print(f"  {name}: {example}", markup=False)
    for reason in result["refused"].values():
        console.print(f"refused: {reason}", style="red", markup=False)
    seconds = result["seconds"]
    console.print(f"evaluation: first {seconds['first']} s, then {seconds['repeats']} s; result written to Parquet")
    console.print("exact" if result["exact"] else "DIFFERENT", style="green" if result["exact"] else "bold red")


def main(arguments: list[str] | None = None) -> int:
    """Exit 0 if everything is equal, 1 on any difference, the error's own code if it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__.strip().splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=0, metavar="N")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    said = parser.parse_args(arguments)
    console = Console()
    work = Path(tempfile.mkdtemp(prefix="acceptance-"))
    try:
        result = _in_throw_away_database(Corpus.read(said.folder), work, said.repeat, said.plans)
    except (RulesError, FileNotFoundError) as problem:
        console.print(str(problem), style="red", markup=False)
        return getattr(problem, "exit_code", 5)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    show(result, console)
    if said.json:
        said.json.write_text(json.dumps(result, indent=1, sort_keys=True), encoding="utf-8")
    return 0 if result["exact"] else 1


def _in_throw_away_database(corpus: Corpus, work: Path, repeat: int, plans: bool) -> dict[str, Any]:
    from rules_engine.java import find_java
    from rules_engine.lake.declaration import is_small
    from rules_engine.spark import session
    from rules_repo import embedded

    server = embedded.start(work / "postgres")
    try:
        url = embedded.ensure_database(server, "acceptance")
        lake = corpus.lake()
        spark = session.start(find_java(work / "java"), work / "spark", memory="8g", quick=is_small(lake))
        evaluator = SparkEvaluator(spark, lake)
        evaluator.snapshots(AS_OF)
        return run_corpus(corpus, evaluator, url, work, repeat, plans)
    finally:
        embedded.stop(work / "postgres")


if __name__ == "__main__":
    sys.exit(main())
