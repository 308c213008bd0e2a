"""What every column of a rule means, and the memory of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from sqlglot import exp

from rules_engine.errors import Fault, did_you_mean
from rules_engine.sql.allow_list import allowed, refuse
from rules_engine.sql.cures import COLUMNS, NAMED_BESIDE, of_column, of_path
from rules_engine.sql.gate.scopes import Cell, Frames, Relation, Scope, found_in
from rules_engine.sql.gate.syntax import position


class Columns:
    """
    Resolves columns, and keeps what it found.

    ``used`` maps frames to the columns that the rule reads, as declared;
    ``owners`` maps column nodes to the relation they belong to; ``visited``
    holds the tables that were looked up; ``warnings`` are of names that are hardly meant as they are read.
    """

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []
        self.used: dict[str, set[str]] = {}
        self.owners: dict[int, Relation] = {}
        self.visited: set[int] = set()
        self._said: set[tuple[str, str]] = set()

    def refuse(self, code: str, node: exp.Expr, name: str, **said: object) -> None:
        """Keep a fault; the same code about the same name once."""
        if (code, name) not in self._said:
            self._said.add((code, name))
            self.faults.append(refuse(code, position(node), name=name, **said))

    def untied(self, node: exp.Query, scope: Scope) -> None:
        """Warn of EXISTS of a query that asks nothing of the rows outside, where all its columns are known."""
        columns = [*node.find_all(exp.Column)]
        outside = {*chain.from_iterable(around.relations for around in scope.chain())}
        owners = [self.owners.get(id(column)) for column in columns]
        if isinstance(node.parent, exp.Exists) and not outside.intersection(owners) and None not in owners:
            self.warnings.append(refuse("SQL-914", position(node.parent)))

    def itself(self, node: exp.Binary) -> None:
        """Warn of a column that is held against itself."""
        left, right = node.left.unnest(), node.right.unnest()
        if not isinstance(left, exp.Column) or not isinstance(right, exp.Column) or left.name != right.name:
            return
        owner = self.owners.get(id(left))
        if owner is not None and owner is self.owners.get(id(right)):
            self.warnings.append(refuse("SQL-913", position(node), name=node.sql("spark"), known=owner.alias))

    def column(self, node: exp.Column, scope: Scope) -> Cell:
        """What a column means, seen from a scope; refused where it certainly means nothing, or two things."""
        parts = [part.name.lower() for part in node.parts]
        for depth, around in enumerate(scope.chain()):
            if parts[0] in around.variables:
                return Cell()
            if found := found_in(around, parts):
                return self._found(node, scope if depth else None, parts, found)
            if len(parts) == 1 and parts[0] in around.aliases:
                return around.aliases[parts[0]]
        if scope.known():
            self._not_found(node, scope, parts)
        return Cell()

    def _found(
        self, node: exp.Column, inside: Scope | None, parts: list[str], found: list[tuple[Relation | None, Cell]]
    ) -> Cell:
        if len(found) > 1:
            owners = [r.alias for r, _ in found if r]
            hint = " or ".join(f"{alias}.{parts[0]}" for alias in owners)
            self.refuse("SQL-124", node, parts[0], known=" and ".join(f"'{a}'" for a in owners), hint=hint)
        relation, cell = found[0]
        if relation is not None:
            self.owners[id(node)] = relation
        if inside is not None:
            inside.outer.append(node)
        self.use(cell)
        return cell

    def use(self, cell: Cell) -> None:
        """Note that the rule reads a column of a frame."""
        if cell.origin:
            self.used.setdefault(cell.origin[0], set()).add(cell.origin[1])

    def _not_found(self, node: exp.Column, scope: Scope, parts: list[str]) -> None:
        name, listed = parts[0], allowed().syntax
        aliases = [r.alias for s in scope.chain() for r in s.relations if r.alias]
        if len(parts) == 1 and name in listed.clock:
            self.refuse("SQL-105", node, name)
        elif name in listed.session:
            self.refuse("SQL-106", node, name)
        elif len(parts) > 1 and name not in aliases:
            seen = self._of_frame(name) or of_path(parts, {*scope.names()})
            seen += f" What can be seen: {enumerated(aliases)}."
            self.refuse("SQL-123", node, name, hint=did_you_mean(name, aliases) or seen)
        else:
            owner = f"'{name}'" if len(parts) > 1 else enumerated([f"'{a}'" for a in aliases]) or "this query"
            self.refuse("SQL-122", node, parts[1 if len(parts) > 1 else 0], known=owner, hint=self._near(parts, scope))

    def _of_frame(self, name: str) -> str:
        """What to write for the name of a frame that is not read; empty for other names."""
        spelled = self.frames.spelled.get(name)
        return f"It is a frame: write (SELECT … FROM {spelled})." if spelled and spelled not in self.used else ""

    def _near(self, parts: list[str], scope: Scope) -> str:
        if len(parts) == 1 and not any(each.relations for each in scope.chain()):
            return "Write FROM and a frame behind SELECT."
        if len(parts) == 1:
            if said := self._of_frame(parts[0]):
                return said
            if any(parts[0] in each.named for each in scope.chain()):
                return NAMED_BESIDE
            return COLUMNS.get(parts[0]) or did_you_mean(parts[0], scope.names()) or of_column(parts[0])
        own = [c for s in scope.chain() for r in s.relations if r.alias == parts[0] for c in r.columns or ()]
        return did_you_mean(parts[1], own) or f"It has {enumerated(own)}."


def enumerated(names: Sequence[str], most: int = 8) -> str:
    """Names in a row, cut after the first few."""
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")
