"""What every history promises (R-HIST-1, R-HIST-2, R-HIST-4, R-HIST-8): one suite, every adapter."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import groupby
from threading import Barrier

import pytest

from rules_engine.errors import HistoryCollision, RunRefused
from rules_engine.model import journeys
from rules_engine.model.canonical import canonical_json
from rules_engine.model.decisions import Event, Hit, Reason
from rules_engine.model.history import HistoryRecord, Subject, record_from
from rules_engine.model.rules import Kind
from rules_engine.ports import History, Inserted
from rules_engine.publication.records import SubjectType
from tests.contract.conftest import MakeHistory
from tests.contract.history_records import BOND, POLICY, TYPES, granted, merged, never, published, revoked, run_of
from tests.spec.table import cases


def test_what_was_inserted_is_read_back_equal(make_history: MakeHistory) -> None:
    """A record comes back as it was given: hits, sums, dates, a first grant that never was (R-HIST-4)."""
    history = make_history()
    given = [granted(1), never(1, "SILVER"), revoked(1, "PLUS", day=3)]
    assert history.insert(given) == Inserted(3, 0)
    assert sorted(history.journey(1), key=lambda r: r.sort_key) == sorted(given, key=lambda r: r.sort_key)
    assert [record_from(r.content()) for r in history.journey(1)] == list(history.journey(1))


@pytest.mark.parametrize(("subject_type", "survivor"), [("bigint", 7), ("string", "c\\N\t'7'")])
def test_who_was_merged_into_whom_is_read_back(
    make_history: MakeHistory, subject_type: SubjectType, survivor: Subject
) -> None:
    """The surviving subject, as a key of the history's type; in the journey and where records are read one by one."""
    history, subject = make_history(subject_type), 1 if subject_type == "bigint" else "1"
    given = [granted(subject), merged(subject, survivor)]
    history.insert(given)
    assert history.journey(subject) == tuple(given)
    assert list(history.records("run-2")) == given[1:]
    assert [(r.subject, r.merged_into) for r in journeys.merges(subject, history.journey)] == [(subject, survivor)]
    assert list(history.members("GOLD")) == []


def test_a_survivor_of_another_type_is_refused(make_stored: MakeHistory) -> None:
    """Nothing is written: it would be a key that no subject has."""
    history = make_stored("bigint")
    with pytest.raises(RunRefused, match="64 bits"):
        history.insert([merged(1, "seven")])
    assert history.journey(1) == ()


def test_an_empty_insert_is_none(make_history: MakeHistory) -> None:
    """No records are no writes and no error; nothing is there to be read."""
    history = make_history()
    assert history.insert([]) == Inserted(0, 0)
    assert (history.journey(1), history.count("run-1"), list(history.members("GOLD"))) == ((), 0, [])


def test_inserting_again_changes_nothing(make_history: MakeHistory) -> None:
    """The same records again are already there, and stand once (R-HIST-2)."""
    history = make_history()
    assert history.insert(run_of(60)) == Inserted(60, 0)
    assert history.insert(run_of(60)) == Inserted(0, 60)
    assert (history.count("run-1"), history.journey(7)) == (60, (run_of(60)[6],))


def test_a_part_of_a_run_is_completed(make_history: MakeHistory) -> None:
    """After a part was inserted, the whole run inserts what is missing."""
    history = make_history()
    history.insert(run_of(60)[20:50])
    assert history.insert(run_of(60)) == Inserted(30, 30)
    assert history.count("run-1") == 60


def test_what_is_told_on_the_way_adds_up_to_all(make_history: MakeHistory) -> None:
    """Lot by lot, of records that are new and of those that were there: whoever watches is told of each once."""
    history, told = make_history(), list[int]()
    history.insert(run_of(60)[20:50])
    history.insert(run_of(60), told.append)
    assert (sum(told), len(told) > 0) == (60, True)


