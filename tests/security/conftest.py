"""Databases that are attacked: one where nothing may succeed, and fresh ones where legal moves go before the illegal."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from rules_repo import embedded, schema
from tests.functional.conftest import client, runner
from tests.functional.governed import Office, in_every_state, open_office
from tests.security.attackers import Siege, two_tenants


@pytest.fixture(scope="session")
def besieged_template(postgres_url: str) -> Iterator[str]:
    """The name of a database with changes in every state and of several tenants."""
    url = embedded.ensure_database(postgres_url, "besieged_template")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    office = open_office(runner(owner), url)
    in_every_state(office)
    owner.close()
    two_tenants(Siege(office))
    yield "besieged_template"
    embedded.drop_database(postgres_url, "besieged_template")


def _copy(postgres_url: str, template: str) -> Iterator[Siege]:
    name = f"besieged_{uuid.uuid4().hex[:12]}"
    siege = Siege(Office(embedded.ensure_database(postgres_url, name, template=template)))
    siege(
        "postgres", f"REVOKE TEMPORARY, CREATE ON DATABASE {name} FROM PUBLIC"
    )  # a copy is not the original's in this
    yield siege
    embedded.drop_database(postgres_url, name)


@pytest.fixture(scope="module")
def siege(postgres_url: str, besieged_template: str) -> Iterator[Siege]:
    """The database of a module: whatever is tried there changes nothing, so all of its tests share it."""
    yield from _copy(postgres_url, besieged_template)


@pytest.fixture
def fresh(postgres_url: str, besieged_template: str) -> Iterator[Siege]:
    """A database of the test's own."""
    yield from _copy(postgres_url, besieged_template)
