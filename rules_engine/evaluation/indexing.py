"""From conditions to the index over them; Spark is asked for types and constants, and reads no rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from rules_engine.evaluation.buckets import Cuts, Table, Tested, tables
from rules_engine.evaluation.domains import Domain, NotIndexed, domain
from rules_engine.evaluation.predicate_index import (
    Bound,
    Computed,
    Lookup,
    Mixed,
    PredicateIndex,
    Source,
    TakenApart,
    numbered,
    select,
)
from rules_engine.language.condition import Constants, Opaque, Part, Test, Value, tests_of
from rules_engine.language.condition_reader import parts
from rules_engine.language.operands import names
from rules_engine.model.hitmatrix import Cell

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def index(spark: SparkSession, source: Source, conditions: Sequence[Bound]) -> PredicateIndex:
    """The index over conditions on the rows of a source, its columns as Spark types them."""
    columns = _columns(spark, source, conditions)
    found: list[tuple[Bound, Part]] = []
    whole: dict[Bound, str] = {}
    for bound, read in zip(conditions, _read(spark, conditions, columns, source.frame), strict=True):
        if isinstance(read, Opaque):
            whole[bound] = str(read)
        else:
            found += [(bound, part) for part in read]
    return assembled(source, conditions, found, whole, _domains(spark, source, [part for _, part in found]))


def assembled(
    source: Source,
    conditions: Sequence[Bound],
    found: Sequence[tuple[Bound, Part]],
    whole: Mapping[Bound, str],
    domains: Mapping[str, Domain],
) -> PredicateIndex:
    """The index over conditions' parts, and over those that stay ``whole``, each with why."""
    computed: dict[str, list[Bound]] = {}
    for bound in whole:
        computed.setdefault(bound.sql, []).append(bound)
    looked_up: list[tuple[Bound, Part]] = []
    for bound, part in found:
        if is_looked_up(part, domains):
            looked_up.append((bound, part))
        else:
            computed.setdefault(part.sql, []).append(bound)
    words: dict[int, int] = {}
    for bound in conditions:
        words[bound.cell.word] = words.get(bound.cell.word, 0) | bound.cell.mask
    reasons = {bound.cell: why for bound, why in whole.items()}
    return PredicateIndex(
        source,
        tuple(_lookups(looked_up, domains)),
        tuple(Computed(sql, _of_computed(several)) for sql, several in computed.items()),
        tuple(Mixed(p.tree, b.cell.word, b.cell.mask, b.filters) for b, p in looked_up if p.of is None),
        dict(sorted(words.items())),
        tuple(_places(conditions, looked_up, computed, reasons)),
    )


def _domains(spark: SparkSession, source: Source, found: Sequence[Part]) -> dict[str, Domain]:
    """Expression to how its values are compared, for those that can be looked up."""
    asked = {test.of.name: test.of.sql for part in found for test in tests_of(part.tree) if isinstance(test, Test)}
    fields = select(spark, source, numbered(asked.values())).schema.fields if asked else []
    domains: dict[str, Domain] = {}
    for name, field in zip(asked, fields, strict=True):
        with suppress(NotIndexed):
            domains[name] = domain(field.dataType.simpleString())
    return domains


def is_looked_up(part: Part, domains: Mapping[str, Domain]) -> bool:
    """Whether every test of a part can be."""
    try:
        for test in tests_of(part.tree):
            if not isinstance(test, Test) or test.of.name not in domains:
                return False
            Cuts.by(domains[test.of.name], [test])
    except NotIndexed:
        return False
    return True


def _lookups(found: Sequence[tuple[Bound, Part]], domains: Mapping[str, Domain]) -> Iterator[Lookup]:
    """Every expression once; parts about it alone are in its tables."""
    tests: dict[str, list[Test]] = {}
    alone: dict[str, list[Tested]] = {}
    for bound, part in found:
        for test in tests_of(part.tree):
            assert isinstance(test, Test)
            tests.setdefault(test.of.name, []).append(test)
        if part.of is not None:
            tested = Tested(bound.cell.word, bound.cell.mask, part.tree, bound.filters)
            alone.setdefault(part.of.name, []).append(tested)
    for name, several in tests.items():
        cuts = Cuts.by(domains[name], several)
        yield Lookup(name, several[0].of.sql, cuts, tables(cuts, alone.get(name, ())))


