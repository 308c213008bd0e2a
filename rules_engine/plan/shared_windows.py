"""Windows that several rules ask of the same rows, as one source: one sort an order, one aggregation a part."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rules_engine.index.predicate_index import BoundPredicate, Source
from rules_engine.logical.placed_rows import Placed, SparkWindow
from rules_engine.model.frames import Schema
from rules_engine.plan.shared_aggregation import around

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def placed_rows(
    several: Sequence[tuple[Placed, BoundPredicate]], schema: Schema
) -> tuple[Source, tuple[BoundPredicate, ...]]:
    """The rows of one frame with all windows as columns, and the condition of each on them."""
    asked = [placed for placed, _ in several]
    frame, before = asked[0].frame, asked[0].before
    prefix = "placed_"
    while any(column.startswith(prefix) for column in schema.types_of(frame)):
        prefix += "_"
    columns = {window: f"{prefix}{n}" for n, window in enumerate(dict.fromkeys(w for a in asked for w in a.windows))}
    rows = f"`{frame}`" if not before else f"(SELECT * FROM `{frame}` WHERE {before})"
    grouped = {w for w in columns if not w.order and w.parts and all(map(_PLAIN.fullmatch, w.parts))}
    ordered = [_over(window, name) for window, name in columns.items() if window not in grouped]
    sql = f"(SELECT {', '.join(['*', *ordered])} FROM {rows}) AS placed"
    for number, parts in enumerate(dict.fromkeys(window.parts for window in columns if window in grouped)):
        of = {window: name for window, name in columns.items() if window in grouped and window.parts == parts}
        sql += f" JOIN {_groups(rows, parts, of)} AS part_{number} ON {_same(parts, number)}"
    bounds = (bound._replace(sql=around(of.pieces, map(columns.__getitem__, of.windows))) for of, bound in several)
    return Source(f"(SELECT * FROM {sql})", f"`{schema.subject_key_of(frame)}`"), tuple(bounds)


def _over(window: SparkWindow, name: str) -> str:
    parts = f"PARTITION BY {', '.join(window.parts)}" if window.parts else ""
    order = f"ORDER BY {window.order}" if window.order else ""
    return f"{window.call} OVER ({' '.join(filter(None, (parts, order)))}) AS {name}"


def _groups(rows: str, parts: Sequence[str], of: Mapping[SparkWindow, str]) -> str:
    """What each part comes to; that of NULL is one, too."""
    keys = (f"{key} AS key_{n}" for n, key in enumerate(parts))
    called = (f"{window.call} AS {name}" for window, name in of.items())
    return f"(SELECT {', '.join([*keys, *called])} FROM {rows} GROUP BY {', '.join(parts)})"


def _same(parts: Sequence[str], number: int) -> str:
    return " AND ".join(f"part_{number}.key_{n} <=> placed.{key}" for n, key in enumerate(parts))
