"""
What a rule says of a subject of whom nothing is known: it is run over rows that are empty (R-EVAL-6).

A condition over a frame is run over one row of it in which every column is
NULL, the key too. A statement, and a condition that asks other rows, is run
twice, for a subject whose key is all that is known: once where every frame
holds one empty row of it, once where the subject frame alone does. So "has
any order" and "has no order" are each true in one of the two and are let
pass, while ``country IS NULL`` is true in both.

NULL folds most work away. So what is left is run over three rows of plausible values, too, where being true
and failing on a value say nothing, and only what time and memory cannot hold is refused. A rule whose text says
that it costs little is not run over these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.model.failing import Limits
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.plan.standalone import runs_alone
from rules_engine.spark.gate.plan_tree import in_words
from rules_engine.spark.gate.plausible import ROWS, columns
from rules_engine.spark.gate.trying import Rules, Trial, Tried
from rules_engine.spark.sandbox import active, returns_rows
from rules_engine.spark.session import FEW_ROWS, pin
from rules_engine.spark.standalone_queries import statement
from rules_engine.spark.timeouts import NO_LIMITS
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.gate import gate
from rules_engine.sql.gate.monotonicity import asks_columns, one_way, weighs_absence
from rules_engine.sql.lexer import bind

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WARNED, FAILED = "SQL-904", "SQL-402"

NULL_SUBJECT = "'-1'"
"""The key of the subject of whom nothing is known, whatever the key's type."""

TOGETHER, TOGETHER_IN_ONE_TASK = 25, 100
"""
Conditions that are run in one plan; each has a task, which reads all of the plan: 741 conditions twice took 35 seconds
of CPU by hundreds, 21 by this many, 25 by tens. Those that cost little have one task together, which need not be told
from another's. Statements are run one by one: in plans of ten, 60 of them took 10 seconds of CPU instead of 6, and
one by one each fails alone.
"""

MEANT = "true_when_empty"
"""The word in a rule's metadata by which its author says that it is meant to be true of a subject like that."""

_OPTIMIZER = "org.apache.spark.sql.catalyst.optimizer"
EXCLUDED = "spark.sql.optimizer.excludedRules"
IN_TASKS = {
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    EXCLUDED: f"{_OPTIMIZER}.ConstantFolding,{_OPTIMIZER}.ConvertToLocalRelation",
}
"""
What a rule computes is computed in its own task, constants too: a task can be cancelled, and says whose it is.

And it is interpreted: code too large for a method of Java would be compiled in vain for every task.
"""

WHICH = "__rule"
"""The column by which each task of a plan of many conditions works out one of them."""

Select = Callable[[str, str], Iterable[str]]
"""What to select for the columns of a frame, and in which row of it: a number, from 0, in SQL."""


@dataclass(frozen=True, slots=True)
class NullInput:
    """What was found of a rule set: what is refused, and what is accepted and said."""

    refusals: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    def of(self, version: RuleVersion) -> tuple[Fault, ...]:
        """The warnings about one rule."""
        return tuple(fault for fault in self.warnings if fault.which == f"Rule {version.key}")


def null_input(spark: SparkSession, schema: Schema, rule_set: RuleSet, limits: Limits = NO_LIMITS) -> NullInput:
    """
    Which rules are true of a subject of whom nothing is known, and which fail on one.

    An inclusion is refused, an exclusion warned of; so is an inclusion that may
    be true because rows are missing (:func:`rules_engine.sql.gate.monotonicity.weighs_absence`).
    One that fails is refused, and one that takes longer than ``limits``, over plausible rows too.
    Rules are run: give only those that every gate accepted.
    """
    worlds = _Worlds(spark, schema, rule_set.as_of, limits)
    found = [*worlds.conditions([v for v in rule_set.versions if not runs_alone(v)])]
    found += worlds.statements([v for v in rule_set.versions if runs_alone(v)])
    refused = {version.key for version, fault in found if fault.code != WARNED}
    found += worlds.plausible([v for v in rule_set.versions if v.key not in refused and not costs_little(v, schema)])
    refused = {version.key for version, fault in found if fault.code not in {WARNED, FAILED}}
    planned = [*worlds.constants([v for v in rule_set.versions if v.key not in refused])]
    whatever = {version.key for version, _ in planned}
    found = [(v, fault) for v, fault in found if fault.code != FAILED or v.key not in whatever] + planned
    order = {version.key: place for place, version in enumerate(rule_set.versions)}
    said = [replace(fault, which=f"Rule {v.key}") for v, fault in sorted(found, key=lambda f: order[f[0].key])]
    return NullInput(
        tuple(fault for fault in said if fault.code != WARNED), tuple(fault for fault in said if fault.code == WARNED)
    )


