"""
Gate 2b: what Spark's analyser makes of a parsed rule, over empty views of the frames.

Nothing is optimised, explained or run: optimising alone can end a driver.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault, InvalidRule
from rules_engine.lake.keys import joinable
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.plan.bound_rules import is_read
from rules_engine.spark.gate import join_keys
from rules_engine.spark.gate.clocks import clock_faults
from rules_engine.spark.gate.excess import sketch_faults
from rules_engine.spark.gate.growth import growth_faults
from rules_engine.spark.gate.long_lists import shown as in_parts
from rules_engine.spark.gate.machine import machine_faults
from rules_engine.spark.gate.membership import membership_faults
from rules_engine.spark.gate.orders import order_faults, order_warnings, summed_in_order
from rules_engine.spark.gate.outer_values import outer_value_faults
from rules_engine.spark.gate.overflow import DEVIATIONS, SUMS, TRIED, overflow_warnings, rounding_warnings
from rules_engine.spark.gate.parsed_plan import SHORT, Parsed, broken, each, named, read
from rules_engine.spark.gate.patterns import pattern_faults
from rules_engine.spark.gate.plan_tree import CATALYST, VIEW, Node, held, in_words, tree, view_name, walk
from rules_engine.spark.sandbox import active, handles, rows_of
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.spark_allow_list import Catalyst, catalyst
from rules_engine.sql.spark_cures import of_types
from rules_engine.sql.tokens import tokens

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FILTER, ALIAS, WITH = "plans.logical.Filter", "plans.logical.SubqueryAlias", "plans.logical.WithCTE"
HAVING, CAST = "analysis.UnresolvedHaving", "expressions.Cast"
AGGREGATE, WINDOW = "expressions.aggregate.AggregateExpression", "expressions.WindowExpression"


def faults(spark: SparkSession, version: RuleVersion, schema: Schema, as_of: date) -> tuple[Fault, ...]:
    """
    What gate 2b finds wrong with a rule, in a rule session.

    Of gate 2a it repeats the list of classes alone: Spark runs some commands while it analyses.
    """
    try:
        with active(spark):
            return analysed_faults(spark, read(spark, version, as_of), version, schema)
    except InvalidRule as refused:
        return named(version, refused.faults)


def warnings(spark: SparkSession, version: RuleVersion, schema: Schema, as_of: date) -> tuple[Fault, ...]:
    """What is said of an accepted rule and does not refuse it; it is analysed again, where it may pick among rows."""
    words = {token.word for token in tokens(version.sql)}
    if not _PICKING & words:
        return ()
    with active(spark):
        plan = _analysed(spark, read(spark, version, as_of), version)
        root = tree(in_parts(spark, plan, version.sql))
        said = [*order_warnings(root, schema), *overflow_warnings(spark, plan, words)]
        said += rounding_warnings(spark, plan, summed_in_order(root, schema, SUMS))
        return named(version, said)


_PICKING = {
    "over",
    "max_by",
    "min_by",
    "sum",
    "avg",
    "mean",
    "std",
    "stddev_samp",
    "var_samp",
    *DEVIATIONS.values(),
    *TRIED,
}


def analysed_faults(spark: SparkSession, found: Parsed, version: RuleVersion, schema: Schema) -> tuple[Fault, ...]:
    """What is wrong with a parsed rule once its names and types are resolved; the session is to be active."""
    if version.form is Form.PREDICATE and not schema.subject_key_of(version.frame):
        return named(version, [refuse("SQL-315", name=version.frame)])
    if strange := sorted(found.classes - catalyst(spark.version).parsed):
        return named(version, [refuse("SQL-302", name=_short(name)) for name in strange])
    if many := list(sketch_faults(found.nodes)):
        return named(version, many)
    try:
        plan = _analysed(spark, found, version)
        filters = version.form is Form.PREDICATE and _only_filters(spark, plan, version)
        shown = plan.condition() if filters else plan
        root = tree(shown.toJSON() if filters and len(version.sql) < SHORT else in_parts(spark, shown, version.sql))
        said = [*_node_faults(root, schema, catalyst(spark.version)), *clock_faults(spark, found, shown, root)]
        said += [*order_faults(root, schema), *machine_faults(spark, shown, root, found)]
        said += [
            *pattern_faults(root),
            *membership_faults(root, version),
            *growth_faults(root, shown),
            *_having_faults(plan, found),
        ]
        said += join_keys.faults(root) if not said else ()
        said += outer_value_faults(root, lambda: is_read(version, schema)) if not said else ()
        if not plan.deterministic():
            said.append(refuse("SQL-323", name="it"))
        if version.form is Form.STATEMENT:
            said += _statement_faults(plan, schema)
        elif not filters and not _keeps_grain(root, version):
            said.append(refuse("SQL-313", name=version.frame))
    except InvalidRule as refused:
        return named(version, refused.faults)
    except (Exception, RecursionError) as problem:  # whatever breaks the gate is refused by it
        return named(version, [broken(problem)])
    return named(version, said)


def _analysed(spark: SparkSession, found: Parsed, version: RuleVersion) -> Any:
    """The analysed plan of a query, or of the rows of a frame for which a condition is true."""
    from pyspark.errors import PySparkException

    try:
        plan = found.made
        if version.form is Form.PREDICATE:
            plan = handles(spark).filter(plan, rows_of(spark, version.frame))
        return handles(spark).state.executePlan(plan, handles(spark).skip).analyzed()
    except PySparkException as problem:
        code = "SQL-312" if "FILTER_NOT_BOOLEAN" in str(problem) else "SQL-311"
        said = in_words(problem)
        raise InvalidRule(refuse(code, name=said, hint=of_types(said))) from problem


def _node_faults(root: Node, schema: Schema, lists: Catalyst) -> Iterator[Fault]:
    frames = {name.lower() for name in schema.columns}
    classes, unseen = set[str](), set[str]()
    for node, above in walk(root):
        classes.add(node.name)
        unseen.update(node.unseen)
        if node.name == VIEW and view_name(node) not in frames:
            yield refuse("SQL-322", name=view_name(node) or "another catalogue's")
        if node.name == AGGREGATE and node.children[0].name in lists.over and not (above and above.name == WINDOW):
            yield refuse("SQL-323", name=_short(node.children[0].name))
    yield from (refuse("SQL-321", name=_short(name)) for name in sorted(classes - lists.analysed))
    yield from (refuse("SQL-305", name=field) for field in sorted(unseen - lists.silent))


def _having_faults(plan: Any, found: Parsed) -> Iterator[Fault]:
    """A HAVING that is a number or a text: Spark's parser casts it, where a WHERE like it would be refused."""
    having = (side for node in found.nodes if node.name == HAVING for side in held(node, "havingCondition"))
    if all(side.name != CAST for side in having):
        return
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        if node.getClass().getSimpleName() == "Filter" and node.condition().getClass().getSimpleName() == "Cast":
            type_ = node.condition().child().dataType().simpleString()
            if type_ != "boolean":
                yield refuse("SQL-312", name=f"HAVING has a value of type {type_}.")
        waiting += [*each(node.children()), *each(node.innerChildren())]


