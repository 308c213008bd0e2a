"""An executor is killed in the middle of a publication: another takes its place, and the table is whole (R-HIST-6)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench import staged_run
from rules_engine.model.hitmatrix import HitMatrix
from tests import lost_executor
from tests.contract.conftest import dynamodb_url  # noqa: F401  a fixture
from tests.faults.test_lost_spark import in_its_own_process
from tests.in_memory import InMemoryHistory
from tests.nights import Figures


def test_a_killed_executor_leaves_the_table_whole(tmp_path: Path, dynamodb_url: str) -> None:  # noqa: F811
    """Its task is done again on another: what it inserted is found there and compared, nothing is missing or double."""
    found, there, done = in_its_own_process(lost_executor.killed, str(tmp_path), dynamodb_url)
    assert found == Figures(cases=1)
    assert there < 4 * lost_executor.CUSTOMERS
    assert done.inserted + done.already_there == 4 * lost_executor.CUSTOMERS
    assert done.already_there > 0


def test_control_what_is_missing_or_altered_is_found(tmp_path: Path) -> None:
    """A table that lacks a record, holds another altered, and a third that nobody staged."""
    store = staged_run.made(tmp_path, 5)
    first, second, *rest = store.decisions(staged_run.RUN, HitMatrix.of(store.rule_set(staged_run.RUN)))
    history = InMemoryHistory()
    history.insert([replace(first, inclusion_sum=first.inclusion_sum + 1), *rest, replace(rest[0], subject=99)])
    assert second not in history.records()
    assert lost_executor.figures(history, store) == Figures(cases=1, missing=1, altered=2)
