"""Rows of the rules database as values of the model, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

from rules_engine.errors import Fault, InvalidRule, raise_all
from rules_engine.model.canonical import canonical_json
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import membership_type_from, version_from
from rules_engine.model.rules import EffectivePeriod, MembershipType, RuleVersion

Row = Mapping[str, Any]
T = TypeVar("T")


def version_of(row: Row) -> RuleVersion:
    """The rule version of a row of ``rules.rule`` or ``rules.rule_history``."""
    content = {**row, "key": row["rule_key"], "weight": int(row["weight"])}
    return version_from(content, EffectivePeriod(row["effective_from"], row["effective_to"]))


def type_of(row: Row) -> MembershipType:
    """The membership type of a row of ``rules.membership_type``."""
    whole = {name: None if row[name] is None else int(row[name]) for name in ("margin", "veto_weight")}
    begun = row.get("effective_from")  # a text in a draft
    return membership_type_from({**row, **whole, "effective_from": date.fromisoformat(str(begun)) if begun else None})


def list_of(row: Row) -> ReferenceList:
    """The reference list of a row of ``rules.reference_list``."""
    return ReferenceList(row["name"], row["columns"], tuple(row["rows"]), row["description"])


def all_of(read: Callable[[Row], T], rows: Iterable[Row], which: str) -> tuple[T, ...]:
    """
    Every row read.

    Raises:
        InvalidRule: With the faults of all rows that make no valid value.
    """
    found: list[T] = []
    faults: list[Fault] = []
    for row in rows:
        name = f"{which} {row.get('rule_key', row.get('key', row.get('name')))}"
        try:
            found.append(read(row))
        except InvalidRule as problem:
            faults.extend(replace(fault, which=name, what=_after(fault)) for fault in problem.faults)
        except (ValueError, TypeError, KeyError, ArithmeticError, AttributeError) as problem:
            faults.append(Fault(name, f"its stored row cannot be read: {problem!r}.", "Publish a corrected version."))
    raise_all(InvalidRule, faults)
    return tuple(found)


def _after(fault: Fault) -> str:
    """What a fault says, with its subject where that is more than the rule itself."""
    return fault.what if fault.which.startswith(("Rule ", "Membership type ")) else f"its {fault.which}: {fault.what}"


def type_values(membership_type: MembershipType) -> dict[str, Any]:
    """The row of ``rules.membership_type`` that a membership type becomes."""
    return {
        "key": membership_type.key,
        "name": membership_type.name,
        "strategy": membership_type.strategy.value,
        "margin": membership_type.margin,
        "tie": membership_type.tie.value,
        "veto_weight": membership_type.veto_weight,
        "effective_from": membership_type.effective_from,
    }


def rule_values(version: RuleVersion) -> dict[str, Any]:
    """The columns of ``rules.rule`` that a wording becomes, without its key, its number and its days."""
    content = {name: value for name, value in version.content().items() if name not in ("key", "version")}
    return content | {name: canonical_json(content[name]) for name in ("parameters", "metadata")}


def wording(version: RuleVersion) -> str:
    """What a version says, without its number and its days: equal wordings are equal texts."""
    return canonical_json({name: value for name, value in version.content().items() if name != "version"})
