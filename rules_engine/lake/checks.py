"""Everything that is checked of the data before a rule is run (R-LAKE-2, R-LAKE-4): only what is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused, collected, did_you_mean, raise_all
from rules_engine.lake import elements, merges, orphans, uniqueness
from rules_engine.lake.breaches import Breach, share
from rules_engine.lake.codes import DUPLICATES, NO_KEY
from rules_engine.lake.data_files import bare
from rules_engine.lake.freshness import age_faults
from rules_engine.lake.reading import Subjects, check_subjects
from rules_engine.lake.uniqueness import KeyRows
from rules_engine.lake.unread import file_named, is_of_file, spark_errors, unread
from rules_engine.lake.used import Used, used
from rules_engine.model.columns import Column
from rules_engine.model.frames import Frame, Lake
from rules_engine.model.masking import masked
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import OpenLake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

AT_ONCE = 4
"""Frames that are looked at at once: what one leaves idle another takes."""


@dataclass(frozen=True, slots=True)
class Key:
    """Columns that are to tell rows apart: a frame's key, or a column that is declared unique."""

    columns: tuple[str, ...]
    column: Column | None = None


def checked(opened: OpenLake[DataFrame], rule_set: RuleSet | None) -> tuple[int, list[Breach]]:
    """
    How many subjects there are, and all that is wrong with what rules use, in the order of the declaration's frames.

    Raises:
        RunRefused: Where there is nobody to decide about or some cannot be named, a frame cannot be read to its end,
            or a declaration cannot be held against it; with every breach beside.
    """
    lake, faults, found = opened.declaration, list[Fault](), list[Breach]()
    uses = _uses(opened, rule_set)
    work = [
        frame for frame in lake.frames if uses.of(frame.name) or (rule_set and frame.name == merges.frame_read(lake))
    ]
    others = orphans.of_whole_numbers(opened, work)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        of_subjects = pool.submit(check_subjects, lake, opened.frames[lake.subject_frame.name], others)
        waiting = [pool.submit(_of_frame, opened, frame, uses, of_subjects) for frame in work]
    subjects = collected(of_subjects.result, faults)
    faults += age_faults(opened, uses) if rule_set else ()
    for each in waiting:
        found += collected(each.result, faults) or ()
    raise_all(RunRefused, [*faults, *(breach.fault for breach in found if faults)])
    return subjects.rows if subjects else 0, found


def _uses(opened: OpenLake[DataFrame], rule_set: RuleSet | None) -> Used:
    if rule_set is None:
        return Used()
    lists = {each.name: dict(each.columns) for each in rule_set.reference_lists}
    schema = replace(opened.schema, columns={**opened.schema.columns, **lists})
    return used(rule_set.versions, schema, opened.declaration)


def _of_frame(opened: OpenLake[DataFrame], frame: Frame, uses: Used, of_subjects: Future[Subjects]) -> list[Breach]:
    """What is wrong with a frame; its orphans are looked for where it is not sure of the subjects that it has none."""
    lake, data, summary = opened.declaration, opened.frames[frame.name], opened.summaries.get(frame.name)
    columns = elements.wanted(lake, frame, uses)
    keys = _keys(lake, frame, columns)
    raise_all(RunRefused, _unusable(frame, keys, data))
    try:
        asked = elements.measures(frame, data, columns, opened.as_of)
        said = [elements.wrong_rows_said(each, summary, opened.as_of) if summary else None for each in asked]
        unsaid = [each.wrong for each, known in zip(asked, said, strict=True) if known is None]
        known_rows = summary.rows if summary else None
        rows, of_keys, held = uniqueness.counted(data, [key.columns for key in keys], unsaid, known_rows)
        rest = iter(held)
        wrong = [next(rest) if known is None else known for known in said]
        found = [*elements.breaches(lake, frame, data, asked, rows, wrong, uses)]
        for key, its_rows in zip(keys, of_keys, strict=True):
            found += _of_key(lake, frame, data, key, its_rows, uses)
        if frame.name == merges.frame_read(lake):
            found += merges.breaches(lake, data)
        if of_subjects.exception() or frame.name not in of_subjects.result().complete:
            found += orphans.breaches(lake, frame, data, opened.frames[lake.subject_frame.name], uses)
    except spark_errors() as problem:
        if not is_of_file(problem):
            raise  # Spark is gone, or the like: no frame is to blame
        raise RunRefused(unread(_read_of(opened, frame, problem), problem)) from problem
    return found


