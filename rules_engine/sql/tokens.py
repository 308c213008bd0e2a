"""The pieces that a rule's text is made of, as every reader of SQL cuts it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from rules_engine.sql import comments


class Kind(Enum):
    """What a token is."""

    SPACE = auto()
    TEXT = auto()
    QUOTED = auto()
    MALFORMED = auto()
    NUMBER = auto()
    WORD = auto()
    PARAMETER = auto()
    COMMENT = auto()
    BROKEN = auto()
    SYMBOL = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; ``start`` counts characters from 0."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def word(self) -> str:
        """The token in small letters, without back-ticks: how names and keywords are compared."""
        return self.text.strip("`").lower()


_KINDS = {kind.name: kind for kind in Kind}
_TOKEN = re.compile(
    rf"""
      (?P<SPACE>     [ \t\r\n]+ )
    | (?P<TEXT>      '[^']*' )
    | (?P<QUOTED>    `[^`]*` )
    | (?P<NUMBER>    (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{{1,3}})?(?:BD|[LSYDF])?(?![A-Za-z0-9_]) )
    | (?P<MALFORMED> [0-9][A-Za-z0-9_]* )
    | (?P<WORD>      [A-Za-z_][A-Za-z0-9_]* )
    | (?P<PARAMETER> (?<!:):[A-Za-z_][A-Za-z0-9_]* )
    | (?P<COMMENT>   {comments.WHOLE} )
    | (?P<BROKEN>    {comments.BROKEN} )
    | (?P<SYMBOL>    <=>|>>>|<=|>=|<>|!=|==|\|\||->|=>|::|&&|<<|>>|\|>|. )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII | re.DOTALL,  # without ASCII, ı and ſ would pass as letters
)


NOTHING = {Kind.SPACE, Kind.COMMENT}
"""What stands between tokens and says nothing."""


@lru_cache(maxsize=16)  # both layers ask, one after the other
def tokens(text: str) -> tuple[Token, ...]:
    """All tokens but spaces and comments; any character is part of one, allowed or not."""
    return tuple(t for t in all_tokens(text) if t.kind not in NOTHING)


def all_tokens(text: str) -> Iterator[Token]:
    """All of a text: its tokens, laid end to end, are the text."""
    for found in _TOKEN.finditer(text):
        yield Token(_KINDS[found.lastgroup or ""], found.group(), found.start())
