"""AWS clients, and what they raise in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rules_engine.errors import Fault, RunInterrupted, RunRefused


def client(service: str, region: str | None = None, endpoint: str | None = None) -> Any:
    """
    A client of a service; ``endpoint`` where it is not AWS itself.

    Raises:
        RunRefused: If no region or no client can be made of what is configured.
    """
    import boto3

    with told(f"AWS {service}"):
        return boto3.client(service, region_name=region, endpoint_url=endpoint)


@contextmanager
def told(which: str) -> Iterator[None]:
    """
    Turn what an AWS client raises into words.

    Raises:
        RunRefused: If AWS refuses the request, or no credentials or region are found.
        RunInterrupted: If AWS did not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        yield
    except ClientError as problem:
        said = problem.response["Error"]
        what = f"AWS refuses: {said['Code']}: {said['Message']}"
        raise RunRefused(Fault(which, what, "Mend the request or the role's rights.")) from problem
    except (NoCredentialsError, NoRegionError) as problem:
        remedy = "Sign in, or set AWS_PROFILE and AWS_REGION."
        raise RunRefused(Fault(which, f"AWS cannot be asked: {problem}", remedy)) from problem
    except BotoCoreError as problem:
        raise RunInterrupted(Fault(which, f"AWS did not answer: {problem}", "Do the same again.")) from problem
