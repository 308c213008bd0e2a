"""What was meant by whoever writes as in another database, a spreadsheet or a word processor, and what to write."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from rules_engine.sql.literals import is_invisible

QUOTES = dict.fromkeys("‘’‚‛′´ʹʼˈ“”„‟«»″ʺ‹›", "'")
ALIKE = dict(zip("АВСЕНІЈКМОРЅТХаеіјорсухѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABCEHIJKMOPSTXaeijopcyxsABEZHIKMNOPTYXo", strict=True))
"""Letters of other scripts that look like one of ours."""

SIGNS = {
    **dict.fromkeys(
        "[]",
        "Write the name without brackets; an unusual one goes into `back-ticks`. Values stand in round brackets: "
        "IN ('FR', 'BE'). A list is array('a', 'b'), an element of one try_element_at(tags, 1).",
    ),
    **dict.fromkeys(
        "$€£¥", "Write numbers without a currency, 1000.50, texts in 'single quotes', and a parameter as :name."
    ),
    "{": "Write a day as DATE '2024-06-01', a parameter as :name, and the values of IN in round brackets.",
    "}": "Write a day as DATE '2024-06-01'.",
    "#": "Write a day as DATE '2024-06-01', and -- before a comment.",
    "@": "Write :name for a parameter, and array_contains(tags, 'x') for '@>'.",
    "≥": "Write >=.",
    "≤": "Write <=.",
    "≠": "Write <>.",
    "×": "Write *.",
    "÷": "Write /.",
    "−": "Write - for minus.",
    "–": "Write - for minus.",
    "—": "Write - for minus, -- before a comment.",
}
PARAMETER = "Declare a parameter and write :name"
OPERATORS = {
    "::": "Write CAST(… AS …) for '::' after what is no name, literal, call or bracket.",
    "!": "Write NOT for '!', <> for '! =', and NOT name RLIKE '^F' for '!~'.",
    "&&": "Write AND for '&&'; of two lists arrays_overlap(a, b).",
    "=>": "Write >= for '=>'; arguments go without names: f(a, b).",
    "|>": "Write one SELECT: SELECT … FROM … WHERE … GROUP BY … HAVING ….",
    "|": "Write OR between conditions, || between texts.",
    "?": f"{PARAMETER}; for a choice write CASE WHEN … THEN … ELSE … END.",
    ":": f"{PARAMETER}, without a space after the colon; startswith(name, 'F') for what begins with F.",
}
OF_PATH = "Write address.city of a struct, try_element_at(scores, 'a') of a map; before a parameter put a space."
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


def of_operator(sign: str) -> str:
    """What to write instead of an operator of other languages."""
    return OPERATORS.get(sign, "docs/rule-sql.md lists the operators.")


def of_text(text: str) -> tuple[str, str] | None:
    r"""
    A text in plain letters, and those of it that only look plain; None where it has none.

    A letter of another alphabet is one within a word that has letters of ours, too: a word all of Cyrillic is a word.
    So are spaces and quotes that nobody types, what is not to be seen, accents by themselves, and UTF-8 read otherwise.

    >>> of_text("МADRID ２")
    ('MADRID 2', 'М２')
    >>> of_text("МОСКВА")
    >>> of_text("OrlÃ©ans"), of_text("Orle\u0301ans")
    (('Orléans', 'Ã©'), ('Orléans', '\u0301'))
    """
    plain: list[str] = []
    for word in re.split(r"(\W+)", text):
        mixed = any(c.isascii() and c.isalpha() for c in word)
        plain += [_plain(char, mixed=mixed) for char in word]
    odd = "".join(char for char, ours in zip(text, plain, strict=True) if char != ours)
    whole = _as_written(unicodedata.normalize("NFC", "".join(plain)))
    odd += "".join(char for char in "".join(plain) if not char.isascii() and char not in whole)
    return (whole, odd) if odd else None


def _as_written(text: str) -> str:
    """A text of UTF-8 that was read as one of Windows, as it was written: Orléans, where it reads OrlÃ©ans."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def literal_of(text: str) -> str:
    """How a rule writes a text, with its apostrophes."""
    return "concat('" + text.replace("'", "', chr(39), '") + "')" if "'" in text else f"'{text}'"


