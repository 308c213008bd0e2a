"""The measurements as charts."""

from __future__ import annotations

from pathlib import Path

import altair as alt

from bench.results import Results


def write(results: Results, path: Path) -> None:
    """Warm seconds by rules and contestant on a logarithmic scale, as SVG and PNG (``path`` without its ending); samples are left out."""
    rows = [
        {"rules": e.line, "contestant": e.contestant, "run": run, "seconds": seconds}
        for e in results.measured
        if not e.problem and e.rows == max(other.rows for other in results.measured if other.line == e.line)
        for run, seconds in (("cold", e.cold["wall"]), ("warm", e.quickest["wall"]))
    ]
    if not rows:
        return
    chart = _chart(rows, f"{results.profile}: {results.customers:,} customers, {results.date}")
    for ending in ("svg", "png"):
        chart.save(f"{path}.{ending}")


def _chart(rows: list[dict[str, object]], title: str) -> alt.FacetChart:
    order = list(dict.fromkeys(str(row["rules"]) for row in rows))
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=70)
        .encode(
            x=alt.X("seconds:Q", scale=alt.Scale(type="log"), title="seconds"),
            y=alt.Y("contestant:N", title=None, sort=None),
            color=alt.Color("run:N", scale=alt.Scale(domain=["cold", "warm"], range=["#8fb3d9", "#1f4e79"])),
        )
        .properties(width=420)
    )
    facets = points.facet(
        row=alt.Row("rules:N", sort=order, title=None, header=alt.Header(labelAngle=0, labelAlign="left"))
    )
    return facets.resolve_scale(y="independent").properties(title=title)
