"""The core loads with neither Spark nor a store: a fresh interpreter imports it and looks at what came along."""

from __future__ import annotations

import importlib.util
import pkgutil
import subprocess
import sys

import rules_engine.logical
import rules_engine.model
import rules_engine.sql

HEAVY = ("boto3", "botocore", "pandas", "psycopg2", "pyarrow", "pyspark", "sqlalchemy")

PROBE = """
import importlib, sys
for name in sys.argv[1].split(","):
    importlib.import_module(name)
print(",".join(sorted(set(sys.argv[2].split(",")) & set(sys.modules))))
"""


def core() -> list[str]:
    """Every module of the model, of rule SQL and of what it asks, and the modules beside them that know ports alone."""
    packages = (rules_engine.model, rules_engine.sql, rules_engine.logical)
    found = [m.name for p in packages for m in pkgutil.walk_packages(p.__path__, f"{p.__name__}.")]
    beside = [f"rules_engine.{name}" for name in ("errors", "ports", "run", "settings")]
    return [*found, *(name for name in beside if importlib.util.find_spec(name))]


def loaded_with(modules: list[str]) -> list[str]:
    """The heavy libraries that importing these modules brings into a fresh interpreter."""
    command = [sys.executable, "-c", PROBE, ",".join(modules), ",".join(HEAVY)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.strip().split(",") if name]


def test_the_core_loads_without_spark_and_stores() -> None:
    """Deciding needs no Spark, no AWS and no database; whoever lacks them can still import the core."""
    modules = core()
    assert {"rules_engine.model.decisions", "rules_engine.ports", "rules_engine.run"} <= set(modules)
    assert loaded_with(modules) == []


def test_the_probe_notices_a_store() -> None:
    """The same look finds a library that a module does bring along."""
    assert loaded_with([*core(), "psycopg2"]) == ["psycopg2"]
