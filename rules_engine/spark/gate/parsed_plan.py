"""
Gate 2a: what Spark's own parser makes of a rule, before anything is resolved.

Everything it made must be on the lists of ``catalyst.toml``: classes, functions
and the exact names of relations. The text that is parsed is the one that runs;
where its comments are blanks, the text as it was written is parsed beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault, InvalidRule
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.spark.gate.long_lists import shown as in_parts
from rules_engine.spark.gate.plan_tree import Node, in_words, tree, walk
from rules_engine.spark.sandbox import active, handles, java
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.gate.clauses import named as called
from rules_engine.sql.lexer import bind, has_comments
from rules_engine.sql.spark_allow_list import catalyst
from rules_engine.sql.spark_cures import of_call, of_reading

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RELATION = "analysis.UnresolvedRelation"
FUNCTION, GENERATOR = "analysis.UnresolvedFunction", "analysis.UnresolvedGenerator"
LOGICAL = "org.apache.spark.sql.catalyst.plans.logical"
WITH, WINDOWS = "plans.logical.UnresolvedWith", "plans.logical.WithWindowDefinition"
ALIAS, COLUMN_NAMES, VALUES = (
    "plans.logical.SubqueryAlias", "analysis.UnresolvedSubqueryColumnAliases", "plans.logical.LocalRelation",
)  # fmt: skip
UNNAMED = "__auto_generated_subquery_name"
COUNTED = {
    "plans.logical.Filter": "WHERE",
    "analysis.UnresolvedHaving": "HAVING",
    "plans.logical.Join": "JOIN",
    "plans.logical.Sort": "ORDER BY",
    "plans.logical.Generate": "LATERAL VIEW",
    "plans.logical.WithWindowDefinition": "WINDOW",
    "plans.logical.Union": "UNION",
    "plans.logical.Intersect": "INTERSECT",
    "plans.logical.Except": "EXCEPT",
}
CLAUSES = {"where", "having", "qualify", "limit", "offset", "window"}
"""
Words that Spark takes for the name of a relation, where a list of names in brackets follows: FROM t WHERE (active).

