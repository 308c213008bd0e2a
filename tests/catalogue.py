"""Write down what a fresh migration leaves on each server at hand: ``python -m tests.catalogue``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rules_repo import audit_catalogue, embedded, schema
from rules_repo.connection import bare
from tests.system_postgres import installed, server

PLACE = Path(str(audit_catalogue.MIGRATIONS))


@contextmanager
def of_the_wheel() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="rules-postgres-") as place:
        yield embedded.start(Path(place) / "data")
        embedded.stop(Path(place) / "data")


def left(postgres_url: str) -> tuple[int, frozenset[str]]:
    """The version of a server, and what a fresh migration leaves on it."""
    url = embedded.ensure_database(postgres_url, "catalogue")
    schema.upgrade(url)
    with bare(url) as connection:
        connection.cursor().execute("SET search_path = pg_catalog, pg_temp")
        found = connection.server_version // 10000, audit_catalogue.lines(connection)
    embedded.drop_database(postgres_url, "catalogue")
    return found


def write(lines: frozenset[str], file: str) -> None:
    """One line each, in an order that does not depend on the server."""
    said = sorted(line.replace("\n", "⏎") for line in lines)
    (PLACE / file).write_text("".join(f"{line}\n" for line in said), encoding="utf-8")
    print(f"{len(said)} lines in {file}")


def main() -> None:
    servers = [of_the_wheel(), *(server(version) for version in installed())]
    found: dict[int, frozenset[str]] = {}
    for one in servers:
        with one as url:
            major, lines = left(url)
            found[major] = lines
    alike = frozenset.intersection(*found.values())
    write(alike, "catalogue.txt")
    for major, lines in found.items():
        write(lines - alike, f"catalogue_{major}.txt")


if __name__ == "__main__":
    main()
