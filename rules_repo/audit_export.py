"""The audit's entries as texts, to be proved where there is no database."""

from __future__ import annotations

from typing import Any

from rules_engine.errors import Fault, RunRefused
from rules_repo.audit import PINNED
from rules_repo.audit_chain import SAID
from rules_repo.connection import bare

_WHOLE = f"SELECT {SAID}, false FROM rules.audit_entry AS e ORDER BY e.position"
_OWN = """SELECT position::text, at, login, transaction, tenant, relation, operation, row_key, before, after, reason,
    previous, hash, withheld FROM rules.audit_chain(0) AS e ORDER BY e.position"""


def entries(url: str) -> list[list[Any]]:
    """
    Every entry in order: the texts that its hash is made of, its hash, and whether its content is withheld.

    Raises:
        RunRefused: If the login may not read the audit, or there is none.
    """
    with bare(url) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            for name, value in PINNED.items():
                cursor.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
            cursor.execute("SELECT has_table_privilege('rules.audit_entry', 'SELECT')")
            if not (cursor.fetchone() or (False,))[0]:
                what = "your login may not read it."
                raise RunRefused(Fault("The audit", what, "Ask as somebody with the role rules_auditor."))
            cursor.execute("SELECT NOT row_security_active('rules.audit_entry')")
            whole = (cursor.fetchone() or (False,))[0]
            cursor.execute(_WHOLE if whole else _OWN)
            return [list(row) for row in cursor.fetchall()]