def test_a_collision_names_both_records(make_history: MakeHistory) -> None:
    """A key taken by other content is refused; the message names the key and both runs, and the old record stays."""
    history = make_history()
    history.insert([granted(7)])
    with pytest.raises(HistoryCollision) as refused:
        history.insert([replace(granted(7), run_id="run-9", inclusion_sum=70)])
    for words in ("7", "2024-06-03T20:15:00.120000Z#GOLD", "run-1", "run-9"):
        assert words in str(refused.value)
    assert history.journey(7) == (granted(7),)


OTHER_CONTENT = {
    "granted": False,
    "event": Event.RETAINED,
    "reason": Reason.OVERRIDE,
    "inclusion_sum": 70,
    "exclusion_sum": 1,
    "hits": (BOND,),
    "first_granted": None,
    "rule_set_digest": "other",
    "snapshots": {"customers": "other"},
    "as_of": date(2024, 6, 2),
    "run_id": "run-9",
    "engine_version": "0.2.0",
    "policy": replace(POLICY, margin=2),
    "correction": True,
    "merged_into": 7,
}


@pytest.mark.parametrize("field", OTHER_CONTENT)
def test_a_record_that_differs_anywhere_collides(stored: History, field: str) -> None:
    """Every part of a record but its key is content; the message says which part differs, and how."""
    held = granted(1)
    stored.insert([held])
    other = replace(held, **{field: OTHER_CONTENT[field]})
    was, now = (canonical_json(record.content()[field]) for record in (held, other))
    with pytest.raises(HistoryCollision, match=re.escape(f"other content: {field} {was} against {now}.")):
        stored.insert([other])


def test_every_part_of_a_record_is_key_or_content() -> None:
    """The test above forgets none: a field added to the record must be compared too."""
    assert {*OTHER_CONTENT, "subject", "created_at", "membership_type", "format"} == set(granted(1).content())


def test_a_record_of_the_first_form_is_read(make_history: MakeHistory) -> None:
    """What was written before there were policies comes back as it was, and collides with what says more (R-HIST-4)."""
    history = make_history()
    old = replace(granted(1), policy=None, hits=(Hit("BOND-001", 1, Kind.INCLUSION, 20),))
    history.insert([old])
    assert (history.journey(1), history.journey(1)[0].format) == ((old,), 1)


def test_a_correction_is_nobodys_newest_record(make_history: MakeHistory) -> None:
    """It is in the journey, and members are those by the records that are none (R-RUN-2)."""
    history = make_history()
    correction = replace(revoked(1, day=5), correction=True)
    history.insert([granted(1), correction])
    assert history.journey(1) == (granted(1), correction)
    assert list(history.members("GOLD")) == [1]


def test_every_record_is_read_subject_by_subject(make_history: MakeHistory) -> None:
    """A subject's records come together and the oldest first, those of a run alone where one is named (R-HIST-7)."""
    history = make_history()
    history.insert([*run_of(30), *(revoked(s, TYPES[s % 3]) for s in range(1, 31, 2))])
    found = [(r.subject, r.sort_key) for r in history.records() if isinstance(r, HistoryRecord)]
    by_subject = [subject for subject, _ in groupby(found, key=lambda each: each[0])]
    assert (len(found), sorted(by_subject)) == (45, list(range(1, 31)))
    assert all(own == sorted(own) for own in ([k for s, k in found if s == subject] for subject in range(1, 31)))
    for run_id, expected in ((None, [granted(1, TYPES[1]), revoked(1, TYPES[1])]), ("run-2", [revoked(1, TYPES[1])])):
        assert list(history.records(run_id, subject=1)) == expected
    assert {r.subject for r in history.records("run-2") if isinstance(r, HistoryRecord)} == {*range(1, 31, 2)}


def test_a_chain_begins_empty_and_keeps_its_order(make_history: MakeHistory) -> None:
    """Entries come back as they were claimed, the oldest first, and closed where that was said (R-RUN-1)."""
    history = make_history()
    assert tuple(history.chain()) == ()
    entries = [published(1), published(2, day=4), published(3, correction=True)]
    for entry in entries:
        assert history.claim(entry)
        if entry.number < 3:
            history.close(entry)
    assert list(history.chain()) == [replace(entries[0], closed=True), replace(entries[1], closed=True), entries[2]]


