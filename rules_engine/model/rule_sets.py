"""The rule set of a day, and how it is frozen: written as canonical JSON and read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from rules_engine.errors import Fault, InvalidRule, raise_all
from rules_engine.model.canonical import canonical_json, decode_parameter
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import (
    BEGINNING,
    EffectivePeriod,
    Form,
    Kind,
    MembershipType,
    RuleVersion,
    Strategy,
    Tie,
    WhenUnknown,
)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """
    The versions in force on a day, as known at a moment, with the lists they look things up in; named by its digest.

    Versions are kept in canonical order (membership type, kind, weight, key),
    so equal content gives equal bytes. The digest covers the content of
    versions, membership types and reference lists, not the two clocks: the
    same rules on another day are the same rule set.

    Raises:
        InvalidRule: If a rule, a membership type or a list occurs twice, or a rule names an unknown membership type.
    """

    as_of: date
    known_at: datetime
    membership_types: tuple[MembershipType, ...]
    versions: tuple[RuleVersion, ...]
    reference_lists: tuple[ReferenceList, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "membership_types", tuple(sorted(self.membership_types, key=lambda m: m.key)))
        order = sorted(self.versions, key=lambda v: (v.membership_type, v.kind is Kind.EXCLUSION, v.weight, v.key))
        object.__setattr__(self, "versions", tuple(order))
        object.__setattr__(self, "reference_lists", tuple(sorted(self.reference_lists, key=lambda r: r.name)))
        raise_all(InvalidRule, self._faults())

    def _faults(self) -> Iterable[Fault]:
        types = [m.key for m in self.membership_types]
        for key in sorted({k for k in types if types.count(k) > 1}):
            yield Fault(f"Membership type {key}", "it is declared twice.", "Remove one.")
        lists = [r.name for r in self.reference_lists]
        for name in sorted({n for n in lists if lists.count(n) > 1}):
            yield Fault(f"Reference list {name}", "it is given twice.", "Remove one.")
        seen: dict[str, RuleVersion] = {}
        for version in self.versions:
            if version.key in seen:
                first = seen[version.key]
                yield Fault(
                    f"Rule {version.key}",
                    f"versions {first.version} and {version.version} are both in force on {self.as_of}.",
                    "End one before the other begins.",
                )
            seen[version.key] = version
            if version.membership_type not in types:
                yield Fault(
                    f"Rule {version.key}",
                    f"its membership type '{version.membership_type}' does not exist.",
                    "Add the membership type, or name one that exists.",
                )

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the content, in hexadecimal."""
        return hashlib.sha256(canonical_json(self.content()).encode()).hexdigest()

    def content(self) -> dict[str, Any]:
        said = {
            "membership_types": [_type_content(m) for m in self.membership_types],
            "versions": [v.content() for v in self.versions],
        }
        lists = {"reference_lists": [r.content() for r in self.reference_lists]}
        return said | lists if self.reference_lists else said

    def membership_type(self, key: str) -> MembershipType:
        return next(m for m in self.membership_types if m.key == key)


def policies_on(day: date, membership_types: Iterable[MembershipType]) -> tuple[MembershipType, ...]:
    """Of each type the policy of a day: that with the latest first day until then; of several, the last one given."""
    begun = sorted((m for m in membership_types if m.effective_from <= day), key=lambda m: m.effective_from)
    return tuple({m.key: m for m in begun}.values())


def _type_content(membership_type: MembershipType) -> dict[str, Any]:
    return {
        "key": membership_type.key,
        "name": membership_type.name,
        "strategy": membership_type.strategy.value,
        "margin": membership_type.margin,
        "tie": membership_type.tie.value,
        "veto_weight": membership_type.veto_weight,
    }


def freeze(rule_set: RuleSet) -> str:
    """
    The rule set as canonical JSON: what a run reads where there is no database.

    One line per version would be prettier; one canonical text is what a digest can name.
    """
    body = rule_set.content() | {
        "as_of": rule_set.as_of.isoformat(),
        "known_at": rule_set.known_at.isoformat(),
        "digest": rule_set.digest,
        "effective": {
            v.id: [v.effective.first.isoformat(), v.effective.end and v.effective.end.isoformat()]
            for v in rule_set.versions
        },
    }
    later = {m.key: m.effective_from.isoformat() for m in rule_set.membership_types if m.effective_from != BEGINNING}
    return canonical_json(body | {"policies_from": later} if later else body)


def thaw(text: str) -> RuleSet:
    """
    The rule set that :func:`freeze` wrote.

    Raises:
        InvalidRule: If the text is no frozen rule set or its content does not give the digest it names.
    """
    try:
        body = json.loads(text)
        periods = {k: EffectivePeriod(_day(a), b and _day(b)) for k, (a, b) in body["effective"].items()}
        begun = body.get("policies_from", {})
        rule_set = RuleSet(
            as_of=_day(body["as_of"]),
            known_at=datetime.fromisoformat(body["known_at"]),
            membership_types=tuple(
                membership_type_from(m | {"effective_from": _day(begun[m["key"]])} if m["key"] in begun else m)
                for m in body["membership_types"]
            ),
            versions=tuple(version_from(v, periods[f"{v['key']}/{v['version']}"]) for v in body["versions"]),
            reference_lists=tuple(ReferenceList(**r) for r in body.get("reference_lists", [])),
        )
        stated = body["digest"]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise InvalidRule(
            Fault("Frozen rule set", f"it cannot be read: {problem!r}.", "Freeze the rule set again.")
        ) from problem
    if rule_set.digest != stated:
        raise InvalidRule(
            Fault(
                "Frozen rule set",
                f"its content gives the digest {rule_set.digest[:12]}…, "
                f"the file says {str(stated)[:12]}…: it was altered.",
                "Freeze the rule set again from the database.",
            )
        )
    return rule_set


def membership_type_from(content: Mapping[str, Any]) -> MembershipType:
    """The membership type that a row or a file describes."""
    return MembershipType(
        key=content["key"],
        name=content.get("name") or "",
        strategy=Strategy(content.get("strategy") or "weight_sum"),
        margin=content.get("margin", 1),
        tie=Tie(content.get("tie") or "deny"),
        veto_weight=content.get("veto_weight"),
        effective_from=content.get("effective_from") or BEGINNING,
    )


def version_from(content: Mapping[str, Any], effective: EffectivePeriod) -> RuleVersion:
    """The version that :meth:`RuleVersion.content` described."""
    return RuleVersion(
        effective=effective,
        kind=Kind(content["kind"]),
        form=Form(content["form"]),
        when_unknown=WhenUnknown(content["when_unknown"]),
        parameters={name: decode_parameter(value) for name, value in content["parameters"].items()},
        **{
            name: content[name]
            for name in [
                "key",
                "version",
                "membership_type",
                "weight",
                "sql",
                "frame",
                "name",
                "category",
                "rule_type",
                "reason_code",
                "reason_text",
                "owner",
                "override",
                "shadow",
                "metadata",
            ]
        },
    )


def _day(text: str) -> date:
    return date.fromisoformat(text)
