"""What guard rails say of a staged run on a cluster: kept, required, and of just one evaluation (R-OPS-5)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from jobs import limits, verdicts
from rules_engine.errors import RunHeld, RunRefused
from rules_engine.model.publications import Publication
from rules_engine.publication.staging import FolderRunStore
from tests.property.test_guards import days, moved


@pytest.fixture
def store(tmp_path: Path) -> FolderRunStore:
    return FolderRunStore(str(tmp_path))


def test_limits_and_releases_travel_beside_the_rule_set() -> None:
    """As they are, with their types; what else is shared stays where it is."""
    said = {"guard_churn": Decimal("0.25"), "released_run_1": "digest", "vip_from": date(2024, 6, 1), "guard_rows": 1}
    found = limits.limits_from(limits.limits_of(said), "limits.json")
    assert found == {name: said[name] for name in ("guard_churn", "released_run_1", "guard_rows")}
    assert limits.beside("s3://b/rule-sets/r1.json") == "s3://b/rule-sets/r1.limits.json"


@pytest.mark.parametrize("text", ["", "[]", '{"guard_churn": 1}', "null"])
def test_a_file_that_holds_no_limits_is_refused(text: str) -> None:
    """Rather than letting everything pass."""
    with pytest.raises(RunRefused, match=r"File limits\.json: it holds no limits"):
        limits.limits_from(text, "limits.json")


def test_nothing_passes_unjudged_or_evaluated_again(store: FolderRunStore) -> None:
    """The verdict is of just the evaluation that was judged: another manifest of the run needs another."""
    (first,) = days(1, 1000, 1)
    with pytest.raises(RunRefused, match="no guard rail was asked about it"):
        verdicts.require(store, first)
    verdicts.keep(store, first)
    verdicts.require(store, first)
    with pytest.raises(RunRefused, match="evaluated again since"):
        verdicts.require(store, moved(first, subjects=999))
    store.files.write(f"{store.folder(first.run_id)}/judged.json", "{")
    with pytest.raises(RunRefused, match="cannot be read"):
        verdicts.require(store, first)


def test_a_held_run_says_why_and_passes_once_it_is_released(store: FolderRunStore) -> None:
    """Half of the subjects are gone, against what the chain names; the release is of just these decisions."""
    *known, last = days(1, 1000, 5)
    for manifest in known:
        store.keep_manifest(manifest.run_id, manifest)
    at = datetime(2024, 6, 3, tzinfo=UTC)
    store.keep_chain(
        tuple(Publication(n, each.run_id, None, each.as_of, at, each.digest, "d", 1) for n, each in enumerate(known, 1))
    )
    verdicts.judge(store, last, {})
    odd = moved(last, subjects=last.evaluation.subjects // 2)
    with pytest.raises(RunHeld, match=r"the subjects: 50\d against 1,00\d in the run before"):
        verdicts.judge(store, odd, {})
    held = f"{store.folder(odd.run_id)}/held.json"
    assert "in the run before" in store.files.read(held)
    verdicts.judge(store, odd, {limits.released_as(odd.run_id): odd.evaluation.decisions_digest})
    assert store.files.read(held) == "[]"
