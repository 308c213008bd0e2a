"""Rules, their versions, the membership types they argue about, and rule sets."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from rules_engine.errors import Fault, InvalidRule, raise_all
from rules_engine.model.canonical import ParameterValue, canonical_json, encode_parameter

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:\-]{0,99}")
PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
LARGEST_WEIGHT = 2**31 - 1

"""What a rule's parameter may be: it becomes a typed literal of the query."""


class Kind(StrEnum):
    """Whether a hit speaks for a membership or against it."""

    INCLUSION = "inclusion"
    EXCLUSION = "exclusion"


class Form(StrEnum):
    """How a condition is written: a boolean over a frame's rows, or a whole SELECT of subject keys."""

    PREDICATE = "predicate"
    STATEMENT = "statement"


class WhenUnknown(StrEnum):
    """What a condition that is neither true nor false (SQL NULL) means."""

    MISS = "miss"
    HIT = "hit"
    HOLD = "hold"


class Strategy(StrEnum):
    """How the weights hit are weighed against each other."""

    WEIGHT_SUM = "weight_sum"
    ANY_EXCLUSION_BLOCKS = "any_exclusion_blocks"
    MAX_WEIGHT = "max_weight"


class Tie(StrEnum):
    """What an equal weight for and against means."""

    DENY = "deny"
    GRANT = "grant"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class EffectivePeriod:
    """
    The days on which a rule version counts.

    The first day counts and the last does not, so the versions of one rule
    can follow each other with neither a gap nor a shared day. ``end`` None
    means until further notice.

    Raises:
        InvalidRule: If the period holds no day at all.

    >>> spring = EffectivePeriod(date(2024, 3, 1), date(2024, 6, 1))
    >>> spring.covers(date(2024, 5, 31)), spring.covers(date(2024, 6, 1))
    (True, False)
    """

    first: date
    end: date | None = None

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= self.first:
            raise InvalidRule(
                Fault(
                    "effective period",
                    f"it ends on {self.end} and starts on {self.first}, so it holds no day.",
                    "The end day is the first on which the rule no longer counts: choose a later one.",
                )
            )

    def covers(self, day: date) -> bool:
        return self.first <= day and (self.end is None or day < self.end)

    def overlaps(self, other: EffectivePeriod) -> bool:
        return (other.end is None or self.first < other.end) and (self.end is None or other.first < self.end)


BEGINNING = date.min
"""From which day on the first policy of a membership type counts, so that there is one on every day."""


