"""
Gate a file of rules, line by line: ``python -m tests.gate FILE.tsv``.

A file of four columns (tag, form, expectation, rule as a JSON string) says what must be refused; one of two
columns (form, rule) holds honest rules. Exit 1 if a ``reject`` was accepted or an honest rule refused.

A rule is asked what a run asks it: the text, sqlglot's tree, Spark, and last the try, over a subject of whom nothing
is known and some of whom everything is. It is asked as an exclusion, so that being true of nothing is no refusal. What
was not tried because another rule kept Spark's core is tried in a fresh Spark. With ``--pure`` Spark is left out.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule, RunRefused, raise_all
from rules_engine.model.failing import Limits
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.gate import gate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Layer = Callable[[RuleVersion, Schema], tuple[Fault, ...]]

LAYERS: dict[str, Layer] = {"L0": gate.text_faults, "gate 1": gate.tree_faults}
"""In the order in which they are asked; the first that refuses is named. Those of Spark are :func:`spark_layers`."""

Try = Callable[[tuple[RuleVersion, ...], Schema], tuple[Fault, ...]]
"""Runs rules that every layer accepted; the faults name them by their keys."""

AS_OF = date(2024, 6, 1)
TRY_LIMITS = Limits(planning_seconds=8, rule_seconds=10)
"""Shorter than a run's own: what is tried is a row or none."""

SCHEMA = Schema(
    subject="customer",
    subject_key="customer_id",
    columns={
        "customer": {
            "customer_id": "bigint",
            "email": "string",
            "spend": "decimal(12,2)",
            "joined": "date",
            "country": "string",
        },
        "orders": {"customer_id": "bigint", "amount": "decimal(12,2)"},
    },
    subject_keys={"customer": "customer_id", "orders": "customer_id"},
)