class _Worlds:
    """A subject of whom nothing is known, in the ways in which that can be; and some of whom everything is."""

    def __init__(self, spark: SparkSession, schema: Schema, as_of: date, limits: Limits) -> None:
        self._spark, self._schema, self._as_of = spark, schema, as_of
        self._trial = Trial(spark, limits)

    def conditions(self, versions: Rules) -> Iterator[tuple[RuleVersion, Fault]]:
        """Conditions over one row, those of a frame together."""
        found = self._conditions(versions, lambda frame, _: self._empty(frame, "NULL"), rows=1)
        yield from ((version, self._hit(version)) for version in found.true)
        yield from found.failed

    def statements(self, versions: Rules) -> Iterator[tuple[RuleVersion, Fault]]:
        """Rules that ask more than a row; the second world is asked of those that are true in the first."""
        empty: Select = lambda frame, _: self._empty(frame, NULL_SUBJECT)  # noqa: E731
        rows = self._true_in(versions, empty)
        yield from rows.failed
        alone = self._true_in(rows.true, empty, self._is_subject)
        yield from alone.failed
        for version in rows.true:
            if fault := self._of_statement(version, whatever=version in alone.true):
                yield version, fault

    def plausible(self, versions: Rules) -> Iterator[tuple[RuleVersion, Fault]]:
        """Those that a few rows of plausible values are too much for."""
        conditions = self._conditions([v for v in versions if not runs_alone(v)], self._filled, rows=ROWS)
        yield from conditions.failed
        yield from self._true_in([v for v in versions if runs_alone(v)], self._filled, rows=ROWS).failed

    def constants(self, versions: Rules) -> Iterator[tuple[RuleVersion, Fault]]:
        """Those whose plan Spark cannot make for a constant in it that it cannot work out; nothing is run."""
        readings = [(version, gate.reading(version, self._schema)) for version in versions]
        versions = [version for version, said in readings if said is not None and said.works_out_constants]
        if not versions:
            return
        own = pin(self._spark)
        for frame in self._schema.columns:
            items = ", ".join(self._filled(frame, "id"))
            own.sql(f"SELECT {items} FROM range(0, {ROWS}, 1, 1)").createOrReplaceTempView(frame)
        for version in versions:
            if version.form is Form.STATEMENT:
                yield from self._unplanned(own, [version])
        for frame in sorted({v.frame.lower() for v in versions} - {""}):
            yield from self._unplanned(own, [v for v in versions if v.frame.lower() == frame])

    def _unplanned(self, own: SparkSession, versions: Rules) -> Iterator[tuple[RuleVersion, Fault]]:
        """Conditions of one frame together, by halves where one fails; a statement alone."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import functions as F  # noqa: N812

        try:
            with active(own):
                if versions[0].form is Form.STATEMENT:
                    planned = statement(own, versions[0], self._as_of, self._schema)
                else:
                    texts = [bind(v.sql, v.parameters, self._as_of) for v in versions]
                    planned = own.table(versions[0].frame).select(*map(F.expr, texts))
                planned._jdf.queryExecution().optimizedPlan()
        except (PySparkException, Py4JError) as problem:
            if len(versions) == 1:
                yield versions[0], refuse("SQL-404", name=in_words(problem))
                return
            middle = len(versions) // 2
            yield from self._unplanned(own, versions[:middle])
            yield from self._unplanned(own, versions[middle:])

    def _of_statement(self, version: RuleVersion, *, whatever: bool) -> Fault | None:
        """What is said of a rule that is true where every frame holds an empty row; ``whatever`` the others hold."""
        if reads_nothing(version, self._schema):
            return None  # a list of keys that the rule itself holds: no data is missing
        if weighs_absence(version):
            return _warning(version) if whatever else None
        if whatever:
            return self._hit(version)
        if not asks_columns(version, self._schema):
            return None
        return self._hit(version) if one_way(version) else _warning(version)

    def _is_subject(self, frame: str) -> str:
        return "true" if frame.lower() == self._schema.subject.lower() else "false"

    def _empty(self, frame: str, key: str) -> Iterator[str]:
        subject = self._schema.subject_key_of(frame).lower()
        for name, type_ in self._schema.types_of(frame).items():
            yield f"CAST({key if name == subject else 'NULL'} AS {type_}) AS `{name}`"

    def _filled(self, frame: str, row: str) -> Iterator[str]:
        types = self._schema.columns_of(frame) or {}
        return columns(self._spark, types, self._schema.subject_key_of(frame), self._as_of, row)

    def _own(self, rows: int, *, statements: bool = False) -> SparkSession:
        """A session for frames of so many rows; over plausible ones a value that cannot be worked out is NULL."""
        own = pin(self._spark, FEW_ROWS | IN_TASKS)
        own.conf.set("spark.sql.ansi.enabled", str(rows == 1).lower())
        if statements:  # bounds of windows are constants that are to be folded
            own.conf.set(EXCLUDED, f"{_OPTIMIZER}.ConvertToLocalRelation")
        return own

    def _conditions(self, versions: Rules, select: Select, *, rows: int) -> Tried:
        """Conditions over ``rows`` rows each, those of a frame in one plan; one that may cost has a task to itself."""
        found = Tried()
        if not versions:
            return found
        own = self._own(rows)
        kinds = {(v.frame.lower(), costs_little(v, self._schema)) for v in versions}
        for frame, cheap in sorted(kinds):
            items = [f"id DIV {rows} AS {WHICH}", *select(frame, f"(id % {rows})")]
            of_kind = [v for v in versions if (v.frame.lower(), costs_little(v, self._schema)) == (frame, cheap)]
            run = lambda those, items=tuple(items), cheap=cheap: self._true_of(  # noqa: E731
                own, those, items, rows, tasks=1 if cheap else len(those)
            )
            most = TOGETHER_IN_ONE_TASK if cheap else TOGETHER
            for first in range(0, len(of_kind), most):
                those = of_kind[first : first + most]
                found.add(self._trial.together(run, those, forgiving=rows > 1, in_one_task=cheap))
        return found

    def _true_of(
        self, own: SparkSession, versions: Rules, items: Sequence[str], rows: int, tasks: int
    ) -> list[RuleVersion]:
        from pyspark.sql import functions as F  # noqa: N812

        with active(own):
            conditions = [F.expr(bind(v.sql, v.parameters, self._as_of)) for v in versions]
            chosen = F.when(F.lit(False), F.lit(None).cast("boolean"))
            for at, condition in enumerate(conditions):
                chosen = chosen.when(F.col(WHICH) == at, condition)
            frame = own.sql(f"SELECT {', '.join(items)} FROM range(0, {len(versions) * rows}, 1, {tasks})")
            rows_of = frame.alias(versions[0].frame).select(WHICH, chosen)
            true = {row[0] for row in rows_of.collect() if row[1]}
        return [version for at, version in enumerate(versions) if at in true]

    def _true_in(
        self, versions: Rules, select: Select, holds: Callable[[str], str] = lambda _: "true", *, rows: int = 1
    ) -> Tried:
        """Rules over frames of ``rows`` rows, or none where ``holds`` says false."""
        if not versions:
            return Tried()
        own = self._own(rows, statements=True)
        for frame in self._schema.columns:
            items = ", ".join(select(frame, "id"))
            found = own.sql(f"SELECT {items} FROM range(0, {rows}, 1, 1) WHERE {holds(frame)}")
            found.createOrReplaceTempView(frame)
        whole = rows > 1
        return self._trial.each(lambda those: self._returns(own, those[0], whole=whole), versions, forgiving=whole)

    def _returns(self, own: SparkSession, version: RuleVersion, *, whole: bool) -> list[RuleVersion]:
        """The rule, if it returns anybody; with all its rows worked out, ``whole``, it is not asked whom."""
        from pyspark.sql import functions as F  # noqa: N812

        with active(own):
            if version.form is Form.STATEMENT:
                found = statement(own, version, self._as_of, self._schema)
            else:
                found = own.table(version.frame).where(F.expr(bind(version.sql, version.parameters, self._as_of)))
            if whole:
                found.write.format("noop").mode("overwrite").save()
                return []
            return [version] if returns_rows(found) else []

    def _hit(self, version: RuleVersion) -> Fault:
        key = self._schema.subject_key_of(version.frame) or self._schema.subject_key
        meant = version.kind is Kind.EXCLUSION or version.metadata.get(MEANT) is True
        return _warning(version) if meant else refuse("SQL-401", name=key)


def reads_nothing(version: RuleVersion, schema: Schema) -> bool:
    """Whether a statement names everybody it means and asks no frame."""
    said = gate.reading(version, schema)
    return version.form is Form.STATEMENT and said is not None and not said.frames


def costs_little(version: RuleVersion, schema: Schema) -> bool:
    """Whether it is plain from a rule's text that few rows cannot be too much for it."""
    said = gate.reading(version, schema)
    return said is not None and said.costs_little


def _warning(version: RuleVersion) -> Fault:
    return refuse(WARNED, name="speak for" if version.kind is Kind.INCLUSION else "speak against")
