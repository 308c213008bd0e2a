"""Reviews over an installation: how staged folders are read, and where lists of subjects are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING
from uuid import uuid4

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.rule_sets import RuleSet, policies_on
from rules_engine.ports import Progress, silent
from rules_engine.review.between import Between, between
from rules_engine.review.plan import Plan, plan
from rules_engine.review.replay import Replayed, replay
from rules_engine.review.staged import Tables, local_tables

if TYPE_CHECKING:
    import pyarrow as pa

    from jobs.wiring import Installation

FORMS = ("parquet", "csv")


def tables_of(installation: Installation) -> Tables:
    """Folders of this machine are read as they are; others by Spark, onto the driver."""
    if "://" not in installation.settings.runs:
        return local_tables

    def by_spark(folder: str, columns: Sequence[str]) -> pa.Table | None:
        import pyarrow

        from rules_engine.lake.hadoop import exists

        spark = installation.spark
        if not exists(spark, folder):
            return None
        rows = spark.read.parquet(folder)
        wanted = rows.select(*columns) if columns else rows
        return pyarrow.Table.from_pandas(wanted.toPandas(), preserve_index=False)

    return by_spark


def written(flips: pa.Table, folder: Path, form: str, name: str = "flips") -> tuple[str, ...]:
    """
    Write everybody who flips into a folder, and say to which files.

    Raises:
        RunRefused: If there is no such form, or the folder cannot be written to.
    """
    if form not in FORMS:
        raise RunRefused(Fault("--format", f"there is no form '{form}'.", f"There are: {', '.join(FORMS)}."))
    file = folder / f"{name}.{form}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if form == "csv":
            from pyarrow import csv

            csv.write_csv(flips, file)
        else:
            from pyarrow import parquet

            parquet.write_table(flips, file)
    except OSError as problem:
        what = f"it cannot be written to: {problem.strerror or problem}."
        raise RunRefused(Fault(f"Folder {folder}", what, "Name another with --out.")) from problem
    return (str(file),)


def saved(path: Path, text: str) -> tuple[str, ...]:
    """
    Write a page, and say where.

    Raises:
        RunRefused: If it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        what = f"it cannot be written: {problem.strerror or problem}."
        raise RunRefused(Fault(f"File {path}", what, "Name another with --html.")) from problem
    return (str(path),)


def planned(
    installation: Installation,
    drafted: Callable[[RuleSet, date], RuleSet],
    first_day: Callable[[date], date],
    as_of: date | None,
    known_at: datetime,
    progress: Progress = silent,
) -> Plan:
    """
    The plan of a draft: ``drafted`` makes it of the rules in force on a day, ``first_day`` says which day it counts on.

    The data are those of ``as_of``, or of the newest landed day.
    """
    from rules_engine.spark.for_review import SparkReviewing

    day = as_of or installation.newest_day() or known_at.date()
    rules_day = first_day(day)
    in_force = _in_force(installation, rules_day, known_at)
    after = drafted(in_force, rules_day)
    before, after = (replace(each, as_of=day) for each in (in_force, after))
    installation.check_curated(after)
    with apart(installation) as folder:
        found = plan(
            before,
            after,
            rules_day,
            SparkReviewing(installation.evaluator),
            installation.store,
            tables_of(installation),
            folder,
            dict(installation.lake.segments),
            progress,
        )
    return replace(found, effect=installation.masks.effect(found.effect))


def _in_force(installation: Installation, day: date, known_at: datetime) -> RuleSet:
    """The rules in force on a day; none before the first change is published, which can be planned all the same."""
    repository = installation.repository
    if repository.rules(day):
        return repository.rule_set(day, known_at)
    from rules_repo.changes import ChangeBook

    moment = min(known_at, ChangeBook(installation.database_url).ask("SELECT rules.known_now()"))
    return RuleSet(day, moment, policies_on(day, repository.membership_types()), ())


def replayed(installation: Installation, runs: Sequence[str], progress: Progress = silent) -> list[Replayed]:
    """Runs evaluated again, one after the other, in a folder of their own that goes away."""
    found = []
    for number, run_id in enumerate(runs):
        progress(f"Evaluating run {run_id} again", number / len(runs))
        with apart(installation) as folder:
            ports = (installation.store, installation.evaluator, installation.answer_settings())
            found.append(replay(run_id, *ports, tables_of(installation), folder))
    return found


def compared(installation: Installation, one: str, other: str, progress: Progress = silent) -> Between:
    """Two runs held against each other; Spark is started only where a rule must be evaluated on the other's data."""
    from rules_engine.spark.for_review import SparkReviewing

    def evaluator() -> SparkReviewing:
        return SparkReviewing(installation.evaluator)

    with apart(installation) as folder:
        found = between(one, other, installation.store, evaluator, tables_of(installation), folder, progress)
    return replace(found, flips=installation.masks.flips(found.flips))


@contextmanager
def apart(installation: Installation) -> Iterator[str]:
    """A folder for what is evaluated and is no run; it is removed."""
    local = "://" not in installation.settings.runs
    root = str(installation.home / "work") if local else installation.settings.runs
    folder = f"{root}/review-{uuid4().hex[:12]}"
    try:
        yield folder
    finally:
        if local:
            rmtree(folder, ignore_errors=True)
        else:
            from rules_engine.lake.hadoop import remove

            remove(installation.spark, folder)