def test_a_number_is_claimed_once(make_history: MakeHistory) -> None:
    """Whoever comes second is told so, unless it claims the very same; closing twice is closing once."""
    history = make_history()
    assert history.claim(published(1))
    assert history.claim(published(1))
    assert not history.claim(published(1, "another"))
    history.close(published(1))
    history.close(published(1))
    assert list(history.chain()) == [replace(published(1), closed=True)]


def test_many_claim_at_once_and_one_wins(make_history: MakeHistory) -> None:
    """Eight publishers from one start line, each with a run of its own: one has the number."""
    history, start = make_history(), Barrier(8)

    def claim(name: str) -> bool:
        start.wait()
        return history.claim(published(1, name))

    with ThreadPoolExecutor(8) as several:
        names = [f"run-{n}" for n in range(8)]
        won = [name for name, mine in zip(names, several.map(claim, names), strict=True) if mine]
    assert won == [history.chain()[0].run_id]


def test_every_collision_of_a_batch_is_named(make_stored: MakeHistory) -> None:
    """Two keys taken are two faults, told at once."""
    history = make_stored()
    history.insert(run_of(3))
    with pytest.raises(HistoryCollision) as refused:
        history.insert([replace(r, exclusion_sum=5) for r in run_of(2)])
    assert len(refused.value.faults) == 2


def test_the_same_record_twice_in_one_insert_counts_once(make_history: MakeHistory) -> None:
    """A key given twice with the same content is one record: inserted once, already there once."""
    history = make_history()
    assert history.insert([granted(1), granted(2), granted(1)]) == Inserted(2, 1)
    assert (history.journey(1), history.count("run-1")) == ((granted(1),), 2)


def test_one_key_twice_with_other_content_collides(make_history: MakeHistory) -> None:
    """Two contents for one key in one insert are refused, not chosen from."""
    with pytest.raises(HistoryCollision):
        make_history().insert([granted(1), replace(granted(1), inclusion_sum=70)])


def test_a_journey_is_oldest_first(make_history: MakeHistory) -> None:
    """By created date, then membership type, in whatever order they came; other subjects stay out."""
    history = make_history()
    days = [revoked(1, day=5), granted(1, "SILVER", 3), granted(1, "GOLD", 3), granted(2), never(1, day=4)]
    history.insert(days)
    assert [(r.created_at.day, r.membership_type) for r in history.journey(1)] == [
        (3, "GOLD"), (3, "SILVER"), (4, "GOLD"), (5, "GOLD")
    ]  # fmt: skip


def test_a_created_date_is_one_moment_in_any_zone(make_history: MakeHistory) -> None:
    """A moment given with another offset is the same key: it is kept in UTC (R-HIST-1)."""
    history = make_history()
    here = replace(granted(1), created_at=granted(1).created_at.astimezone(timezone(timedelta(hours=2))))
    assert (history.insert([here]), history.insert([granted(1)])) == (Inserted(1, 0), Inserted(0, 1))
    assert history.journey(1)[0].created_at == datetime(2024, 6, 3, 20, 15, 0, 120_000, tzinfo=UTC)


SUBJECTS = """
    type   | subject              | other                | because
    -------+----------------------+----------------------+---------------------------------------------
    bigint | 7                    | 70                   | a whole number stays a whole number
    bigint | -9223372036854775808 | 9223372036854775807  | the ends of 64 bits
    string | 007                  | 7                    | leading zeros tell two subjects apart
    string | Zoë                  | zoë                  | letters of any script, upper and lower case
    string | a b'"?\\n:x          | a b'"?\\n:y          | quotes and marks that a query could mistake
"""


@pytest.mark.parametrize("case", cases(SUBJECTS))
def test_a_subject_keeps_value_and_type(make_history: MakeHistory, case: dict[str, str]) -> None:
    """The key is what it is in the lake (R-HIST-1)."""
    history = make_history("bigint" if case["type"] == "bigint" else "string")
    subject, other = (int(c) if case["type"] == "bigint" else c for c in (case["subject"], case["other"]))
    history.insert([granted(subject), granted(other, "SILVER")])
    assert (history.journey(subject), history.journey(other)) == ((granted(subject),), (granted(other, "SILVER"),))
    assert [(type(s), s) for s in history.members("GOLD")] == [(type(subject), subject)]


