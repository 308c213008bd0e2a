"""
What a rule says of a subject of whom nothing is known: it is run over rows that are empty (R-EVAL-6).

A condition over a frame is run over one row of it in which every column is
NULL, the key too. A statement, and a condition that asks other rows, is run
twice, for a subject whose key is all that is known: once where every frame
holds one empty row of it, once where the subject frame alone does. So "has
any order" and "has no order" are each true in one of the two and are let
pass, while ``country IS NULL`` is true in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.evaluation.limits import NO_LIMITS, TookTooLong, within
from rules_engine.evaluation.plans import in_words
from rules_engine.evaluation.reasons import too_long
from rules_engine.evaluation.rule_session import active
from rules_engine.evaluation.session import FEW_ROWS, pin
from rules_engine.evaluation.statements import AT_ONCE, runs_alone, statement
from rules_engine.language import gate
from rules_engine.language.absence import asks_columns, one_way, weighs_absence
from rules_engine.language.allowed import refuse
from rules_engine.language.lexical import bind
from rules_engine.model.failing import Limits
from rules_engine.model.frames import Schema
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, RuleVersion

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WARNED = "SQL-904"

NOBODY = "'-1'"
"""The key of the subject of whom nothing is known, whatever the key's type."""

TOGETHER = 100
"""
Conditions that are run in one plan. Statements are run one by one: in plans of
ten, 60 of them took 10 seconds of CPU instead of 6, and one by one each fails
alone.
"""

MEANT = "true_when_empty"
"""The word in a rule's metadata by which its author says that it is meant to be true of a subject like that."""

EMPTY_ROW = "range(0, 1, 1, 1)"

Rules = Sequence[RuleVersion]
Run = Callable[[Rules], list[RuleVersion]]
"""Runs rules together and returns those that are true; raises what one of them raises."""

Failed = list[tuple[RuleVersion, Fault]]


@dataclass(frozen=True, slots=True)
class Emptiness:
    """What was found of a rule set: what is refused, and what is accepted and said."""

    refusals: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    def of(self, version: RuleVersion) -> tuple[Fault, ...]:
        """The warnings about one rule."""
        return tuple(fault for fault in self.warnings if fault.which == f"Rule {version.key}")


def emptiness(spark: SparkSession, schema: Schema, rule_set: RuleSet, limits: Limits = NO_LIMITS) -> Emptiness:
    """
    Which rules are true of a subject of whom nothing is known, and which fail on one.

    An inclusion is refused, an exclusion warned of; so is an inclusion that may
    be true because rows are missing (:func:`rules_engine.language.absence.weighs_absence`).
    One that fails is refused, and one that takes longer than ``limits``: over a row or
    none that is the planning. Rules are run: give only those that every gate accepted.
    """
    worlds = _Worlds(spark, schema, rule_set.as_of, limits)
    found = [*worlds.conditions([v for v in rule_set.versions if not runs_alone(v)])]
    found += worlds.statements([v for v in rule_set.versions if runs_alone(v)])
    order = {version.key: place for place, version in enumerate(rule_set.versions)}
    said = [replace(fault, which=f"Rule {v.key}") for v, fault in sorted(found, key=lambda f: order[f[0].key])]
    refused = tuple(fault for fault in said if fault.code != WARNED)
    return Emptiness(refused, tuple(fault for fault in said if fault.code == WARNED))


