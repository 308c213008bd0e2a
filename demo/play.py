"""The demo, played: three business days on real stations, a rule changed by SQL on the third, and checks at the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from datetime import time as clock_time
from pathlib import Path

import psycopg2

from demo.checks import every_decision, reads_what_was_decided, rerun_writes_nothing
from demo.figures import DemoReport, Ledger, day_of, ledger, rule_change, rule_hits, worth_explaining
from demo.generate import generate
from demo.scenario import CHANGE_SQL, CHANGED_RULE, DAYS
from jobs.running import run
from jobs.wiring import Installation
from rules_engine.errors import Fault, RunRefused
from rules_engine.model.history import HistoryRecord
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.ports import Progress
from rules_engine.run import Outcome
from rules_engine.settings import HistoryKind, Settings
from rules_repo import embedded, exchange, schema
from rules_repo.governance import require_approvals

TENANT = "demo"
ALONE = "the demo: one person plays analyst and approver"
"""Why the demo's tenant is opened, while it is empty, for edits that nobody approves: kept there with who and when."""

RULES = Path(__file__).with_name("rules.yaml")
MORNING = clock_time(6, tzinfo=UTC)
"""When a business day's run is said to have happened."""


def settings_of_demo(settings: Settings) -> Settings:
    """
    The settings under which the demo plays: its own tenant, its own lake and runs, servers of this machine only.

    Raises:
        RunRefused: If they name a database or a history elsewhere, for the demo starts by emptying what it uses.
    """
    remedy = "Unset it for the demo."
    what = "the demo empties the stores it uses, so it keeps to servers of its own on this machine."
    faults = []
    if settings.database_url:
        faults.append(Fault("RULES_DATABASE_URL", what, remedy))
    if settings.history is HistoryKind.DYNAMODB or settings.history_endpoint:
        faults.append(Fault("RULES_HISTORY", what, "Use postgres, or dynamodb-local without an endpoint."))
    if faults:
        raise RunRefused(*faults)
    place = f"{settings.home}/{TENANT}"
    return replace(settings, tenant=TENANT, lake=f"{place}/lake/frames.toml", runs=f"{place}/runs")


class Play:
    """One performance; ``now`` reads the clock and ``progress`` is told what is going on."""

    rules = RULES

    def __init__(self, installation: Installation, now: Callable[[], datetime], progress: Progress) -> None:
        self.installation, self.now, self.progress = installation, now, progress
        self.seconds: dict[str, float] = {}

    def perform(self, customers: int, seed: int) -> DemoReport:
        """Empty the stage, play the three days, check, and return what there is to show."""
        with self._phase("Emptying the stores"):
            self._empty()
        with self._phase("Landing the lake"):
            generate(self._lake_folder, customers, seed)
        with self._phase("Importing the rules"):
            self._import()
            self.installation.history.create()
        with self._phase("Starting Spark"):
            self.installation.keep_classes = True  # whoever plays the demo will start Spark again
            _ = self.installation.spark
        outcomes = [self._day(DAYS[0]), self._day(DAYS[1])]
        with self._phase("Changing a rule by SQL"):
            change(self.installation.database_url, CHANGE_SQL)
        outcomes.append(self._day(DAYS[2]))
        with self._phase("Running the last day again"):
            again = self._run(DAYS[2])
        return self._report(customers, outcomes, again)

    @property
    def _lake_folder(self) -> Path:
        return Path(self.installation.settings.lake).parent

    @property
    def made_anew(self) -> tuple[Path, ...]:
        """The folders of an earlier performance's data."""
        return (self._lake_folder,)

    def _empty(self) -> None:
        """Every trace of an earlier performance goes: the tenant is the demo's own."""
        place = self.installation
        for folder in (*self.made_anew, Path(place.settings.runs)):
            shutil.rmtree(folder, ignore_errors=True)
        embedded.drop_database(embedded.start(place.postgres_folder), place.database_name)
        schema.upgrade(place.database_url)
        require_approvals(place.database_url, 0, ALONE)
        if place.settings.history is HistoryKind.DYNAMODB_LOCAL and place.history_table in _tables(place.dynamodb):
            place.dynamodb.delete_table(TableName=place.history_table)
            place.dynamodb.get_waiter("table_not_exists").wait(TableName=place.history_table)

    def _import(self) -> None:
        contents = exchange.read(self.rules)
        self.installation.repository.publish(contents.versions, contents.membership_types)

    def _day(self, as_of: date) -> Outcome:
        with self._phase(f"Running {as_of}"):
            return self._run(as_of)

    def _run(self, as_of: date) -> Outcome:
        """A day's run happened on its morning, by the rules known at this moment."""
        happened = datetime.combine(as_of, MORNING)
        return run(self.installation, as_of, happened, self.now(), progress=self._within(f"{as_of}"))

    def _report(self, customers: int, outcomes: list[Outcome], again: Outcome) -> DemoReport:
        store = self.installation.store
        before, after = (store.rule_set(outcome.manifest.run_id) for outcome in outcomes[-2:])
        with self._phase("Checking"):
            last = outcomes[-1].manifest
            records = list(store.decisions(last.run_id, HitMatrix.of(after)))
            checks = (
                rerun_writes_nothing(again),
                reads_what_was_decided(self.installation.history, last),
                every_decision(records, after),
            )
            explained = tuple(self._explained(worth_explaining(records, CHANGED_RULE)))
        return DemoReport(
            customers=customers,
            names={m.key: m.name for m in after.membership_types},
            days=tuple(day_of(outcome.manifest, outcome.inserted.inserted) for outcome in outcomes),
            rules=rule_hits(after, last),
            change=rule_change(before, after, CHANGED_RULE, CHANGE_SQL),
            ledgers=explained,
            checks=checks,
            seconds=self.seconds,
        )

    def _explained(self, record: HistoryRecord | None) -> Iterator[Ledger]:
        """One customer's decisions of the type that the change decided, read back from the history."""
        for each in self.installation.history.journey(record.subject) if record else ():
            if record and each.membership_type == record.membership_type:
                yield ledger(each, self.installation.store.rule_set(each.run_id))

    def _within(self, name: str) -> Progress:
        return lambda what, share: self.progress(f"{name}: {what}", share)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self.progress(name, 0.0)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 2)


def change(url: str, statement: str) -> None:
    """What an analyst's SQL client does: connect, run one statement, commit."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def _tables(client: object) -> list[str]:
    pages = client.get_paginator("list_tables").paginate()  # type: ignore[attr-defined]
    return [name for page in pages for name in page["TableNames"]]
