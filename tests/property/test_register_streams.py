"""A register fed by a stream is what the history says, whatever happens on the way (R-HIST-7)."""

from __future__ import annotations

import random

import pytest

from tests.streams import CONTROLS, FailingRegister, deliver, events_of, faults_of, history_of, main


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_a_register_that_was_fed_is_one_that_was_rebuilt(first: int) -> None:
    """Disorder, repetitions, split batches, poison, failures and kills: `python -m tests.streams` tries 10,000."""
    assert [fault for number in range(first, first + 100) for fault in faults_of(number)] == []


@pytest.mark.parametrize("control", sorted({*CONTROLS} - {"none"}))
def test_the_simulator_notices(control: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the guard, or with failures in silence, seeds are wrong: the test above can fail."""
    assert main(["--seeds", "60", "--control", control]) == 0
    assert "60 seeds, 0 of them wrong" not in capsys.readouterr().out


def test_the_simulator_makes_what_it_promises() -> None:
    """Among the seeds are corrections, revoked and reinstated members, pairs never granted, poison and repetitions."""
    records, poison, repeated = [], 0, 0
    for number in range(50):
        seed = random.Random(number)
        history = history_of(seed)
        shards, planted = events_of(history, seed)
        records += history.table.values()
        poison += planted
        repeated += sum(map(len, shards)) - planted - len(history.table)
        deliver(shards, FailingRegister(seed=seed, failing=0.2), seed)
        assert not any(shards)
    assert {(r.granted, r.first_granted is None, r.correction) for r in records} >= {
        (True, False, False),
        (False, False, False),
        (False, True, False),
        (True, False, True),
    }
    assert min(poison, repeated) > 10
