"""From landed to curated: each column by its policy, keys that still join, and nothing made twice (R-LAKE-6)."""

from __future__ import annotations

import re
import tomllib
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pyspark.sql import SparkSession

from jobs.curate_step import step
from jobs.ingest_step import step as ingest
from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.model.rule_sets import freeze
from rules_engine.model.schemas import Schema
from rules_engine.spark.evaluator import SparkEvaluator
from rules_lake.landing.landing import land
from rules_lake.privacy.curating import Tokenising
from rules_lake.privacy.declared import Declared, parse
from rules_lake.privacy.dropped import Dropped
from rules_lake.privacy.lake_of import CuratedLake, curate_lake
from rules_lake.privacy.policy import policy
from rules_lake.privacy.reverse_table import ReverseTable
from rules_lake.privacy.tokens import TokenKeys, is_token
from rules_lake.privacy.treating import treated
from rules_lake.privacy.used import Used
from tests.small_lake import rule, rule_set
from tests.spec.table import Row, cases

SECRET = "a secret of forty characters, not a short one"
NOW = datetime(2024, 6, 2, tzinfo=UTC)
DAY = date(2024, 6, 1)

LANDED = """
subject = "people"
segments = ["town"]
[frames.people]
path = "people/{day}"
key = ["id"]
subject_key = "id"
[frames.people.columns]
id = { type = "bigint", privacy = "tokenise" }
name = { type = "string" }
town = "string"
iban = { type = "string", privacy = { policy = "mask", last = 4 } }
born = { type = "date", privacy = { policy = "band", width = "decade" }, nulls = 0.0 }
income = { type = "decimal(10,2)", privacy = { policy = "band", width = 500 } }
[frames.loans]
path = "loans/{day}"
key = ["loan"]
subject_key = "person"
[frames.loans.columns]
loan = "string"
person = "bigint"
amount = "double"
note = { type = "string", privacy = "drop" }
"""
PEOPLE = {
    "id": [7, 8, 9],
    "name": ["Ann", "Bob", None],
    "town": ["Lyon", "Bonn", "Bath"],
    "iban": ["DE89370400440532013000", "FR14", None],
    "born": [date(1987, 11, 23), None, date(2001, 1, 1)],
    "income": [1999, -1, 500],
}
LOANS = {"loan": ["L1", "L2"], "person": [9, 7], "amount": [10.0, 20.0], "note": ["late", "x"]}


def landed(folder: Path, text: str = LANDED) -> Declared:
    """The two frames as they landed on the first of June."""
    declared = parse(text, str(folder / "landed"))
    of = {c.name: c.type for f in declared.lake.frames for c in f.columns}
    for name, columns in (("people", PEOPLE), ("loans", LOANS)):
        (folder / name).mkdir(exist_ok=True)
        arrays = {c: _array(of[c], values) for c, values in columns.items()}
        pq.write_table(pa.table(arrays), folder / name / "part-0.parquet")
        land(str(folder / name), declared.lake.frame(name), DAY, NOW)
    return declared


def tokens(folder: Path, secret: str = SECRET, tenant: str = "acme") -> Tokenising:
    keys = TokenKeys.of(secret, tenant)
    return Tokenising(keys, ReverseTable(str(folder / "tokens"), keys))


def curate(folder: Path, declared: Declared, used: Used | None = None, secret: str = SECRET) -> CuratedLake:
    reads = {"loans": frozenset({"amount"})} if used is None else used
    return curate_lake(declared, None, reads, tokens(folder, secret), str(folder / "lake/frames.toml"))


def rows(folder: Path, frame: str, day: date = DAY) -> dict[str, list[object]]:
    """A curated frame as the evaluator would read it."""
    return pq.read_table(folder / f"lake/{frame}/{day}").to_pydict()


