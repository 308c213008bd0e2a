"""The tables against the audit: every row is what the newest entry of it says, and no other row is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from rules_repo.audit_chain import STREAMED, parsed
from rules_repo.audit_clocks import same_row
from rules_repo.audit_faults import RESTORE, Findings
from rules_repo.audit_replay import Key, digest
from rules_repo.audit_tables import Watched

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection

_SHAPES = """
    SELECT c.relname, c.relkind::text, a.attname, format_type(a.atttypid, NULL), a.attgenerated::text
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname = 'rules' AND c.relname = ANY (%s::text[])
"""


def shapes(connection: Bare, tables: Iterable[Watched]) -> dict[str, str]:
    """
    By name, what is wrong with a table itself; it is asked for no row before that.

    A view, or a column of another type, would run whatever its owner wrote, with the rights of who verifies.
    """
    wanted = {table.name: table for table in tables}
    found: dict[str, dict[str, str]] = defaultdict(dict)
    faults: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SHAPES, (list(wanted),))
        for name, kind, column, type_, generated in cursor:
            found[name][column] = type_
            if kind != "r" or generated:
                faults[name] = "it is no plain table any more."
    for name, table in wanted.items():
        if name not in found:
            faults[name] = "it is not there."
        elif name not in faults and (odd := sorted(found[name].items() ^ table.columns.items())):
            faults[name] = f"it has not the columns that the migrations make ({', '.join(f'{c} {t}' for c, t in odd)})."
    return faults


def compare(
    connection: Bare,
    tables: Iterable[Watched],
    rows: dict[Key, tuple[bytes, int]],
    stored: Callable[[int], Mapping[str, Any] | None],
    findings: Findings,
) -> None:
    """Find rows that are not what the audit says; those that were found are taken out of ``rows``."""
    for table in tables:
        with connection.cursor("rows") as cursor:
            cursor.itersize = STREAMED
            cursor.execute(_query(table))
            for key, content in cursor:
                said = rows.pop((table.name, key), None)
                which = f"rules.{table.name} {key}"
                if said is None:
                    findings.add(
                        which.split(maxsplit=1)[0],
                        which,
                        "the audit does not know it: it was written past the triggers.",
                    )
                elif said[0] != digest(content) and not same_row(stored(said[1]) or {}, parsed(content)):
                    what = f"it is not what the audit says of it (entry {said[1]}): it was altered."
                    findings.add(which.split(maxsplit=1)[0], which, what, RESTORE)
    for (relation, key), (_, position) in rows.items():
        what = f"it is gone, and the audit knows of no removal (entry {position})."
        findings.add(f"rules.{relation}", f"rules.{relation} {key}", what, RESTORE)


def judge_clock(connection: Bare, last: str, newest: str, findings: Findings) -> None:
    """Find a newest commit that the audit does not know, and a moment after it, which the next one would be after."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.transaction::text, s.moment <= %s FROM ONLY rules.settling AS s", (last or "-infinity",)
        )
        given = cursor.fetchall()
    if len(given) == 1 and given[0][0] != newest:
        what = f"the newest commit is transaction {given[0][0]}, and the chain ends with {newest}: it was cut."
        findings.add("rules.settling", "rules.settling", what)
    elif len(given) != 1 or not given[0][1]:
        findings.add(
            "rules.settling", "rules.settling", "it does not hold one moment, before that of the newest entry."
        )


def _query(table: Watched) -> sql.Composed:
    def pairs(names: Iterable[str]) -> sql.Composed:
        each = (sql.SQL("{}, t.{}").format(sql.Literal(name), sql.Identifier(name)) for name in names)
        return sql.SQL("jsonb_build_object({})::text").format(sql.SQL(", ").join(each))

    return sql.SQL("SELECT {}, {} FROM ONLY rules.{} AS t").format(
        pairs(table.key), pairs(table.columns), sql.Identifier(table.name)
    )
