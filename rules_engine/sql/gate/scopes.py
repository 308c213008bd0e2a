"""What stands in a FROM: relations, the names they give, and the scopes in which those can be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from rules_engine.model.schemas import Schema

_WITH_FIELDS = ("struct", "map", "array<struct")


@dataclass(frozen=True, slots=True)
class Cell:
    """
    A named value: where it comes from and how large the expression behind it is.

    ``terms`` counts the nodes of the expression once every name in it is
    replaced by what it stands for. ``type`` is the Spark SQL type where it is
    known; ``origin`` is the frame and column of a value that is passed on as it is.
    """

    terms: int = 1
    type: str = ""
    origin: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """
    One relation in a FROM. Without ``columns`` nothing is known of them, and nothing is refused.

    ``single`` relations have one row at most; ``hidden`` ones (semi and anti joins) show their columns in ON only.
    """

    alias: str
    columns: Mapping[str, Cell] | None
    single: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gives: its columns by their names, in order, None where they cannot be known."""

    columns: tuple[tuple[str, Cell], ...] | None
    scans: int = 1
    single: bool = False


@dataclass(slots=True)
class Scope:
    """The names that a query's expressions can see."""

    parent: Scope | None = None
    ctes: Mapping[str, Answer] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    merged: set[str] = field(default_factory=set)
    """Columns that USING or NATURAL made one."""
    aliases: dict[str, Cell] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    """What the query names behind SELECT, which its WHERE cannot see yet."""
    variables: frozenset[str] = frozenset()
    outer: list[exp.Column] = field(default_factory=list)
    """Columns that were found in a scope outside."""
    scans: int = 0

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, inside out."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def names(self) -> Iterator[str]:
        """Every column that can be seen, for suggestions."""
        for scope in self.chain():
            for relation in scope.relations:
                yield from relation.columns or ()
            yield from scope.aliases

    def known(self) -> bool:
        """Whether all columns that can be seen are known."""
        return all(r.columns is not None for scope in self.chain() for r in scope.relations)


@dataclass(frozen=True, slots=True)
class Frames:
    """The declared frames under their names in small letters."""

    columns: Mapping[str, Mapping[str, Cell]]
    spelled: Mapping[str, str]

    @classmethod
    def of(cls, schema: Schema) -> Frames:
        return cls(
            {
                frame.lower(): {name.lower(): Cell(1, type_.lower(), (frame, name)) for name, type_ in columns.items()}
                for frame, columns in schema.columns.items()
            },
            {name.lower(): name for name in schema.columns},
        )


def renamed(columns: Mapping[str, Cell] | None, alias: exp.TableAlias | None) -> Mapping[str, Cell] | None:
    """The columns under the names of ``AS t(a, b)``, where it gives any."""
    names = [c.name.lower() for c in (alias.args.get("columns") or [])] if alias else []
    if not names:
        return columns
    cells = list(columns.values()) if columns and len(columns) == len(names) else [Cell()] * len(names)
    return dict(zip(names, cells, strict=True))


def found_in(scope: Scope, parts: Sequence[str]) -> list[tuple[Relation | None, Cell]]:
    """
    What the dotted name means in this scope alone: nothing, one thing, or several.

    ``a.b`` is column b of the relation a, else field b of the column a.
    """
    qualified = [
        (r, r.columns[parts[1]] if r.columns is not None else Cell())
        for r in scope.relations
        if len(parts) > 1 and r.alias == parts[0] and (r.columns is None or parts[1] in r.columns)
    ]
    if qualified:
        return [*qualified[:1]]
    named = [(r, r.columns[parts[0]]) for r in scope.relations if r.columns is not None and parts[0] in r.columns]
    visible = [(r, cell) for r, cell in named if not r.hidden] or named
    if len(parts) > 1:
        with_fields = [(r, cell) for r, cell in visible if not cell.type or cell.type.startswith(_WITH_FIELDS)]
        visible = [(r, replace(cell, type="")) for r, cell in with_fields]
    if parts[0] in scope.merged:
        visible = visible[:1]
    return [*visible]
