"""The archive of a step's libraries: what Spark unpacks for it on every node, and nothing that it has no use for."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from jobs.imported import imported
from jobs.nodes import Nodes
from jobs.reproducible import copy
from jobs.wheels import Wheel, needed
from rules_engine.errors import Fault, RulesError, RunRefused, raise_all

SPARKS_ARROW = ("numpy", "pandas", "pyarrow")
"""What Spark itself asks for where rows are handed to Python by Arrow (the extra ``spark``)."""

STEPS: Mapping[str, tuple[str, ...]] = {
    "setup": ("alembic", "boto3", "psycopg2-binary", "sqlalchemy"),
    "ingest": ("pyarrow",),
    "curate": ("boto3", "cryptography", "pyarrow"),
    "freeze": ("alembic", "boto3", "psycopg2-binary", "sqlalchemy"),
    "evaluate": SPARKS_ARROW,
    "guard": ("pyarrow",),
    "publish": (*SPARKS_ARROW, "boto3"),
    "master": (*SPARKS_ARROW, "duckdb", "splink"),
    "register": ("boto3",),
}
"""A step's distributions beside Spark and the job zip. The evaluator runs rule SQL: it gets no client of any store."""

ON_THE_CLUSTER = frozenset({"pyspark", "py4j"})


def chosen(wheels: Iterable[Wheel], nodes: Nodes, sources: Mapping[str, Path]) -> Mapping[str, tuple[Wheel, ...]]:
    """
    The wheels of each step.

    Raises:
        RunRefused: Naming all that is missing: a library that another one needs, or a module that a step imports.
    """
    wheels = tuple(wheels)
    faults: list[Fault] = []
    found: dict[str, tuple[Wheel, ...]] = {}
    for step, names in STEPS.items():
        try:
            found[step] = needed(names, wheels, nodes)
        except RulesError as error:
            faults += [fault for fault in error.faults if fault not in faults]
        else:
            faults += _unprovided(step, found[step], sources)
    raise_all(RunRefused, faults)
    return found


def modules_of(step: str, sources: Mapping[str, Path]) -> Mapping[str, str]:
    """The modules that a step imports and the job zip does not hold, each with who imports it."""
    zipped = {PurePosixPath(name).parts[0] for name in sources}
    wanted = imported(f"jobs.{step}_step", sources, ("rules_engine", "rules_lake", "rules_repo", "jobs"))
    return {name: by for name, by in wanted.items() if name not in zipped}


def _unprovided(step: str, wheels: Sequence[Wheel], sources: Mapping[str, Path]) -> Iterator[Fault]:
    there = ON_THE_CLUSTER.union(*(wheel.modules for wheel in wheels))
    for name, by in modules_of(step, sources).items():
        if name not in there:
            what = f"{by} imports it in the {step} step, and no library of that step holds it."
            yield Fault(f"Module {name}", what, "Name its distribution in jobs/libraries.py and pin it.")


def write(target: Path, wheels: Iterable[Wheel]) -> None:
    """Write an archive that holds the wheels as if they were installed; the same wheels give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for wheel in sorted(wheels, key=lambda wheel: wheel.path.name):
            with zipfile.ZipFile(wheel.path) as held:
                for place, name in sorted(wheel.files.items()):
                    copy(archive, place, held, name)
