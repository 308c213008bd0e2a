"""The register of an installation: beside the history that the settings choose, and how it is brought up to date."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jobs import register_feed, register_stream
from jobs.register_stream import Positions, Stream
from jobs.wiring import Installation
from rules_engine import registering
from rules_engine.errors import Fault, RulesError
from rules_engine.ports import Progress, Register, silent
from rules_engine.publication.register_tables import register_tables
from rules_engine.registering import Counted
from rules_engine.settings import HistoryKind

if TYPE_CHECKING:
    from collections.abc import Callable


def register_of(installation: Installation) -> Register:
    """The register beside the installation's history."""
    settings = installation.settings
    tables = register_tables(settings.environment, settings.tenant)
    if settings.history is HistoryKind.POSTGRES:
        from rules_engine.publication.postgres_register import PostgresRegister

        return PostgresRegister(installation.history_url, tables, installation.subject_type)
    from rules_engine.publication.dynamodb_register import DynamoDBRegister

    return DynamoDBRegister(tables, installation.dynamodb, installation.subject_type)


def follow(
    installation: Installation,
    register: Register,
    progress: Progress = silent,
    *,
    once: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Counted:
    """
    Bring a register up to date with its history: by the stream where there is one, else run by run.

    ``once`` ends when nothing is left; otherwise it goes on until it is stopped, and answers by never returning.
    A register that was never built is built first: a stream remembers a day.
    """
    history = installation.history
    while True:
        register.create()
        if register.through() is None:
            counted = registering.rebuild(history, register, progress)
        elif installation.settings.history is HistoryKind.POSTGRES:
            counted = registering.follow(history, register, progress)
        else:
            counted = _through_stream(installation, register, progress)
        if once:
            return counted
        sleep(1.0)


def fed_after_run(installation: Installation, progress: Progress = silent) -> tuple[Counted, Fault | None]:
    """
    Feed a register that is on this machine, once a run is published; what kept it from being fed.

    On AWS the history's stream feeds it. The run is published either way, and the next time goes on where this ended.
    """
    kind = installation.settings.history
    if kind is HistoryKind.DYNAMODB:
        return Counted(), None
    try:
        return follow(installation, register_of(installation), progress, once=True), None
    except RulesError as problem:
        first, told = problem.faults[0], "" if kind is HistoryKind.POSTGRES else f" --history {kind.value}"
        what = f"the run is published, and the register could not be fed: {first.what}"
        remedy = f"{first.remedy} Then go on: `rules register follow --once{told}`.".strip()
        return Counted(), Fault(first.which, what, remedy)


def _through_stream(installation: Installation, register: Register, progress: Progress) -> Counted:
    """Everything that the stream has, given to the very function that AWS Lambda calls."""
    whole = registering.published(installation.history)
    counted = Counted()

    def note(said: dict[str, object]) -> None:
        counted.changed += int(str(said.get("changed", 0)))
        counted.unreadable += int(str(said.get("set_apart", 0)))
        progress(f"{counted.changed:,} rows changed", 0.0)
        if said["event"] == "register not fed":
            register_feed.on_stderr(said)

    stream = stream_of(installation, lambda event: register_feed.fed(event, register, note))
    counted.records = stream.drain()
    if installation.settings.history is HistoryKind.DYNAMODB_LOCAL:  # of another stream an empty answer is no end
        register.keep_through(whole)
    return counted


def stream_of(installation: Installation, handle: register_stream.Handle) -> Stream:
    """The stream of the installation's history; how far it was read is kept under its home."""
    from rules_engine.publication.dynamodb_calls import connect

    table = installation.history_table
    arn = register_stream.stream_of(installation.dynamodb, table)
    client = connect(installation.dynamodb.meta.endpoint_url, installation.settings.region, service="dynamodbstreams")
    name = f"{table}-{hashlib.sha256(arn.encode()).hexdigest()[:12]}.json"
    return Stream(client, arn, Positions(Path(installation.home) / "register" / name), handle)
