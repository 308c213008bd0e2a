"""R-LAKE-5: a master customer from records of two systems, with ids that stay (see tests/master_days.py)."""

from __future__ import annotations

import re
import shutil
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any
from unicodedata import normalize

import pyarrow.parquet as pq
import pytest

from demo.people import ROLES, Person, people, soiled
from jobs.master_step import step as master_step
from rules_engine.errors import RunRefused
from rules_lake.master import blocks, folders, identity, linking, overrides
from rules_lake.master import day as master_day
from rules_lake.master.linking import InDuckDB
from rules_lake.master.overrides import Override
from rules_lake.master.settings import Settings, load
from tests.functional.rules_command import RulesCommand
from tests.master_days import write_source
from tests.spec.table import Row, cases

SETTINGS = """
[linking]
threads = {threads}

[sources.crm]
path = "crm.csv"
key = "key"
[sources.crm.roles]
{roles}

[sources.web]
path = "web.csv"
key = "key"
[sources.web.roles]
{roles}
"""


def settings(folder: Path, threads: int = 2) -> Settings:
    roles = "\n".join(f'{role} = "{role}"' for role in ROLES)
    (folder / "master.toml").write_text(SETTINGS.format(threads=threads, roles=roles), encoding="utf-8")
    return load(folder / "master.toml")


def land(folder: Path, everybody: list[Person], seed: int = 1) -> None:
    """Everybody in one system, and two in three with faults in the other, in an order of no meaning."""
    chance = Random(seed)
    web = [(f"w{p.number}", soiled(p, chance, 2)) for p in everybody if p.number % 3]
    write_source(folder / "crm.csv", [(f"c{p.number}", p) for p in everybody], chance)
    write_source(folder / "web.csv", web, chance)


def build(said: Settings, day: str, replace: bool = False) -> master_day.Outcome:
    return master_day.build_day(said, day, lambda: InDuckDB(said.linking), replace)


def ids(said: Settings, day: str) -> dict[str, int]:
    rows = pq.read_table(Path(said.folder) / day / "crosswalk").to_pylist()
    return {row["source_id"]: row["master_id"] for row in rows}


def pairs(said: Settings, day: str) -> dict[tuple[str, str], str]:
    rows = pq.read_table(Path(said.folder) / day / "pairs").to_pylist()
    return {(row["key_a"], row["key_b"]): row["rule"] for row in rows}


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_two_builds_of_a_day_are_equal_to_the_byte(tmp_path: Path) -> None:
    """R-LAKE-5: whatever the number of threads and the order of the rows; the settings' text is named in the manifest."""
    found = []
    for name, threads, seed in (("one", 1, 5), ("two", 2, 6)):
        place = tmp_path / name
        place.mkdir()
        everybody = people(60, 3)
        said = settings(place, threads)
        land(place, everybody)
        for source in ("crm", "web"):
            lines = (place / f"{source}.csv").read_text(encoding="utf-8").splitlines()
            Random(seed).shuffle(rest := lines[1:])
            (place / f"{source}.csv").write_text("\n".join([lines[0], *rest]) + "\n", encoding="utf-8")
        build(said, "2024-06-03")
        found.append({n: b for n, b in files(Path(said.folder)).items() if not n.endswith("manifest.json")})
    assert found[0] == found[1]
    assert {"2024-06-03/master/part-00000.parquet", "2024-06-03/model.json"} <= set(found[0])


def test_a_day_is_built_once_and_never_under_another(tmp_path: Path) -> None:
    """The same input is told to be there; other input needs --replace; a day that another stands on stays."""
    said = settings(tmp_path)
    land(tmp_path, people(40, 3))
    assert not build(said, "2024-06-03").was_there
    before = files(Path(said.folder))
    assert (build(said, "2024-06-03").was_there, files(Path(said.folder))) == (True, before)
    land(tmp_path, people(41, 3))
    with pytest.raises(RunRefused, match="--replace"):
        build(said, "2024-06-03")
    assert files(Path(said.folder)) == before
    assert build(said, "2024-06-03", replace=True).manifest["records"]["crm"] == 41
    build(said, "2024-06-04")
    land(tmp_path, people(42, 3))
    with pytest.raises(RunRefused, match="stands on it"):
        build(said, "2024-06-03", replace=True)
    with pytest.raises(RunRefused, match="in their order"):
        build(said, "2024-06-01")


