"""Nothing of a person that the lake does not let through is found after the landed data (R-LAKE-6)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rules_lake.privacy.tokens import TokenKeys
from tests.canaries import CANARIES, found, people
from tests.functional.rules_command import RulesCommand

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LANDED = """
subject = "customers"
[frames.customers]
path = "customers/{day}"
key = ["customer_id"]
subject_key = "customer_id"
[frames.customers.columns]
customer_id = { type = "bigint", privacy = "tokenise" }
name = "string"
email = { type = "string", privacy = "tokenise" }
account = { type = "string", privacy = { policy = "mask", last = 2 } }
birth_date = { type = "date", privacy = { policy = "band", width = "decade" } }
country = { type = "string", sensitive = true }
"""
KEPT = LANDED.replace('"tokenise"', '"keep"').replace('"string"\nemail', '{ type = "string", privacy = "keep" }\nemail')
RULES = """
membership_types: [{key: GOLD, name: Gold}]
rules:
  - {key: GOLD-001, name: Older, kind: inclusion, membership_type: GOLD, weight: 30, frame: customers,
     sql: "birth_date < DATE '1960-01-01' AND email IS NOT NULL AND length(account) > 2", effective: {from: 2024-01-01}}
  - {key: GOLD-002, name: Abroad, kind: exclusion, membership_type: GOLD, weight: 20, frame: customers,
     sql: "country = 'FR'", effective: {from: 2024-01-01}}
