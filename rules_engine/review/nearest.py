"""
The smallest change of a subject's facts that turns a decision: one column moved, else two.

Candidates are made into subjects of their own, with the subject's rows and one or two values moved, so that every rule
is asked of all of them at once, as a run asks it. What is nearest is then asked again among everybody else's rows:
nothing is told that was not evaluated so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING, Any

from rules_engine.model.decisions import Decision
from rules_engine.model.history import Subject
from rules_engine.review.answers import answers
from rules_engine.review.moves import Held, Move, held_against, values_near
from rules_engine.review.snapshot import Reopened
from rules_engine.review.turning import Case, Outcomes
from rules_engine.spark.sandbox import dataset
from rules_engine.spark.session import FEW_ROWS, pin
from rules_engine.sql.lexer import bind
from rules_engine.sql.literals import literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MOST_ROWS = 10
"""Rows of the subject in one frame that are moved."""

MOST_PAIRS = 3_000
"""Pairs of moves that are tried, the nearest first."""

MOST_VERIFIED = 5
"""Candidates that are asked again among everybody else's rows before it is given up."""

Moves = tuple[Move, ...]
Rows = Mapping[str, Sequence[tuple[Any, ...]]]
"""One subject's rows, by the names of the frames in small letters."""
Candidate = tuple[Case, Rows, Moves]
"""A subject's case, its rows, and what of them is moved."""


@dataclass(frozen=True, slots=True)
class NearestFacts:
    """
    The moves that turn a decision, and the decision then; ``outcomes`` are the rules' as they were asked again.

    None of ``moves`` where nothing of what was tried turns it; ``tried`` says how many candidates there were.
    """

    moves: Moves
    decision: Decision | None
    tried: int
    outcomes: Outcomes


def nearest_facts(opened: Reopened, case: Case, subject: Subject, as_of: date) -> NearestFacts:
    """The nearest verified change of facts; fewest columns first, then the shortest way."""
    known = _rows_of(opened, subject)
    singles = tuple((move,) for move in _moves(opened, case, known, as_of))
    tried = 0
    for candidates in (singles, _pairs(singles)):
        tried += len(candidates)
        for moves in _turning(opened, case, known, candidates, as_of)[:MOST_VERIFIED]:
            outcomes = _asked_again(opened, case, subject, known, moves, as_of)
            then = replace(case, outcomes=outcomes).decision
            if then.granted != case.decision.granted:
                return NearestFacts(moves, then, tried, outcomes)
    return NearestFacts((), None, tried, {})


def _rows_of(opened: Reopened, subject: Subject) -> dict[str, list[tuple[Any, ...]]]:
    """The subject's rows, by the names of the frames that hold its key, in small letters."""
    found = {}
    for frame in opened.lake.frames:
        if frame.subject_key:
            rows = opened.spark.table(frame.name).where(f"`{frame.subject_key}` = {literal(subject)}")
            found[frame.name.lower()] = [tuple(row) for row in rows.limit(200).collect()]
    return found


def _moves(opened: Reopened, case: Case, known: Rows, as_of: date) -> Iterator[Move]:
    counted = [v for v in case.versions if not v.shadow and not opened.missing_for(v)]
    seen = set[tuple[object, ...]]()
    for held, value in _valued(opened, held_against(counted, opened.schema, opened.lake), as_of):
        at = [name.lower() for name in opened.spark.table(held.frame).columns].index(held.column)
        for number, row in enumerate(known.get(held.frame, ())[:MOST_ROWS]):
            for becomes in values_near(value):
                place = (held.frame, number, held.column, becomes)
                if becomes != row[at] and place not in seen:
                    seen.add(place)
                    yield Move(held.frame, number, held.column, row[at], becomes)


def _valued(opened: Reopened, held: Sequence[Held], as_of: date) -> Iterator[tuple[Held, Any]]:
    """What columns are held against, as values of the columns' types; what has none of the type is left out."""
    texts = []
    for each in held:
        type_ = opened.schema.types_of(each.frame)[each.column]
        against = "NULL" if each.against is None else bind(each.against, each.rule.parameters, as_of)
        texts.append(f"try_cast(({against}) AS {type_})")
    if texts:
        values = opened.spark.sql(f"SELECT {', '.join(texts)}").collect()[0]
        yield from ((h, v) for h, v in zip(held, values, strict=True) if v is not None or h.against is None)