They are no names to whoever reads SQL, and what the clause asks is lost.
"""


_NUMBERED = re.compile(r'"id":\d+')


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """
    One rule as Spark's parser read it.

    ``made`` is the parser's own object; ``nodes`` are all its nodes, each once.
    """

    made: Any
    nodes: tuple[Node, ...]

    @property
    def classes(self) -> frozenset[str]:
        return frozenset(node.name for node in self.nodes)

    @property
    def functions(self) -> frozenset[str]:
        """The functions called; a qualified one with its dots."""
        return frozenset(_function(node) for node in self.nodes if node.name in {FUNCTION, GENERATOR})

    @property
    def clauses_as_names(self) -> frozenset[str]:
        """Those of :data:`CLAUSES` that name a relation together with its columns."""
        named = (node for node in self.nodes if node.name == ALIAS and _names_columns(node.children[0].name))
        return frozenset(node.fields["identifier"]["name"].lower() for node in named) & CLAUSES

    @property
    def clauses(self) -> Counter[str]:
        """Clauses and names of relations, as :func:`rules_engine.sql.gate.clauses.clauses` counts them."""
        names = (node.fields["identifier"]["name"] for node in self.nodes if node.name == ALIAS)
        said = (COUNTED[node.name] for node in self.nodes if node.name in COUNTED)
        return Counter(said) + Counter(called(name) for name in names if name != UNNAMED)

    @property
    def relations(self) -> frozenset[str]:
        """The relations read, in small letters, a qualified one with its dots; names of WITH queries are left out."""
        named = {str(cte["_1"]).lower() for node in self.nodes if node.name == WITH for cte in _ctes(node)}
        read = {_parts(node.fields.get("multipartIdentifier")) for node in self.nodes if node.name == RELATION}
        return frozenset(read - named)


def faults(spark: SparkSession, version: RuleVersion, schema: Schema, as_of: date) -> tuple[Fault, ...]:
    """What gate 2a finds wrong with a rule, in a rule session."""
    try:
        with active(spark):
            return parsed_faults(spark, read(spark, version, as_of), version, schema)
    except InvalidRule as refused:
        return named(version, refused.faults)


def read(spark: SparkSession, version: RuleVersion, as_of: date) -> Parsed:
    """
    What Spark's parser makes of a rule; the session is to be active.

    Raises:
        InvalidRule: If it makes nothing of it, or breaks.
    """
    from pyspark.errors import PySparkException

    text = bind(version.sql, version.parameters, as_of)
    try:
        made, shown = _made(spark, text, version.form)
        if has_comments(version.sql):
            as_written = bind(version.sql, version.parameters, as_of, comments_too=True)
            differs = shown != _made(spark, as_written, version.form)[1]
        else:
            differs = False
        nodes = tuple(node for each in shown for node, _ in walk(tree(each)))
    except PySparkException as problem:
        raise InvalidRule(refuse("SQL-301", name=(said := in_words(problem)), hint=of_reading(said))) from problem
    except (Exception, RecursionError) as problem:  # whatever breaks the gate is refused by it
        raise InvalidRule(broken(problem)) from problem
    if differs:
        raise InvalidRule(refuse("SQL-353"))
    return Parsed(made, nodes)


def _names_columns(relation: str) -> bool:
    """Whether a relation has a list of names for its columns; rows of VALUES always may."""
    return relation in {COLUMN_NAMES, VALUES} or relation.endswith("InlineTable")


def _made(spark: SparkSession, text: str, form: Form) -> tuple[Any, tuple[str, ...]]:
    """What the parser makes of a text, and all of it as Spark prints it, without the numbers it gives to names."""
    parser = handles(spark).parser
    made = parser.parsePlan(text) if form is Form.STATEMENT else parser.parseExpression(text)
    shown = [str(made.toJSON()) if len(text) < SHORT else in_parts(spark, made, text)]
    if WINDOWS in shown[0]:
        shown += (in_parts(spark, window, text) for window in _windows(spark, made, form))
    return made, tuple(_NUMBERED.sub('"id":0', each) for each in shown)


SHORT = 300
"""Characters of a rule of which Spark prints little: it is asked at once, for each question has its price."""


def parsed_faults(spark: SparkSession, found: Parsed, version: RuleVersion, schema: Schema) -> tuple[Fault, ...]:
    """What of a parsed rule is not on the lists."""
    lists = catalyst(spark.version)
    frames = {name.lower() for name in schema.columns}
    said = [refuse("SQL-302", name=name.rpartition(".")[2]) for name in sorted(found.classes - lists.parsed)]
    said += [refuse("SQL-303", name=name, hint=of_call(name)) for name in sorted(found.functions - lists.functions)]
    said += [refuse("SQL-304", name=name, known=", ".join(schema.columns)) for name in sorted(found.relations - frames)]
    said += [refuse("SQL-306", name=name.upper()) for name in sorted(found.clauses_as_names)]
    unseen = {field for node in found.nodes for field in node.unseen}
    said += [refuse("SQL-305", name=field) for field in sorted(unseen - lists.silent)]
    return named(version, said)


def broken(problem: Exception) -> Fault:
    """What is said of a rule that Spark, or reading what Spark printed of it, broke on."""
    if isinstance(problem, RecursionError) or "java.lang.StackOverflowError" in str(problem):
        return refuse("SQL-349")
    return refuse("SQL-399", name=type(problem).__name__)


def named(version: RuleVersion, found: list[Fault] | tuple[Fault, ...]) -> tuple[Fault, ...]:
    """The faults as those of one rule."""
    return tuple(replace(fault, which=f"Rule {version.key}") for fault in found)


def _parts(printed: Any) -> str:
    """``[a, b]`` as ``a.b``: Spark prints the parts of a name so. A part that holds a comma is no frame's name."""
    return str(printed).removeprefix("[").removesuffix("]").replace(", ", ".").lower()


def _function(node: Node) -> str:
    if node.name == FUNCTION:
        name = _parts(node.fields["nameParts"])
        return f"internal.{name}" if node.fields.get("isInternal") else name
    return ".".join(str(part) for key, part in node.fields["name"].items() if key != "product-class").lower()


def _ctes(node: Node) -> Iterator[dict[str, Any]]:
    return (cte for cte in node.fields.get("cteRelations") or () if isinstance(cte, dict))


def _windows(spark: SparkSession, made: Any, form: Form) -> Iterator[Any]:
    """The definitions of WINDOW clauses, which Spark does not print: they are asked of the plan itself."""
    nothing = java(spark, f"{LOGICAL}.OneRowRelation")
    waiting = [made if form is Form.STATEMENT else java(spark, f"{LOGICAL}.Filter")(made, nothing())]
    while waiting:
        plan = waiting.pop()
        if plan.getClass().getSimpleName() == "WithWindowDefinition":
            yield from each(plan.windowDefinitions().values().toSeq())
        waiting += [*each(plan.children()), *each(plan.innerChildren())]


def each(found: Any) -> Iterator[Any]:
    """The elements of one of Scala's sequences."""
    return (found.apply(at) for at in range(found.size()))
