"""Nobody runs his own code with the rights of somebody else, and nobody's names are looked up for another (R-REPO-6)."""

from __future__ import annotations

import pytest

from tests.security.attackers import ACME, BOTH, LOGINS, SECRET, Siege
from tests.security.own_objects import EVIL, betrayed, calls, disguises, hooks, looks, types


@pytest.mark.parametrize("login", LOGINS)
def test_no_function_serves_on_a_table_of_ones_own(siege: Siege, login: str) -> None:
    """R1: the functions of the schema's triggers, hung on temporary tables and views that look like the schema's own."""
    before = siege.state(), siege.power()
    with siege.granted(login, "objects"):
        for statements in hooks(siege):
            seen = siege.strike(login, *EVIL, *statements)
            assert not betrayed(seen, login), f"{statements}: {seen}"
    assert (siege.state(), siege.power()) == before


@pytest.mark.parametrize("login", LOGINS)
def test_names_of_ones_own_are_asked_by_nobody_else(siege: Siege, login: str) -> None:
    """R1, R6, R7: functions, operators, aggregates, casts and tables of one's own, named like those that the schema asks."""
    before = siege.state("acme"), siege.power()
    with siege.granted(login, "objects"):
        path = f"GRANT USAGE ON SCHEMA own_{login} TO PUBLIC; SET search_path = own_{login}, pg_temp, pg_catalog"
        tries = *calls(siege, login), *looks(siege)
        seen = siege.strike(
            login, *EVIL, *disguises(siege, f"own_{login}"), path, *tries, *types(f"own_{login}"), *tries
        )
        assert not betrayed(seen, login), seen
        assert SECRET not in seen or login in (*ACME, *BOTH)
    assert siege.power() == before[1]
    assert siege.state("acme") == before[0] or login in (*ACME, *BOTH)


@pytest.mark.parametrize("victim", ["bob", "cy", "olga", "adam", "postgres"])
def test_looking_runs_nothing_of_whoever_owns_the_path(siege: Siege, victim: str) -> None:
    """R6: with an analyst's schema first in his path somebody reads every view and table, and runs nothing of the analyst's."""
    before = siege.state(), siege.power()
    with siege.granted("ann", "objects"):
        made = siege.strike("ann", *EVIL, *disguises(siege, "own_ann"))
        assert "refused: 42501" not in made, made
        siege("ann", "GRANT USAGE ON SCHEMA own_ann TO PUBLIC")
        tenant = "SET rules.tenant = 'main'"
        for more in (), types("own_ann"):
            siege.strike("ann", *more)
            seen = siege.strike(victim, tenant, "SET search_path = own_ann, pg_catalog, public", *looks(siege))
            assert "ran as" not in seen, seen
    assert (siege.state(), siege.power()) == before


def test_ones_own_code_is_seen_where_it_runs(siege: Siege) -> None:
    """The proof that these tests can fail: the same objects do run where a statement names them."""
    with siege.granted("ann", "objects"):
        made = siege.strike("ann", *EVIL, *disguises(siege, "own_ann"))
        siege("ann", "GRANT USAGE ON SCHEMA own_ann TO PUBLIC")
        path = "SET search_path = own_ann, pg_catalog"
        seen = siege.strike("bob", path, "SELECT array_agg(title) FROM rules.change", "SELECT 'a'::text = 'b'::text")
        assert betrayed(seen, "ann"), made
        assert seen.count("ran as bob") >= 2, (made, seen)
