"""
Questions about a row's place among the rows of its subject, taken apart.

``SELECT t.key FROM (SELECT key, x, row_number() OVER (PARTITION BY key ORDER BY x, y) AS place FROM frame) t WHERE …``
asks the rows of a frame, and what ``row_number``, ``lag`` and ``lead`` come to for them. Whatever is of another shape
is left as it is. The gates have accepted the text before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rules_engine.logical.operands import names
from rules_engine.logical.select_query import clauses, conjuncts, frame_and_alias, listed, select_query, unqualified
from rules_engine.logical.semi_join import raises_nowhere
from rules_engine.model.frames import Schema
from rules_engine.sql.lexer import Kind, Token, tokens

MOST_BACK = 1_000
"""How many rows back, or on, ``lag`` and ``lead`` look."""
_DAYS_BETWEEN = {"datediff", "date_diff"}


class SortKey(NamedTuple):
    """A column that rows are ordered by."""

    column: str
    descending: bool
    nulls_first: bool

    def __str__(self) -> str:
        nulls = "" if self.nulls_first != self.descending else f" nulls {'first' if self.nulls_first else 'last'}"
        return f"{self.column}{' desc' if self.descending else ''}{nulls}"


class Window(NamedTuple):
    """What a row comes to among its subject's rows: ``row_number``, or the ``column`` of ``offset`` rows before it."""

    order: tuple[SortKey, ...]
    column: str = ""
    offset: int = 0
    """Rows back; below zero, rows on; 0 for ``row_number``."""

    def __str__(self) -> str:
        function = "lag" if self.offset > 0 else "lead"
        called = f"{function}({self.column}, {abs(self.offset)})" if self.column else "row_number()"
        return f"{called} by {', '.join(map(str, self.order))}"


class Days(NamedTuple):
    """The days from one value to another, each a column or what a window comes to."""

    until: str | Window
    since: str | Window

    def __str__(self) -> str:
        return f"datediff({self.until}, {self.since})"


RowValue = Window | Days


@dataclass(frozen=True, slots=True)
class WindowQuery:
    """
    What is asked of a row of a frame, and of its place among its subject's rows.

    ``pieces`` is the text of a condition around the ``values``, one more of them.
    """

    frame: str
    where: str
    pieces: tuple[str, ...]
    values: tuple[RowValue, ...]


def window_query(sql: str, schema: Schema) -> WindowQuery | None:
    """A statement over the windows of one frame's rows; None for any other shape, or where a condition could raise."""
    found = select_query(sql)
    derived = _derived(_of_rows(found.source, schema)) if found and not found.grouped and not found.given else None
    if found is None or derived is None:
        return None
    inner, alias = derived
    read = clauses(inner)
    if read is None or {*read} != {"select", "from"}:
        return None
    frame, own = frame_and_alias(read["from"])
    types = schema.types_of(frame)
    key = schema.subject_key_of(frame).lower() if frame else ""
    items = _items(read["select"], own, key, types) if key and types else None
    asked = found.key.lower().replace("`", "").rpartition(".")
    is_key = asked[2] == key and (asked[0] in {"", alias} or _of_rows(found.source, schema) != found.source)
    if items is None or key not in items or not is_key:
        return None
    return _asked([unqualified(text, alias) for text in conjuncts(found.where)], frame, types, items)


def _of_rows(source: str, schema: Schema) -> str:
    """Of a derived table that is joined with the subject by its key the derived table; else the source."""
    subject, key = schema.subject.lower(), schema.subject_key.lower()
    words = tokens(source)
    joins = [place for place, token in enumerate(words) if token.word == "join" and _depth(words, place) == 0]
    ons = [place for place, token in enumerate(words) if token.word == "on" and _depth(words, place) == 0]
    if len(joins) != 1 or len(ons) != 1 or words[joins[0] - 1].kind is not Kind.WORD:
        return source
    inner = words[joins[0] - 1].word == "inner"
    one, other = words[: joins[0] - inner], words[joins[0] + 1 : ons[0]]
    frame, rows = (one, other) if one[0].word == subject else (other, one)
    names_ = [token.word for token in frame if token.word != "as"]
    if not names_ or names_[0] != subject or len(names_) > 2 or rows[-1].kind is not Kind.WORD or rows[0].text != "(":
        return source
    tied = [f"{names_[-1]}.{key}", f"{rows[-1].word}.{key}"]
    on = "".join(token.word for token in words[ons[0] + 1 :]).split("=")
    return source[rows[0].start : rows[-1].end] if on in (tied, tied[::-1]) else source


