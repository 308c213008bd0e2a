"""The tables of a build: their columns and the order of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rules_engine.lake.text_faults import shape
from rules_lake.master import standardise
from rules_lake.master.records import Records
from rules_lake.master.settings import Settings

if TYPE_CHECKING:
    from rules_lake.master.building import Build

FILE = "part-00000.parquet"


def all_of(settings: Settings, records: Records, made: Build) -> dict[str, pa.Table]:
    """Every table of a build by the folder it goes to."""
    found = {
        "master": master(settings, records, made),
        "crosswalk": crosswalk(made),
        "lineage": lineage(records, made),
    }
    if made.clusters is not None:
        found |= {"pairs": pairs(records, made), "findings": findings(records, made), "ids": ids(records, made)}
        found |= {"trail": trail(made), "merged": merged(made)}
    return found


def id_type(made: Build) -> pa.DataType:
    """Text where any id is one, else a whole number."""
    return pa.string() if any(isinstance(master_id, str) for master_id in made.masters) else pa.int64()


def master(settings: Settings, records: Records, made: Build) -> pa.Table:
    """One row a master: what survives of its records."""
    cells: dict[str, Any] = {"master_id": pa.array(list(made.masters), id_type(made))}
    days = {source.name: standardise.birth_date(source.day_first) for source in settings.sources}
    for name in settings.columns:
        kept = [values[name] for values in made.values.values()]
        if name == "birth_date":
            read = (
                standardise.iso_day(days[records.keys[k.row][0]](k.value)) if k.row is not None else None for k in kept
            )
            cells[name] = pa.array(read, pa.date32())
        else:
            cells[name] = pa.array((k.value for k in kept), pa.string())
    of = [[records.keys[row][0] for row in rows] for rows in made.masters.values()]
    cells["records"] = pa.array(map(len, of), pa.int32())
    cells["sources"] = pa.array((",".join(sorted(set(names))) for names in of), pa.string())
    return pa.table(cells)


def no_days(settings: Settings, records: Records) -> dict[str, dict[str, Any]]:
    """Of each source how many birth dates say no day, and how one of them is written, without what it says."""
    found: dict[str, dict[str, Any]] = {}
    if "birth_date" in settings.columns:
        day_first = {source.name: source.day_first for source in settings.sources}
        for (source, _), text in zip(records.keys, records.raw["birth_date"].to_pylist(), strict=True):
            if text is not None and standardise.says_no_day(text, day_first[source]):
                said = found.setdefault(source, {"records": 0, "as": shape(text)})
                said["records"] += 1
    return found


def crosswalk(made: Build) -> pa.Table:
    """One row a record: whose it is, and why."""
    return pa.table(
        {
            "source": pa.array((m.key[0] for m in made.members), pa.string()),
            "source_id": pa.array((m.key[1] for m in made.members), pa.string()),
            "master_id": pa.array((m.master for m in made.members), id_type(made)),
            "because": pa.array((m.because for m in made.members), pa.string()),
            "probability": pa.array((m.probability for m in made.members), pa.float64()),
        }
    )


def lineage(records: Records, made: Build) -> pa.Table:
    """One row a master and column that has a value: the record it is from."""
    rows = [
        (master_id, name, *records.keys[kept.row])
        for master_id, values in made.values.items()
        for name, kept in values.items()
        if kept.row is not None
    ]
    types = {"master_id": id_type(made)} | dict.fromkeys(("column", "source", "source_id"), pa.string())
    return _of_rows(types, rows)


def pairs(records: Records, made: Build) -> pa.Table:
    """One row a pair that may be one person, and what came of it."""
    of = {member.key: member.master for member in made.members}
    rows = []
    for judged in made.judged:
        a, b = records.keys[judged.pair.left], records.keys[judged.pair.right]
        scores = (judged.pair.probability, judged.pair.weight, judged.pair.rule)
        rows.append((*a, *b, *scores, judged.outcome, of[a], of[b]))
    text, number = pa.string(), pa.float64()
    types = {"source_a": text, "key_a": text, "source_b": text, "key_b": text, "probability": number, "weight": number}
    return _of_rows(types | {"rule": text, "outcome": text, "master_a": pa.int64(), "master_b": pa.int64()}, rows)


def findings(records: Records, made: Build) -> pa.Table:
    """One row a link that would have merged what should not be: why not, and the two records that speak against it."""
    refused = made.clusters.refused if made.clusters else []
    rows = [
        (
            str(each.why),
            *records.keys[each.link.left],
            *records.keys[each.link.right],
            each.link.probability,
            *records.keys[each.against[0]],
            *records.keys[each.against[1]],
        )
        for each in refused
    ]
    names = (
        "why source_a key_a source_b key_b probability against_source_a against_key_a against_source_b against_key_b"
    )
    types = dict.fromkeys(names.split(), pa.string()) | {"probability": pa.float64()}
    return _of_rows(types, sorted(rows))


def ids(records: Records, made: Build) -> pa.Table:
    """One row a record that was ever seen: the id it has, or had when it was last seen, and the first it had."""
    assert made.ids
    present = set(records.keys)
    rows = [(*key, made.ids.now[key], made.ids.first[key], key in present) for key in sorted(made.ids.now)]
    whole = {"master_id": pa.int64(), "first_id": pa.int64(), "present": pa.bool_()}
    return _of_rows({"source": pa.string(), "source_id": pa.string()} | whole, rows)


def trail(made: Build) -> pa.Table:
    """One row a step of an id's life, of all days until this one."""
    assert made.ids
    rows = [(step.day, str(step.event), step.master_id, step.other) for step in made.ids.trail]
    whole = {"master_id": pa.int64(), "other_id": pa.int64()}
    return _of_rows({"day": pa.string(), "event": pa.string()} | whole, rows)


def merged(made: Build) -> pa.Table:
    """One row an id that is merged away as of this day: the id that took its records, itself a row if it went, too."""
    assert made.ids
    whole = {"master_id": pa.int64(), "into_id": pa.int64()}
    return _of_rows(whole, sorted(made.ids.merged().items()))


def _of_rows(types: dict[str, pa.DataType], rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    return pa.table({name: pa.array(cells, kind) for (name, kind), cells in zip(types.items(), columns, strict=True)})
