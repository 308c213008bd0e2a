"""What every register promises (R-HIST-7): one suite for PostgreSQL, DynamoDB Local and memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations

import pytest

from rules_engine.errors import RunRefused
from rules_engine.model.decisions import Event
from rules_engine.model.history import HistoryRecord, Subject, Unreadable
from rules_engine.model.register import Row, number_of
from rules_engine.ports import Register
from rules_engine.publication.dynamodb import connect
from rules_engine.publication.dynamodb_register import DynamoDBRegister
from rules_engine.publication.postgres import PostgresHistory
from rules_engine.publication.postgres_register import PostgresRegister
from rules_engine.publication.records import SubjectType
from rules_engine.publication.register_tables import register_tables
from tests.contract.conftest import new_table
from tests.contract.history_records import granted, never, revoked
from tests.in_memory_register import InMemoryRegister

Make = Callable[..., Register]


@pytest.fixture(params=["postgres", "dynamodb", "memory"])
def make_register(request: pytest.FixtureRequest) -> Make:
    """Every register in turn, empty."""

    def make(subject_type: SubjectType = "bigint") -> Register:
        register: Register = InMemoryRegister()
        tables = register_tables("test", uuid.uuid4().hex[:12])
        if request.param == "postgres":
            url = request.getfixturevalue("postgres_url")
            PostgresHistory(url, new_table(), subject_type).create()
            register = PostgresRegister(url, tables, subject_type)
        elif request.param == "dynamodb":
            client = connect(request.getfixturevalue("dynamodb_url"), None)
            register = DynamoDBRegister(tables, client, subject_type)
        register.create()
        return register

    return make


def row(record: HistoryRecord, number: str) -> Row:
    told = (record.granted, record.event.value, record.first_granted, record.as_of, record.sort_key, record.run_id)
    return Row(record.subject, record.membership_type, *told, number)


def pages(register: Register, key: str, limit: int = 2) -> Iterator[Subject]:
    """Every member, a page at a time."""
    after: Subject | None = None
    while page := register.members(key, after, limit):
        assert len(page) <= limit
        yield from (each.subject for each in page)
        after = page[-1].subject


def test_an_empty_register_answers(make_register: Make) -> None:
    """Nobody has a number, nobody is a member, and it says that it was never built; making it again changes nothing."""
    register = make_register()
    register.create()
    assert (register.number(1), register.member("NONE"), register.rows([1]), [*register.every()]) == (None, (), (), [])
    assert (register.members("GOLD", None, 9), register.apart(), register.through()) == ((), 0, None)
    assert register.apply([]) == 0


def test_a_grant_makes_a_row_under_a_number(make_register: Make) -> None:
    """One row a type, told by the record, found by subject and by number."""
    register = make_register()
    assert register.apply([granted(1), granted(1, "PLUS"), granted(2)]) == 3
    number = register.number(1)
    assert number == number_of(1)
    assert register.member(number) == (row(granted(1), number), row(granted(1, "PLUS"), number))
    assert sorted(register.rows([1, 2, 3]), key=lambda r: (r.subject, r.membership_type)) == sorted(
        register.every(), key=lambda r: (str(r.subject), r.membership_type)
    )
    assert {r.subject for r in register.every()} == {1, 2}


def test_a_number_is_kept_on_revocation_and_reinstatement(make_register: Make) -> None:
    """The revoked row stays, with its first grant; the number is the same afterwards."""
    register = make_register()
    back = replace(granted(1, day=5, run_id="run-3"), event=Event.REINSTATED, first_granted=granted(1).first_granted)
    for record, members in ((granted(1), [1]), (revoked(1), []), (back, [1])):
        assert register.apply([record]) == 1
        assert register.rows([1]) == (row(record, number_of(1)),)
        assert [r.subject for r in register.members("GOLD", None, 9)] == members
    assert register.rows([1])[0].since == granted(1).first_granted


def test_any_order_and_any_repetition_come_to_the_same(make_register: Make) -> None:
    """Each order of four records, one by one and all at once, each twice (only a newer record changes a row)."""
    one_by_one, at_once = make_register(), make_register()
    for subject, order in enumerate(permutations(range(4))):
        records = [make(subject, key) for key in ("GOLD", "PLUS") for make in (granted, revoked)]
        given = [records[place] for place in (*order, *order)]
        for record in given:
            one_by_one.apply([record])
        at_once.apply(given)
    expected = {row(revoked(s, key), number_of(s)) for s in range(24) for key in ("GOLD", "PLUS")}
    assert {*one_by_one.every()} == {*at_once.every()} == expected


def test_what_is_no_newer_changes_nothing_and_says_so(make_register: Make) -> None:
    """The count is of rows that changed."""
    register = make_register()
    assert [register.apply([r]) for r in (revoked(1), granted(1), revoked(1), granted(1))] == [1, 0, 0, 0]


def test_a_correction_is_ignored(make_register: Make) -> None:
    """It answers for its day and changes no register (R-RUN-2)."""
    register = make_register()
    register.apply([granted(1), replace(revoked(1, day=9), correction=True)])
    register.apply([replace(granted(2), correction=True)])
    assert [*register.every()] == [row(granted(1), number_of(1))]
    assert register.number(2) is None


def test_whoever_was_never_granted_has_no_row_and_no_number(make_register: Make) -> None:
    """A pair that is merely decided is not in the register."""
    register = make_register()
    assert register.apply([never(1), never(2)]) == 0
    assert ([*register.every()], register.number(1)) == ([], None)


def test_a_record_that_forgot_a_grant_revokes_it(make_register: Make) -> None:
    """Runs that overlapped wrote such: the newest record counts, the first grant is known, and none is made of it."""
    register = make_register()
    register.apply([granted(1), granted(2, "PLUS")])
    forgot = never(1, day=4, run_id="run-2")
    assert register.apply([forgot, never(2, day=4), never(3, day=4)]) == 1
    assert register.rows([1]) == (replace(row(forgot, number_of(1)), since=granted(1).first_granted),)
    assert [r.membership_type for r in register.rows([2, 3])] == ["PLUS"]


def test_subjects_may_be_texts(make_register: Make) -> None:
    """A key is a text where the lake has texts, and one that looks like a number is another subject than the number."""
    register = make_register("string")
    register.apply([granted("é/1"), granted("7")])
    assert (register.number("7"), number_of("7") != number_of(7)) == (number_of("7"), True)
    assert sorted(pages(register, "GOLD")) == ["7", "é/1"]


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_members_come_a_page_at_a_time(make_register: Make, limit: int) -> None:
    """Each once, whatever the size of the page; the revoked ones are none."""
    register = make_register()
    register.apply([granted(subject) for subject in range(1, 41)])
    register.apply([revoked(subject) for subject in range(1, 41, 3)])
    found = list(pages(register, "GOLD", limit))
    assert sorted(found) == [subject for subject in range(1, 41) if subject % 3 != 1]
    assert len(found) == len(set(found))
    assert [*pages(register, "SILVER")] == []


def test_two_that_are_offered_one_number_get_two(make_register: Make) -> None:
    """Whoever comes second is offered another; who has which stays."""
    register = make_register()
    register.adopt({99: number_of(1)})
    register.apply([granted(1), granted(99)])
    assert (register.number(99), register.number(1)) == (number_of(1), number_of(1, attempt=1))
    assert {r.subject: r.number for r in register.every()} == {99: number_of(1), 1: number_of(1, attempt=1)}


def test_the_masters_numbers_are_taken(make_register: Make) -> None:
    """Before a first grant a number from the master counts; taking it again changes nothing."""
    register = make_register()
    assert (register.adopt({1: "M-0001", 2: "M-0002"}), register.adopt({1: "M-0001"})) == (2, 0)
    register.apply([granted(1), granted(3)])
    assert [r.number for r in register.rows([1])] == ["M-0001"]
    assert register.number(3) == number_of(3)


@pytest.mark.parametrize("mapping", [{1: "M-0002"}, {5: "M-0001"}], ids=["another number", "another's number"])
def test_nobodys_number_changes(make_register: Make, mapping: dict[Subject, str]) -> None:
    """A master that says otherwise is refused in words."""
    register = make_register()
    register.adopt({1: "M-0001"})
    with pytest.raises(RunRefused, match="is not its"):
        register.adopt(mapping)
    assert (register.number(1), register.number(5)) == ("M-0001", None)


@pytest.mark.parametrize("number", ["", "#through", " ", "a" * 101])
def test_what_is_no_number_is_refused(make_register: Make, number: str) -> None:
    """Nothing of a master's list is taken that a register could mistake for something of its own."""
    with pytest.raises(RunRefused, match="is no membership number"):
        make_register().adopt({1: number})