def test_blocks_that_grew_too_large_part_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-LAKE-5: compared part by part or at once; who was one person stays so when no rule compares them any more."""
    said = settings(tmp_path)
    land(tmp_path, people(40, 3))
    build(said, "2024-06-03")
    for at_once, most_pairs, day in ((50, blocks.FEW_PAIRS, "2024-06-04"), (50, 0, "2024-06-05")):
        monkeypatch.setattr(linking, "AT_ONCE", at_once)
        monkeypatch.setattr(blocks, "FEW_PAIRS", most_pairs)
        monkeypatch.setattr(blocks, "MOST_PAIRS", 0)
        build(said, day)
    whole, parts, none = ({**pairs(said, f"2024-06-0{n}")} for n in (3, 4, 5))
    assert whole == parts
    assert len(none) > 20
    assert set(none.values()) == {"one master before"}
    assert ids(said, "2024-06-03") == ids(said, "2024-06-05")


def test_what_was_decided_wins(tmp_path: Path) -> None:
    """Two persons decided same are merged, with a trail; a person's records decided different are parted; undone, both return."""
    said = settings(tmp_path)
    land(tmp_path, people(40, 3))
    build(said, "2024-06-03")
    first = ids(said, "2024-06-03")
    assert first["c1"] == first["w1"] != first["c2"]
    decide(said, "same", ("crm", "c1"), ("crm", "c2"))
    decide(said, "different", ("crm", "c4"), ("web", "w4"))
    build(said, "2024-06-04")
    second = ids(said, "2024-06-04")
    assert second["c1"] == second["c2"] == second["w1"]
    assert second["c4"] != second["w4"]
    assert {second["c4"], second["w4"]} > {first["c4"]}
    trail = pq.read_table(Path(said.folder) / "2024-06-04" / "trail").to_pylist()
    assert [row["event"] for row in trail if row["day"] == "2024-06-04"] == ["SPLIT_FROM", "MERGED_INTO"]
    away = pq.read_table(Path(said.folder) / "2024-06-04" / "merged").to_pylist()
    (old, new), lives = sorted([first["c1"], first["c2"]], key=second["c1"].__eq__), folders.trail(said.folder)
    assert away == [{"master_id": old, "into_id": new}]
    assert identity.life(old, lives) == [f"2024-06-04: merged into {new}."]
    assert identity.life(new, lives) == [f"2024-06-04: {old} was merged into it."]
    decide(said, "different", ("crm", "c1"), ("crm", "c2"))
    decide(said, "same", ("crm", "c4"), ("web", "w4"))
    build(said, "2024-06-05")
    assert ids(said, "2024-06-05") == first
    assert identity.life(old, folders.trail(said.folder))[-1] == f"2024-06-05: parted again from {new}."
    assert old not in pq.read_table(Path(said.folder) / "2024-06-05" / "merged").column("master_id").to_pylist()


def decide(said: Settings, decision: str, a: tuple[str, str], b: tuple[str, str]) -> None:
    overrides.append(said.overrides, Override(decision, a, b, "they telephoned", "ann", "2024-06-03T10:00:00Z"))


def test_decisions_that_cannot_hold_together_stop_the_build(tmp_path: Path) -> None:
    """Same A B, same B C and different A C: nothing is written until one is decided anew."""
    said = settings(tmp_path)
    land(tmp_path, people(10, 3))
    decide(said, "same", ("crm", "c1"), ("crm", "c2"))
    decide(said, "same", ("crm", "c2"), ("crm", "c3"))
    decide(said, "different", ("crm", "c1"), ("crm", "c3"))
    with pytest.raises(RunRefused, match="crm:c1 and crm:c3 are decided different, and same by way of others"):
        build(said, "2024-06-03")
    assert not folders.days(said.folder)


