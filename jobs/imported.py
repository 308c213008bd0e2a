"""What a module of ours imports, read from its source and from that of every module of ours that it imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path


def imported(start: str, sources: Mapping[str, Path], ours: tuple[str, ...]) -> Mapping[str, str]:
    """
    The top-level names of other people's modules that ``start`` needs, each with the module of ours that imports it.

    ``sources`` is name in the zip to file. An import inside a function counts: sooner or later it is made. One that
    only a type checker makes does not.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        source = _source(module, sources)
        if module in seen or source is None:
            continue
        seen.add(module)
        waiting += _parents(module)
        for name in _names_in(source):
            top = name.split(".")[0]
            if top in ours:
                waiting.append(name)
            elif top not in sys.stdlib_module_names:
                found.setdefault(top, module)
    return found


def _source(module: str, sources: Mapping[str, Path]) -> Path | None:
    place = module.replace(".", "/")
    return sources.get(f"{place}.py") or sources.get(f"{place}/__init__.py")


def _parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:n]) for n in range(1, len(parts)))


@cache
def _names_in(source: Path) -> tuple[str, ...]:
    return tuple(_names(ast.parse(source.read_text(encoding="utf-8"))))


def _names(node: ast.AST) -> Iterator[str]:
    """Every module that the source below a node may import; what follows ``from`` may be a module, too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (str(child.module), *(f"{child.module}.{alias.name}" for alias in child.names))
        else:
            yield from _names(child)
