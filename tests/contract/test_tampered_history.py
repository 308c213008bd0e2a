"""
What a superuser does to a history on PostgreSQL with the triggers off, and what `rules audit verify --history` says.

Four publications, the last a correction; the history is a real one, the folder of runs is in memory.
"""

from __future__ import annotations

import re
import uuid
from string import Template

import pytest

from rules_engine.proving import prove
from rules_engine.publication.postgres import PostgresHistory
from rules_engine.publication.postgres_copy import COLUMNS
from tests.contract.conftest import new_table
from tests.contract.test_history_postgres import execute
from tests.spec.table import cases
from tests.unit.house import MONDAY, TUESDAY, WEDNESDAY, House, moment

TAMPERED = """
    statement                                                                             | says                                                 | because
    --------------------------------------------------------------------------------------+------------------------------------------------------+---------------------------------------
    UPDATE $t SET inclusion_sum = 999 $one                                                | its content hash is                                  | a sum
    UPDATE $t SET inclusion_sum = 999, content_hash = NULL, format = 1, policy = NULL $one | its inclusions weigh 20, and it says 999            | as if an earlier version had written it
    UPDATE $t SET content_hash = NULL, format = 1, policy = NULL $one                     | it is not what the run decided                       | the policy, and with it the hash
    UPDATE $t SET content_hash = NULL $one                                                | its content hash is                                  | the hash alone
    UPDATE $t SET content_hash = NULL, format = 1 $one                                    | it is of form 2, and it says 1                       | the form that has no hash
    UPDATE $t SET format = 3 $one                                                         | it is of form 3                                      | a form that is still to come
    UPDATE $t SET granted = NOT granted $one                                              | its content hash is                                  | the decision
    UPDATE $t SET event = 'LOST' $one                                                     | it does not read as a record                         | what is no event
    UPDATE $t SET hits = '[]' $one                                                        | its content hash is                                  | the rules that hit
    UPDATE $t SET first_granted = '2000-01-01' $one                                       | its content hash is                                  | since when
    UPDATE $t SET snapshots = '{}' $one                                                   | its content hash is                                  | what was read
    UPDATE $t SET correction = true $one                                                  | its content hash is                                  | a decision that counts no more
    UPDATE $t SET merged_into = 9 $one                                                    | its content hash is                                  | into whom it was merged
    UPDATE $t SET created_at = created_at - interval '1 year' $one                        | its content hash is                                  | when it was decided
    UPDATE $t SET sort_key = '2099-01-01T00:00:00.000000Z#GOLD' $one                      | its sort key would be 2024-06-03T08                  | which record is the newest
    UPDATE $t SET subject = 77 $one                                                       | its content hash is                                  | whose it is
    UPDATE $t SET run_id = 'other' $one                                                   | its content hash is                                  | out of a run, and into none
    UPDATE $t SET run_id = $last $one                                                     | its content hash is                                  | out of a run, and into another
    DELETE FROM $t $one                                                                   | is not in the history                                | a record that is gone
    DELETE FROM $t WHERE run_id = $second                                                 | holds 0 of its records, and the chain says           | all records of a run
    INSERT INTO $t ($columns) SELECT 78, $rest FROM $t $one                               | its content hash is                                  | a record more, in a run
    INSERT INTO $t ($columns) SELECT subject, '2099-01-01T00:00:00.000000Z#GOLD', $others FROM $t $one | its sort key would be                   | the same record again, as the newest
    UPDATE $c SET content = jsonb_set(content, '{decided}', '9') WHERE number = 2         | the chain says of its decided 9, its manifest        | how many records there are
    UPDATE $c SET content = jsonb_set(content, '{as_of}', '"2024-06-02"') WHERE number = 2 | it cannot have been published there: the newest published day is 2024-06-03 | the day
    UPDATE $c SET content = jsonb_set(content, '{as_of}', '"2024-06-03"') WHERE number = 4 | the chain says of its as of 2024-06-03, its manifest 2024-06-04 | a day that the order allows
    UPDATE $c SET content = jsonb_set(content, '{created_at}', '"2024-06-01T08:00:00.000000Z"') WHERE number = 2 | its created date is not after that of run | the moment
    UPDATE $c SET content = jsonb_set(content, '{previous_run}', 'null') WHERE number = 2 | decided against an empty history; what stood was run | what it was decided against
    UPDATE $c SET content = jsonb_set(content, '{manifest_digest}', '"00"') WHERE number = 2 | its manifest is not the one that the chain names  | what was counted
    UPDATE $c SET content = jsonb_set(content, '{decisions_digest}', '"00"') WHERE number = 2 | the chain says of its decisions digest 00         | what was decided
    UPDATE $c SET content = jsonb_set(content, '{correction}', 'true') WHERE number = 2   | it cannot have been published there                  | a run that counts no more
    UPDATE $c SET content = jsonb_set(content, '{correction}', 'false') WHERE number = 4  | the newest published day is 2024-06-05               | a correction that counts
    UPDATE $c SET content = jsonb_set(content, '{run_id}', '"other"') WHERE number = 2    | it says entry 2 and run other, and does not stand    | whose entry it is
    UPDATE $c SET content = jsonb_set(content, '{run_id}', '"other"'), run_id = 'other' WHERE number = 2 | its run is not in the chain           | whose entry it is, in the row, too
    UPDATE $c SET run_id = 'other' WHERE number = 2                                       | it says entry 2                                      | whose entry it is, in the row alone
    UPDATE $c SET content = jsonb_set(content, '{decided}', '2') WHERE number = 2 AND state = 'closed' | it was closed as another than was claimed | half of an entry
    UPDATE $c SET content = '{}' WHERE number = 2                                         | it cannot be read                                    | an entry that says nothing
    UPDATE $c SET content = '[7]' WHERE number = 2                                        | it cannot be read                                    | an entry that is none
    UPDATE $c SET number = number + 10                                                    | it says entry 1 and run                              | the numbers
    UPDATE $c SET number = number + 10, content = jsonb_set(content, '{number}', to_jsonb(number + 10)) | the entry before it is missing         | the numbers, in row and content alike
    DELETE FROM $c WHERE number = 2 AND state = 'closed'                                  | it was never closed, and another run was published   | that it is whole
    DELETE FROM $c WHERE number = 4 AND state = 'closed'                                  | the history's chain has it not, or otherwise         | that the newest is whole
    DELETE FROM $c WHERE number = 2 AND state = 'claimed'                                 | it was closed as another than was claimed            | that it was begun
    DELETE FROM $c WHERE number = 2                                                       | the entry before it is missing                       | an entry
    DELETE FROM $c WHERE number = 4                                                       | the history's chain has it not, or otherwise         | the newest entry
    DELETE FROM $c WHERE number = 2; DELETE FROM $t WHERE run_id = $second                | the chain of publications lacks it                   | a run with its records
    DELETE FROM $c WHERE number = 4; DELETE FROM $t WHERE correction                      | the chain of publications lacks it                   | the newest run with its records
    DELETE FROM $c; DELETE FROM $t                                                        | the chain of publications lacks it                   | the whole history
    DELETE FROM $c                                                                        | its run is not in the chain of publications          | the chain alone
    INSERT INTO $c SELECT 5, state, 'more', jsonb_set(jsonb_set(content, '{number}', '5'), '{run_id}', '"more"') FROM $c WHERE number = 4 | its created date is not after | an entry that nobody claimed
"""
"""Each with triggers off, and on again: what is found is what was altered."""

