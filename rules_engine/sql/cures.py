"""What was meant by whoever writes as in another database, a spreadsheet or a word processor, and what to write."""

from __future__ import annotations

import re
import unicodedata

QUOTES = {**dict.fromkeys("‘’‚‛′´", "'"), **dict.fromkeys("“”„‟«»″", "'")}
ALIKE = dict(zip("АВСЕНІЈКМОРЅТХаеіјорсухѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABCEHIJKMOPSTXaeijopcyxsABEZHIKMNOPTYXo", strict=True))
"""Letters of other scripts that look like one of ours."""

SIGNS = {
    "[": "Write the name without brackets; an unusual one goes into `back-ticks`.",
    "]": "Write the name without brackets; an unusual one goes into `back-ticks`.",
    "{": "Write a day as DATE '2024-06-01'.",
    "}": "Write a day as DATE '2024-06-01'.",
    "#": "Write a day as DATE '2024-06-01'.",
    "@": "Write :name for a parameter.",
    "≥": "Write >=.",
    "≤": "Write <=.",
    "≠": "Write <>.",
    "×": "Write *.",
    "÷": "Write /.",
    "−": "Write - for minus.",
    "–": "Write - for minus.",
    "—": "Write - for minus, -- before a comment.",
}
PLAIN = "Use plain letters, digits and the operators of SQL; an unusual name goes into `back-ticks`."


def of_character(character: str) -> str:
    """What to write instead of a character that no SQL is made of."""
    if character in QUOTES:
        return "Write 'straight quotes': a word processor made others of them."
    if character in ALIKE:
        return f"It looks like '{ALIKE[character]}' and is none: type that."
    plain = unicodedata.normalize("NFKC", character)
    if character not in SIGNS and plain != character and plain.isascii() and plain.strip():
        return f"Write {plain}."
    if is_odd_space(character):
        return "Type a plain space."
    return SIGNS.get(character, PLAIN)


def is_odd_space(character: str) -> bool:
    """Whether a character shows as a space and is another one: no text that was typed is equal to it."""
    return character != " " and unicodedata.category(character) == "Zs"


WORDINGS = (
    (r"^\s*where\b", "Leave WHERE out: a rule is the condition that stands behind it."),
    (r"^\s*=\s*\w", "Leave the first '=' out, and write AND and OR between the parts."),
    (r"\d,\d{3}\b", "Write numbers without separators, and a point before decimals: 1000.50."),
    (r"\d,\d+\s*$", "Write a point before decimals: 0.5."),
    (r"=\s*<", "Write <=."),
    (r"=\s*>", "Write >=."),
    (r"\bin\s*[^\s(]", "Put the values in brackets: IN ('FR', 'BE')."),
    (r"\bis\s+(not\s+)?['\d]", "Write = and <> between values; IS is for IS NULL, IS TRUE and IS FALSE."),
    (r"\blimit\s+\d+\s*$", "Leave LIMIT out: a condition is about each row by itself."),
    (r"\border\s+by\b", "Leave ORDER BY out: a condition is about each row by itself."),
    (r"\bgroup\s+by\b|\bhaving\b", "Write a whole SELECT of the subject's key, with GROUP BY and HAVING."),
    (r"\b(and|or|not)\s*$", "Something is missing after the last word."),
    (r"\b(and|or)\s+(and|or)\b", "One of two words in a row is too many."),
    (r"^\s*if\b.*\bthen\b", "Write CASE WHEN … THEN … ELSE … END, or the condition alone."),
)
"""Of a condition without its texts: how a mistake looks, the likeliest first, and its cure."""

ANYWHERE = "Look for a missing operator, comma or bracket there."


def of_condition(text: str) -> str:
    """What to write instead of a condition that cannot be read; where to look, if nothing better is known."""
    bare = re.sub(r"'[^']*'", "''", text)
    return next((cure for form, cure in WORDINGS if re.search(form, bare, re.IGNORECASE | re.DOTALL)), ANYWHERE)


COLUMNS = {
    **dict.fromkeys(("rownum", "rowid", "rowcount"), "Rank the rows in a SELECT: row_number() OVER (ORDER BY …, key)."),
    **dict.fromkeys(("nan", "inf", "infinity"), "Write isnan(x), or double('NaN')."),
    **dict.fromkeys(("yes", "no", "y", "n", "t", "f"), "Write TRUE or FALSE, or a text in 'quotes'."),
}
"""Words that are no column to anybody else."""


def of_column(name: str) -> str:
    """What to write instead of a word that is no column, and like none."""
    return COLUMNS.get(name.lower(), "If it is a text, write it in 'quotes'.")