def test_each_column_goes_on_as_its_policy_says(tmp_path: Path) -> None:
    """Names that nothing uses are dropped, a segment's column stays, bands, masks and tokens are what they say."""
    curate(tmp_path, landed(tmp_path))
    people, loans = rows(tmp_path, "people"), rows(tmp_path, "loans")
    assert list(people) == ["id", "town", "iban", "born", "income"]
    assert people["town"] == PEOPLE["town"]
    assert people["iban"] == ["***3000", "***", None]
    assert people["born"] == [date(1980, 1, 1), None, date(2000, 1, 1)]
    assert [str(each) for each in people["income"]] == ["1500.00", "-500.00", "500.00"]
    assert list(loans) == ["loan", "person", "amount"]
    assert loans["person"] == [people["id"][2], people["id"][0]]
    assert all(is_token(str(each)) for each in people["id"])


def test_the_declaration_that_rules_are_evaluated_by_follows(tmp_path: Path) -> None:
    """The engine reads it as any other: no dropped column, tokens as texts; what was dropped is said beside it."""
    curate(tmp_path, landed(tmp_path))
    lake = declaration.load(tmp_path / "lake/frames.toml")
    types = {c.name: c.type for c in lake.subject_frame.columns}
    assert types == {"id": "string", "town": "string", "iban": "string", "born": "date", "income": "decimal(10,2)"}
    gone = Dropped.of(str(tmp_path / "lake/frames.toml"))
    assert (gone.waiting, gone.by_policy) == ({"people": {"name": "string"}}, {"loans": {"note": "string"}})


STEPS = """
    what changes                | made         | why said                       | because
    ----------------------------+--------------+--------------------------------+-------------------------------------------
    nothing                     |              |                                | the same inputs make nothing anew
    a rule reads a name         | people       | name goes on now               | a rule that came needs its column
    a rule reads no amount      | loans        | amount goes on no more         | a column whose last rule went goes with it
    another policy              | people       | the privacy of iban is another | what was curated is not what is declared
    another loan                | loans        | it was not there               | the snapshot of another day has its folder
    another secret              | people,loans | the secret of tokens is another | every token would be another
    a curated file is harmed    | people       | it was not there               | what is not whole is made again
"""


@pytest.mark.parametrize("row", cases(STEPS))
def test_only_what_depends_on_a_change_is_made_again(row: Row, tmp_path: Path) -> None:
    """Told by the landed content, the policies and the used columns, frame by frame."""
    declared = landed(tmp_path)
    curate(tmp_path, declared)
    what, used, secret = row["what changes"], {"loans": frozenset({"amount"})}, SECRET
    if what == "a rule reads a name":
        used["people"] = frozenset({"name"})
    elif what == "a rule reads no amount":
        used = {}
    elif what == "another policy":
        declared = parse(LANDED.replace("last = 4", "last = 2"), str(tmp_path / "landed"))
    elif what == "another loan":
        land(str(tmp_path / "loans"), declared.lake.frame("loans"), DAY + timedelta(days=1), NOW)
    elif what == "another secret":
        secret = SECRET + "!"
    elif what == "a curated file is harmed":
        (tmp_path / "lake/people/2024-06-01/part-0.parquet").write_bytes(b"PAR1")
    done = curate(tmp_path, declared, used, secret)
    assert ",".join(each.frame for each in done.frames if each.made) == row["made"]
    assert {each.made for each in done.frames if each.made} == ({row["why said"]} if row["why said"] else set())


