"""Backup and restore as docs/operating.md has it: with its roles a dump is proved, without them it is refused (K19)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules_engine.errors import RunRefused
from rules_repo import audit, embedded, schema
from tests.functional.conftest import client, runner
from tests.functional.governed import in_every_state, open_office


def tool(name: str, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """One of PostgreSQL's own programs."""
    binary = Path(embedded._wheel().__file__ or "").parent / "pginstall" / "bin" / name
    return subprocess.run([str(binary), *words], input=given, capture_output=True, check=False)


@pytest.fixture(scope="module")
def other_server() -> Iterator[str]:
    """A server that has never seen a rule."""
    folder = Path(tempfile.mkdtemp(prefix="rules-restore-"))
    folder.chmod(0o755)
    yield embedded.start(folder / "postgres")
    embedded.stop(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def dumped() -> tuple[bytes, bytes]:
    """The roles of a server, and its database of changes in every state."""
    folder = Path(tempfile.mkdtemp(prefix="rules-dump-"))
    folder.chmod(0o755)
    url = embedded.ensure_database(embedded.start(folder / "postgres"), "rules")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    in_every_state(open_office(runner(owner), url))
    owner.close()
    roles = tool("pg_dumpall", "--roles-only", "--no-role-passwords", "-d", url).stdout
    content = tool("pg_dump", url).stdout
    embedded.stop(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)
    return roles, content


def test_without_its_roles_a_dump_is_refused_and_with_them_it_is_proved(
    other_server: str, dumped: tuple[bytes, bytes]
) -> None:
    """The upgrade says what is lost and what to do; after that every hash and approval holds on the other server."""
    roles, content = dumped
    url = embedded.ensure_database(other_server, "without")
    assert tool("psql", url, "-q", "-f", "-", given=content).stderr.count(b"does not exist") > 100
    with pytest.raises(
        RunRefused, match=r"the roles rules_owner.* are missing: a dump was restored.*pg_dumpall --roles-only"
    ):
        schema.upgrade(url)
    embedded.drop_database(other_server, "without")
    tool("psql", other_server, "-q", "-f", "-", given=roles)
    url = embedded.ensure_database(other_server, "again")
    restored = tool("psql", url, "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", given=content)
    assert (restored.returncode, restored.stderr) == (0, b"")
    assert schema.upgrade(url) == schema.HEAD
    verdict = audit.verify(url)
    assert verdict.entries > 50
    assert (verdict.total, verdict.faults) == (0, ())


def test_data_alone_into_a_fresh_schema_is_refused(other_server: str, dumped: tuple[bytes, bytes]) -> None:
    """What a migration wrote is there already, and an entry of the audit is written by a commit and by nobody's hand."""
    url = embedded.ensure_database(other_server, "fresh")
    schema.upgrade(url)
    before = audit.verify(url).entries
    data = dumped[1].split(b"-- Data for Name: audit_entry;")[1].split(b"\\.\n")[0]
    rows = b"COPY rules.audit_entry" + data.split(b"COPY rules.audit_entry", 1)[1] + b"\\.\n"
    refused = tool("psql", url, "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", given=rows)
    assert refused.returncode != 0
    assert audit.verify(url).entries == before
