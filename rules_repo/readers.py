"""Whether whoever asks holds the role that he says he reads in: the database is asked, which knows its logins."""

from __future__ import annotations

from sqlalchemy import text

from rules_engine.errors import Fault, RunRefused
from rules_repo.connection import connected, snapshot


def login_in(url: str, role: str) -> str:
    """
    The login of a connection, which holds a role of the rules (``auditor``).

    Raises:
        RunRefused: If it does not.
    """
    asked = "SELECT session_user::text, pg_has_role(session_user, :role, 'MEMBER')"
    with snapshot(connected(url)) as connection:
        login, holds = connection.execute(text(asked), {"role": f"rules_{role}"}).one()
    if holds:
        return str(login)
    what = f"it says '{role}', and the login {login} does not hold rules_{role}."
    remedy = f"Leave it out to see sensitive values masked, or ask an administrator: GRANT rules_{role} TO {login}."
    raise RunRefused(Fault("RULES_READER", what, remedy))
