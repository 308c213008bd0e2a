"""Which frames and columns the rules in force use: no more of the data is looked at before they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rules_engine.model.frames import Lake
from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.sql.gate.gate import reading
from rules_engine.sql.lexer import blanked
from rules_engine.sql.tokens import Kind, tokens


@dataclass(frozen=True, slots=True)
class Used:
    """
    The ids of the versions that use a frame, and a column of it; names in small letters.

    What a ready frame is made of is used by whoever uses that. A version that gate 1 does not accept uses nothing.
    """

    frames: Mapping[str, frozenset[str]] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def of(self, frame: str, *columns: str) -> frozenset[str]:
        """The versions that use a frame, or any of its columns where some are named."""
        if not columns:
            return self.frames.get(frame.lower(), frozenset())
        return frozenset().union(*(self.columns.get((frame.lower(), name.lower()), ()) for name in columns))


def used(versions: Iterable[RuleVersion], schema: Schema, lake: Lake) -> Used:
    """What versions name of the lake, as gate 1 reads them; a predicate uses its frame's subject key, too."""
    frames, columns = dict[str, set[str]](), dict[tuple[str, str], set[str]]()
    for version in versions:
        said = reading(version, schema)
        for frame, named in said.columns.items() if said else ():
            read = named | _joined(version, schema.columns_of(frame) or ())
            for name, of_frame in _parts(frame, read, lake):
                frames.setdefault(name, set()).add(version.id)
                for each in of_frame:
                    columns.setdefault((name, each), set()).add(version.id)
    return Used(
        {name: frozenset(ids) for name, ids in frames.items()},
        {name: frozenset(ids) for name, ids in columns.items()},
    )


def _parts(frame: str, columns: Iterable[str], lake: Lake) -> Iterable[tuple[str, set[str]]]:
    """A frame and its columns with the subject's key; of the ready frame, what it is made of, too."""
    name, holdings = frame.lower(), lake.holdings
    key = {each.subject_key.lower() for each in (*lake.frames, *lake.ready_frames) if each.name.lower() == name} - {""}
    own = (name, {column.lower() for column in columns} | key)
    if holdings and name == holdings.name.lower():
        return [own, *((of.lower(), read) for of, read in holdings.reads(lake.frames).items())]
    return [own]


def _joined(version: RuleVersion, columns: Iterable[str]) -> set[str]:
    """Columns that USING names, as far as words tell; all where a join is NATURAL."""
    words = {token.word for token in tokens(blanked(version.sql)) if token.kind in {Kind.WORD, Kind.QUOTED}}
    if not words & {"using", "natural"}:
        return set()
    return {column for column in columns if "natural" in words or column.lower() in words}
