"""One entry of a rules file as values of the model, and back: the part that YAML and CSV share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from rules_engine.errors import Fault, InvalidRule, did_you_mean
from rules_engine.model import lengths
from rules_engine.model.canonical import ParameterValue, canonical_json, decode_parameter
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

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

Entry = Mapping[str, Any]
"""A rule or membership type as a file says it: flat, ``effective_from`` for ``effective: {from: …}``."""


class WrittenEntry(dict[str, Any]):
    """An entry that knows how its values are written, where that is not as Python shows them: 007, 1e3, NO."""

    def __init__(self, fields: Iterable[tuple[str, Any]], written: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.written = written


def as_written(entry: Entry) -> Mapping[str, Any]:
    """An entry's values as they stand in its file."""
    return {**entry, **getattr(entry, "written", {})}


def said(value: object, written: object) -> object:
    """A value as it is written, if it is one word."""
    return written if isinstance(written, str) else value


RULE_FIELDS = (
    "key",
    "name",
    "kind",
    "membership_type",
    "weight",
    "frame",
    "sql",
    "select",
    "parameters",
    "when_unknown",
    "category",
    "rule_type",
    "reason_code",
    "reason_text",
    "owner",
    "override",
    "shadow",
    "metadata",
    "effective_from",
    "effective_to",
)
READABLE_RULE_FIELDS = (*RULE_FIELDS, "form")
"""A file may say the form; where it does not, a SELECT or WITH that names no frame is a statement."""

TYPE_FIELDS = ("key", "name", "strategy", "margin", "tie", "veto_weight", "effective_from")


class Reading:
    """Takes typed values out of one entry, and gathers what is wrong with it."""

    def __init__(self, entry: Entry, where: str, subject: str, known: Iterable[str]) -> None:
        self._entry, self._written = entry, as_written(entry)
        self.which = f"{where}, {subject} {entry.get('key') or '(no key)'}"
        self.faults: list[Fault] = []
        for name in entry:
            if name not in known:
                self.fault(f"it has no field '{name}'.", did_you_mean(str(name), known) or "Remove it.")

    def fault(self, what: str, remedy: str) -> None:
        self.faults.append(Fault(self.which, what, remedy))

    def text(self, name: str) -> str:
        value = self._entry.get(name)
        if value is not None and not isinstance(value, str):
            self.fault(f"its {name} {self._shown(name)} is no text.", "Write it in quotes.")
            return "?"
        if "\0" in (value or ""):
            self.fault(f"its {name} holds a zero byte, which no database keeps.", "Type it again without.")
            return "?"
        return value or ""

    def whole(self, name: str, default: int | None) -> int | None:
        value = self._entry.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            quoted = isinstance(value, str) and value.isascii() and value.isdigit()
            remedy = f"Leave the quotes out: {value}." if quoted else "Write one, such as 10."
            self.fault(f"its {name} {self._shown(name)} is {'a text and ' * quoted}not a whole number.", remedy)
            return 1
        return value

    def flag(self, name: str) -> bool:
        value = self._entry.get(name)
        if value is not None and not isinstance(value, bool):
            remedy = "Leave the quotes out." if value in ("true", "false") else "Write true or false."
            self.fault(f"its {name} {self._shown(name)} is neither true nor false.", remedy)
        return value is True

    def day(self, name: str) -> date | None:
        value = self._entry.get(name)
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            with suppress(ValueError):
                return date.fromisoformat(value)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            self.fault(f"its {name} {self._shown(name)} is no day.", "Write it as 2024-06-01.")
            return None
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self._entry.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            self.fault(f"its {name} {self._shown(name)} are no mapping of names to values.", "Write names and values.")
            return {}
        return value

    def choice(self, name: str, of: type[E], default: E | None) -> E:
        value = self._entry.get(name)
        if value in (None, "") and default is not None:
            return default
        try:
            return of(str(value).lower())
        except ValueError:
            if value is None:
                self.fault(f"it has no {name}.", f"Write one of {', '.join(of)}.")
                return next(iter(of))
            self.fault(f"its {name} {self._shown(name)} is none of {', '.join(of)}.", "Choose one.")
            return next(iter(of))

    def parameters(self) -> dict[str, ParameterValue]:
        found: dict[str, ParameterValue] = {}
        written = self._written.get("parameters") or {}
        for name, value in self.mapping("parameters").items():
            try:
                found[name] = plain_parameter(value)
            except (ValueError, TypeError, ArithmeticError):
                self.fault(
                    f"its parameter '{name}' '{said(value, written.get(name))}' is no value.",
                    "Write 5, 2.5, true, text or 2024-06-01, or with its type: {decimal: '5'}.",
                )
        return found

    def _shown(self, name: str) -> str:
        value = self._entry.get(name)
        return str(value) if isinstance(value, list) else f"'{said(value, self._written.get(name))}'"

    def built(self, build: Callable[[], T]) -> T | None:
        """The value, unless the model finds fault with it; faults found before count too."""
        try:
            value = build()
        except InvalidRule as problem:
            self.faults.extend(replace(f, which=self.which) for f in problem.faults)
            return None
        return value if not self.faults else None

    def within(self, kind: str, content: Mapping[str, Any]) -> None:
        """Find fault with what is too long."""
        self.faults += lengths.faults(self.which, kind, content)


