"""
The one artefact that clusters run: a pure-Python zip for ``--py-files``, and the entry files beside it (R-OPS-1).

A packed virtual environment carries absolute links and does not travel; a zip
of sources runs wherever the Python version fits.
"""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath

from rules_engine.errors import Fault, RunRefused, raise_all

OURS = ("rules_engine", "rules_repo", "jobs")
DEPENDENCIES = ("sqlglot",)
"""Distributions that evaluating needs besides Spark: all of them pure Python."""

DATA = (".py", ".toml")
"""What of ours travels: modules, and the tables that they read as package resources."""

ARCHIVE = "rules.zip"
ENTRIES = ("freeze_step.py", "evaluate_step.py", "publish_step.py")
BOOTSTRAP = "bootstrap.sh"
COMPILED = (".so", ".pyd", ".dll", ".dylib")
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold, so that equal content gives equal bytes."""


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
            archive.writestr(_entry(name), path.read_bytes())
    return target


def stage(folder: Path) -> Path:
    """Write everything a cluster is pointed at into ``folder``: the zip, the entry files, the bootstrap script."""
    build(folder / ARCHIVE)
    for name in (*ENTRIES, BOOTSTRAP):
        shutil.copyfile(Path(__file__).with_name(name), folder / name)
    return folder


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


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    return entry