def test_another_national_id_and_birth_date_make_two_persons(tmp_path: Path) -> None:
    """Namesakes that share e-mail, phone and address stay two; a slip in the id, or no id, keeps one person's records together."""
    said = settings(tmp_path)
    everybody = people(40, 3)
    write_source(tmp_path / "crm.csv", [(f"c{p.number}", p) for p in everybody], Random(1))
    changed: dict[int, dict[str, Any]] = {
        1: {"national_id": "48151623", "born": date(1999, 9, 29)},
        2: {"national_id": "4815162", "born": date(1901, 3, 4), "house": "7", "street": "Far Lane"},
        4: {"national_id": f"{everybody[3].national_id}"[:-1] + "x"},
        5: {"national_id": None, "born": None},
    }
    web = [(f"w{p.number}", replace(p, **changed.get(p.number, {}))) for p in everybody[:30]]
    write_source(tmp_path / "web.csv", web, Random(1))
    build(said, "2024-06-03")
    found = ids(said, "2024-06-03")
    assert [n for n in range(1, 31) if found[f"c{n}"] != found[f"w{n}"]] == [1, 2]


def test_commands_build_ask_decide_and_explain(tmp_path: Path) -> None:
    """R-LAKE-5: what is to be decided is shown masked, a decision counts from the next build, and a link is explained."""
    rules = RulesCommand(tmp_path / "home", {"RULES_MASTER": str(tmp_path / "master.toml")})
    said = settings(tmp_path)
    twin = people(30, 3)[0]
    everybody = [*people(30, 3), replace(twin, number=31, given="Wanda", national_id=None, email=None, phone=None)]
    land(tmp_path, everybody)
    built = rules.json("master", "build", "--day", "2024-06-03")
    assert built["records"] == {"crm": 31, "web": 21}
    asked = rules.json("master", "review", "--limit", 50)
    assert built["to_decide"] == asked["to_decide"] == len(asked["list"])
    shown = rules.fine("master", "review", "--limit", 50)
    assert str(twin.family) not in shown
    land(tmp_path, people(2, 3))
    now = rules.fine("master", "review")
    assert "pairs are left out: no source has their records any more." in now
    assert "Not as the build of 2024-06-03 read it: crm, web." in now
    land(tmp_path, everybody)
    code, faults = rules.refused("master", "decide", "crm:c1", "crm:c99", "same", "--because", "they telephoned")
    assert (code, faults[0]["which"]) == (5, "Record crm:c99")
    assert rules.refused("master", "decide", "crm:c1", "crm:c31", "perhaps", "--because", "so")[0] == 5
    assert not Path(said.overrides).exists()
    rules.fine("master", "decide", "crm:c1", "crm:c31", "same", "--because", "they telephoned", "--by", "ann")
    overrides.append(said.overrides, Override("same", ("crm", "c77"), ("web", "w2"), "a slip", "ann", "2024-06-03"))
    told = rules.fine("master", "build", "--day", "2024-06-04")
    assert f"are {built['masters'] - 1:,} masters" in told
    assert "1 decisions name records that no source has on that day" in told
    assert "No build has seen crm:c77: unless they are to come, mend " in " ".join(told.split())
    why = rules.json("master", "why", "crm:c1", "crm:c31", "--html", tmp_path / "why.html")
    assert why["decided"] == {"decision": "same", "who": "ann", "because": "they telephoned"}
    assert why["masters"][0] == why["masters"][1]
    assert why["bits"] == pytest.approx(sum(part["bits"] for part in why["parts"]), abs=0.1)
    (tmp_path / "master.toml").write_text(
        (tmp_path / "master.toml").read_text("utf-8").replace('email = "email"\n', ""), encoding="utf-8"
    )
    assert "compare other columns" in str(rules.refused("master", "why", "crm:c1", "crm:c31"))
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert str(twin.family) not in page


OUTSIDE = """
mode = "{mode}"
golden = "crm"
[crosswalk]
path = "ids.csv"
format = "csv"
[sources.crm]
path = "crm.csv"
key = "id"
[sources.crm.roles]
given_name = "first"
"""


