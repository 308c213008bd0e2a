"""
The program that clusters run: a pure-Python zip for ``--py-files`` (R-OPS-1).

A packed virtual environment carries absolute links and does not travel; a zip
of sources runs wherever the Python version fits. What only runs compiled is in
the archives of :mod:`jobs.libraries`.
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath

from jobs.reproducible import put
from rules_engine.errors import Fault, RunRefused, raise_all

OURS = ("rules_engine", "rules_lake", "rules_repo", "jobs")
DEPENDENCIES = ("sqlglot",)
"""Distributions that evaluating needs besides Spark: all of them pure Python."""

DATA = (".py", ".toml", ".sql", ".mako")
"""What of ours travels: modules, and the tables that they read as package resources."""

ZIP = "rules.zip"
COMPILED = (".so", ".pyd", ".dll", ".dylib")


def build(target: Path) -> Path:
    """
    Write the zip to ``target`` and return it; the same sources give the same bytes.

    Raises:
        RunRefused: If a dependency is not installed or works only compiled.
    """
    sources = members()
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(sources.items()):
            put(archive, name, path.read_bytes())
    return target


def members() -> Mapping[str, Path]:
    """
    Name in the zip to source file.

    Raises:
        RunRefused: With every fault of every dependency.
    """
    distributions = {name: _distribution(name) for name in DEPENDENCIES}
    raise_all(RunRefused, (fault for name, found in distributions.items() for fault in _faults(name, found)))
    ours = [file for package in OURS for file in _own(package)]
    theirs = [file for found in distributions.values() if found for file in _pure(found)]
    return dict(ours + theirs)


def _own(package: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(package)
    for root in (spec and spec.submodule_search_locations) or ():
        for path in Path(root).rglob("*"):
            if path.suffix in DATA:
                yield f"{package}/{path.relative_to(root).as_posix()}", path


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _pure(distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """The modules of a distribution; scripts and data that lie elsewhere are not part of it."""
    for file in distribution.files or ():
        if file.suffix == ".py" and ".." not in file.parts:
            yield file.as_posix(), Path(str(file.locate()))


def _faults(name: str, distribution: metadata.Distribution | None) -> Iterable[Fault]:
    if distribution is None:
        yield Fault(f"Dependency {name}", "it is not installed.", f"Install it: pip install {name}.")
        return
    for module in compiled_only(str(f) for f in distribution.files or ()):
        yield Fault(
            f"Dependency {name}",
            f"'{module}' is compiled and has no Python source beside it, so it runs on one kind of machine only.",
            f"Install the pure one: pip install --force-reinstall --no-binary {name} {name}.",
        )


def compiled_only(files: Iterable[str]) -> list[str]:
    """
    The compiled modules among the files of a distribution that have no source of the same name.

    >>> compiled_only(["a/b.py", "a/b.cpython-311-x86_64-linux-gnu.so", "a/c.so"])
    ['a/c.so']
    """
    paths = [PurePosixPath(file) for file in files]
    sources = {path.with_suffix("") for path in paths if path.suffix == ".py"}
    compiled = [path for path in paths if path.suffix in COMPILED]
    return [str(path) for path in compiled if path.with_name(path.name.split(".")[0]) not in sources]