def test_texts_that_are_read_otherwise_are_curated_again(tmp_path: Path) -> None:
    """The bytes are those that landed: which day 01/02 is, the declaration says."""
    text = LANDED.replace('path = "loans/{day}"', 'path = "loans/{day}"\nformat = "csv"\nOPTIONS')
    text = text.replace('amount = "double"', 'due = "date"')
    texts = [text.replace("OPTIONS", f'options = {{ dateFormat = "{form}" }}') for form in ("dd/MM/yyyy", "MM/dd/yyyy")]
    first, other = (parse(each, str(tmp_path / "landed")) for each in texts)
    landed(tmp_path)
    source = tmp_path / "csv/loans.csv"
    source.parent.mkdir()
    source.write_text("loan,person,due,note\nL1,7,01/02/2024,x\n")
    on = DAY + timedelta(days=1)
    land(str(source.parent), first.lake.frame("loans"), on, NOW)
    used = {"loans": frozenset({"due"})}
    curate(tmp_path, first, used)
    assert rows(tmp_path, "loans", on)["due"] == [date(2024, 2, 1)]
    assert [each.made for each in curate(tmp_path, other, used).frames] == ["", "its options are others"]
    assert rows(tmp_path, "loans", on)["due"] == [date(2024, 1, 2)]
    assert [each.made for each in curate(tmp_path, other, used).frames] == ["", ""]


TIGHTER = """
    instead of                    | is said                   | older      | because
    ------------------------------+---------------------------+------------+-----------------------------------------------
    policy = "mask", last = 4     | policy = "mask", last = 2 | 2024-06-01 | more of each is shown there than may be
    policy = "mask", last = 4     | policy = "drop"           | 2024-06-01 | and here the column itself is there
    name = { type = "string" }    | name = { type = "string", privacy = "drop" } | | what never went on is nowhere
    town = "string"               | town = { type = "string", privacy = "keep" } | | and what went on is kept as it was
"""


@pytest.mark.parametrize("row", cases(TIGHTER))
def test_older_days_that_keep_what_may_not_go_on_are_named(row: Row, tmp_path: Path) -> None:
    """Once, when the policy is another: nothing but the newest is made again, and a run of an older day would see it."""
    declared, changed = landed(tmp_path), LANDED.replace(row["instead of"], row["is said"])
    curate(tmp_path, declared)
    newer = pq.read_table(tmp_path / "people/part-0.parquet").slice(0, 2)
    pq.write_table(newer, tmp_path / "people/part-0.parquet")
    land(str(tmp_path / "people"), declared.lake.frame("people"), DAY + timedelta(days=1), NOW)
    assert not [each.older for each in curate(tmp_path, declared).frames if each.older]
    other = parse(changed, str(tmp_path / "landed"))
    said = [day for each in curate(tmp_path, other).frames for day in each.older]
    assert said == [row["older"]] * bool(row["older"])
    assert not [each.older for each in curate(tmp_path, other).frames if each.older]


REFUSED = """
    instead of                             | is said                                | refused with                          | because
    ---------------------------------------+----------------------------------------+---------------------------------------+------------------------------------------------
    privacy = "drop"                       | privacy = "dropped"                    | Did you mean 'drop'?                  | a word that means nothing is no policy
    privacy = "tokenise"                   | privacy = "drop"                       | it is a key                           | subjects would have no name
    { policy = "mask", last = 4 }          | { policy = "mask", first = 4 }         | says 'first'                          | a parameter that means nothing
    { policy = "mask", last = 4 }          | { policy = "mask", last = 30 }         | a whole number from 0 to 8            | a mask that shows all
    { policy = "mask", last = 4 }          | { policy = "band", width = 10 }        | has no bands                          | texts have no bands
    { policy = "band", width = "decade" }  | { policy = "band", width = "century" } | Bands of days are                     | no such span
    { policy = "band", width = "decade" }  | { policy = "mask" }                    | what is masked is text                | a day is no text
    { policy = "band", width = 500 }       | { policy = "band", edges = [9, 1] }    | each above the last                   | edges have an order
    "bigint", privacy = "tokenise"         | "bigint", privacy = { policy = "band", edges = [0.5, 9] } | Write whole numbers | an edge would be cut to 0, a band below it
    { policy = "band", width = 500 }       | { policy = "band", width = inf }       | a number above 0                      | a band of everything
    { policy = "band", width = 500 }       | { policy = "band" }                    | a width or edges                      | bands without ends
    person = "bigint"                      | person = { type = "bigint", privacy = "keep" } | would not join any more       | tokens on one side join nothing on the other
    amount = "double"                      | amount = { type = "double", privacy = "tokenise" } | there are no tokens       | doubles are not told apart by their text
    amount = "double"                      | amount = { type = "double", privacy = "drop" } | a rule in force reads it      | the night would stop at this rule
"""