GUARDS = """
    statement                                                                      | says                                   | mended by                            | because
    -------------------------------------------------------------------------------+----------------------------------------+--------------------------------------+-------------------------------
    ALTER TABLE $t DISABLE TRIGGER insert_only                                     | it is not there, is off, or is another | what it says                         | off
    ALTER TABLE $t ENABLE TRIGGER insert_only                                      | it is not there, is off, or is another | what it says                         | off where a session says it replicates
    DROP TRIGGER insert_only ON $c                                                 | it is not there, is off, or is another | what it says                         | gone
    DROP TRIGGER not_ahead ON $t                                                   | it is not there, is off, or is another | what it says                         | the future is let in
    CREATE OR REPLACE TRIGGER insert_only BEFORE UPDATE ON $t FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change() | it is not there, is off, or is another | what it says | it looks at less
    CREATE TRIGGER more BEFORE INSERT ON $t FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change() | the program makes none of that name | DROP TRIGGER more ON $t | one of their own
    CREATE RULE more AS ON INSERT TO $t WHERE subject = 7 DO INSTEAD NOTHING       | which the program does not make        | DROP RULE more ON $t                 | a rule that loses records
    ALTER TABLE $t ENABLE ROW LEVEL SECURITY                                       | which the program does not make        | ALTER TABLE $t DISABLE ROW LEVEL SECURITY | rows that some do not see
    CREATE TABLE history.more () INHERITS ($t)                                     | which the program does not make        | DROP TABLE history.more              | records that stand elsewhere
    CREATE OR REPLACE VIEW $v AS SELECT DISTINCT ON (subject, membership_type) * FROM $t WHERE NOT correction AND subject <> 2 ORDER BY subject, membership_type, sort_key DESC | asks something else than was made | what it says | members that SQL does not see
    DROP VIEW $v                                                                   | it is not there                        | what it says                         | the view is gone
    CREATE OR REPLACE FUNCTION history.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END' | it is not as the program makes it | what it says | a function that lets it pass
"""