"""
SECRET = "a secret of forty characters, not a short one"


def test_canaries_are_found_nowhere_after_the_landed_data(
    spark: SparkSession, database_url: str, tmp_path: Path
) -> None:
    """Landed, curated, decided, published, explained, previewed and planned: 0 times, in any byte."""
    rules = _with_landed(tmp_path, LANDED, database_url)
    out = tmp_path / "out"
    with _event_log(spark, out / "events"):
        said = [rules("import", tmp_path / "rules.yaml").stderr]
        said += [fault["what"] for fault in rules.refused("run", "--as-of", "2024-06-01")[1]]
        assert all("'customers.country'" in each for each in said)
        rules.fine("curate")
        said.append(rules.fine("run", "--as-of", "2024-06-01"))
        (member, *_) = rules.json("members", "GOLD")["members"]
        said.append(rules.fine("explain", member, "--type", "GOLD"))
        assert _reads(rules, member) == {"***"}
        assert _reads(_reading_as(rules, "auditor"), member) <= {"GB", "FR"}
        said.append(rules.fine("preview", "--sql", "email IS NOT NULL", "--frame", "customers"))
        said.append(rules.fine("plan", "--file", tmp_path / "other.yaml", "--html", out / "plan.html"))
        rules.fine("evidence", member, "--from", "2024-06-01", "--to", "2024-06-01", "--out", out / "evidence.zip")
    (out / "answers.txt").write_text("\n".join(said))
    (out / "database.txt").write_text("\n".join(_rows(database_url)))
    tenant = tmp_path / "home/acme"
    searched = [tenant / "lake", tenant / "runs", tenant / "tokens", tmp_path / "home/log", out]
    assert {name: len(found(folder)) for folder in searched for name in [folder.name]} == {
        "lake": 0, "runs": 0, "tokens": 0, "log": 0, "out": 0,
    }  # fmt: skip
    assert {*found(tenant / "landed")} == {*CANARIES}
    assert SECRET not in (out / "answers.txt").read_text() + (tmp_path / "home/log/rules.jsonl").read_text()
    assert "SparkListenerSQLExecutionStart" in "".join(f.read_text() for f in (out / "events").iterdir())


def test_the_look_finds_canaries_that_are_let_through(database_url: str, tmp_path: Path) -> None:
    """With every column kept they are in the curated lake; and in a log, a page or an event log where they are put."""
    rules = _with_landed(tmp_path, KEPT.replace('policy = "mask", last = 2', 'policy = "keep"').replace(
        'policy = "band", width = "decade"', 'policy = "keep"'), database_url)  # fmt: skip
    rules.fine("curate")
    assert {*found(tmp_path / "home/acme/lake")} == {*CANARIES}
    for name in ("rules.jsonl", "plan.html", "local-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(f"x {CANARIES['account']} y")
        assert found(tmp_path / name) == {"account": [name]}


def test_a_token_is_revealed_and_forgotten_in_a_role_and_written_down(database_url: str, tmp_path: Path) -> None:
    """Masked readers are refused; what is erased is not kept again, and it is said what remains; no value in the log."""
    rules = _with_landed(tmp_path, LANDED, database_url)
    token = TokenKeys.of(SECRET, "acme").token("subject", "900003")
    ask = ("privacy", "reveal", token, "--reason", "a complaint")
    code, (fault,) = rules.refused(*ask)
    assert (code, fault["remedy"]) == (5, "Say your role: RULES_READER=auditor.")
    auditor, admin = (_reading_as(rules, role) for role in ("auditor", "admin"))
    assert auditor.json(*ask)["value"] == "900003"
    assert "--reason" in str(auditor.refused("privacy", "reveal", token))
    assert auditor.refused("privacy", "erase", "900003", "--reason", "as auditor")[0] == 5
    done = admin.json("privacy", "erase", "900003", "--reason", "a request")
    assert (done["token"], done["known"]) == (token, True)
    assert (done["landed"], done["curated"], done["records"]) == ([["customers", "2024-06-01"]],) * 2 + (None,)
    ((column, mail),) = done["others"]
    assert column == "customers.email"
    assert mail in done["remains"][0]
    assert "@" in auditor.json("privacy", "reveal", mail, "--reason", "of whom else is it")["value"]
    assert admin.json("privacy", "erase", mail, "--reason", "a request")["known"]
    assert admin.json("privacy", "erase", "900003", "--reason", "once more")["others"] == []
    assert auditor.refused(*ask)[1][0]["what"].startswith("nothing is known of it")
    (tmp_path / "home/acme/lake/customers/2024-06-01/_manifest.json").unlink()
    rules.fine("land", tmp_path / "extract", "customers", "--day", "2999-01-01")
    assert [each["day"] for each in rules.json("curate")] == ["2024-06-01"], "not what landed for days to come"
    assert auditor.refused(*ask)[0] == 5
    entries = rules.json("privacy", "log")
    assert [(e["role"], e["act"], e["reason"]) for e in entries][:2] == [
        ("auditor", "reveal", "a complaint"), ("admin", "erase", "a request"),
    ]  # fmt: skip
    assert "900003" not in str(entries)
    file = tmp_path / "home/acme/tokens/access/00000001.json"
    file.write_text(file.read_text().replace("complaint", "compliment"))
    assert "00000001.json is not as it was written" in rules.refused("privacy", "log")[1][0]["what"]


def test_what_a_draft_reads_goes_on_when_its_change_is_named(empty_database_url: str, tmp_path: Path) -> None:
    """Nothing in force reads the country; a draft does: dropped without its change, there with it, gone again after."""
    rules = _with_landed(tmp_path, LANDED, empty_database_url, upgrade=True)
    rules.fine("sql", "INSERT INTO rules.membership_type (key, name) VALUES ('GOLD', 'Gold')")
    rules.fine("sql", DRAFTED)
    change = max(each["change_id"] for each in rules.json("change", "list"))
    assert "country" in _dropped(rules.json("curate"))
    assert "country" not in _dropped(rules.json("curate", "--change", change))
    assert "country" in _dropped(rules.json("curate"))


def test_what_erasing_does_not_reach_is_named(database_url: str, tmp_path: Path) -> None:
    """Folders that nothing reads, snapshots that cannot be read, and a key in other letters of the same meaning."""
    own = LANDED.replace('customer_id = { type = "bigint", privacy = "tokenise" }', OWN_DOMAIN)
    rules = _with_landed(tmp_path, LANDED, database_url)
    shutil.rmtree(tmp_path / "home/acme/lake")
    landed, lake = tmp_path / "home/acme/landed/customers", tmp_path / "home/acme/lake/customers"
    extract = tmp_path / "zoe/part-0.parquet"
    extract.parent.mkdir()
    people = pq.read_table(next((tmp_path / "extract").iterdir()))
    keys = pa.array(["Zoe\u0308", *map(str, people["customer_id"].to_pylist()[1:])])
    (tmp_path / "home/acme/landed/frames.toml").write_text(own)
    pq.write_table(people.set_column(people.column_names.index("customer_id"), "customer_id", keys), extract)
    rules.fine("land", extract.parent, "customers", "--day", "2024-05-01")
    admin = _reading_as(rules, "admin")
    rules.fine("curate", "--day", "2024-05-31")
    for place in (landed / "2024-06-01_v2", landed / ".landing-7", lake / ".curating-7"):
        place.mkdir()
        (place / "part-0.parquet").write_bytes(b"PAR1")
    for folder in (landed.parent, lake.parent):
        (folder / "visits/2023-01-01").mkdir(parents=True)
    done = admin.json("privacy", "erase", "Zo\u00eb", "--reason", "a request")
    assert (done["known"], done["landed"]) == (True, [["customers", "2024-05-01"]])
    assert done["curated"] == [["customers", "2024-05-01"]]
    said = "\n".join(done["remains"])
    assert "that cannot be read here, so look yourself: customers 2024-06-01." in said
    assert all(each in said for each in ("customers/2024-06-01_v2", "customers/.landing-7", "customers/.curating-7"))
    assert all(f"{folder}/visits" in said for folder in (landed.parent, lake.parent))


def test_what_remains_of_any_token_is_named(database_url: str, tmp_path: Path) -> None:
    """Of an e-mail address; of what was forgotten before; of a subject in another's row; in folders as they are."""
    key = 'customer_id = { type = "bigint", privacy = "tokenise" }'
    named = LANDED.replace("name = ", "phone = ").replace(key, f"{key}\n{REFERRED}")
    named = named.replace("sensitive = true", 'privacy = "keep"')
    rules = _with_landed(tmp_path, LANDED, database_url)
    (tmp_path / "home/acme/landed/frames.toml").write_text(named)
    shutil.rmtree(tmp_path / "home/acme/landed/customers")
    shutil.rmtree(tmp_path / "home/acme/lake")
    rows = people().rename_columns(["customer_id", "phone", "email", "account", "birth_date", "country"])
    by = pa.array([900_003 if n == 7 else None for n in range(rows.num_rows)], pa.int64())
    for day, count in (("2024-05-01", 40), ("2024-05-02", 2)):
        extract = tmp_path / f"extract-{day}/part-0.parquet"
        extract.parent.mkdir()
        pq.write_table(rows.append_column("referred_by", by).slice(0, count), extract)
        rules.fine("land", extract.parent, "customers", "--day", day)
        rules.fine("curate", "--day", day)
    lake = tmp_path / "home/acme/lake/customers"
    shutil.copytree(lake / "2024-05-01", lake / "2024-05-01_v2")
    shutil.copytree(lake / "2024-05-01", lake / "2024-04-01")
    (lake / "2024-04-01/part-0.parquet").write_bytes(b"PAR1")
    admin = _reading_as(rules, "admin")
    admin.settings["RULES_MASTER"] = str(tmp_path / "rules.yaml")
    keys = TokenKeys.of(SECRET, "acme")
    first = [["customers", "2024-05-01"]]
    for asked in (keys.token("email", CANARIES["e-mail"]), keys.token("subject", "900003")):
        for known in (True, False):
            done = admin.json("privacy", "erase", asked, "--reason", "a request")
            assert (done["known"], done["landed"]) == (known, first), "forgotten, it is looked for by its token"
            assert done["curated"] == [*first, ["customers", "2024-05-01_v2"]]
            said = "\n".join(done["remains"])
            assert "curated snapshots that cannot be read here, so look yourself: customers 2024-04-01." in said
            assert "what `rules master` built and asked by" in said
            assert "beside columns as they landed: customers.country." in said
    shutil.rmtree(tmp_path / "home/acme/landed/customers/2024-05-01")
    alone = _without(tmp_path / "alone", rows.append_column("referred_by", by))
    rules.fine("land", alone, "customers", "--day", "2024-05-01")
    assert admin.json("privacy", "erase", "900003", "--reason", "a request")["landed"] == first, "in another's row"