@pytest.mark.parametrize("row", cases(REFUSED))
def test_a_policy_that_cannot_be_is_refused_before_anything_is_written(row: Row, tmp_path: Path) -> None:
    """Named by frame and column, with what to say instead."""
    with pytest.raises(RunRefused, match=row["refused with"].replace("?", r"\?")):
        curate(tmp_path, landed(tmp_path, LANDED.replace(row["instead of"], row["is said"])))
    assert not (tmp_path / "lake").exists()


STRANGERS = """
    what changes   | refused                         | because
    ---------------+---------------------------------+-------------------------------------------------
    nothing        |                                 | the next day is as the day before
    a column       |                                 | what is no key may have another policy
    the secret     | the secret of tokens is another | every token is another
    the key        | the privacy of its id           | a key as it landed is nobody's token
    the domain     | the privacy of its id           | nor is a token of another domain
"""
OTHERWISE = {
    "a column": ("last = 4", "last = 2"),
    "the key": ('id = { type = "bigint", privacy = "tokenise" }', 'id = { type = "bigint", privacy = "keep" }'),
    "the domain": ('privacy = "tokenise"', 'privacy = { policy = "tokenise", domain = "d" }'),
}


@pytest.mark.parametrize("row", cases(STRANGERS))
def test_subjects_keep_their_keys_from_day_to_day(row: Row, tmp_path: Path) -> None:
    """Else everybody would leave, and as many strangers come."""
    curate(tmp_path, landed(tmp_path))
    declared = parse(LANDED.replace(*OTHERWISE.get(row["what changes"], ("", ""))), str(tmp_path / "landed"))
    land(str(tmp_path / "people"), declared.lake.frame("people"), DAY + timedelta(days=1), NOW)
    secret = SECRET + "!" * (row["what changes"] == "the secret")
    if not row["refused"]:
        assert curate(tmp_path, declared, secret=secret)
        return
    with pytest.raises(RunRefused, match=row["refused"]):
        curate(tmp_path, declared, secret=secret)
    assert not (tmp_path / "lake/people/2024-06-02").exists()


def test_a_token_stands_for_one_value_of_one_tenant_and_secret(tmp_path: Path) -> None:
    """The same in every frame and on every day, another for another tenant, secret or domain."""
    keys = TokenKeys.of(SECRET, "acme")
    others = [TokenKeys.of(SECRET, "umbra"), TokenKeys.of(SECRET[::-1], "acme")]
    made = [keys.token("subject", "7"), keys.token("account", "7"), *(each.token("subject", "7") for each in others)]
    assert len(set(made)) == 4
    assert keys.token("subject", "é") == keys.token("subject", "e\u0301")
    assert keys.column("subject", pa.array([7], pa.int64()))[0] == keys.column("subject", pa.array(["7"]))[0]
    assert SECRET not in repr(keys) + repr(tokens(tmp_path))


@pytest.mark.parametrize("secret", ["", "short", "0" * 64])
def test_a_secret_that_would_be_guessed_is_refused_and_not_repeated(secret: str) -> None:
    """Too short, or of hardly two characters."""
    with pytest.raises(RunRefused) as refused:
        TokenKeys.of(secret, "acme")
    assert not secret or secret not in str(refused.value)


def test_without_a_secret_there_are_no_tokens_and_no_lake(tmp_path: Path) -> None:
    """A landed key would go on as it is: refused instead."""
    with pytest.raises(RunRefused, match="no secret is given"):
        curate_lake(landed(tmp_path), None, {}, None, str(tmp_path / "lake/frames.toml"))


