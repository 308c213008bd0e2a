"""What a change changes, whole: by rule, list, parameter or membership type, each field as it was and as it becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from textwrap import indent

from rules_repo.changes import Difference
from rules_repo.entries import READABLE_RULE_FIELDS, TYPE_FIELDS

ORDER = {name: place for place, name in enumerate((*READABLE_RULE_FIELDS, *TYPE_FIELDS))}
ALIKE = 0.3
"""From so much in common on, two texts are worth a third one that marks what differs."""


def told(differences: Sequence[Difference]) -> Iterator[str]:
    """Lines of any length: nothing is cut, whatever the width of the terminal, for somebody decides by them."""
    if not differences:
        yield "It changes nothing."
    for (which, days), several in groupby(differences, key=lambda d: (d.object, d.days)):
        fields = sorted(several, key=lambda d: ORDER.get(d.field, len(ORDER)))
        yield f"{which[0].upper()}{which[1:]}{f', {_in_words(days)}' if days else ''}: {_how(fields)}"
        width = max(len(each.field) for each in fields)
        for each in fields:
            yield indent("\n".join(_field(each, width)), "  ")
        yield ""


def _in_words(days: str) -> str:
    first, end = days.strip("[)").split(",")
    return f"{first} to {end} (the first day without)" if end else f"from {first} on"


def _how(fields: Sequence[Difference]) -> str:
    if all(each.was is None for each in fields):
        return "new"
    if all(each.becomes is None for each in fields):
        return "no longer counts"
    return "changed"


def _field(each: Difference, width: int) -> Iterator[str]:
    if each.was is None or each.becomes is None:
        yield from _labelled(each.field, each.becomes if each.was is None else each.was, width)
    elif each.field == "rows":
        yield from _rows(each.was, each.becomes)
    else:
        yield each.field
        marks = marked(each.was, each.becomes)
        for label, value in ("was", each.was), ("becomes", each.becomes), *([("marked", marks)] if marks else []):
            yield from (f"  {line}" for line in _labelled(label, value, len("becomes")))


def _labelled(label: str, value: str | None, width: int) -> Iterator[str]:
    """Label and value in one line; a value of several lines keeps them."""
    if value and "\n" in value:
        yield label
        yield from (f"  {line}" for line in value.split("\n"))
    else:
        yield f"{label:<{width}}  {value or '(nothing)'}"


def _rows(was: str, becomes: str) -> Iterator[str]:
    """The rows of a list that go and that come, and how many stay."""
    before, after = ([json.dumps(row, ensure_ascii=False) for row in json.loads(text)] for text in (was, becomes))
    yield f"rows  {len(set(before) & set(after))} stay"
    yield from (f"  -{row}" for row in before if row not in set(after))
    yield from (f"  +{row}" for row in after if row not in set(before))


def marked(was: str, becomes: str) -> str:
    """The new text, what went in [-…-] and what came in {+…+}; empty where too little is common for that to help."""
    before, after = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (was, becomes))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if len(before) < 2 or len(after) < 2 or matcher.ratio() < ALIKE:
        return ""
    return "".join(_marks(matcher.get_opcodes(), before, after))


def _marks(steps: Iterable[tuple[str, int, int, int, int]], before: list[str], after: list[str]) -> Iterator[str]:
    for step, a, b, c, d in steps:
        if step == "equal":
            yield "".join(after[c:d])
            continue
        if b > a:
            yield f"[-{''.join(before[a:b])}-]"
        if d > c:
            yield f"{{+{''.join(after[c:d])}+}}"
