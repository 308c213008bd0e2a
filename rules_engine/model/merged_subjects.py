"""Which frame of the lake says of subjects that they were merged into others (R-LAKE-5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.model.columns import OnBreach
from rules_engine.model.joint_holdings import Declared as Keyed

WHICH = "The lake's [merged]"


class Declared(Keyed, Protocol):
    """A frame as far as it is asked here."""

    @property
    def on_breach(self) -> OnBreach | None: ...


@dataclass(frozen=True, slots=True)
class MergedSubjects:
    """
    The frame of merged subjects, and its column that names the surviving one.

    Grain of the frame: a subject that is merged away as of the snapshot's day; its one key column names it. Who was
    parted again is not in it any more. Of two steps, B into A and A into C, it has both rows.
    """

    frame: str
    into: str

    def reads(self, frames: Iterable[Keyed]) -> dict[str, set[str]]:
        """The frame, as declared, and the columns that are read of it, in small letters."""
        found = next(frame for frame in frames if frame.name.lower() == self.frame.lower())
        return {found.name: {found.key[0].lower(), self.into.lower()}}


def merged_subjects(said: Any) -> MergedSubjects:
    """
    What a declaration says under ``[merged]``.

    Raises:
        RunRefused: With everything that is wrong with it.
    """
    raise_all(RunRefused, _faults(said))
    return MergedSubjects(said["frame"], said["into"])


def _faults(said: Any) -> Iterable[Fault]:
    if not isinstance(said, Mapping):
        yield Fault(WHICH, "it names no frame and no column.", 'Write merged = { frame = "…", into = "…" }.')
        return
    known = [field.name for field in fields(MergedSubjects)]
    for word in sorted(set(said) - set(known)):
        yield Fault(WHICH, f"it says '{word}', which means nothing.", did_you_mean(word, known))
    for word in known:
        if not isinstance(said.get(word), str) or not said[word]:
            yield Fault(WHICH, f"it does not say its {word}.", f'Write {word} = "…".')


def declared_faults(
    merged: MergedSubjects, frames: Iterable[Declared], subject: str, on_breach: OnBreach
) -> Iterable[Fault]:
    """What of the frame is not declared as it must be: not the subjects' own, one key column, no breach that holds."""
    known = {frame.name.lower(): frame for frame in frames}
    frame = known.get(merged.frame.lower())
    if frame is None or frame.name.lower() == subject.lower():
        others = [name for name in known if name != subject.lower()]
        yield Fault(WHICH, f"'{merged.frame}' is no frame beside the subjects'.", did_you_mean(merged.frame, others))
        return
    if len(frame.key) != 1:
        yield Fault(WHICH, f"the frame '{frame.name}' has not one key column.", 'Say who was merged: key = ["…"].')
    elif merged.into.lower() == frame.key[0].lower():
        yield Fault(WHICH, f"'{merged.into}' is the frame's key.", "Name the column of the surviving subject.")
    declared = [column.name for column in frame.columns]
    if declared and merged.into.lower() not in map(str.lower, declared):
        what = f"the frame '{frame.name}' has no column '{merged.into}'."
        yield Fault(WHICH, what, did_you_mean(merged.into, declared))
    if (frame.on_breach or on_breach) is OnBreach.HOLD:
        what = f"no rule uses the frame '{frame.name}', so what is wrong with it would hold no membership type."
        yield Fault(WHICH, what, 'Say of that frame on_breach = "stop".')
