"""Which version of the gates judges: another text of them, or of what they allow, may judge otherwise."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from rules_engine import __version__


@cache
def version() -> str:
    """
    The release, and a digest of all that the gates are made of.

    >>> version().startswith(__version__ + "+")
    True
    """
    root, hashed = files("rules_engine"), sha256()
    for folder in (root / "sql", root / "spark" / "gate"):
        for name, content in sorted(_sources(folder, "")):
            hashed.update(f"{name}\n".encode() + sha256(content).digest())
    return f"{__version__}+{hashed.hexdigest()[:12]}"


def _sources(folder: Traversable, above: str) -> list[tuple[str, bytes]]:
    found = []
    for each in folder.iterdir():
        name = f"{above}/{each.name}"
        if each.is_dir():
            found += _sources(each, name)
        elif each.name.endswith((".py", ".toml")):
            found.append((name, each.read_bytes()))
    return found