def _read_of(opened: OpenLake[DataFrame], frame: Frame, problem: Exception) -> Frame:
    """The frame whose file Spark names: its own rows are held against the subjects', too."""
    named = file_named(problem)
    places = [(bare(opened.places[each.name]), each) for each in (opened.declaration.subject_frame, frame)]
    found = [(len(place), each) for place, each in places if f"{named}/".startswith(f"{place}/")]
    return max(found, key=lambda each: each[0], default=(0, frame))[1]


def _keys(lake: Lake, frame: Frame, columns: Sequence[Column]) -> list[Key]:
    """What must be unique; the subjects' own key is looked at apart."""
    subject = (lake.subject_key.lower(),) if frame is lake.subject_frame else ()
    own = tuple(name.lower() for name in frame.key)
    keys = [Key(frame.key)] if own and own != subject else []
    return keys + [Key((c.name,), c) for c in columns if c.unique and (c.name.lower(),) not in (subject, own)]


def _unusable(frame: Frame, keys: Sequence[Key], data: DataFrame) -> Iterator[Fault]:
    """Columns of keys that are not there, or that nothing compares."""
    types = {name.lower(): type_ for name, type_ in data.dtypes}
    for name in sorted({name for key in keys for name in key.columns}):
        if name.lower() not in types:
            what = f"its files have no column '{name}', which is declared as its key."
            yield Fault(f"Frame '{frame.name}'", what, did_you_mean(name, data.columns) or "Mend key = […].", NO_KEY)
        elif "map<" in types[name.lower()]:
            what = f"its key '{name}' is {types[name.lower()]}, and maps are not compared."
            yield Fault(f"Frame '{frame.name}'", what, "Mend key = […]: name what tells its rows apart.", NO_KEY)


def _of_key(lake: Lake, frame: Frame, data: DataFrame, key: Key, found: KeyRows, used: Used) -> Iterator[Breach]:
    """What is wrong with a key, by what was counted of it."""
    which, said = _which(frame, key)
    policy = (key.column.on_breach if key.column else None) or frame.on_breach or lake.on_breach
    versions = used.of(frame.name, *key.columns) if key.column else used.of(frame.name)
    if not key.column and (lost := found.rows - found.given):
        what = f"{share(lost, found.rows)} have no {said}, which is declared as its key."
        yield Breach(Fault(which, what, "Mend the source, or key = […].", NO_KEY), policy, versions)
    if found.unique:
        return
    values, shared, example = uniqueness.repeated(data, key.columns)
    if not values:  # two hashes were the same
        return
    shown = ", ".join(
        masked(value, sensitive=_sensitive(frame, at)) for at, value in zip(key.columns, example, strict=True)
    )
    what = f"{values:,} values of {said} stand in more than one row ({shared:,} rows), such as {shown}."
    remedy = "Remove the duplicates at the source, or declare what tells its rows apart."
    yield Breach(Fault(which, what, remedy, DUPLICATES), policy, versions)


def _which(frame: Frame, key: Key) -> tuple[str, str]:
    said = ", ".join(f"'{name}'" for name in key.columns)
    return (f"Column '{frame.name}.{key.column.name}'" if key.column else f"Frame '{frame.name}'"), said


def _sensitive(frame: Frame, name: str) -> bool:
    """The subject's key, and what is declared so."""
    declared = any(c.sensitive for c in frame.columns if c.name.lower() == name.lower())
    return declared or name.lower() == frame.subject_key.lower()