@dataclass(frozen=True, slots=True)
class Line:
    """One rule of a file; an honest one expects ``accept``. ``frame`` is a predicate's, if not the subject's."""

    tag: str
    form: Form
    expectation: str
    sql: str
    frame: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a rule: the first layer that refused it, or none."""

    line: Line
    layer: str
    faults: tuple[Fault, ...]

    @property
    def accepted(self) -> bool:
        return not self.faults

    @property
    def wrong(self) -> bool:
        return (
            self.accepted
            if self.line.expectation == "reject"
            else self.line.expectation == "accept" and not self.accepted
        )

    def __str__(self) -> str:
        outcome = "accepted" if self.accepted else f"refused  {self.layer:7} {','.join(f.code for f in self.faults)}"
        wrong = "  <-- WRONG" if self.wrong else ""
        said = f"\n    {self.faults[0]}" if self.wrong and self.faults else ""
        return f"{self.line.expectation:6}  {self.line.tag:40} {outcome}{wrong}{said}"


FORMS = {"cond": Form.PREDICATE, "select": Form.STATEMENT}
EXPECTATIONS = {"accept", "policy", "reject"}


def lines(path: Path) -> list[Line]:
    """
    The rules of a file in either format; empty lines and those that begin with ``#`` are none.

    Raises:
        RunRefused: With every line that is in neither format.
    """
    found, faults = list[Line](), list[Fault]()
    for number, text in enumerate(path.read_text("utf-8").split("\n"), 1):
        if not text.strip() or text.startswith("#"):
            continue
        try:
            found.append(_line(f"line {number}", *text.split("\t")))
        except (ValueError, KeyError, TypeError):
            remedy = "Write form (cond, select) and rule as a JSON string, or tag, form, accept/policy/reject and rule."
            faults.append(Fault(f"{path.name}, line {number}", "it is in neither format of a file of rules.", remedy))
    raise_all(RunRefused, faults)
    return found


def _line(where: str, first: str, second: str, expectation: str = "accept", sql: str = "") -> Line:
    """Of two columns (form, rule) or four (tag, form, expectation, rule)."""
    if not sql:
        return Line(where, FORMS[first], "accept", json.loads(second))
    if expectation not in EXPECTATIONS:
        raise ValueError(expectation)
    return Line(first, FORMS[second], expectation, json.loads(sql))


def rule_of(line: Line, schema: Schema = SCHEMA) -> RuleVersion:
    """
    The rule of a line.

    Raises:
        InvalidRule: If the model has no such rule.
    """
    frame = (line.frame or schema.subject) if line.form is Form.PREDICATE else ""
    return RuleVersion("LINE", 1, Kind.EXCLUSION, "ANY", 1, line.form, line.sql, frame)


def judge(line: Line, layers: dict[str, Layer] = LAYERS, schema: Schema = SCHEMA) -> Verdict:
    """Ask one layer after the other until one refuses."""
    try:
        version = rule_of(line, schema)
    except InvalidRule:
        return Verdict(line, "model", (refuse("SQL-001"),))
    for name, layer in layers.items():
        if faults := layer(version, schema):
            return Verdict(line, name, faults)
    return Verdict(line, "", ())


def judge_all(
    asked: Sequence[Line], layers: dict[str, Layer] = LAYERS, tried: Try | None = None, schema: Schema = SCHEMA
) -> list[Verdict]:
    """Ask every layer about every line, then try together those that all of them accept."""
    verdicts = [judge(line, layers, schema) for line in asked]
    accepted = {f"LINE-{at}": at for at, verdict in enumerate(verdicts) if verdict.accepted}
    if tried is not None and accepted:
        versions = tuple(replace(rule_of(asked[at], schema), key=key) for key, at in accepted.items())
        for fault in tried(versions, schema):
            at = accepted[fault.which.removeprefix("Rule ")]
            verdicts[at] = Verdict(asked[at], "try", (*verdicts[at].faults, fault))
    return verdicts


def the_try(spark: SparkSession, limits: Limits = TRY_LIMITS) -> Try:
    """What a run does last before it accepts rules: they are run over next to nothing."""
    from rules_engine.spark.gate.null_input import null_input

    def tried(versions: tuple[RuleVersion, ...], schema: Schema) -> tuple[Fault, ...]:
        types = (MembershipType("ANY", "Any"),)
        rule_set = RuleSet(AS_OF, datetime(2024, 6, 1, tzinfo=UTC), types, versions)
        return null_input(spark, schema, rule_set, limits).refusals

    return tried


def spark_layers(spark: SparkSession, schema: Schema = SCHEMA) -> dict[str, Layer]:
    """The gates that ask Spark, in a rule session of a schema."""
    from rules_engine.spark.gate import analysed_plan, parsed_plan
    from rules_engine.spark.sandbox import rule_session

    session = rule_session(spark, schema)
    return {
        "gate 2a": lambda version, schema: parsed_plan.faults(session, version, schema, AS_OF),
        "two readers": lambda version, schema: two_readers(session, version, schema),
        "gate 2b": lambda version, schema: analysed_plan.faults(session, version, schema, AS_OF),
    }


def two_readers(session: SparkSession, version: RuleVersion, schema: Schema) -> tuple[Fault, ...]:
    """What gate 1 and Spark read differently; where gate 1 refuses there is nothing to compare."""
    from rules_engine.spark.gate import parsed_plan
    from rules_engine.spark.gate.agreement import differences
    from rules_engine.spark.sandbox import active
    from rules_engine.sql.spark_allow_list import catalyst

    if (reading := gate.reading(version, schema)) is None:
        return ()
    try:
        with active(session):
            found = parsed_plan.read(session, version, AS_OF)
    except InvalidRule as refused:
        return refused.faults
    return tuple(differences(reading, found, version, catalyst(session.version)))


def the_try_afresh(spark: SparkSession, limits: Limits = TRY_LIMITS) -> Try:
    """
    The try in this Spark, then in a fresh one for the rules that were not tried, until all are.

    In each some rule is refused that could not be stopped; where none is, none more is tried.
    """
    from rules_engine.spark.failure.messages import UNTRIED

    def tried(versions: tuple[RuleVersion, ...], schema: Schema) -> tuple[Fault, ...]:
        said = the_try(spark, limits)(versions, schema)
        found = [fault for fault in said if fault.code != UNTRIED]
        while untried := {fault.which for fault in said if fault.code == UNTRIED}:
            end(spark)
            left = tuple(version for version in versions if f"Rule {version.key}" in untried)
            with local_spark() as fresh:
                said = the_try(fresh, limits)(left, schema)
            found += (refused := [fault for fault in said if fault.code != UNTRIED])
            if not refused:
                break
        return (*found, *(fault for fault in said if fault.code == UNTRIED))

    return tried


@contextmanager
def local_spark() -> Iterator[SparkSession]:
    """A Spark of one thread for as long as it is needed."""
    from rules_engine.java import find_java
    from rules_engine.spark import session

    with tempfile.TemporaryDirectory() as work:
        spark = session.start(find_java(Path(work) / "java"), Path(work), master="local[1]", memory="1g", quick=True)
        try:
            yield spark
        finally:
            end(spark)


def end(spark: SparkSession) -> None:
    """Stop Spark and its JVM, with whatever goes on in it; twice does no harm."""
    from pyspark import SparkContext

    from rules_engine.spark import session

    session.stop(spark)
    if gateway := SparkContext._gateway:
        gateway.proc.kill()  # type: ignore[attr-defined]
        gateway.proc.wait()  # type: ignore[attr-defined]
        SparkContext._gateway = SparkContext._jvm = None


def main(arguments: list[str]) -> int:
    try:
        asked = [line for name in arguments if name != "--pure" for line in lines(Path(name))]
    except (RunRefused, OSError, UnicodeDecodeError) as problem:
        print(problem, file=sys.stderr)
        return 2
    with ExitStack() as stack:
        layers, tried = dict(LAYERS), None
        if "--pure" not in arguments:
            spark = stack.enter_context(local_spark())
            layers, tried = layers | spark_layers(spark), the_try_afresh(spark)
        verdicts = judge_all(asked, layers, tried)
    for verdict in verdicts:
        print(verdict)
    wrong = sum(verdict.wrong for verdict in verdicts)
    print(f"{len(verdicts)} rules, {sum(v.accepted for v in verdicts)} accepted, {wrong} wrong")
    return 1 if wrong or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
