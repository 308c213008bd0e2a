"""
Gate 1, second half: what every name of a rule means.

Where the meaning is sure, a wrong name is refused with the nearest right one;
where it is not, Spark's own analyser judges later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from rules_engine.errors import did_you_mean
from rules_engine.sql.allow_list import allowed
from rules_engine.sql.gate import cross_joins as joins
from rules_engine.sql.gate.columns import Columns, enumerated
from rules_engine.sql.gate.scopes import Answer, Cell, Relation, Scope, renamed
from rules_engine.sql.gate.syntax import operands, position

_CARRIES = (exp.Max, exp.Min, exp.ArgMax, exp.ArgMin, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
_ARRAYS = (exp.Explode, exp.Posexplode, exp.Inline)


class Names(Columns):
    """Resolves one rule: walks its tree once, query by query."""

    # queries ---------------------------------------------------------------------------------------------------

    def query(self, node: exp.Expr, parent: Scope | None = None, ctes: Mapping[str, Answer] | None = None) -> Answer:
        """What a query gives, having resolved everything in it."""
        ctes = self._with(node, parent, ctes or {})
        match node:
            case exp.Subquery() if isinstance(node.this, exp.Query):
                answer = self.query(node.this, parent, ctes)
                self._order(node, answer, parent, ctes)
                return answer
            case exp.SetOperation():
                return self._set_operation(node, parent, ctes)
            case exp.Select():
                return self._select(node, parent, ctes)
            case exp.Values():
                return self._values(node, Scope(parent, ctes))
        return Answer(None)  # whatever it is, the list of nodes has refused it

    def _with(self, node: exp.Expr, parent: Scope | None, ctes: Mapping[str, Answer]) -> Mapping[str, Answer]:
        written = node.args.get("with_")
        if written is not None and written.args.get("recursive"):
            ctes = {**ctes, **{cte.alias.lower(): Answer(None) for cte in written.expressions}}
        for cte in written.expressions if written is not None else ():
            name = cte.alias.lower()
            if name in self.frames.columns:
                self.refuse("SQL-125", cte.args["alias"], name)
            answer = self.query(cte.this, parent, ctes)
            columns = renamed(_by_name(answer), cte.args["alias"])
            listed = None if columns is None else tuple(columns.items())
            ctes = {**ctes, name: Answer(listed, answer.scans, answer.single)}
        return ctes

    def _set_operation(self, node: exp.SetOperation, parent: Scope | None, ctes: Mapping[str, Answer]) -> Answer:
        terms = operands(node)
        links = [n for n in _left_spine(node) if n is not node and n.args.get("with_")]
        for link in links:
            ctes = self._with(link, parent, ctes)
        answers = [self.query(term, parent, ctes) for term in terms if isinstance(term, exp.Query)]
        widths = {len(a.columns) for a in answers if a.columns is not None}
        if len(widths) > 1:
            parts = f"{min(widths)} columns in one part and {max(widths)} in another"
            self.refuse("SQL-143", node, parts, hint="the same columns")
        answer = Answer(answers[0].columns if answers else None, sum(a.scans for a in answers))
        self._order(node, answer, parent, ctes)
        return answer

    def _order(self, node: exp.Expr, answer: Answer, parent: Scope | None, ctes: Mapping[str, Answer]) -> None:
        if order := node.args.get("order"):
            self.cell(order, Scope(parent, ctes, [Relation("", _by_name(answer))]))

    def _values(self, node: exp.Values, scope: Scope) -> Answer:
        width = max((len(row.expressions) for row in node.expressions if isinstance(row, exp.Tuple)), default=1)
        for row in node.expressions:
            self.cell(row, scope)
        columns = {f"col{n + 1}": Cell() for n in range(width)}
        return Answer(tuple((renamed(columns, node.args.get("alias")) or {}).items()), 1, len(node.expressions) == 1)

    def _select(self, node: exp.Select, parent: Scope | None, ctes: Mapping[str, Answer]) -> Answer:
        scope = Scope(parent, ctes, named=frozenset(item.alias.lower() for item in node.expressions if item.alias))
        if source := node.args.get("from_"):
            self.source(source.this, scope)
        for join in node.args.get("joins") or ():
            self.source(join.this, scope, join)
        for lateral in node.args.get("laterals") or ():
            self._lateral_view(lateral, scope)
        self._conditions(node, scope)
        for clause in _listed(node.args.get("where")):
            self.cell(clause, scope)
        columns = self._outputs(node, scope)
        for key in ("windows", "group", "having", "order"):
            for clause in _listed(node.args.get(key)):
                self.cell(clause, scope)
        self.faults += joins.faults(node, scope, self.owners, position)
        single = not node.args.get("from_") or (not node.args.get("group") and any(map(_aggregates, node.expressions)))
        return Answer(columns, max(scope.scans, 1), single)

    def _conditions(self, node: exp.Expr, scope: Scope) -> None:
        """The ONs of all joins, those inside brackets and of joined joins, too."""
        for join in node.args.get("joins") or ():
            if condition := join.args.get("on"):
                self.cell(condition, scope)

    def _outputs(self, node: exp.Select, scope: Scope) -> tuple[tuple[str, Cell], ...] | None:
        found: list[tuple[str, Cell]] = []
        sure = True
        for at, expression in enumerate(node.expressions):
            if expression.is_star and not isinstance(expression, exp.Count):
                stars = self._star(expression, scope)
                sure = sure and stars is not None
                found += stars or ()
                continue
            cell = self.cell(expression, scope)
            name = expression.output_name.lower() if isinstance(expression, exp.Alias | exp.Column | exp.Dot) else ""
            found.append((name or f"({at})", cell))
            if isinstance(expression, exp.Alias):
                scope.aliases[name] = cell
        return tuple(found) if sure else None

    def _star(self, node: exp.Expr, scope: Scope) -> list[tuple[str, Cell]] | None:
        qualifier = node.args["table"].name.lower() if isinstance(node, exp.Column) and node.args.get("table") else ""
        relations = [r for r in scope.relations if (not qualifier or r.alias == qualifier) and not r.hidden]
        if qualifier and not relations:
            self.refuse("SQL-123", node, qualifier, hint=did_you_mean(qualifier, [r.alias for r in scope.relations]))
        if any(r.columns is None for r in relations) or (not qualifier and scope.merged):
            return None
        for relation in relations:
            for cell in (relation.columns or {}).values():
                self.use(cell)
        return [item for relation in relations for item in (relation.columns or {}).items()]

    # relations -------------------------------------------------------------------------------------------------

    def source(self, node: exp.Expr, scope: Scope, join: exp.Join | None = None) -> None:
        """Add what stands in a FROM or JOIN, and what is joined to it inside brackets."""
        hidden = join is not None and join.kind in {"SEMI", "ANTI"}
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
            self._bracketed(node, scope)
        else:
            relation = self._relation(node, scope, hidden)
            scope.relations.append(relation)
        if join is not None:
            joins.merge(join, scope)
        for inner in node.args.get("joins") or ():
            self.source(inner.this, scope, inner)
        self._conditions(node, scope)

    def _bracketed(self, node: exp.Subquery, scope: Scope) -> None:
        if not node.alias:
            self.source(node.this, scope)
            return
        inner = Scope(scope.parent, scope.ctes)
        self.source(node.this, inner)
        columns = {n: c for r in inner.relations for n, c in (r.columns or {}).items()} if inner.known() else None
        scope.scans += inner.scans
        scope.relations.append(Relation(node.alias.lower(), columns))

    def _relation(self, node: exp.Expr, scope: Scope, hidden: bool) -> Relation:
        alias = node.args.get("alias")
        name = node.alias.lower()
        match node:
            case exp.Table():
                answer = self._table(node, scope)
                name = name or node.name.lower()
            case exp.Values():
                answer = self._values(node, Scope(scope.parent, scope.ctes))
            case exp.Query():
                answer = self.query(node, scope.parent, scope.ctes)
            case _:
                self.unchecked(node)
                answer = Answer(None)
        scope.scans += answer.scans
        return Relation(name, renamed(_by_name(answer), alias), answer.single, hidden)

    def _table(self, node: exp.Table, scope: Scope) -> Answer:
        self.visited.add(id(node))
        name = node.name.lower()
        if not isinstance(node.this, exp.Identifier):
            self.refuse("SQL-103", node, f"a table function ('{node.name}')", hint="Read a declared frame.")
        elif node.args.get("db") or node.args.get("catalog"):
            self.refuse("SQL-121", node, ".".join(part.name for part in node.parts))
        elif name in scope.ctes:
            return scope.ctes[name]
        elif name in self.frames.columns:
            self.used.setdefault(self.frames.spelled[name], set())
            return Answer(tuple(self.frames.columns[name].items()))
        else:
            known = [*self.frames.spelled.values(), *scope.ctes]
            hint = did_you_mean(name, known)
            self.refuse("SQL-120", node, node.name, hint=f"{hint} " if hint else "", known=enumerated(known))
        return Answer(None)

    def _lateral_view(self, node: exp.Lateral, scope: Scope) -> None:
        alias, call = node.args.get("alias"), node.this
        names = [c.name.lower() for c in (alias.args.get("columns") or [])] if alias else []
        column = call.this if isinstance(call, _ARRAYS) or type(call).__name__ == "_ExplodeOuter" else None
        if isinstance(call, exp.Anonymous) and call.name.lower() in {"inline_outer"} and len(call.expressions) == 1:
            column = call.expressions[0]
        cell = self.cell(column, scope) if isinstance(column, exp.Column) else None
        if cell is None or (cell.type and not cell.type.startswith(("array", "map"))):
            self.refuse("SQL-132", node, f"; '{call.sql('spark')[:60]}' is none")
        elif sum(isinstance(n, exp.Lateral) for n in _siblings(node)) > (limit := allowed().limits.lateral_views):
            self.refuse("SQL-132", node, f", at most {limit} in a query")
        given = dict.fromkeys(names, Cell()) if names else None
        scope.relations.append(Relation(alias.name.lower() if alias else "", given, single=True))

    # expressions -----------------------------------------------------------------------------------------------

    def cell(self, node: exp.Expr, scope: Scope) -> Cell:
        """The value of an expression, having resolved every name in it."""
        match node:
            case exp.Column() if not node.is_star:
                return self.column(node, scope)
            case exp.Query():
                return self._sub_query(node, scope)
            case exp.Lambda():
                names = frozenset(variable.name.lower() for variable in node.expressions)
                inner = Scope(scope, scope.ctes, variables=names)
                cell = self.cell(node.this, inner)
                scope.outer += [c for c in inner.outer if not any(self.owners.get(id(c)) is r for r in scope.relations)]
                scope.scans += inner.scans
                return cell
            case exp.Alias() | exp.Paren():
                return self.cell(node.this, scope)
        parts = [self.cell(child, scope).terms for child in operands(node)]
        if isinstance(node, exp.Predicate) and isinstance(node, exp.Binary):
            self.itself(node)
        if isinstance(node, exp.Predicate) and scope.parent is not None:
            self.captured(node, scope)
        return Cell(self._terms(node, parts))

    def _terms(self, node: exp.Expr, parts: Sequence[int]) -> int:
        total = 1 + sum(parts)
        if isinstance(node, exp.Replace):
            total *= _growth(node)
        if isinstance(node, exp.AggFunc | exp.Window) and not isinstance(node, (*_CARRIES, exp.Window)):
            return 1
        if total > (limit := allowed().limits.terms):
            self.refuse("SQL-134", node, "", found=total, limit=limit)
        return min(total, 10**9)

    def _sub_query(self, node: exp.Query, scope: Scope) -> Cell:
        answer = self.query(node, scope, scope.ctes)
        scope.scans += answer.scans
        self.untied(node, scope)
        return Cell()


def _listed(clause: exp.Expr | list[exp.Expr] | None) -> list[exp.Expr]:
    return clause if isinstance(clause, list) else [clause] if clause is not None else []


def _by_name(answer: Answer) -> Mapping[str, Cell] | None:
    return None if answer.columns is None else dict(answer.columns)


def _siblings(node: exp.Expr) -> list[exp.Expr]:
    return list(node.parent.iter_expressions()) if node.parent else []


def _left_spine(node: exp.SetOperation) -> list[exp.Expr]:
    spine: list[exp.Expr] = [node]
    while isinstance(spine[-1], exp.SetOperation):
        spine.append(spine[-1].this)
    return spine[:-1]


def _aggregates(node: exp.Expr) -> bool:
    """Whether an expression of a SELECT makes it one row: an aggregate that is not a window."""
    if isinstance(node, exp.Query | exp.Window):
        return False
    return isinstance(node, exp.AggFunc) or any(_aggregates(child) for child in node.iter_expressions())


def _growth(node: exp.Replace) -> int:
    """How many times longer a text gets at most when it is replaced in."""
    new, old = node.args.get("replacement"), node.args.get("expression")
    if new is None:
        return 1
    if isinstance(new, exp.Literal) and isinstance(old, exp.Literal):
        return max(1, -(-len(new.name) // max(1, len(old.name))))
    return 100