def _pairs(singles: Sequence[Moves]) -> tuple[Moves, ...]:
    both = (
        (one, other)
        for (one,), (other,) in combinations(singles, 2)
        if (one.frame, one.row, one.column) != (other.frame, other.row, other.column)
    )
    return tuple(sorted(both, key=_length)[:MOST_PAIRS])


def _length(moves: Moves) -> float:
    return sum(move.distance for move in moves)


def _turning(
    opened: Reopened,
    case: Case,
    known: Rows,
    candidates: Sequence[Moves],
    as_of: date,
) -> list[Moves]:
    """The candidates that turn the decision, each a subject of its own, the nearest first."""
    if not candidates:
        return []
    turned = turns(opened, [(case, known, moves) for moves in candidates], as_of)
    return sorted((moves for moves, turn in zip(candidates, turned, strict=True) if turn), key=_length)


def turns(opened: Reopened, several: Sequence[Candidate], as_of: date) -> list[bool]:
    """Which candidates turn their decision, all of one type: each is a subject of its own, whose rows are moved."""
    own, of_text = pin(opened.spark, FEW_ROWS), opened.schema.subject_type == "string"
    for frame in opened.lake.frames:
        rows = opened.spark.table(frame.name)
        if frame.subject_key:
            at = [name.lower() for name in rows.columns].index(frame.subject_key.lower())
            made = []
            for number, (_, known, moves) in enumerate(several):
                for row in _moved(frame.name.lower(), rows.columns, known[frame.name.lower()], moves):
                    made.append((*row[:at], str(number) if of_text else number, *row[at + 1 :]))
            own.createDataFrame(made, rows.schema).coalesce(1).createOrReplaceTempView(frame.name)
        else:
            dataset(own, rows._jdf.logicalPlan()).createOrReplaceTempView(frame.name)
    _lists(opened, own)
    told = answers(own, _asked(opened, several[0][0]), opened.lake, as_of)
    return [
        _with(case, told.get(str(number) if of_text else number, {})).decision.granted != case.decision.granted
        for number, (case, _, _) in enumerate(several)
    ]


def _moved(
    frame: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], moves: Moves
) -> Iterator[tuple[Any, ...]]:
    places = {name.lower(): at for at, name in enumerate(columns)}
    for number, row in enumerate(rows):
        fresh = list(row)
        for move in moves:
            if (move.frame, move.row) == (frame, number):
                fresh[places[move.column]] = move.becomes
        yield tuple(fresh)


def _asked_again(
    opened: Reopened,
    case: Case,
    subject: Subject,
    known: Rows,
    moves: Moves,
    as_of: date,
) -> Outcomes:
    """What every rule is of the subject with its moved facts, among everybody else's rows."""
    own = pin(opened.spark)
    moved = {move.frame for move in moves}
    for frame in opened.lake.frames:
        rows: DataFrame = dataset(own, opened.spark.table(frame.name)._jdf.logicalPlan())
        if frame.name.lower() in moved:
            others = rows.where(f"NOT (`{frame.subject_key}` <=> {literal(subject)})")
            fresh = list(_moved(frame.name.lower(), rows.columns, known[frame.name.lower()], moves))
            rows = others.unionAll(own.createDataFrame(fresh, rows.schema))
        rows.createOrReplaceTempView(frame.name)
    _lists(opened, own)
    told = answers(own, _asked(opened, case), opened.lake, as_of, [subject])
    return _with(case, told.get(subject, {})).outcomes


def _asked(opened: Reopened, case: Case) -> list[Any]:
    return [v for v in case.versions if not opened.missing_for(v)]


def _with(case: Case, outcomes: Outcomes) -> Case:
    return replace(case, outcomes=outcomes)


def _lists(opened: Reopened, own: SparkSession) -> None:
    """The reference lists of the rules, which are views beside the frames."""
    frames: Iterable[str] = {frame.name.lower() for frame in opened.lake.frames}
    for name in opened.schema.columns:
        if name.lower() not in frames:
            dataset(own, opened.spark.table(name)._jdf.logicalPlan()).createOrReplaceTempView(name)
