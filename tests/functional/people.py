"""Two people and the command: an analyst, an approver, an auditor and an admin, each with a login of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rules_repo import embedded, schema
from tests import small_lake
from tests.functional.conftest import client, runner
from tests.functional.governed import Office, open_office
from tests.functional.rules_command import RulesCommand

RULES = """
membership_types:
  - {key: GOLD, name: Gold}
rules:
  - key: GOLD-001
    name: Lives in Britain
    kind: inclusion
    membership_type: GOLD
    weight: 30
    frame: customers
    sql: upper(trim(country)) = 'GB'
    effective: {from: 2024-01-01}
    metadata: {tags: [home]}
  - key: GOLD-002
    name: Holds a loan
    kind: exclusion
    membership_type: GOLD
    weight: 25
    frame: holdings
    sql: product = 'LOAN'
    owner: credit
    effective: {from: 2024-01-01}
"""


class People:
    """The command as one login or another."""

    def __init__(self, home: Path, office: Office) -> None:
        lake = {"RULES_LAKE": str(home / "lake" / "frames.toml")}
        self.office = office
        for login in ("ann", "bob", "olga", "adam"):
            url = office.url.replace("postgres@", f"{login}@", 1)
            setattr(self, login, RulesCommand(home, lake | {"RULES_DATABASE_URL": url}))

    ann: RulesCommand
    bob: RulesCommand
    olga: RulesCommand
    adam: RulesCommand


@pytest.fixture
def people(postgres_url: str, tmp_path: Path) -> Iterator[People]:
    """Two rules, imported by ann and approved by bob, as change 1."""
    url = embedded.ensure_database(postgres_url, "people")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    small_lake.write(tmp_path / "lake")
    found = People(tmp_path, open_office(runner(owner), url))
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    assert found.ann.json("import", tmp_path / "rules.yaml")["change"] == 1
    through(found, 1)
    yield found
    owner.close()
    embedded.drop_database(postgres_url, "people")


def through(people: People, change: int) -> None:
    people.ann.fine("change", "submit", change, "--reason", "a test")
    people.bob.fine("change", "check", change)
    people.bob.fine("change", "approve", change)
    people.bob.fine("change", "schedule", change)
