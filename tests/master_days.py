"""A small world of records for tests of the master: sources as tables, settings, and who is who in truth."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from demo.people import ROLES, Person
from rules_lake.master import settings as master_settings
from rules_lake.master.records import Key, Records, records_of
from rules_lake.master.settings import Settings


def settings_of(sources: Iterable[str], said: Mapping[str, Any] | None = None) -> Settings:
    """Settings of sources that have every role."""
    of = {name: {"path": f"{name}.csv", "key": "key", "roles": {role: role for role in ROLES}} for name in sources}
    return master_settings.parse({"sources": of, **(said or {})}, "/nowhere")


def records(settings: Settings, people: Mapping[Key, Person]) -> Records:
    """Records as the sources would give them."""
    rows = [
        {"source": source, "key": key, "updated": None}
        | {role: None if (cell := getattr(person, name)) is None else str(cell) for role, name in ROLES.items()}
        for (source, key), person in people.items()
    ]
    names = ["source", "key", "updated", *settings.columns]
    return records_of(settings, pa.table({n: pa.array([row[n] for row in rows], pa.string()) for n in names}), {})


def write_source(path: Path, rows: list[tuple[str, Person]], chance: Random) -> None:
    """A source as a CSV file."""
    shuffled = chance.sample(rows, len(rows))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", *ROLES])
        for key, person in shuffled:
            writer.writerow([key, *(getattr(person, name) for name in ROLES.values())])
