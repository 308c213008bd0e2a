"""
A statement as sqlglot's tree, of which a condition can be written back word by word.

sqlglot does not print every literal and function back as it was written. So before it reads, each of them stands in as
a name of ours, and is put back afterwards; what is left is of few classes, which Spark reads as sqlglot does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rules_engine.logical.plain_calls import MORE_AGGREGATES, is_plain, put_plainly
from rules_engine.logical.rewrites import STAND_IN, plainly
from rules_engine.sql.allow_list import Category, allowed
from rules_engine.sql.tokens import Kind, Token, tokens


class NotUnderstoodError(Exception):
    """A construct that this reading does not know: which, where that can be told."""


_PLAIN_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_STAND_IN = re.compile(rf"{STAND_IN}([0-9]+)__", re.IGNORECASE)
_OF_DAYS = {"day", "week", "month", "year"}
_HOLE = re.compile(r"\bhole_([0-9]+)_")
_OURS = re.compile(
    rf"\b({STAND_IN}\d+__|hole_\d+_|subjects_own_row|(hiding|derived|look_up|unnamed)_\d+_|placed_(among|others)?|limited_|left_joined"
    r"|of_groups?(_\d+)?|aggregate_\d+|made_\d+|row_before_\w+|__values?(_\d+|__)?|__returned_\w*|__unnamed_\d+)\b",
    re.IGNORECASE,
)
"""Names that relations, columns and values go by while they are read."""
Picked = TypeVar("Picked")
_NO_CALLS = {
    "and", "or", "not", "in", "exists", "between", "as", "on", "using", "from", "join", "where", "by", "having", "then",
    "when", "else", "case", "select", "with", "filter", "over", "distinct", "except", "intersect", "union", "like",
    "minus", "all", "semi", "anti", "count", "sum", "min", "max", "is", "avg", "count_if", "if", "coalesce", "bool_or",
    "row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value", "nth_value", "ntile",
    "percent_rank", "cume_dist", "bool_and", "max_by", "min_by", "extract",
    "cast",
}  # fmt: skip
"""Words before a bracket that are no calls, and aggregates, which are read as such."""

_SAME = {
    "every": "bool_and",
    "some": "bool_or",
    "any": "bool_or",
    "mean": "avg",
    "nvl": "coalesce",
    "ifnull": "coalesce",
    "collect_set": "collect_set",
    "collect_list": "collect_list",
    "array_agg": "collect_list",
}
"""Calls that Spark reads as another, or that are read of their own name."""
_OF_LISTS, _LISTS = (
    {"size", "cardinality", "array_size", "array_contains"},
    {"collect_set", "collect_list", "array_agg"},
)
"""Calls that say of a list what a count says of the rows that it is made of."""
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ)
_PREDICATES = (*_COMPARISONS, exp.Is, exp.In, exp.Between, exp.Like, exp.RegexpLike)
_ALIKE = (
    *_PREDICATES, exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.And, exp.Or, exp.Not, exp.Null, exp.Boolean,
    exp.Anonymous, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Case, exp.If, exp.Count, exp.Sum, exp.Min, exp.Max,
    exp.Star, exp.Distinct, exp.Avg, exp.Coalesce, exp.Window, exp.Order, exp.Ordered, exp.RowNumber, exp.Rank,
    exp.DenseRank, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue, exp.Ntile, exp.PercentRank,
    exp.CumeDist, exp.ArgMax, exp.ArgMin, exp.ArrayAgg, exp.ArrayUniqueAgg, exp.AnonymousAggFunc, exp.Dot, exp.Mod,
    exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot, exp.TryCast, exp.DataType, exp.DataTypeParam,
    exp.RegexpLike, exp.Var, exp.Extract, exp.Alias,
)  # fmt: skip


_BRACKETED: tuple[tuple[tuple[type[exp.Expr], ...], tuple[type[exp.Expr], ...]], ...] = (
    (_PREDICATES, (*_PREDICATES, exp.And, exp.Or, exp.Not)),
    ((exp.Not,), (exp.And, exp.Or)),
    ((exp.And,), (exp.Or,)),
    ((exp.Neg, exp.Mul, exp.Div, exp.Mod), (exp.Add, exp.Sub)),
)
"""Within expressions of some kinds those of others stand in brackets."""
_WORKED_OUT: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    **dict.fromkeys((exp.Add, exp.Sub), (exp.Add, exp.Sub)),
    **dict.fromkeys((exp.Mul, exp.Div, exp.Mod), (exp.Mul, exp.Div, exp.Mod)),
}
"""So do these on the right of the sign."""


@dataclass(frozen=True)
class QueryTree:
    """The tree, and the texts that its names of ours stand for."""

    root: exp.Query
    texts: tuple[str, ...]

    def text(self, node: exp.Expr) -> str | None:
        """A condition or a value as it was written; None where Spark might read it otherwise."""
        for part in node.walk():
            if (
                type(part) not in _ALIKE
                or _lacks_brackets(part)
                or (isinstance(part, exp.TryCast) and not is_plain(part))
            ):
                return None
        return self._written(node)

    def unread(self) -> str:
        """The first expression that has no text, as it was written; empty where each has one."""
        known = (*_ALIKE, exp.Query, exp.Subquery, exp.Exists, exp.Alias)
        for node in self.root.walk():
            if isinstance(node, exp.Condition) and not isinstance(node, known):
                return self._written(node)
        return ""

    def _written(self, node: exp.Expr) -> str:
        return _STAND_IN.sub(lambda found: self.texts[int(found[1])], node.sql("spark", comments=False))

    def called(self, node: exp.Expr) -> str:
        """The name of a function that sqlglot is not shown, in small letters."""
        called = isinstance(node, exp.Anonymous | exp.AnonymousAggFunc)
        found = _STAND_IN.fullmatch(str(node.this)) if called else None
        return self.texts[int(found[1])].lower() if found else ""

    def around(
        self, conditions: Sequence[exp.Expr], pick: Callable[[exp.Expr], Picked | None]
    ) -> Around[Picked] | None:
        """Conditions around what is picked of them, columns without their relations; None for what has no text."""
        found, texts = list[Picked](), list[str]()
        for condition in conditions:
            holder = exp.Paren(this=condition.copy())
            _put(holder, pick, found)
            for column in holder.find_all(exp.Column):
                column.set("table", None)
            text = self.text(holder.this)
            if text is None:
                return None
            texts.append(f"({text})" if isinstance(condition, exp.Or) else text)
        pieces, order, at, text = list[str](), list[int](), 0, " AND ".join(texts)
        for hole in _HOLE.finditer(text):
            pieces.append(text[at : hole.start()])
            order.append(int(hole[1]))
            at = hole.end()
        return Around((*pieces, text[at:]), tuple(found[number] for number in order))


def _lacks_brackets(node: exp.Expr) -> bool:
    """
    Whether what is written of a node would be read as another.

    No reader makes such a tree of a text: it comes of putting one expression in the place of another. And of a = b = c
    readers of SQL differ about what comes first.
    """
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div) and isinstance(node.expression, _WORKED_OUT[type(node)]):
        return True
    within = next((others for kinds, others in _BRACKETED if isinstance(node, kinds)), ())
    return any(isinstance(child, within) for child in node.iter_expressions())


class Around(NamedTuple, Generic[Picked]):
    """The pieces of a text around values, one more of them."""

    pieces: tuple[str, ...]
    values: tuple[Picked, ...]


def _put(node: exp.Expr, pick: Callable[[exp.Expr], Picked | None], found: list[Picked]) -> None:
    """Put a hole in the place of everything below a node that is picked."""
    for child in [*node.iter_expressions()]:
        value = pick(child)
        if value is None:
            _put(child, pick, found)
        else:
            found.append(value)
            child.replace(exp.column(f"hole_{len(found) - 1}_"))


def query_tree(sql: str, doubles: Set[str] = frozenset()) -> QueryTree:
    """
    A bound statement's tree; ``doubles`` are names that columns of doubles have, in small letters.

    Raises:
        NotUnderstoodError: If sqlglot makes nothing of it, or it holds an aggregate that is not read as one.
    """
    if _OURS.search(sql):
        raise NotUnderstoodError("a word that stands for something else while a rule is read")
    functions, numbers = allowed().functions, dict[str, int]()  # a rule may hold tens of thousands of texts
    pieces, at = list[str](), 0
    for first, after in _opaque(sql):
        text = sql[first:after]
        same = _SAME.get(text.lower())
        called = functions.get(text.lower())
        if called is not None and called.category is Category.GENERATOR:
            raise NotUnderstoodError(f"rows that {text.lower()} makes of a row")
        more = text.lower() in MORE_AGGREGATES
        if same is None and called is not None and called.category is Category.AGGREGATE and not more:
            raise NotUnderstoodError(f"the aggregate {text.lower()}")  # it would be read as a call about one row
        pieces += [sql[at:first], same or f"{STAND_IN}{numbers.setdefault(text, len(numbers))}__"]
        at = after
    try:
        root = sqlglot.parse_one("".join([*pieces, sql[at:]]), dialect="spark")
    except (SqlglotError, RecursionError) as problem:
        raise NotUnderstoodError("a text that only Spark reads") from problem
    if not isinstance(root, exp.Query):
        raise NotUnderstoodError("no query")
    _check_stars(root)
    _check_relations(root)
    _name_relations(root)
    put_plainly(root, numbers)
    root = plainly(root, doubles)
    for call in root.find_all(exp.ArrayAgg, exp.ArrayUniqueAgg, exp.AnonymousAggFunc):
        if call.find_ancestor(exp.Window):
            raise NotUnderstoodError("a window of a list, a percentile or bits")
    return QueryTree(root, tuple(numbers))


def _check_relations(root: exp.Expr) -> None:
    """Refuse what is said of a bracket beside its name, and a join of which Spark takes a word for a name."""
    for query in root.find_all(exp.Subquery):
        said = {name for name, value in query.args.items() if value} - {"this", "alias"}
        renames = bool(query.args.get("alias") and query.args["alias"].args.get("columns"))
        if said or (renames and isinstance(query.parent, exp.Subquery)):
            raise NotUnderstoodError("a query in brackets of which more is said after them")
    for join in root.find_all(exp.Join):
        if (join.args.get("kind") or "").upper() == "OUTER" and not join.args.get("side"):
            raise NotUnderstoodError("OUTER JOIN, where OUTER is the name of a relation")


def _name_relations(root: exp.Expr) -> None:
    """Change the tree: a query in brackets that rows are read from, and that has no name, gets one of ours."""
    items = (clause.this for clause in root.find_all(exp.From, exp.Join))
    for number, query in enumerate(of for of in items if isinstance(of, exp.Subquery) and not of.args.get("alias")):
        query.set("alias", exp.TableAlias(this=exp.to_identifier(f"unnamed_{number}_")))


def _check_stars(root: exp.Expr) -> None:
    """Refuse a ``*`` that is neither all that is returned nor every row that is counted."""
    for star in root.find_all(exp.Star):
        if any(star.args.values()):
            raise NotUnderstoodError("* without some columns")
        returned = star.parent if isinstance(star.parent, exp.Column) else star
        counted = returned is star and isinstance(star.parent, exp.Count)
        if not counted and not isinstance(returned.parent, exp.Select):
            raise NotUnderstoodError("* within a call, which is all columns of what it is asked of")


def is_stand_in(column: exp.Column) -> bool:
    """Whether a column is a literal's name of ours."""
    return bool(_STAND_IN.fullmatch(column.name))