def _plain(char: str, *, mixed: bool) -> str:
    if mixed and char in ALIKE:
        return ALIKE[char]
    if is_odd_space(char):
        return " "
    if is_invisible(char) and char not in "\t\r\n":
        return ""
    return QUOTES.get(char) or (unicodedata.normalize("NFKC", char) if "\uff01" <= char <= "\uff5e" else char)


def is_odd_space(character: str) -> bool:
    """Whether a character shows as a space and is another one: no text that was typed is equal to it."""
    return character != " " and unicodedata.category(character) == "Zs"


CASTS = "Cast to BOOLEAN, INT, BIGINT, DECIMAL(12, 2), DOUBLE, STRING, DATE or TIMESTAMP."
LETTERED = "Write = for EQ, <> for NE, > for GT, >= for GE, < for LT, <= for LE."
WORDINGS = (
    (
        r"^\s*(update|insert|delete|merge|create|drop|alter|truncate|show|explain|grant|call|exec|use)\b",
        "A rule only asks: write the condition alone, or a SELECT.",
    ),
    (r"==\s*=", "Write =."),
    (r"\^\s*=", "Write <>."),
    (r"\bxor\b", "Write (a) <> (b): one of the two, not both."),
    (r"\bbinary\b", "Leave BINARY out: texts are compared as they are written."),
    (r"(=|<|>|\(|\band\b|\bor\b|^)\s*[%&]\w", f"{PARAMETER}."),
    (r"\b(true|false)\s*\(\s*\)", "Write TRUE and FALSE without brackets."),
    (r"\blike\s+(%|\w+\s*%)", "Put the pattern into quotes: LIKE 'F%'."),
    (r"\d\s*(eur|usd|gbp|chf)\b", "Write numbers without a currency: 1000.50."),
    (r"\btrunc\s*\([^,()]*\)", "Write floor(x) of a number, to_date(x) of a moment, trunc(day, 'MONTH') of a day."),
    (r"\bconvert\s*\(", "Write CAST(x AS STRING), or date_format(day, 'yyyyMMdd')."),
    (r"\bas\s+\w+\s*(\(|\))", CASTS),
    (r"^\s*where\b", "Leave WHERE out: a rule is the condition that stands behind it."),
    (r"\bcurrent\s+(date|time|timestamp)\b", "Use :as_of, the day the run is about."),
    (r"[+-]\s*\d+\s+(day|week|month|year)s?\b", "Write day + INTERVAL '1' MONTH, or add_months(day, 1)."),
    (r"\bexists\s*\(\s*(?!select\b|with\b)\w", "Write EXISTS (SELECT 1 FROM … WHERE …)."),
    (r"\bbetween\s*\([^()]*,[^()]*,", "Write x BETWEEN 1 AND 5."),
    (r"^\s*[\^¬]", "Write NOT."),
    (r"(=|<|>)\s*\.\s*($|\)|and\b|or\b)", "Write IS NULL, or IS NOT NULL."),
    (r"''\s*dt?\b", "Write DATE '2024-06-01', or TIMESTAMP '2024-06-01 12:00:00'."),
    (r"\b(sum|avg|mean)\s*\([^()]*,", "Write coalesce(a, 0) + coalesce(b, 0): it asks rows, not values of one row."),
    (r"\bcalculated\b", "Write what the name stands for in its place."),
    (r"^\s*sel\b", "Write SELECT."),
    (r"\(\s*(not\s+)?casespecific\s*\)", "Leave it out: texts are compared as they are written."),
    (r"\bsounds\s+like\b", "Write LIKE, with % for any letters."),
    (r"\b(eq|ne|gt|ge|lt|le)\b", LETTERED),
    (
        r"\bqualify\b",
        "Write a whole SELECT: SELECT … FROM (SELECT …, row_number() OVER (…) AS place FROM …) t WHERE place = 1.",
    ),
    (r"^\s*=\s*\w", "Leave the first '=' out, and write AND and OR between the parts."),
    (r"\d[ \u00a0]\d{3}\b", "Write numbers without separators: 1000."),
    (r"\bbetween\s+[^\s,]+\s*,", "Write AND between the two: BETWEEN 1 AND 5."),
    (r"\d,\d{3}\b", "Write numbers without separators, and a point before decimals: 1000.50."),
    (r"\d,\d+\s*$", "Write a point before decimals: 0.5."),
    (r"=\s*<", "Write <=."),
    (r"=\s*>", "Write >=."),
    (r"(and|or)\s*(=|<|>|!)", "Say on each side what is compared: spend > 5 AND spend < 10."),
    (r"\bnot\s*(=|<|>)", "Write NOT before the comparison: NOT spend > 5, or spend <= 5."),
    (r"=\s*''\s*,\s*''", "Write IN for several values: IN ('FR', 'BE')."),
    (r"\d\s*%\s*($|\band\b|\bor\b|\))", "Write a share as a number: 0.05 for 5 %."),
    (r"\bmod\s+\d", "Write mod(a, b), or a % b."),
    (r"\*\*", "Write power(a, b)."),
    (r"//", "Write a div b for a whole quotient, -- before a comment."),
    (r"\btry_convert\s*\(", "Write TRY_CAST(x AS INT)."),
    (r"\bin\b\s*[^\s(]", "Put the values in brackets: IN ('FR', 'BE')."),
    (r"\bis\s+(not\s+)?['\d]", "Write = and <> between values; IS is for IS NULL, IS TRUE and IS FALSE."),
    (r"\blimit\s+\d+\s*$", "Leave LIMIT out: a condition is about each row by itself."),
    (r"\border\s+by\b", "Leave ORDER BY out: a condition is about each row by itself."),
    (r"\bgroup\s+by\b|\bhaving\b", "Write a whole SELECT of the subject's key, with GROUP BY and HAVING."),
    (r"\bbetween\s+[^\s]+\s*$", "Write both ends: BETWEEN 1 AND 5."),
    (
        r"\bcase\s+(?!when\b)[^<>=]*[<>=].*\bthen\b",
        "Write CASE WHEN before a condition: CASE WHEN … THEN … ELSE … END.",
    ),
    (r"\bcase\b(?!.*\bend\b)", "Close CASE with END."),
    (r"\b(and|or|not)\s*$", "Something is missing after the last word."),
    (r"\b(and|or)\s+(and|or)\b", "One of two words in a row is too many."),
    (r"^\s*if\b.*\bthen\b|\w\s+if\b.*\belse\b", "Write CASE WHEN … THEN … ELSE … END, or the condition alone."),
)
"""Of a condition without its texts: how a mistake looks, the likeliest first, and its cure."""