def _statement_faults(plan: Any, schema: Schema) -> Iterator[Fault]:
    from pyspark.sql.types import StructType

    columns = StructType.fromJson(json.loads(plan.schema().json())).fields
    say = partial(refuse, "SQL-314", name=schema.subject_key, limit=schema.subject_type)
    place = schema.key_among([column.name for column in columns])
    if place is None:
        yield say(found=f"{len(columns)} columns, not one of them the key")
    for at, column in enumerate(columns):
        own = column.dataType.simpleString()
        if at == place and not joinable(own, schema.subject_type):
            yield say(found=f"a key of type {own}")
        elif at != place and "interval" in own:
            yield say(found=f"the {own} '{column.name}' as evidence")


def _only_filters(spark: SparkSession, plan: Any, version: RuleVersion) -> bool:
    """
    Whether a condition's plan is a filter over the frame's own view, as it was before: then its condition says it all.

    Spark is slow to print a plan, and a view has a node for each column of its frame.
    """
    return bool(
        plan.getClass().getName() == f"{CATALYST}{FILTER}" and plan.child().equals(rows_of(spark, version.frame))
    )


def _keeps_grain(root: Node, version: RuleVersion) -> bool:
    """Whether a condition left its frame's rows as they are: a filter over the frame's view and nothing else."""
    plan = root.children[-1] if root.name == WITH else root
    chain = [plan]
    while chain[-1].name != VIEW and chain[-1].children:
        chain.append(chain[-1].children[0])
    return [node.name for node in chain] == [FILTER, ALIAS, VIEW] and view_name(chain[-1]) == version.frame.lower()


def _short(name: str) -> str:
    return name.rpartition(".")[2]