class _Worlds:
    """A subject of whom nothing is known, in the ways in which that can be."""

    def __init__(self, spark: SparkSession, schema: Schema, as_of: date, limits: Limits) -> None:
        self._spark, self._schema, self._as_of, self._limits = spark, schema, as_of, limits

    def conditions(self, versions: Rules) -> Iterator[tuple[RuleVersion, Fault]]:
        """Conditions over one row, those of a frame together."""
        if not versions:
            return
        own = self._session(lambda _: "true", key="NULL")
        for frame in sorted({v.frame.lower() for v in versions}):
            of_frame = [v for v in versions if v.frame.lower() == frame]
            for first in range(0, len(of_frame), TOGETHER):
                some = of_frame[first : first + TOGETHER]
                true, failed = _tried(self._limited(lambda those: self._true_of_row(own, those)), some)
                yield from ((version, self._hit(version)) for version in true)
                yield from failed

    def statements(self, versions: Rules) -> Iterator[tuple[RuleVersion, Fault]]:
        """Rules that ask more than a row; the second world is asked of those that are true in the first."""
        if not versions:
            return
        rows, failed = self._true_in(self._session(lambda _: "true", NOBODY), versions)
        yield from failed
        alone, failed = self._true_in(self._session(self._is_subject, NOBODY), rows) if rows else ([], [])
        yield from failed
        for version in rows:
            if fault := self._of_statement(version, whatever=version in alone):
                yield version, fault

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

    def _session(self, holds: Callable[[str], str], key: str) -> SparkSession:
        """A session whose frames hold one empty row, or none where ``holds`` says false."""
        own = pin(self._spark, FEW_ROWS)
        for frame, columns in self._schema.columns.items():
            subject = self._schema.subject_key_of(frame).lower()
            values = (
                f"CAST({key if name.lower() == subject else 'NULL'} AS {type_}) AS `{name}`"
                for name, type_ in columns.items()
            )
            own.sql(f"SELECT {', '.join(values)} FROM {EMPTY_ROW} WHERE {holds(frame)}").createOrReplaceTempView(frame)
        return own

    def _true_of_row(self, own: SparkSession, versions: Rules) -> list[RuleVersion]:
        from pyspark.sql import functions as F  # noqa: N812

        with active(own):
            conditions = [F.expr(bind(v.sql, v.parameters, self._as_of)).alias(f"c{i}") for i, v in enumerate(versions)]
            row = own.table(versions[0].frame).select(*conditions).first()
        assert row is not None
        return [version for version, true in zip(versions, row, strict=True) if true]

    def _true_in(self, own: SparkSession, versions: Rules) -> tuple[list[RuleVersion], Failed]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            returns = self._limited(lambda alone: self._returns(own, alone[0]))
            tried = list(pool.map(lambda version: _tried(returns, [version]), versions))
        return [v for true, _ in tried for v in true], [each for _, failed in tried for each in failed]

    def _returns(self, own: SparkSession, version: RuleVersion) -> list[RuleVersion]:
        """The rule, if it returns anybody."""
        from pyspark.sql import functions as F  # noqa: N812

        with active(own):
            if version.form is Form.STATEMENT:
                found = statement(own, version, self._as_of, self._schema)
            else:
                found = own.table(version.frame).where(F.expr(bind(version.sql, version.parameters, self._as_of)))
            return [version] if found.head(1) else []

    def _limited(self, run: Run) -> Run:
        return lambda versions: within(self._spark, lambda: run(versions), self._limits, [v.id for v in versions])

    def _hit(self, version: RuleVersion) -> Fault:
        key = self._schema.subject_key_of(version.frame) or self._schema.subject_key
        meant = version.kind is Kind.EXCLUSION or version.metadata.get(MEANT) is True
        return _warning(version) if meant else refuse("SQL-401", name=key)


def reads_nothing(version: RuleVersion, schema: Schema) -> bool:
    """Whether a statement names everybody it means and asks no frame."""
    said = gate.reading(version, schema)
    return version.form is Form.STATEMENT and said is not None and not said.frames


def _warning(version: RuleVersion) -> Fault:
    return refuse(WARNED, name="speak for" if version.kind is Kind.INCLUSION else "speak against")


def _tried(run: Run, versions: Rules) -> tuple[list[RuleVersion], Failed]:
    """The rules that are true, and those that failed; where one of several fails, each half is run by itself."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return run(versions), []
    except TookTooLong as late:
        if len(versions) == 1:
            reason = too_long(late)
            return [], [(versions[0], Fault("", reason.what, reason.remedy, reason.code))]
    except (PySparkException, Py4JError) as problem:
        if len(versions) == 1:
            return [], [(versions[0], refuse("SQL-402", name=in_words(problem)))]
    middle = len(versions) // 2
    (true, failed), (more, broken) = _tried(run, versions[:middle]), _tried(run, versions[middle:])
    return true + more, failed + broken
