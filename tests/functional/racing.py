"""Two logins that do the same at the same moment: what each of them is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg2

from tests.functional.conftest import runner
from tests.functional.governed import Office


class Racers:
    """Logins that stay connected, so that two of them can begin a statement at the same moment."""

    def __init__(self, office: Office) -> None:
        self._held = {login: office.connection(login) for login in ("ann", "dan", "bob", "cy")}
        self._pool = ThreadPoolExecutor(2)
        for connection in self._held.values():
            connection.autocommit = True

    def __call__(self, login: str, statement: str, *values: object) -> list[tuple[object, ...]]:
        return runner(self._held[login])(statement, *values)

    def told(self, *who: tuple[str, str]) -> list[str]:
        """Run a statement of each at once; what each is told, '' for success."""
        return list(self._pool.map(self._told, who))

    def _told(self, who: tuple[str, str]) -> str:
        try:
            self(*who)
        except psycopg2.Error as refused:
            return refused.diag.message_primary or str(refused)
        return ""

    def one_wins(self, says: str, *who: tuple[str, str]) -> None:
        told = self.told(*who)
        assert sorted(map(bool, told)) == [False, True], told
        assert says in "".join(told)

    def close(self) -> None:
        self._pool.shutdown()
        for connection in self._held.values():
            connection.close()


def one_round(race: Racers, number: int) -> None:
    """A rule drafted, days taken, a draft edited while it is approved, approved and published: each by two at once."""
    for login in ("ann", "dan"):
        race(login, "SET rules.change = ''")
    draft = f"UPDATE rules.rule SET weight = weight + 1, reason_text = '{number}' WHERE rule_key = 'BOND-001'"
    race.one_wins("being changed in change", ("ann", draft), ("dan", draft))
    ((change, author),) = race("bob", "SELECT DISTINCT change_id, author FROM rules.draft")
    assert isinstance(author, str)
    race.one_wins("overlaps the one of another draft", *overlapping(number, change))
    race(author, "SELECT rules.submit(%s, 'a race')", change)
    check = "SELECT rules.record_check(%s, rules.content_hash(%s), true, 'read', '4.1.1')"
    for login in ("bob", "cy"):
        race(login, check, change, change)
    edit = f"UPDATE rules.draft SET name = '{number}' WHERE change_id = {change} AND rule_key = 'BOND-001'"
    told = race.told(("bob", f"SELECT rules.approve({change})"), (author, edit))
    assert told[1] == ""
    assert told[0] == "" or "not handed in or edited since" in told[0]
    assert race("bob", "SELECT state FROM rules.change WHERE id = %s", change) == [("draft",)]
    race(author, "SELECT rules.submit(%s)", change)
    race("bob", check, change, change)
    for says, move in (("it is approved already", "approve"), ("is published, once", "schedule")):
        statement = f"SELECT rules.{move}({change})"
        race.one_wins(says, ("bob", statement), ("cy", statement))


def overlapping(number: int, change: object) -> list[tuple[str, str]]:
    """Two authors of one change, who give a new rule days that overlap."""
    new = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES"
    row = f"('N-{number}', 'inclusion', 'GOLD', 1, 'f', 'true', "
    said = f"SELECT rules.work_on({change}); {new} {row}"
    return [("ann", f"{said} '2024-01-01')"), ("dan", f"{said} '2024-06-01')")]
