"""
A bound condition as a conjunction of tests of single expressions, for an index over them.

It is read only where it can be taken apart without changing what it means: no
part may raise on a row that the condition as a whole would not have reached
(a division, a cast of a text, arithmetic that overflows), so a condition with
anything else in it is :class:`Opaque` and stays whole. The gates have
accepted the text before; what is read here is only what is recognised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from rules_engine.language.lexical import Kind, Token, tokens
from rules_engine.model.rules import ParameterValue

Value = ParameterValue | float

NUMBER, TEXT, DATE, TIMESTAMP, BOOLEAN = "number", "text", "date", "timestamp", "boolean"

_COMPARED = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "<=>": "<=>"}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPERATORS = {"+", "-", "*", "/", "%", "||", "&", "^", "~", "["}
_UNITS = {"interval", "year", "years", "month", "months", "week", "weeks", "day", "days", "date", "timestamp", "div"}
KEYWORDS = frozenset(
    "and or not in is null like between true false case when then else end date timestamp interval as distinct escape "
    "year years month months week weeks day days hour hours minute minutes second seconds from both leading trailing "
    "for div".split()
)
"""Words in a condition that are no columns unless they are quoted."""
_NAMED_SO = frozenset(
    "date timestamp year years month months week weeks day days hour hours minute minutes second seconds".split()
)
"""Keywords that are columns where they stand as one: ``date > DATE'2024-01-01'``."""
_WHOLE = re.compile(r"([0-9]+)[LSY]?", re.IGNORECASE)
_EXACT = re.compile(r"([0-9.]+)(?:BD)?|([0-9.]+E[+-]?[0-9]+)BD", re.IGNORECASE)
_PLAIN = re.compile(r"[a-z0-9_.]+")
_FUNCTIONS: Mapping[str, tuple[frozenset[str], str]] = {
    **dict.fromkeys(
        "year month day dayofmonth dayofweek weekday quarter weekofyear dayofyear".split(),
        (frozenset({DATE, TIMESTAMP}), NUMBER),
    ),
    **dict.fromkeys("lower upper lcase ucase trim ltrim rtrim".split(), (frozenset({TEXT}), TEXT)),
    **dict.fromkeys("length char_length character_length".split(), (frozenset({TEXT}), NUMBER)),
}
"""Functions of one column that never raise: what they take, and what they make of it."""
_OR_ELSE = {"coalesce", "ifnull", "nvl"}
_DAYS_BETWEEN = {"datediff", "date_diff"}


class Opaque(ValueError):
    """The condition is not recognised in full: it stays whole."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A scalar expression of one column that cannot raise: its normal form, its type's family, and text to run."""

    name: str
    family: str
    sql: str


@dataclass(frozen=True, slots=True)
class Test:
    """An expression held against literals: ``operator`` is a comparison, ``in``, ``null``, ``true`` or ``prefix``."""

    of: Expression
    operator: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """What is true where the other is false, and unknown where it is unknown."""

    of: Tree


