"""R-LAKE-5: settings, extracts and decisions that cannot be meant are refused in words, before anybody is linked."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import mastering
from rules_engine.errors import RunRefused
from rules_lake.landing.landing import land
from rules_lake.master import blocks, day, day_files, folders, outside, overrides, records, reviewing
from rules_lake.master.identity import Ids, assigned
from rules_lake.master.linking import Backend
from rules_lake.master.overrides import Override
from rules_lake.master.records import Key
from rules_lake.master.settings import Settings, parse
from rules_lake.master.survivorship import Survivorship
from tests.extracts import DAY as TODAY
from tests.extracts import NOW, declared, written
from tests.spec.table import Row, cases

DAY = "2024-06-03"
SOURCE = """
[sources.crm]
path = "crm.csv"
key = "id"
updated = "changed"
[sources.crm.roles]
given_name = "first"
family_name = "last"
email = "mail"
"""

SETTINGS = """
    said                                | fault
    ------------------------------------+------------------------------------------------------
    folder = 3                          | folder = 3 is of another type. Write a text in quotes
    first_id = "a"                      | first_id = 'a' is of another type
    first_id = 0                        | first_id = 0. Write a whole number above zero
    linking = 3                         | it is 3, and no table
    frames = 3                          | frames = 3. Write a table
    frames.x = 3                        | Frame 'x': it is 3, and no table
    sources.web = 3                     | Source 'web': it is 3, and no table
    sources.web.roles = "x"             | roles = 'x' is of another type
    sources.web.encoding = "utf-9"      | there is no encoding 'utf-9'
    sources.web.delimiter = ";;"        | its delimiter is ';;'
    survivorship = 3                    | survivorship = 3. Write a table
    sources.web.keep.phone = "tel"      | it keeps 'phone', which is a role. Write it below roles
    sources.web.keep.records = "n"      | it keeps 'records', which is its own
    frames."../x".key = "k"             | its name is none of a folder
    crosswalk.format = "xlsx"           | there is no format 'xlsx'
    crosswalk.delimiter = ""            | its delimiter is ''
    linking.threads = -1                | threads = -1. The least that it can be is 0
    linking.largest = 1                 | largest = 1. The least that it can be is 2
    linking.memory = "much"             | Write an amount such as 8GB
    linking.weakest = 2                 | Choose 0 <= weakest <= match
    linking.blocking = [1]              | blocking = [1] is of another type. Write a list of texts
    linking.compare = [1]               | compare = [1] is of another type
