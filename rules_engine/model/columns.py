"""Columns of a frame as declared: what they are called, what must be true of them before a rule is run (R-LAKE-2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all

COLUMN_WORDS = {
    *("type", "meaning", "owner", "source", "nulls"),
    *("min", "max", "values", "pattern", "unique", "sensitive", "on_breach"),
}
AS_OF = "as_of"
"""As a bound of days: the day of the run."""

NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
DAYS = ("date", "timestamp")
DIGITS = 38
"""Digits that an exact number has at most."""


class OnBreach(StrEnum):
    """What a run does about data that is not as it is declared."""

    STOP = "stop"  # nothing is decided
    HOLD = "hold"  # the membership types whose rules use it stand as decided before


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column: Spark SQL type (``bigint``, ``decimal(12,2)``), meaning, and what is expected of its values.

    ``nulls`` is the allowed share of rows without a value (0 to 1). ``low`` and ``high`` are the least and the most
    value as texts of its type, ``as_of`` for the day of the run. ``values`` are all that there may be, ``pattern`` is
    what the whole text must match. NULL is no value: ``nulls`` alone speaks of it. A ``sensitive`` column's values are
    never shown. ``on_breach`` None is what the frame's lake says.
    """

    name: str
    type: str
    meaning: str = ""
    nulls: float = 1.0
    owner: str = ""
    source: str = ""
    low: str | None = None
    high: str | None = None
    values: tuple[str, ...] = ()
    pattern: str = ""
    unique: bool = False
    sensitive: bool = False
    on_breach: OnBreach | None = None

    @property
    def expects(self) -> bool:
        """Whether anything is expected of its values."""
        return self.nulls < 1 or bool(self.ranged or self.values or self.pattern or self.unique)

    @property
    def ranged(self) -> bool:
        return self.low is not None or self.high is not None

    def expectations(self) -> list[object]:
        """What is expected, as plain values."""
        return [self.name, self.nulls, self.low, self.high, list(self.values), self.pattern, self.unique]


def column(frame: str, name: str, about: Mapping[str, Any] | str) -> Column:
    """
    A column said as a table, or by its type alone.

    Raises:
        RunRefused: With everything that is said and means nothing.
    """
    if isinstance(about, str):
        return Column(name, about)
    raise_all(RunRefused, _faults(f"Column '{frame}.{name}'", about))
    texts = {word: str(about.get(word, "")) for word in ("meaning", "owner", "source", "pattern")}
    return Column(
        name,
        str(about["type"]),
        nulls=float(about.get("nulls", 1.0)),
        low=_text(about.get("min")),
        high=_text(about.get("max")),
        values=tuple(_text(value) or "" for value in about.get("values", ())),
        unique=about.get("unique", False),
        sensitive=about.get("sensitive", False),
        on_breach=OnBreach(about["on_breach"]) if "on_breach" in about else None,
        **texts,
    )


def _text(value: Any) -> str | None:
    """A value of the declaration as Spark casts it to the column's type."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _faults(which: str, about: Mapping[str, Any]) -> Iterable[Fault]:
    for word in sorted(set(about) - COLUMN_WORDS):
        hint = did_you_mean(word, COLUMN_WORDS) or f"There are: {', '.join(sorted(COLUMN_WORDS))}."
        yield Fault(which, f"it says '{word}', which means nothing.", hint)
    if not isinstance(about.get("type"), str):
        yield Fault(which, "it has no type.", 'Say it: type = "bigint".')
        return
    nulls = about.get("nulls", 1.0)
    if isinstance(nulls, bool) or not isinstance(nulls, int | float) or not 0 <= nulls <= 1:
        yield Fault(which, f"it says nulls = {nulls!r}, which is no share.", "Write a number from 0.0 (none) to 1.0.")
    for word in ("unique", "sensitive"):
        if not isinstance(about.get(word, False), bool):
            yield Fault(which, f"it says {word} = {about[word]!r}.", f"Write {word} = true, or leave it out.")
    if about.get("unique") is True and "map<" in about["type"].lower():
        yield Fault(
            which, f"it says unique and is {about['type']}.", "Maps have no order to compare them by: take it out."
        )
    if about.get("on_breach", OnBreach.STOP) not in [*OnBreach]:
        yield Fault(which, f"it says on_breach = '{about['on_breach']}', which means nothing.", "Write stop or hold.")
    if not isinstance(about.get("values", [""]), list) or about.get("values") == []:
        yield Fault(which, "its values are no list, or an empty one.", 'Write values = ["A", "B"].')
    elif wrong := [value for value in about.get("values", ()) if not _is_one(about["type"].lower(), value)]:
        yield Fault(which, f"among its values {wrong[0]!r} is no {about['type']}.", "Write values of its type.")
    yield from _bound_faults(which, about)


def _bound_faults(which: str, about: Mapping[str, Any]) -> Iterable[Fault]:
    """Bounds that no value of the type can be held against, and patterns of what is no text."""
    said = {word: about[word] for word in ("min", "max") if word in about}
    type_ = about["type"].lower()
    if "pattern" in about and not type_.startswith(("string", "varchar", "char")):
        yield Fault(which, f"it has a pattern and is {type_}.", "A pattern is of texts: take it out.")
    if said and not type_.startswith(NUMBERS + DAYS):
        yield Fault(which, f"it has {' and '.join(said)} and is {type_}.", "Only numbers and days have a range.")
        return
    read = {word: _bound(type_, value) for word, value in said.items()}
    for word, bound in read.items():
        if bound is None:
            what = f"its {word}, {said[word]!r}, is no {type_}."
            yield Fault(which, what, "Write a value of its type; of days also 'as_of', the day of the run.")
    low, high = read.get("min"), read.get("max")
    if low is not None and high is not None and AS_OF not in (low, high) and low > high:
        yield Fault(which, f"its min {said['min']} is above its max {said['max']}.", "Write them the other way round.")


def _is_one(type_: str, value: Any) -> bool:
    """Whether a value of the declaration can be one of the type."""
    if type_.startswith(NUMBERS + DAYS):
        return _bound(type_, value) not in (None, AS_OF)
    return isinstance(value, bool) if type_ == "boolean" else isinstance(value, str)


def _bound(type_: str, value: Any) -> Any:
    """A bound as something that compares; None where it is none of the type."""
    try:
        if type_.startswith(DAYS):
            return AS_OF if value == AS_OF else datetime.fromisoformat(str(value)).replace(tzinfo=None)
        number = Decimal(str(value)) if not isinstance(value, bool | date) else None
    except (ValueError, InvalidOperation):
        return None
    if number is None or not number.is_finite():
        return None
    return number if type_ in ("float", "double") or len(f"{number:f}".strip("-").replace(".", "")) <= DIGITS else None