def _opaque(sql: str) -> Iterator[tuple[int, int]]:
    """Where the literals and the names of functions stand that sqlglot is not shown."""
    words = tokens(sql)
    for place, token in enumerate(words):
        before = words[place - 1] if place else None
        after = words[place + 1] if place + 1 < len(words) else None
        if before is not None and before.word == "interval" and _is_of_days(words[place : place + 3]):
            yield before.start, words[place + 1].end
        elif token.kind is Kind.TEXT:
            typed = before is not None and before.word in {"date", "timestamp"}
            yield (before.start if before and typed else token.start), token.end
        elif (token.kind is Kind.NUMBER and not _PLAIN_NUMBER.fullmatch(token.text)) or (
            token.kind is Kind.WORD
            and after is not None
            and after.text == "("
            and token.word not in _NO_CALLS
            and not (token.word in _OF_LISTS and _LISTS & {each.word for each in words[place + 2 : place + 3]})
            and not (before is not None and (before.text in {".", ")"} or before.word in {"as", "with"}))
            and not _names_columns(words, place + 1)
        ):
            yield token.start, token.end


def _is_of_days(words: Sequence[Token]) -> bool:
    """Whether a number of one unit of days begins here, which with INTERVAL before it is a literal."""
    written = len(words) > 1 and words[0].text.strip("'").isdecimal() and words[1].kind is Kind.WORD
    return written and words[1].word.rstrip("s") in _OF_DAYS and [each.word for each in words[2:]] != ["to"]


def _names_columns(words: Sequence[Token], opening: int) -> bool:
    """Whether a bracket is of the columns of a WITH query: ``name (a, b) AS (…)``."""
    closing = next((at for at in range(opening, len(words)) if words[at].text == ")"), len(words))
    return [token.word for token in words[closing + 1 : closing + 3]] == ["as", "("]
