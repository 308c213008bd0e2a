"""Writes the manual of rule SQL from the lists that the gates read: ``python -m rules_engine.sql.reference.manual``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields

from rules_engine.model.rules import Form
from rules_engine.sql.allow_list import Category, Function, Refusal, allowed, refusals
from rules_engine.sql.day_words import WORDS
from rules_engine.sql.gate import gate
from rules_engine.sql.reference.examples import example_rule, example_schema

_INTRODUCTION = """\
# Rule SQL

Written by `python -m rules_engine.sql.reference.manual`; do not edit.

A rule is one condition over the rows of a frame (a *predicate*: `country = 'FR' AND spend > 100`), or one query that
returns the subject's key (a *statement*: `SELECT person_id FROM orders GROUP BY …`). It is Spark SQL under ANSI, cut
down to what is safe and means the same on every supported Spark. A predicate over a frame with several rows per subject
hits when any row matches. A statement may return columns beside the key, as evidence: the key is then the one column
called like the subject's key, or like a frame's column that holds it. Evidence is for whoever runs the query by hand;
a run takes the keys and keeps nothing else. `:as_of` is the day the run is about and the only clock; other `:names` are
the rule's declared parameters, bound as typed values.

Beyond comparisons, arithmetic, `AND OR NOT`, `IN`, `BETWEEN`, `IS [NOT] NULL`, `<=>`, `LIKE` and `CASE`, a rule may use
`WITH`, derived tables, `UNION`, `INTERSECT`, `EXCEPT`, windows, `EXISTS`, `IN` and scalar sub-queries, every kind of
join that holds an equality, `GROUP BY … HAVING`, `VALUES`, `DISTINCT`, `ORDER BY`, and
`LATERAL VIEW explode(column)`. `value::TYPE` is `CAST(value AS TYPE)`. Of `|` only `||` is allowed. `LIMIT 1` may stand
at the end of `EXISTS (…)` and says nothing there.

Comments (`-- to the end of the line`, `/* several lines */`) may stand anywhere between words and hold any visible
character. They are part of the text that is kept and approved, and blanks to whoever reads it. A comment within a
comment, a line of comment that ends in a back-slash, and a hint (`/*+ … */`) are refused: there readers of SQL disagree
about what is comment.

