"""The report's charts: altair specifications, drawn as SVG whose colours the page decides, or as PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import altair as alt

from demo.figures import GAINS, LOSSES, DemoReport, RuleHits, signed
from rules_engine.model.rules import Kind

EVENT_NAMES = {
    "GRANTED": "granted",
    "REINSTATED": "reinstated",
    "REVOKED_LAPSED": "lapsed",
    "REVOKED_EXCLUDED": "excluded",
    "REVOKED_ABSENT": "absent",
    "MERGED_INTO": "merged",
}
WIDTH = 760


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they mean; any text CSS takes for one."""

    ink: str
    muted: str
    line: str
    quiet: str
    accent: str
    gain: str
    gain_soft: str
    loss: str
    loss_soft: str
    background: str = "transparent"


PAGE = Palette(*(f"var(--{name})" for name in "ink muted line quiet accent gain gain-soft loss loss-soft".split()))
"""Colours that the page's style sheet resolves, so that one drawing serves light and dark."""

PRINT = Palette(
    ink="#16202b",
    muted="#566472",
    line="#dfe4e8",
    quiet="#a9bccb",
    accent="#0b6aa2",
    gain="#0f7b6c",
    gain_soft="#7cc4b5",
    loss="#b8430f",
    loss_soft="#f0a868",
    background="#ffffff",
)


def svg(chart: Any) -> str:
    text = io.StringIO()
    chart.save(text, format="svg")
    return text.getvalue()


def png(chart: Any) -> bytes:
    data = io.BytesIO()
    chart.save(data, format="png", scale_factor=2)
    return data.getvalue()


def members(report: DemoReport, palette: Palette, width: int = WIDTH) -> Any:
    """Members per day, a panel per membership type, the last day in colour."""
    last = report.days[-1].as_of
    rows = [
        {
            "type": report.name(counts.membership_type),
            "day": day.short,
            "members": counts.members_after,
            "last": day.as_of == last,
        }
        for day, counts in report.rows()
    ]
    names = list(dict.fromkeys(row["type"] for row in rows))
    base = alt.Chart().encode(
        x=alt.X("day:N", sort=[day.short for day in report.days], title=None, axis=alt.Axis(labelAngle=0, domain=True)),
        y=alt.Y("members:Q", title=None, axis=None),
    )
    bars = base.mark_bar(cornerRadiusEnd=3, size=34).encode(
        color=alt.Color(
            "last:N", scale=alt.Scale(domain=[False, True], range=[palette.quiet, palette.accent]), legend=None
        )
    )
    labels = base.mark_text(dy=-7, fontSize=12, fontWeight=600, color=palette.ink).encode(
        text=alt.Text("members:Q", format=",")
    )
    panel = (bars + labels).properties(width=(width - 24 * (len(names) - 1)) / max(len(names), 1), height=170)
    return _styled(
        panel.facet(data=alt.Data(values=rows), column=alt.Column("type:N", sort=names, title=None), spacing=24),
        palette,
    )


def gained_and_lost(report: DemoReport, palette: Palette) -> Any:
    """Who gained and who lost on the last day: one bar per membership type, to the right and to the left."""
    rows = _flips(report)
    names = list(dict.fromkeys(row["type"] for row in rows))
    x = alt.X("count:Q", title=None, axis=None, scale=alt.Scale(padding=52, nice=False))
    y = alt.Y("type:N", sort=names, title=None, axis=alt.Axis(domain=False, ticks=False, labelFontSize=13))
    bars = alt.Chart(alt.Data(values=rows)).mark_bar(size=22)
    colours = [palette.gain, palette.gain_soft, palette.loss_soft, palette.loss]
    event = _coloured("event:N", list(EVENT_NAMES.values()), colours)
    zero = alt.Chart(alt.Data(values=[{"count": 0}])).mark_rule(color=palette.muted).encode(x=x)
    layers = (bars.encode(y=y, x=x, color=event, order="order:Q"), zero, *_totals(rows, x, y, palette))
    return _styled(alt.layer(*layers).properties(width=WIDTH - 150, height=44 * len(names)), palette)


def _flips(report: DemoReport) -> list[dict[str, Any]]:
    """Grain: membership type and event of the last day; losses count below zero."""
    return [
        {
            "type": report.name(counts.membership_type),
            "event": EVENT_NAMES[event],
            "order": order,
            "count": counts.events.get(event, 0) * (1 if event in GAINS else -1),
        }
        for counts in report.days[-1].types
        for order, event in enumerate((*GAINS, *LOSSES))
    ]


