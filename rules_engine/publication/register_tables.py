"""The names of a register's tables."""

from __future__ import annotations

from typing import NamedTuple

from rules_engine.publication.names import table_name


class RegisterTables(NamedTuple):
    """The tables of one register: its rows, the look-up of numbers, and what was set apart."""

    rows: str
    numbers: str
    poison: str


def register_tables(env: str, tenant: str) -> RegisterTables:
    """
    The tables of a tenant's register.

    >>> register_tables("dev", "mutual").numbers
    'dev_mutual_memberships_numbers'
    """
    return RegisterTables(
        *(table_name(env, tenant, "memberships", table) for table in ("register", "numbers", "poison"))
    )
