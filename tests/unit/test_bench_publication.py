"""The benchmark of publishing: what it makes is what would be decided, and the ways beside each other write the same."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest

from bench import publication, publication_report, staged_run
from bench.staged_run import RUN
from rules_engine.model.decisions import Tally, decide
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import publish

CUSTOMERS = 300


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> FolderRunStore:
    return staged_run.made(tmp_path_factory.mktemp("staged"), CUSTOMERS)


def test_made_decisions_are_those_of_the_definition(staged: FolderRunStore) -> None:
    """Sums, reasons and events of a made run are what `decide` says of its hits, and its manifest balances."""
    manifest, rules = staged.manifest(RUN), staged.rule_set(RUN)
    assert manifest is not None
    manifest.balance()
    records = list(staged.decisions(RUN, HitMatrix.of(rules)))
    assert len({(r.subject, r.membership_type) for r in records}) == len(records) == manifest.decided == 4 * CUSTOMERS
    for record in records:
        tally = Tally.of(record.hits)
        decision = decide(tally, rules.membership_type(record.membership_type))
        assert (record.granted, record.reason, record.event) == (decision.granted, decision.reason, decision.event)
        assert (record.inclusion_sum, record.exclusion_sum) == (tally.inclusion_sum, tally.exclusion_sum)


def test_copy_and_publication_leave_the_same_rows(staged: FolderRunStore, postgres_url: str) -> None:
    """What is timed beside each other comes to the same table."""
    made = str(Path(staged.root).parent)
    job = publication.Job(publication.POSTGRES, CUSTOMERS, ("bare", "ours"), postgres_url, 0, made)
    _, copy = publication.postgres_ways(job, staged, "bench_bare")
    copy()
    history, _ = publication.postgres_ways(job, staged, "bench_ours")
    publish(RUN, staged, history, staged_run.CREATED_AT)
    query = 'SELECT count(*) FROM (TABLE history."{}" EXCEPT TABLE history."{}") AS differing'
    connection = psycopg2.connect(postgres_url)
    with connection, connection.cursor() as cursor:
        for names in (("bench_bare", "bench_ours"), ("bench_ours", "bench_bare")):
            cursor.execute(query.format(*names))
            assert cursor.fetchall() == [(0,)]
        cursor.execute('SELECT count(*) FROM history."bench_bare"')
        assert cursor.fetchall() == [(4 * CUSTOMERS,)]
    connection.close()


def turn(way: str, number: int, wall: float) -> publication_report.Round:
    return {"way": way, "turn": number, "store_cpu": 1.0, "wall": wall, "cpu": 2.0, "peak": 3e6}


def test_ratios_pair_the_second_turns_and_the_first_of_new_servers() -> None:
    """Warm: each way's second turn in one process; cold: whoever began, beside the round in which the other did."""
    ours = [turn("ours", 0, 10), turn("bare", 1, 5), turn("ours", 2, 8), turn("bare", 3, 4)]
    bare = [turn("bare", 0, 6), turn("ours", 1, 9), turn("bare", 2, 3), turn("ours", 3, 2)]
    rounds = [{"turns": ours}, {"turns": bare}]
    assert publication_report.ratios(rounds, cold=False) == [0.5, 1.5]
    assert publication_report.ratios(rounds, cold=True) == [0.6]
