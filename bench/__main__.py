"""``python -m bench``: measure a profile, write its table and charts, fail where a bound is broken."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import psutil
import typer

from bench import report, running
from bench.profiles import Profile, profiles
from bench.results import Measured, Results
from rules_engine import __version__
from rules_engine.java import class_archive, find_java

ROOT = Path(__file__).parent.parent
PACKAGES = "pyspark duckdb zen-engine sqlglot pyarrow numpy psutil".split()


def bench(
    profile: Annotated[str, typer.Option(help="What to measure: short, index or full.")] = "short",
    only: Annotated[
        list[str] | None, typer.Option(help="Only this line (all-100), contestant (ours) or both (all-100/ours).")
    ] = None,
    customers: Annotated[int | None, typer.Option(help="Instead of the profile's number.")] = None,
    seed: Annotated[int, typer.Option(help="Of data and rules.")] = 1,
    cores: Annotated[int, typer.Option(help="For Spark and DuckDB.")] = 2,
    memory: Annotated[str, typer.Option(help="The heap of each JVM.")] = "4g",
    longest: Annotated[float, typer.Option(help="Seconds after which a contestant is stopped.")] = 3600,
    warm: Annotated[int | None, typer.Option(help="Warm runs, instead of the line's number.")] = None,
    results: Annotated[Path, typer.Option(help="Where table, charts and JSON go.")] = ROOT / "bench" / "results",
    work: Annotated[Path, typer.Option(help="Where data is made and kept.")] = ROOT / "build" / "bench",
) -> None:
    """Measure a profile; each contestant runs in a process of its own."""
    known = profiles()
    if profile not in known:
        raise typer.BadParameter(f"There is no profile '{profile}'. Say one of {', '.join(known)}.")
    chosen = known[profile]
    setting = running.Setting(customers or chosen.customers, work, seed, cores, memory, longest, warm)
    path = results / (f"{profile}-part" if only else profile)
    found = _measure(chosen, only or [], setting, path.with_suffix(".json"))
    report.write(chosen, found, path)
    typer.echo(report.table(chosen, found))
    broken = [*found.disagreements(), *report.broken(chosen, found)]
    for line in broken:
        typer.echo(f"BROKEN {line}", err=True)
    raise typer.Exit(1 if broken else 0)


def _measure(profile: Profile, only: list[str], setting: running.Setting, path: Path) -> Results:
    """What is measured is written line by line: a run that is stopped leaves what it has."""
    results = Results(
        profile.name, setting.customers, datetime.now(UTC).date().isoformat(), machine(setting), versions()
    )  # fmt: skip
    measured: list[Measured] = []
    for entry in running.measure(profile, only, setting, lambda text: typer.echo(text, err=True)):
        measured.append(entry)
        typer.echo(f"    {report.one_line(entry)}", err=True)
        results = replace(results, measured=tuple(measured))
        results.save(path)
    return results


def machine(setting: running.Setting) -> dict[str, object]:
    """The machine, how busy it was when the run began, and whether a JVM starts from an archive of classes."""
    work = setting.work.absolute()
    archive = class_archive(find_java(work / "java"), version("pyspark"), work / "spark")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "cores_used": setting.cores,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "heap": setting.memory,
        "class_archive": "read" if archive.exists() else "none",
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def versions() -> dict[str, str]:
    found = {"agile-rules-engine": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


if __name__ == "__main__":
    typer.run(bench)