STATEMENTS = (
    (r",\s*from\b", "Leave the comma before FROM out."),
    (r"\bkeep\s*\(", "Write max_by(a, b): the value of a where b is greatest; min_by where it is least."),
    (r"\b(where|and|or|not|having|on)\s*$", "Something is missing after the last word."),
    (r"\b(eq|ne|gt|ge|lt|le)\b\s*[\w'(]", LETTERED),
    (r"\b(with\s+(ur|cs|rs|rr)|for\s+(read|fetch)\s+only)\s*$", "Leave it out: a rule only reads, a snapshot."),
    (r"\b((use|force|ignore)\s+index\b|option\s*\()", "Leave it out: how rows are found is not a rule's business."),
    (r"\bcalculated\b", "Write what the name stands for in its place."),
    (r"^\s*begin\b", "Leave BEGIN and END out: a rule is one query."),
)
"""Of a query without its texts: how a mistake looks, the likeliest first, and its cure."""

ANYWHERE = "Look for a missing operator, comma or bracket there."


def of_condition(text: str, otherwise: str = ANYWHERE) -> str:
    """What to write instead of a condition that cannot be read; where to look, if nothing better is known."""
    return _of_wording(text, WORDINGS, otherwise)


def of_statement(text: str) -> str:
    """What to write instead of a query that cannot be read."""
    return _of_wording(text, STATEMENTS, ANYWHERE)


