"""Calls to DynamoDB that are looked at, retried and, when they fail, put into words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError
from botocore.parsers import ResponseParserError

from rules_engine.errors import Fault, RunInterrupted, RunRefused, raise_all
from rules_engine.publication.pace import Pace, Turnstile

Request = dict[str, Any]

PASSING = frozenset(
    "Throttling ThrottledRequests ProvisionedThroughputExceeded RequestLimitExceeded InternalServer InternalFailure "
    "TransactionConflict ServiceUnavailable".split()
)
"""Errors that pass, as DynamoDB names them without 'Exception' or 'Error'."""

REMEDIES = {
    "ResourceNotFoundException": "Create the history first.",
    "AccessDeniedException": "Let the role use DescribeTable, PartiQLInsert and PartiQLSelect, and query the index.",
    "UnrecognizedClientException": "Log in again, or set AWS_PROFILE to valid credentials.",
    "ExpiredTokenException": "Log in again, and publish the run again.",
}
LOCAL = ("localhost", "127.0.0.1", "::1")


def connect(endpoint_url: str | None, region: str | None, workers: int = 8, service: str = "dynamodb") -> Any:
    """
    A client of DynamoDB, or of its streams, that does not retry: the history has its own patience.

    ``endpoint_url`` None is AWS. An endpoint on this machine is DynamoDB Local
    and takes any credentials.

    Raises:
        RunRefused: If credentials or region are missing; both are named at once.
    """
    local = endpoint_url is not None and urlsplit(endpoint_url).hostname in LOCAL
    options = {"aws_access_key_id": "local", "aws_secret_access_key": "local"} if local else {}
    config = Config(
        connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1}, max_pool_connections=2 * workers
    )
    try:
        session = boto3.Session(region_name=region or ("local" if local else None), **options)
        raise_all(RunRefused, _missing(session))
        return session.client(service, endpoint_url=endpoint_url, config=config)
    except (BotoCoreError, ValueError) as problem:
        raise RunRefused(Fault("DynamoDB", f"{str(problem).rstrip('.')}.", "Mend the AWS settings named.")) from problem


def _missing(session: Any) -> Iterator[Fault]:
    if session.region_name is None:
        yield Fault("DynamoDB", "no AWS region is set.", "Set AWS_REGION or AWS_DEFAULT_REGION.")
    if session.get_credentials() is None:
        yield Fault(
            "DynamoDB",
            "no AWS credentials were found.",
            "Log in and set AWS_PROFILE, or keep the history locally: `--history postgres`.",
        )


class Calls:
    """
    Calls to one table.

    ``again`` says what to do after patience ran out, ``remedies`` what else to do about an error by its code.
    What cannot succeed is refused at once, and so is an endpoint that never
    answered; what passes is tried again as patiently as the pace says.
    """

    def __init__(
        self,
        which: str,
        client: Any,
        pace: Pace,
        again: str = "Publish the run again: what is there stays.",
        remedies: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._again = again
        self._remedies = {**REMEDIES, **remedies}
        self._which = which
        self._client = client
        self._pace = pace
        self._turnstile = Turnstile(pace)
        self._answered = False

    def one(self, operation: str, request: Request, accepted: str = "") -> Request:
        """
        The answer to one call; an empty one if it ends in the ``accepted`` error.

        Raises:
            RunRefused: If it cannot succeed.
            RunInterrupted: If patience ran out.
        """
        last: Exception | None = None
        for _ in self._pace.tries():
            try:
                answer: Request = getattr(self._client, operation)(**request)
            except (BotoCoreError, ClientError, ResponseParserError) as problem:
                self._answered |= isinstance(problem, ClientError)
                if accepted and _code(problem) == accepted:
                    return {}
                if not self._passes(problem):
                    raise self._refusal(problem) from problem
                last = problem
            else:
                self._answered = True
                return answer
        raise self._interruption(f"it gave no answer in {self._pace.attempts} tries, the last one: {last}") from last

    def pages(self, operation: str, request: Request) -> Iterator[Request]:
        """Every page of an answer."""
        page = self.one(operation, request)
        yield page
        while start := page.get("LastEvaluatedKey"):
            page = self.one(operation, request | {"ExclusiveStartKey": start})
            yield page

    def batch(self, statements: list[Request], *, writes: bool) -> list[Request]:
        """
        The reply to each statement, 25 at most: done, or an error that trying again does not mend.

        Raises:
            RunRefused: If the call cannot succeed.
            RunInterrupted: If patience ran out.
        """
        replies: dict[int, Request] = {}
        waiting = list(range(len(statements)))
        stuck = 0
        while waiting:
            self._turnstile.enter(len(waiting) if writes else 0)
            request = {"Statements": [statements[i] for i in waiting]}
            answered = dict(zip(waiting, self.one("batch_execute_statement", request)["Responses"], strict=True))
            done = {i: reply for i, reply in answered.items() if not _will_pass(_error_code(reply))}
            replies |= done
            stuck = 1 if done else stuck + 1
            waiting = [i for i in waiting if i not in done]
            if waiting and stuck > self._pace.attempts:
                raise self._interruption(f"{len(waiting)} statements are throttled, {answered[waiting[0]]['Error']}")
            if waiting:
                self._pace.rest(stuck)
        return [replies[i] for i in range(len(statements))]

    def _passes(self, problem: Exception) -> bool:
        if isinstance(problem, ClientError):
            status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return status >= 500 or _will_pass(_code(problem))
        return self._answered and isinstance(problem, HTTPClientError | ResponseParserError)

    def _refusal(self, problem: Exception) -> RunRefused:
        if isinstance(problem, NoCredentialsError):
            remedy = "Log in and set AWS_PROFILE, or keep the history locally: `--history postgres`."
        else:
            remedy = self._remedies.get(_code(problem), "Check region, endpoint and network: `rules doctor`.")
        return RunRefused(Fault(self._which, f"DynamoDB cannot be used: {str(problem).rstrip('.')}.", remedy))

    def _interruption(self, what: str) -> RunInterrupted:
        return RunInterrupted(Fault(self._which, f"{what.rstrip('.')}.", self._again))


def _code(problem: Exception) -> str:
    return str(problem.response["Error"]["Code"]) if isinstance(problem, ClientError) else ""


def _error_code(reply: Request) -> str:
    return str(reply.get("Error", {}).get("Code", ""))


def _will_pass(code: str) -> bool:
    return code.removesuffix("Exception").removesuffix("Error") in PASSING
