"""What `rules explain` shows of one rule, of everybody at once, and whether evaluating that gives the rule's answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rules_engine.logical.select_query import select_query
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.plan.standalone import asks_other_rows
from rules_engine.review.clauses import Truth, columns_read, taken_apart
from rules_engine.review.seen import RowSeen, _Asked
from rules_engine.review.snapshot import Reopened
from rules_engine.review.turning import Outcome
from rules_engine.sql.lexer import bind, blanked
from rules_engine.sql.tokens import tokens

KEY = "the_subject"


@dataclass
class Told:
    """A rule's answer of each subject of whom it is no miss, and how many rows and clauses were shown and evaluated."""

    outcomes: dict[Any, Outcome] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def outcomes_shown(opened: Reopened, version: RuleVersion, as_of: date) -> Told:
    """What the clauses that are shown come to, of everybody; what is shown as a whole is asked as one."""
    if version.form is Form.PREDICATE:
        key = opened.lake.frame(version.frame).subject_key
        columns = columns_read(version.sql, opened.schema.types_of(version.frame))
        asked = _Asked(version, blanked(version.sql), taken_apart(version.sql), columns, as_of)
        if not asks_other_rows(asked.whole):
            return _of_rows(opened, asked, f"`{version.frame}`", f"`{key}`", predicate=True)
        return _whole(opened, version, as_of)
    found = select_query(blanked(version.sql))
    if found is None or asks_other_rows(found.where) or asks_other_rows(found.having):
        return _whole(opened, version, as_of)
    every = {name: "" for frame in opened.schema.columns for name in opened.schema.types_of(frame)}
    where = found.where or "TRUE"
    asked = _Asked(version, where, taken_apart(where), columns_read(where, every), as_of)
    source, given = asked.bound(found.source), asked.bound(found.given)
    if not found.grouped:
        return _of_rows(opened, asked, source, found.key, given)
    having = found.having or "TRUE"
    group = _Asked(version, having, taken_apart(having), {}, as_of)
    grouped = f"{source} WHERE ({asked.bound(where)})"
    return _of_rows(opened, group, grouped, found.key, given, f" GROUP BY {found.key}")


def _of_rows(
    opened: Reopened, asked: _Asked, source: str, key: str, given: str = "", after: str = "", *, predicate: bool = False
) -> Told:
    told = Told()
    selected = ", ".join(asked.expressions())
    rows = opened.spark.sql(f"{given} SELECT {key} AS {KEY}, {selected} FROM {source}{after}").collect()
    shown = [(row[0], asked.row(row[1:])) for row in rows if row[0] is not None]
    told.counts["rows shown"] += len(shown)
    told.counts["clauses shown"] += sum(len(row.clauses) for _, row in shown)
    told.counts["WRONG whole of clauses"] += sum(_by_clauses(asked, row) is not row.truth for _, row in shown)
    if asked.columns:
        told.counts += _by_values(opened, asked, source, given, [row for _, row in shown])
    of_subject: dict[Any, list[Truth]] = defaultdict(list)
    for subject, row in shown:
        of_subject[subject].append(_by_clauses(asked, row))
    for subject, truths in of_subject.items():
        if True in truths:
            told.outcomes[subject] = Outcome.HIT
        elif None in truths and predicate:
            told.outcomes[subject] = Outcome.UNKNOWN
    return told


def _by_clauses(asked: _Asked, row: RowSeen) -> Truth:
    return asked.clause.truth({clause.sql: clause.truth for clause in row.clauses})


def _by_values(opened: Reopened, asked: _Asked, source: str, given: str, rows: Sequence[RowSeen]) -> Counter[str]:
    """Each clause evaluated on nothing but the values that are shown, which are texts; each set of values once."""
    names = {text: f"c{at}" for at, text in enumerate(asked.columns)}
    texts = ", ".join(f"{text} AS {name}" for text, name in names.items())
    types = {
        f.name: f.dataType.simpleString() for f in opened.spark.sql(f"{given} SELECT {texts} FROM {source}").schema
    }
    alike = {tuple(row.columns.values()): row for row in rows}
    if not alike:
        return Counter()
    said = opened.spark.createDataFrame([*alike], ", ".join(f"{name} string" for name in names.values()))
    typed = said.selectExpr(*(f"CAST({name} AS {types[name]}) AS {name}" for name in names.values()))
    clauses = [clause.sql for clause in next(iter(alike.values())).clauses]
    again = typed.selectExpr(*(f"({asked.bound(_renamed(sql, names))})" for sql in clauses)).collect()
    wrong = sum(
        [clause.truth for clause in row.clauses] != [*found] for row, found in zip(alike.values(), again, strict=True)
    )
    return Counter({"sets of values evaluated": len(alike), "WRONG values": wrong})


def _renamed(sql: str, names: dict[str, str]) -> str:
    """A clause with its columns called otherwise, whatever they were qualified by."""
    return "".join(_pieces(sql, names))


def _pieces(sql: str, names: dict[str, str]) -> Iterator[str]:
    words, at = tokens(sql), 0
    for place, token in enumerate(words):
        qualified = place > 1 and words[place - 1].text == "."
        text = f"{words[place - 2].text}.{token.text}" if qualified else token.text
        called = place + 1 < len(words) and words[place + 1].text in {"(", "."}
        if text in names and not called:
            start = words[place - 2].start if qualified else token.start
            yield sql[at:start]
            yield names[text]
            at = token.end
    yield sql[at:]


def _whole(opened: Reopened, version: RuleVersion, as_of: date) -> Told:
    """A rule that is shown as one clause: whom it is true of, and unknown of, by Spark alone."""
    told = Told(counts=Counter({"rules shown as a whole": 1}))
    if version.form is Form.PREDICATE:
        key, sql = opened.lake.frame(version.frame).subject_key, bind(blanked(version.sql), version.parameters, as_of)
        rows = opened.spark.sql(f"SELECT `{key}` FROM `{version.frame}` WHERE {sql}").collect()
    else:
        found = opened.spark.sql(bind(version.sql, version.parameters, as_of))
        place = opened.lake.key_among(found.columns) or 0
        rows = [(row[place],) for row in found.collect()]
    told.outcomes = {row[0]: Outcome.HIT for row in rows if row[0] is not None}
    return told