def test_a_lake_may_be_declared_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RULES_LAKE=frames.toml: its folder is the working folder, and not the root of all folders."""
    declared = landed(tmp_path)
    (tmp_path / "lake").mkdir()
    monkeypatch.chdir(tmp_path / "lake")
    curate_lake(declared, None, {}, tokens(tmp_path), "frames.toml")
    assert {each.name for each in (tmp_path / "lake").iterdir()} == {"frames.toml", "privacy.json", "people", "loans"}


def test_a_lake_that_is_somebodys_own_is_not_overwritten(tmp_path: Path) -> None:
    """A declaration that was written by hand, and folders that hold what landed, are left alone."""
    declared = landed(tmp_path)
    with pytest.raises(RunRefused, match="lands in a folder of it"):
        curate_lake(declared, None, {}, tokens(tmp_path), str(tmp_path / "landed/lake.toml"))
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake/frames.toml").write_text("mine")
    with pytest.raises(RunRefused, match="was not written by `rules curate`"):
        curate(tmp_path, declared)
    assert (tmp_path / "lake/frames.toml").read_text() == "mine"


ODD = ("2024-06-02_v2", "Day=2024-06-02", "2024_06_02", "2024-06-31")


@pytest.mark.parametrize("odd", ODD)
def test_a_folder_that_looks_like_a_landed_day_stops_curating(tmp_path: Path, odd: str) -> None:
    """As it stops a run over folders: the day before would be made the newest without a word."""
    declared = landed(tmp_path)
    there = tmp_path / "landed/people" / odd
    (tmp_path / "landed/people/2024-06-01").rename(there)
    land(str(tmp_path / "people"), declared.lake.frame("people"), DAY, NOW)
    says = f"'people': '{odd}' at .* looks like a day and is read as none: understood is 2024-06-01. Name it as it"
    with pytest.raises(RunRefused, match=says):
        curate(tmp_path, declared)
    assert not (tmp_path / "lake").exists()
    there.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/_manifest.json").unlink()
    assert land(str(tmp_path / "elsewhere"), declared.lake.frame("people"), DAY + timedelta(days=1), NOW)
    assert [each.day.day for each in curate(tmp_path, declared).frames] == [2, 1]


def test_a_day_in_another_spelling_is_told_as_that(tmp_path: Path) -> None:
    """Not as a folder without a manifest, which is not there."""
    declared = landed(tmp_path)
    (tmp_path / "landed/people/20240602").mkdir()
    with pytest.raises(RunRefused, match=r"2024-06-02 lies in .*/20240602, and it lands as .*/2024-06-02"):
        curate(tmp_path, declared)


def test_a_snapshot_of_another_frame_is_none_of_this(tmp_path: Path) -> None:
    """Of the same columns, with a manifest of its own: it says which frame it landed as."""
    declared = landed(tmp_path)
    other = parse(LANDED.replace("frames.loans", "frames.debts"), str(tmp_path / "landed"))
    place = tmp_path / "landed/loans/2024-06-01"
    place.rename(tmp_path / "elsewhere")
    land(str(tmp_path / "loans"), other.lake.frame("debts"), DAY, NOW)
    with pytest.raises(RunRefused, match="it landed as frame 'debts', and not as 'loans'"):
        curate(tmp_path, declared)


def test_a_file_beside_a_curated_one_is_refused(tmp_path: Path) -> None:
    """A run reads all that lies there: its rows would count, and its subjects."""
    declared = landed(tmp_path)
    curate(tmp_path, declared)
    there = tmp_path / "lake/people/2024-06-01"
    (there / "part-1.parquet").write_bytes((there / "part-0.parquet").read_bytes())
    with pytest.raises(RunRefused, match=r"its file part-1\.parquet was not written by .* Move part-1\.parquet away"):
        curate(tmp_path, declared)
    (there / "part-1.parquet").unlink()
    assert {each.made for each in curate(tmp_path, declared).frames} == {""}


def test_a_day_that_is_in_no_band_is_told_as_that(tmp_path: Path) -> None:
    """The infinity of PostgreSQL is a day of the year 5881580: what the band's ends are does not mend it."""
    text = LANDED.partition("[frames.loans]")[0].replace('"tokenise" }', '"keep" }')
    declared = parse(text, str(tmp_path / "landed"))
    (tmp_path / "people").mkdir()
    columns = {c.name: _array(c.type, PEOPLE[c.name]) for c in declared.lake.frame("people").columns}
    beyond = pa.array([2_147_483_646, 0, 1], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table(columns | {"born": beyond}), tmp_path / "people/part-0.parquet")
    land(str(tmp_path / "people"), declared.lake.frame("people"), DAY, NOW)
    with pytest.raises(RunRefused, match=r"people\.born.* days before the year 1 or after 9999, which are in no band"):
        curate(tmp_path, declared)