"""


@pytest.mark.parametrize("row", cases(SETTINGS))
def test_settings_that_cannot_be_meant(row: Row) -> None:
    """Another type, an amount that none can be: refused with the word and what to write."""
    with pytest.raises(RunRefused) as refused:
        parse(tomllib.loads(f"{row['said']}\n{SOURCE}"), "/nowhere")
    assert row["fault"] in str(refused.value)


@pytest.mark.parametrize("rule", ["street", "count(*)", "random()", "email) OR (1 = 1"])
def test_a_blocking_rule_that_no_record_can_answer(rule: str) -> None:
    """A column that no role brings, an aggregate, or what hangs on no column."""
    (fault,) = blocks.blocking_faults((rule, "email, substr(phone, 1, 3)"), ["email", "phone"])
    assert f"'{rule}'" in fault.what


GOOD = "id,first,last,mail,changed\n1,Ann,Reed,a@x.example,2024-01-01\n"


def read(folder: Path, files: dict[str, Any], path: str = "crm.csv") -> records.Records:
    said = settings(folder, path)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pa.Table):
            pq.write_table(content, folder / name)
        else:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return records.read(said, DAY)


def settings(folder: Path, path: str = "crm.csv", **said: Any) -> Settings:
    return parse(tomllib.loads(SOURCE.replace("crm.csv", path)) | said, str(folder))


COLUMNS = {"id": [1], "first": ["Ann"], "last": ["Reed"], "mail": ["a@x.example"], "changed": ["2024-01-01"]}
EXTRACTS = [
    ("crm.csv", {"crm.csv": GOOD.splitlines()[0] + "\n"}, "it has no rows"),
    ("crm.csv", {"crm.csv": GOOD + "2,Canary,Person\n"}, "a record has 3 cells instead of 5 (crm.csv, line 3)"),
    ("crm.csv", {"crm.csv": GOOD.replace(",", ";")}, "Say by delimiter"),
    ("crm.csv", {"crm.csv": GOOD + "2,Bob,Reed,b@x.example,3 May 2024\n"}, "no moment in 1 values, as 9 xxx 9999"),
    ("crm", {"crm/a.csv": GOOD}, 'Write format = "csv"'),
    ("crm", {"crm/a.csv": GOOD, "crm/b.csv.gz": b"x"}, "its file b.csv.gz would not be read"),
    ("crm", {"crm/_temporary/0/a.csv": GOOD}, "its writer has not ended: there is _temporary/0/a.csv"),
    (
        "crm/*.csv",
        {"crm/a.csv": GOOD, "crm/b.csv": GOOD.replace("mail", "Mail")},
        "b.csv has none. Did you mean 'Mail'",
    ),
    (
        "crm.csv",
        {"crm.csv": GOOD + GOOD.replace("1,Ann", "2,Ann")},
        "its header stands again among its records (crm.csv, line 3)",
    ),
    ("crm.csv", {"crm.csv": GOOD.replace("mail,", "last,")}, "its file crm.csv has two columns 'last'"),
    ("p.parquet", {"p.parquet": pa.table(COLUMNS | {"first": [{"a": 1}]})}, "of type struct<a: int64>"),
    ("p.parquet", {"p.parquet": pa.table(COLUMNS | {"first": [b"\xff"]})}, "of type binary"),
]


@pytest.mark.parametrize(("path", "files", "fault"), EXTRACTS)
def test_an_extract_that_is_not_believed(tmp_path: Path, path: str, files: dict[str, Any], fault: str) -> None:
    """No row, a cut line, a moment in words, files that would be left out, values that are no text: no cell is shown."""
    with pytest.raises(RunRefused) as refused:
        read(tmp_path, files, path)
    assert fault in str(refused.value)
    assert "Canary" not in str(refused.value)


def test_a_folder_is_read_whatever_its_name(tmp_path: Path) -> None:
    """What lies in a folder that begins with a dot or an underscore was put aside; the folder that is named is meant."""
    found = read(tmp_path, {"_crm/a.csv": GOOD, "_crm/_b/c.csv": GOOD, "_crm/.c/d.csv": GOOD}, '_crm"\nformat = "csv')
    assert len(found.keys) == 1


def test_a_pattern_may_name_folders_too(tmp_path: Path) -> None:
    """Of what a pattern finds, what begins with an underscore was put aside; endings are read in any letters."""
    other = GOOD.replace("\n1,", "\n2,")
    files = {"[a] crm/north/x.CSV": GOOD, "[a] crm/south/x.CSV": other, "[a] crm/_old/x.CSV": other}
    assert read(tmp_path, files, "[a] crm/*/x.CSV").keys == [("crm", "1"), ("crm", "2")]


def test_numbers_that_no_whole_number_holds_stay_texts(tmp_path: Path) -> None:
    """An infinite telephone or a key of 1e300 is read as it is written."""
    found = read(tmp_path, {"p.parquet": pa.table(COLUMNS | {"id": [1e300], "mail": [float("inf")]})}, "p.parquet")
    assert (found.keys[0][1], found.raw["email"][0].as_py()) == ("1e+300", "inf")


def test_what_landed_is_read_as_it_landed(tmp_path: Path) -> None:
    """docs/privacy.md: whatever reads a snapshot compares it with its manifest first."""
    frame = declared(tmp_path / "landed").frame("customers")
    place = Path(land(str(written(tmp_path / "extract")), frame, TODAY, NOW).place)
    (file,) = day_files.files_of("Crm", str(tmp_path / "landed/customers/{day}"), "csv", TODAY.isoformat())
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"FR", b"XA"))
    with pytest.raises(RunRefused, match=r"people\.csv was altered since it landed"):
        day_files.files_of("Crm", f"{place}/*.csv", "csv", DAY)


def test_a_value_that_too_many_share_is_nobodys(tmp_path: Path) -> None:
    """More records than one master may have, with one e-mail address: a system writes it for want of any."""
    for crowd, known in ((20, True), (21, False)):
        mails = ["desk@shop.example"] * crowd + ["a@x.example"]
        rows = "".join(f"{n},Ann,Reed,{mail},\n" for n, mail in enumerate(mails))
        found = read(tmp_path, {"crm.csv": GOOD.splitlines()[0] + "\n" + rows}).compared
        assert ("desk@shop.example" in found["email"].to_pylist(), "desk" in found["mailbox"].to_pylist()) == (
            known,
        ) * 2
        assert "a@x.example" in found["email"].to_pylist()


def test_a_placeholder_survives_nothing(tmp_path: Path) -> None:
    """The newest address that is one, not the newest cell; moments of several forms are in one order."""
    rows = "1,Ann,Reed,a@x.example,2024-01-01\n2,Ann,Reed,b@x.example,31/1/2024\n3,Ann,n/a,none@none.com,2024-02-01T00:00\n"
    found = read(tmp_path, {"crm.csv": GOOD.splitlines()[0] + "\n" + rows})
    kept = Survivorship(settings(tmp_path), found).of([0, 1, 2])
    assert [kept[name].value for name in ("given_name", "family_name", "email")] == ["Ann", "Reed", "b@x.example"]


def test_a_day_survives_as_its_source_wrote_it(tmp_path: Path) -> None:
    """Not the newest day, if no calendar has it; and what most say, whichever of day and month each source puts first."""
    born = (
        SOURCE
        + 'birth_date = "born"\n[sources.us]\npath = "us.csv"\nkey = "id"\nday_first = false\nupdated = "changed"\n'
    )
    body = tomllib.loads(born + '[sources.us.roles]\nbirth_date = "born"\n')
    crm = "id,first,last,mail,born,changed\n1,Ann,Reed,,01/02/1970,2024-01-01\n2,Ann,Reed,,2/1/1970,2024-01-02\n3,Ann,Reed,,31/02/1970,2024-01-03\n"
    us = "id,born,changed\n1,01/02/1970,2024-01-01\n"
    for name, text in (("crm.csv", crm), ("us.csv", us)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    said = parse(body, str(tmp_path))
    survivorship = Survivorship(said, records.read(said, DAY))
    assert survivorship.of([2, 0])["birth_date"].value == "01/02/1970"
    assert survivorship.of([0, 1, 3])["birth_date"].value == "2/1/1970"


@pytest.mark.parametrize(("there", "apart"), [("abc", {("b", "c")}), ("ac", {("a", "c")}), ("ab", set())])
def test_what_was_decided_different_stays_so(there: str, apart: set[tuple[str, str]]) -> None:
    """A and B same, B and C different: C is kept from A, though B is absent."""
    made = [decision("same", "a", "b"), decision("different", "b", "c")]
    places = {("crm", key): place for place, key in enumerate(there)}
    _, different = overrides.rows_of(overrides.in_force(made), places)
    assert {(there[a], there[b]) for a, b in different} == apart


def decision(said: str, a: str, b: str) -> Override:
    return Override(said, ("crm", a), ("crm", b), "they telephoned", "ann", "2024-06-03T10:00:00Z")


def test_decisions_that_an_editor_saved(tmp_path: Path) -> None:
    """A mark of UTF-8 before them, an empty line, a last line left open; and no decision that the file would not bear."""
    path = tmp_path / "overrides.csv"
    path.write_bytes(b"\xef\xbb\xbf" + ",".join(overrides.COLUMNS).encode() + b"\r\n\r\nsame,crm,1,crm,2,so,ann,now")
    overrides.append(str(path), decision("same", "2", "3"))
    assert [made.pair for made in overrides.read(str(path))] == [
        (("crm", "1"), ("crm", "2")),
        (("crm", "2"), ("crm", "3")),
    ]
    with pytest.raises(RunRefused, match="it cannot be read"):
        overrides.read(str(tmp_path))
    found = read(tmp_path, {"crm.csv": GOOD})
    with pytest.raises(RunRefused, match="it is named twice"):
        reviewing.decide(settings(tmp_path), found, decision("same", "1", "1"))
    with pytest.raises(RunRefused, match="nothing to decide"):
        reviewing.decide(settings(tmp_path, mode="golden", golden="crm"), found, decision("same", "1", "2"))
    path.write_bytes("decidé".encode("latin-1"))
    with pytest.raises(RunRefused, match="it is not UTF-8"):
        overrides.read(str(path))


LINES = """
    line                                | says                                | because
    ------------------------------------+-------------------------------------+---------------------------------------------
    same,crm, 1,crm,2,so,ann,now        | names a record with a blank about   | of no record, so the decision would be none
    same,crm,1,crm,,so,ann,now          | names a record with a blank about   | nor is one of no key
    same,crm,1,crm,2,"so" they said,ann,now | it cannot be read: ',' expected | a quote within a cell is doubled
    same,crm,1,crm,2,"so,ann,now        | it cannot be read: unexpected end   | a quote that is never closed