def _coloured(field: str, names: list[str], colours: list[str]) -> Any:
    legend = alt.Legend(title=None, orient="top", symbolType="square")
    return alt.Color(field, scale=alt.Scale(domain=names, range=colours), legend=legend)


def _totals(rows: list[dict[str, Any]], x: Any, y: Any, palette: Palette) -> list[Any]:
    """The length of each bar in figures, outside its end."""
    charts = []
    for sign, align, dx in ((1, "left", 6), (-1, "right", -6)):
        sums: dict[str, int] = {}
        for row in rows:
            sums[row["type"]] = sums.get(row["type"], 0) + (row["count"] if row["count"] * sign > 0 else 0)
        values = [{"type": t, "count": n, "text": signed(n)} for t, n in sums.items() if n]
        text = alt.Chart(alt.Data(values=values)).mark_text(
            align=align, dx=dx, fontSize=12, fontWeight=600, color=palette.ink
        )
        charts.append(text.encode(y=y, x=x, text="text:N"))
    return charts


def hits(report: DemoReport, palette: Palette) -> Any:
    """Customers hit by each rule on the last day, a panel per membership type."""
    top = max((rule.hits for rule in report.rules), default=0)
    panels = [
        _hits_of(
            report.name(key), [_hit_row(rule) for rule in report.rules if rule.membership_type == key], top, palette
        )
        for key in dict.fromkeys(rule.membership_type for rule in report.rules)
    ]
    return _styled(alt.vconcat(*panels, spacing=14).resolve_scale(x="shared", color="shared"), palette)


def _hit_row(rule: RuleHits) -> dict[str, Any]:
    sign = "+" if rule.kind is Kind.INCLUSION else "−"
    return {
        "rule": f"{rule.name} {sign}{rule.weight}",
        "kind": "shadow" if rule.shadow else rule.kind.value,
        "hits": rule.hits,
    }


def _hits_of(name: str, rows: list[dict[str, Any]], top: int, palette: Palette) -> Any:
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y(
            "rule:N",
            sort=[row["rule"] for row in rows],
            title=None,
            axis=alt.Axis(domain=False, ticks=False, labelLimit=330, minExtent=310, labelPadding=8),
        ),
        x=alt.X("hits:Q", title=None, axis=None, scale=alt.Scale(domain=[0, top * 1.12 or 1])),
    )
    colours = [palette.gain, palette.loss, palette.quiet]
    bars = base.mark_bar(size=13, cornerRadiusEnd=2).encode(
        color=_coloured("kind:N", ["inclusion", "exclusion", "shadow"], colours)
    )
    labels = base.mark_text(align="left", dx=5, fontSize=11, color=palette.muted).encode(
        text=alt.Text("hits:Q", format=",")
    )
    title = alt.Title(name, anchor="start", frame="group", fontSize=13, dx=-310, color=palette.ink)
    return (bars + labels).properties(width=WIDTH - 330, height=21 * len(rows), title=title)


def picture(report: DemoReport) -> bytes:
    """A PNG for the README: members per day above, gains and losses of the last day below."""
    above = members(report, PRINT, WIDTH - 150).properties(title=_heading("Members per day"))
    below = gained_and_lost(report, PRINT).properties(title=_heading(f"Gained and lost on {report.days[-1].label}"))
    for part in (above, below):
        part.config = alt.Undefined
    return png(_styled(alt.vconcat(above, below, spacing=36).resolve_scale(color="independent"), PRINT, padding=24))


def _heading(text: str) -> Any:
    return alt.Title(text, anchor="start", frame="group", fontSize=17, offset=14, color=PRINT.ink)


def _styled(chart: Any, palette: Palette, padding: int = 4) -> Any:
    text = {"labelColor": palette.muted, "titleColor": palette.ink, "labelFontSize": 12}
    return (
        chart.configure(background=palette.background, font="Inter, Helvetica, Arial, sans-serif", padding=padding)
        .configure_view(strokeWidth=0)
        .configure_axis(**text, gridColor=palette.line, domainColor=palette.line, tickColor=palette.line)
        .configure_legend(**text)
        .configure_header(labelColor=palette.ink, labelFontSize=13, labelFontWeight=600)
        .configure_title(fontWeight=600)
    )
