"""
``value::TYPE``, PostgreSQL's short form of a cast, written out as ``CAST(value AS TYPE)``.

Spark 3.5 does not know the short form. What binds more tightly than ``::`` in every reader is written out: a name, a
literal, a parameter, a call, what stands in brackets, a cast. Anything else is left as it is, and refused for its sign.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rules_engine.sql.allow_list import allowed
from rules_engine.sql.tokens import NOTHING, Kind, Token

SIGN = "::"

_NO_VALUE = {"all", "any", "exists", "filter", "group", "in", "over", "some", "values"}
"""Words after which a bracket is no value of its own."""

_NO_CALL = {"and", "as", "not", "on", "or"}
"""Words before a bracket that call nothing, beside those that may stand before a text."""

_OF_A_LITERAL = {"date", "interval", "timestamp"}
"""Words that say of which type the text after them is: not every reader casts the whole."""

_NUMBERS = set("bigint byte dec decimal double float int integer long numeric real short smallint tinyint".split())

_VALUES = {Kind.NUMBER, Kind.PARAMETER, Kind.TEXT}
_NAMES = {Kind.WORD, Kind.QUOTED}


@dataclass(frozen=True, slots=True)
class _Piece:
    """A token, or a cast that was written out: all of its tokens, and how many casts stand within each other."""

    tokens: tuple[Token, ...]
    casts: int = 0

    @property
    def kind(self) -> Kind | None:
        """None for a cast."""
        return None if self.casts else self.tokens[0].kind

    @property
    def word(self) -> str:
        return "" if self.casts else self.tokens[0].word


def written_out(found: Iterable[Token]) -> list[Token]:
    """The tokens of a text, spaces too, with every short cast written out; a new token stands where its sign stood."""
    left = list(found)
    if not any(token.text == SIGN for token in left):
        return left
    done, opened, at = list[_Piece](), list[int](), 0
    pairs = dict[int, int]()
    while at < len(left):
        token = left[at]
        first = _operand(done, pairs) if token.text == SIGN else None
        end = None if first is None else _type_end(left, at + 1)
        if first is None or end is None:
            if token.text == "(":
                opened.append(len(done))
            elif token.text == ")" and opened:
                pairs[len(done)] = opened.pop()
            done.append(_Piece((token,)))
            at += 1
            continue
        within = [token for piece in done[first:] for token in piece.tokens]
        depth = 1 + max(piece.casts for piece in done[first:])
        done[first:] = [_Piece((*_cast(within, left[at + 1 : end], token.start),), depth)]
        at = end
    return [token for piece in done for token in piece.tokens]


def of_texts(found: Sequence[Token], texts: Collection[str]) -> Iterator[tuple[Token, str]]:
    """Each column called as one of ``texts`` (in small letters) that is cast to a number in short, and the type."""
    for name, sign, type_ in zip(found, found[1:], found[2:], strict=False):
        if sign.text == SIGN and name.kind in _NAMES and name.word in texts and type_.word in _NUMBERS:
            yield name, type_.text


def _cast(value: Sequence[Token], type_: Sequence[Token], at: int) -> list[Token]:
    space = Token(Kind.SPACE, " ", at)
    words = Token(Kind.WORD, "CAST", value[0].start), Token(Kind.SYMBOL, "(", value[0].start)
    return [*words, *value, space, Token(Kind.WORD, "AS", at), space, *type_, Token(Kind.SYMBOL, ")", at)]


def _operand(done: Sequence[_Piece], pairs: dict[int, int]) -> int | None:
    """Where the value begins that ends with the last piece; None where that is no value for certain."""
    last = _before(len(done), done)
    if last is None:
        return None
    piece, first = done[last], last
    if piece.word == ")" and last in pairs:
        first = pairs[last]
        called = _before(first, done)
        if called is not None and done[called].word in _NO_VALUE:
            return None
        if called is not None and done[called].kind in _NAMES and not _is_keyword(done[called].word):
            first = _whole_name(called, done)
    elif piece.kind in _NAMES and piece.word != "end":
        first = _whole_name(last, done)
    elif piece.kind is not None and piece.kind not in _VALUES:
        return None
    before = _before(first, done)
    follows = before is not None and (done[before].kind in _VALUES or done[before].word in _OF_A_LITERAL)
    deep = max(each.casts for each in done[first:]) >= allowed().limits.nesting
    return None if follows or deep else first


def _before(at: int, done: Sequence[_Piece]) -> int | None:
    """The last piece before a place that is no space."""
    return next((i for i in range(at - 1, -1, -1) if done[i].kind not in NOTHING), None)


def _whole_name(last: int, done: Sequence[_Piece]) -> int:
    """Where a name begins whose last part is given: ``frame.column`` begins with its frame."""
    while (dot := _before(last, done)) is not None and done[dot].word == ".":
        name = _before(dot, done)
        if name is None or done[name].kind not in _NAMES:
            break
        last = name
    return last


def _is_keyword(word: str) -> bool:
    return word in _NO_CALL or word in allowed().syntax.before_text


def _type_end(found: Sequence[Token], at: int) -> int | None:
    """Where a type ends that begins here: a word, and one or two whole numbers in brackets; None if none does."""
    words = list(islice((i for i in range(at, len(found)) if found[i].kind not in NOTHING), 6))
    shown = ["word" if found[i].kind is Kind.WORD else found[i].text for i in words]
    if shown[:1] != ["word"]:
        return None
    for length in (6, 4):
        if shown[1:2] == ["("] and shown[length - 1 : length] == [")"]:
            return words[length - 1] + 1
    return words[0] + 1
