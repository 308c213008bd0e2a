"""The types of what columns, aggregates and windows make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from rules_engine.logical.arithmetic import of_type
from rules_engine.logical.plain_calls import STRUCT
from rules_engine.logical.query_tree import QueryTree
from rules_engine.logical.total_values import TotalReader
from rules_engine.model.schemas import Schema


@dataclass(frozen=True)
class MadeTypes:
    """Spark SQL types; ``frames`` are relations by their names."""

    tree: QueryTree
    schema: Schema

    def made(self, value: exp.Expr, frames: Mapping[str, str]) -> str:
        """The type of what is made of columns, aggregates and windows; empty where it is not told."""
        if isinstance(value, exp.Column | exp.AggFunc):
            return self.of(value, frames)
        return TotalReader(self.tree, lambda of: self.of_part(of, frames)).type_made(value)

    def of_part(self, part: exp.Expr, frames: Mapping[str, str]) -> str:
        call = part.this if isinstance(part, exp.Window) else part
        if isinstance(call, exp.RowNumber | exp.Rank | exp.DenseRank | exp.Ntile):
            return "int"
        if isinstance(call, exp.Lag | exp.Lead | exp.FirstValue | exp.LastValue) and isinstance(call.this, exp.Column):
            return self.of(call.this, frames)
        return self.of(call, frames) if isinstance(call, exp.Column | exp.AggFunc) else ""

    def of(self, call: exp.Expr, frames: Mapping[str, str]) -> str:
        """The type of a column, or of an aggregate of what raises of no row; empty where it is not told."""
        if isinstance(call, exp.Column):
            return self.schema.types_of(frames[call.table]).get(call.name.lower(), "") if call.table else ""
        if isinstance(call, exp.Count):
            return "bigint"
        if isinstance(call, exp.AnonymousAggFunc):
            return self._of_call(call, frames)
        type_ = self.made(call.this, frames) if isinstance(call.this, exp.Expr) else ""
        digits, more = of_type(type_), {"sum": (10, 0), "avg": (4, 4)}.get(call.key)
        if more and digits and not digits.whole:
            return f"decimal({digits.precision + more[0]},{digits.scale + more[1]})"
        if isinstance(call, exp.Sum) and digits:
            return "bigint"
        by_order = isinstance(call, exp.ArgMax | exp.ArgMin) and self._is_plain(call.expression)
        return type_ if by_order or isinstance(call, exp.Min | exp.Max) else ""

    def _is_plain(self, order: exp.Expr) -> bool:
        """Whether it is a column, or a struct of some, or of what is the greater the less they are."""
        struct = isinstance(order, exp.Anonymous) and STRUCT in {order.this, self.tree.called(order)}
        parts = order.expressions if struct else [order]
        if struct and isinstance(parts[-1], exp.BitwiseNot | exp.Neg) and not self.tree.called(order):
            parts = parts[:-1]
        return all(isinstance(each.unalias(), exp.Column) for each in parts)

    def _of_call(self, call: exp.Expr, frames: Mapping[str, str]) -> str:
        type_ = self.made(call.expressions[0], frames)
        if self.tree.called(call) in {"percentile", "median"}:
            return "double" if of_type(type_) else ""
        return type_
