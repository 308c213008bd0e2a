"""Groups, rows with windows, and UNION ALL, as frames that Spark makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from sqlglot import exp

from rules_engine.logical.block_reader import BlockReader
from rules_engine.logical.comparisons import aggregates, only
from rules_engine.logical.join_reader import PLAIN, Columns, Named, Scope
from rules_engine.logical.joined_rows import GroupedRows, JoinedReader, JoinedRows
from rules_engine.logical.made_types import MadeTypes
from rules_engine.logical.placed_rows import WindowReader
from rules_engine.logical.query_blocks import Block
from rules_engine.logical.query_tree import NotUnderstoodError
from rules_engine.logical.windows import INEXACT


@dataclass
class MadeFrameReader(BlockReader):
    """Reads queries into blocks, over frames of the lake and such as are made of them."""

    frames: dict[str, str] = field(default_factory=dict)
    """By the names of ours: frames that are joined, and those whose rows are aggregated."""
    made: dict[str, tuple[GroupedRows, ...]] = field(default_factory=dict)
    """What is made, by the name under which it is a frame; several are joined by UNION ALL."""

    def query(self, query: exp.Expr, named: Named, outer: Scope) -> Block:
        """As of any query, or what a UNION ALL of plain rows returns."""
        bare = query.unnest() if isinstance(query, exp.Subquery | exp.Paren) else query
        if not isinstance(bare, exp.Union) or bare.args.get("distinct"):
            return super().query(query, named, outer)
        sides = [super(MadeFrameReader, self).query(side, named, {}) for side in _sides(bare)]
        keys = {tuple(map(self._is_key_of_subject, side.columns.values())) for side in sides}
        types = {tuple(self._value(value, side)[1] for value in side.columns.values()) for side in sides}
        if len(keys) != 1 or len(types) != 1 or "" in next(iter(types)) or True not in next(iter(keys)):
            raise NotUnderstoodError("a UNION ALL of columns of other types, or of no subject")
        block, names = Block(), [*sides[0].columns]
        own, columns = names[keys.pop().index(True)], dict(zip(names, types.pop(), strict=True))
        rows = tuple(self._side(side, names, own) for side in sides)
        block.columns = dict(self._named(rows, columns, own, block))
        return block

    def _side(self, side: Block, names: Sequence[str], own: str) -> GroupedRows:
        """One side of a UNION ALL, its columns named as those of the first."""
        if any((side.key, side.having, side.asked, side.before, side.lost, side.distinct, side.groups)):
            raise NotUnderstoodError("a UNION ALL of groups, of windows, or of rows that ask others")
        key = [*side.columns.values()][names.index(own)]
        assert isinstance(key, exp.Column)
        joined = JoinedReader(self.tree, self.schema, side.frames, side.left).of(side.where, [], key, ())
        texts = tuple(self._value(value, side)[0] for value in side.columns.values())
        return GroupedRows(self._with_made(joined.rows), joined.where, tuple(zip(names, texts, strict=True)), None)

    def _value(self, value: exp.Expr, side: Block) -> tuple[str, str]:
        """The text and the type of a column, or of a literal."""
        text = self.tree.text(value) or ""
        if isinstance(value, exp.Column) and value.table:
            reader = JoinedReader(self.tree, self.schema, side.frames, side.left)
            key = exp.column(self.schema.subject_key_of(side.frames[value.table]), value.table)
            return reader.of(side.where, [], key, [value]).rows.by[0], self._type(value, side.frames)
        if isinstance(value, exp.Literal) and text.isdigit() and len(text) < 10:
            return text, "int"
        return text, "string" if text.startswith("'") else ""

    def _as_frame(self, inner: Block, key: exp.Column, block: Block) -> Columns:
        """Groups as the rows of a frame: by the subject and more, or by others."""
        keys = [key, *inner.by]
        self._check_plain([*inner.columns.values(), *inner.having], inner)
        own = next((name for name, value in inner.columns.items() if value == key), "")
        if any(value not in keys and not aggregates(value) for value in inner.columns.values()):
            raise NotUnderstoodError("a column that groups are not grouped by")
        reader = JoinedReader(self.tree, self.schema, inner.frames, inner.left)
        of = reader.of(inner.where, [], key, inner.by)
        made = {n: reader.of(inner.where, [value], key, inner.by) for n, value in inner.columns.items()}
        having = [reader.of(inner.where, [each], key, inner.by) for each in inner.having]
        texts = tuple((name, of.rows.key if name == own else each.text) for name, each in made.items())
        kept = " AND ".join(f"({each.text})" for each in having)
        rows = GroupedRows(self._with_made(of.rows), of.where, texts, kept)
        types = {n: self._type_made(value, inner.frames) for n, value in inner.columns.items()}
        return self._named((rows,), types, own if self._is_key_of_subject(key) else "", block)

    def _placed_as_frame(self, inner: Block, block: Block) -> Columns:
        """Rows, with what their windows come to, as the rows of a frame."""
        before = next(iter(inner.before.values()))
        own = next((name for name, value in inner.columns.items() if self._is_key_of_subject(value)), "")
        more = inner.where, inner.asked, inner.having, inner.key, inner.lost, inner.distinct, inner.groups, inner.left
        if len(inner.before) != 1 or not own or any(more):
            raise NotUnderstoodError("windows of rows that are DISTINCT, or ask others")
        for window in (each for value in inner.columns.values() for each in value.find_all(exp.Window)):
            self._check_exact(window.this, inner.frames)
        key = inner.columns[own]
        assert isinstance(key, exp.Column)
        rows = JoinedReader(self.tree, self.schema, inner.frames, {})
        joined, one = rows.of(before, [], key, ()), WindowReader(self.tree, self.schema)
        write = one.column if len(inner.frames) == 1 else rows.written
        texts = tuple((name, write(value)) for name, value in inner.columns.items())
        types = {name: self._type_made(value, inner.frames) for name, value in inner.columns.items()}
        return self._named((GroupedRows(self._with_made(joined.rows), joined.where, texts, None),), types, own, block)

    def _named(self, rows: tuple[GroupedRows, ...], types: Mapping[str, str], own: str, block: Block) -> Columns:
        """Rows that are made, as a frame."""
        if not all(map(PLAIN.fullmatch, types)):
            raise NotUnderstoodError("a column under a name that is to be quoted")
        name = next(name for n in count() if (name := f"made_{n}") not in map(str.lower, self.schema.columns))
        columns, subject_keys = {**self.schema.columns, name: types}, dict(self.schema.subject_keys)
        if own:
            subject_keys[name] = own
        self.made[name], self.schema = rows, replace(self.schema, columns=columns, subject_keys=subject_keys)
        alias = f"r{next(self._numbers)}"
        block.frames[alias] = self.frames[alias] = name
        return {column: exp.column(column, alias) for column in types}

    def _with_made(self, rows: JoinedRows) -> JoinedRows:
        frames = dict.fromkeys(frame for _, frame in rows.frames if frame in self.made)
        return rows._replace(made=tuple((frame, self.made[frame]) for frame in frames))

    def _is_key_of_subject(self, column: exp.Expr) -> bool:
        frame = self.frames.get(column.table, "") if isinstance(column, exp.Column) else ""
        return bool(frame) and column.name.lower() == self.schema.subject_key_of(frame).lower()

    @property
    def _types(self) -> MadeTypes:
        return MadeTypes(self.tree, self.schema)

    def _type_made(self, value: exp.Expr, frames: Mapping[str, str]) -> str:
        return self._types.made(value, frames)

    def _type(self, call: exp.Expr, frames: Mapping[str, str]) -> str:
        return self._types.of(call, frames)

    def _check_plain(self, values: Sequence[exp.Expr], inner: Block) -> None:
        """Refuse aggregates that are not exact, or of rows that are DISTINCT or ask others."""
        if inner.asked or inner.before or inner.lost or any(each.find(exp.Window, exp.Query) for each in values):
            raise NotUnderstoodError("an aggregate of rows that are DISTINCT, or ask others")
        for call in (call for each in values for call in aggregates(each)):
            self._check_exact(call, inner.frames)

    def _check_exact(self, call: exp.Expr, frames: Mapping[str, str]) -> None:
        """Refuse sums of doubles, which depend on the order in which they are added up."""
        if isinstance(call, exp.Sum | exp.Avg) and self._type_made(call.this, frames) not in {"", *INEXACT}:
            return
        for node in call.this.walk() if isinstance(call, exp.Sum | exp.Avg) else ():
            column = isinstance(node, exp.Column) and bool(node.table)
            types = self.schema.types_of(frames.get(node.table, self.schema.subject)) if column else {}
            if isinstance(node, exp.Div | exp.Anonymous) or (
                column and types.get(node.name.lower(), "") in {"", *INEXACT}
            ):
                raise NotUnderstoodError("a sum of doubles, or of what may be one")
            if isinstance(node, exp.Column) and not column and (self.tree.text(node) or "'")[0] != "'":
                raise NotUnderstoodError("a sum of doubles, or of what may be one")


def _sides(query: exp.Expr) -> Iterator[exp.Expr]:
    if not isinstance(query, exp.Union) or query.args.get("distinct"):
        yield query
        return
    only(query, {"this", "expression", "distinct"})
    for side in (query.this, query.args["expression"]):
        yield from _sides(side)
