"""
A condition taken apart at its ANDs and ORs, so that each clause can be asked by itself.

The gates have accepted the text before. Whatever is no AND, OR or pair of brackets around them stays one clause, and
the truth of the whole follows from those of its clauses by SQL's three-valued logic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rules_engine.sql.lexer import blanked
from rules_engine.sql.tokens import Kind, Token, tokens

Truth = bool | None
"""True, false, or unknown."""

AND, OR = "and", "or"


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause by its own text; where it is joined of others, by what (``and``, ``or``) and of which."""

    sql: str
    joined: str = ""
    of: tuple[Clause, ...] = ()

    def leaves(self) -> Iterator[Clause]:
        """The clauses that are not joined of others, in their order."""
        for leaf, _ in self.leaves_within():
            yield leaf

    def leaves_within(self, within: str = "") -> Iterator[tuple[Clause, str]]:
        """The same, each with what joins it to its neighbours."""
        if not self.of:
            yield self, within
        for each in self.of:
            yield from each.leaves_within(self.joined)

    def truth(self, of_leaf: Mapping[str, Truth]) -> Truth:
        """What the whole is where its leaves, by their texts, are so."""
        if not self.of:
            return of_leaf[self.sql]
        found = [each.truth(of_leaf) for each in self.of]
        decides = self.joined == OR
        if decides in found:
            return decides
        return None if None in found else not decides


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    A clause that holds one value against others: ``operator`` in capitals, such as ``>=``, ``IN`` or ``IS NULL``.

    ``denied`` says that a NOT is about it. The texts are those of the clause.
    """

    left: str
    operator: str
    right: tuple[str, ...] = ()
    denied: bool = False

    def needed(self, values: Sequence[str]) -> str:
        """What is needed of the left side, in words, where the right sides have these values."""
        said = {
            "=": "{0}", "==": "{0}", "<=>": "{0}", "<>": "anything but {0}", "!=": "anything but {0}",
            "<": "less than {0}", "<=": "at most {0}", ">": "more than {0}", ">=": "at least {0}",
            "BETWEEN": "from {0} to {1}", "IS NULL": "no value", "IS TRUE": "true", "LIKE": "like {0}",
            "RLIKE": "like the pattern {0}", "ILIKE": "like {0} in any letters",
        }  # fmt: skip
        if self.operator == "IN":
            words = f"one of {', '.join(values)}" if len(values) > 1 else values[0]
        else:
            words = said[self.operator].format(*values)
        if self.denied:
            return {"no value": "a value", "true": "false"}.get(words, f"not {words}")
        return words


def taken_apart(sql: str) -> Clause:
    """A condition as its clauses; comments are left out."""
    text = blanked(sql)
    return _clause(text, tokens(text))


def comparison(sql: str) -> Comparison | None:
    """What a clause holds against what; None where it is of no such shape."""
    words = list(tokens(sql))
    denied = False
    while words and words[0].word == "not" and words[0].kind is Kind.WORD:
        words, denied = words[1:], not denied
        words = list(_within_brackets(words))
    places = [(place, words[place]) for place in _outermost(words)]
    if not words or any(token.word == "select" and token.kind is Kind.WORD for token in words):
        return None
    signs = any(token.text in _SYMBOLS for _, token in places)
    found = (_by_symbol if signs else _by_word)(sql, words, places)
    if found is None or _cuts(words, AND) or _cuts(words, OR):
        return None
    return Comparison(found.left, found.operator, found.right, found.denied != denied)


def columns_read(sql: str, columns: Mapping[str, object]) -> dict[str, str]:
    """
    The texts by which a condition names columns, and the columns' names, in order; ``columns`` are in small letters.

    With a qualifier where the condition has one. A name that another scope means by the same word is among them.
    """
    words, found = tokens(blanked(sql)), dict[str, str]()
    for place, token in enumerate(words):
        named = token.kind in {Kind.WORD, Kind.QUOTED} and token.word in columns
        called = place + 1 < len(words) and words[place + 1].text in {"(", "."}
        if not named or called:
            continue
        qualified = place > 1 and words[place - 1].text == "."
        text = f"{words[place - 2].text}.{token.text}" if qualified else token.text
        found.setdefault(text, token.word)
    return found


def _clause(sql: str, words: Sequence[Token]) -> Clause:
    words = _within_brackets(words)
    text = sql[words[0].start : words[-1].end] if words else ""
    for joined in (OR, AND):
        cuts = _cuts(words, joined)
        if cuts:
            ends = [*cuts, len(words)]
            starts = [0, *(cut + 1 for cut in cuts)]
            of = (_clause(sql, words[a:b]) for a, b in zip(starts, ends, strict=True))
            return Clause(text, joined, tuple(of))
    return Clause(text)


def _cuts(words: Sequence[Token], joined: str) -> list[int]:
    """Where a word joins clauses at the outermost level; the AND of a BETWEEN joins none."""
    cuts, ranges = list[int](), 0
    for place in _outermost(words):
        token = words[place]
        if token.kind is not Kind.WORD or (place and words[place - 1].text == "."):
            continue
        ranges += token.word == "between"
        if token.word == "and" and ranges:
            ranges -= 1
        elif token.word == joined:
            cuts.append(place)
    return cuts


def _outermost(words: Sequence[Token]) -> Iterator[int]:
    """Places of the tokens in no brackets and in no CASE; what opens and closes these is inside."""
    depth = 0
    for place, token in enumerate(words):
        word = "" if token.kind is Kind.QUOTED or (place and words[place - 1].text == ".") else token.word
        opens, closes = word in {"(", "case"}, word in {")", "end"}
        if not depth and not opens:
            yield place
        depth += opens - closes


def _within_brackets(words: Sequence[Token]) -> Sequence[Token]:
    """The tokens without brackets around all of them."""
    while len(words) > 2 and words[0].text == "(" and words[-1].text == ")":
        depth, closing = 0, 0
        for place, token in enumerate(words):
            depth += (token.text == "(") - (token.text == ")")
            if not depth:
                closing = place
                break
        if closing != len(words) - 1 or words[1].word in {"select", "with"}:
            break
        words = words[1:-1]
    return words


_SYMBOLS = ("=", "==", "<=>", "<>", "!=", "<", "<=", ">", ">=")


def _by_symbol(sql: str, words: Sequence[Token], places: Sequence[tuple[int, Token]]) -> Comparison | None:
    signs = [(place, token.text) for place, token in places if token.text in _SYMBOLS]
    if len(signs) != 1 or not 0 < signs[0][0] < len(words) - 1:
        return None
    place, sign = signs[0]
    return Comparison(_text(sql, words[:place]), sign, (_text(sql, words[place + 1 :]),))


def _by_word(sql: str, words: Sequence[Token], places: Sequence[tuple[int, Token]]) -> Comparison | None:
    keywords = {"is", "in", "between", "like", "rlike", "ilike"}
    found = [(place, t.word) for place, t in places if t.kind is Kind.WORD and t.word in keywords]
    if not found:
        return Comparison(_text(sql, words), "IS TRUE")
    if len(found) > 1 or not found[0][0]:
        return None
    place, word = found[0]
    before, after = words[:place], words[place + 1 :]
    denied = before[-1].word == "not"
    left = _text(sql, before[:-1] if denied else before)
    operator, right, also = _after(sql, word, after)
    return Comparison(left, operator, right, denied != also) if operator else None


def _after(sql: str, word: str, after: Sequence[Token]) -> tuple[str, tuple[str, ...], bool]:
    """What follows a keyword: the operator, its texts, whether a NOT stands there; no operator for another shape."""
    found: tuple[str, tuple[str, ...], bool] = ("", (), False)
    match word, [token.word for token in after]:
        case "is", [*negation, ("null" | "true") as what] if negation in ([], ["not"]):
            found = f"IS {what.upper()}", (), bool(negation)
        case "in", ["(", *_, ")"]:
            found = "IN", tuple(_listed(sql, after[1:-1])), False
        case "between", _:
            cut = next((at for at in _outermost(after) if after[at].word == "and"), 0)
            found = "BETWEEN", (_text(sql, after[:cut]), _text(sql, after[cut + 1 :])), False
        case (("like" | "rlike" | "ilike"), [_]):
            found = word.upper(), (_text(sql, after),), False
    return found


def _listed(sql: str, words: Sequence[Token]) -> Iterator[str]:
    cuts = [place for place in _outermost(words) if words[place].text == ","]
    for first, after in zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(words)], strict=True):
        yield _text(sql, words[first:after])


def _text(sql: str, words: Sequence[Token]) -> str:
    return sql[words[0].start : words[-1].end] if words else ""
