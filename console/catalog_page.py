"""The catalogue as one page that needs nothing besides itself: of each column its nulls and frequent values as bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from jobs.cataloguing import Catalogued, Entry
from rules_engine.model.columns import Column

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #1d2530 }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 .2rem }
table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .8rem .35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e1e5ea }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } .soft { color: #5b6675 } code { font-size: 13px }
svg { display: block } .track { fill: #e8ecf0 } .none { fill: #c0392b } .value { fill: #44546a }
"""
WIDE, HIGH = 90, 9
"""Pixels of a bar."""


def page(found: Sequence[Catalogued]) -> str:
    """The page; equal for equal content."""
    body = "\n".join(part for each in found for part in _frame(each))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Catalogue of the lake</title><style>{STYLE}</style></head>\n<body>\n<h1>Catalogue of the lake</h1>\n"
        '<p class="soft">Distinct values are about so many. Stars stand for values of sensitive columns, and of texts '
        f"of many values.</p>\n{body}\n</body></html>\n"
    )


def percent(share: float, digits: int = 0) -> str:
    """
    A share that was found; few are not none, and nearly all are not all.

    >>> percent(0.0004, 1), percent(0.9999), percent(0.15, 1), percent(0.0), percent(1.0)
    ('<0.1%', '>99%', '15.0%', '0%', '100%')
    """
    text, least = f"{share:.{digits}%}", 10.0**-digits
    if 0 < share < least / 200:
        return f"<{least:g}%"
    return f">{100 - least:g}%" if 1 - least / 200 <= share < 1 else text


def _frame(found: Catalogued) -> Iterator[str]:
    frame = found.frame
    yield f"<h2>{escape(frame.name)}</h2>"
    rows = "not read" if found.rows is None else f"{found.rows:,} rows"
    key = f"key {', '.join(frame.key)}" if frame.key else "no key"
    said = [frame.grain, rows, key, frame.source_system, f"snapshot {found.snapshot}" if found.snapshot else ""]
    yield f'<p class="soft">{escape("; ".join(filter(None, said)))}</p>'
    heads = ("column", "meaning", "expected", "without a value", "distinct", "range", "most frequent", "rules")
    yield f"<table><tr>{''.join(f'<th>{head}' for head in heads)}</tr>"
    yield from (f"<tr>{''.join(_cells(entry))}</tr>" for entry in found.entries)
    yield "</table>"


def _cells(entry: Entry) -> Iterator[str]:
    said, read = entry.declared, entry.profile
    yield f"<td><b>{escape(said.name)}</b><br><code>{escape(said.type)}</code>"
    whom = "; ".join(filter(None, [said.owner, said.source]))
    yield f'<td>{escape(said.meaning)}<br><span class="soft">{escape(whom)}</span>'
    yield f"<td>{escape(', '.join(_expected(said)))}"
    if read is None:
        yield "<td><td><td><td>"
    else:
        yield f"<td>{escape(percent(read.nulls, 1))}{_bar(read.nulls, 'none')}<td class='n'>{read.distinct:,}"
        yield f"<td>{escape('' if read.low is None else f'{read.low} to {read.high}')}"
        told = ((f"{value} {percent(share)}", share) for value, share in read.frequent)
        yield "<td>" + "".join(escape(text) + _bar(share, "value") for text, share in told)
    yield f"<td>{escape(', '.join(entry.rules))}"


def _bar(share: float, kind: str) -> str:
    track = f"<rect class='track' width='{WIDE}' height='{HIGH}'/>"
    return (
        f"<svg width='{WIDE}' height='{HIGH}' role='img' aria-label='{share:.0%}'>{track}"
        f"<rect class='{kind}' width='{share * WIDE:.1f}' height='{HIGH}'/></svg>"
    )


def _expected(said: Column) -> Iterator[str]:
    """What is declared of its values, in words."""
    if said.nulls < 1:
        yield f"nulls up to {100 * said.nulls:g}%"
    if said.ranged:
        yield " ".join(
            f"{word} {value}" for word, value in (("from", said.low), ("to", said.high)) if value is not None
        )
    if said.values:
        yield f"one of {' '.join(said.values)}"
    if said.pattern:
        yield f"of pattern {said.pattern}"
    if said.unique:
        yield "unique"
    if said.sensitive:
        yield "sensitive"
