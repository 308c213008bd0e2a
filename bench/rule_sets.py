"""Rule sets by name: ``customers-700``, ``holdings-250``, ``selects-50``, ``all-1000``, ``with-100``, ``mixed-1000``, ``worded-60``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from random import Random
from types import ModuleType

from bench import cohort_data, cohorts, data, holding_rules, mixed, mixed_data, predicates, selects, worded
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion

AS_OF = date(2024, 6, 1)
KNOWN_AT = datetime(2024, 6, 1, tzinfo=UTC)

Written = tuple[Form, str, str]
"""Form, frame and SQL of a rule."""


def rule_set(name: str, seed: int = 1) -> RuleSet:
    """
    The rule set of a name, the same for the same seed.

    Raises:
        ValueError: If there is no such kind of set.
    """
    what, _, size = name.rpartition("-")
    if what in VERSIONS:
        return RuleSet(AS_OF, KNOWN_AT, mixed.TYPES, VERSIONS[what](int(size), seed))
    if what not in MAKERS:
        raise ValueError(
            f"There is no set of rules '{name}'. Say one of {', '.join([*MAKERS, *VERSIONS])}, and a number: all-100."
        )
    chance = Random(f"{seed} {name}")
    types = [MembershipType(f"TYPE-{number:02d}") for number in range(1, 2 + min(7, int(size) // 100))]
    versions = [
        _version(number, written, chance, types) for number, written in enumerate(MAKERS[what](chance, int(size)))
    ]
    return RuleSet(AS_OF, KNOWN_AT, tuple(types), tuple(versions))


def data_of(name: str) -> ModuleType:
    """The module that makes the lake that a set's rules are about."""
    return {"with": cohort_data, **dict.fromkeys(VERSIONS, mixed_data)}.get(name.rpartition("-")[0], data)


def _version(number: int, written: Written, chance: Random, types: list[MembershipType]) -> RuleVersion:
    form, frame, sql = written
    return RuleVersion(
        key=f"R-{number:05d}",
        version=1,
        kind=chance.choice([Kind.INCLUSION, Kind.INCLUSION, Kind.EXCLUSION]),
        membership_type=chance.choice(types).key,
        weight=chance.choice([5, 10, 20, 30, 50]),
        form=form,
        frame=frame,
        sql=sql,
        metadata={"true_when_empty": True},  # nobody reads made rules for what they say of missing data
    )


def _customers(chance: Random, size: int) -> list[Written]:
    return [(Form.PREDICATE, "customers", predicates.predicate(chance)) for _ in range(size)]


def _holdings(chance: Random, size: int) -> list[Written]:
    """Two in five say what one row must be; the others ask for all rows of a customer."""
    return [
        (Form.PREDICATE, "holdings", holding_rules.predicate(chance))
        if chance.random() < 0.4
        else (Form.STATEMENT, "", holding_rules.statement(chance))
        for _ in range(size)
    ]


def _selects(chance: Random, size: int) -> list[Written]:
    return [(Form.STATEMENT, "", selects.statement(chance)) for _ in range(size)]


def _all(chance: Random, size: int) -> list[Written]:
    """70 % on the customer, 25 % on holdings, 5 % complete SELECTs."""
    of_holdings, complete = round(size * 0.25), max(1, round(size * 0.05))
    return [
        *_customers(chance, size - of_holdings - complete),
        *_holdings(chance, of_holdings),
        *_selects(chance, complete),
    ]


def _cohorts(chance: Random, size: int) -> list[Written]:
    return [(Form.STATEMENT, "", cohorts.query(chance)) for _ in range(size)]


MAKERS: dict[str, Callable[[Random, int], list[Written]]] = {
    "customers": _customers,
    "holdings": _holdings,
    "selects": _selects,
    "all": _all,
    "with": _cohorts,
}
VERSIONS: dict[str, Callable[[int, int], tuple[RuleVersion, ...]]] = {
    "mixed": mixed.versions,
    "worded": worded.versions,
}
"""Sets over the lake of :mod:`bench.mixed_data`."""
