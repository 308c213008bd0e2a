"""Edits that no plan has, published since the run before, are told to the guard rails (R-OPS-5)."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from jobs import expecting
from tests.spec.table import Row, cases
from tests.unit.test_expected import PLAN

BEFORE, THEN, LATER = (datetime(2024, 6, day, tzinfo=UTC) for day in (4, 5, 6))

UNPLANNED = """
    plan of       | state     | published | moved | by                             | because
    --------------+-----------+-----------+-------+--------------------------------+---------------------------------------
    both edits    | live      | later     | 0     |                                | somebody approved what they do
    both edits    | scheduled | later     | 0     |                                | likewise
    both edits    | approved  | later     | 7     | weight of A-1: 10 → 20; new A-9 | the plan is of what is not in force
    both edits    | live      | before    | 7     | weight of A-1: 10 → 20; new A-9 | the run before had it: this is another
    the weight    | live      | later     | 2     | new A-9                        | a plan of one covers that one
    nothing       | live      | later     | 7     | weight of A-1: 10 → 20; new A-9 | published without a plan
"""


@pytest.mark.parametrize("case", cases(UNPLANNED))
def test_edits_that_no_plan_has(case: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run on two edits, by which five gain and two lose, after a run that knew the rules of the fifth of June."""
    planned = {"both edits": [*PLAN.edits], "the weight": [PLAN.edits[0]]}.get(case["plan of"])
    plan = {"said": PLAN.content() | {"edits": planned}} if planned else None
    moved_at = LATER if case["published"] == "later" else BEFORE
    standing = SimpleNamespace(plan=plan, state=case["state"], moved_at=moved_at)
    moved, by = int(case["moved"]), tuple(filter(None, case["by"].split("; ")))
    assert _unplanned(monkeypatch, [standing]) == (((("GOLD", moved, by)),) if moved else ())


def test_nothing_is_unplanned_where_plans_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _unplanned(monkeypatch, None) == ()


def _unplanned(monkeypatch: pytest.MonkeyPatch, standings: list[Any] | None) -> tuple[Any, ...]:
    known = expecting.Known("run-2", LATER, PLAN, (), "")
    store = SimpleNamespace(rule_set=lambda run: {"run-1": SimpleNamespace(known_at=THEN)}[run])
    installation: Any = SimpleNamespace(store=store)
    manifest: Any = SimpleNamespace(run_id="run-2", previous_run="run-1")
    monkeypatch.setattr(expecting, "known_of", lambda store, run: known if run == "run-2" else None)
    monkeypatch.setattr(expecting, "_standings", lambda _: standings)
    return expecting.unplanned(installation, manifest)