class Tampered:
    """A house of four publications on a server, and its owner's statements."""

    def __init__(self, history: PostgresHistory, url: str) -> None:
        self.house = House(history=history)  # type: ignore[arg-type]  any history will do
        for day in (MONDAY, TUESDAY, WEDNESDAY):
            self.house.run(day)
        self.house.reweigh(21, number=2)
        self.house.run(TUESDAY, moment(WEDNESDAY, 20), correction=True)
        self.history, self._url, name = history, url, f'history."{history._table}'
        runs = [entry.run_id for entry in history.chain()]
        key, second = COLUMNS.split(", ")[:2], f"'{runs[1]}'"
        self._words = {
            "t": f'{name}"',
            "c": f'{name}_chain"',
            "v": f'{name}_current"',
            "one": f"WHERE subject = 1 AND membership_type = 'GOLD' AND run_id = '{runs[0]}'",
            "second": second,
            "last": f"'{runs[-1]}'",
            "columns": COLUMNS,
            "rest": COLUMNS.removeprefix(f"{key[0]}, "),
            "others": COLUMNS.removeprefix(f"{', '.join(key)}, "),
        }

        self._kept = f"kept_{uuid.uuid4().hex[:8]}"
        self.does(*(f"CREATE TABLE history.{self._kept}_{of} AS SELECT * FROM ${of}" for of in "tc"))

    def does(self, *statements: str) -> None:
        execute(self._url, *(Template(statement).substitute(self._words) for statement in statements))

    def with_triggers_off(self, statement: str) -> None:
        off = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in ("$t", "$c")]
        on = ["ALTER TABLE $t ENABLE ALWAYS TRIGGER insert_only, ENABLE ALWAYS TRIGGER not_ahead"]
        self.does(*off, statement, *on, "ALTER TABLE $c ENABLE ALWAYS TRIGGER insert_only")

    def as_it_was(self) -> None:
        """All rows as they were published."""
        kept = f"history.{self._kept}"
        again = (f"DELETE FROM ${of}; INSERT INTO ${of} SELECT * FROM {kept}_{of}" for of in "tc")
        self.with_triggers_off("; ".join(again))

    def told(self) -> str:
        """What the proof says, nothing if it finds nothing."""
        proof = prove(self.history, self.house.store)
        assert bool(proof.total) == bool(proof.faults)
        return " ".join(map(str, proof.faults))


@pytest.fixture(scope="module")
def published(postgres_url: str) -> Tampered:
    history = PostgresHistory(postgres_url, new_table(), "bigint")
    history.create()
    return Tampered(history, postgres_url)


@pytest.fixture
def tampered(published: Tampered) -> Tampered:
    """The same four publications for each test."""
    published.as_it_was()
    return published


def test_what_nobody_altered_is_proved(tampered: Tampered) -> None:
    """The control: triggers off and on again, and nothing done meanwhile."""
    tampered.with_triggers_off("SELECT 1")
    assert tampered.told() == ""
    assert prove(tampered.history, tampered.house.store).runs == 4


@pytest.mark.parametrize("case", cases(TAMPERED))
def test_what_was_altered_is_found(tampered: Tampered, case: dict[str, str]) -> None:
    """Records and chain: altered, deleted, inserted, put elsewhere."""
    tampered.with_triggers_off(case["statement"])
    assert case["says"] in tampered.told()


@pytest.mark.parametrize("case", cases(GUARDS))
def test_guards_that_do_not_stand_are_found(tampered: Tampered, case: dict[str, str]) -> None:
    """Whether or not anything was written meanwhile; and what the fault says to do mends it."""
    tampered.does(case["statement"])
    told = tampered.told()
    assert case["says"] in told
    if case["mended by"] == "what it says":
        (drop,) = {*re.findall(r"as owner: (.*?); and: rules db upgrade", told)}
        tampered.does(drop)
        tampered.history.create()
    else:
        tampered.does(case["mended by"])
    assert tampered.told() == ""
