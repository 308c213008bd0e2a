"""What publishing costs beside the bare writing of the same, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Round = dict[str, Any]

GOALS = {"postgresql": 0.5, "dynamodb-local": 0.8}
"""Of the bare writer's records a second."""

BARE = {"postgresql": "COPY", "dynamodb-local": "loop of boto3's calls"}
PEAK = 3.0
"""GB that publishing a million customers may hold, whatever the store holds."""


def write(found: Sequence[Round], path: Path) -> None:
    """The table and the JSON, ``path`` without its ending."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    content = {"date": datetime.now(UTC).date().isoformat(), "machine": machine, "rounds": list(found)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text("\n".join(_table(content)) + "\n", encoding="utf-8")


def ratios(rounds: Sequence[Round], *, cold: bool) -> list[float]:
    """
    Our records a second over the bare writer's.

    Warm ones are pairs, each the second turn of its way in one process. Cold is the first turn of a new server and
    process: each round in which we began, beside the round after it, in which the bare writer did.
    """
    if not cold:
        return [_seconds(one, "bare", 1) / _seconds(one, "ours", 1) for one in rounds]
    ours = [one["turns"][0]["wall"] for one in rounds if one["turns"][0]["way"] == "ours"]
    bare = [one["turns"][0]["wall"] for one in rounds if one["turns"][0]["way"] == "bare"]
    return [b / a for a, b in zip(ours, bare, strict=False)]


def of_store(found: Sequence[Round], store: str) -> list[Round]:
    """The rounds in which both ways were measured."""
    return [one for one in found if one["store"] == store and len(one["turns"]) > 1]


def _seconds(one: Round, way: str, nth: int) -> float:
    return float([turn["wall"] for turn in one["turns"] if turn["way"] == way][nth])


def _table(content: dict[str, Any]) -> Iterator[str]:
    found = content["rounds"]
    yield "# Publishing a run, beside the bare writing of the same records"
    yield ""
    yield f"`python -m bench.publication`, {content['date']}; {content['machine']}."
    yield ""
    yield "| Store | beside | goal | warm: median (least to most) | cold: median (least to most) | rounds | met |"
    yield "|---|---|--:|--:|--:|--:|---|"
    for store, goal in GOALS.items():
        if rounds := of_store(found, store):
            warm, cold = ratios(rounds, cold=False), ratios(rounds, cold=True)
            both = statistics.median(warm), statistics.median(cold) if cold else 1.0
            met = "yes" if min(both) >= goal else "**no**"
            yield f"| {store} | {BARE[store]} | {goal} | {_spread(warm)} | {_spread(cold)} | {len(rounds)} | {met} |"
    yield ""
    yield "| Store | records | way | records a second | CPU s of the publisher | CPU s of the store | peak MB | load before |"
    yield "|---|--:|---|--:|--:|--:|--:|--:|"
    for store in GOALS:
        for way in ("bare", "ours"):
            for first in (True, False):
                yield from _costs(of_store(found, store), store, way, cold=first)
    yield from _whole([one for one in found if len(one["turns"]) == 1])


def _costs(rounds: Sequence[Round], store: str, way: str, *, cold: bool) -> Iterator[str]:
    """Medians of a way's first turns on a new server, or of its later ones."""
    turns = [
        t for one in rounds for t in one["turns"] if t["way"] == way and (t["turn"] == 0 if cold else t["turn"] > 1)
    ]
    if not turns:
        return

    def median(value: Callable[[dict[str, Any]], float]) -> float:
        return statistics.median(map(value, turns))

    records = rounds[0]["records"]
    loads = sorted(one["load"] for one in rounds)
    yield (
        f"| {store} | {records:,} | {way}, {'cold' if cold else 'warm'} | {records / median(lambda t: t['wall']):,.0f} "
        f"| {median(lambda t: t['cpu']):.1f} | {median(lambda t: t['store_cpu']):.1f} "
        f"| {median(lambda t: t['peak']) / 1e6:,.0f} | {loads[0]} to {loads[-1]} |"
    )


def _whole(rounds: Sequence[Round]) -> Iterator[str]:
    for one in rounds:
        (turn,) = one["turns"]
        peak, met = turn["peak"] / 1e9, turn["peak"] / 1e9 < PEAK
        yield ""
        yield (
            f"{one['customers']:,} customers, {one['records']:,} records into {one['store']}: {turn['wall']:,.0f} s, "
            f"{one['records'] / turn['wall']:,.0f} records a second, {turn['cpu']:,.0f} CPU s of the publisher and "
            f"{turn['store_cpu']:,.0f} of the store, {peak:.2f} GB at the most (goal: under {PEAK:g} GB, "
            f"{'met' if met else '**not met**'}), load before {one['load']}."
        )


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "not measured"
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
