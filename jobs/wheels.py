"""The libraries of a cluster's nodes as wheels: of pinned versions, for their Python and processor, whole."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from functools import cached_property
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from jobs.nodes import Nodes
from rules_engine.errors import Fault, RunRefused, raise_all

PINS = Path(__file__).with_name("libraries.txt")


@dataclass(frozen=True)
class Wheel:
    """One wheel file."""

    path: Path

    @property
    def name(self) -> str:
        return str(parse_wheel_filename(self.path.name)[0])

    @property
    def version(self) -> str:
        return str(parse_wheel_filename(self.path.name)[1])

    @cached_property
    def metadata(self) -> Message:
        """What the wheel says of itself."""
        with zipfile.ZipFile(self.path) as held:
            (name,) = (n for n in held.namelist() if n.endswith(".dist-info/METADATA") and n.count("/") == 1)
            return BytesParser().parsebytes(held.read(name))

    @cached_property
    def files(self) -> Mapping[str, str]:
        """Where a file goes below site-packages, to its name in the wheel; scripts and headers go nowhere."""
        with zipfile.ZipFile(self.path) as held:
            names = [name for name in held.namelist() if not name.endswith("/")]
        return {place: name for name in names if (place := _place(name))}

    @property
    def modules(self) -> set[str]:
        """The top-level names that one can import of it."""
        tops = {PurePosixPath(place).parts[0] for place in self.files}
        return {top.split(".")[0] for top in tops if not top.endswith((".dist-info", ".libs", ".pth"))}

    def needs(self, nodes: Nodes) -> Iterator[Requirement]:
        """The other distributions that it needs there."""
        for text in self.metadata.get_all("Requires-Dist", []):
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate(nodes.markers):
                yield wanted


def _place(name: str) -> str | None:
    """
    Where a file of a wheel goes below site-packages.

    >>> _place("numpy/core.py"), _place("a-1.data/purelib/a.py"), _place("a-1.data/scripts/a")
    ('numpy/core.py', 'a.py', None)
    """
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return name
    kind, _, inside = rest.partition("/")
    return inside if kind in ("purelib", "platlib") else None


def pinned() -> tuple[str, ...]:
    """The requirements of the file of pins, each of one exact version."""
    lines = (line.strip() for line in PINS.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def gather(nodes: Nodes, folder: Path, source: Path | None = None) -> tuple[Wheel, ...]:
    """
    The pinned wheels for these nodes: of the folder ``source``, or brought into ``folder`` from pip's package index.

    Raises:
        RunRefused: Naming every one that there is not, or that the index cannot be asked.
    """
    wanted = pinned()
    if source is not None:
        return _of_folder(wanted, nodes, source)
    if said := _pip(wanted, nodes, folder):
        raise RunRefused(*_missing(said, wanted, nodes, folder))
    return tuple(Wheel(path) for path in sorted(folder.glob("*.whl")))


def _of_folder(wanted: Iterable[str], nodes: Nodes, source: Path) -> tuple[Wheel, ...]:
    """Of each the wheel that an installation on the nodes would take."""
    ranks = {tag: rank for rank, tag in enumerate(_tags(nodes))}
    found: dict[str, tuple[int, Wheel]] = {}
    for path in sorted(source.glob("*.whl")):
        name, version, _, tags = parse_wheel_filename(path.name)
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        pin = f"{name}=={version}"
        if rank is not None and (pin not in found or rank < found[pin][0]):
            found[pin] = rank, Wheel(path)
    pins = {pin: f"{canonicalize_name(pin.partition('==')[0])}=={pin.partition('==')[2]}" for pin in wanted}
    raise_all(RunRefused, (_absent(pin, nodes, f"in {source}") for pin, key in pins.items() if key not in found))
    return tuple(found[key][1] for key in pins.values())


def _tags(nodes: Nodes) -> Iterator[Tag]:
    """What a wheel for the nodes may be built for, the best first."""
    version = tuple(int(part) for part in nodes.python.split("."))
    short = f"cp{nodes.python.replace('.', '')}"
    yield from cpython_tags(version, [short], nodes.platforms)
    yield from compatible_tags(version, short, nodes.platforms)


def _missing(said: str, wanted: Iterable[str], nodes: Nodes, folder: Path) -> Iterator[Fault]:
    """What pip could not bring, asked one by one: it stops at the first that it does not find."""
    if "No module named pip" in said:
        yield Fault("pip", "it is not installed in this environment.", "Install it: python -m ensurepip.")
    elif "Retrying (" in said:
        remedy = "Try again where it can be reached, or give a folder of wheels: --wheels FOLDER."
        yield Fault("Package index", "it does not answer.", remedy)
    else:
        yield from (_absent(pin, nodes, "in the package index") for pin in wanted if _pip((pin,), nodes, folder))


def _absent(pin: str, nodes: Nodes, where: str) -> Fault:
    remedy = f"Put it there, or pin another version in {PINS.name} and constraints.txt."
    return Fault(f"Library {pin}", f"{where} there is no wheel of it for {nodes}.", remedy)


def _pip(wanted: Sequence[str], nodes: Nodes, folder: Path) -> str:
    """What ``pip download`` says if it fails; nothing if it brought everything."""
    command = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--implementation", "cp", "--python-version", nodes.python]
    command += [word for platform in nodes.platforms for word in ("--platform", platform)]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)
    return done.stderr.strip() or f"pip ended with {done.returncode}" if done.returncode else ""


def needed(names: Iterable[str], wheels: Iterable[Wheel], nodes: Nodes) -> tuple[Wheel, ...]:
    """
    The wheels of these distributions and of all that they need there.

    Raises:
        RunRefused: Naming everything needed that no wheel is of, or only one of another version.
    """
    known = {wheel.name: wheel for wheel in wheels}
    waiting = [("a step", Requirement(name)) for name in names]
    found: dict[str, Wheel] = {}
    faults: dict[str, Fault] = {}
    while waiting:
        by, wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        wheel = known.get(name)
        if wheel is None or not wanted.specifier.contains(wheel.version, prereleases=True):
            what = f"{by} needs it, and {'no version' if wheel is None else wheel.version} is pinned."
            remedy = f"Pin one in {PINS.name} and constraints.txt."
            faults[str(wanted)] = Fault(f"Library {wanted.name}{wanted.specifier}", what, remedy)
        elif name not in found:
            found[name] = wheel
            waiting += [(f"{name} {wheel.version}", other) for other in wheel.needs(nodes)]
    if faults:
        raise RunRefused(*faults.values())
    return tuple(found[name] for name in sorted(found))