def test_ids_that_are_given_elsewhere(tmp_path: Path) -> None:
    """A golden source's keys are the ids; an outside table is taken once it is whole, and another table is other input."""
    (tmp_path / "crm.csv").write_text("id,first\n7,Ann\n8,Bob\n", encoding="utf-8")
    outside = tmp_path / "ids.csv"
    outside.write_text("source,source_id,master_id\ncrm,7,500\ncrm,8,500\n", encoding="utf-8")
    (tmp_path / "master.toml").write_text(OUTSIDE.format(mode="golden"), encoding="utf-8")
    build(load(tmp_path / "master.toml"), "2024-06-03")
    assert ids(load(tmp_path / "master.toml"), "2024-06-03") == {"7": 7, "8": 8}
    (tmp_path / "master.toml").write_text(OUTSIDE.format(mode="crosswalk"), encoding="utf-8")
    said = load(tmp_path / "master.toml")
    build(said, "2024-06-04")
    assert ids(said, "2024-06-04") == {"7": 500, "8": 500}
    outside.write_text("source,source_id,master_id\ncrm,7,500\ncrm,8,501\n", encoding="utf-8")
    with pytest.raises(RunRefused, match="--replace"):
        build(said, "2024-06-04")
    outside.write_text("source,source_id,master_id\ncrm,7,500\ncrm,7,501\nweb,1,9\n", encoding="utf-8")
    with pytest.raises(RunRefused) as refused:
        build(said, "2024-06-05")
    assert [fault.what.split(":")[0] for fault in refused.value.faults] == [
        "it names sources that are none",
        "1 records have two masters",
        "1 records have no row",
    ]


NAMES = """
    mode      | crm       | frame    | outside         | says                                                            | because
    ----------+-----------+----------+-----------------+-----------------------------------------------------------------+--------------------------
    golden    | NFC,NFD   | NFC      |                 | Source 'crm': 1 keys are written in two ways that mean the same | two masters of one name
    golden    | NFC,other | NFD      |                 | Frame 'held': 1 keys are written in another way than 'crm' has  | its rows would be nobody's
    golden    | NFD,other | NFC      |                 | Frame 'held': 1 keys are written in another way than 'crm' has  | whichever is which
    golden    | NFC,other | strange  |                 |                                                                 | of nobody, and counted
    crosswalk | NFC,other | NFC      | NFD=1,other=2   | Crosswalk ids.csv: 1 keys are written in another way than 'crm' | and not that there is none
    crosswalk | NFC,other | NFC      | NFC=NFC,other=NFD | Crosswalk ids.csv: 1 keys are written in two ways             | one master, or two
    crosswalk | NFC,other | NFC      | NFC=1,other=2   |                                                                 | all in one way
    built-in  | NFC,NFD   | NFC      |                 | Source 'crm': 1 keys are written in two ways that mean the same | of one record two
    built-in  | NFC,other | NFD      |                 | Frame 'held': 1 keys are written in another way than 'crm' has  | where ids are issued, too
"""
IN_WAYS = {way: normalize(way, "Ren\xe9") for way in ("NFC", "NFD")}


@pytest.mark.parametrize("row", cases(NAMES))
def test_keys_of_the_same_letters_are_written_in_one_way(row: Row, tmp_path: Path) -> None:
    """Else they would be two to whoever joins by them, and one to whoever reads them: refused, in every mode."""

    def said(text: str) -> str:
        return re.sub("NF[CD]", lambda way: IN_WAYS[way[0]], text)

    (tmp_path / "crm.csv").write_text(said("id,first\n" + row["crm"].replace(",", ",Ann\n") + ",Bob\n"), "utf-8")
    (tmp_path / "held.csv").write_text(said(f"no,of\n1,{row['frame']}\n"), "utf-8")
    rows = [f"crm,{each.replace('=', ',')}\n" for each in row["outside"].split(",") if each]
    (tmp_path / "ids.csv").write_text(said("source,source_id,master_id\n" + "".join(rows)), "utf-8")
    frame = '[frames.held]\npath = "held.csv"\nsource = "crm"\nkey = "of"\n'
    (tmp_path / "master.toml").write_text(OUTSIDE.format(mode=row["mode"]) + 'family_name = "first"\n' + frame, "utf-8")
    with pytest.raises(RunRefused) if row["says"] else nullcontext() as refused:
        build(load(tmp_path / "master.toml"), "2024-06-03")
    assert not refused or row["says"] in str(refused.value).replace(f"{tmp_path}/", "")


