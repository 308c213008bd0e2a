"""A plan as one page that needs nothing besides itself: a waterfall for each membership type, drawn as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from rules_engine.review.effect import TypeEffect
from rules_engine.review.plan import Plan
from rules_engine.review.segments import groups_in_words

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2530; }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 .3rem } p, li { max-width: 46rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
th { border-bottom: 1px solid #9aa4b1; font-weight: 600 }
svg { width: 100%; height: auto } svg text { font: 13px system-ui, sans-serif; fill: #1d2530 }
.soft { color: #5b6675 } .total { fill: #44546a } .gained { fill: #2a8f5b } .lost { fill: #c0392b }
.line { stroke: #9aa4b1; stroke-dasharray: 3 3 }
"""

LEFT, WIDE, ROW, BAR, RIGHT = 330, 860, 30, 18, 90
"""Pixels: where bars begin, the picture's width, the height of a row and of a bar, what numbers take at the end."""

MOST_CAUSES = 12
"""Causes drawn one by one; the rest is one bar."""

MOST_GROUPS = 8
"""Groups of a segment that are told of those who flip by a cause."""


def page(words: str, plan: Plan) -> str:
    """The page of a plan of what ``words`` say."""
    body = "\n".join(_body(words, plan))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Plan of {escape(words)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _body(words: str, plan: Plan) -> Iterator[str]:
    effect = plan.effect
    gained, lost = (sum(getattr(t, way) for t in effect.types) for way in ("gained", "lost"))
    yield f"<h1>Plan of {escape(words)}</h1>"
    if effect.changes:
        yield f"<p><b>{gained:,} memberships would be gained and {lost:,} lost.</b></p>"
    else:
        yield "<p><b>Nobody’s membership would be another.</b></p>"
    against = f"decided against run {plan.against}" if plan.against else "decided against an empty history"
    yield f'<p class="soft">Data of {plan.as_of}, rules of {plan.rules_day}, {escape(against)}.</p>'
    yield "<p>What is changed:</p><ul>"
    yield from (f"<li>{escape(edit)}</li>" for edit in effect.edits)
    yield "</ul>"
    for of_type in effect.types:
        yield from _type(of_type)
    yield from _segments(plan)
    if effect.shadows:
        yield "<h2>Shadow rules: who would flip if they counted</h2>"
        rows = ([s.key, s.membership_type, f"{s.gained:,}", f"{s.lost:,}"] for s in effect.shadows)
        yield _table(["rule", "type", "would gain", "would lose"], [*rows], 2)
    yield (
        '<p class="soft">The cause of a gain or a loss is the smallest set of edits that, taken back, undoes it: '
        "one where one does it, several together otherwise. So the bars between before and after add up.</p>"
    )


def _type(of_type: TypeEffect) -> Iterator[str]:
    yield f"<h2>{escape(of_type.membership_type)}</h2>"
    if not of_type.gained and not of_type.lost:
        yield f"<p>{of_type.before:,} members, before and after: nobody flips.</p>"
        return
    yield waterfall(of_type)
    rows = []
    for cause in of_type.causes:
        named = ", ".join([*(f"+{key}" for key in cause.gains), *(f"−{key}" for key in cause.losses)])
        rows.append([cause.words, f"{cause.gained:,}", f"{cause.lost:,}", named])
    yield _table(["because", "gained", "lost", "for example"], rows, 1, numbers=2)
    held = f" {of_type.held:,} decisions are held, {of_type.held_before:,} were." if of_type.held else ""
    events = {*of_type.events, *of_type.events_before}
    moved = ((event, of_type.events_before.get(event, 0), of_type.events.get(event, 0)) for event in sorted(events))
    said = ", ".join(f"{event} {was:,} → {now:,}" for event, was, now in moved if was != now)
    yield f'<p class="soft">Events: {said}.{held}</p>'


def steps(of_type: TypeEffect) -> list[tuple[str, int, int, str]]:
    """What the waterfall shows, from above: words, where a bar begins and ends in members, and its class."""
    level = of_type.before
    found = [("before", 0, level, "total")]
    bars = [(cause.words, cause.gained, cause.lost) for cause in of_type.causes[:MOST_CAUSES]]
    if rest := of_type.causes[MOST_CAUSES:]:
        bars.append((f"{len(rest)} other causes", sum(c.gained for c in rest), sum(c.lost for c in rest)))
    for words, gained, lost in bars:
        for change, kind in ((gained, "gained"), (-lost, "lost")):
            if change:
                found.append((words, level, level + change, kind))
                level += change
    return [*found, ("after", 0, level, "total")]


PICTURE = """
text { font: 13px system-ui, sans-serif; fill: #1d2530 } .ground { fill: #ffffff }
.total { fill: #44546a } .gained { fill: #2a8f5b } .lost { fill: #c0392b }
.line { stroke: #9aa4b1; stroke-dasharray: 3 3 }
"""


def picture(of_type: TypeEffect) -> str:
    """The waterfall of a type as a file of its own, on white."""
    drawn, base = _drawn(of_type)
    head, _, rest = drawn.partition(">")
    ground = '<rect class="ground" width="100%" height="100%"/>'
    told = escape(f"{of_type.membership_type}, members; the bars begin at {base:,}")
    named = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f"{named}><title>{told}</title><style>{PICTURE}</style>{ground}{rest}\n"


def waterfall(of_type: TypeEffect) -> str:
    """Members before, what each cause adds and takes, members after; the axis begins where something happens."""
    drawn, base = _drawn(of_type)
    return drawn + (f'<p class="soft">The bars begin at {base:,} members.</p>' if base else "")


def _drawn(of_type: TypeEffect) -> tuple[str, int]:
    """The drawing, and at how many members its bars begin."""
    rows = steps(of_type)
    ends = [each for _, start, end, kind in rows for each in ((start, end) if kind != "total" else (end,))]
    low, high = min(ends), max(ends)
    base = max(0, low - max(1, (high - low) // 3))
    scale = (WIDE - LEFT - RIGHT) / max(1, high - base)

    def x(members: int) -> float:
        return LEFT + max(0, members - base) * scale

    parts = []
    for number, (words, start, end, kind) in enumerate(rows):
        top, left, right = number * ROW + 6, x(min(start, end)), x(max(start, end))
        figure = f"{end:,}" if kind == "total" else f"{end - start:+,}".replace("-", "−")
        short = words if len(words) <= 46 else f"{words[:45]}…"
        parts += [
            f'<text x="0" y="{top + 13}">{escape(short)}<title>{escape(words)}</title></text>',
            f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{max(1.5, right - left):.1f}" height="{BAR}"/>',
            f'<text x="{right + 6:.1f}" y="{top + 13}">{figure}</text>',
        ]
        if number + 1 < len(rows):
            parts.append(f'<line class="line" x1="{x(end):.1f}" x2="{x(end):.1f}" y1="{top + BAR}" y2="{top + ROW}"/>')
    told = f"Members of {of_type.membership_type}: {of_type.before} before, {of_type.after} after"
    size = f'viewBox="0 0 {WIDE} {len(rows) * ROW + 6}"'
    return f'<svg {size} role="img" aria-label="{escape(told)}">{"".join(parts)}</svg>', base


def _segments(plan: Plan) -> Iterator[str]:
    if not plan.segments:
        return
    if plan.among:
        yield "<h2>Who gains, and who loses</h2>"
        ways = ((a, f"{'gained' if a.gained else 'lost'}: {sum(n for _, n in a.groups):,}") for a in plan.among)
        who = [[a.membership_type, way, a.cause, a.segment, groups_in_words(a, MOST_GROUPS)] for a, way in ways]
        yield _table(["type", "", "because of", "by", "how many of each"], who, 99)
    yield "<h2>Groups</h2>"
    named = [each for each in plan.segments if each.named]
    if not named:
        yield "<p>No group that the lake declares loses out of proportion.</p>"
    for each in named:
        yield (
            f"<p><b>{escape(each.segment)} {escape(each.group)}</b> loses {each.lost:,} of {each.before:,} members of "
            f"{escape(each.membership_type)} ({each.lost / each.before:.1%}); all others lose {each.others:.1%}.</p>"
        )
    rows = [
        [each.membership_type, each.segment, each.group, f"{each.before:,}", f"{each.gained:,}", f"{each.lost:,}"]
        for each in plan.segments
    ]
    yield _table(["type", "segment", "group", "members before", "gained", "lost"], rows, 3)


def _table(headers: list[str], rows: list[list[str]], first_number: int, numbers: int = 99) -> str:
    def side(place: int) -> str:
        return ' class="n"' if first_number <= place < first_number + numbers else ""

    head = "".join(f"<th{side(n)}>{escape(each)}</th>" for n, each in enumerate(headers))
    lines = ("".join(f"<td{side(n)}>{escape(cell)}</td>" for n, cell in enumerate(cells)) for cells in rows)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
