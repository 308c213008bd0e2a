"""The declaration of what lands: the lake's words, and of each column the privacy and whether it is personal."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.lake import declaration
from rules_engine.model.frames import Frame, Lake
from rules_lake.landing.types import arrow_type
from rules_lake.privacy.policy import DECLARED, Policy, Treatment, policy
from rules_lake.privacy.used import Used

SUBJECT = "subject"
KEPT = Policy(Treatment.KEEP)
Policies = Mapping[str, Mapping[str, Policy]]
"""Names of frames to names of columns to what is said of them."""


@dataclass(frozen=True)
class Declared:
    """What lands: the lake's frames, the policies that are said, and the declaration's own words (``body``)."""

    lake: Lake
    said: Policies
    body: Mapping[str, Any]

    def resolved(self, used: Used) -> dict[str, dict[str, tuple[Policy, str]]]:
        """Of every column its policy, and why: as declared, as the key that it is, as used, or as used by nothing."""
        return {frame.name: dict(self._of_frame(frame, used)) for frame in self.lake.frames}

    @property
    def subject_domain(self) -> str:
        """The domain of the tokens of subjects' keys."""
        (_, led, _), *_ = _groups(self.lake, self.said)
        return led.domain if led and led.domain else SUBJECT

    @property
    def were_all_used(self) -> dict[str, dict[str, tuple[Policy, str]]]:
        """Of every column its policy, were each read by a rule."""
        return self.resolved({f.name: frozenset(c.name for c in f.columns) for f in self.lake.frames})

    @property
    def domains(self) -> dict[str, dict[str, str]]:
        """Of each frame the columns that may be tokens, with their domains, whatever reads them; subjects' keys are."""
        keys = [(f.name, c.name) for f in self.lake.frames for c in f.columns if _same(c.name, f.subject_key)]
        every = self.were_all_used.items()
        own = {frame: {name: said.domain for name, (said, _) in of.items() if said.domain} for frame, of in every}
        for frame, key in keys:
            own[frame].setdefault(key, self.subject_domain)
        return own

    def numbered(self, decided: Mapping[str, Mapping[str, tuple[Policy, str]]]) -> frozenset[str]:
        """The domains of tokens of keys that are whole numbers somewhere."""
        keys = ((f.name, c.name, arrow_type(c.type)) for f in self.lake.frames for c in f.columns if _is_key(f, c.name))
        whole = (decided[frame][name][0] for frame, name, type_ in keys if type_ and pa.types.is_integer(type_))
        return frozenset(each.domain for each in whole if each.domain)

    def _of_frame(self, frame: Frame, used: Used) -> Iterator[tuple[str, tuple[Policy, str]]]:
        joined = {place: (domain, led) for domain, led, places in _groups(self.lake, self.said) for place in places}
        for column in (each.name for each in frame.columns):
            said = self.said.get(frame.name, {}).get(column)
            domain, led = joined.get((frame.name, column), (column.lower(), None))
            if said is not None:
                yield column, (_in(said, domain), DECLARED)
            elif _is_key(frame, column) or column in used.get(frame.name, ()):
                yield column, (_in(led or KEPT, domain), "as the key that it joins" if led else "as used")
            else:
                yield column, (Policy(Treatment.DROP), "used by nothing in force")