def test_rows_of_a_curated_snapshot_are_those_of_its_file(tmp_path: Path) -> None:
    """A number that somebody wrote into its manifest was told as the number of rows."""
    declared = landed(tmp_path)
    counted = {(each.frame, each.day): each.rows for each in curate(tmp_path, declared).frames}
    for manifest in (tmp_path / "lake").rglob("_manifest.json"):
        manifest.write_text(re.sub(r'"rows":[0-9]+', '"rows":99', manifest.read_text("utf-8")), "utf-8")
    again = curate(tmp_path, declared).frames
    assert {each.made for each in again} == {""}
    assert {(each.frame, each.day): each.rows for each in again} == counted


@pytest.mark.parametrize("said", ["width = 0.1", "edges = [0, 0.3, 0.7]"])
def test_a_number_of_four_bytes_is_in_the_band_of_what_is_written(said: str) -> None:
    """0.7 of four bytes is a little less than 0.7 of eight."""
    told = policy("people", "score", "float", tomllib.loads(f'policy = "band"\n{said}'))
    assert treated(told, pa.array([0.7, 0.3, None], pa.float32())) == pa.array([0.7, 0.3, None], pa.float32())


RETYPED = """
    landed as     | declared as   | then as       | curated as    | because
    --------------+---------------+---------------+---------------+--------------------------------------------
    string        | varchar(9)    |               | string        | files keep no length, and no run reads one
    string        | CHAR( 9 )     |               | string        | whatever it is called
    string        | varchar(2)    |               |               | a text of more letters is none of them
    timestamp[us] | timestamp     | timestamp_ntz | timestamp_ntz | what is declared is what a run looks for
"""