@dataclass(frozen=True, slots=True)
class MembershipType:
    """
    What is granted or not, and the policy that decides it (R-EVAL-1..3).

    ``margin`` is how much the inclusions must outweigh the exclusions by, a
    whole number; 1 means "whichever is higher". ``veto_weight``: an exclusion of
    this weight or more blocks, whatever the inclusions weigh. It counts from
    ``effective_from`` on, until the day of the type's next policy; the first
    one counts from :data:`BEGINNING`.

    Raises:
        InvalidRule: If the key is malformed, or a tie would be granted while a
            narrow win is not (a tie policy other than deny needs a margin of 1).
    """

    key: str
    name: str = ""
    strategy: Strategy = Strategy.WEIGHT_SUM
    margin: int = 1
    tie: Tie = Tie.DENY
    veto_weight: int | None = None
    effective_from: date = BEGINNING

    def __post_init__(self) -> None:
        raise_all(InvalidRule, self._faults())

    @property
    def named(self) -> str:
        """What this policy is called among those of its type: GOLD, or GOLD from 2027-01-01."""
        return self.key if self.effective_from == BEGINNING else f"{self.key} from {self.effective_from}"

    def _faults(self) -> Iterable[Fault]:
        which = f"Membership type {self.key or '(no key)'}"
        if not KEY.fullmatch(self.key):
            yield Fault(which, "its key is not of letters, digits, '_', '-' and ':'.", "Rename it.")
        if not _is_whole(self.margin):
            yield Fault(which, f"its margin {self.margin!r} is not a whole number.", "Give one, such as 1.")
        if self.tie is not Tie.DENY and self.margin != 1:
            yield Fault(
                which,
                f"its tie policy is '{self.tie}' and its margin {self.margin}: a tie would be granted where "
                "a narrow win is not, or the margin decides ties already.",
                "Set the margin to 1, or the tie policy to 'deny'.",
            )
        if self.veto_weight is not None and not _is_weight(self.veto_weight):
            yield Fault(which, f"its veto weight {self.veto_weight!r} is not a whole number above zero.", "Mend it.")


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What turns the sums of a membership type into a decision, as a history record keeps it (R-EVAL-1..3).

    ``version`` names the wording of the type: the first 12 digits of the SHA-256 over what it says.
    """

    strategy: Strategy
    margin: int
    tie: Tie
    veto_weight: int | None
    version: str

    @classmethod
    def of(cls, membership_type: MembershipType) -> Policy:
        told = (membership_type.strategy, membership_type.margin, membership_type.tie, membership_type.veto_weight)
        said = canonical_json([membership_type.key, *told])
        return cls(*told, hashlib.sha256(said.encode()).hexdigest()[:12])

    def __hash__(self) -> int:
        return hash(self.version)

    def content(self) -> dict[str, Any]:
        """The policy as JSON-ready values."""
        return {
            "strategy": self.strategy.value,
            "margin": self.margin,
            "tie": self.tie.value,
            "veto_weight": self.veto_weight,
            "version": self.version,
        }


def policy_from(content: Mapping[str, Any]) -> Policy:
    """The policy that :meth:`Policy.content` described."""
    veto = content["veto_weight"]
    return Policy(
        Strategy(content["strategy"]),
        int(content["margin"]),
        Tie(content["tie"]),
        None if veto is None else int(veto),
        content["version"],
    )


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """
    One wording of a rule: published once, never edited.

    ``frame`` names the frame whose rows a predicate is about; a statement
    names its frames itself and leaves it empty. ``override`` marks an inclusion
    meant to outweigh every exclusion it can meet. ``shadow`` versions are run
    and counted and take no part in the sums.

    Raises:
        InvalidRule: With every fault of the version at once.
    """

    key: str
    version: int
    kind: Kind
    membership_type: str
    weight: int
    form: Form
    sql: str
    frame: str = ""
    effective: EffectivePeriod = EffectivePeriod(date(1970, 1, 1))
    when_unknown: WhenUnknown = WhenUnknown.MISS
    name: str = ""
    category: str = ""
    rule_type: str = ""
    reason_code: str = ""
    reason_text: str = ""
    owner: str = ""
    override: bool = False
    shadow: bool = False
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        raise_all(InvalidRule, self._faults())
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def id(self) -> str:
        """How a version is named wherever one is written: ``BOND-001/2``."""
        return f"{self.key}/{self.version}"

    @property
    def text_digest(self) -> str:
        """
        A name for all that a gate looks at, whichever rule it stands in; SHA-256.

        Kind, unknown and metadata are part of it: what one rule is refused for, another may say it means.
        """
        parameters = {name: encode_parameter(value) for name, value in self.parameters.items()}
        said = [self.form, self.frame.lower(), self.kind, self.when_unknown, parameters, dict(self.metadata)]
        body = canonical_json([self.sql, *said])
        return hashlib.sha256(body.encode()).hexdigest()

    def _faults(self) -> Iterable[Fault]:
        which = f"Rule {self.key or '(no key)'}"
        if not KEY.fullmatch(self.key):
            yield Fault(which, "its key is not of letters, digits, '_', '-' and ':'.", "Rename it, say BOND-001.")
        if not KEY.fullmatch(self.membership_type):
            what = f"its membership type '{self.membership_type}' is not of letters, digits, '_', '-' and ':'."
            yield Fault(which, what, "Name one that exists; look for spaces and signs that are not to be seen.")
        if not _is_weight(self.version):
            yield Fault(which, f"its version {self.version!r} is not a whole number above zero.", "Number it from 1.")
        if not _is_weight(self.weight):
            yield Fault(
                which,
                f"its weight {self.weight!r} is not a whole number from 1 to {LARGEST_WEIGHT}.",
                "An exclusion is said by its kind, never by a negative weight.",
            )
        if not self.sql.strip():
            yield Fault(which, "its SQL is empty.", "Write a condition, say: country = 'GB'.")
        if self.form is Form.PREDICATE and not self.frame:
            yield Fault(which, "it is a predicate and names no frame.", "Name the frame whose rows it is about.")
        if self.form is Form.STATEMENT and self.frame:
            yield Fault(which, f"it is a statement and names the frame '{self.frame}'.", "A statement names its own.")
        if self.override and self.kind is Kind.EXCLUSION:
            yield Fault(which, "it is an exclusion marked as an override.", "Only an inclusion can override.")
        yield from self._value_faults(which)

    def _value_faults(self, which: str) -> Iterable[Fault]:
        for name, value in self.parameters.items():
            if not PARAMETER_NAME.fullmatch(name) or name == "as_of":
                yield Fault(which, f"its parameter '{name}' has no usable name.", "Use small letters; not 'as_of'.")
            if not isinstance(value, ParameterValue) or isinstance(value, datetime):
                yield Fault(
                    which,
                    f"its parameter '{name}' is of type {type(value).__name__}.",
                    "Give a whole number, an exact decimal, a text, a day, true or false.",
                )
        if not _is_json(self.metadata):
            yield Fault(which, "its metadata is no JSON.", "Write days and decimals in it as texts.")

    def content(self) -> dict[str, Any]:
        """What the version says, without the days on which it counts: the part a digest covers."""
        return {
            "key": self.key,
            "version": self.version,
            "kind": self.kind.value,
            "membership_type": self.membership_type,
            "weight": self.weight,
            "form": self.form.value,
            "sql": self.sql,
            "frame": self.frame,
            "when_unknown": self.when_unknown.value,
            "name": self.name,
            "category": self.category,
            "rule_type": self.rule_type,
            "reason_code": self.reason_code,
            "reason_text": self.reason_text,
            "owner": self.owner,
            "override": self.override,
            "shadow": self.shadow,
            "parameters": {name: encode_parameter(value) for name, value in sorted(self.parameters.items())},
            "metadata": dict(self.metadata),
        }


def _is_json(body: Mapping[str, Any]) -> bool:
    """Whether a mapping comes back from JSON as it is; NaN, days and numbered keys do not."""
    try:
        return bool(json.loads(json.dumps(dict(body), allow_nan=False)) == body)
    except (ValueError, TypeError):
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_weight(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_WEIGHT