@dataclass(frozen=True, slots=True)
class All:
    """Tests joined by AND."""

    of: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Tests joined by OR."""

    of: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Other:
    """A test that cannot raise and that no index of one expression answers, such as ``LIKE '%x'``."""


Tree = Test | Not | All | Any | Other


@dataclass(frozen=True, slots=True)
class Part:
    """One side of the top-level ANDs: its own text, and what it says."""

    sql: str
    tree: Tree

    @property
    def of(self) -> Expression | None:
        """The one expression it is about; None where it is about several or is not to be indexed."""
        found = list(tests_of(self.tree))
        one = {test.of.name for test in found if isinstance(test, Test)}
        return found[0].of if len(one) == 1 and all(isinstance(t, Test) for t in found) else None  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class Constants:
    """Values of expressions without a column, by their text; ``wanted`` collects those that are not known yet."""

    known: Mapping[str, Value | None]
    wanted: set[str]


def parts(sql: str, columns: Mapping[str, str], constants: Constants, frame: str = "") -> tuple[Part, ...]:
    """
    A bound condition's parts, in order.

    ``columns`` are the source's, in small letters, with Spark's types; the name of its ``frame`` may
    stand before them. Where constants are wanted, the answer is not final: ask again once they are known.

    Raises:
        Opaque: If any of it is not recognised, or could raise.
    """
    return tuple(_Reader(sql, columns, constants, frame).parts())


def names(sql: str) -> frozenset[str]:
    """Everything in a condition that could be a column, as :func:`parts` looks it up."""
    words = tokens(sql)
    found = set[str]()
    for place, token in enumerate(words):
        after = words[place + 1].text if place + 1 < len(words) else ""
        before = words[place - 1].text if place else ""
        if after in {"(", "."} or not _names_something(words, place):
            continue
        found.add(f"{words[place - 2].word}.{token.word}" if before == "." else token.word)
    return frozenset(found)


def _names_something(words: Sequence[Token], place: int) -> bool:
    token = words[place]
    if token.kind is not Kind.WORD:
        return token.kind is Kind.QUOTED
    if token.word in _NAMED_SO:
        return not _is_of_literal(words, place)
    return token.word not in KEYWORDS


def _is_of_literal(words: Sequence[Token], place: int) -> bool:
    """Whether a word such as DATE or DAY belongs to a literal, an interval or a type, and is no column."""
    after = words[place + 1] if place + 1 < len(words) else None
    before = words[place - 1] if place else None
    if before is not None and (before.kind in {Kind.NUMBER, Kind.TEXT} or before.word == "as"):
        return True
    return after is not None and (after.kind is Kind.TEXT or after.word == "from")


def family(type_: str) -> str:
    """The family of a Spark SQL type; empty for one that is not compared here."""
    if type_ in {"tinyint", "smallint", "int", "bigint", "float", "double"} or type_.startswith("decimal("):
        return NUMBER
    return {"string": TEXT, "date": DATE, "timestamp": TIMESTAMP, "boolean": BOOLEAN}.get(type_, "")


def family_of(value: Value) -> str:
    match value:
        case bool():
            return BOOLEAN
        case str():
            return TEXT
        case datetime():
            return TIMESTAMP
        case date():
            return DATE
    return NUMBER


def tests_of(tree: Tree) -> Iterator[Test | Other]:
    match tree:
        case Not(of=inner):
            yield from tests_of(inner)
        case All(of=several) | Any(of=several):
            for each in several:
                yield from tests_of(each)
        case Test() | Other():
            yield tree


@dataclass(frozen=True, slots=True)
class _Constant:
    value: Value


class _Reader:
    """Reads tokens from left to right; ``at`` is the next one."""

    def __init__(self, sql: str, columns: Mapping[str, str], constants: Constants, frame: str) -> None:
        if "\\" in sql:
            raise Opaque("an escaped text")
        self.sql, self.columns, self.constants, self.frame = sql, columns, constants, frame.lower()
        self.tokens = tokens(sql)
        self.at = 0

    def parts(self) -> Iterator[Part]:
        found = list(self._joined("and", self._negated))
        if self._word() == "or":
            self.at = 0
            found = [(self._either(), 0, len(self.tokens))]
        if self.at != len(self.tokens):
            raise Opaque(self.tokens[self.at].text)
        for tree, first, after in found:
            yield from self._flat(tree, first, after)

    def _flat(self, tree: Tree, first: int, after: int) -> Iterator[Part]:
        """A part in brackets that is a conjunction itself is its parts."""
        if isinstance(tree, All) and self.tokens[first].text == "(":
            inner = self.sql[self.tokens[first].end : self.tokens[after - 1].start]
            yield from parts(inner, self.columns, self.constants, self.frame)
        else:
            yield Part(self.sql[self.tokens[first].start : self.tokens[after - 1].end], tree)

    def _joined(self, word: str, one: object) -> Iterator[tuple[Tree, int, int]]:
        while True:
            first = self.at
            tree = one()  # type: ignore[operator]
            yield tree, first, self.at
            if not self._took(word):
                return

    def _either(self) -> Tree:
        found = tuple(tree for tree, _, _ in self._joined("or", self._all))
        return found[0] if len(found) == 1 else Any(found)

    def _all(self) -> Tree:
        found = tuple(tree for tree, _, _ in self._joined("and", self._negated))
        return found[0] if len(found) == 1 else All(found)

    def _negated(self) -> Tree:
        return Not(self._negated()) if self._took("not") else self._test()

    def _test(self) -> Tree:
        if self._text() == "(" and not self._is_number_in_brackets():
            self.at += 1
            inner = self._either()
            self._take(")")
            if self._text() in {*_COMPARED, *_OPERATORS} or self._word() in {"is", "in", "between", "like", "not"}:
                raise Opaque("a test of a bracket")
            return inner
        left = self._operand()
        if (sign := _COMPARED.get(self._text())) is not None:
            self.at += 1
            return _compared(left, sign, self._operand())
        if self._took("is"):
            return self._is(left)
        denied = self._took("not")
        tree = self._listed(left, denied=denied)
        return Not(tree) if denied else tree

    def _is(self, left: Expression | _Constant) -> Tree:
        denied = self._took("not")
        if not isinstance(left, Expression):
            raise Opaque("IS of a literal")
        if self._took("null"):
            tree: Tree = Test(left, "null")
        elif left.family == BOOLEAN and self._word() in {"true", "false"}:
            tree = Test(left, "<=>", (self._took("true") or not self._took("false"),))
        else:
            raise Opaque("IS")
        return Not(tree) if denied else tree

    def _listed(self, left: Expression | _Constant, *, denied: bool) -> Tree:
        if self._took("in"):
            self._take("(")
            return _in(left, [operand for operand, _, _ in self._operands()])
        if self._took("between"):
            low = self._operand()
            self._take("and")
            high = self._operand()
            return All((_compared(left, ">=", low), _compared(left, "<=", high)))
        if self._took("like"):
            return _like(left, self._operand())
        if denied or not isinstance(left, Expression) or left.family != BOOLEAN:
            raise Opaque("no test")
        return Test(left, "true")

    def _operands(self) -> Iterator[tuple[Expression | _Constant, int, int]]:
        while True:
            first = self.at
            yield self._operand(), first, self.at
            if not self._took(","):
                self._take(")")
                return

    def _operand(self) -> Expression | _Constant:
        first = self.at
        if (plain := self._literal()) is not None and self._text() not in _OPERATORS and not self._is_word_operator():
            return plain
        self.at = first
        if self._skip_constant():
            if self.tokens[self.at - 1].text in _OPERATORS:
                raise Opaque("arithmetic")
            return self._constant(self.sql[self.tokens[first].start : self.tokens[self.at - 1].end])
        self.at = first
        found = self._expression()
        if self._text() in _OPERATORS or self._is_word_operator():
            raise Opaque("arithmetic")
        return found

    def _is_word_operator(self) -> bool:
        return self._word() in {"div", "collate", "at"}

    def _is_number_in_brackets(self) -> bool:
        return [t.text for t in self.tokens[self.at : self.at + 2]] == ["(", "-"]

    def _literal(self) -> _Constant | None:
        """A literal, the next token or two or four; None where something else is next."""
        if self._is_number_in_brackets():
            self.at += 1
            found = self._literal()
            return found if found is not None and self._took(")") else None
        sign = -1 if self._took("-") else 1
        token = self._next()
        if token is None:
            return None
        self.at += 1
        if token.kind is Kind.NUMBER:
            return _Constant(_number(token.text, sign))
        return self._written(token) if sign > 0 else None

    def _written(self, token: Token) -> _Constant | None:
        """A text, a truth value, or the day or moment that the next token is."""
        if token.kind is Kind.TEXT:
            return _Constant(token.text[1:-1])
        following = self._next()
        if token.word in {"date", "timestamp"} and following is not None and following.kind is Kind.TEXT:
            self.at += 1
            return _Constant(_moment(token.word, following.text[1:-1]))
        truth = token.kind is Kind.WORD and token.word in {"true", "false"}
        return _Constant(token.word == "true") if truth else None

    def _skip_constant(self) -> bool:
        """Step over an expression that names no column; whether there was one."""
        depth, first = 0, self.at
        while (token := self._next()) is not None:
            if token.text == "(":
                depth += 1
            elif token.text == ")":
                depth -= 1
            elif depth == 0 and not self._goes_on(token):
                break
            if depth < 0:
                break
            if not self._is_constant(token):
                return False
            self.at += 1
        return self.at > first

    def _goes_on(self, token: Token) -> bool:
        """Whether a token outside brackets can still be of an arithmetic expression."""
        plain = token.kind in {Kind.NUMBER, Kind.TEXT} or token.text in _OPERATORS
        return plain or self._is_unit(token) or self._is_called(self.at) or token.word in {"true", "false"}

    def _is_constant(self, token: Token) -> bool:
        if token.kind is Kind.WORD:
            return self._is_unit(token) or token.word in {"true", "false"} or self._is_called(self.at)
        return token.kind in {Kind.NUMBER, Kind.TEXT} or token.text in {*_OPERATORS, "(", ")", ","}

    def _is_unit(self, token: Token) -> bool:
        known = token.kind is Kind.WORD and token.word in _UNITS
        return known and (token.word not in self.columns or _is_of_literal(self.tokens, self.at))

    def _is_called(self, at: int) -> bool:
        following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        return self.tokens[at].kind is Kind.WORD and following is not None and following.text == "("

    def _constant(self, sql: str) -> _Constant:
        if sql not in self.constants.known:
            self.constants.wanted.add(sql)
            raise Opaque("a constant that is not known yet")
        value = self.constants.known[sql]
        if value is None:
            raise Opaque("a constant without a value")
        return _Constant(value)

    def _expression(self) -> Expression:
        first = self.at
        name = self._word()
        if not self._is_called(self.at):
            return self._column()
        self.at += 2
        found = [operand for operand, _, _ in self._operands()]
        text = "".join(t.text if t.kind is Kind.TEXT else t.word for t in self.tokens[first : self.at])
        sql = self.sql[self.tokens[first].start : self.tokens[self.at - 1].end]
        return Expression(text, _family_of_call(name, found), sql)

    def _column(self) -> Expression:
        first, name = self.at, self._name()
        if self._took("."):
            name = f"{name}.{self._name()}" if name != self.frame else self._name()
        if self._text() == "." or not (kind := family(self.columns.get(name, ""))):
            raise Opaque("no column of a type that is compared here")
        normal = name if _PLAIN.fullmatch(name) else f"`{name}`"
        return Expression(normal, kind, self.sql[self.tokens[first].start : self.tokens[self.at - 1].end])

    def _name(self) -> str:
        token = self._next()
        if token is None or token.kind not in {Kind.WORD, Kind.QUOTED} or "." in token.text:
            raise Opaque("no column")
        self.at += 1
        return token.word

    def _next(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _text(self) -> str:
        token = self._next()
        return token.text if token is not None else ""

    def _word(self) -> str:
        token = self._next()
        return token.word if token is not None and token.kind is Kind.WORD else ""

    def _took(self, word: str) -> bool:
        if word in {self._word(), self._text()}:
            self.at += 1
            return True
        return False

    def _take(self, word: str) -> None:
        if not self._took(word):
            raise Opaque(f"{self._text()} for {word}")


def _compared(left: Expression | _Constant, sign: str, right: Expression | _Constant) -> Tree:
    if isinstance(left, _Constant):
        left, sign, right = right, _TURNED.get(sign, sign), left
    if not isinstance(left, Expression):
        raise Opaque("two literals")
    if isinstance(right, _Constant):
        if family_of(right.value) != left.family:
            raise Opaque("a comparison of different types")
        return Test(left, sign, (right.value,))
    if left.family != right.family:
        raise Opaque("a comparison of different types")
    return Other()


def _in(left: Expression | _Constant, found: list[Expression | _Constant]) -> Tree:
    values = tuple(operand.value for operand in found if isinstance(operand, _Constant))
    if not isinstance(left, Expression) or len(values) != len(found):
        raise Opaque("IN of columns")
    if any(family_of(value) != left.family for value in values):
        raise Opaque("IN of different types")
    return Test(left, "in", values)


def _like(left: Expression | _Constant, pattern: Expression | _Constant) -> Tree:
    if not isinstance(left, Expression) or left.family != TEXT:
        raise Opaque("LIKE of no text")
    if not isinstance(pattern, _Constant) or not isinstance(pattern.value, str):
        raise Opaque("LIKE of no literal")
    start = pattern.value.removesuffix("%")
    if "%" in start or "_" in start or not start:
        return Other()
    return Test(left, "=" if start == pattern.value else "prefix", (start,))


def _family_of_call(name: str, found: list[Expression | _Constant]) -> str:
    match found:
        case [Expression(family=of)] if name in _FUNCTIONS and of in _FUNCTIONS[name][0]:
            return _FUNCTIONS[name][1]
        case [Expression(family=of), _Constant(value=value)] if name in _OR_ELSE and family_of(value) == of:
            return of
        case [Expression(family="date"), _Constant(value=date())] if name in _DAYS_BETWEEN:
            return NUMBER
        case [_Constant(value=date()), Expression(family="date")] if name in _DAYS_BETWEEN:
            return NUMBER
    raise Opaque(f"a call of {name}")


def _number(text: str, sign: int) -> Value:
    """An exact number; one with an exponent is a double, and so is what is compared with it."""
    minus = "-" if sign < 0 else ""
    if whole := _WHOLE.fullmatch(text):
        return int(f"{minus}{whole[1]}")
    if exact := _EXACT.fullmatch(text):
        return Decimal(f"{minus}{exact[1] or exact[2]}")
    raise Opaque("a literal of another kind")


def _moment(word: str, text: str) -> Value:
    try:
        if word == "date":
            return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError as problem:
        raise Opaque("no date") from problem