@pytest.mark.parametrize("row", cases(RETYPED))
def test_a_curated_column_is_of_the_type_that_is_declared(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """A run reads it, and finds what landed; declared as another type it is made again."""
    (tmp_path / "people").mkdir()
    values = ["Lyon"] if row["landed as"] == "string" else [datetime(2024, 6, 1, 9)]
    held = pa.array(values, None if row["landed as"] == "string" else pa.timestamp("us"))
    pq.write_table(pa.table({"id": [7], "held": held}), tmp_path / "people/part-0.parquet")
    text = """
        subject = "people"
        [frames.people]
        path = "people/{day}"
        subject_key = "id"
        columns = { id = "bigint", held = { type = "TYPE", privacy = "keep" } }
    """
    with pytest.raises(RunRefused, match="has values that varchar") if not row["curated as"] else nullcontext():
        for type_ in filter(None, (row["declared as"], row["then as"])):
            declared = parse(text.replace("TYPE", type_), str(tmp_path / "landed"))
            land(str(tmp_path / "people"), declared.lake.frame("people"), DAY, NOW)
            curate_lake(declared, None, {}, None, str(tmp_path / "lake/frames.toml"))
    if row["curated as"]:
        evaluator = SparkEvaluator(spark, declaration.load(tmp_path / "lake/frames.toml"))
        evaluator.check_lake(DAY)
        people = evaluator.spark.table("people")
        assert people.dtypes[1] == ("held", row["curated as"])
        assert people.first()["held"] == values[0]


def test_the_reverse_table_is_sealed_and_forgets(tmp_path: Path) -> None:
    """A token is revealed with the secret alone; what was erased is not added again; a sealed value that moved is found."""
    declared = landed(tmp_path)
    curate(tmp_path, declared)
    table, people = tokens(tmp_path).table, rows(tmp_path, "people")
    assert [table.reveal(str(each)) for each in people["id"]] == [("subject", str(n)) for n in PEOPLE["id"]]
    with pytest.raises(RunRefused, match="another secret"):
        tokens(tmp_path, SECRET + "!").table.reveal(str(people["id"][0]))
    gone = str(people["id"][1])
    assert (table.erase(gone), table.erase(gone)) == (True, False)
    curate(tmp_path, declared, {"people": frozenset({"name"})})
    assert [table.reveal(str(each)) is None for each in people["id"]] == [False, True, False]
    assert rows(tmp_path, "people")["id"] == people["id"]


WRITTEN = """
    as     | said   | because
    -------+--------+--------------------------------------------------
    7      |        | the token of 7 is that of the number
    -7     |        | below zero, too
    007    | 1 of   | a number with zeros before it is another text
    7.0    | 1 of   | as is one with a fraction of none
    ␣7     | 1 of   | or with a blank
    A7     |        | what is no number is nobody's, and known to be
"""


@pytest.mark.parametrize("row", cases(WRITTEN))
def test_a_number_in_a_text_that_would_join_nothing_is_refused(row: Row, tmp_path: Path) -> None:
    """Of types that differ a run refuses to join; tokens are texts all, and the loan would be nobody's."""
    declared = landed(tmp_path)
    declared = parse(LANDED.replace('person = "bigint"', 'person = "string"'), str(tmp_path / "landed"))
    persons = pa.array([row["as"].replace("␣", " "), None])
    loans = pa.table(LOANS).set_column(1, "person", persons)
    pq.write_table(loans, tmp_path / "loans/part-0.parquet")
    land(str(tmp_path / "loans"), declared.lake.frame("loans"), DAY + timedelta(days=1), NOW)
    with pytest.raises(RunRefused, match=f"'loans.person': {row['said']}") if row["said"] else nullcontext():
        curate(tmp_path, declared)


NEEDED = """
    rule                                                          | refused    | waits for   | because
    --------------------------------------------------------------+------------+-------------+------------------------------------------
    town = 'Lyon'                                                 |            |             | what goes on may be read
    name = 'Ann'                                                  |            | people.name | nothing used it so far
    SELECT p.id FROM people AS p WHERE lower(p.name) = 'ann'      |            | people.name | by whatever name the frame has
    SELECT person FROM loans WHERE note = 'late'                  | loans.note |             | declared as dropped
    SELECT person FROM loans WHERE note = 'late' AND amount > 1   | loans.note |             | beside columns that are there
    nome = 'Ann'                                                  |            |             | a name that nobody has is the gates' affair
"""


@pytest.mark.parametrize("row", cases(NEEDED))
def test_a_rule_that_needs_a_column_that_is_not_there_hears_why(row: Row, tmp_path: Path) -> None:
    """By rule, frame and column, and with what to do: another policy, or another curate."""
    curate(tmp_path, landed(tmp_path))
    gone = Dropped.of(str(tmp_path / "lake/frames.toml"))
    there = Schema.declared(declaration.load(tmp_path / "lake/frames.toml"))
    version = rule("NEW-1", row["rule"], frame="" if row["rule"].startswith("SELECT") else "people")
    refused, waits = [*gone.refusals([version], gone.drafting(there))], [*gone.missing([version], there)]
    assert [each.what.split("'")[1] for each in refused] == [row["refused"]] * bool(row["refused"])
    assert [each.what.split("'")[1] for each in waits] == [row["waits for"]] * bool(row["waits for"])
    assert all(each.which == "Rule NEW-1" and "rules curate" in each.remedy for each in (*refused, *waits))


def test_a_step_curates_by_a_frozen_rule_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by URIs; what its rules read goes on, and the second time nothing is made."""
    landed(tmp_path)
    (tmp_path / "landed/frames.toml").write_text(LANDED)
    (tmp_path / "rules.json").write_text(freeze(rule_set(rule("A", "name = 'Ann' AND born > :as_of", frame="people"))))
    places = {
        "declaration": "landed/frames.toml",
        "lake": "lake/frames.toml",
        "rule-set": "rules.json",
        "tokens": "tokens",
    }
    words = [word for name, path in places.items() for word in (f"--{name}", f"file://{tmp_path}/{path}")]
    monkeypatch.setenv("RULES_TOKEN_SECRET", SECRET)
    first, second = (step([*words, "--tenant", "acme", "--day", "2024-06-30"]) for _ in range(2))
    assert (first["tokens"], second["tokens"], second["made"]) == (3, 0, {})
    assert rows(tmp_path, "people")["name"] == PEOPLE["name"]
    assert "amount" not in rows(tmp_path, "loans")


def test_landing_and_curating_on_s3_are_what_they_are_in_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same steps over `s3a://`: the same curated rows, twice is once, and nothing is left aside."""
    curate(tmp_path, landed(tmp_path), {"people": frozenset({"name"})})
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    said = {"ENDPOINT_URL": f"http://127.0.0.1:{server.get_host_and_port()[1]}", "REGION": "eu-west-1"}
    for name, value in (said | {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("RULES_TOKEN_SECRET", SECRET)
    s3 = boto3.client("s3", region_name="eu-west-1")
    s3.create_bucket(Bucket="lakes", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    frozen = freeze(rule_set(rule("A", "name = 'Ann'", frame="people")))
    for key, text in (("landed/frames.toml", LANDED), ("rules.json", frozen)):
        s3.put_object(Bucket="lakes", Key=key, Body=text.encode())
    at = "s3a://lakes"
    try:
        for name in ("people", "loans"):
            s3.upload_file(str(tmp_path / name / "part-0.parquet"), "lakes", f"extracts/{name}/part-0.parquet")
            words = ["--source", f"{at}/extracts/{name}", "--frame", name, "--day", "2024-06-01"]
            words += ["--declaration", f"{at}/landed/frames.toml"]
            assert [ingest(words)["before"], ingest(words)["before"]] == [False, True]
        words = ["--declaration", f"{at}/landed/frames.toml", "--lake", f"{at}/lake/frames.toml", "--tenant", "acme"]
        words += ["--rule-set", f"{at}/rules.json", "--tokens", f"{at}/tokens", "--day", "2024-06-30"]
        assert [len(step(words)["made"]), len(step(words)["made"])] == [2, 0]  # type: ignore[arg-type]
        keys = {each["Key"] for each in s3.list_objects_v2(Bucket="lakes")["Contents"]}
        s3.download_file("lakes", "lake/people/2024-06-01/part-0.parquet", str(tmp_path / "there.parquet"))
    finally:
        server.stop()
    assert pq.read_table(tmp_path / "there.parquet").to_pydict() == rows(tmp_path, "people")
    assert {key.split("/")[0] for key in keys} == {"extracts", "landed", "lake", "tokens", "rules.json"}
    assert not [key for key in keys if "/." in key]


def _array(type_: str, values: list[object]) -> pa.Array:
    if type_.startswith("decimal"):
        return pa.array([str(each) for each in values]).cast(pa.decimal128(10, 2))
    return pa.array(values, pa.date32() if type_ == "date" else None)
