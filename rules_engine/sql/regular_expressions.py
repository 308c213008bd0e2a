"""
Regular expressions that end soon on every text: a small language of our own, read here, of which Java's reads the same.

A pattern is characters, ``.``, classes such as ``[a-z0-9]`` and ``[^@]``, brackets with alternatives, ``?``, ``{n,m}``
and ``*`` or ``+`` after one character or class, ``^`` at its beginning and ``$`` at its end. What is not understood is
refused. Java tries alternatives and lengths one after the other, so what makes their number grow with the text is
refused, too: a repeat without end needs ``^`` before all, stands in no alternative, and what may follow it begins with
other characters; one alone may be followed by the same, for it is given back a character at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules_engine.sql.literals import is_invisible

LONGEST, MOST = 200, 100
"""Characters of a pattern, and a bounded repeat's most."""

WORK, WORK_OF_ENDLESS = 2_000, 500
"""Ways times length of what is not repeated without end: so much may be tried at each character of a text."""

Ranges = tuple[tuple[int, int], ...]

_LAST = 0x10FFFF
_LINE_ENDS: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x85, 0x85), (0x2028, 0x2029))
_SPECIAL = set("\\[](){}*+?|.^$")


class Unsound(Exception):
    """The pattern is refused: what it does, and what to write instead."""

    def __init__(self, what: str, instead: str) -> None:
        self.what, self.instead = what, instead


