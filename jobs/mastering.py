"""The wiring of the master: settings, sources and a backend, for commands and jobs."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault, RunRefused
from rules_engine.ports import Progress, silent
from rules_lake.master import settings as master_settings
from rules_lake.master.overrides import Override
from rules_lake.master.records import Key
from rules_lake.master.settings import Settings

if TYPE_CHECKING:
    from rules_lake.master.day import Outcome
    from rules_lake.master.explaining import Why
    from rules_lake.master.linking import Backend

DEFAULT = "master.toml"


def settings_file() -> Path:
    """The file that RULES_MASTER names, or master.toml."""
    return Path(os.environ.get("RULES_MASTER", DEFAULT))


def load(path: Path | None) -> Settings:
    """The settings of a file, or of the one that RULES_MASTER names, or of master.toml."""
    return master_settings.load(path or settings_file())


def life(subject: object) -> list[str]:
    """What became of a subject that is a master's id, by the newest build; nothing where no master is set up here."""
    from rules_lake.master import folders, identity

    path = settings_file()
    return identity.life(subject, folders.trail(load(path).folder)) if path.exists() else []


def built(settings: Settings, day: str, replace: bool = False, progress: Progress = silent) -> Outcome:
    """Build a day's master."""
    from rules_lake.master.day import build_day

    return build_day(settings, day, backend_of(settings), replace, progress)


def to_decide() -> frozenset[str]:
    """What of a build's pairs somebody has to decide."""
    from rules_lake.master.reviewing import TO_DECIDE

    return TO_DECIDE


def explained(settings: Settings, day: str, a: Key, b: Key) -> Why:
    """Explain a pair of records by the build of a day."""
    from rules_lake.master import records
    from rules_lake.master.explaining import explain
    from rules_lake.master.linking import Linkage

    found = records.read(settings, day)
    compared = frozenset(settings.linking.compare) or settings.roles
    return explain(settings, found, day, Linkage(found, settings.linking, compared, backend_of(settings)()), a, b)


def backend_of(settings: Settings) -> Callable[[], Backend]:
    """
    Where the settings have Splink compute, opened when it is needed.

    Raises:
        RunRefused: If the libraries are not installed.
    """
    try:
        from rules_lake.master.linking import InDuckDB, OnSpark
    except ImportError as problem:
        remedy = "Install them: pip install 'agile-rules-engine[master]'."
        raise RunRefused(Fault("Master", f"a library to link with is missing: {problem}.", remedy)) from problem
    if settings.linking.backend == "spark":
        return lambda: OnSpark(_spark())
    return lambda: InDuckDB(settings.linking)


def _spark() -> Any:
    """A session of its own, with the functions that Splink brings for Spark."""
    from pyspark.sql import SparkSession
    from splink.backends.spark import similarity_jar_location

    built_session = SparkSession.builder.appName("rules master").config("spark.jars", similarity_jar_location())
    return built_session.config("spark.sql.shuffle.partitions", "16").getOrCreate()


def decision(said: str, a: Key, b: Key, because: str, who: str | None, at: datetime) -> Override:
    """What somebody decides now."""
    by = (who or "").strip() or getpass.getuser()
    return Override(said, a, b, because.strip(), by, at.strftime("%Y-%m-%dT%H:%M:%SZ"))
