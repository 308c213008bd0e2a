"""What was merged, as a page and for a terminal: made people alone, so that their values may be shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import altair as alt
from rich.console import RenderableType
from rich.table import Table

from demo.charts import PRINT, svg
from demo.dirty.extracts import PERSON
from demo.dirty.play import DirtyReport, Example
from demo.terminal import bar

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #16202b }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem } .scroll { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px; white-space: nowrap } td, th { padding: 4px 9px; text-align: left }
tr.master td { border-top: 2px solid #0b6aa2; font-weight: 600 } td.other { color: #b8430f } .soft { color: #566472 }
svg { max-width: 100%; height: auto } .no { color: #b8430f; font-weight: 600 }
"""
SURVIVING = "given_name family_name birth_date house_number street postcode city email phone national_id".split()
"""The master's columns, in the order of an extract's."""


def page(report: DirtyReport) -> str:
    """The page; it needs nothing beside it."""
    parts = [
        "<h1>From the records of two systems to decisions about persons</h1>",
        f"<p>{_summary(report)}</p>",
        "<h2>Persons by how many records they have</h2>",
        svg(sizes(report)),
        "<h2>Persons of the most records</h2>",
        '<p class="soft">Each record as its system has it, what differs from the surviving value in red; below the '
        "line what survives.</p>",
        *(f'<div class="scroll">{_example(example)}</div>' for example in report.examples),
        "<h2>Decided about persons</h2>",
        svg(decided(report)),
        "<h2>Checked</h2>",
        "<ul>",
        *(f"<li{'' if c.ok else ' class=no'}>{escape(c.name)}: {escape(c.detail)}</li>" for c in report.checks),
        "</ul>",
    ]
    head = f'<meta charset="utf-8"><title>What was merged</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _summary(report: DirtyReport) -> str:
    records = ", ".join(f"{n:,} of {name}" for name, n in report.records.items())
    linked = report.linked
    found = linked.found - linked.wrong
    return (
        f"{report.persons:,} people were written down {sum(report.records.values()):,} times ({records}) and linked "
        f"to {report.masters:,} persons: {found:,} of {linked.there:,} pairs of records of one person were found, "
        f"{linked.wrong:,} are wrong, {report.to_decide:,} are left to be decided. Of {report.holders:,} "
        f"holders of contracts that two records share {report.joint:,} hold them with another person; the others "
        f"share them with themselves. {len(report.dropped):,} columns that no rule reads went no further than what "
        f"landed: {', '.join(report.dropped)}."
    )


def sizes(report: DirtyReport) -> Any:
    """Persons by the number of their records."""
    rows = [{"records": str(size), "persons": n} for size, n in sorted(report.sizes.items())]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("records:N", title="records", sort=None), x=alt.X("persons:Q", title="persons")
    )
    texts = base.mark_text(align="left", dx=4, color=PRINT.muted).encode(text=alt.Text("persons:Q", format=","))
    return (base.mark_bar(color=PRINT.accent) + texts).properties(width=640, height=alt.Step(26))


def decided(report: DirtyReport) -> Any:
    """Members of each type, and who is decided not to be one."""
    rows = [
        {"type": report.names[of.membership_type], "outcome": outcome, "persons": n}
        for of in report.types
        for outcome, n in (("member", of.members_after), ("decided, no member", of.decided - of.members_after))
    ]
    colours = alt.Scale(domain=["member", "decided, no member"], range=[PRINT.gain, PRINT.quiet])
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            y=alt.Y("type:N", title=None),
            x=alt.X("persons:Q", title="persons"),
            color=alt.Color("outcome:N", title=None, scale=colours),
        )
        .properties(width=640, height=alt.Step(26))
    )


def _example(example: Example) -> str:
    surviving = [_text(example.master[name]) for name in SURVIVING]
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in ("record", *PERSON))
    rows = [_row(f"{source} {key}", values, surviving) for (source, key), values in example.records]
    kept = "".join(f"<td>{escape(value)}</td>" for value in surviving)
    rows.append(f'<tr class="master"><td>person {example.master["master_id"]}</td>{kept}</tr>')
    return f"<table><tr>{head}</tr>{''.join(rows)}</table><br>"


def _row(name: str, values: Sequence[str], surviving: Sequence[str]) -> str:
    cells = (
        f"<td{'' if value == kept else ' class=other'}>{escape(value)}</td>"
        for value, kept in zip(values, surviving, strict=True)
    )
    return f"<tr><td>{escape(name)}</td>{''.join(cells)}</tr>"


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def terminal(report: DirtyReport) -> Iterator[RenderableType]:
    """The same in short."""
    yield _summary(report)
    drawn = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("records", "persons", ""):
        drawn.add_column(name, justify="right" if name else "left")
    for size, n in sorted(report.sizes.items()):
        drawn.add_row(str(size), f"{n:,}", bar(n, max(report.sizes.values())))
    yield drawn
    for of in report.types:
        yield f"{report.names[of.membership_type]}: {of.members_after:,} members of {of.decided:,} decided"
    for check in report.checks:
        yield f"{'✓' if check.ok else '✗'} {check.name}: {check.detail}"
