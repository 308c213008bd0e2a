"""What was meant where Spark cannot read a text, or finds that types do not go together, and what to write."""

from __future__ import annotations

import re

from rules_engine.sql.cures import CASTS

READING = (
    (r"of the type \"SELECT\"", "Write the values alone: country IN ('FR', 'BE')."),
    (r"data ?type|DATATYPE", CASTS),
    (r"DATETIME_UNIT", "Write the unit without quotes: timestampdiff(DAY, a, b)."),
    (r"'\.\d{4}'", "Write a day as DATE '2024-06-01'."),
    (r"'\.\d+'", "Write numbers without separators: 1000000."),
    (r"at or near 'WHERE'", "Put WHERE before GROUP BY."),
)
"""Of Spark's words about a text that it cannot read: how they look, and the cure."""


def of_reading(said: str) -> str:
    """What to write where Spark cannot read a text that sqlglot reads."""
    found = (cure for form, cure in READING if re.search(form, said))
    return next(found, "Write it another way; docs/rule-sql.md lists what is allowed.")


def of_call(name: str) -> str:
    """What to write for an operator that is called like a function, as in a spreadsheet; empty for other names."""
    if name in ("all", "any", "some"):
        return "Compare with each value, or write IN (1, 2). "
    return f"Write a {name.upper()} b. " if name in ("and", "or") else ""


TYPES = (
    (r"not participating in the GROUP BY", "Add it to GROUP BY, or say which value is meant: max(x)."),
    (
        r"window functions inside WHERE",
        "Filter outside: SELECT … FROM (SELECT …, row_number() OVER (…) AS place FROM …) t WHERE place <= 5.",
    ),
    (r"\"(sum|avg)\(.*\"NUMERIC\".* type \"BOOLEAN\"", "Count what is true: count_if(kind = 'a')."),
    (
        r"parameter with name `(year|quarter|month|week|day|hour)s?`",
        "Write the unit in quotes: date_trunc('MONTH', day).",
    ),
    (
        r"parameter with name `(y|yy|yyyy|q|qq|m|mm|w|wk|ww|d|dd|hh|mi|n|ss|s)`",
        "Write the unit as a word: dateadd(YEAR, 1, day).",
    ),
    (r"WHERE condition .*\bany\(", "Write IN ('FR', 'BE')."),
    (r"WHERE condition .*aggregate", "Put the aggregate into HAVING, behind GROUP BY with the subject's key."),
    (r"does not include a GROUP BY", "Add GROUP BY with the subject's key."),
    (r"`date` requires", "Write DATE '2024-06-01', or make_date(2024, 6, 1)."),
    (r"`to_char` requires", "Write CAST(x AS STRING)."),
    (r"\"trunc\(", "Write floor(x) or round(x, 1): trunc is for days, trunc(day, 'MONTH')."),
    (r"left hand side of an IN", "Return one column in the SELECT behind IN."),
    (r"Cannot extract `EPOCH`", "Write unix_timestamp(moment)."),
    (r"\bany\(.* type \"ARRAY", "Write array_contains(tags, 'x')."),
    (r"\"STRUCT<", "Put several values into IN: country IN ('FR', 'BE')."),
    (r"\"\([^()]* (AND|OR) [^()]*\)\"", "NOT, AND and OR take conditions: compare the value with something."),
    (r"\"BOOLEAN\" type, however", "NOT, AND and OR take conditions: compare the value with something."),
    (r"requires the input type .*not \"STRING\"", "Join texts with ||, or concat(a, b)."),
    (r"second parameter requires.*INTERVAL", "Write day - INTERVAL '1' MONTH, or add_months(day, -1)."),
    (r"\(\(\d{4} - \d+\) - \d+\)", "Write a day as DATE '2024-06-01'."),
    (r"\^", "Write power(a, b)."),
    (r"&", "Write AND between conditions."),
    (r"\(\([^()]* [<>]=? [^()]*\) [<>]=? ", "Say each comparison by itself: 5 < spend AND spend < 10."),
    (
        r"\"BOOLEAN\" and \"(TINY|SMALL|BIG)?INT|INT\" and \"BOOLEAN\"",
        "A truth stands alone, or is compared with TRUE or FALSE.",
    ),
    (r"\"INTERVAL DAY\" and", "Write datediff(a, b) > 30 for a number of days."),
    (r"`to_number` requires", "Write CAST(x AS INT)."),
    (
        r"\"DATE\"(,| and) \"((TINY|SMALL|BIG)?INT|DOUBLE)",
        "Compare a day with a day, DATE '2024-06-01', or year(day) with a number.",
    ),
    (
        r" (AND|OR) .*incompatible types .*\"BOOLEAN\"",
        "NOT, AND and OR take conditions: compare the value with something.",
    ),
    (r"number of columns or variables assigned or aliased", "Name every column of it, or none: FROM t AS x."),
    (r"(GROUP|ORDER) BY position", "Name the column in place of its number."),
    (
        r"with name `\w+`(\.`\w+`)? cannot be resolved",
        "A query sees its own columns, in its WHERE those of the query around it and none further out, and behind "
        "GROUP BY what it groups by: join the frames in one query, or write GROUP BY x or max(x).",
    ),
    (r"requires \d+ parameters? but", "Give it as many as docs/rule-sql.md shows."),
)
"""Of Spark's words about types that do not go together: how they look, and the cure."""


def of_types(said: str) -> str:
    """What to write where Spark says that types do not go together, or that a function takes others."""
    return next(
        (cure for form, cure in TYPES if re.search(form, said)),
        "Compare values of one type, CAST one of them, or look the function up in docs/rule-sql.md.",
    )