"""


@pytest.mark.parametrize("row", cases(LINES))
def test_a_decision_that_would_be_passed_over(row: Row, tmp_path: Path) -> None:
    """Refused: it would count for nobody, or for whatever its cells were taken for."""
    path = tmp_path / "overrides.csv"
    path.write_text(",".join(overrides.COLUMNS) + f"\n{row['line']}\n", encoding="utf-8")
    with pytest.raises(RunRefused, match=row["says"]):
        overrides.read(str(path))


def test_of_two_parted_halves_the_first_has_the_id() -> None:
    """A record that came later, whose key comes first, does not go off with the id of the one it was merged with."""
    old, new = ("crm", "5"), ("crm", "3")
    ids = Ids()
    for number, clusters in enumerate(([[old]], [[old], [new]], [[new, old]], [[new], [old]])):
        ids = assigned(clusters, ids, f"2024-06-0{number + 1}")
    assert (ids.now[old], ids.now[new]) == (1_000_001, 1_000_002)


class Counted(list[Key]):
    """Keys that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[Key]:
        self.times += 1
        return super().__iter__()


def test_an_outside_table_is_gone_through_once(tmp_path: Path) -> None:
    """Not the records once more for each of its rows."""
    rows = "".join(f"crm;{n};{n}\n" for n in range(50))
    (tmp_path / "ids.csv").write_text(f"source;source_id;master_id\n{rows}", encoding="utf-8")
    said = settings(tmp_path, mode="crosswalk", crosswalk={"path": "ids.csv", "format": "csv", "delimiter": ";"})
    found = read(tmp_path, {"crm.csv": GOOD.splitlines()[0] + "\n" + "".join(f"{n},A,B,,\n" for n in range(50))})
    keys = Counted(found.keys)
    assert len(outside.ids(said, replace(found, keys=keys), DAY)) == 50
    assert keys.times < 5