def test_a_decision_about_nobody_is_named(tmp_path: Path) -> None:
    """Of a source that never was, or a key written otherwise: refused; of a record that may come: said, each by name."""
    said, odd = settings(tmp_path), normalize("NFD", "Ren\xe9")
    write_source(
        tmp_path / "crm.csv", [(f"c{p.number}", p) for p in people(40, 3)] + [("Ren\xe9", people(41, 3)[40])], Random(1)
    )
    write_source(tmp_path / "web.csv", [(f"w{p.number}", p) for p in people(40, 3)], Random(1))
    decide(said, "same", ("crm", "c1"), ("wbe", "w1"))
    decide(said, "different", ("crm", odd), ("web", "w1"))
    with pytest.raises(RunRefused) as refused:
        build(said, "2024-06-03")
    assert [fault.what for fault in refused.value.faults] == [
        "it names records of a source 'wbe', which is none: wbe:w1.",
        f"1 keys are written in another way than 'crm' has them, with the same letters: {odd}.",
    ]
    assert "Did you mean 'web'?" in refused.value.faults[0].remedy
    Path(said.overrides).unlink()
    decide(said, "same", ("crm", "c1"), ("web", "w99"))
    manifest = build(said, "2024-06-03").manifest
    assert (manifest["overrides_of_absent"], manifest["overrides_of_unknown"]) == (1, ["web:w99"])
    write_source(tmp_path / "web.csv", [(f"w{p.number}", p) for p in people(40, 3) if p.number != 5], Random(1))
    decide(said, "same", ("crm", "c5"), ("web", "w5"))
    manifest = build(said, "2024-06-04").manifest
    assert (manifest["overrides_of_absent"], manifest["overrides_of_unknown"]) == (2, ["web:w99"])


def test_rows_of_other_frames_go_under_master_ids(tmp_path: Path) -> None:
    """Each row has its record's master before its columns as they were written; one of nobody is counted, not dropped."""
    everybody = people(30, 3)
    said = settings(tmp_path)
    land(tmp_path, everybody)
    (tmp_path / "contracts.csv").write_text("contract,holder,fee\nC1,c1,010\nC2,c1,2\nC3,c99,3\n", encoding="utf-8")
    text = (tmp_path / "master.toml").read_text("utf-8")
    frame = '[frames.contracts]\npath = "contracts.csv"\nsource = "crm"\nkey = "{key}"\n'
    for key, wrong in (("owner", "no column 'owner'"), ("", "it says no key")):
        (tmp_path / "master.toml").write_text(text + frame.format(key=key), encoding="utf-8")
        with pytest.raises(RunRefused, match=wrong):
            build(load(tmp_path / "master.toml"), "2024-06-03")
    assert not Path(said.folder).exists()
    (tmp_path / "master.toml").write_text(text + frame.format(key="holder"), encoding="utf-8")
    said = load(tmp_path / "master.toml")
    assert build(said, "2024-06-03").manifest["frames"] == {"contracts": {"rows": 3, "of_nobody": 1}}
    of = ids(said, "2024-06-03")["c1"]
    written = (Path(said.folder) / "2024-06-03/frames/contracts/part-00000.csv").read_text(encoding="utf-8")
    assert written.splitlines()[1:] == [f'{of},"C1","c1","010"', f'{of},"C2","c1","2"', ',"C3","c99","3"']


def test_a_step_builds_what_the_command_does(tmp_path: Path) -> None:
    """Told by URIs, over copies: two days one after the other have the ids, the folders and the input of the command's."""
    here, there = tmp_path / "here", tmp_path / "there"
    there.mkdir()
    land(there, people(40, 3))
    settings(there)
    master_step(["--settings", f"file://{there}/master.toml", "--day", "2024-06-01"])
    shutil.copytree(there, here)
    made = master_step(["--settings", f"file://{there}/master.toml", "--day", "2024-06-02"])
    assert made["input"] == build(load(here / "master.toml"), "2024-06-02").manifest["input"]
    assert ids(load(there / "master.toml"), "2024-06-02") == ids(load(here / "master.toml"), "2024-06-02")
    assert master_step(["--settings", f"file://{there}/master.toml", "--day", "2024-06-02"])["was_there"]
    with pytest.raises(RunRefused, match="there is no such file"):
        master_step(["--settings", f"file://{there}/none.toml", "--day", "2024-06-02"])
