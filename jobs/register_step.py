"""
Look whether the register has caught up with one published run: every record of it told, no row otherwise.

The history's stream feeds the register; this waits for that, and reads no more of either than the run touched. It
writes nothing and starts no Spark.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from jobs import aws, step_log
from jobs.entry import Summary, finish, knows_nothing_of, words, yes
from rules_engine import registering
from rules_engine.errors import Fault, RunInterrupted, RunRefused
from rules_engine.model.publications import found
from rules_engine.publication.names import table_name
from rules_engine.publication.records import SubjectType
from rules_engine.publication.register_tables import register_tables
from rules_engine.registering import Counted

NOT_TO_KNOW = ("RULES_DATABASE_URL", "PGPASSWORD", "RULES_TOKEN_SECRET")
EVERY = 10.0

ARGUMENTS = words(
    __doc__,
    run_id=(str, "id of the run"),
    environment=(str, "environment, part of the name of every table"),
    tenant=(str, "tenant, likewise"),
)
ARGUMENTS.add_argument("--minutes", type=float, default=45, help="how long the register may take to catch up")
ARGUMENTS.add_argument("--dry-run", type=yes, default=False, help="yes: nothing was published, so nothing is looked at")
ARGUMENTS.add_argument("--endpoint", help="http(s)://… of DynamoDB where it is not AWS itself")
ARGUMENTS.add_argument("--region", help="AWS region, where the cluster's own is not meant")


def step(argv: Sequence[str]) -> Summary:
    """Wait until the register says what the run says of everybody; a run that is not published is refused."""
    told = ARGUMENTS.parse_args(argv)
    knows_nothing_of(NOT_TO_KNOW, os.environ)
    if told.dry_run:
        return {"run_id": told.run_id, "dry_run": True}
    from rules_engine.publication.dynamodb import DynamoDBHistory, connect
    from rules_engine.publication.dynamodb_register import DynamoDBRegister

    client = connect(told.endpoint, told.region)
    table = table_name(told.environment, told.tenant, "memberships", "history")
    subject = _subject_type(client, table)
    history = DynamoDBHistory(table, subject, client)
    entry = found(history.chain(), told.run_id)
    if entry is None or not entry.closed:
        raise RunRefused(Fault(f"Run {told.run_id}", "it is not published.", "Publish it to its end first."))
    step_log.about(day=entry.as_of)
    register = DynamoDBRegister(register_tables(told.environment, told.tenant), client, subject)
    counted = waited_for(lambda: registering.behind(history, register, told.run_id), 60 * told.minutes)
    if counted.wrong:
        what = f"it lacks {counted.wrong:,} of {counted.records:,} records of run {told.run_id}, which is published."
        remedy = "Look at the function that feeds it and at its alarm, then clear this step or start the run again."
        raise RunInterrupted(Fault("Register", what, remedy), *counted.faults)
    return {"run_id": told.run_id, "records": counted.records, "register": "caught up"}


def waited_for(
    look: Callable[[], Counted],
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Counted:
    """What a look finds once nothing is wrong any more, or after so long."""
    end = clock() + seconds
    while (counted := look()).wrong and clock() < end:
        sleep(EVERY)
    return counted


def _subject_type(client: Any, table: str) -> SubjectType:
    """
    The type of the subject's key, as the history's table has it.

    Raises:
        RunRefused: If it cannot be looked at.
    """
    with aws.told(f"Table {table}"):
        about = client.describe_table(TableName=table)["Table"]["AttributeDefinitions"]
    kinds = {each["AttributeName"]: each["AttributeType"] for each in about}
    return "bigint" if kinds.get("subject") == "N" else "string"


if __name__ == "__main__":
    finish(step)
