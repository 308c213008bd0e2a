"""
Where each rule of a set is cheapest: what is asked together, and what stays a query of its own.

- Conditions on a frame's rows share one pass over it.
- Rules that ask, in whatever words, whether a frame has rows for a subject are conditions on that frame, also where
  these look something up in small frames whose values are known.
- Rules that count or add up the rows of a frame, or ask for a row's place among a subject's, share the pass over it;
  what workers do not work out of rows, groups and windows Spark does, for all such rules of a frame at once.
- Statements that are not understood and read the same source share one pass over that; others are their own queries.

Nothing here reads data or asks Spark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rules_engine.index.aggregate_predicates import AggregatePushDown, Groups
from rules_engine.index.predicate_index import BoundPredicate, Source
from rules_engine.index.words import Literal, RuleBit, Terms
from rules_engine.logical.disjunctive_form import Disjunction
from rules_engine.logical.join_sides import Values, raises_nowhere_in_a_join
from rules_engine.logical.joined_rows import HeldRow, JoinedRows
from rules_engine.logical.normal_form import NormalForm
from rules_engine.logical.placed_rows import Placed
from rules_engine.logical.query_blocks import NOT_IN
from rules_engine.logical.select_query import (
    SelectQuery,
    binds,
    frame_and_alias,
    select_query,
    spelled,
    unqualified,
)
from rules_engine.model.hitmatrix import Cell, HitMatrix
from rules_engine.model.rules import Form
from rules_engine.model.schemas import Schema
from rules_engine.plan.bound_rules import BoundRule, held_beside, sides_of
from rules_engine.plan.shared_aggregation import (
    GroupCondition,
    beside_aggregates,
    is_distinct,
    joined_source,
    shared,
    together,
)
from rules_engine.plan.shared_windows import window_sources
from rules_engine.plan.standalone import own_conjuncts, runs_alone


class Pass(NamedTuple):
    """Conditions on the rows of a source, and on what they come to per subject."""

    source: Source
    of_rows: tuple[BoundPredicate, ...]
    groups: Groups | None = None


FAILED_TOGETHER = "asked with others it failed, and no rule fails by itself"


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Where the rules of one set went.

    ``of_subjects`` are conditions on the rows of ``subjects``, ``passes`` those
    on the rows of other sources, ``alone`` the queries. A rule that asks several
    questions has a bit for each, and ``terms`` say what they come to.
    """

    subjects: Source
    of_subjects: tuple[BoundPredicate, ...]
    passes: tuple[Pass, ...]
    alone: tuple[RuleBit, ...]
    terms: dict[int, Terms]
    carried: tuple[str, ...]
    """Expressions over the subject's row that totals of other rows are held against."""
    why: dict[str, str]
    """Version id to where it went, in words."""


