"""
Everything that a cluster is pointed at, in one folder that starts the steps beside Spark alone (R-OPS-1).

The job zip, an entry file for each step, for each step and processor an archive of the libraries that it needs, a
Dockerfile for an image that holds them, checksums, and a bill of materials. What would not start is refused, all of it
at once, and then nothing is written.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

from jobs import bill_of_materials, job_zip, libraries
from jobs.nodes import Nodes, python_faults
from jobs.wheels import Wheel, gather
from rules_engine.errors import Fault, RunRefused, collected, raise_all
from rules_engine.ports import Progress, silent
from rules_engine.whole_folder import whole_folder

CHECKSUMS = "SHA256SUMS"
DOCKERFILE = "Dockerfile"
BILL = "sbom.cdx.json"

ENTRY = '''\
"""Starts the {step} step; made by `rules emr package` for Python {python}."""

import sys

try:
    from jobs.start import start
except ModuleNotFoundError:
    print("rules.zip: Python does not find it. Give it to Spark: --py-files …/rules.zip", file=sys.stderr)
    sys.exit(5)

start("{step}", __file__, "{python}", {modules})
'''


def stage(
    folder: Path, nodes: Sequence[Nodes] = (Nodes(),), source: Path | None = None, progress: Progress = silent
) -> Path:
    """
    Fill ``folder`` for these nodes, in place of an earlier package; the wheels are the index's, or of a folder.

    Raises:
        RunRefused: With every fault of what would not start, and of the folder itself. Nothing is written then.
    """
    pythons = dict.fromkeys(each.python for each in nodes)
    faults = [*(fault for each in pythons for fault in python_faults(each)), *_source_faults(source)]
    sources = collected(job_zip.members, faults) or {}
    can_ask = not faults
    faults += _folder_faults(folder)
    with tempfile.TemporaryDirectory(prefix="wheels-") as place:
        chosen = {}
        for number, each in enumerate(dict.fromkeys(nodes) if can_ask else ()):
            progress(f"Wheels for {each}", number / (2 * len(nodes)))
            chosen[each] = collected(partial(_wheels, each, Path(place), source, sources), faults) or {}
        raise_all(RunRefused, faults)
        progress("Writing the archives", 0.5)
        return _replace(folder, lambda part: _fill(part, chosen))


def _wheels(
    nodes: Nodes, place: Path, source: Path | None, sources: Mapping[str, Path]
) -> Mapping[str, tuple[Wheel, ...]]:
    own = place / nodes.architecture
    own.mkdir()
    return libraries.chosen(gather(nodes, own, source), nodes, sources)


def _folder_faults(folder: Path) -> Iterator[Fault]:
    if folder.is_file():
        yield Fault(f"Folder {folder}", "it is a file.", "Name a folder.")
    elif folder.is_dir() and any(folder.iterdir()) and not (folder / CHECKSUMS).is_file():
        yield Fault(f"Folder {folder}", "it holds something that is no package.", "Name another, or empty it.")


def _source_faults(source: Path | None) -> Iterator[Fault]:
    if source is not None and not source.is_dir():
        yield Fault(f"Wheels {source}", "there is no such folder.", "Name one, or leave --wheels out.")


def write_program(folder: Path, python: str) -> None:
    """
    Write the job zip and the entry files for nodes of a Python: all that a step is beside its libraries.

    Raises:
        RunRefused: If what the zip holds is not there.
    """
    job_zip.build(folder / job_zip.ZIP)
    sources = job_zip.members()
    for step in libraries.STEPS:
        text = ENTRY.format(step=step, python=python, modules=tuple(sorted(libraries.modules_of(step, sources))))
        (folder / f"{step}_step.py").write_text(text, encoding="utf-8")


def _fill(folder: Path, chosen: Mapping[Nodes, Mapping[str, tuple[Wheel, ...]]]) -> None:
    (python,) = {each.python for each in chosen}
    write_program(folder, python)
    for nodes, steps in chosen.items():
        for step, wheels in steps.items():
            libraries.write(folder / nodes.archive(step), wheels)
    image = Path(__file__).with_name("serverless.dockerfile").read_text(encoding="utf-8")
    (folder / DOCKERFILE).write_text(image.replace("python3.11", f"python{python}"), encoding="utf-8")
    zipped = {name: metadata.version(name) for name in job_zip.DEPENDENCIES}
    held = (wheel for steps in chosen.values() for wheels in steps.values() for wheel in wheels)
    (folder / BILL).write_text(bill_of_materials.bill(zipped, held), encoding="utf-8")
    (folder / CHECKSUMS).write_text("".join(_sums(folder)), encoding="utf-8")


def _sums(folder: Path) -> Iterator[str]:
    """Lines that ``sha256sum --check`` reads."""
    for path in sorted(folder.iterdir()):
        yield f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"


def _replace(folder: Path, fill: Callable[[Path], None]) -> Path:
    """
    Put a filled folder in place of what is there, once it is whole.

    Raises:
        RunRefused: If it cannot be written.
    """
    folder = folder.absolute()
    try:
        with whole_folder(folder) as part:
            fill(part)
    except OSError as problem:
        what = f"it cannot be written: {problem.strerror}."
        raise RunRefused(Fault(f"Folder {folder}", what, "Make room or choose another.")) from problem
    return folder
