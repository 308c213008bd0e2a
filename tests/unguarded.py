"""
Each guard against a night that goes wrong, taken out: the test that shows the fault must fail (docs/nights.md).

    python -m tests.unguarded                  all of them, some minutes
    python -m tests.unguarded --fault 1        those of one fault

A guard is a piece of the program that stands there once; it is replaced in a copy of the project, where its test is run
before and after.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("console", "demo", "docs", "infra", "jobs", "rules_engine", "rules_lake", "rules_repo", "tests", "airflow")
LINKED = (".venv", "build")


@dataclass(frozen=True, slots=True)
class Guard:
    """``fault`` is the number in docs/nights.md; ``code`` stands once in ``file``, and ``instead`` is there without it."""

    fault: int
    file: str
    code: str
    instead: str
    test: str
    says: str
    """What people are told, or what holds, with the guard."""


UNIT, CONTRACT = "tests/unit", "tests/contract"
GUARDS = (
    Guard(1, "rules_engine/run.py", "[*order_faults(chain, entry), *decided_faults(chain, manifest)]", "[]",
          f"{UNIT}/test_chain.py::test_what_was_decided_against_another_past_is_not_published",
          "exit 5: it was decided against run A; what stands is run B, published since"),
    Guard(1, "rules_engine/run.py", "if begun := unfinished(chain):", "if begun := None:",
          f"{UNIT}/test_chain.py::test_whoever_comes_next_finishes_what_was_begun",
          "Run A was half-published and was finished first"),
    Guard(1, "rules_engine/run.py", "if not history.claim(entry):", "if history.claim(entry) and False:",
          f"{UNIT}/test_chain.py::test_of_two_publishers_one_wins",
          "exit 5: another run was published in the meantime, on top of the same one"),
    Guard(1, "rules_engine/publication/postgres.py", ".scalar_one() == content)", ".scalar_one() is not None)",
          f"{CONTRACT}/test_history.py::test_a_number_is_claimed_once",
          "one claim succeeds, on each store"),
    Guard(1, "rules_engine/run.py", "store.keep_chain([*chain, entry])  # before", "pass  # before",
          f"{UNIT}/test_overtaken.py::test_what_was_claimed_is_not_evaluated_anew",
          "what was claimed is finished from the same bytes"),
    Guard(2, "rules_engine/run.py", "raise_all(RunRefused, day_faults(chain, rule_set.as_of, correction=correction))",
          "pass", f"{UNIT}/test_chain.py::test_an_earlier_day_is_refused_in_words",
          "exit 5: the newest published day is DAY; say --correction"),
    Guard(2, "rules_engine/model/publications.py", "elif last and as_of < last.as_of:", "elif last and as_of is None:",
          f"{UNIT}/test_chain.py::test_an_earlier_day_evaluated_before_is_refused_when_it_is_published",
          "exit 5: the same, of a run that waited"),
    Guard(2, "rules_engine/publication/postgres_guards.py", "WHERE NOT correction", "WHERE true",
          f"{CONTRACT}/test_history.py::test_a_correction_is_nobodys_newest_record",
          "members stay as they are"),
    Guard(3, "rules_engine/worker/decide.py", "absent = member & ~merged & self.ends", "absent = member & ~merged",
          "tests/functional/test_absent_subjects.py::test_a_lost_partition_revokes_nobody",
          "nobody is revoked; the manifest counts `absent`"),
    Guard(4, "rules_engine/model/manifest.py", "faults += self.evaluation.work_faults()", "pass",
          "tests/faults/test_lost_work.py", "exit 5: there are N subjects, workers decided M"),
    Guard(5, "rules_engine/run.py", "    manifest.altered(store.staged_files(run_id))\n", "",
          f"{UNIT}/test_broken_run.py::test_staged_decisions_that_were_altered_are_not_published",
          "exit 5: its bytes are not those that were decided and counted"),
    Guard(5, "rules_engine/run.py", "manifest.altered(store.staged_files(begun.run_id), BACK)", "pass",
          f"{UNIT}/test_broken_run.py::test_staged_decisions_that_were_lost_are_found_out",
          "exit 5: the same, of the run that is half-published"),
    Guard(5, "rules_engine/run.py", "manifest.altered(store.staged_files(entry.run_id), BACK)", "pass",
          f"{UNIT}/test_chain.py::test_a_predecessor_that_was_altered_stops_the_next_run",
          "exit 5: the same, of the run before"),
    Guard(6, "rules_engine/spark/evaluator.py", '"lake": self.lake.digest,', "",
          "tests/functional/test_lake.py::test_what_can_change_an_answer_names_the_run",
          "another declaration is another run"),
    Guard(6, "rules_engine/spark/evaluator.py", "self.spark = pin(spark)", "self.spark = spark",
          "tests/functional/test_settings_of_the_place.py::test_what_the_place_says_changes_nothing",
          "the opposite of every setting of the place: the same decisions"),
    Guard(7, "rules_engine/publication/staging.py", "os.link(fresh, path)", "Path(path).write_bytes(fresh.read_bytes())",
          f"{UNIT}/test_prune.py::test_of_two_that_open_a_run_one_fixes_its_created_date",
          "two openers get one created date"),
    Guard(7, "rules_engine/publication/staging.py", "if run.run_id in kept or not", "if not",
          f"{UNIT}/test_prune.py::test_what_the_chain_needs_is_kept", "what the chain needs is kept"),
    Guard(7, "rules_engine/publication/staging.py",
          "except (ValueError, KeyError, TypeError, RunRefused) as problem:\n            return RunStatus(",
          "except ZeroDivisionError as problem:\n            return RunStatus(",
          f"{UNIT}/test_prune.py::test_a_broken_run_harms_no_other", "that run is `broken`, the others are listed"),
    Guard(8, "rules_engine/publication/records.py", "and subject and len(subject.encode()) <= LONGEST_KEY", "",
          f"{CONTRACT}/test_history.py::test_a_subject_of_another_type_is_refused",
          "exit 5: this history keys its subjects by text of 1 to 2,048 bytes"),
    Guard(8, "rules_engine/spark/record_sizes.py", 'found["bytes"] > LARGEST_RECORD', "False",
          "tests/functional/test_subject_keys.py::test_a_record_that_would_be_too_large_is_refused",
          "exit 5: which subject, how large, what to do"),
    Guard(9, "rules_repo/connection.py", "    if tenant in known:", "    if tenant:",
          "tests/security/test_tenants_by_command.py::test_a_command_works_for_the_tenant_that_is_named_or_not_at_all",
          "exit 5: the login is not of that tenant"),
    Guard(10, "rules_engine/worker/parquet.py", " or sum(each.num_rows for each in rows) >= MOST_ROWS", "",
          f"{UNIT}/test_parquet.py::test_a_file_is_full_of_rows_as_well", "staged files are bounded in rows"),
    Guard(11, "rules_engine/lake/hadoop.py", "status.getEtag() if _has_etag(spark, status) else \"\"",
          "status.getEtag()", "tests/functional/test_lake.py::test_a_snapshot_is_named_by_size_and_time",
          "a file system without ETags is told by size and time"),
)  # fmt: skip


def table() -> str:
    """The list as docs/nights.md has it."""
    rows = (f"| {g.fault} | `{g.test.split('/', 1)[1]}` | {g.says} |" for g in GUARDS)
    return "\n".join(["| Fault | Test, below `tests/` | With the guard |", "|--:|---|---|", *rows])


def odd(guard: Guard) -> str:
    """Why a guard is not as this list says; nothing if it is: its code stands once, and its test is there."""
    file, _, test = guard.test.partition("::")
    if (times := (ROOT / guard.file).read_text(encoding="utf-8").count(guard.code)) != 1:
        return f"{guard.file} has it {times} times: {guard.code}"
    if f"def {test}(" not in (ROOT / file).read_text(encoding="utf-8") and test:
        return f"{file} has no {test}"
    return ""


def judged(guard: Guard, copy: Path) -> str:
    """How a guard's test ends with and without it: both as they should, or what is wrong."""
    if _passes(guard, copy) != 0:
        return "the test fails with the guard"
    place = copy / guard.file
    whole = place.read_text(encoding="utf-8")
    place.write_text(whole.replace(guard.code, guard.instead), encoding="utf-8")
    try:
        ended = _passes(guard, copy)
    finally:
        place.write_text(whole, encoding="utf-8")
    return {0: "THE TEST PASSES WITHOUT THE GUARD", 1: "noticed"}.get(ended, f"pytest ended with {ended}")


def _passes(guard: Guard, copy: Path) -> int:
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--basetemp={copy}/.pytest"]
    run = subprocess.run([*words, guard.test], cwd=copy, capture_output=True, text=True, check=False)
    return run.returncode


def results(fault: int | None) -> Iterator[tuple[Guard, str]]:
    with tempfile.TemporaryDirectory(prefix="rules-unguarded-") as place:
        copy = Path(place)
        copy.chmod(0o755)
        for name in COPIED:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in LINKED:
            (copy / name).symlink_to((ROOT / name).resolve())
        for file in ROOT.iterdir():
            if file.is_file():
                shutil.copy(file, copy / file.name)
        for guard in GUARDS:
            if fault in (None, guard.fault):
                yield guard, odd(guard) or judged(guard, copy)


def main() -> int:
    """Exit 0 if every test notices that its guard is gone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", type=int, help="of this fault alone")
    wrong = 0
    for guard, came in results(parser.parse_args().fault):
        wrong += came != "noticed"
        print(f"{guard.fault:>2}  {came:35} {guard.test.split('/', 1)[1]}", flush=True)
    print(f"{wrong} guards are not missed by their tests.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
