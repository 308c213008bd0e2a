"""The grey zone of a build: pairs that somebody has to decide, both records side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from rules_engine.errors import Fault, RunRefused, did_you_mean
from rules_lake.master import folders, overrides, tables
from rules_lake.master.clusters import Refusal
from rules_lake.master.overrides import Override, spelt
from rules_lake.master.records import Key, Records
from rules_lake.master.roles import PERSONAL
from rules_lake.master.settings import Mode, Settings

TO_DECIDE = frozenset({"review", *(str(why) for why in Refusal if why is not Refusal.DECIDED)})
"""Outcomes of which somebody should say what is true."""


@dataclass(frozen=True, slots=True)
class Question:
    """A pair to decide: how likely it is one person, and why it was not simply linked or left."""

    a: Key
    b: Key
    probability: float
    why: str
    masters: tuple[int, int]


def newest(settings: Settings, day: str | None) -> str:
    """
    The day that is asked about, or the newest that was built.

    Raises:
        RunRefused: If there is no such build.
    """
    built = folders.days(settings.folder)
    if day is None and built:
        return built[-1]
    if day not in built or day is None:
        known = f"There are: {', '.join(built[-5:])}." if built else ""
        raise RunRefused(
            Fault(f"Master of {day or 'any day'}", "it is not built.", f"Run: rules master build. {known}".strip())
        )
    return day


def questions(settings: Settings, day: str) -> list[Question]:
    """The pairs of a build that nobody decided since, the likeliest first."""
    linked_here(settings)
    folders.as_written(Path(settings.folder) / day, ("pairs/",))
    decided = {override.pair for override in overrides.read(settings.overrides)}
    found = []
    for row in pq.read_table(Path(settings.folder) / day / "pairs" / tables.FILE).to_pylist():
        a, b = (row["source_a"], row["key_a"]), (row["source_b"], row["key_b"])
        if row["outcome"] in TO_DECIDE and (min(a, b), max(a, b)) not in decided:
            found.append(Question(a, b, row["probability"], row["outcome"], (row["master_a"], row["master_b"])))
    return sorted(found, key=lambda question: (-question.probability, question.a, question.b))


def present(asked: Sequence[Question], records: Records) -> list[Question]:
    """Those of which both records are there still: a source without {day} in its path may have changed since."""
    return [each for each in asked if all(records.place(key) is not None for key in (each.a, each.b))]


def changed(settings: Settings, records: Records, day: str) -> list[str]:
    """The sources that a day's build read otherwise than they are now: what is shown of them is not what was linked."""
    read = folders.manifest(Path(settings.folder) / day)["sources"]
    return [source.name for source in settings.sources if read.get(source.name) != records.checksums[source.name]]


def linked_here(settings: Settings) -> None:
    """
    That there is something to decide and to explain.

    Raises:
        RunRefused: If ids are given elsewhere.
    """
    if settings.mode is not Mode.BUILT_IN:
        what = f"its mode is {settings.mode}: nothing is linked here, so there is nothing to decide."
        raise RunRefused(Fault("Master settings", what, "Decide it where the ids are made."))


def side_by_side(settings: Settings, records: Records, pair: tuple[Key, Key], show: bool) -> dict[str, tuple[str, str]]:
    """Each column of both records; what is personal is masked but for whether, and how far, the two agree."""
    rows = [row_of(records, key) for key in pair]
    found: dict[str, tuple[str, str]] = {}
    for name in settings.columns:
        cells = [records.raw[name][row].as_py() for row in rows]
        clear = show or (name not in PERSONAL and name in settings.roles)
        left, right = cells
        found[name] = (left or "", right or "") if clear else masked(left, right)
    return found


def masked(left: str | None, right: str | None) -> tuple[str, str]:
    """
    Two cells by their length and what they share, none of their letters.

    >>> masked("Anna", "Anne"), masked("Anna", None), masked("Anna", "Anna")
    (('***x', '***x'), ('xxxx', ''), ('****', '****'))
    """
    if left is None or right is None:
        return "x" * len(left or ""), "x" * len(right or "")
    same = [a == b for a, b in zip(left, right, strict=False)]
    shown = [
        "".join("*" if place < len(same) and same[place] else "x" for place in range(len(t))) for t in (left, right)
    ]
    return shown[0], shown[1]


def row_of(records: Records, key: Key) -> int:
    """
    The row of a record.

    Raises:
        RunRefused: If there is none today.
    """
    row = records.place(key)
    if row is None:
        near = did_you_mean(key[1], (k for source, k in records.keys if source == key[0]))
        raise RunRefused(
            Fault(f"Record {spelt(key)}", "no source has it on that day.", near or "Write source:key, as in crm:17.")
        )
    return row


def decide(settings: Settings, records: Records, made: Override) -> Mapping[str, str]:
    """
    Remember what somebody decided of two records; what was decided of the pair before, if it was.

    Raises:
        RunRefused: If a record is not there, or the decision cannot hold beside others; nothing is remembered.
    """
    linked_here(settings)
    if made.a == made.b:
        raise RunRefused(Fault(f"Record {spelt(made.a)}", "it is named twice.", "Name two records."))
    for key in made.pair:
        row_of(records, key)
    earlier = overrides.read(settings.overrides)
    overrides.in_force([*earlier, made])
    before = {override.pair: override.decision for override in earlier}.get(made.pair, "")
    overrides.append(settings.overrides, made)
    return {"before": before}
