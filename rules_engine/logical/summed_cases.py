"""Points that CASEs give, added up and held against a number, as the conditions that make as many points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from sqlglot import exp

from rules_engine.logical.comparisons import COMPARE
from rules_engine.logical.rewrites import decimal

_MOST = 5
"""CASEs that are added up: of each it is asked whether it is met."""
_DIGITS, _INT = 6, 2**31
Met = tuple[bool | None, ...]
"""Of each CASE whether it is met; None where that is all one."""


class _Points(NamedTuple):
    """What a CASE of one WHEN gives where it is met, and where not; None where that is NULL."""

    condition: exp.Expr
    met: Decimal | None
    unmet: Decimal | None


def summed(condition: exp.Expr) -> list[list[tuple[exp.Expr, bool]]] | None:
    """
    An OR of ANDs of conditions, each with whether it is to be met, that says what a condition on points does.

    None where the condition is no comparison of such a sum with a number.
    """
    bare = condition.unnest()
    if not isinstance(bare, exp.Between) and (type(bare) not in COMPARE or _number(bare.expression) is None):
        return None
    terms = [*_added(bare.this.unnest(), Decimal(1))]
    told = [each for each in terms if isinstance(each, _Points)]
    if None in terms or not 0 < len(told) <= _MOST or _may_overflow(terms):
        return None
    plain = sum((each for each in terms if isinstance(each, Decimal)), Decimal(0))
    enough: set[Met] = {met for met in product((True, False), repeat=len(told)) if _is_enough(bare, told, met, plain)}
    return [
        [(points.condition, met) for points, met in zip(told, each, strict=True) if met is not None]
        for each in _shortest(enough, len(told))
    ]


def _added(node: exp.Expr, times: Decimal) -> Iterator[_Points | Decimal | None]:
    """What is added up; None for anything else than numbers and CASEs of numbers."""
    bare = node.unnest()
    number = _number(bare)
    if isinstance(bare, exp.Add | exp.Sub):
        yield from _added(bare.left, times)
        yield from _added(bare.right, times if isinstance(bare, exp.Add) else -times)
    elif isinstance(bare, exp.Mul) and (by := _number(bare.right)) is not None:
        yield from _added(bare.left, times * by)
    elif isinstance(bare, exp.Mul) and (by := _number(bare.left)) is not None:
        yield from _added(bare.right, times * by)
    elif isinstance(bare, exp.Case) and bare.this is None and len(bare.args["ifs"]) == 1:
        results = [_given(of, times) for of in (bare.args["ifs"][0].args["true"], bare.args.get("default"))]
        yield None if "" in results else _Points(bare.args["ifs"][0].this, *results)  # type: ignore[arg-type]
    else:
        yield None if number is None else number * times


def _may_overflow(terms: Sequence[_Points | Decimal | None]) -> bool:
    """Whether what is added up, or multiplied before, may be no INT, or lose digits."""
    values = [each for of in terms for each in (of[1:] if isinstance(of, _Points) else [of])]
    given = [each for each in values if isinstance(each, Decimal)]
    return sum(map(abs, given)) >= _INT or any(len(each.as_tuple().digits) > 3 * _DIGITS for each in given)


def _given(result: exp.Expr | None, times: Decimal) -> Decimal | str | None:
    """A number of points, None for NULL; an empty text for anything else."""
    if result is None or isinstance(result.unnest(), exp.Null):
        return None
    number = _number(result)
    return "" if number is None else number * times


def _is_enough(comparison: exp.Expr, told: Sequence[_Points], met: Met, plain: Decimal) -> bool:
    points = [each.met if is_met else each.unmet for each, is_met in zip(told, met, strict=True)]
    given = [each for each in points if each is not None]
    total = sum(given, plain)
    if len(given) < len(points):
        return False
    if isinstance(comparison, exp.Between):
        ends = _number(comparison.args["low"]), _number(comparison.args["high"])
        return ends[0] is not None and ends[1] is not None and ends[0] <= total <= ends[1]
    return COMPARE[type(comparison)](total, _number(comparison.expression) or Decimal(0))


def _number(node: exp.Expr) -> Decimal | None:
    """A short number that is written out, with its sign."""
    bare = node.unnest()
    number = decimal(bare.this.unnest() if isinstance(bare, exp.Neg) else bare)
    if number is None or len(number.as_tuple().digits) > _DIGITS:
        return None
    return -number if isinstance(bare, exp.Neg) else number


def _shortest(enough: set[Met], number: int) -> list[Met]:
    """Terms that together are true of just what is enough, each as short as can be (Quine and McCluskey)."""
    known = {
        each: covered
        for each in product((True, False, None), repeat=number)
        if (covered := {*_of(each)}) and covered <= enough
    }
    prime = {each: of for each, of in known.items() if not any(of < other for other in known.values())}
    return _chosen(prime, enough)


def _chosen(prime: Mapping[Met, set[Met]], enough: set[Met]) -> list[Met]:
    found, left = list[Met](), {*enough}
    for each in sorted(prime, key=lambda of: (-len(prime[of]), [str(met) for met in of])):
        if prime[each] & left:
            found.append(each)
            left -= prime[each]
    return found


def _of(term: Met) -> Iterator[Met]:
    yield from product(*((True, False) if met is None else (met,) for met in term))