def _depth(words: Sequence[Token], place: int) -> int:
    return sum((token.text == "(") - (token.text == ")") for token in words[:place])


def _asked(
    conditions: Sequence[str], frame: str, types: Mapping[str, str], items: Mapping[str, Window | None]
) -> WindowQuery | None:
    """The conditions, apart: those on plain columns, and those on windows, around their values."""
    if not all(names(text) <= {*items} for text in conditions):
        return None
    placed = [text for text in conditions if any(items[name] for name in names(text))]
    where = [text for text in conditions if text not in placed]
    around = _around(" AND ".join(placed), items, types)
    if not placed or around is None or not all(raises_nowhere(text, types, frame) for text in where):
        return None
    return WindowQuery(frame, " AND ".join(where), *around)


def _around(
    text: str, items: Mapping[str, Window | None], types: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[RowValue, ...]] | None:
    """The pieces of a condition around its values; None where a plain column is held against something, too."""
    words, at, place = tokens(text), 0, 0
    pieces, values = list[str](), list[RowValue]()
    while place < len(words):
        found, after = _value_at(words, place, items, types)
        if found is not None:
            pieces.append(text[at : words[place].start])
            values.append(found)
            at = words[after - 1].end
        elif words[place].kind in {Kind.WORD, Kind.QUOTED} and words[place].word in items:
            return None
        place = after
    return (*pieces, text[at:]), tuple(values)


def _value_at(
    words: Sequence[Token], place: int, items: Mapping[str, Window | None], types: Mapping[str, str]
) -> tuple[RowValue | None, int]:
    """The value that begins at a token, if one does, and where what comes after it begins."""
    if words[place].word in _DAYS_BETWEEN:
        match [token.word for token in words[place + 1 : place + 6]]:
            case ["(", until, ",", since, ")"] if until in items and since in items:
                ends = [items[name] or name for name in (until, since)]
                if all(_type(end, types) == "date" for end in ends):
                    return Days(*ends), place + 6
    window = items.get(words[place].word) if words[place].kind in {Kind.WORD, Kind.QUOTED} else None
    return window, place + 1


def _type(of: str | Window, types: Mapping[str, str]) -> str:
    return types.get(of.column if isinstance(of, Window) else of, "")


def _derived(source: str) -> tuple[str, str] | None:
    """The query of a derived table, and its alias."""
    words = [token for token in tokens(source) if token.word != "as"] if source.startswith("(") else []
    if len(words) < 4 or words[-2].text != ")" or words[1].word != "select" or words[-1].kind is not Kind.WORD:
        return None
    return source[words[0].end : words[-2].start], words[-1].word


def _items(select: str, alias: str, key: str, types: Mapping[str, str]) -> dict[str, Window | None] | None:
    """What each column of a SELECT is: a window, or None for a column of the frame under its own name."""
    found: dict[str, Window | None] = {}
    for item in listed(tokens(unqualified(select, alias))):
        named = [token for token in item if token.word != "as"]
        if len(named) == 1 and named[0].word in types:
            found[named[0].word] = None
            continue
        window = _window(named[:-1], key, types)
        if window is None or named[-1].word in types:
            return None
        found[named[-1].word] = window
    return found


def _window(words: Sequence[Token], key: str, types: Mapping[str, str]) -> Window | None:
    """``function(…) OVER (PARTITION BY key ORDER BY …)``."""
    spelled = [token.word for token in words]
    over = spelled.index("over") if "over" in spelled else 0
    if not over or spelled[over + 1 : over + 7] != ["(", "partition", "by", key, "order", "by"] or spelled[-1] != ")":
        return None
    order = [_by([token.word for token in item]) for item in listed(words[over + 7 : -1])]
    if not all(by is not None and by.column in types for by in order):
        return None
    by = tuple(each for each in order if each is not None)
    match spelled[:over]:
        case ["row_number", "(", ")"]:
            return Window(by)
        case ["lag" | "lead" as function, "(", column, *rest, ")"] if column in types:
            offset = 1 if not rest else int(rest[1]) if len(rest) == 2 and rest[1].isdigit() else 0
            return Window(by, column, offset if function == "lag" else -offset) if 0 < offset <= MOST_BACK else None
    return None


def _by(words: Sequence[str]) -> SortKey | None:
    """A column to order by; NULL comes first where nothing is said, or last where the order descends."""
    column, *rest = words or [""]
    descending = rest[:1] == ["desc"]
    rest = rest[1:] if rest[:1] in (["desc"], ["asc"]) else rest
    if rest and rest not in (["nulls", "first"], ["nulls", "last"]):
        return None
    return SortKey(column, descending, rest[-1:] == ["first"] if rest else not descending)