def _of_wording(text: str, known: Sequence[tuple[str, str]], otherwise: str) -> str:
    bare = re.sub(r"'[^']*'", "''", text)
    return next((cure for form, cure in known if re.search(form, bare, re.IGNORECASE | re.DOTALL)), otherwise)


BEFORE_TEXT = {
    "to": "Write RLIKE '^(FR|BE)$', or LIKE with % for any letters.",
    "glob": "Write LIKE, with % for any letters and _ for one.",
    "is": "Write = between values; IS is for IS NULL, IS TRUE and IS FALSE.",
    "not": "Write <> between values.",
    "contains": "Write contains(name, 'x').",
    "&": "Join texts with ||, or concat(a, b).",
    "binary": "Leave BINARY out: texts are compared as they are written.",
    "~": "Write RLIKE '^F', or LIKE with % for any letters.",
    "format": "Write date_format(day, 'yyyy-MM-dd').",
    "separator": "Ask the values themselves: array_contains(collect_set(x), 'a').",
    "zone": "Write from_utc_timestamp(moment, 'Europe/Paris').",
    "time": "Compare the time as a text: date_format(moment, 'HH:mm') >= '12:30'.",
    **dict.fromkeys(("timestamp_ltz", "timestamp_ntz"), "Write TIMESTAMP '2024-06-01 12:00:00'."),
    **dict.fromkeys("nebrxf", "Leave the letter before the quotes out: every text is Unicode."),
    **dict.fromkeys(("eq", "ne", "ge", "gt", "lt", "le"), LETTERED),
}
"""By the word before a quoted text, where it is that of another language: what to write."""

BETWEEN_TEXT = "Put an operator or a comma before it; names go without quotes or in `back-ticks`."


def of_text_after(word: str) -> str:
    """What to write where a quoted text stands after a word that takes none."""
    return BEFORE_TEXT.get(word.lower(), BETWEEN_TEXT)


NAMED_BESIDE = (
    "It is named behind the same SELECT, after WHERE: write what it stands for (an aggregate in HAVING), or filter "
    "outside: SELECT … FROM (SELECT …) t WHERE …."
)
COLUMNS = {
    **dict.fromkeys(("rownum", "rowid", "rowcount"), "Rank the rows in a SELECT: row_number() OVER (ORDER BY …, key)."),
    **dict.fromkeys(("date", "sysdate", "today", "now"), "Use :as_of, the day the run is about."),
    **dict.fromkeys(("nan", "inf", "infinity"), "Write isnan(x), or double('NaN')."),
    **dict.fromkeys(("none", "nil", "na", "undefined"), "Write IS NULL, or IS NOT NULL."),
    **dict.fromkeys(
        ("day", "month", "year", "quarter", "week", "hour"),
        "Write datediff(a, b) for days, months_between(a, b) for months, year(day) for a part of a day.",
    ),
    **dict.fromkeys(("casespecific", "uppercase"), "Leave it out: texts are compared as they are written."),
    **dict.fromkeys(("yes", "no", "y", "n", "t", "f"), "Write TRUE or FALSE, or a text in 'quotes'."),
    **dict.fromkeys(
        ("wahr", "falsch", "vrai", "faux", "verdadero", "falso", "vero", "waar", "onwaar"), "Write TRUE or FALSE."
    ),
}
"""Words that are no column to anybody else."""


def of_column(name: str) -> str:
    """What to write instead of a word that is no column, and like none."""
    if re.fullmatch(r"[a-z]{1,2}\d+", name):
        return "Write the name of a column, not that of a cell; a text in 'quotes'."
    return COLUMNS.get(name.lower(), "If it is a text, write it in 'quotes'.")


def of_path(parts: Sequence[str], names: Collection[str]) -> str:
    """What to write instead of a name behind one of a library, or before a part of its value; empty where neither."""
    if parts[-1] in COLUMNS and parts[-1] not in names and parts[0] not in names:
        return COLUMNS[parts[-1]]
    if parts[0] in names:
        return f"Write {parts[-1]}({parts[0]}): a function stands before what it is asked of."
    return f"Write {parts[-1]} alone." if parts[-1] in names else ""
