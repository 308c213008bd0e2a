"""A stand-in of a package index: a small wheel for every library that steps need."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from jobs.nodes import Architecture

NEEDED = {"boto3": ("botocore",), "alembic": ("sqlalchemy",), "pandas": ("numpy", "tzdata")}
COMPILED = ("numpy", "psycopg2_binary")
FILES = {"psycopg2_binary": "psycopg2/__init__.py"}


def wheel(folder: Path, name: str, version: str = "1", tag: str = "py3-none-any", needs: tuple[str, ...] = ()) -> Path:
    """A wheel of one module, that says what it needs."""
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    said = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(FILES.get(name, f"{name}/__init__.py"), f"made_for = {tag!r}\n" * 50)
        archive.writestr(f"{name}-{version}.data/scripts/{name}", "#!python\n")
        archive.writestr(f"{info}/METADATA", said + "".join(f"Requires-Dist: {each}\n" for each in needs))
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def wheelhouse(folder: Path, pins: Iterable[str]) -> Path:
    """A new folder with a wheel for every pin, two of them compiled for each processor."""
    folder.mkdir()
    for pin in pins:
        name, _, version = pin.lower().replace("-", "_").partition("==")
        tags = [f"cp311-cp311-manylinux_2_28_{each.machine}" for each in Architecture if name in COMPILED]
        for tag in tags or ["py3-none-any"]:
            wheel(folder, name, version, tag, NEEDED.get(name, ()))
    return folder
