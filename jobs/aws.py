"""AWS clients, and what they raise in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rules_engine.errors import Fault, RulesError, RunInterrupted, RunRefused

REMEDIES = {
    r"^\w*(Expired|InvalidClientToken|InvalidAccessKey|UnrecognizedClient|Signature|AuthFailure)|^400:": (
        "The credentials have run out, or are none: sign in again, or set AWS_PROFILE."
    ),
    r"^\w*(AccessDenied|Unauthorized|Forbidden)|^403:": "Give whoever asks the right to it, or set AWS_PROFILE.",
    r"^\w*(Redirect|HeaderMalformed|IllegalLocation)|^301:": "It is in another region: set AWS_REGION to that one.",
    r"^\w*(NoSuch|NotFound)|^404:": "Make it, or mend its name.",
    r"Cluster id '.*' is not valid": "Name one that there is, or leave it out: --cluster.",
    r"^\w*(LimitExceeded|QuotaExceeded)|[Mm]aximum number": "Wait until others are done, or ask AWS for more.",
}
"""What AWS says, code and words, and what to do about it; where it refuses a HEAD request it says but a number."""

BUSY = r"Throttl|ThroughputExceeded|TooManyRequests|RequestLimit|SlowDown|Unavailable|Internal|^429$|^5\d\d$"
"""Codes of a request that may be answered a little later."""


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
        RunRefused: If AWS refuses the request, or what is configured names nobody who could ask it.
        RunInterrupted: If AWS did not answer, or is busy.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as problem:
        raise _refused(which, problem.response["Error"]) from problem
    except BotoCoreError as problem:
        raise _unasked(which, problem) from problem


def _refused(which: str, said: Mapping[str, str]) -> RulesError:
    code, words = said["Code"], f"{said['Code']}: {said.get('Message', '').rstrip('.')}"
    if re.search(BUSY, code):
        return RunInterrupted(Fault(which, f"AWS is busy: {words}.", "Do the same again, a little later."))
    known = (remedy for pattern, remedy in REMEDIES.items() if re.search(pattern, words))
    return RunRefused(Fault(which, f"AWS refuses: {words}.", next(known, "Mend the request.")))


def _unasked(which: str, problem: Exception) -> RulesError:
    from botocore import exceptions as of

    words = " ".join(str(problem).split()).rstrip(".")
    if isinstance(problem, (of.ConnectionError, of.HTTPClientError, of.IncompleteReadError)):
        by_proxy = isinstance(problem, of.ProxyConnectionError)
        places = "HTTPS_PROXY and NO_PROXY" if by_proxy else "AWS_REGION and the network"
        remedy = f"Look at {places}, then do the same again."
        return RunInterrupted(Fault(which, f"AWS did not answer: {words}.", remedy))
    signed_in = isinstance(problem, of.ParamValidationError)
    remedy = "Mend the request." if signed_in else "Sign in, or set AWS_PROFILE and AWS_REGION."
    return RunRefused(Fault(which, f"AWS cannot be asked: {words}.", remedy))
