"""
How an entry file starts its step: on the right Python, with the step's libraries, or with every fault in words.

It needs nothing but the standard library, and no newer Python than it refuses. Where Spark has unpacked the archive of
libraries (``--archives``) and told Python so, nothing is left to do. A driver in client mode is started before that:
it finds the archive beside the entry file, or on ``--py-files``, and unpacks it. On ``--py-files`` it may be for a step
without executors alone: on these it would go before what Spark unpacked.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import platform
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

REFUSED = 5
ARCHITECTURES = {"aarch64": "arm64"}


def start(step: str, entry: str, python: str, modules: tuple[str, ...]) -> None:
    """Run a step, named ``evaluate`` and the like, of the entry file ``entry``; it needs these modules to import."""
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    archive = f"{step}-{architecture}.zip"
    if _missing(modules) and (found := _archive(archive, entry)):
        _unpack(found)
    if faults := [*_python_faults(python), *_module_faults(modules, archive)]:
        print("\n".join(faults), file=sys.stderr)
        sys.exit(REFUSED)
    from jobs.entry import finish

    finish(importlib.import_module(f"jobs.{step}_step").step)


def _missing(modules: tuple[str, ...]) -> list[str]:
    return [module for module in modules if not _there(module)]


def _there(module: str) -> bool:
    """Whether a module is found, and not in a zip, which no compiled part of it can be loaded from."""
    spec = importlib.util.find_spec(module)
    return spec is not None and (".zip/" not in str(spec.origin) or module in ("pyspark", "py4j"))


def _archive(name: str, entry: str) -> Path | None:
    places = [Path(path) for path in sys.path if Path(path).name == name]
    return next((path for path in [*places, Path(entry).with_name(name)] if path.is_file()), None)


def _unpack(archive: Path) -> None:
    folder = tempfile.mkdtemp(prefix="libraries-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with zipfile.ZipFile(archive) as held:
        held.extractall(folder)
    sys.path[:] = [folder, *(path for path in sys.path if path != str(archive))]
    importlib.invalidate_caches()


def _python_faults(python: str) -> list[str]:
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if here == python:
        return []
    remedy = f"Name it to Spark: --conf spark.pyspark.python=/usr/bin/python{python}, or package for {here}."
    return [f"Python {here}: the libraries were packaged for {python}. {remedy}"]


def _module_faults(modules: tuple[str, ...], archive: str) -> list[str]:
    missing = _missing(modules)
    if not missing:
        return []
    remedy = (
        f"Give Spark their archive: --archives …/{archive}#libraries --conf spark.executorEnv.PYTHONPATH=libraries "
        "--conf spark.yarn.appMasterEnv.PYTHONPATH=libraries. In client mode it must lie beside the entry file, too."
    )
    if "pyspark" not in modules:  # no Spark is started that would unpack it
        remedy = f"Put {archive} on --py-files after rules.zip, or beside the entry file, and use --deploy-mode client."
    return [f"Libraries {', '.join(missing)}: they cannot be imported here. {remedy}"]
