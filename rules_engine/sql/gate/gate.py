"""
Whether a rule's SQL is safe and makes sense, before Spark sees it: L0, then gate 1.

Nothing here reads data or runs anything. Every fault of every rule is found
in one go; a parser that breaks is a refusal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from sqlglot import exp

from rules_engine.errors import Fault, InvalidRule, did_you_mean, raise_all
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, RuleVersion, WhenUnknown
from rules_engine.model.schemas import Schema
from rules_engine.sql import lexer
from rules_engine.sql.allow_list import allowed, refuse
from rules_engine.sql.gate import result_shape as shape
from rules_engine.sql.gate.bounded_cost import costs_little
from rules_engine.sql.gate.clauses import clauses
from rules_engine.sql.gate.constants import works_out_constants
from rules_engine.sql.gate.copies import copied_faults
from rules_engine.sql.gate.early import early_faults
from rules_engine.sql.gate.function_calls import call_faults, calls, foreign, lengths, place_faults
from rules_engine.sql.gate.lint import advice, of_value
from rules_engine.sql.gate.name_resolution import Names
from rules_engine.sql.gate.scopes import Answer, Frames, Relation, Scope
from rules_engine.sql.gate.syntax import Unreadable, node_faults, parse, position, size_faults
from rules_engine.sql.moments import literal_faults
from rules_engine.sql.short_casts import SIGN, of_texts
from rules_engine.sql.tokens import Kind, Token, tokens
from rules_engine.sql.unknown import Untold, told


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What a rule says: the frames, columns (as declared), parameters and functions (as written) it names.

    ``clauses`` are counted, and the names of relations with them (:func:`clauses`).
    ``output`` is the column that a statement returns as the subject's key, where it has a name.
    ``warnings`` are not refusals: the rule runs, and may not mean what it seems to.
    ``costs_little`` says that a few rows cannot be too much for it, whatever stands in them; ``works_out_constants``
    that Spark may fail at it while it plans.
    """

    frames: tuple[str, ...]
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    clauses: Counter[str] = field(default_factory=Counter)
    has_subquery: bool = False
    output: str | None = None
    warnings: tuple[Fault, ...] = ()
    costs_little: bool = False
    works_out_constants: bool = False


def check(rule_set: RuleSet, schema: Schema, subject_column: str | None = None) -> tuple[Fault, ...]:
    """Every fault of every rule of a rule set."""
    return tuple(fault for version in rule_set.versions for fault in faults(version, schema, subject_column))


def examine(version: RuleVersion, schema: Schema, subject_column: str | None = None) -> Reading:
    """
    What a rule says.

    Raises:
        InvalidRule: With every fault of the rule.
    """
    raise_all(InvalidRule, text_faults(version, schema))
    said, found = _read(version, schema, subject_column)
    raise_all(InvalidRule, found)
    assert said is not None
    return said


def reading(version: RuleVersion, schema: Schema) -> Reading | None:
    """What gate 1 alone reads, None where it refuses: what the second reader is held against."""
    return _read(version, schema, None)[0]


def faults(version: RuleVersion, schema: Schema, subject_column: str | None = None) -> tuple[Fault, ...]:
    """Every fault of one rule. A text with lexical faults is not parsed."""
    return text_faults(version, schema) or tree_faults(version, schema, subject_column)


def text_faults(version: RuleVersion, schema: Schema) -> tuple[Fault, ...]:
    """L0: what is wrong with the text before any parser sees it."""
    return _text_outcome(_Asked(version, schema, None))


@lru_cache(maxsize=16_384)
def _text_outcome(asked: _Asked) -> tuple[Fault, ...]:
    version, schema = asked.version, asked.schema
    found = lexer.faults(version.sql, version.parameters)
    if SIGN in version.sql and not found:
        types = [(name.lower(), type_) for columns in schema.columns.values() for name, type_ in columns.items()]
        texts = {name for name, type_ in types if type_ == "string"} - {
            name for name, type_ in types if type_ != "string"
        }
        cast = of_texts(tokens(version.sql), texts)
        found = tuple(refuse("SQL-021", name.start, name=name.text, found=type_) for name, type_ in cast)
    return _named(version, found)


def tree_faults(version: RuleVersion, schema: Schema, subject_column: str | None = None) -> tuple[Fault, ...]:
    """Gate 1: what is wrong with sqlglot's tree of the text. It does not rely on L0 having been asked."""
    return _read(version, schema, subject_column)[1]


