"""Which rules are queries of their own, and which of those go into one plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules_engine.index.words import RuleBit
from rules_engine.logical.select_query import binds, conjuncts, unqualified
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.sql.tokens import Kind, tokens

BATCH_TEXT = 8_000
"""Characters of SQL that go into one plan: planning time grows faster than the plan."""


def runs_alone(version: RuleVersion) -> bool:
    """Whether a version is run as a query of its own: a statement, or a predicate that asks other rows."""
    return version.form is Form.STATEMENT or asks_other_rows(version.sql)


def batches(placed: Sequence[RuleBit]) -> Iterator[list[RuleBit]]:
    """Versions in order, a batch's text not above :data:`BATCH_TEXT` unless one alone is."""
    batch: list[RuleBit] = []
    size = 0
    for version, cell in placed:
        if batch and size + len(version.sql) > BATCH_TEXT:
            yield batch
            batch, size = [], 0
        batch.append((version, cell))
        size += len(version.sql)
    if batch:
        yield batch


def asks_other_rows(sql: str) -> bool:
    """Whether a condition holds a sub-query, which Spark runs in a filter only."""
    return any(token.kind is Kind.WORD and token.word == "select" for token in tokens(sql))


def own_conjuncts(version: RuleVersion, sql: str) -> list[str]:
    """Of a predicate the conditions between its ANDs that ask no other rows."""
    frame = version.frame.lower()
    own = [text for text in conjuncts(sql) if not asks_other_rows(text)]
    return [unqualified(text, frame) for text in own if not binds(text, frame)]
