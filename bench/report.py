"""Results as a table, and goals next to what was reached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.contestants import NAMES
from bench.profiles import Profile
from bench.results import Measured, Results


def write(profile: Profile, results: Results, path: Path) -> None:
    """The table and the charts beside the JSON (``path`` without its ending)."""
    from bench import charts

    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".md").write_text(table(profile, results), encoding="utf-8")
    charts.write(results, path)


def table(profile: Profile, results: Results) -> str:
    """All of it as Markdown."""
    parts = [
        f"# {profile.name}: {profile.about}",
        _about(results),
        "\n".join(_goals(profile, results)),
        "\n".join(_lines(results)),
        "\n".join(f"- **{name}**: {NAMES[name]}" for name in dict.fromkeys(e.contestant for e in results.measured)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def broken(profile: Profile, results: Results) -> Iterator[str]:
    """Bounds that are not met, one that could not be computed among them."""
    measures = results.measures()
    names = {entry.line for entry in results.measured}
    for bound in profile.bounds:
        if bound.over.split("/")[0] not in names:
            continue
        value = bound.value(measures)
        if value is None:
            yield f"{bound.says}: nothing to compare, see the table."
        elif not bound.met(value):
            yield f"{bound.says}: {value:.2f}, the bound is {bound.goal}."


def one_line(entry: Measured) -> str:
    if entry.problem:
        return entry.problem
    best = entry.quickest
    return (
        f"cold {entry.cold['wall']:.2f} s, warm {best['wall']:.2f} s ({best['cpu']:.2f} s of CPU), "
        f"peak {entry.peak / 1e9:.2f} GB, hits {entry.hits} {entry.digest}"
    )


def _about(results: Results) -> str:
    machine = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in results.machine.items())
    versions = ", ".join(f"{name} {value}" for name, value in results.versions.items())
    return f"{results.date}; {results.customers:,} customers, three holdings each.\nMachine: {machine}.\nVersions: {versions}."


def _goals(profile: Profile, results: Results) -> Iterator[str]:
    measures = results.measures()
    if not (profile.ratios or profile.bounds):
        return
    yield "| Measure | before | goal | reached | met |"
    yield "|---|---|---|---|---|"
    for ratio in (*profile.ratios, *profile.bounds):
        value = ratio.value(measures)
        reached = "not measured" if value is None else f"{value:.3g}"
        met = "" if value is None or not ratio.goal else "yes" if ratio.met(value) else "**no**"
        yield f"| {ratio.says} | {ratio.before} | {ratio.goal} | {reached} | {met} |"


def _lines(results: Results) -> Iterator[str]:
    yield "| Rules | contestant | rows | start s | prepare s | cold s | warm s | CPU s warm | peak GB | hits | digest | load |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|"
    for e in results.measured:
        if e.problem:
            yield f"| {e.line} | {e.contestant} | {e.problem.replace('|', '/')} | | | | | | | | | |"
            continue
        hits = "" if e.hits is None else f"{e.hits:,}"
        warm = " / ".join(f"{cost['wall']:.2f}" for cost in e.warm)
        yield (
            f"| {e.line} | {e.contestant} | {e.rows:,} | {e.start:.2f} | {e.prepared:.2f} | {e.cold['wall']:.2f} | {warm} | {e.quickest['cpu']:.2f} "
            f"| {e.peak / 1e9:.2f} | {hits} | {e.digest or ''} | {e.load:.1f} |"
        )