def load(path: Path) -> Declared:
    """
    Read a declaration of what lands from a file.

    Raises:
        RunRefused: With every fault of its words, or of policies that leave frames that cannot be joined.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        what = f"it cannot be read: {problem}."
        raise RunRefused(Fault(f"Declaration {path}", what, "Name another: RULES_LANDED.")) from problem
    return parse(text, str(path.resolve().parent))


def parse(text: str, base: str) -> Declared:
    """Read it from its text; relative paths start at ``base``."""
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise RunRefused(Fault("Declaration", f"it is not TOML: {problem}.", "Mend that line.")) from problem
    lake = declaration.parse(written(_plain(body)), base)
    said: dict[str, dict[str, Policy]] = {}
    faults: list[Fault] = []
    for frame in lake.frames:
        for column in frame.columns:
            about = body["frames"][frame.name]["columns"][column.name]
            if isinstance(about, Mapping) and "privacy" in about:
                try:
                    found = policy(frame.name, column.name, column.type, about["privacy"])
                    said.setdefault(frame.name, {})[column.name] = found
                except RunRefused as refused:
                    faults += refused.faults
        if not frame.columns:
            what = "it declares no columns, so nothing says what of it may go on."
            faults.append(Fault(f"Frame '{frame.name}'", what, "Declare them, with their types."))
    raise_all(RunRefused, faults)
    raise_all(RunRefused, _key_faults(lake, said))
    return Declared(lake, said, body)


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """The declaration without the words on privacy."""
    frames = {}
    for name, frame in body.get("frames", {}).items():
        columns = {
            column: {word: value for word, value in about.items() if word != "privacy"}
            if isinstance(about, Mapping)
            else about
            for column, about in frame.get("columns", {}).items()
        }
        frames[name] = {**frame, "columns": columns} if columns else frame
    return {**body, "frames": frames} if "frames" in body else dict(body)


def _is_key(frame: Frame, column: str) -> bool:
    return column.lower() in {name.lower() for name in (*frame.key, frame.subject_key)}


def _in(said: Policy, domain: str) -> Policy:
    """The policy with the domain of its tokens, where it makes any and names none."""
    return replace(said, domain=said.domain or domain) if said.treatment is Treatment.TOKENISE else said


def _groups(lake: Lake, said: Policies) -> Iterator[tuple[str, Policy | None, list[tuple[str, str]]]]:
    """
    Columns that are joined with each other: the subject's keys, and all columns of the name of another key.

    Of each group the domain of its tokens, and what is said of the subject frame's key, or first of any.
    """
    subjects = [(f.name, c.name) for f in lake.frames for c in f.columns if _same(c.name, f.subject_key)]
    leader = said.get(lake.subject_frame.name, {})
    yield SUBJECT, next((p for c, p in leader.items() if _same(c, lake.subject_key)), None), subjects
    for name in sorted({key.lower() for f in lake.frames for key in f.key if not _same(key, f.subject_key)}):
        places = [(f.name, c.name) for f in lake.frames for c in f.columns if _same(c.name, name)]
        places = [place for place in places if place not in subjects]
        told = [p for f, c in places if (p := said.get(f, {}).get(c)) and _is_key(lake.frame(f), c)]
        yield name, next(iter(told), None), places


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _key_faults(lake: Lake, said: Policies) -> Iterator[Fault]:
    """Keys that would not join any more: dropped, banded or masked, or one side tokenised and the other not."""
    for domain, led, places in _groups(lake, said):
        for frame, column in places:
            told = said.get(frame, {}).get(column)
            if told is None:
                continue
            which, goes_on = f"Column '{frame}.{column}'", told.treatment in (Treatment.KEEP, Treatment.TOKENISE)
            if not goes_on and _is_key(lake.frame(frame), column):
                what = f"it is a key, and its privacy is '{told.treatment}': rows could not be told apart or joined."
                yield Fault(which, what, "Say keep or tokenise.")
            elif goes_on and _in(told, domain) != _in(led or KEPT, domain):
                what = f"its privacy is {_told(_in(told, domain))}, and that of the keys it joins is "
                what += f"{_told(_in(led or KEPT, domain))}: they would not join any more."
                yield Fault(which, what, "Say it of the subject frame's key, or of the key itself, and of no other.")


def _told(said: Policy) -> str:
    return f"'{said.treatment}'" + (f" in the domain '{said.domain}'" if said.domain else "")


def written(body: Mapping[str, Any]) -> str:
    """A declaration as TOML."""
    return "\n".join(_tables(body, ())) + "\n"


def _tables(body: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    tables = {name: value for name, value in body.items() if isinstance(value, Mapping) and len(path) < 2}
    if path:
        yield f"\n[{'.'.join(map(_name, path))}]"
    for name, value in body.items():
        if name not in tables:
            yield f"{_name(name)} = {_value(value)}"
    for name, value in tables.items():
        yield from _tables(value, (*path, name))


def _name(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_name(name)} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)
