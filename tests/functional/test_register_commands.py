"""`rules register`, `rules members` and `rules member` on real stores, and the stream of DynamoDB Local (R-HIST-7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.wiring import opened
from rules_engine.model.history import HistoryRecord
from rules_engine.model.register import number_of
from rules_engine.settings import Settings
from tests import small_lake
from tests.contract.history_records import granted, merged, published, revoked
from tests.functional.rules_command import RulesCommand

JARS = Path(__file__).parents[2] / "build" / "dynamodb-local"


@pytest.fixture(scope="module", params=["postgres", "dynamodb-local"])
def rules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RulesCommand]:
    """The command with a history of two publications, on each store in turn."""
    home = tmp_path_factory.mktemp("home")
    small_lake.write(home / "lake")
    if request.param == "dynamodb-local":
        from rules_engine.publication.dynamodb_local import start

        start(home / "dynamodb-local", JARS)
    lake = str(home / "lake" / "frames.toml")
    command = RulesCommand(home, {"RULES_TENANT": "acme-eu", "RULES_LAKE": lake, "RULES_HISTORY": request.param})
    command.fine("db", "upgrade")
    publish(command, 1, [granted(s) for s in range(1, 31)])
    publish(command, 2, [revoked(s) for s in range(1, 31, 3)])
    yield command
    command.fine("down")


def publish(rules: RulesCommand, number: int, records: list[HistoryRecord]) -> None:
    """Publish a run of these records, as the publisher does."""
    settings = Settings.read({"RULES_HOME": str(rules.home), **rules.settings})
    with opened(settings) as installation:
        installation.history.create()
        entry = published(number, records[0].run_id, records[0].as_of.day)
        assert installation.history.claim(entry)
        installation.history.insert(records)
        installation.history.close(entry)


def test_a_register_is_built_proved_and_fed(rules: RulesCommand) -> None:
    """Never built; built from the history; behind after a run; fed by stream or run; and what verify finds is mended."""
    code, (fault,) = rules.refused("register", "verify")
    assert (code, fault["remedy"]) == (5, "Build it: `rules register rebuild`.")
    assert rules.refused("member", "X")[0] == 5
    built = rules.json("register", "rebuild")
    assert (built["records"], built["rows"], built["unreadable"]) == (40, 30, 0)
    assert rules.json("register", "verify") == {"records": 40, "rows": 30, "faults": [], "set_apart": 0}

    publish(
        rules, 3, [revoked(s, day=5, run_id="run-3") for s in range(2, 31, 3)] + [granted(31, day=5, run_id="run-3")]
    )
    code, faults = rules.refused("register", "verify", "--limit", "3")
    assert (code, len(faults)) == (5, 5)
    assert faults[0]["what"].startswith("11 faults were found")
    assert "follow --once" in faults[1]["remedy"]
    assert "8 more faults" in faults[4]["what"]
    behind = rules.json("members", "GOLD", "--limit", "0")
    assert (behind["by"], behind["members"]) == ("history", [*range(3, 31, 3), 31])
    assert "lacks run run-3" in rules("members", "GOLD").stderr
    fed = rules.json("register", "follow", "--once")
    assert (fed["changed"], fed["set_apart"]) == (11, 0)
    assert rules.json("register", "verify")["rows"] == 31
    now = rules.json("members", "GOLD", "--limit", "0")
    assert (now["by"], sorted(now["members"])) == ("register", behind["members"])
    again = rules.json("register", "follow", "--once")
    assert (again["records"], again["changed"]) == (0, 0)


def test_a_damaged_register_is_built_again(rules: RulesCommand, tmp_path: Path) -> None:
    """A row of the future, one too many and one too few: verify names them, rebuild mends them, numbers stay."""
    from jobs.registers import register_of

    rules.fine("register", "rebuild")
    with opened(Settings.read({"RULES_HOME": str(rules.home), **rules.settings})) as installation:
        register = register_of(installation)
        numbers = {row.subject: row.number for row in register.every()}
        register.apply([granted(4, day=28, run_id="forged"), granted(77)])
        register.remove(*register.rows([5]))
    code, faults = rules.refused("register", "verify")
    assert code == 5
    named = {fault["which"].split("subject ")[-1].split(",")[0] for fault in faults[1:]}
    assert named == {"Subject 4", "Subject 5", "77"}
    assert rules.json("register", "rebuild")["removed"] == 2
    assert rules.json("register", "verify")["rows"] == len(numbers)
    with opened(Settings.read({"RULES_HOME": str(rules.home), **rules.settings})) as installation:
        assert {row.subject: row.number for row in register_of(installation).every()} == numbers


def test_one_member_is_shown_by_number(rules: RulesCommand) -> None:
    """A row a type, revoked ones too; a subject's key in place of a number is told apart."""
    rules.fine("register", "rebuild")
    code, (fault,) = rules.refused("member", "1")
    number = fault["remedy"].split()[-1].rstrip(".")
    assert code == 5
    (shown,) = rules.json("member", number)
    assert (shown["subject"], shown["granted"], shown["since"]) == (1, False, "2024-06-03")
    assert f"{number} · subject 1" in rules.fine("member", number)