def test_a_build_begins_with_what_the_one_before_wrote(tmp_path: Path) -> None:
    """Ids that were altered, or that another mode gave, would be those of other persons."""
    text = SOURCE.replace('email = "mail"', 'birth_date = "mail"')
    said = parse(tomllib.loads(text) | {"mode": "golden", "golden": "crm"}, str(tmp_path))
    (tmp_path / "crm.csv").write_text(GOOD.replace("a@x.example", "3 May 2024"), encoding="utf-8")
    day.build_day(said, DAY, unopened)
    with pytest.raises(RunRefused, match=r"has mode golden, and the settings say built-in"):
        day.build_day(settings(tmp_path), "2024-06-04", unopened)
    manifest = tmp_path / "master" / DAY / folders.MANIFEST
    told = json.loads(manifest.read_text(encoding="utf-8"))
    assert folders.manifest(tmp_path / "master" / DAY)["no_birth_days"] == {"crm": {"records": 1, "as": "9 xxx 9999"}}
    with pytest.raises(RunRefused, match="nothing to decide"):
        mastering.explained(said, DAY, ("crm", "1"), ("crm", "1"))
    manifest.write_text("{}", encoding="utf-8")
    with pytest.raises(RunRefused, match="it has no manifest that reads"):
        day.build_day(said, "2024-06-04", unopened)
    manifest.write_text(json.dumps(told | {"files": {"ids/part-00000.parquet": "0"}}), encoding="utf-8")
    with pytest.raises(RunRefused, match=r"ids/part-00000.parquet is gone, or not as it was written"):
        day.build_day(said, "2024-06-04", unopened)


def unopened() -> Backend:
    raise AssertionError("nothing is linked")
