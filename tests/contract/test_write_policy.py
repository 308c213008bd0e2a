"""A run that writes changes alone, from staged files into every history that outlives its program (R-HIST-5)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench import staged_run
from bench.staged_run import RUN
from rules_engine.model.decisions import WritePolicy
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.ports import Inserted
from rules_engine.run import publish
from tests.contract.conftest import MakeHistory


def test_the_history_holds_the_changes_that_the_manifest_counts(make_stored: MakeHistory, tmp_path: Path) -> None:
    """Of a first run what it granted, record by record what all results would have said; again is nothing new."""
    store = staged_run.made(tmp_path, 50)
    whole = list(store.decisions(RUN, HitMatrix.of(store.rule_set(RUN))))
    manifest = store.manifest(RUN)
    assert manifest is not None
    store.keep_manifest(RUN, replace(manifest, writes=WritePolicy.CHANGES, as_read=""))
    history, granted = make_stored(), [record for record in whole if record.granted]
    assert 0 < len(granted) < len(whole)
    assert publish(RUN, store, history, staged_run.CREATED_AT) == Inserted(len(granted), 0)
    assert publish(RUN, store, history, staged_run.CREATED_AT) == Inserted(0, len(granted))
    for subject in {record.subject for record in whole}:
        wanted = {record.content_hash for record in granted if record.subject == subject}
        assert {record.content_hash for record in history.journey(subject)} == wanted
    (entry,) = history.chain()
    assert (entry.decided, entry.closed, history.count(RUN)) == (len(granted), True, len(granted))
