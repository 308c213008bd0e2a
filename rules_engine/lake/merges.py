"""Subjects that were merged into others, as a frame of the lake says: checked before rules are run, and looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault, did_you_mean
from rules_engine.lake.breaches import Breach, share
from rules_engine.lake.codes import NULLS, SUBJECT_KEY, VALUES
from rules_engine.lake.keys import joinable, key_faults
from rules_engine.lake.spark_types import quoted
from rules_engine.model.columns import OnBreach
from rules_engine.model.frames import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MOST_SHOWN = 5
"""Rounds of merges that are named."""


def frame_read(lake: Lake) -> str:
    """The frame of merged subjects; empty where none is declared."""
    return lake.frame(lake.merged.frame).name if lake.merged else ""


def type_faults(lake: Lake, types: Mapping[str, Mapping[str, str]], wanted: str | None) -> Iterator[Fault]:
    """Columns that name subjects and are not there, or not of the type ``wanted``; ``types`` are those of frames."""
    if not lake.merged or (name := frame_read(lake)) not in types:
        return
    which = f"Frame '{name}'"
    for column in (lake.frame(name).key[0], lake.merged.into):
        found = types[name].get(column.lower())
        if found is None:
            what = f"it has no column '{column}', which [merged] names."
            yield Fault(which, what, did_you_mean(column, types[name]), SUBJECT_KEY)
        elif wanted and not joinable(found, wanted):
            what = f"'{column}', which names subjects, is {found}, the key of '{lake.subject}' is {wanted}."
            yield Fault(which, what, "Keys join only where their types are the same.", SUBJECT_KEY)


def breaches(lake: Lake, data: DataFrame) -> Iterator[Breach]:
    """Subjects merged into nobody, or round into themselves; that each is one row is the key's matter."""
    from pyspark.sql import functions as F  # noqa: N812

    assert lake.merged
    frame = lake.frame(lake.merged.frame)
    key, into = data[quoted(frame.key[0])], data[quoted(lake.merged.into)]
    counted: Any = data.agg(F.count(F.lit(1)), F.count(F.when(into.isNull(), 1))).first()
    rows, unsaid = (int(each) for each in counted)
    survivors = data.select(into.alias("subject")).where("subject IS NOT NULL").distinct()
    for fault in key_faults(lake, survivors, frame.name, lake.merged.into):
        yield Breach(fault, OnBreach.STOP, frozenset())
    which = f"Column '{frame.name}.{lake.merged.into}'"
    if unsaid:
        what = f"{share(unsaid, rows)} are without a value: merged into nobody."
        yield Breach(Fault(which, what, "Mend the source.", NULLS), OnBreach.STOP, frozenset())
    pairs = data.select(key.alias("away"), into.alias("into"))
    on = pairs.join(pairs.select(F.col("into").alias("away")).distinct(), "away", "left_semi")
    both = on.join(pairs.select(F.col("away").alias("into")), "into", "left_semi").toArrow()
    if found := loops(dict(zip(both["away"].to_pylist(), both["into"].to_pylist(), strict=True))):
        shown = "; ".join(" → ".join(map(str, (*loop, loop[0]))) for loop in found[:MOST_SHOWN])
        what = f"subjects are merged round into themselves, {len(found):,} times: {shown}"
        what += "; and more." if len(found) > MOST_SHOWN else "."
        fault = Fault(which, what, "Mend the source: one of them is left.", VALUES)
        yield Breach(fault, OnBreach.STOP, frozenset())


def loops(into: Mapping[Any, Any]) -> list[tuple[Any, ...]]:
    """
    The rounds in which subjects were merged into each other, each from its first key on.

    >>> loops({1: 2, 2: 3, 3: 2, 9: 9, 4: 1})
    [(2, 3), (9,)]
    """
    found, seen = [], set[Any]()
    for first in sorted(into):
        path = dict[Any, None]()
        subject = first
        while subject in into and subject not in seen:
            seen.add(subject)
            path[subject] = None
            subject = into[subject]
        if subject in path:
            loop = [*path][[*path].index(subject) :]
            least = loop.index(min(loop))
            found.append((*loop[least:], *loop[:least]))
    return sorted(found)


def with_survivors(stood: DataFrame, lake: Lake, frames: Mapping[str, DataFrame]) -> DataFrame:
    """Earlier memberships with ``merged_into``: the subject that took the place of theirs, NULL where none did."""
    from pyspark.sql import functions as F  # noqa: N812

    if not lake.merged:
        return stood.withColumn("merged_into", F.lit(None))
    frame = lake.frame(lake.merged.frame)
    data = frames[frame.name]
    merged = data.select(data[quoted(frame.key[0])].alias("away"), data[quoted(lake.merged.into)].alias("merged_into"))
    return stood.join(merged, F.col("subject") == F.col("away"), "left").drop("away")
