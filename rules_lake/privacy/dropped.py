"""Columns that did not go on, as rules meet them: those that a policy drops, and those that wait for a rule."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rules_engine.errors import Fault
from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.sql.gate import gate
from rules_lake.landing.place import Place
from rules_lake.privacy.lake_of import PRIVACY
from rules_lake.privacy.policy import DECLARED

CURATE = "Let it go on: `rules curate` once the rule is in force, `rules curate --change N` while change N drafts it."

Columns = Mapping[str, Mapping[str, str]]
"""Names of frames to names of columns to their Spark SQL types."""


@dataclass(frozen=True)
class Dropped:
    """
    What a curated lake lacks of what landed.

    ``by_policy`` are columns that are declared to be dropped, ``waiting`` those that nothing used when the lake was
    curated: a rule may name these, and they go on with the next curating.
    """

    by_policy: Columns
    waiting: Columns

    @classmethod
    def of(cls, declaration: str) -> Dropped:
        """What is said beside the curated lake's declaration; nothing where the lake was not curated."""
        text = Place(declaration.rpartition("/")[0] or ".").text(PRIVACY)
        frames = json.loads(text)["frames"] if text else {}
        found: tuple[dict[str, dict[str, str]], ...] = ({}, {})
        for frame, columns in frames.items():
            for name, said in columns.items():
                if not said["type"]:
                    found[said["why"] != DECLARED].setdefault(frame, {})[name] = said["landed"]
        return cls(*found)

    def drafting(self, schema: Schema) -> Schema:
        """What a draft may name: what is there, and what is waiting."""
        return _wider(schema, self.waiting)

    def refusals(self, versions: Iterable[RuleVersion], schema: Schema) -> Iterator[Fault]:
        """Rules that read what a policy drops; ``schema`` is the one of drafts."""
        wider = _wider(schema, self.by_policy)
        for version in versions if self.by_policy else ():
            if gate.reading(version, schema) is None and (said := gate.reading(version, wider)):
                for place in _among(said.columns, self.by_policy):
                    what = f"it reads {place}, which the privacy policy 'drop' keeps out of the lake."
                    remedy = (
                        "Write it without, or have the column's owner declare keep, band, mask or tokenise where it "
                        "lands (RULES_LANDED), then: rules curate."
                    )
                    yield Fault(f"Rule {version.key}", what, remedy)

    def missing(self, versions: Iterable[RuleVersion], schema: Schema) -> Iterator[Fault]:
        """Rules that read what is waiting: they are accepted, and nothing can be decided by them yet."""
        for version in versions if self.waiting else ():
            said = gate.reading(version, self.drafting(schema))
            for place in _among(said.columns, self.waiting) if said else ():
                what = f"it reads {place}, which nothing in force used when the lake was curated, so it was dropped."
                yield Fault(f"Rule {version.key}", what, CURATE)


def _among(read: Mapping[str, frozenset[str]], columns: Columns) -> list[str]:
    """Columns that are read and among these, each as 'frame.column'."""
    return [f"'{frame}.{name}'" for frame, names in columns.items() for name in names if name in read.get(frame, ())]


def _wider(schema: Schema, more: Columns) -> Schema:
    columns = {frame: {**found, **more.get(frame, {})} for frame, found in schema.columns.items()}
    return replace(schema, columns=columns) if more else schema
