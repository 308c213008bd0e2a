"""What a run on EMR Serverless took: seconds of its steps, what AWS bills for it, and what that costs (R-OPS-6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from jobs.aws import told
from jobs.emr_serverless import tries_of
from jobs.run_report import Price

UNSET = (
    "No estimate: set RULES_VCPU_PRICE and RULES_GB_PRICE='AMOUNT CURRENCY: SOURCE', of an hour of one vCPU and of one "
    "GB of memory."
)


class Billed(NamedTuple):
    """Hours that AWS bills: of vCPUs, of GB of memory, and of GB of storage above the 20 that each worker has free."""

    vcpu: float = 0.0
    memory: float = 0.0
    storage: float = 0.0


class Prices(NamedTuple):
    """Of an hour of one vCPU and of one GB of memory, in one currency."""

    vcpu: Price
    memory: Price


def prices_of(vcpu: str | None, memory: str | None) -> Prices | str:
    """
    The prices as the settings say them, or why there is no estimate.

    >>> prices_of("0.05 USD: list", "0.01 EUR: list")
    'No estimate: RULES_VCPU_PRICE is in USD, RULES_GB_PRICE in EUR.'
    """
    if not (vcpu and memory):
        return UNSET
    found = Prices(Price.of(vcpu), Price.of(memory))
    if found.vcpu.currency != found.memory.currency:
        return f"No estimate: RULES_VCPU_PRICE is in {found.vcpu.currency}, RULES_GB_PRICE in {found.memory.currency}."
    return found


def took(client: Any, application: str, name: str) -> tuple[dict[str, float], Billed]:
    """
    How long the jobs of each step ran, and what is billed for all: those that were tried again count for each try.

    Raises:
        RunRefused: If AWS refuses.
    """
    seconds: dict[str, float] = {}
    billed = Billed()
    with told(f"Run {name}"):
        for job in tries_of(client, application, name):
            for attempt in _attempts(client, application, job.id):
                spent = attempt.get("totalExecutionDurationSeconds", 0)
                seconds[job.what] = seconds.get(job.what, 0.0) + spent
                hours = attempt.get("billedResourceUtilization", {})
                found = (hours.get(part, 0.0) for part in ("vCPUHour", "memoryGBHour", "storageGBHour"))
                billed = Billed(*map(sum, zip(billed, found, strict=True)))
    return seconds, billed


def _attempts(client: Any, application: str, job: str) -> Iterator[dict[str, Any]]:
    """The attempts of one job, the newest first; AWS tries a job again by itself."""
    newest = client.get_job_run(applicationId=application, jobRunId=job)["jobRun"]
    yield newest
    for attempt in range(newest.get("attempt", 1) - 1, 0, -1):
        yield client.get_job_run(applicationId=application, jobRunId=job, attempt=attempt)["jobRun"]


def cost(billed: Billed, prices: Prices | str) -> dict[str, Any] | None:
    """What the billed hours of vCPUs and memory cost; nothing without prices."""
    if isinstance(prices, str):
        return None
    amount = billed.vcpu * prices.vcpu.amount + billed.memory * prices.memory.amount
    said = {"vcpu": prices.vcpu._asdict(), "memory": prices.memory._asdict()}
    return {"amount": round(amount, 4), "currency": prices.vcpu.currency, "price": said}


def in_words(billed: Billed, prices: Prices | str) -> str:
    """
    The estimate, or what is missing for one.

    >>> in_words(Billed(2, 8), Prices(Price(0.05, "EUR", "list"), Price(0.01, "EUR", "list")))
    'About 0.18 EUR: 2.00 vCPU hours at 0.05 EUR (list), 8.00 GB hours of memory at 0.01 EUR (list).'
    """
    if isinstance(prices, str):
        return prices
    amount = billed.vcpu * prices.vcpu.amount + billed.memory * prices.memory.amount
    parts = ((billed.vcpu, "vCPU hours", prices.vcpu), (billed.memory, "GB hours of memory", prices.memory))
    of = ", ".join(f"{hours:.2f} {what} at {p.amount:g} {p.currency} ({p.source})" for hours, what, p in parts)
    more = f" {billed.storage:.2f} GB hours of storage are not in it." if billed.storage else ""
    return f"About {amount:.2f} {prices.vcpu.currency}: {of}.{more}"
