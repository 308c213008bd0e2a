"""
L0: what a rule's text is made of, before any parser sees it.

The grammar of tokens is so narrow that every reader of SQL cuts the text at
the same places: no back-slash, double quote or doubled quote, and nothing but
ASCII outside quoted texts and comments. Of ``|`` only the honest ``||`` is left.

Comments and short casts stay in the text that is kept; whoever reads it, Spark
too, is given blanks and whole casts in their place (:func:`blanked`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise

from rules_engine.errors import Fault, InvalidRule, did_you_mean, raise_all
from rules_engine.model.canonical import ParameterValue
from rules_engine.sql import comments
from rules_engine.sql.allow_list import allowed, refuse
from rules_engine.sql.cures import BETWEEN_TEXT, OF_PATH, is_odd_space, of_character, of_operator, of_text_after
from rules_engine.sql.literals import is_invisible, literal
from rules_engine.sql.short_casts import SIGN, written_out
from rules_engine.sql.tokens import NOTHING, Kind, Token, all_tokens, tokens

AS_OF = "as_of"


def blanked(text: str) -> str:
    """
    The text with spaces in the place of comments and short casts written out: what both readers are given.

    Blank is also a LIMIT at the end of EXISTS (…): one row is all that is asked for, and Spark 3.5 knows none there.
    """
    return "".join(token.text for token in _read(text))


def with_short_casts(text: str) -> str:
    """The text as :func:`blanked`, but for its casts, which are as they were written; as long as the text."""
    return "".join(token.text for token in _without(text, {Kind.COMMENT}))


def place(text: str, at: int) -> int:
    """The place in a text of a place in what is read of it (:func:`blanked`); both count characters from 0."""
    passed = 0
    for token in _read(text):
        if at < passed + len(token.text):
            return token.start + (at - passed if text.startswith(token.text, token.start) else 0)
        passed += len(token.text)
    return len(text)


def _read(text: str) -> Sequence[Token]:
    if has_comments(text) or _may_hold_limit(text) or SIGN in text:
        return written_out(_without(text, {Kind.COMMENT}))
    return (Token(Kind.SPACE, text, 0),)


def _without(text: str, kinds: Collection[Kind]) -> list[Token]:
    found = list(all_tokens(text))
    idle = set(_idle_limits([token for token in found if token.kind not in NOTHING]))
    return [_blank(t) if t.kind in kinds or t.start in idle else t for t in found]


def _blank(token: Token) -> Token:
    return Token(Kind.SPACE, comments.blank(token.text), token.start)


def _may_hold_limit(text: str) -> bool:
    return "limit" in text.lower()


def _idle_limits(words: Sequence[Token]) -> Iterator[int]:
    """Where each LIMIT with its number starts that stands last in an EXISTS (SELECT …)."""
    open_: list[bool] = []
    for at, token in enumerate(words):
        if token.text == "(":
            asks = at > 0 and words[at - 1].word == "exists" and words[at - 1].kind is Kind.WORD
            open_.append(asks and words[at + 1 : at + 2] != [] and words[at + 1].word in {"select", "with"})
        elif token.text == ")" and open_ and open_.pop() and _is_limit(words[at - 3 : at]):
            yield from (word.start for word in words[at - 2 : at])


def _is_limit(last: Sequence[Token]) -> bool:
    """Whether a query ends in LIMIT and a whole number that lets a row pass, and LIMIT is no name there."""
    if len(last) < 3 or last[0].word in _BEFORE_A_NAME or last[1].kind is not Kind.WORD or last[1].word != "limit":
        return False
    return last[2].kind is Kind.NUMBER and last[2].text.isdigit() and int(last[2].text) > 0


_BEFORE_A_NAME = {".", ",", "as", "select", "distinct", "from", "join", "where", "on", "by", "and", "or", "not", "="}


def has_comments(text: str) -> bool:
    """Whether a text may hold a comment; a quoted one may look like it."""
    return "--" in text or "/*" in text


def bind(text: str, parameters: Mapping[str, ParameterValue], as_of: date, *, comments_too: bool = False) -> str:
    """
    The text with each ``:name`` token replaced by its value's typed literal and comments by blanks.

    Short casts are written out. Nothing else is changed; ``comments_too`` leaves even the comments as they are.

    Raises:
        InvalidRule: If a parameter is not declared, or its value has no literal.
    """
    text = "".join(token.text for token in written_out(_without(text, ()))) if comments_too else blanked(text)
    if ":" not in text:
        return text
    values = {**parameters, AS_OF: as_of}
    found = list(all_tokens(text))
    raise_all(InvalidRule, _parameter_faults(found, values))
    return "".join(literal(values[t.word.removeprefix(":")]) if t.kind is Kind.PARAMETER else t.text for t in found)


def faults(text: str, parameters: Mapping[str, ParameterValue]) -> tuple[Fault, ...]:
    """What is wrong with a text before it is parsed; each code at most once, at its first place."""
    if not tokens(text):
        return (refuse("SQL-001"),)
    limit = allowed().limits.characters
    if len(text) > limit:
        return (refuse("SQL-002", limit, found=len(text), limit=limit),)
    found = [*_character_faults(text), *_comment_faults(text), *_token_faults(tokens(text), parameters)]
    first = {fault.code: fault for fault in reversed(found)}
    return tuple(sorted(first.values(), key=lambda fault: fault.position or 0))


def _character_faults(text: str) -> Iterator[Fault]:
    if (at := blanked(text).find("\\")) >= 0:
        yield refuse("SQL-005", at)
    if (at := text.find("${")) >= 0:
        yield refuse("SQL-008", at)


def _comment_faults(text: str) -> Iterator[Fault]:
    for token in all_tokens(text) if has_comments(text) or "*/" in text else ():
        if token.kind is Kind.COMMENT:
            yield from comments.comment_faults(token.text, token.start)
        elif token.kind is Kind.BROKEN:
            yield comments.broken(token.text, token.start, text[token.end :])


def _token_faults(found: tuple[Token, ...], parameters: Mapping[str, ParameterValue]) -> Iterator[Fault]:
    short = {token.start for token in written_out(found) if token.text == SIGN}
    for token in found:
        if token.text != SIGN or token.start in short:
            yield from _one(token)
    for before, token in pairwise(found):
        yield from _neighbours(before, token)
    yield from _nesting(found)
    yield from _parameter_faults(found, {**parameters, AS_OF: date.min})


def _one(token: Token) -> Iterator[Fault]:
    limits = allowed().limits
    match token.kind:
        case Kind.MALFORMED:
            yield refuse("SQL-017", token.start, name=f"'{token.text[:20]}'", limit=limits.name)
        case Kind.WORD if len(token.text) > limits.name:
            yield refuse("SQL-017", token.start, name=f"'{token.text[:20]}…'", limit=limits.name)
        case Kind.QUOTED if not _is_quotable(token.text[1:-1]):
            yield refuse("SQL-017", token.start, name=f"{token.text[:20]!a}", limit=limits.name)
        case Kind.NUMBER if len(token.text) > limits.number:
            yield refuse("SQL-018", token.start, found=len(token.text), limit=limits.number)
        case Kind.TEXT:
            for character in filter(_is_hidden, token.text):
                yield refuse("SQL-011", token.start, name=f"U+{ord(character):04X}")
            for character in sorted(set(filter(is_odd_space, token.text))):
                named = f"U+{ord(character):04X} ({unicodedata.name(character).lower()})"
                yield refuse("SQL-020", token.start, name=named, hint=ord(character))
        case Kind.SYMBOL if token.text not in allowed().syntax.symbols:
            yield _symbol(token)


def _is_quotable(name: str) -> bool:
    plain = name.isascii() and name.isprintable() and not set(name) & set("'\"\\$")
    return plain and 0 < len(name) <= allowed().limits.name


def _is_hidden(character: str) -> bool:
    return is_invisible(character) and character not in "\t\n"


def _symbol(token: Token) -> Fault:
    match token.text:
        case "'" | "`":
            return refuse("SQL-009", token.start, name=token.text)
        case '"':
            return refuse("SQL-006", token.start)
        case ";":
            return refuse("SQL-007", token.start)
        case "::" | "!" | "&&" | "=>" | "<<" | ">>" | ">>>" | "|>" | "|" | ":" | "?":
            return refuse("SQL-015", token.start, name=f"'{token.text}'", hint=of_operator(token.text))
    shown = token.text if token.text.isascii() and token.text.isprintable() else f"U+{ord(token.text):04X}"
    return refuse("SQL-003", token.start, name=shown, hint=of_character(token.text))


def _neighbours(before: Token, token: Token) -> Iterator[Fault]:
    if token.kind is Kind.TEXT:
        yield from _text_after(before, token)
    if token.kind is Kind.QUOTED and before.kind is Kind.QUOTED and before.end == token.start:
        yield refuse("SQL-010", token.start)
    if _is_path(before, token):
        yield refuse("SQL-015", token.start, name="':'", hint=OF_PATH)
    elif token.kind is Kind.PARAMETER and before.end == token.start and before.text[-1] not in "(,=<>+-*/%|&^~":
        yield refuse("SQL-016", token.start, name=f"'{before.text[:20]}' without a space", hint=BETWEEN_TEXT)


def _is_path(before: Token | None, token: Token) -> bool:
    """Whether a colon stands between a name and another, as before a part of a value: address:city."""
    named = before is not None and before.kind in {Kind.WORD, Kind.QUOTED} and before.end == token.start
    return named and token.kind is Kind.PARAMETER


def _text_after(before: Token, token: Token) -> Iterator[Fault]:
    if before.kind is Kind.TEXT:
        yield refuse("SQL-010", token.start)
        return
    prefix = before.kind is Kind.WORD and before.word not in allowed().syntax.before_text
    if prefix or before.kind in {Kind.QUOTED, Kind.NUMBER, Kind.PARAMETER} or before.text in {")", "&", "^", "~", "."}:
        hint = of_text_after(before.text)
        yield refuse("SQL-016", token.start, name=f"'{before.text[:20]}'", hint=hint)


def _nesting(found: tuple[Token, ...]) -> Iterator[Fault]:
    """Brackets and CASEs, which Spark's parser goes down alike."""
    limit, opened = allowed().limits.nesting, list[str]()
    for before, token in zip((None, *found), found, strict=False):
        field = before is not None and before.text == "." and token.kind is Kind.WORD
        word = token.word if token.kind is not Kind.QUOTED and not field else ""
        if word in {"(", "case"}:
            opened.append(word)
            if len(opened) == limit + 1:
                yield refuse("SQL-012", token.start, limit=limit)
        elif word == "end" and opened and opened[-1] == "case":
            opened.pop()
        elif word == ")":
            if "(" not in opened:
                yield refuse("SQL-013", token.start, name="closed that was never opened")
            while opened and opened.pop() != "(":
                pass
    if "(" in opened:
        yield refuse("SQL-013", found[-1].start, name="never closed")


def _parameter_faults(found: Collection[Token], values: Mapping[str, ParameterValue]) -> Iterator[Fault]:
    for before, token in zip((None, *found), found, strict=False):
        if token.kind is Kind.PARAMETER and not _is_path(before, token):
            name = token.word.removeprefix(":")
            if name not in values:
                hint = did_you_mean(name, values)
                yield refuse("SQL-014", token.start, name=name, hint=f"{hint} " if hint else "")
                continue
            try:
                literal(values[name])
            except ValueError as problem:
                yield refuse("SQL-019", token.start, name=name, hint=str(problem))