def _without(folder: Path, rows: pa.Table) -> Path:
    """An extract of rows without the canary's own."""
    folder.mkdir()
    pq.write_table(rows.filter(pc.not_equal(rows["customer_id"], 900_003)), folder / "part-0.parquet")
    return folder


REFERRED = 'referred_by = { type = "bigint", privacy = { policy = "tokenise", domain = "subject" } }'

OWN_DOMAIN = 'customer_id = { type = "string", privacy = { policy = "tokenise", domain = "people" } }'

DRAFTED = """
INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from)
VALUES ('GOLD-003', 'inclusion', 'GOLD', 10, 'customers', 'country = ''FR''', '2024-01-01')
"""


def _dropped(said: list[dict[str, Any]]) -> set[str]:
    return {name for each in said for name, column in each["columns"].items() if not column["type"]}


def _reads(rules: RulesCommand, member: str) -> set[str]:
    """What is shown of a member's country."""
    (told,) = rules.json("explain", member, "--type", "GOLD")
    (rule,) = (each for each in told["rules"] if each["rule"].startswith("GOLD-002"))
    return {clause["read"] for row in rule["values"]["rows"] for clause in row["clauses"]}


def _reading_as(rules: RulesCommand, role: str) -> RulesCommand:
    return replace(rules, settings={**rules.settings, "RULES_READER": role})


