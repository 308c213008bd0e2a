"""The analysts' manual, run word for word: every statement does what the page says, or is refused as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from rules_repo import audit, embedded, schema
from tests.functional.conftest import client, runner
from tests.functional.governed import TWO_RULES, Office, open_office
from tests.system_postgres import installed, server

PAGE = Path(__file__).parents[2] / "docs" / "analysts.md"
BLOCK = re.compile(r"^```sql (\w+)( refused)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


@contextmanager
def manual_office(postgres_url: str) -> Iterator[Office]:
    """Two rules that four eyes published, as the page finds them."""
    url = embedded.ensure_database(postgres_url, "manual")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    made = open_office(runner(owner), url)
    made("ann", TWO_RULES)
    made.published(1)
    yield made
    owner.close()
    embedded.drop_database(postgres_url, "manual")


@pytest.fixture
def office(postgres_url: str) -> Iterator[Office]:
    with manual_office(postgres_url) as made:
        yield made


def test_the_worked_session_is_true(office: Office) -> None:
    """From INSERT to live with nothing but SQL, by two people."""
    assert run_the_page(office) > 10


@pytest.mark.parametrize("version", installed())
def test_it_is_true_on_every_postgresql_that_is_installed(version: int) -> None:
    """Besides the wheel's: upgrade, session and the proof of the audit; ``infra/postgres.sh`` runs all tests on 15."""
    with server(version) as url, manual_office(url) as office:
        assert office("postgres", "SELECT current_setting('server_version_num')::integer / 10000") == [(version,)]
        assert run_the_page(office) > 10
        assert audit.verify(office.url).faults == ()


class Client(Protocol):
    """Whatever runs statements as a login, and says what one was refused with."""

    def __call__(self, login: str, statement: str) -> object: ...

    def refusal(self, login: str, statement: str) -> str: ...


def run_the_page(office: Office, by: Client | None = None) -> int:
    """How many blocks there are, each as true as what they leave behind; run by a client, or as the office does."""
    ask = by or office
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    for login, refused, statements in blocks:
        if refused:
            statement, _, says = statements.partition("-- ")
            assert ask.refusal(login, statement) == says.strip()
        else:
            ask(login, statements)
    answer = office("ann", "SELECT rule_key, version, weight::integer FROM rules.rule_set('2030-01-01')")
    assert answer == [("BOND-001", 1, 50), ("LOAN-001", 2, 30), ("TEN-001", 1, 25)]
    assert office("ann", "SELECT state, approved_by FROM rules.change_overview WHERE change_id = 2") == [
        ("scheduled", "bob")
    ]
    assert office("dan", "SELECT becomes FROM rules.diff(6) WHERE field = 'rows'") == [
        ('[{"code": "XA"}, {"code": "XB"}, {"code": "XC"}]',)
    ]
    assert office("ann", "SELECT authors FROM rules.change_overview WHERE change_id = 4") == [("ann, dan",)]
    return len(blocks)
