"""The demo's report for a terminal, as rich renderables."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from demo.figures import GAINS, LOSSES, DemoReport, Ledger, lost, signed

EIGHTHS = " ▏▎▍▌▋▊▉"


def everything(report: DemoReport) -> RenderableType:
    """All parts, one below the other."""
    parts: list[RenderableType] = [_titled("Members per day", members(report))]
    if report.change:
        parts.append(_titled(f"The rule changed for {report.days[-1].label}", change(report)))
    parts.append(_titled("Who gained and who lost", gained_and_lost(report)))
    for told in report.ledgers:
        name = report.name(told.membership_type.key)
        parts.append(_titled(f"Customer {told.subject} · {name} · {told.as_of}", ledger(told)))
    parts.append(_titled("Checked", checks(report)))
    return Group(*parts)


def bar(value: float, longest: float, width: int = 36) -> str:
    """
    A bar of block characters, exact to an eighth of a character.

    >>> bar(5, 10, width=5)
    '██▌'
    """
    eighths = round(8 * width * value / longest) if longest else 0
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def members(report: DemoReport) -> Table:
    """A bar per membership type and day."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column("membership", style="bold", no_wrap=True)
    table.add_column("day", style="dim", no_wrap=True)
    table.add_column("members", justify="right", no_wrap=True)
    table.add_column("bar", no_wrap=True)
    longest = max((counts.members_after for _, counts in report.rows()), default=0)
    for wanted in report.days[-1].types:
        name: str | Text = Text(report.name(wanted.membership_type))
        for day, counts in report.rows():
            if counts.membership_type == wanted.membership_type:
                drop = lost(counts) > counts.members_before / 20 > 0
                drawn = Text(bar(counts.members_after, longest), style="red" if drop else "cyan")
                table.add_row(name, day.label, f"{counts.members_after:,}", drawn)
                name = ""
    return table


def change(report: DemoReport) -> RenderableType:
    """The statement that changed a rule, and what it changed."""
    if report.change is None:
        return Text("No rule was changed.")
    told = report.change
    line = Text.assemble(
        (told.key, "bold"), f" {told.name}: weight {told.weight_before} → ", (str(told.weight_after), "bold")
    )
    return Group(Syntax(told.statement, "sql", background_color="default"), line)


def gained_and_lost(report: DemoReport) -> Table:
    """Grain: membership type and day, the first day left out: nobody was a member before it."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for heading in ("", "Day"):
        table.add_column(heading, no_wrap=True)
    for heading in ("before", "granted", "back", "lapsed", "excluded", "after"):
        table.add_column(heading, justify="right", no_wrap=True)
    for day, counts in report.rows():
        if day is not report.days[0] or len(report.days) == 1:
            table.add_row(
                Text(report.name(counts.membership_type)),
                day.label,
                f"{counts.members_before:,}",
                *(_delta(counts.events.get(event, 0)) for event in GAINS),
                *(_delta(-counts.events.get(event, 0)) for event in LOSSES),
                f"{counts.members_after:,}",
            )
    return table


def ledger(told: Ledger) -> RenderableType:
    """One decision as a ledger: what spoke for and against, and the sum so far."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Rule", no_wrap=True)
    table.add_column("Reason")
    table.add_column("Weight", justify="right")
    table.add_column("Sum", justify="right", style="dim")
    for line in told.lines:
        table.add_row(line.rule, Text(line.text or line.name), _delta(line.signed), signed(line.balance))
    verdict = Text(f"{told.sentence}. {told.event}, {told.reason}.", style="green" if told.granted else "red")
    return Group(table, verdict)


def checks(report: DemoReport) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for check in report.checks:
        mark = Text("✓", style="green") if check.ok else Text("✗ failed", style="bold red")
        table.add_row(mark, Text(check.name), Text(check.detail, style="dim"))
    return table


def _delta(count: int) -> Text:
    return Text(signed(count), style="green" if count > 0 else "red" if count else "dim")


def _titled(title: str, body: RenderableType) -> RenderableType:
    return Group(Rule(title, align="left", style="dim"), Padding(body, (0, 0, 1, 2)))