Outcome = tuple[Reading | None, tuple[Fault, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One rule under a schema, equal to itself under one of the same names and types: both are frozen."""

    version: RuleVersion
    schema: Schema
    subject_column: str | None

    def __hash__(self) -> int:
        return hash((id(self.version), self.subject_column))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Asked)
            and self.version is other.version
            and self.subject_column == other.subject_column
            and self.schema.reads_as(other.schema)
        )


def _read(version: RuleVersion, schema: Schema, subject_column: str | None) -> Outcome:
    return _outcome(_Asked(version, schema, subject_column))


@lru_cache(maxsize=16_384)  # a run asks about all rules, then about each beside what Spark reads, then for its columns
def _outcome(asked: _Asked) -> Outcome:
    version, schema, subject_column = asked.version, asked.schema, asked.subject_column
    text = lexer.blanked(version.sql)
    words = tokens(text)
    try:
        if not words:
            raise Unreadable(refuse("SQL-001"))
        if any(token.kind is Kind.BROKEN for token in words):  # sqlglot would take all that follows for a comment
            return None, _named(version, lexer.faults(version.sql, version.parameters))
        tree = parse(text, version.form, words)
        if SIGN in version.sql and tree != parse(lexer.with_short_casts(version.sql), version.form, words):
            raise Unreadable(refuse("SQL-015", name=f"'{SIGN}' after such a value"))
        if sizes := (*size_faults(tree), *copied_faults(tree)):
            return None, _placed(version, sizes)
        nodes = tuple(tree.walk())
        called = [*call_faults(words, nodes, version.parameters)]
        found = [*node_faults(tree, nodes, text, named=bool(called)), *called]
        found += [*literal_faults(words), *place_faults(nodes, text, version.parameters)]
        found += early_faults(nodes, text)
        names, answer = _resolve(tree, nodes, version, schema)
        found += [*names.faults, *_shape_faults(tree, answer, version, schema, subject_column)]
        if found:
            return None, _placed(version, found)
        return _reading(version, schema, nodes, names, answer, words), ()
    except Unreadable as problem:
        return None, _placed(version, [*foreign(words), problem.fault])
    except (Exception, RecursionError) as problem:  # whatever breaks the gate is refused by it
        return None, _named(version, [refuse("SQL-199", name=type(problem).__name__)])


def _resolve(tree: exp.Expr, nodes: Sequence[exp.Expr], version: RuleVersion, schema: Schema) -> tuple[Names, Answer]:
    names = Names(Frames.of(schema))
    answer = names.query(tree) if version.form is Form.STATEMENT else _resolve_predicate(tree, version, names)
    if answer.scans > (limit := allowed().limits.scans):
        names.refuse("SQL-133", tree, "", found=answer.scans, limit=limit)
    for node in nodes:
        if isinstance(node, exp.Table) and id(node) not in names.visited:
            names.unchecked(node)
    return names, answer


def _resolve_predicate(tree: exp.Expr, version: RuleVersion, names: Names) -> Answer:
    frame = version.frame.lower()
    if frame not in names.frames.columns:
        known = list(names.frames.spelled.values())
        hint = did_you_mean(frame, known)
        hint = f"{hint} " if hint else ""
        names.faults.append(refuse("SQL-120", name=version.frame, hint=hint, known=", ".join(known)))
    else:
        names.used.setdefault(names.frames.spelled[frame], set())
    scope = Scope(relations=[Relation(frame, names.frames.columns.get(frame))])
    names.cell(tree, scope)
    return Answer((), scope.scans + 1)


def _shape_faults(
    tree: exp.Expr, answer: Answer, version: RuleVersion, schema: Schema, subject_column: str | None
) -> Iterator[Fault]:
    if version.form is Form.STATEMENT:
        if not isinstance(tree, exp.Query):
            yield refuse("SQL-102", position(tree), name=f"'{tokens(version.sql)[0].text[:20]}'")
        else:
            yield from shape.statement_faults(tree, answer, schema, subject_column)
    else:
        columns = {name.lower(): type_.lower() for name, type_ in (schema.columns_of(version.frame) or {}).items()}
        yield from shape.Predicate(tree, lexer.blanked(version.sql), columns, version.parameters).faults()
        yield from _unknown_faults(version)


def _unknown_faults(version: RuleVersion) -> Iterator[Fault]:
    """Whether it can be told for whom a condition is unknown, where that decides."""
    if version.when_unknown is not WhenUnknown.MISS:
        try:
            told(lexer.blanked(version.sql))
        except Untold as untold:
            yield refuse("SQL-146", name=str(untold), limit=version.when_unknown.value)


def _reading(
    version: RuleVersion,
    schema: Schema,
    nodes: Sequence[exp.Expr],
    names: Names,
    answer: Answer,
    words: tuple[Token, ...],
) -> Reading:
    return Reading(
        frames=tuple(sorted(names.used)),
        columns={frame: frozenset(columns) for frame, columns in names.used.items()},
        parameters=frozenset(t.word.removeprefix(":") for t in words if t.kind is Kind.PARAMETER),
        functions=frozenset(c.name for c in calls(words) if c.name in allowed().functions and not c.after_as),
        clauses=clauses(nodes),
        has_subquery=version.form is Form.STATEMENT or any(isinstance(node, exp.Query) for node in nodes),
        output=shape.output_name(answer, schema) if version.form is Form.STATEMENT else None,
        warnings=_named(
            version,
            [*advice(nodes, schema, version.parameters), *names.warnings, *lengths(words), *_of_values(version, words)],
        ),
        costs_little=costs_little(nodes, answer.scans),
        works_out_constants=works_out_constants(nodes),
    )


def _of_values(version: RuleVersion, words: Sequence[Token]) -> Iterator[Fault]:
    named = {token.word.removeprefix(":") for token in words if token.kind is Kind.PARAMETER}
    for name, value in version.parameters.items():
        if name in named and isinstance(value, str):
            yield from of_value(f"of :{name}", value)


def _named(version: RuleVersion, found: Iterable[Fault]) -> tuple[Fault, ...]:
    once = {(fault.code, fault.what): fault for fault in reversed(tuple(found))}
    return tuple(replace(fault, which=f"Rule {version.key}") for fault in reversed(once.values()))


def _placed(version: RuleVersion, found: Iterable[Fault]) -> tuple[Fault, ...]:
    """Faults found in what is read of a rule's text, each at its place in the text as it was written."""
    at = ((fault, fault.position) for fault in found)
    return _named(version, [replace(f, position=lexer.place(version.sql, p)) if p is not None else f for f, p in at])
