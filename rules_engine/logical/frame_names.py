"""WITH queries of the name of a frame, which hide it from there on: under names of their own."""

from __future__ import annotations

from collections.abc import Set

from sqlglot import exp

from rules_engine.logical.query_tree import NotUnderstoodError


def without_hidden_frames(root: exp.Query, frames: Set[str]) -> None:
    """
    Change the tree, so that each name of a frame, in small letters, means the frame.

    Raises:
        NotUnderstoodError: If two WITH queries have the name of one frame.
    """
    hiding = [each for each in root.find_all(exp.CTE) if each.alias.lower() in frames]
    if len({each.alias.lower() for each in hiding}) < len(hiding):
        raise NotUnderstoodError("two WITH queries of the name of a frame")
    for number, each in enumerate(hiding):
        name, own = each.alias.lower(), f"hiding_{number}_"
        for table in [*_seen_from(each)]:
            if table.name.lower() == name and not table.db:
                if not table.args.get("alias"):
                    table.set("alias", exp.TableAlias(this=table.this.copy()))
                table.set("this", exp.to_identifier(own))
        each.args["alias"].set("this", exp.to_identifier(own))


def _seen_from(cte: exp.CTE) -> list[exp.Table]:
    """The relations after a WITH query that could be it: of those that follow it, and of the query that they serve."""
    clause = cte.parent
    assert isinstance(clause, exp.With)
    assert clause.parent is not None
    after = clause.expressions[[each is cte for each in clause.expressions].index(True) + 1 :]
    of_query = [node for node in clause.parent.iter_expressions() if node is not clause]
    return [table for node in (*after, *of_query) for table in node.find_all(exp.Table)]
