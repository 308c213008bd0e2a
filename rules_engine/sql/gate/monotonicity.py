"""Whether a rule can be true because rows are missing, and whether it asks for more than that rows are there."""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp

from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.sql.lexer import blanked

_ROWS = (exp.From, exp.Join, exp.CTE, exp.SetOperation, exp.Lateral, exp.In, exp.Exists, exp.Subquery)


def weighs_absence(version: RuleVersion) -> bool:
    """
    Whether fewer rows can make the rule true of more: NOT EXISTS, NOT IN, EXCEPT, outer joins, aggregates, windows.

    Of such a rule an empty column and a missing row cannot be told apart by running it.
    """
    tree = _tree(version.sql)
    return (
        tree.find(exp.Except, exp.AggFunc, exp.Window) is not None
        or any(join.side or join.kind == "ANTI" for join in tree.find_all(exp.Join))
        or any(_scalar(query) for query in tree.find_all(exp.Subquery))
        or any(_denied(asked) for asked in tree.find_all(exp.Exists, exp.In))
    )


def asks_columns(version: RuleVersion, schema: Schema) -> bool:
    """Whether a condition, filter or join of the rule names any column but the subject's key."""
    keys = {schema.subject_key.lower(), *(key.lower() for key in schema.subject_keys.values())}
    columns = _tree(version.sql).find_all(exp.Column)
    return any(column.name.lower() not in keys and _asked(column) for column in columns)


def one_way(version: RuleVersion) -> bool:
    """Whether the rule can be true in one way only: no OR, and no set operation."""
    return _tree(version.sql).find(exp.Or, exp.SetOperation) is None


@lru_cache(maxsize=1)  # three questions about one rule after each other
def _tree(sql: str) -> exp.Expr:
    return sqlglot.parse_one(blanked(sql), dialect="spark")


def _asked(column: exp.Column) -> bool:
    """Whether a column decides about rows; one that a query only returns does not."""
    clause = column.find_ancestor(exp.Where, exp.Having, exp.Join, exp.Query)
    return not isinstance(clause, exp.Query)


def _scalar(query: exp.Subquery) -> bool:
    """Whether a query stands where a value does: NULL where it finds no row."""
    return not isinstance(query.parent, _ROWS) and query.parent is not None


def _denied(asked: exp.Expr) -> bool:
    """Whether a sub-query is asked for in another way than by AND and OR."""
    if isinstance(asked, exp.In) and not asked.args.get("query"):
        return False
    above = asked.parent
    while isinstance(above, exp.And | exp.Or | exp.Paren):
        above = above.parent
    return above is not None and not isinstance(above, exp.Where | exp.Having)
