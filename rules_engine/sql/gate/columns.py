"""What every column of a rule means, and the memory of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from sqlglot import exp

from rules_engine.errors import Fault, did_you_mean
from rules_engine.sql.allow_list import allowed, refuse
from rules_engine.sql.cures import COLUMNS, NAMED_BESIDE, of_column, of_path
from rules_engine.sql.gate.scopes import Cell, Frames, Relation, Scope, found_in
from rules_engine.sql.gate.syntax import OF_A_QUERY, position


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

    def unchecked(self, node: exp.Expr) -> None:
        """Keep a fault of a query in a strange place, or of joins in brackets within brackets."""
        within = node.find_ancestor(exp.Subquery, exp.Select)
        if isinstance(within, exp.Subquery) and exp.Subquery in {type(within.this), type(within.parent)}:
            hint = "Take the brackets off: FROM a LEFT JOIN b ON … LEFT JOIN c ON …."
            self.refuse("SQL-127", node, "a join in brackets within brackets", hint=hint)
        else:
            self.refuse("SQL-127", node, "a query", hint=OF_A_QUERY)

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
                self._from_outside(node, scope, found[0][0])
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

    def _from_outside(self, node: exp.Column, scope: Scope, owner: Relation | None) -> None:
        """Refuse what a query of IN, or of one value, returns of the row outside: a column of its own is meant."""
        outside = owner is not None and owner not in scope.relations and len(node.parts) == 1
        if owner is not None and outside and _is_returned(node) and (known := _seen(scope)):
            hint = f"It is one of the row outside, of '{owner.alias}': return a column of {known}."
            self.refuse("SQL-122", node, node.name.lower(), known=known, hint=hint)

    def captured(self, node: exp.Expr, scope: Scope) -> None:
        """Warn of a condition of a sub-query that holds nothing but columns of the row outside, by bare names."""
        columns = [*node.find_all(exp.Column)]
        owners = [self.owners.get(id(column)) for column in columns]
        known = _seen(scope)
        bare = bool(known) and all(len(column.parts) == 1 for column in columns)
        if bare and columns and (owner := owners[0]) and not {None, *scope.relations}.intersection(owners):
            name = columns[0].name
            self.warnings.append(refuse("SQL-916", position(node), name=name, known=known, found=owner.alias))

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


def _seen(scope: Scope) -> str:
    """The relations of a query by their names; empty where it has none, or their columns are not known."""
    sure = all(relation.columns is not None for relation in scope.relations)
    return enumerated([f"'{relation.alias}'" for relation in scope.relations]) if sure else ""


def _is_returned(node: exp.Expr) -> bool:
    """Whether a value stands behind SELECT, of a query that is asked for values: of IN, or one in brackets."""
    while node.parent is not None and not isinstance(node.parent, exp.Query):
        node = node.parent
    query = node.parent
    if not isinstance(query, exp.Select) or not any(node is item for item in query.expressions):
        return False
    return not isinstance(query.find_ancestor(exp.Exists, exp.From, exp.Join, exp.In, exp.Select), exp.Exists)


def enumerated(names: Sequence[str], most: int = 8) -> str:
    """Names in a row, cut after the first few."""
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")
