"""Why two records are one person, drawn: from the prior, each comparison's bits in turn, to what they come to."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING, Any

from rules_lake.master.overrides import spelt

if TYPE_CHECKING:
    from rules_lake.master.explaining import Why
    from rules_lake.master.settings import Linking

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2530 }
h1 { font-size: 1.4rem } .soft { color: #5b6675 } svg { max-width: 100%; height: auto }
"""
FOR, AGAINST, SUM = "#0f7b6c", "#b8430f", "#44546a"


def page(found: Why, linking: Linking) -> str:
    """The page; equal for equal content. It holds no value of either record."""
    a, b = escape(spelt(found.a)), escape(spelt(found.b))
    verdict = "one master" if found.together else "two masters"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{a} and {b}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n<h1>{a} and {b}: {verdict}</h1>\n"
        f"<p>Probability {found.probability:.6f}; linked from {linking.match}, to be decided from {linking.review}. "
        f"Each bar starts where the one above ends.</p>\n{_svg(found)}\n"
        '<p class="soft">A bit more makes it twice as likely that the two are one person; a bit less, half.</p>\n'
        "</body></html>\n"
    )


def _svg(found: Why) -> str:
    text = io.StringIO()
    _chart(found).save(text, format="svg")
    return text.getvalue()


def _chart(found: Why) -> Any:
    import altair as alt

    rows, at = [], 0.0
    for part in found.parts:
        label = part.name.replace("_", " ") + (f": {part.level}" if part.level else "")
        rows.append(
            {"part": label, "from": at, "to": at + part.bits, "bits": f"{part.bits:+.1f}", "kind": _kind(part.bits)}
        )
        at += part.bits
    rows.append({"part": "together", "from": 0.0, "to": at, "bits": f"{at:+.1f}", "kind": "together"})
    kinds = alt.Scale(domain=["for", "against", "together"], range=[FOR, AGAINST, SUM])
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("part:N", sort=[row["part"] for row in rows], title=None, axis=alt.Axis(labelLimit=420, domain=False))
    )
    bars = base.mark_bar(size=16, cornerRadius=2).encode(
        x=alt.X("from:Q", title="bits for one person"),
        x2="to:Q",
        color=alt.Color("kind:N", scale=kinds, legend=None),
    )
    labels = base.mark_text(align="left", dx=6, color="#44546a").encode(
        x=alt.X("end:Q"), text="bits:N"
    ).transform_calculate(end="max(datum.from, datum.to)")  # fmt: skip
    return (bars + labels).properties(width=420, height=26 * len(rows)).configure_view(strokeWidth=0)


def _kind(bits: float) -> str:
    return "for" if bits >= 0 else "against"