def _columns(spark: SparkSession, source: Source, conditions: Sequence[Bound]) -> dict[str, str]:
    """Column to Spark's type; of a source that is no frame those that conditions seem to name."""
    if source.frame:
        return {field.name.lower(): field.dataType.simpleString() for field in spark.table(source.frame).schema.fields}
    return _typed(spark, source, sorted({name for bound in conditions for name in names(bound.sql)}))


def _typed(spark: SparkSession, source: Source, asked: Sequence[str]) -> dict[str, str]:
    from pyspark.errors import PySparkException

    try:
        fields = select(spark, source, numbered(asked)).schema.fields if asked else []
    except PySparkException:
        return {} if len(asked) == 1 else {k: v for name in asked for k, v in _typed(spark, source, [name]).items()}
    return {name: field.dataType.simpleString() for name, field in zip(asked, fields, strict=True)}


def _read(
    spark: SparkSession, conditions: Sequence[Bound], columns: Mapping[str, str], name: str
) -> list[tuple[Part, ...] | Opaque]:
    """Every condition's parts; read again as long as there are constants to work out."""
    constants = Constants({}, set())
    found = [_parts(bound.sql, columns, constants, name) for bound in conditions]
    while constants.wanted:
        known = {**constants.known, **_folded(spark, sorted(constants.wanted))}
        constants = Constants(known, set())
        found = [_parts(bound.sql, columns, constants, name) for bound in conditions]
    return found


def _folded(spark: SparkSession, texts: Sequence[str]) -> dict[str, Value | None]:
    """What expressions without a column come to, None for one that fails; Spark folds them and reads no rows."""
    from pyspark.errors import PySparkException

    try:
        row = spark.sql(f"SELECT {', '.join(texts)}").first() or ()
    except (PySparkException, ValueError, OverflowError):  # the latter two for days that Python has not
        return {texts[0]: None} if len(texts) == 1 else {k: v for t in texts for k, v in _folded(spark, [t]).items()}
    return {text: None if isinstance(value, datetime) else value for text, value in zip(texts, row, strict=True)}


def _parts(sql: str, columns: Mapping[str, str], constants: Constants, name: str) -> tuple[Part, ...] | Opaque:
    try:
        return parts(sql, columns, constants, name) if sql else ()
    except Opaque as problem:
        return problem


def _of_computed(found: Sequence[Bound]) -> dict[int, Table]:
    false: dict[int, int] = {}
    unknown: dict[int, int] = {}
    for bound in found:
        word, mask = bound.cell.word, bound.cell.mask
        false[word] = false.get(word, 0) | mask
        unknown[word] = unknown.get(word, 0) | (mask if bound.filters else 0)
    return {word: _three_values(mask, unknown[word]) for word, mask in false.items()}


def _three_values(mask: int, unknown_is_false: int) -> Table:
    """Words of false, true and unknown; of some rules unknown is false."""
    true = np.array([~mask, -1, ~mask], dtype=np.int64)
    return Table(true, None if mask == unknown_is_false else np.array([~mask, -1, ~unknown_is_false], dtype=np.int64))


def _places(
    conditions: Sequence[Bound],
    looked_up: Sequence[tuple[Bound, Part]],
    computed: Mapping[str, list[Bound]],
    whole: Mapping[Cell, str],
) -> Iterator[TakenApart]:
    expressions: dict[Cell, dict[str, None]] = {}
    left: dict[Cell, list[str]] = {}
    for bound, part in looked_up:
        names_ = (test.of.name for test in tests_of(part.tree) if isinstance(test, Test))
        expressions.setdefault(bound.cell, {}).update(dict.fromkeys(names_))
    for sql, several in computed.items():
        for bound in several:
            left.setdefault(bound.cell, []).append(sql)
    for cell in (bound.cell for bound in conditions):
        yield TakenApart(cell, tuple(expressions.get(cell, ())), tuple(left.get(cell, ())), whole.get(cell, ""))
