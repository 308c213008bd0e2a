"""Conditions on one expression and values for it, of every type that is looked up, and what SQL says of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import ge, gt, le, lt, ne
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from rules_engine.logical.condition import AllOf, AnyOf, Expression, Not, Tree, family
from rules_engine.logical.condition import Test as Asks

COMPARED = {"<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True)
class Kind:
    """A Spark type, Arrow's for it, and the values and literals that are tried: they meet at every edge."""

    type: str
    arrow: pa.DataType
    values: list[Any]
    literals: list[Any]


def handed(values: Iterable[Any], arrow: pa.DataType) -> pa.Array:
    """A column as workers are handed it: a decimal is the whole number of its last place."""
    if not pa.types.is_decimal(arrow):
        return pa.array(values, arrow)
    return pa.array(
        [None if value is None else int(Decimal(value).scaleb(arrow.scale)) for value in values], pa.int64()
    )


def _decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


WIDE = [-(2**61), -1, 0, 1, 2, 70_000, 2**61]
TEXTS = ["", " ", "a", "a ", "A", "ab", "abc", "b", "a\x7f", "a\x7fx", "aé", "é", "ß", "a\ud7ff", "a\ud7ffz", "a\ue000"]
TEXTS += ["a\U0010ffff", "a\U0010ffffz", "\U0010ffff", "\U0010ffff\U0010ffff", "\uffff", "\U00010000"]
CENTS = _decimals("-5.00", "0.00", "0.01", "3.50", "9999999999.99", "-9999999999.99")
DOUBLES = [float("nan"), -0.0, 0.0, 1.5, -1.5, 0.1, 5e-324, float("inf"), float("-inf"), 9007199254740993.0]
DAYS = [date(1, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(2000, 2, 29), date(9999, 12, 31)]
MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 6, 1, 12, 30, tzinfo=UTC),
    datetime(2024, 6, 1, 12, 30, 0, 1, tzinfo=UTC),
]
KINDS = [
    Kind("smallint", pa.int16(), [-32768, -1, 0, 1, 32767], [-40_000, -1, 0, 1, 32767]),
    Kind("int", pa.int32(), list(range(-3, 9)), [*range(-2, 8), *_decimals("3", "4.0")]),
    Kind("bigint", pa.int64(), [-(2**63), *WIDE, 2**63 - 1], WIDE),
    Kind("decimal(12,2)", pa.decimal128(12, 2), CENTS, [*CENTS, 0, -5, *_decimals("3.5", "3.500")]),
    Kind("decimal(18,0)", pa.decimal128(18, 0), [10**18 - 1, 1 - 10**18, 0, 7], [0, 7, 10**18 - 1, 1 - 10**18]),
    Kind("double", pa.float64(), DOUBLES, [0, 1, -0.0, *_decimals("1.5", "0.1", "-1.5"), 2**53 + 1]),
    Kind("string", pa.string(), TEXTS, TEXTS),
    Kind("date", pa.date32(), DAYS, DAYS),
    Kind("timestamp", pa.timestamp("us", tz="UTC"), MOMENTS, MOMENTS),
    Kind("boolean", pa.bool_(), [True, False], [True, False]),
]


def trees(kind: Kind, name: str = "x") -> st.SearchStrategy[Tree]:
    """Conditions on an expression of a type, nested a few times."""
    return nested(_tests(kind, name))


def nested(leaves: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.builds(Not, inner), _several(AllOf, inner), _several(AnyOf, inner)),
        max_leaves=3,
    )


def _several(join: Any, inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.builds(join, st.lists(inner, min_size=2, max_size=2).map(tuple))


def _tests(kind: Kind, name: str) -> st.SearchStrategy[Tree]:
    of, literals = Expression(name, family(kind.type), name), st.sampled_from(kind.literals)
    signs = st.sampled_from(["=", "<=>", *COMPARED])
    compared = st.builds(lambda sign, value: Asks(of, sign, (value,)), signs, literals)
    listed = st.builds(lambda found: Asks(of, "in", tuple(found)), st.lists(literals, min_size=1, max_size=4))
    more = [st.just(Asks(of, "null"))]
    if kind.type == "boolean":
        more.append(st.just(Asks(of, "true")))
    if kind.type == "string":
        starts = st.sampled_from([text for text in TEXTS if text])
        more += 3 * [st.builds(lambda start: Asks(of, "prefix", (start,)), starts)]
    return st.one_of(compared, listed, *more)


def says(tree: Tree, row: Mapping[str, Any]) -> bool | None:
    """A condition on a row in SQL's three-valued logic."""
    match tree:
        case Not(of=inner):
            found = says(inner, row)
            return None if found is None else not found
        case AllOf(of=several):
            return _all([says(each, row) for each in several])
        case AnyOf(of=several):
            denied = _all([says(Not(each), row) for each in several])
            return None if denied is None else not denied
        case Asks():
            return _tested(tree, row[tree.of.name])
    raise AssertionError(tree)


def _all(found: list[bool | None]) -> bool | None:
    if False in found:
        return False
    return None if None in found else True


def _tested(test: Asks, value: Any) -> bool | None:
    if test.operator == "null":
        return value is None
    if value is None:
        return False if test.operator == "<=>" else None
    if test.operator == "true":
        return bool(value)
    if test.operator == "prefix":
        return bool(value.startswith(test.values[0]))
    literals: list[Any] = list(test.values)
    if isinstance(value, float):
        literals = [float(other) for other in literals]
    mine, others = _ordered(value), [_ordered(other) for other in literals]
    compared = COMPARED.get(test.operator)
    return mine in others if compared is None else bool(compared(mine, others[0]))


def _ordered(value: Any) -> Any:
    """A value in its order: texts by their bytes, NaN above every number."""
    match value:
        case str():
            return value.encode()
        case float():
            return (math.isnan(value), 0.0 if math.isnan(value) else value)
    return value


def written(tree: Tree, name: str, texts: Mapping[type, Any]) -> str:
    """A condition as SQL on a column; ``texts`` write its literals."""
    match tree:
        case Not(of=inner):
            return f"NOT ({written(inner, name, texts)})"
        case AllOf(of=several):
            return " AND ".join(f"({written(each, name, texts)})" for each in several)
        case AnyOf(of=several):
            return " OR ".join(f"({written(each, name, texts)})" for each in several)
        case Asks(operator="null"):
            return f"{name} IS NULL"
        case Asks(operator="true"):
            return name
        case Asks(operator="prefix", values=(str() as start,)):
            return f"{name} LIKE '{start}%'"
        case Asks(operator="in", values=values):
            return f"{name} IN ({', '.join(texts[type(value)](value) for value in values)})"
        case Asks(operator=sign, values=(value,)):
            return f"{name} {sign} {texts[type(value)](value)}"
    raise AssertionError(tree)
