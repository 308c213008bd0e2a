"""What a query can name, and what its names stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from sqlglot import exp

from rules_engine.logical.comparisons import NotUnderstoodError
from rules_engine.logical.query_tree import QueryTree, is_stand_in
from rules_engine.model.frames import Schema

PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
Scope = Mapping[str, Mapping[str, exp.Expr]]
"""What can be named: of each relation its columns, in small letters."""
MERGED = ""
"""In a scope, columns of USING, which stand for those of both sides where no relation is named."""


@dataclass
class NameReader:
    """Replaces names by what they stand for."""

    tree: QueryTree
    schema: Schema
    _numbers: Iterator[int] = field(default_factory=count)

    def _resolved(self, node: exp.Expr, scope: Scope, outer: Scope) -> exp.Expr:
        """With every column replaced by what it stands for."""
        found = node.copy()
        if isinstance(found, exp.Column):
            return self._column(found, scope, outer)
        for column in [*found.find_all(exp.Column)]:
            value = self._column(column, scope, outer)
            plain = isinstance(value, exp.Column | exp.AggFunc | exp.Literal | exp.Window)
            column.replace(value if plain else exp.Paren(this=value))
        return found

    def _column(self, column: exp.Column, scope: Scope, outer: Scope) -> exp.Expr:
        name, table = column.name.lower(), column.table.lower()
        if not table and is_stand_in(column):
            return column.copy()
        for known in (scope, outer):
            if not table and name in known.get(MERGED, {}):
                return known[MERGED][name].copy()
            if table:
                if table in known:
                    if name not in known[table]:
                        raise NotUnderstoodError
                    return known[table][name].copy()
                continue
            values = [columns[name] for of, columns in known.items() if of and name in columns]
            if len(values) > 1:
                raise NotUnderstoodError
            if values:
                return values[0].copy()
        raise NotUnderstoodError
