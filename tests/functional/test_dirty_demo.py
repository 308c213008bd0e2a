"""`rules demo --dirty`: from what two systems deliver to decisions about persons (R-LAKE-3, R-LAKE-4, R-LAKE-5)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from demo.dirty.extracts import Extracts
from demo.dirty.play import Linked, hardly_anybody_taken_for_another, linked_pairs
from tests.canaries import found
from tests.functional.rules_command import RulesCommand


def test_records_of_two_systems_become_decisions_about_persons() -> None:
    """People who are twice in one system and misspelt in the other are decided once; the picture shows who was merged."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        rules = RulesCommand(Path(folder))
        said = rules.json("demo", "--dirty", "--customers", "150")
        rules.fine("down")
        page = (Path(folder) / "merged.html").read_text(encoding="utf-8")
        landed = Path(folder) / "dirty" / "landed" / "contracts" / "2024-06-03"
        assert any(path.name.startswith("_") for path in landed.iterdir()), "what landed has its manifest"
        before, after = _where_the_first_person_is_found(Path(folder))
    assert before == {"e-mail", "national id", "address"}
    assert not after, "neither the lake, runs, logs, tokens nor the database's files"
    assert {"customers.email", "customers.national_id", "contracts.premium"} <= {*said["dropped"]}
    assert "customers.birth_date" not in said["dropped"]
    assert said["ok"]
    assert said["persons"] == 150 < sum(said["records"].values())
    assert abs(said["masters"] - 150) <= 3
    assert said["joint"] < said["holders"], "some share a contract with themselves alone"
    assert all(said["members"].values())
    assert page.count("<svg") == 2
    assert "class=other" in page


def _where_the_first_person_is_found(home: Path) -> tuple[set[str], dict[str, list[str]]]:
    """What of the first person is told is in what landed; and in which files of everything after linking it is."""
    people = (p for _, p in sorted(Extracts.made(150, 7).records.items()) if p.email and p.national_id and p.street)
    person = next(people)
    told = {"e-mail": person.email, "national id": person.national_id, "address": person.street}
    canaries = {name: str(value) for name, value in told.items()}
    place, before = home / "dirty", ("extracts", "landed", "master", "linked")
    rest = [path for path in (*home.iterdir(), *place.iterdir()) if path.name not in ("dirty", "merged.html", *before)]
    landed = found(*(place / name for name in before), canaries=canaries)
    return {*landed}, found(*(path for path in rest if path.is_dir()), canaries=canaries)


def test_pairs_that_are_wrong_are_counted() -> None:
    """Control: two persons taken for one are found, and said to be too many."""
    truth = {("a", "1"): 1, ("b", "2"): 1, ("b", "3"): 2}
    assert linked_pairs(truth, dict.fromkeys(truth, 7)) == Linked(1, 3, 2)
    assert not hardly_anybody_taken_for_another(Linked(1, 3, 2)).ok
    assert Extracts.made(30, 1) == Extracts.made(30, 1)
