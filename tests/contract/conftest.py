"""The stores that a history is kept in: PostgreSQL, DynamoDB Local, and memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from rules_engine.ports import History
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from rules_engine.publication.dynamodb_local import start, stop
from rules_engine.publication.names import table_name
from rules_engine.publication.postgres import PostgresHistory
from rules_engine.publication.records import SubjectType
from tests.in_memory import InMemoryHistory

JARS = Path(__file__).parents[2] / "build" / "dynamodb-local"
"""Fetched once per clone; every session has a server and data of its own."""

READS_AND_INSERTS = {"BatchExecuteStatement", "CreateTable", "DescribeTable", "Query", "Scan"}


class Operations:
    """What a client was asked to do: the operations, and the first word of each PartiQL statement."""

    def __init__(self, client: Any) -> None:
        self.names: set[str] = set()
        self.verbs: set[str] = set()
        client.meta.events.register("provide-client-params.dynamodb", self._note)

    def _note(self, params: dict[str, Any], model: Any, **_: object) -> None:
        self.names.add(model.name)
        self.verbs |= {statement["Statement"].split()[0] for statement in params.get("Statements", [])}


@pytest.fixture(scope="session")
def dynamodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The session's DynamoDB Local."""
    home = tmp_path_factory.getbasetemp() / "dynamodb-local"
    yield start(home, JARS)
    stop(home)


@pytest.fixture(scope="session")
def dynamodb_client(dynamodb_url: str) -> Iterator[Any]:
    """A client of the session's DynamoDB Local, watched: it may insert and read, and nothing else."""
    client = connect(dynamodb_url, None)
    operations = Operations(client)
    yield client
    assert operations.names <= READS_AND_INSERTS
    assert operations.verbs <= {"INSERT", "SELECT"}


class MakeHistory(Protocol):
    """Makes an empty history for subjects of a type."""

    def __call__(self, subject_type: SubjectType = "bigint") -> History: ...


def new_table() -> str:
    return table_name("test", uuid.uuid4().hex[:12], "rules", "history")


@pytest.fixture
def make_postgres(postgres_url: str) -> Callable[..., PostgresHistory]:
    def make(subject_type: SubjectType = "bigint", chunk: int = 10_000) -> PostgresHistory:
        history = PostgresHistory(postgres_url, new_table(), subject_type, chunk)
        history.create()
        return history

    return make


@pytest.fixture
def make_dynamodb(dynamodb_client: Any) -> Callable[..., DynamoDBHistory]:
    def make(subject_type: SubjectType = "bigint", **options: Any) -> DynamoDBHistory:
        client = options.pop("client", dynamodb_client)
        history = DynamoDBHistory(new_table(), subject_type, client, stream=False, **options)
        history.create()
        return history

    return make


@pytest.fixture(params=["postgres", "dynamodb", "memory"])
def make_history(request: pytest.FixtureRequest) -> MakeHistory:
    """Every history in turn."""
    if request.param == "memory":
        return lambda subject_type="bigint": InMemoryHistory()
    make: MakeHistory = request.getfixturevalue(f"make_{request.param}")
    return make


@pytest.fixture(params=["postgres", "dynamodb"])
def make_stored(request: pytest.FixtureRequest) -> MakeHistory:
    """Every history that outlives its program, in turn."""
    make: MakeHistory = request.getfixturevalue(f"make_{request.param}")
    return make


@pytest.fixture(scope="session", params=["postgres", "dynamodb"])
def stored(request: pytest.FixtureRequest) -> History:
    """One history of the session for each store, for tests that only ask what it says."""
    if request.param == "postgres":
        history: Any = PostgresHistory(request.getfixturevalue("postgres_url"), new_table(), "bigint")
    else:
        history = DynamoDBHistory(new_table(), "bigint", request.getfixturevalue("dynamodb_client"), stream=False)
    history.create()
    return history
