"""The demo's report as one HTML file that needs nothing beside it."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from demo import charts
from demo.figures import GAINS, LOSSES, DemoReport, Ledger, signed
from rules_engine.model.decisions import Event

TEMPLATE = Path(__file__).with_name("report.html")

EVENTS = {
    Event.GRANTED: "Granted",
    Event.RETAINED: "Still a member",
    Event.REINSTATED: "Reinstated",
    Event.REVOKED_LAPSED: "Revoked: lapsed",
    Event.REVOKED_EXCLUDED: "Revoked: excluded",
    Event.REVOKED_ABSENT: "Revoked: absent",
    Event.MERGED_INTO: "Merged into another",
    Event.NOT_GRANTED: "Not granted",
}


def html(report: DemoReport) -> str:
    """The report as a page; every text in it is escaped, its charts are drawn in."""
    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    drawings = (charts.members, charts.gained_and_lost, charts.hits)
    return pages.from_string(TEMPLATE.read_text("utf-8")).render(
        report=report,
        first=report.days[0],
        last=report.days[-1],
        memberships=[counts.membership_type for counts in report.days[-1].types],
        charts={draw.__name__: Markup(charts.svg(draw(report, charts.PAGE))) for draw in drawings},  # noqa: S704 the drawing escapes its texts
        events=EVENTS,
        gains=GAINS,
        losses=LOSSES,
        longest=max(report.seconds.values(), default=0) or 1,
        number=lambda n: f"{n:,}",
        percent=_percent,
        signed=signed,
        delta=_delta,
        changed=lambda ledger, at: _changed(report, ledger, at),
    )


def _delta(count: int, tone: str) -> Markup:
    return Markup('<td class="{}">{}</td>').format(tone if count else "zero", signed(count))


def _percent(share: float) -> str:
    """
    A share to a tenth, and never a zero that is none.

    >>> _percent(0.1234), _percent(0.00001)
    ('12.3 %', '< 0.1 %')
    """
    return f"{share:.1%}".replace("%", " %") if share >= 0.001 else "< 0.1 %"


def _changed(report: DemoReport, ledger: Ledger, at: int) -> bool:
    """Whether a ledger's line is the rule that was changed, at its new weight."""
    line = ledger.lines[at]
    change = report.change
    return change is not None and line.rule.split("/")[0] == change.key and line.weight == change.weight_after
