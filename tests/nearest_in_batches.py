"""The nearest change of one fact of many subjects at once, as `rules explain --nearest` looks for it one by one."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from rules_engine.model.history import Subject
from rules_engine.review.moves import Held, Move, held_against, values_near
from rules_engine.review.nearest import Moves, _valued, turns
from rules_engine.review.snapshot import Reopened
from rules_engine.review.turning import Case

BATCH = 3_000
"""Candidates that are made subjects of their own at once."""

Rows = Mapping[str, Mapping[Subject, list[tuple[Any, ...]]]]


def rows_of_all(opened: Reopened) -> Rows:
    """Everybody's rows, by the names of the frames in small letters."""
    found: dict[str, dict[Subject, list[tuple[Any, ...]]]] = {}
    for frame in opened.lake.frames:
        if frame.subject_key:
            of_frame = found.setdefault(frame.name.lower(), defaultdict(list))
            rows = opened.spark.table(frame.name)
            at = [name.lower() for name in rows.columns].index(frame.subject_key.lower())
            for row in rows.collect():
                of_frame[row[at]].append(tuple(row))
    return found


def nearest_single(
    opened: Reopened, cases: Mapping[Subject, Case], rows: Rows, as_of: date, until: float
) -> tuple[dict[Subject, Moves], int]:
    """
    Of subjects with cases of one type, the nearest move of one column that turns each; and how many were tried.

    The nearest of everybody are tried first, twice as many each round, so that whoever turns in a round turned by the
    nearest of all; after ``until``, in seconds of the monotonic clock, no round begins.
    """
    (any_case, *_) = cases.values()
    counted = [v for v in any_case.versions if not v.shadow]
    valued = [*_valued(opened, held_against(counted, opened.schema, opened.lake), as_of)]
    columns = {held.frame: [n.lower() for n in opened.spark.table(held.frame).columns] for held, _ in valued}
    waiting = {s: sorted(_singles(columns, rows, s, valued), key=lambda move: move.distance) for s in cases}
    best, tried, each = dict[Subject, Moves](), 0, 4
    while waiting and time.monotonic() < until:
        candidates = [(subject, (move,)) for subject, moves in waiting.items() for move in moves[:each]]
        for first in range(0, len(candidates), BATCH):
            for subject, moves in _turned(opened, cases, rows, candidates[first : first + BATCH], as_of):
                if subject not in best or moves[0].distance < best[subject][0].distance:
                    best[subject] = moves
        tried += len(candidates)
        waiting = {s: moves[each:] for s, moves in waiting.items() if s not in best and moves[each:]}
        each *= 2
    return best, tried


def _singles(
    columns: Mapping[str, list[str]], rows: Rows, subject: Subject, valued: Sequence[tuple[Held, Any]]
) -> Iterator[Move]:
    seen = set[tuple[object, ...]]()
    for held, value in valued:
        at = columns[held.frame].index(held.column)
        for number, row in enumerate(rows.get(held.frame, {}).get(subject, [])[:10]):
            for becomes in values_near(value):
                place = (held.frame, number, held.column, becomes)
                if becomes != row[at] and place not in seen:
                    seen.add(place)
                    yield Move(held.frame, number, held.column, row[at], becomes)


def _turned(
    opened: Reopened,
    cases: Mapping[Subject, Case],
    rows: Rows,
    candidates: Sequence[tuple[Subject, Moves]],
    as_of: date,
) -> Iterator[tuple[Subject, Moves]]:
    frames = [frame.name.lower() for frame in opened.lake.frames if frame.subject_key]
    several = [
        (cases[subject], {name: rows[name].get(subject, []) for name in frames}, moves) for subject, moves in candidates
    ]
    turned = turns(opened, several, as_of)
    yield from (candidate for candidate, turn in zip(candidates, turned, strict=True) if turn)