Regular expressions (`x RLIKE '^[a-z]+@example[.]com$'`, `regexp_like`) are looked for anywhere in the text, as Java
does, and are of a small language that ends soon on every text: characters, `.`, classes such as `[a-z0-9]` and `[^@]`,
brackets with alternatives, `?`, `{n,m}`, `^` at the beginning and `$` at the end; `*` and `+` after one character or
class, in a pattern that begins with `^`, where what may follow begins with other characters (one repeat alone may be
followed by the same). There is no back-slash: write `[0-9]` and `[.]`; and `lower(x) RLIKE …` to ignore case.
"""


_GROWTH = """
How large values become and how long the work takes is estimated on Spark's plan before a rule runs. A text column is
taken for {text} characters, {part} where it stands in an array, a map or a struct; an array or a map column for
{elements} elements; {group:,} rows share a key, and a frame has {rows:,}. A written text or number counts as what it
is: `left(x, 100)` makes a text short, `slice(x, 1, 10)` an array, `GROUP BY` the key makes many rows one.
"""

_GROWN = {
    "rows": "rows made of one by LATERAL VIEW, UNION ALL and joins of those",
    "elements": "elements of one array or map",
    "characters": "characters of one text that is made",
    "size": "characters of all that one value holds",
    "steps": "steps for each row: a step looks at about one character, or compares two values",
    "lambdas": "functions of elements within each other",
    "distinct": "different arguments of DISTINCT in one SELECT",
    "all_distinct": "different arguments of DISTINCT in a rule",
    "approximate": "calls of approx_count_distinct",
    "counters": "counters of approx_count_distinct: 512 each, 16,384 at an error of 0.01",
    "kept": "percentiles, medians and collected lists",
    "windows": "steps that compute over windows",
    "orders": "different PARTITION BY and ORDER BY of windows",
}


def manual() -> str:
    """The whole manual as Markdown."""
    parts = [_INTRODUCTION, *_frames(), *_limits(), *_refusals(), *_functions(), *_refused_functions()]
    return "\n".join(parts) + "\n"


def _frames() -> Iterator[str]:
    yield "The examples are about these frames:\n"
    for name, columns in allowed().example.items():
        yield f"- `{name}`: {columns}"


def _limits() -> Iterator[str]:
    yield "\n## Limits\n\n| Limit | |\n|---|---|"
    meanings = {
        "characters": "characters of a rule's text",
        "nesting": "brackets and CASEs within each other",
        "depth": "levels of an expression",
        "chain": "terms chained by AND or OR",
        "spine": "terms chained by +, -, *, || or UNION",
        "wildcards": "`%` in a LIKE pattern",
        "scans": "frames read, with every WITH query put where it is named",
        "terms": "terms of an expression, with every name replaced by what it stands for",
        "copies": "parts of CASE, nullif and the like within each other: each level doubles them, or more",
        "lateral_views": "LATERAL VIEWs in one query",
        "name": "characters of a name",
        "number": "characters of a number",
    }
    for limit in fields(allowed().limits):
        yield f"| {meanings[limit.name].replace('|', chr(92) + '|')} | {getattr(allowed().limits, limit.name):,} |"
    yield f"\n{' '.join(_GROWTH.format(**asdict(allowed().estimates)).split())}\n\n| Limit of growth | |\n|---|---|"
    for limit in fields(allowed().growth):
        yield f"| {_GROWN[limit.name]} | {getattr(allowed().growth, limit.name):,} |"


def _refusals() -> Iterator[str]:
    yield "\n## Refusals\n\nA code never changes its meaning. SQL-9xx are warnings: the rule is accepted.\n"
    for refusal in refusals().values():
        yield f"### {refusal.code} {refusal.title}\n"
        example = refusal.example
        if example is None or not example.strip() or len(example) > 200:
            yield f"{_template(refusal)}\n"
        else:
            yield f"`` {_visible(example)} ``\n"
            yield f"> {_said(refusal, example)}\n"


def _template(refusal: Refusal) -> str:
    what = refusal.what.format(**dict.fromkeys(("name", "hint", "known", "found", "limit"), "…"))
    return f"{what[0].upper()}{what[1:]} {re.sub('{.*?} ?', '', refusal.instead)}".strip()


def _said(refusal: Refusal, example: str) -> str:
    """What the gate says of the example."""
    version = example_rule(Form(refusal.form), example)
    found = gate.faults(version, example_schema()) or gate.examine(version, example_schema()).warnings
    fault = next(f for f in found if f.code == refusal.code)
    return f"{fault.what[0].upper()}{fault.what[1:]} {fault.remedy}".strip()


def _visible(example: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in example)


def _functions() -> Iterator[str]:
    yield "\n## Functions\n\nEach exists in every supported Spark; the version is the one it came with.\n"
    for category in Category:
        yield f"### {category.value.capitalize()}\n\n| Function | Since | Example |\n|---|---|---|"
        for function in sorted(allowed().functions.values(), key=lambda f: f.name):
            if function.category is category:
                yield f"| `{function.name}`{_note(function)} | {function.since} | `{_cell(function.example)}` |"
        yield ""


def _note(function: Function) -> str:
    notes = [f"argument {at} a whole number from {low} to {high}" for at, (low, high) in function.whole.items()]
    notes += [f"argument {at} a number from {low} to {high}" for at, (low, high) in function.number.items()]
    notes += [f"argument {at} numbers that are written out" for at in function.plain]
    notes += [f"argument {at} a quoted text" for at in function.text]
    notes += [f"argument {at} {WORDS[name][1]}" for at, name in function.words.items()]
    if function.within:
        notes.append("within " + ", ".join(sorted(function.within)))
    return f" ({'; '.join(notes)})" if notes else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _refused_functions() -> Iterator[str]:
    yield "## Functions that are refused\n\n| Function | Code | Instead |\n|---|---|---|"
    for name, (code, instead) in sorted(allowed().refused_functions.items()):
        yield f"| `{name}` | {code} | {instead} |"


if __name__ == "__main__":
    sys.stdout.write(manual())
