"""Which columns anything in force reads: rules by their SQL, segments, keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.frames import Lake
from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.sql.gate import gate
from rules_engine.sql.lexer import blanked
from rules_engine.sql.tokens import tokens

Used = Mapping[str, frozenset[str]]
"""Names of frames to names of columns, as declared."""


def used_by_rules(versions: Iterable[RuleVersion], schema: Schema) -> dict[str, set[str]]:
    """
    What the rules read of each frame: columns that the gate resolves, and whatever else they name.

    Raises:
        RunRefused: If a rule cannot be read, for then nobody knows what it needs; all of them at once.
    """
    found: dict[str, set[str]] = {}
    faults = []
    for version in versions:
        said = gate.reading(version, schema)
        if said is None:
            what = "it is in force and cannot be read, so it is not known which columns it needs."
            faults.append(Fault(f"Rule {version.key}", what, "See `rules check`; mend or retire it."))
            continue
        for frame in said.frames:
            read = found.setdefault(frame, set())
            read |= said.columns.get(frame, frozenset()) | _named(version, schema.columns_of(frame) or {})
    raise_all(RunRefused, faults)
    return found


def _named(version: RuleVersion, columns: Mapping[str, str]) -> set[str]:
    """Columns that the text names in any way, USING included; all of them where a join is NATURAL."""
    words = {token.text.strip("`").lower() for token in tokens(blanked(version.sql))}
    return {column for column in columns if column.lower() in words or "natural" in words}


def used_by_lake(lake: Lake) -> dict[str, set[str]]:
    """Keys of every frame, what segments name of the subjects, what the ready frame is made of, and merges."""
    found = {f.name: {c.name for c in f.columns if _is_key(c.name, f.key, f.subject_key)} for f in lake.frames}
    for _, sql in lake.segments:
        words = {token.text.strip("`").lower() for token in tokens(sql)}
        subjects = lake.subject_frame
        found[subjects.name] |= {c.name for c in subjects.columns if c.name.lower() in words}
    for read in [each.reads(lake.frames) for each in (lake.holdings, lake.merged) if each]:
        for name, columns in read.items():
            found[name] |= {c.name for c in lake.frame(name).columns if c.name.lower() in columns}
    return found


def _is_key(name: str, key: Iterable[str], subject_key: str) -> bool:
    return name.lower() in {each.lower() for each in (*key, subject_key)}


def together(*several: Mapping[str, Iterable[str]]) -> Used:
    """What any of them uses."""
    names = {frame for each in several for frame in each}
    return {frame: frozenset(c for each in several for c in each.get(frame, ())) for frame in sorted(names)}
