"""The ready frame of who holds what with whom (R-LAKE-4), as a declaration names its parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.model.columns import Column

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
PRIMARY, SECONDARY = "PRIMARY", "SECONDARY"
"""The roles as rules read them, whatever the source calls them; without a value where it says none of these."""
WHICH = "Lake declaration [holdings]"


class Declared(Protocol):
    """A frame as far as it is asked here."""

    @property
    def name(self) -> str: ...

    @property
    def subject_key(self) -> str: ...

    @property
    def key(self) -> tuple[str, ...]: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...


@dataclass(frozen=True, slots=True)
class JointHoldings:
    """
    The frame that says of each holder of a product or contract whether others hold it, too.

    Grain: one row a subject and product; ``frame`` has one row a holder or more. ``product`` is the column that all
    holders of one contract share; ``product_type`` a column of the frame, or ``other_frame.column`` where it is looked
    up by that frame's one key column. ``primary`` and ``secondary`` are the values of ``role`` that mean so.
    """

    frame: str
    product: str
    role: str
    primary: tuple[str, ...]
    secondary: tuple[str, ...]
    product_type: str = ""
    name: str = ""

    @property
    def look_up(self) -> tuple[str, str]:
        """The frame and column that the type of a product is looked up in; empty texts where it is not."""
        frame, dot, found = self.product_type.partition(".")
        return (frame, found) if dot else ("", "")

    @property
    def type_place(self) -> tuple[str, str]:
        """The frame and column that a product's type is of; empty texts where none is said."""
        own = (self.frame, self.product_type) if self.product_type else ("", "")
        return self.look_up if self.look_up[0] else own

    def sensitive(self, frames: Sequence[Declared], subject_key: str) -> frozenset[str]:
        """The ready frame's columns that hold, or tell, values of columns that are declared as sensitive."""
        hidden = {(f.name.lower(), c.name.lower()) for f in frames for c in f.columns if c.sensitive}
        key = next(f.subject_key for f in frames if f.name.lower() == self.frame.lower())
        own = {subject_key: key, "product": self.product, "role": self.role}
        made_of = {name: (self.frame, column) for name, column in own.items()} | {"product_type": self.type_place}
        return frozenset(n for n, (frame, column) in made_of.items() if (frame.lower(), column.lower()) in hidden)

    def reads(self, frames: Iterable[Declared]) -> dict[str, set[str]]:
        """The frames that it is made of, as declared, and their columns, in small letters."""
        known = {frame.name.lower(): frame for frame in frames}
        of, (other, type_) = known[self.frame.lower()], self.look_up
        own = {self.product, self.role, of.subject_key, "" if other else self.product_type}
        if not other:
            return {of.name: {column.lower() for column in own if column}}
        key = known[other.lower()].key[0].lower()
        return {
            of.name: {*(column.lower() for column in own if column), key},
            known[other.lower()].name: {type_.lower(), key},
        }


def joint_holdings(said: Mapping[str, Any] | None, subject: str) -> JointHoldings | None:
    """
    What a declaration says under ``[holdings]``; its frame is called after the subject unless it is given a name.

    Raises:
        RunRefused: With everything that is wrong with it.
    """
    if said is None:
        return None
    raise_all(RunRefused, _faults(said))
    texts = {word: str(said.get(word, "")) for word in ("frame", "product", "role", "product_type")}
    name = str(said.get("name") or f"{subject.removesuffix('s')}_holdings")
    return JointHoldings(**texts, name=name, primary=_roles(said["primary"]), secondary=_roles(said["secondary"]))


def _roles(said: Iterable[Any] | None) -> tuple[str, ...]:
    """Values of the role as Spark writes them as texts."""
    return tuple(str(each).lower() if isinstance(each, bool) else str(each) for each in said or ())


def _faults(said: Mapping[str, Any]) -> Iterable[Fault]:
    known = [field.name for field in fields(JointHoldings)]
    for word in sorted(set(said) - set(known)):
        yield Fault(WHICH, f"it says '{word}', which means nothing.", did_you_mean(word, known))
    for word in ("frame", "product", "role"):
        if not isinstance(said.get(word), str) or not said[word]:
            yield Fault(WHICH, f"it does not say its {word}.", f'Write {word} = "…".')
    for word in ("primary", "secondary"):
        listed = said.get(word)
        if not isinstance(listed, list) or not listed or not all(isinstance(each, str | bool | int) for each in listed):
            yield Fault(WHICH, f"it does not say which roles are {word}.", f'Write {word} = ["…"].')
    both = {*_roles(said.get("primary"))} & {*_roles(said.get("secondary"))}
    if both:
        yield Fault(WHICH, f"it says {', '.join(sorted(both))} is primary and secondary.", "Take it out of one.")


def made_of(holdings: JointHoldings, frames: Iterable[Declared]) -> Iterable[Fault]:
    """What of the frames that it is made of is not declared, as far as they declare columns."""
    known = {frame.name.lower(): frame for frame in frames}
    if not NAME.fullmatch(holdings.name) or holdings.name.lower() in known:
        yield Fault(WHICH, f"its name '{holdings.name}' is a frame's, or none.", 'Give it another: name = "…".')
    of, other = holdings.frame, holdings.look_up[0]
    yield from _lacks(known, of, holdings.product, holdings.role, "" if other else holdings.product_type)
    if of.lower() in known and not known[of.lower()].subject_key:
        yield Fault(WHICH, f"the frame '{of}' has no subject_key.", "Say which column names the holder.")
    if other:
        yield from _lacks(known, other, holdings.look_up[1])
        found = known.get(other.lower())
        if found and len(found.key) != 1:
            yield Fault(WHICH, f"the frame '{other}' has not one key column to look up by.", 'Say it: key = ["…"].')
        elif found:
            yield from _lacks(known, of, found.key[0])


def _lacks(known: Mapping[str, Declared], name: str, *columns: str) -> Iterable[Fault]:
    if (frame := known.get(name.lower())) is None:
        yield Fault(WHICH, f"there is no frame '{name}'.", did_you_mean(name, known))
        return
    declared = [column.name for column in frame.columns]
    for column in columns:
        if declared and column and column.lower() not in map(str.lower, declared):
            yield Fault(WHICH, f"the frame '{name}' has no column '{column}'.", did_you_mean(column, declared))


def ready_columns(holdings: JointHoldings, frames: Sequence[Declared], subject_key: str) -> tuple[Column, ...]:
    """The ready frame's columns, of the types that are declared of what they are made of; none where one is not."""
    declared = {(f.name.lower(), c.name.lower()): c.type for f in frames for c in f.columns}
    own = {frame.name.lower(): frame for frame in frames}[holdings.frame.lower()]
    of, hidden = holdings.type_place, holdings.sensitive(frames, subject_key)
    types = {
        subject_key: declared.get((own.name.lower(), own.subject_key.lower())),
        "product": declared.get((own.name.lower(), holdings.product.lower())),
        "product_type": declared.get((of[0].lower(), of[1].lower())) if of[0] else "string",
        "role": "string",
        "is_joint": "boolean",
        "holder_count": "bigint",
    }
    meanings = {
        subject_key: "Who holds it",
        "product": "What is held; all who hold it have the same",
        "product_type": "What kind of product it is",
        "role": f"{PRIMARY} or {SECONDARY}; empty where the source says neither",
        "is_joint": "Whether others hold it, too; empty where the product is not named",
        "holder_count": "How many hold it",
    }
    if not all(types.values()):
        return ()
    return tuple(Column(n, str(type_), meanings[n], sensitive=n in hidden) for n, type_ in types.items())