def test_numbers_come_from_the_master(rules: RulesCommand, tmp_path: Path) -> None:
    """A list is taken once; what would change somebody's number is refused, and so is what is no list."""
    file = tmp_path / "numbers.csv"
    file.write_text("subject,number\n901,M-901\n902,M-902\n", encoding="utf-8")
    assert [rules.json("register", "numbers", file)["new"] for _ in range(2)] == [2, 0]
    file.write_text("subject,number\n901,M-902\n", encoding="utf-8")
    assert "is not its" in rules.refused("register", "numbers", file)[1][0]["what"]
    file.write_text("customer,number\n901,M-902\n", encoding="utf-8")
    assert "no column 'subject'" in rules.refused("register", "numbers", file)[1][0]["what"]
    file.write_text("subject,number\n,M-902\n", encoding="utf-8")
    assert "is empty" in rules.refused("register", "numbers", file)[1][0]["what"]


def test_a_merged_subject_says_where_its_membership_went(rules: RulesCommand) -> None:
    """Step by step, by key and by number; the register has it as no member, explained and in its journey."""
    publish(rules, 4, [merged(3, 6, day=6, run_id="run-4"), granted(9, day=6, run_id="run-4")])
    publish(rules, 5, [merged(6, 9, day=7, run_id="run-5")])
    rules.fine("register", "rebuild")
    assert rules.json("register", "verify")["faults"] == []
    assert not {3, 6} & {*rules.json("members", "GOLD", "--limit", "0")["members"]}
    numbers = {subject: number_of(subject) for subject in (3, 6, 9)}
    steps = "3 was merged into 6{} on 2024-06-06 in run run-4.", "6 was merged into 9{} on 2024-06-07 in run run-5."
    shown = rules("member", numbers[3]).stderr
    assert [step.format(f" (number {numbers[s]})") in shown for step, s in zip(steps, (6, 9), strict=True)] == [
        True
    ] * 2
    assert rules.json("member", numbers[3])[0]["event"] == "MERGED_INTO"
    for command in ("explain", "journey"):
        told = rules(command, "3").stderr
        assert [step.format("") in told for step in steps] == [True, True]
        assert "What was decided since: `rules explain 9`." in told
        assert rules.json(command, "3")[-1]["merged_into"] == 6
    assert "was merged" not in rules("explain", "9").stderr


def test_a_half_published_run_is_said_to_be_one(rules: RulesCommand) -> None:
    """The register has all that is published whole: it is read, and feeding it is no advice."""
    rules.fine("register", "rebuild")
    with opened(Settings.read({"RULES_HOME": str(rules.home), **rules.settings})) as installation:
        last = len(installation.history.chain())
        assert installation.history.claim(published(last + 1, "half", day=9))
    told = rules("members", "GOLD", "--json")
    assert "Run half is half-published" in told.stderr
    assert "follow" not in told.stderr
    assert '"by": "register"' in told.stdout.replace('":"', '": "')
