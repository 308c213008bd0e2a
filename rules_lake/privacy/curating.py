"""
One landed snapshot made into a curated one: each column as its policy says, and nothing else.

The curated snapshot is one Parquet file, written aside and put in place at once, beside a manifest that names what it
was made of; the same inputs make nothing anew.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.canonical import canonical_json
from rules_engine.model.frames import Frame
from rules_lake.landing.landing import place_of, snapshot
from rules_lake.landing.manifest import Manifest, checked, manifest_of
from rules_lake.landing.place import MANIFEST, Place
from rules_lake.landing.records import Records
from rules_lake.landing.types import arrow_type
from rules_lake.privacy.policy import DECLARED, Policy, Treatment
from rules_lake.privacy.reverse_table import ReverseTable
from rules_lake.privacy.tokens import TokenKeys
from rules_lake.privacy.treating import treated

FORM = 1
DATA = "part-0.parquet"
AT_ONCE = 500_000
"""Tokens that are held before they go to the reverse table."""

NUMBER, PLAIN = r"^\s*[+-]?[0-9]+(\.0*)?\s*$", r"^(0|-?[1-9][0-9]*)$"
"""A text that says a whole number, and one that says it as a number is written."""

Columns = Mapping[str, tuple[Policy, str]]


@dataclass(frozen=True, slots=True)
class Tokenising:
    """What makes tokens, and where it is kept what they stand for."""

    keys: TokenKeys
    table: ReverseTable
    numbered: frozenset[str] = frozenset()
    """Domains in which whole numbers name rows: a text of digits is one of them, or joins none."""


@dataclass(frozen=True, slots=True)
class Curated:
    """A curated snapshot: ``made`` says why it was made anew, and is empty where it was there already."""

    frame: str
    day: date
    rows: int
    columns: Mapping[str, Mapping[str, str]]
    """Of every declared column how it ``landed``, its ``type`` now (none of a dropped one), ``privacy`` and ``why``."""
    made: str
    tokens: int = 0
    older: tuple[str, ...] = ()
    """Days, other ones, whose snapshots keep a column otherwise than its policy says since it is another."""


def curate(frame: Frame, day: date, columns: Columns, tokens: Tokenising | None, lake: Place) -> Curated:
    """
    The curated snapshot of a frame of a day below the lake's folder; made where it is not there as it would be.

    Raises:
        RunRefused: If the landed one is not as it landed, or a policy cannot be carried out.
    """
    landed, target = place_of(frame, day), lake.below(f"{frame.name}/{day.isoformat()}")
    known = manifest_of(landed)
    if known is None:
        checked(landed)  # says why
        raise AssertionError
    raise_all(RunRefused, _added(target))
    inputs, before = _inputs(frame, known, columns, tokens), _before(target)
    if before is not None and before["inputs"] == inputs and not _retyped(before, frame, columns):
        return Curated(frame.name, day, before["rows"], _described(frame, columns), "")
    raise_all(RunRefused, _strangers(frame, day, inputs, lake.below(frame.name)))
    manifest = snapshot(frame, day)
    aside = lake.below(f"{frame.name}/.curating-{uuid.uuid4().hex[:12]}")
    try:
        rows, made = _written(frame, landed, manifest, columns, tokens, aside)
        said = {"form": FORM, "frame": frame.name, "day": day.isoformat(), "rows": rows, "inputs": inputs,
                "columns": _described(frame, columns), "sha256": aside.sha256(DATA)}  # fmt: skip
        with aside.writing(MANIFEST) as out:
            out.write((canonical_json(said) + "\n").encode())
        aside.put_in_place(target, over=True)
    finally:
        aside.remove()
    why = "; ".join(filter(None, [_why(before, inputs), *_retyped(before, frame, columns)]))
    older = tuple(_kept_otherwise(day, columns, lake.below(frame.name), before))
    return Curated(frame.name, day, rows, _described(frame, columns), why, made, older)


def _added(target: Place) -> Iterator[Fault]:
    """Files that somebody put beside a curated one: a run would read their rows, too."""
    for file in target.files():
        if not file.hidden and file.name != DATA:
            what = f"its file {file.name} was not written by `rules curate`, and its rows would count."
            yield Fault(f"Curated snapshot {target.uri}", what, f"Move {file.name} away.")


def _strangers(frame: Frame, day: date, inputs: Mapping[str, Any], place: Place) -> Iterator[Fault]:
    """Subjects that would have other keys than on other days: all of them would leave, and as many strangers come."""
    others = [name for name in place.names() if not name.startswith(".") and name != day.isoformat()]
    if not others or (was := _said(place.below(max(others)))) is None:
        return
    remedy = f"Leave it as it was on {was['day']}; to begin anew, with another history, curate into another folder."
    which, key = f"Frame '{frame.name}'", frame.subject_key
    if was["inputs"]["secret"] != inputs["secret"] and was["inputs"]["secret"] and inputs["secret"]:
        yield Fault(which, "the secret of tokens is another: every member would be a stranger.", remedy)
    if was["inputs"]["columns"].get(key) != inputs["columns"].get(key):
        yield Fault(which, f"the privacy of its {key}, the subject's key, is another: all would be strangers.", remedy)


def _kept_otherwise(day: date, columns: Columns, place: Place, before: Mapping[str, Any] | None) -> Iterator[str]:
    """The other days that keep a column otherwise than is declared, where the newest snapshot before this one did."""
    now = {name: _digest(p.content()) * (not p.drops) for name, (p, why) in columns.items() if why == DECLARED}
    days = sorted(name for name in place.names() if not name.startswith(".") and name != day.isoformat())
    if before or days:
        newest = before or _said(place.below(days[-1]))
        if any(_otherwise(now, newest)):
            yield from (each for each in days if any(_otherwise(now, _said(place.below(each)))))


def _otherwise(now: Mapping[str, str], said: Mapping[str, Any] | None) -> Iterator[bool]:
    """Of each column of a snapshot whose policy is declared, whether it is another than was carried out."""
    yield from (now.get(name, was) != was for name, was in (said["inputs"]["columns"] if said else {}).items())


def _described(frame: Frame, columns: Columns) -> dict[str, dict[str, str]]:
    types = {c.name: c.type for c in frame.columns}
    return {
        name: {
            "landed": types[name],
            "type": "" if p.drops else p.type_after(types[name]),
            "privacy": p.treatment.value,
            "why": why,
        }
        for name, (p, why) in columns.items()
    }


def _inputs(frame: Frame, manifest: Manifest, columns: Columns, tokens: Tokenising | None) -> dict[str, Any]:
    """What a curated snapshot follows from; of files that say themselves how they are, there are no options."""
    makes_tokens = any(p.treatment is Treatment.TOKENISE for p, _ in columns.values())
    return {
        "landed": manifest.digest,
        "columns": {name: _digest(p.content()) for name, (p, _) in columns.items() if not p.drops},
        "secret": tokens.keys.fingerprint if makes_tokens and tokens else "",
        **({"options": _digest(sorted(frame.options.items()))} if frame.options else {}),
    }


def _digest(content: object) -> str:
    return sha256(canonical_json(content).encode()).hexdigest()[:16]


def _before(target: Place) -> dict[str, Any] | None:
    """The manifest of what is there, with the rows that its file has; None where there is nothing whole."""
    found = _said(target)
    try:
        if not found or target.sha256(DATA) != found["sha256"]:
            return None
        with target.reading(DATA) as stream:
            return found | {"rows": pq.read_metadata(stream).num_rows}
    except (KeyError, RunRefused):
        return None


def _said(target: Place) -> dict[str, Any] | None:
    """The manifest of a curated snapshot, as far as there is one."""
    try:
        found: dict[str, Any] = json.loads(target.text(MANIFEST) or "")
        return found if found["form"] == FORM else None
    except (ValueError, KeyError, TypeError, RunRefused):
        return None


def _why(before: Mapping[str, Any] | None, inputs: Mapping[str, Any]) -> str:
    if before is None:
        return "it was not there"
    was, now = before["inputs"], inputs
    said = ["another extract landed"] if was["landed"] != now["landed"] else []
    said += ["the secret of tokens is another"] if was["secret"] != now["secret"] else []
    said += ["its options are others"] if was.get("options") != now.get("options") else []
    for name in {**was["columns"], **now["columns"]}:
        if name not in now["columns"]:
            said.append(f"{name} goes on no more")
        elif name not in was["columns"]:
            said.append(f"{name} goes on now")
        elif was["columns"][name] != now["columns"][name]:
            said.append(f"the privacy of {name} is another")
    return "; ".join(said)


def _retyped(before: Mapping[str, Any] | None, frame: Frame, columns: Columns) -> list[str]:
    """Columns that were curated as another type than would be now, such as a moment with a zone as one without."""
    was, now = before["columns"] if before else {}, _described(frame, columns)
    both = ((name, was.get(name, {}).get("type"), now[name]["type"]) for name in now)
    return [f"the type of {name} is another" for name, one, other in both if one and other and one != other]


def _written(
    frame: Frame, landed: Place, manifest: Manifest, columns: Columns, tokens: Tokenising | None, aside: Place
) -> tuple[int, int]:
    """Rows written, and tokens that are new."""
    schema = pa.schema([_field(frame, name, p) for name, (p, _) in columns.items() if not p.drops])
    rows = added = 0
    waiting: dict[str, dict[str, str]] = {}
    with aside.writing(DATA) as out, pq.ParquetWriter(out, schema, write_page_checksum=True) as writer:
        for batch in _batches(frame, landed, manifest):
            writer.write_batch(_treated(frame, batch, schema, columns, tokens, waiting))
            rows += batch.num_rows
            if sum(map(len, waiting.values())) > AT_ONCE:
                added += _kept(tokens, waiting)
    return rows, added + _kept(tokens, waiting)


def _kept(tokens: Tokenising | None, waiting: dict[str, dict[str, str]]) -> int:
    added = sum(tokens.table.add(domain, values) for domain, values in waiting.items()) if tokens else 0
    waiting.clear()
    return added


def _field(frame: Frame, name: str, policy: Policy) -> pa.Field:
    declared = next(c.type for c in frame.columns if c.name == name)
    arrow = arrow_type(policy.type_after(declared))
    if arrow is None:
        what = f"it is {declared}, of many values, and only columns of one value go on."
        raise RunRefused(Fault(f"Column '{frame.name}.{name}'", what, "Drop it, or flatten it at the source."))
    return pa.field(name, arrow)


def _batches(frame: Frame, landed: Place, manifest: Manifest) -> Iterator[pa.RecordBatch]:
    for file in manifest.files:
        records = Records(landed, file.name, frame, unended=True)
        yield from records.batches()
        if records.faults:
            raise RunRefused(*records.faults)


def _treated(
    frame: Frame,
    batch: pa.RecordBatch,
    schema: pa.Schema,
    columns: Columns,
    tokens: Tokenising | None,
    waiting: dict[str, dict[str, str]],
) -> pa.RecordBatch:
    arrays = []
    for field in schema:
        policy, values = columns[field.name][0], batch.column(field.name)
        try:
            if policy.treatment is Treatment.TOKENISE:
                assert tokens is not None
                if policy.domain in tokens.numbered:
                    raise_all(RunRefused, _padded(frame, field.name, values))
                made, stand_for = tokens.keys.column(policy.domain, values)
                waiting.setdefault(policy.domain, {}).update(stand_for)
                arrays.append(made)
            else:
                arrays.append(treated(policy, values).cast(field.type))
        except (pa.ArrowException, ArithmeticError) as problem:
            what = f"its privacy '{policy.treatment}' cannot be carried out on all of its values."
            remedy = "Mend its parameters: a band's ends must be values of the column's type."
            if pa.types.is_temporal(values.type) and isinstance(problem, OverflowError):
                remedy = "It has days before the year 1 or after 9999, which are in no band: mend, keep or drop them."
            raise RunRefused(Fault(f"Column '{frame.name}.{field.name}'", what, remedy)) from problem
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _padded(frame: Frame, name: str, values: pa.Array) -> Iterator[Fault]:
    """Texts that say a whole number otherwise than numbers are written: the token of 007 is not that of 7."""
    if not pa.types.is_string(values.type):
        return
    said, plain = (pc.match_substring_regex(values, each) for each in (NUMBER, PLAIN))
    if count := pc.sum(pc.and_not(said, plain)).as_py():
        what = (
            f"{count:,} of its values are whole numbers with zeros, a sign or blanks, such as 007 for 7: their tokens "
        )
        what += "are others than those of the numbers that it joins."
        remedy = "Have them written as the numbers are; of CSV declare bigint, with leadingZeros where they are padded."
        yield Fault(f"Column '{frame.name}.{name}'", what, remedy)


def needs_secret(decided: Iterable[Columns]) -> bool:
    """Whether any policy makes tokens."""
    return any(p.treatment is Treatment.TOKENISE for columns in decided for p, _ in columns.values())
