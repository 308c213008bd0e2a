"""Runs whose staged rows are removed, and broken ones that harm no other (R-RUN-1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from rules_engine.errors import RunRefused
from rules_engine.publication.staging import FolderRunStore
from tests.contract.history_records import published


def a_store(folder: Path, runs: int = 5) -> FolderRunStore:
    """Runs of as many days, published in order, each with hits and decisions."""
    store = FolderRunStore(str(folder))
    for number in range(1, runs + 1):
        store.open(f"run-{number}", datetime(2024, 6, number, 20, 15, tzinfo=UTC))
        for part in ("hits", "decisions", "standing", "work/batch-0"):
            (folder / f"run-{number}" / part).mkdir(parents=True)
            (folder / f"run-{number}" / part / "part-0.parquet").write_bytes(b"PAR1")
    store.keep_chain([replace(published(n, day=n), closed=True) for n in range(1, runs + 1)])
    return store


def parts_left(folder: Path, run: str) -> set[str]:
    return {path.name for path in (folder / run).iterdir()}


def test_what_old_runs_staged_is_removed(tmp_path: Path) -> None:
    """The last two keep it; of the others what says what they were stays. Once more there is nothing to remove."""
    store = a_store(tmp_path)
    assert store.prune(2) == ("run-1", "run-2", "run-3")
    assert parts_left(tmp_path, "run-3") == {"opened.json"}
    assert parts_left(tmp_path, "run-4") >= {"hits", "decisions", "standing"}
    assert store.prune(2) == ()


def test_what_the_chain_needs_is_kept(tmp_path: Path) -> None:
    """The newest that is no correction, and one that is half-published, however old they are."""
    store = a_store(tmp_path)
    entries = [replace(e, closed=e.number != 2, correction=e.number in (4, 5)) for e in store.chain()]
    store.keep_chain(entries)
    assert store.prune(1) == ("run-1", "run-4")


def test_a_run_that_was_never_published_goes_once_it_cannot_be(tmp_path: Path) -> None:
    """Opened before the newest publication it can come next no more; opened after it, it can."""
    store = a_store(tmp_path)
    for name, day in (("early", 2), ("late", 20)):
        store.open(name, datetime(2024, 6, day, tzinfo=UTC))
        (tmp_path / name / "hits").mkdir()
        (tmp_path / name / "hits" / "part-0.parquet").write_bytes(b"PAR1")
    assert store.prune(9) == ("early",)


def test_without_a_chain_nothing_is_removed(tmp_path: Path) -> None:
    """Nobody has said yet what is needed."""
    store = a_store(tmp_path)
    store.keep_chain([])
    assert store.prune(1) == ()


@pytest.mark.parametrize("broken", ["manifest.json", "published.json", "opened.json"])
@pytest.mark.parametrize("text", ["", "{", "[]", '{"run_id": "x"}', "null\x00"])
def test_a_broken_run_harms_no_other(tmp_path: Path, broken: str, text: str) -> None:
    """It is listed with what is broken, and every other as it is."""
    store = a_store(tmp_path, 3)
    (tmp_path / "run-2" / broken).write_text(text)
    (tmp_path / "stray").mkdir()
    (tmp_path / "stray.txt").write_text("x")
    listed = {run.run_id: run.broken for run in store.runs()}
    assert set(listed) == {"run-1", "run-2", "run-3"}
    assert (listed["run-1"], listed["run-3"]) == ("", "")
    assert listed["run-2"]


def test_a_broken_copy_of_the_chain_is_named(tmp_path: Path) -> None:
    """With what to do: it is a copy, and the history has the chain."""
    store = a_store(tmp_path)
    (tmp_path / "chain.json").write_text('[{"number": "one"}]')
    with pytest.raises(RunRefused, match=r"chain\.json: it is no copy of a chain"):
        store.chain()


def test_of_two_that_open_a_run_one_fixes_its_created_date(tmp_path: Path) -> None:
    """Both get the same, and it is one of the two that were asked for."""
    for attempt in range(20):
        got = opened_at_once(FolderRunStore(str(tmp_path)), f"run-{attempt}")
        assert len(got) == 4
        assert len(set(got)) == 1


def opened_at_once(store: FolderRunStore, run: str) -> list[datetime]:
    """The created dates that four openers get, each of whom asks for another."""
    start, got = Barrier(4), list[datetime]()
    day = datetime(2024, 6, 1, tzinfo=UTC)

    def opened(at: datetime) -> None:
        start.wait()
        got.append(store.open(run, at).created_at)

    openers = [Thread(target=opened, args=(day + timedelta(hours=hour),)) for hour in range(4)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    return got