STRANGERS = """
    type   | subject | because
    -------+---------+------------------------------------------------------
    bigint | '7'     | text is no whole number
    bigint | True    | a truth value is no whole number
    bigint | 2**63   | 64 bits do not hold it
    string | 7       | a whole number is no text
    string | ''      | an empty text names nobody
    string | 'x'*2049 | no store takes a key that long
"""


@pytest.mark.parametrize("case", cases(STRANGERS))
def test_a_subject_of_another_type_is_refused(make_stored: MakeHistory, case: dict[str, str]) -> None:
    """Neither written nor looked up: it would be another subject."""
    history = make_stored("bigint" if case["type"] == "bigint" else "string")
    subject = eval(case["subject"])
    with pytest.raises(RunRefused, match="this history keys its subjects by"):
        history.insert([granted(subject)])
    with pytest.raises(RunRefused, match="this history keys its subjects by"):
        history.journey(subject)
    assert history.count("run-1") == 0


def test_words_of_any_script_are_kept(make_history: MakeHistory) -> None:
    """Names, marks and line ends that a copy format or a statement could mistake come back unchanged."""
    odd = "Zoë 試 \\N \\ \t \n \r '\" {} ? 💡"
    strange = replace(granted(1), hits=(Hit(odd, 1, Kind.INCLUSION, 2),), snapshots={odd: odd}, engine_version=odd)
    history = make_history()
    history.insert([strange])
    assert history.journey(1) == (strange,)


def test_a_run_is_counted_apart(make_history: MakeHistory) -> None:
    """Each run counts its own records; a name that begins like another is another run."""
    history = make_history()
    history.insert([*run_of(40, "run-1"), *run_of(30, "run-11", day=4), *run_of(1, "run", day=5)])
    assert [history.count(run) for run in ("run-1", "run-11", "run", "run-2")] == [40, 30, 1, 0]


def test_members_follow_the_newest_record(make_history: MakeHistory) -> None:
    """A revoked subject is no member, a reinstated one is, each type for itself, in order of the key."""
    history = make_history()
    history.insert([granted(10), granted(9), granted(2), granted(9, "SILVER"), never(5)])
    assert list(history.members("GOLD")) == [2, 9, 10]
    history.insert([revoked(9), revoked(2)])
    history.insert([granted(2, day=5, run_id="run-3")])
    assert list(history.members("GOLD")) == [2, 10]
    assert (list(history.members("SILVER")), list(history.members("BRONZE"))) == ([9], [])


def test_members_of_text_keys_are_in_the_order_of_their_letters(make_history: MakeHistory) -> None:
    """One order for every store, whatever the machine's language: that of the characters' numbers."""
    history = make_history("string")
    history.insert([granted(key) for key in ("b", "Ä", "a", "B", "10", "9", "é")])
    assert list(history.members("GOLD")) == ["10", "9", "B", "a", "b", "Ä", "é"]


def test_a_stream_of_records_is_taken(make_history: MakeHistory) -> None:
    """Records may come from an iterator: they are read once."""
    history = make_history()
    assert history.insert(iter(run_of(30))) == Inserted(30, 0)


def test_a_history_is_created_once(make_stored: MakeHistory) -> None:
    """Creating it again keeps what is there."""
    history = make_stored()
    history.insert([granted(1)])
    history.create()  # type: ignore[attr-defined]  # both adapters have it, the port has no need of it
    assert history.journey(1) == (granted(1),)


def test_records_of_many_types_on_one_day_do_not_collide(make_history: MakeHistory) -> None:
    """Two decisions of one run about one subject have two keys (R-HIST-1)."""
    given: list[HistoryRecord] = [granted(1, f"TYPE-{n:02}") for n in range(30)]
    history = make_history()
    assert history.insert(given) == Inserted(30, 0)
    assert list(history.journey(1)) == given