def _with_landed(folder: Path, declaration: str, database_url: str, *, upgrade: bool = False) -> RulesCommand:
    """The command of a tenant whose people landed, by a declaration."""
    landed = folder / "home/acme/landed"
    landed.mkdir(parents=True)
    (landed / "frames.toml").write_text(declaration)
    (folder / "rules.yaml").write_text(RULES)
    (folder / "other.yaml").write_text(RULES.replace("weight: 20", "weight: 40"))
    (folder / "extract").mkdir()
    pq.write_table(people(), folder / "extract/part-0.parquet")
    said = {"RULES_TENANT": "acme", "RULES_DATABASE_URL": database_url, "RULES_TOKEN_SECRET": SECRET}
    rules = RulesCommand(folder / "home", said)
    if upgrade:
        rules.fine("db", "upgrade")
    rules.fine("land", folder / "extract", "customers", "--day", "2024-06-01")
    rules.fine("curate")
    return rules


@contextmanager
def _event_log(spark: SparkSession, folder: Path) -> Iterator[None]:
    """What Spark writes of its events, SQL texts and plans included, as a history server would read it."""
    folder.mkdir(parents=True)
    jvm, context = spark._jvm, spark.sparkContext._jsc.sc()  # type: ignore[union-attr]
    conf = context.conf().clone().set("spark.eventLog.rolling.enabled", "false").set("spark.eventLog.compress", "false")
    none, uri = jvm.scala.Option.empty(), jvm.java.net.URI(folder.as_uri())
    listener = jvm.org.apache.spark.scheduler.EventLoggingListener(
        "canaries", none, uri, conf, context.hadoopConfiguration()
    )
    listener.start()
    context.addSparkListener(listener)
    try:
        yield
    finally:
        context.listenerBus().waitUntilEmpty()
        context.removeSparkListener(listener)
        listener.stop()


def _rows(url: str) -> Iterator[str]:
    """Every row of every table of rules and history, as text."""
    named = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('rules', 'history')"
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(named)
        tables = cursor.fetchall()
        assert {"rules", "history"} == {schema for schema, _ in tables}
        for schema, table in tables:
            cursor.execute(f'SELECT t::text FROM {schema}."{table}" AS t')
            yield from (row[0] for row in cursor.fetchall())
