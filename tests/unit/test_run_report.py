"""What a run took and cost: node hours from EMR's own times, at a price whose source is told (R-OPS-6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from jobs import run_report, serverless_report
from jobs.emr_runs import RunState, StepState
from jobs.run_report import Hours, Price
from jobs.serverless_report import Billed, Prices, prices_of, took
from rules_engine.errors import RunRefused
from rules_engine.model.manifest import SourceCounts
from rules_engine.settings import Settings
from tests.spec.table import Row, cases
from tests.unit.house import MONDAY, House

FOUR = datetime(2024, 6, 1, 4, tzinfo=UTC)
STEPS = (StepState("evaluate r", "s-1", "COMPLETED"), StepState("publish r", "s-2", "COMPLETED"))


def at(minutes: int) -> datetime:
    return FOUR + timedelta(minutes=minutes)


def times(start: int, end: int | None, created: str = "StartDateTime") -> dict[str, datetime]:
    return {created: at(start)} | ({} if end is None else {"EndDateTime": at(end)})


def told(run: RunState, asked: int) -> tuple[Stubber, Any]:
    """EMR's answers: two steps of 30 and 15 minutes, three nodes of which one is Spot and one still goes on."""
    client = boto3.client("emr", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
    steps = [
        {"Id": "s-2", "Name": "publish r", "Status": {"State": "COMPLETED", "Timeline": times(50, 65)}},
        {"Id": "s-1", "Name": "evaluate r", "Status": {"State": "COMPLETED", "Timeline": times(20, 50)}},
    ]
    nodes = [
        {
            "InstanceType": "m7i.xlarge",
            "Market": "ON_DEMAND",
            "Status": {"Timeline": times(0, None, "CreationDateTime")},
        },
        {
            "InstanceType": "m7i.2xlarge",
            "Market": "ON_DEMAND",
            "Status": {"Timeline": times(0, 70, "CreationDateTime")},
        },
        {"InstanceType": "m7i.2xlarge", "Market": "SPOT", "Status": {"Timeline": times(30, 60, "CreationDateTime")}},
    ]
    stub = Stubber(client)
    for _ in range(asked):
        stub.add_response("list_steps", {"Steps": steps}, {"ClusterId": run.cluster})
    stub.add_response("list_instances", {"Instances": nodes}, {"ClusterId": run.cluster})
    stub.activate()
    return stub, client


NODES = """
    own | small | large | spot | because
    ----+-------+-------+------+--------------------------------------------------------
    yes | 90    | 100   | 30   | a cluster of its own costs from its start to its end
    no  | 45    | 75    | 30   | of a shared one the time between its first and last step
"""


@pytest.mark.parametrize("row", cases(NODES))
def test_node_hours_are_those_of_the_run(row: Row) -> None:
    """By instance type; a node that goes on counts until now."""
    run = RunState("j-1", "RUNNING", row["own"] == "yes", STEPS)
    stub, client = told(run, 2)
    assert run_report.step_seconds(client, run) == {"evaluate": 1800, "publish": 900}
    found = run_report.node_hours(client, run, at(90))
    stub.assert_no_pending_responses()
    minutes = {kind: round(hours * 60) for kind, hours in found.by_type.items()}
    assert minutes == {"m7i.xlarge": int(row["small"]), "m7i.2xlarge": int(row["large"])}
    assert round(found.spot * 60) == int(row["spot"])


def test_how_much_was_done_in_a_second() -> None:
    """Of the seconds in which rows are read and rules asked; of a run that noted none, nothing is said."""
    house = House()
    made = house.store.manifest(house.evaluate(MONDAY))
    assert made
    sources = (SourceCounts("customers", 40, 40, 0, 0), SourceCounts("claims", 10, 10, 10, 10))
    seconds = {"check subjects": 3.0, "evaluate rules": 2.0, "count": 5.0}
    timed = replace(made, evaluation=replace(made.evaluation, seconds=seconds, sources=sources))
    subjects, pairs = made.evaluation.subjects, made.evaluation.evaluated_pairs
    wanted = {"subjects": subjects / 2, "pairs of a subject and a rule": pairs / 2, "rows": 25.0}
    assert run_report.rates(timed) == wanted
    assert run_report.rates(replace(made, evaluation=replace(made.evaluation, seconds={}))) == {}


def test_no_price_is_made_up() -> None:
    """Without one the report says what to set; with one it says where it is from."""
    hours = Hours({"m7i.2xlarge": 2.0})
    assert run_report.cost(hours, None) is None
    assert "RULES_NODE_PRICE='AMOUNT CURRENCY: SOURCE'" in run_report.in_words(hours, None)
    price = Price.of("0.5 EUR: our contract of 2024")
    told_of = run_report.cost(hours, price)
    assert told_of == {"amount": 1.0, "currency": "EUR", "price": price._asdict()}
    assert run_report.in_words(hours, price).startswith(
        "About 1.00 EUR: 2.00 node hours at 0.5 EUR (our contract of 2024)"
    )


def test_serverless_is_billed_for_every_job_and_attempt() -> None:
    """A job that failed and the one after it, and of each what AWS tried again; of other runs nothing."""
    client = boto3.client("emr-serverless", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
    stub, role = Stubber(client), "arn:aws:iam::123456789012:role/x"
    listed = [("evaluate r", "b", 20), ("evaluate r", "a", 10), ("publish r", "c", 30), ("publish s", "d", 40)]
    always = {
        "applicationId": "app",
        "arn": f"{role}{'x' * 60}",
        "createdBy": role,
        "state": "SUCCESS",
        "stateDetails": "it ended",
    }
    always |= {"executionRole": role, "releaseLabel": "emr-7.9.0"}
    jobs = [
        {**always, "name": name, "id": number, "createdAt": at(minute), "updatedAt": at(minute)}
        for name, number, minute in listed
    ]
    stub.add_response("list_job_runs", {"jobRuns": jobs}, {"applicationId": "app"})
    for job, attempt, newest, vcpu in (
        ("a", None, 2, 1.0),
        ("a", 1, 2, 0.5),
        ("b", None, 1, 2.0),
        ("c", None, 1, 0.25),
    ):
        hours = {"vCPUHour": vcpu, "memoryGBHour": 4 * vcpu, "storageGBHour": 0.0}
        run = {
            **always,
            "jobRunId": job,
            "createdAt": at(0),
            "updatedAt": at(1),
            "jobDriver": {"hive": {"query": "x"}},
            "attempt": newest,
        }
        run |= {"billedResourceUtilization": hours, "totalExecutionDurationSeconds": 600}
        asked = {"applicationId": "app", "jobRunId": job} | ({"attempt": attempt} if attempt else {})
        stub.add_response("get_job_run", {"jobRun": run}, asked)
    stub.activate()
    assert took(client, "app", "r") == ({"evaluate": 1800, "publish": 600}, Billed(3.75, 15.0, 0.0))
    stub.assert_no_pending_responses()


def test_serverless_is_priced_by_both_prices_or_not_at_all() -> None:
    """Of vCPUs and of memory, each with its source and in one currency."""
    assert "RULES_VCPU_PRICE and RULES_GB_PRICE=" in serverless_report.in_words(
        Billed(), prices_of("1 EUR: list", None)
    )
    both = prices_of("0.05 EUR: our contract", "0.01 EUR: our list")
    assert isinstance(both, Prices)
    told_of = serverless_report.cost(Billed(2, 8, 5), both)
    said = {"vcpu": both.vcpu._asdict(), "memory": both.memory._asdict()}
    assert told_of == {"amount": 0.18, "currency": "EUR", "price": said}
    assert serverless_report.cost(Billed(2, 8, 5), prices_of("1 EUR: list", "1 USD: list")) is None
    assert serverless_report.in_words(Billed(2, 8, 5), both).endswith("5.00 GB hours of storage are not in it.")


PRICES = """
    text          | because
    --------------+------------------------------------
    0.5           | no currency, and nobody knows where from
    0.5 EUR       | nobody knows where from
    0.5 EUR:      | a source that says nothing
    -1 EUR: list  | nobody is paid for it
    0.5 euro: list | no code of a currency
"""


@pytest.mark.parametrize("setting", ["RULES_NODE_PRICE", "RULES_VCPU_PRICE", "RULES_GB_PRICE"])
@pytest.mark.parametrize("row", cases(PRICES))
def test_a_price_without_its_source_is_refused(row: Row, setting: str) -> None:
    """As a fault of the settings, beside all others."""
    with pytest.raises(RunRefused) as refused:
        Settings.read({"HOME": "/home/ann", setting: row["text"]})
    assert [fault.which for fault in refused.value.faults] == [setting]