@dataclass(frozen=True, slots=True)
class Repeat:
    """One of some characters, as often as said; without ``most`` there is no end."""

    of: Ranges
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several sequences, or nothing where it is ``optional``."""

    among: tuple[tuple[Part, ...], ...]
    optional: bool


Part = Repeat | Choice


def judge(pattern: str) -> None:
    """
    Return if a pattern ends soon on every text.

    Raises:
        Unsound: If it may not, or is not understood.
    """
    if not pattern or len(pattern) > LONGEST:
        raise Unsound(f"has {len(pattern)} characters", f"Write one of 1 to {LONGEST}.")
    anchored, ended = pattern.startswith("^"), pattern.endswith("$")
    among = _Reader(pattern[anchored : len(pattern) - ended]).whole()
    if len(among) > 1 and (anchored or ended):
        raise Unsound("has alternatives beside '^' or '$'", "Put them into brackets: '^(a|b)$'.")
    parts = among[0] if len(among) == 1 else (Choice(among, optional=False),)
    endless = any(_endless(part) for part in parts)
    if _ways(parts) * max(_length(parts), 1) > (WORK_OF_ENDLESS if endless else WORK):
        raise Unsound("can be met in too many ways", "Take out repeats, '?' and alternatives, or ask two patterns.")
    if endless:
        _judge_endless(parts, anchored)


def _judge_endless(parts: Sequence[Part], anchored: bool) -> None:
    if not anchored:
        instead = "Begin it with '^', or leave the repeat out: 'abc' is looked for anywhere."
        raise Unsound("repeats without end and may begin anywhere", instead)
    given_back = False
    for at, part in enumerate(parts):
        if isinstance(part, Choice) and _endless(part):
            raise Unsound("repeats without end in an alternative", "Write {1,20} for '+', or ask two patterns.")
        if isinstance(part, Repeat) and part.most is None:
            if given_back:
                raise Unsound(
                    "repeats without end after a repeat of the same",
                    "Name other characters: '[^@]+@[a-z]+'; or say how often at most: '[a-z]{2,10}'.",
                )
            given_back = _overlap(part.of, _first(parts[at + 1 :]))


def _endless(part: Part) -> bool:
    return part.most is None if isinstance(part, Repeat) else any(_endless(p) for among in part.among for p in among)


def _ways(parts: Sequence[Part]) -> int:
    """In how many ways the parts can be met at one place, repeats without end counting once."""
    found = 1
    for part in parts:
        if isinstance(part, Repeat):
            found *= 1 if part.most is None else part.most - part.least + 1
        else:
            found *= sum(map(_ways, part.among)) + part.optional
    return found


def _length(parts: Sequence[Part]) -> int:
    """The most characters that the parts look at, repeats without end counting once."""
    lengths = (
        (part.most or 1) if isinstance(part, Repeat) else sum(_length(among) for among in part.among) for part in parts
    )
    return sum(lengths)


def _first(parts: Sequence[Part]) -> Ranges:
    """The characters that the parts can begin with."""
    found: list[tuple[int, int]] = []
    for part in parts:
        found += part.of if isinstance(part, Repeat) else [r for among in part.among for r in _first(among)]
        if not _nullable(part):
            break
    return tuple(found)


def _nullable(part: Part) -> bool:
    if isinstance(part, Repeat):
        return part.least == 0
    return part.optional or any(all(map(_nullable, among)) for among in part.among)


def _overlap(one: Ranges, other: Ranges) -> bool:
    return any(a <= d and c <= b for a, b in one for c, d in other)


def _others(ranges: Sequence[tuple[int, int]]) -> Ranges:
    found, at = list[tuple[int, int]](), 0
    for first, last in sorted(ranges):
        if first > at:
            found.append((at, first - 1))
        at = max(at, last + 1)
    return (*found, (at, _LAST)) if at <= _LAST else tuple(found)


class _Reader:
    """Reads a pattern without its anchors, character by character."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def whole(self) -> tuple[tuple[Part, ...], ...]:
        found = self._alternatives()
        if self.at < len(self.text):
            raise self._strange()
        return found

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _took(self, character: str) -> bool:
        took = self._next() == character
        self.at += took
        return took

    def _strange(self) -> Unsound:
        near = self.text[self.at :][:10] or "its end"
        instead = "Write characters, classes such as [0-9], brackets, '|', '?', '{2,5}', and '.', '*' or '+' after '^'."
        return Unsound(f"has something at '{near}' that is not understood here", instead)

    def _alternatives(self) -> tuple[tuple[Part, ...], ...]:
        found = [tuple(self._sequence())]
        while self._took("|"):
            found.append(tuple(self._sequence()))
        if not all(found):
            raise self._strange()
        return tuple(found)

    def _sequence(self) -> Iterator[Part]:
        while self._next() not in {"", "|", ")"}:
            if self._took("("):
                yield from self._group()
            else:
                yield Repeat(self._characters(), *self._often())

    def _group(self) -> Sequence[Part]:
        if self._took("?") and not self._took(":"):
            raise self._strange()
        among = self._alternatives()
        if not self._took(")"):
            raise self._strange()
        optional = self._took("?")
        if self._next() in {"*", "+", "?", "{"}:
            raise Unsound("repeats a bracket", "Repeat single characters or classes: '[ab]+', not '(a|b)+'.")
        return among[0] if len(among) == 1 and not optional else (Choice(among, optional),)

    def _characters(self) -> Ranges:
        if self._took("."):
            return _others(_LINE_ENDS)
        if self._took("["):
            return self._class()
        character = self._next()
        if character in _SPECIAL or is_invisible(character):
            raise self._strange()
        self.at += 1
        return ((ord(character), ord(character)),)

    def _class(self) -> Ranges:
        negated = self._took("^")
        end = self.text.find("]", self.at)
        inside = self.text[self.at : end]
        if end < 0 or not inside or set(inside) & set("\\[&^") or any(map(is_invisible, inside)):
            raise self._strange()
        found, at = list[tuple[int, int]](), 0
        while at < len(inside):
            last = at + 2 if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside) else at
            found.append((ord(inside[at]), ord(inside[last])))
            is_dash = inside[at] == "-" and 0 < at < len(inside) - 1
            if is_dash or inside[last] == "-" != inside[at] or found[-1][0] > found[-1][1]:
                raise self._strange()
            at = last + 1
        self.at = end + 1
        return _others(found) if negated else tuple(found)

    def _often(self) -> tuple[int, int | None]:
        found: tuple[int, int | None] = (1, 1)
        if self._took("*"):
            found = (0, None)
        elif self._took("+"):
            found = (1, None)
        elif self._took("?"):
            found = (0, 1)
        elif self._took("{"):
            found = self._bounds()
        if found != (1, 1) and self._next() in {"*", "+", "?", "{"}:
            raise self._strange()
        return found

    def _bounds(self) -> tuple[int, int | None]:
        end = self.text.find("}", self.at)
        least, comma, most = self.text[self.at : max(end, self.at)].partition(",")
        known = [each for each in (least, most) if each]
        if not least or not all(each.isascii() and each.isdigit() and len(each) < 6 for each in known):
            raise self._strange()
        if max(map(int, known)) > MOST or (most and int(most) < int(least)):
            raise Unsound(f"repeats {{{least}{comma}{most}}}", f"Write at most {MOST}, the smaller number first.")
        self.at = end + 1
        return int(least), (int(most) if most else None) if comma else int(least)