def rule_version(entry: Entry, where: str, faults: list[Fault]) -> RuleVersion | None:
    """The rule version of an entry, numbered 1; None if ``faults`` got any."""
    reading = Reading(entry, where, "rule", READABLE_RULE_FIELDS)
    select, sql = reading.text("select"), reading.text("sql")
    if select and entry.get("sql"):
        reading.fault("it has both 'sql' and 'select'.", "A rule is a condition on a frame or a whole SELECT.")
    first, end = reading.day("effective_from"), reading.day("effective_to")
    if entry.get("weight") is None:
        reading.fault("it has no weight.", "Give it a whole number above zero, such as 10.")
    if entry.get("effective_from") is None:
        reading.fault("it has no first day.", "Say from when it counts, as 2024-06-01.")
    period = reading.built(lambda: EffectivePeriod(first or date.min, end))
    whole_query = select or (not entry.get("frame") and SELECT.match(sql))
    form = reading.choice("form", Form, Form.STATEMENT if whole_query else Form.PREDICATE)
    values = {
        "kind": reading.choice("kind", Kind, None),
        "when_unknown": reading.choice("when_unknown", WhenUnknown, WhenUnknown.MISS),
        "weight": reading.whole("weight", 1),
        "parameters": reading.parameters(),
        "metadata": _plain(reading.mapping("metadata")),
        "override": reading.flag("override"),
        "shadow": reading.flag("shadow"),
        **{name: reading.text(name) for name in _TEXTS},
    }
    version = reading.built(
        lambda: RuleVersion(
            version=1,
            form=form,
            sql=select or sql,
            effective=period or EffectivePeriod(date.min),
            **values,
        )
    )
    if version:
        reading.within("rule", version.content())
    faults.extend(reading.faults)
    return version if not reading.faults else None


SELECT = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_TEXTS = ("key", "name", "membership_type", "frame", "category", "rule_type", "reason_code", "reason_text", "owner")


def membership_type(entry: Entry, where: str, faults: list[Fault]) -> MembershipType | None:
    """The membership type of an entry; None if ``faults`` got any."""
    reading = Reading(entry, where, "membership type", TYPE_FIELDS)
    values = {
        "key": reading.text("key"),
        "name": reading.text("name"),
        "strategy": reading.choice("strategy", Strategy, Strategy.WEIGHT_SUM),
        "margin": reading.whole("margin", 1),
        "tie": reading.choice("tie", Tie, Tie.DENY),
        "veto_weight": reading.whole("veto_weight", None),
        "effective_from": reading.day("effective_from") or BEGINNING,
    }
    found = reading.built(lambda: MembershipType(**values))  # type: ignore[arg-type]
    reading.within("membership_type", values)
    faults.extend(reading.faults)
    return found if not reading.faults else None


def rule_entry(version: RuleVersion) -> dict[str, Any]:
    """A version as an entry, without what it leaves at its default."""
    entry = version.content() | {
        "parameters": dict(version.parameters),
        "metadata": json.loads(canonical_json(dict(version.metadata))),
        "effective_from": version.effective.first,
        "effective_to": version.effective.end,
        "when_unknown": "" if version.when_unknown is WhenUnknown.MISS else version.when_unknown.value,
    }
    if version.form is Form.STATEMENT:
        entry["select"] = entry.pop("sql")
    return {name: entry[name] for name in RULE_FIELDS if entry.get(name) not in (None, "", False, {})}


def type_entry(found: MembershipType) -> dict[str, Any]:
    """A membership type as an entry; a name, a veto or a day it does not have is left out."""
    entry = {name: getattr(found, name) for name in TYPE_FIELDS}
    entry |= {"strategy": found.strategy.value, "tie": found.tie.value}
    return {name: value for name, value in entry.items() if value not in (None, "", BEGINNING)}


def plain_parameter(value: Any) -> ParameterValue:
    """
    A parameter's value as files say it, with its type or without.

    Raises:
        ValueError, TypeError, ArithmeticError: If it is none.
    """
    if isinstance(value, Mapping):
        value = decode_parameter(value) if set(value) <= {"boolean", "bigint", "decimal", "date", "string"} else None
    if isinstance(value, datetime) or not isinstance(value, (bool, int, Decimal, str, date)):
        raise TypeError
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError
    return value


def _plain(value: Any) -> Any:
    """Metadata as JSON knows it: no decimals, no days."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