@dataclass
class _Planner:
    matrix: HitMatrix
    rules: Sequence[BoundRule]
    schema: Schema
    values: Values
    apart: bool
    rows: dict[Source, list[BoundPredicate]] = field(default_factory=dict)
    cores: dict[tuple[str, ...], list[tuple[SelectQuery, RuleBit, BoundPredicate, str]]] = field(default_factory=dict)
    groups: dict[tuple[str, bool], list[GroupCondition]] = field(default_factory=dict)
    grouped: dict[Source, AggregatePushDown] = field(default_factory=dict)
    placed: list[tuple[Placed, BoundPredicate]] = field(default_factory=list)
    joined: dict[tuple[JoinedRows, bool], list[GroupCondition]] = field(default_factory=dict)
    """Both by what rows, and whether different values are counted."""
    held: dict[str, list[tuple[HeldRow, BoundPredicate]]] = field(default_factory=dict)
    alone: list[RuleBit] = field(default_factory=list)
    questions: dict[tuple[int, int], int] = field(default_factory=lambda: {(0, 0): 0, (0, 1): 1})
    """A question by its term and its place in it: how many times the words of the matrix come before its words."""
    masks: dict[tuple[int, int, int], tuple[int, int]] = field(default_factory=dict)
    """By word, term and place: which rules ask, and which of them deny."""
    carried: dict[str, None] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def plan(self) -> Plan:
        """Where every rule went, once all were placed."""
        for rule in self.rules:
            self._place(rule)
        self._share()
        subjects = self._frame(self.schema.subject)
        of_subjects = self.rows.pop(subjects, [])
        groups = {source: grouping.groups() for source, grouping in self.grouped.items()}
        passes = tuple(
            Pass(source, tuple(self.rows.get(source, ())), groups.get(source))
            for source in dict.fromkeys([*self.rows, *self.grouped])
            if source in self.rows or groups[source]
        )
        asked = self._terms(), tuple(self.carried)
        return Plan(subjects, tuple(of_subjects), passes, tuple(self.alone), *asked, self.why)

    def _terms(self) -> dict[int, Terms]:
        found: dict[int, dict[int, list[Literal]]] = {}
        for (word, term, place), (mask, negated) in sorted(self.masks.items()):
            at = self.questions[term, place] * self.matrix.words + word
            found.setdefault(word, {}).setdefault(term, []).append(Literal(at, mask, negated))
        return {word: tuple(map(tuple, terms.values())) for word, terms in found.items()}

    def _place(self, rule: BoundRule) -> None:
        version, cell = rule.placed
        if self.apart and runs_alone(version):
            self._leave(rule.placed, FAILED_TOGETHER)
            return
        if rule.asks is None and rule.not_understood is None:
            self._add(self._frame(version.frame), [BoundPredicate(rule.sql, cell)])
            self.why[version.id] = f"condition on {version.frame}"
            return
        why_not = rule.not_understood if rule.asks is None else self._normalised(rule, rule.asks)
        if why_not is None:
            return
        found = select_query(rule.sql) if version.form is Form.STATEMENT else None
        if found is None or found.grouped or " select " in f" {spelled(found.where)} ":
            self._leave(rule.placed, why_not)
        else:
            self._ask_rows(found, rule.placed, why_not)

    def _normalised(self, rule: BoundRule, asked: Disjunction) -> str | None:
        """Place what a rule asks of its subject and of rows; why not, None where it is done."""
        forms = dict.fromkeys(form for term in asked for form, _ in term)
        texts = dict[NormalForm, tuple[str, str]]()
        for form in forms:
            own, rows = (side.condition(self.values) if side else "" for side in (form.subject, form.rows))
            if own is None or rows is None:
                of_null = any(each.given and self.values.get(each) is None for each in form.wanted)
                return NOT_IN if of_null else "a look-up of too many values, or by a key that is not unique"
            if form.given and self.values.get(form.given) is None:
                return NOT_IN
            texts[form] = own, rows
        if not all(self._takes(form, rows) for form, (_, rows) in texts.items()):
            held = held_beside(rule, self.schema)
            return self._normalised(rule, held) if held else "an inexact aggregate, held against the subject's row"
        (first, *others), *terms = asked
        if not others and not terms and not first.denied:
            self._place_one(rule, first.form, *texts[first.form])
        else:
            self._place_several(rule, asked, texts)
        return None

    def _place_one(self, rule: BoundRule, found: NormalForm, subject: str, where: str) -> None:
        version, cell = rule.placed
        if not found.asks_rows:
            self._add(self._frame(self.schema.subject), [BoundPredicate(subject, cell, filters=True)])
            self.why[version.id] = f"condition on {self.schema.subject}"
            return
        # NULL is an outcome of a predicate's conditions on the subject's own row, as they are written.
        own = own_conjuncts(version, rule.sql) if version.form is Form.PREDICATE else None
        as_written = own is not None and len(own) == len(found.subject.where) and not found.subject.wanted
        subject = " AND ".join(own or ()) if as_written else subject
        if plain := not subject and not found.negated and not found.against:
            self.why[version.id] = self._asks_rows(found, where, BoundPredicate("", cell, filters=True), plain=plain)
            return
        own_row = BoundPredicate(subject, self._asked(cell, 0, 0), filters=not as_written)
        rows = BoundPredicate("", self._asked(cell, 0, 1, denied=found.negated), filters=True)
        self.why[version.id] = self._asks_rows(found, where, rows, plain=plain)
        self._add(self._frame(self.schema.subject), [own_row])

    def _place_several(self, rule: BoundRule, asked: Disjunction, texts: Mapping[NormalForm, tuple[str, str]]) -> None:
        """Each question has a bit; of those whom a question denies, those are meant of whom its sides are not true."""
        version, cell = rule.placed
        why = dict[str, None]()
        for number, term in enumerate(sides_of(asked, texts)):
            for place, (form, denied, of_rows) in enumerate(term):
                own, where = texts[form]
                bound = BoundPredicate(own, self._asked(cell, number, place, denied=denied), filters=True)
                if of_rows:
                    why[self._asks_rows(form, where, bound, plain=False)] = None
                else:
                    self._add(self._frame(self.schema.subject), [bound])
                    why[f"asks {self.schema.subject}"] = None
        self.why[version.id] = "; ".join(why)

    def _asked(self, cell: Cell, term: int, place: int, *, denied: bool = False) -> Cell:
        """The bit of one question of a rule that asks several."""
        mask, negated = self.masks.get((cell.word, term, place), (0, 0))
        self.masks[cell.word, term, place] = mask | cell.mask, negated | (cell.mask if denied else 0)
        times = self.questions.setdefault((term, place), len(self.questions))
        return Cell(times * self.matrix.words + cell.word, cell.mask)

    def _takes(self, found: NormalForm, where: str) -> bool:
        """Whether what a rule asks of rows can be answered together with others."""
        if found.rows is None or not found.against:
            return True
        alone = AggregatePushDown(self.schema.types_of(found.rows.frame))
        return alone.takes(where, found.pieces, found.calls, BoundPredicate("", Cell(0, 1)), found.against)

    def _asks_rows(self, found: NormalForm, where: str, bound: BoundPredicate, *, plain: bool) -> str:
        """Place what a rule asks of rows; how, in words."""
        if found.joined is not None:
            asked = GroupCondition(found.joined.where, found.joined.pieces, found.joined.calls, bound._replace(sql=""))
            distinct = any(map(is_distinct, found.joined.calls))
            self.joined.setdefault((found.joined.rows, distinct), []).append(asked)
            return f"joins the rows of {', '.join(frame for _, frame in found.joined.rows.frames)}"
        if found.held is not None:
            self.held.setdefault(found.held.frame.lower(), []).append((found.held, bound))
            return f"holds the rows of {found.held.frame} against aggregates"
        if found.rows is None:
            return self._ranked(found, bound)
        frame = found.rows.frame
        bound = bound._replace(sql="")
        if not found.calls and not found.against:
            self._add(self._frame(frame), [bound._replace(sql=where)])
            return f"{'condition on' if plain and not found.rows.wanted else 'asks the rows of'} {frame}"
        if self._grouping(frame).takes(where, found.pieces, found.calls, bound, found.against):
            self.carried |= dict.fromkeys(held.expression for held in found.against)
            return f"counts or adds up the rows of {frame}"
        of = frame, any(map(is_distinct, found.calls))
        self.groups.setdefault(of, []).append(GroupCondition(where, found.pieces, found.calls, bound))
        return f"shares the groups of {frame}"

    def _ranked(self, found: NormalForm, bound: BoundPredicate) -> str:
        """Who works out windows of a frame's rows: workers, or else Spark for all such rules at once."""
        placed = found.placed
        assert placed is not None
        if found.ranked and self._grouping(found.ranked.frame).takes_ranked(found.ranked, bound):
            return f"ranks the rows of {placed.frame}"
        self.placed.append((placed, bound))
        return f"places the rows of {placed.frame}"

    def _grouping(self, frame: str) -> AggregatePushDown:
        """What is asked of a subject's rows of a frame together."""
        return self.grouped.setdefault(self._frame(frame), AggregatePushDown(self.schema.types_of(frame)))

    def _ask_rows(self, found: SelectQuery, placed: RuleBit, why_not: str) -> None:
        version, cell = placed
        frame, alias = frame_and_alias(found.source)
        key = self.schema.subject_key_of(frame).lower() if not found.given else ""
        own = found.key.replace("`", "").lower() in {key, f"{alias}.{key}"}
        if key and own and not binds(found.where, alias):
            self._add(self._frame(frame), [BoundPredicate(unqualified(found.where, alias), cell, filters=True)])
            self.why[version.id] = f"condition on {frame}"
            return
        bound = BoundPredicate(found.where, cell, filters=True)
        self.cores.setdefault(found.core, []).append((found, placed, bound, why_not))

    def _share(self) -> None:
        """Sources that several statements read are read once."""
        for of_core in self.cores.values():
            first = of_core[0][0]
            for found, placed, bound, why_not in of_core:
                if len(of_core) == 1 or not found.where or not raises_nowhere_in_a_join(found.where, self.schema):
                    self._leave(placed, why_not)
                    continue
                self._add(Source(first.source, first.key, given=first.given), [bound])
                self.why[placed[0].id] = f"shares {spelled(first.source)[:60]}"
        for (frame, distinct), grouped in self.groups.items():
            for some in together(grouped, distinct=distinct):
                self._add(*shared(self._frame(frame), some))
        for (rows, distinct), grouped in self.joined.items():
            for some in together(grouped, distinct=distinct):
                source = joined_source(rows, [each.where for each in some], self.schema)
                self._add(*shared(source, some, rows.by))
        self._share_rows()

    def _share_rows(self) -> None:
        """Rows with windows, or with aggregates of their subjects, are made once."""
        for source, bounds in window_sources(self.placed, self.schema):
            self._add(source, bounds)
        for held in self.held.values():
            for some in together(held):
                self._add(*beside_aggregates(some, self.schema))

    def _add(self, source: Source, bounds: Iterable[BoundPredicate]) -> None:
        self.rows.setdefault(source, []).extend(bounds)

    def _leave(self, placed: RuleBit, why_not: str) -> None:
        self.alone.append(placed)
        self.why[placed[0].id] = f"a query of its own: {why_not or 'an expression that is not read'}"

    def _frame(self, name: str) -> Source:
        frame = next(known for known in self.schema.columns if known.lower() == name.lower())
        return Source(f"`{frame}`", f"`{self.schema.subject_key_of(frame)}`", frame)


def plan(matrix: HitMatrix, rules: Sequence[BoundRule], schema: Schema, values: Values, *, apart: bool = False) -> Plan:
    """
    Place every rule of a hit matrix, where the values that they want are known as far as they are.

    Where ``apart``, what is more than a condition on a row is a query of its own.
    """
    found = _Planner(matrix, rules, schema, values, apart).plan()
    order = {cell: place for place, (_, cell) in enumerate(matrix.cells)}
    return replace(found, alone=tuple(sorted(found.alone, key=lambda placed: order[placed[1]])))