def test_two_writers_of_one_subject_issue_one_number(make_register: Make) -> None:
    """However their calls interleave; all rows are there afterwards."""
    register = make_register()
    halves = [[granted(s, key) for s in range(1, 31)] for key in ("GOLD", "PLUS")]
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(register.apply, halves)) == 60
    assert {r.subject: r.number for r in register.every()} == {s: number_of(s) for s in range(1, 31)}
    assert len([*register.every()]) == 60


def test_a_row_is_removed_only_as_it_was_seen(make_register: Make) -> None:
    """Whoever mends a register does not undo what came in meanwhile."""
    register = make_register()
    register.apply([granted(1)])
    (seen,) = register.every()
    register.apply([revoked(1)])
    register.remove(seen)
    (now,) = register.every()
    assert now.granted is False
    register.remove(now)
    assert [*register.every()] == []
    assert register.number(1) == number_of(1)


def test_what_cannot_be_applied_is_kept_once(make_register: Make) -> None:
    """The same sequence number again is the same poison."""
    register = make_register()
    for sequence in ("100", "100", "200"):
        register.set_apart(sequence, Unreadable("Record (1, x)", "it does not read"), '{"a": "\\u0000"}')
    assert register.apart() == 2


def test_how_far_it_is_whole_never_goes_back(make_register: Make) -> None:
    """Two that follow keep the greater number."""
    register = make_register()
    for number, kept in ((0, 0), (4, 4), (2, 4), (5, 5)):
        register.keep_through(number)
        assert register.through() == kept
    assert [*register.every()] == []
