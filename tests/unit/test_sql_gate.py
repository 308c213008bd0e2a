"""Gate 1 over whole files: every honest rule passes, nothing hostile does, and generated rules are cheap."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest

from rules_engine.errors import InvalidRule
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.sql.allow_list import allowed
from rules_engine.sql.gate import gate
from rules_engine.sql.reference.examples import example_rule, example_schema
from tests.gate import LAYERS, SCHEMA, Line, judge, lines
from tests.spec.table import Row, cases

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[3] / "shared"
HOSTILE = [path for path in (DATA / "hostile_rules.tsv", SHARED / "security" / "hostile_rules.tsv") if path.exists()]
HONEST = [path for path in (DATA / "honest_rules.tsv", SHARED / "security" / "honest_rules.tsv") if path.exists()]


def corpora() -> Iterator[tuple[str, Schema, list[dict[str, str]]]]:
    """The corpora of the shared folder where it is there, always under the schemas kept here."""
    for name, kept in json.loads((DATA / "corpora_rules.json").read_text("utf-8")).items():
        keys = {frame: kept["subject_key"] for frame, cols in kept["columns"].items() if kept["subject_key"] in cols}
        schema = Schema(kept["subject_frame"], kept["subject_key"], kept["columns"], keys)
        whole = SHARED / "corpora" / name / "rules.json"
        yield name, schema, json.loads(whole.read_text("utf-8")) if whole.exists() else kept["rules"]


@pytest.mark.parametrize(("schema", "rules"), [pytest.param(s, r, id=n) for n, s, r in corpora()])
def test_every_rule_of_the_corpora_is_accepted(schema: Schema, rules: list[dict[str, str]]) -> None:
    """Rules that none of us wrote pass as they are, and name the frames they read."""
    for rule in rules:
        form = Form.PREDICATE if "sql_condition" in rule else Form.STATEMENT
        sql, frame = (rule["sql_condition"], schema.subject) if form is Form.PREDICATE else (rule["sql_select"], "")
        reading = gate.examine(RuleVersion(rule["rule_id"], 1, Kind.INCLUSION, "T", 1, form, sql, frame), schema)
        assert set(reading.frames) <= set(schema.columns)
        assert reading.columns.keys() == set(reading.frames)


@pytest.mark.parametrize("path", HONEST, ids=lambda path: path.parts[-2])
def test_honest_rules_are_accepted(path: Path) -> None:
    """A refusal of an honest rule is a defect."""
    refused = [str(v) for v in map(judge, lines(path)) if not v.accepted]
    assert refused == []


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.parts[-2])
def test_hostile_rules_are_refused(path: Path) -> None:
    """Whatever must be refused is, by a reason and not by an accident; types are for Spark to refuse."""
    verdicts = [judge(line) for line in lines(path) if not line.tag.startswith("own.types.")]
    assert [v.line.tag for v in verdicts if v.line.expectation == "reject" and v.accepted] == []
    assert [v.line.tag for v in verdicts if any(f.code == "SQL-199" for f in v.faults)] == []


def test_the_honest_file_holds_what_was_asked() -> None:
    """At least two hundred honest rules of our own, each once."""
    rules = [(line.form, line.sql) for line in lines(DATA / "honest_rules.tsv")]
    assert len(set(rules)) == len(rules) >= 200


POLICY = """
    rule                                                                    | outcome  | because
    ------------------------------------------------------------------------+----------+------------------------------------------------------------
    email = 'O''Brien'                                                      | SQL-010  | it means two things: use concat, chr(39) or a parameter
    email = 'jane.doe@example.com'                                          | SQL-903  | accepted with a warning: rules are copied into reports
    customer_id * 9223372036854775807 > 0                                   | accepted | an overflow stops the run and names the rule (R-ENG-6)
    select customer_id from (select customer_id, row_number() over (partition by country order by spend) rn from customer) t where rn=1 | SQL-901 | accepted with a warning: ties
    spend > 100 or true                                                     | accepted | always true is for the run on an empty subject to find
    select o.customer_id from orders o                                      | accepted | a subject is hit once, however often it is returned
    customer_id not in (select customer_id from orders)                     | SQL-902  | accepted with a warning: one NULL and nobody is hit
"""


@pytest.mark.parametrize("row", cases(POLICY))
def test_the_project_decides(row: Row) -> None:
    """Each rule that is neither hostile nor plainly honest has one stated outcome."""
    form = Form.STATEMENT if row["rule"].startswith("select") else Form.PREDICATE
    version = RuleVersion(
        "R", 1, Kind.INCLUSION, "T", 1, form, row["rule"], "" if form is Form.STATEMENT else "customer"
    )
    faults = gate.faults(version, SCHEMA)
    said = faults or gate.examine(version, SCHEMA).warnings
    assert ([f.code for f in said] or ["accepted"]) == [row["outcome"]]
    assert bool(faults) == (row["outcome"] < "SQL-9")


@pytest.mark.parametrize("missing", LAYERS)
def test_each_layer_is_needed(missing: str) -> None:
    """With any one layer switched off, something hostile gets through."""
    rest = {name: layer for name, layer in LAYERS.items() if name != missing}
    leaks = [v for path in HOSTILE for v in (judge(line, rest) for line in lines(path)) if v.wrong]
    assert leaks


def test_reading_a_rule() -> None:
    """A reading names what the rule names, as it was declared."""
    sql = "coalesce(PEOPLE.Spend, :least) > (select max(o.amount) from Orders o where o.person_id = people.person_id)"
    reading = gate.examine(example_rule(Form.PREDICATE, sql, least=5), example_schema())
    assert reading.frames == ("orders", "people")
    assert reading.columns == {"people": {"spend", "person_id"}, "orders": {"amount", "person_id"}}
    assert reading.parameters == {"least"}
    assert reading.functions == {"coalesce", "max"}
    assert (reading.has_subquery, reading.output) == (True, None)


READINGS = """
    rule                                                                        | people              | orders           | output    | because
    ----------------------------------------------------------------------------+---------------------+------------------+-----------+-------------------------------------
    select person_id from people where spend > 5                                | person_id spend     |                  | person_id | plain names
    select p.person_id as id from people p                                      | person_id           |                  | id        | a name of the analyst's own
    select * from (select person_id from orders) t                              |                     | person_id        | person_id | a star over one column
    with a as (select person_id, spend s from people) select person_id from a where s > 1 | person_id spend |            | person_id | a column under another name
    select person_id from people join orders using (person_id) where amount > 5 | person_id           | amount           | person_id | a column made one by USING
    select person_id from people where address.city = 'Brno'                    | address person_id   |                  | person_id | a field of a struct
    select p.person_id from people p where p.address.city = 'Brno'              | address person_id   |                  | person_id | a qualified field
    select person_id from people lateral view explode(tags) t as tag where tag = 'x' | person_id tags |                  | person_id | a column that explode made
    select person_id from people where exists(tags, spend -> spend = 'x')       | person_id tags      |                  | person_id | a variable hides a column
    select max(person_id) from people group by country                          | country person_id   |                  |           | a column without a name
    select spend, person_id from people where spend > 5                         | person_id spend     |                  | person_id | evidence before the key
    select * from orders                                                        |                     | amount kind order_id person_id placed | person_id | a star with the key in it
    select person_id from orders group by person_id having sum(amount) > 5      |                     | amount person_id | person_id | an aggregate
"""


@pytest.mark.parametrize("row", cases(READINGS))
def test_columns_used(row: Row) -> None:
    """Names are followed through aliases, derived tables and WITH to the columns of frames."""
    reading = gate.examine(example_rule(Form.STATEMENT, row["rule"]), example_schema())
    assert " ".join(sorted(reading.columns.get("people", ()))) == row["people"]
    assert " ".join(sorted(reading.columns.get("orders", ()))) == row["orders"]
    assert (reading.output or "") == row["output"]


def test_all_faults_of_all_rules_at_once() -> None:
    """A rule set is checked to its end, and each fault names its rule."""
    texts = ["spent > 5 and uper(name) = 'X'", "active", "joined < now()"]
    versions = tuple(
        RuleVersion(f"R-{n}", 1, Kind.INCLUSION, "T", 1, Form.PREDICATE, text, "people") for n, text in enumerate(texts)
    )
    rule_set = RuleSet(date(2024, 6, 1), datetime(2024, 6, 1, tzinfo=UTC), (MembershipType("T"),), versions)
    found = gate.check(rule_set, example_schema())
    assert [(f.which, f.code) for f in found] == [
        ("Rule R-0", "SQL-104"),
        ("Rule R-0", "SQL-122"),
        ("Rule R-2", "SQL-105"),
    ]


def test_examine_raises_every_fault() -> None:
    """Reading a rule that is refused raises all that is wrong with it."""
    with pytest.raises(InvalidRule) as refusal:
        gate.examine(example_rule(Form.PREDICATE, "spent > 5 and uper(name) = 'X'"), example_schema())
    assert {f.code for f in refusal.value.faults} == {"SQL-104", "SQL-122"}


def test_a_declared_output_column() -> None:
    """Where the output's name is declared, it may differ from the subject's key."""
    version = example_rule(Form.STATEMENT, "select email from people")
    assert [f.code for f in gate.faults(version, example_schema())] == ["SQL-144"]
    assert gate.faults(version, example_schema(), subject_column="email") == ()


def ctes(count: int) -> str:
    """A query as other systems write them: dozens of CTEs with joins, CASEs and aggregates."""
    bands = ", ".join(
        f"c{n} as (select p.person_id, case when p.spend > {n * 10} then 'high' when p.spend > {n * 5} then 'middle' "
        f"else 'none' end as band, coalesce(sum(o.amount), 0) as total from c0 p left join orders o on "
        f"o.person_id = p.person_id and o.placed >= p.joined group by p.person_id, p.spend)"
        for n in range(1, count)
    )
    joined = " ".join(f"left join c{n} on c{n}.person_id = c0.person_id" for n in range(1, count))
    hit = " or ".join(f"(c{n}.band = 'high' and c{n}.total > {n})" for n in range(1, count))
    return f"with c0 as (select person_id, spend, joined from people), {bands} select c0.person_id from c0 {joined} where {hit}"


def scores(count: int) -> str:
    """A score card: many CASE columns, added up."""
    columns = ", ".join(
        f"case when spend > {n} and country = 'C{n}' then {n} when visits < {n} then 1 else 0 end as s{n}"
        for n in range(count)
    )
    total = " + ".join(f"s{n}" for n in range(count))
    return f"select person_id from (select person_id, {columns} from people) t where {total} > 100"


def steps(count: int) -> str:
    """One CTE built on the other."""
    links = ", ".join(
        f"s{n} as (select person_id, spend from s{n - 1} where spend > {n} and person_id in "
        f"(select person_id from orders where amount > {n}))"
        for n in range(1, count)
    )
    return f"with s0 as (select person_id, spend from people), {links} select person_id from s{count - 1}"


def union(count: int) -> str:
    """Many queries in one UNION."""
    return " union ".join(
        f"select p.person_id from people p where p.country = 'C{n}' and p.spend > {n}" for n in range(count)
    )


def nested(count: int) -> str:
    """Derived tables within each other."""
    query = "select person_id, spend from people"
    for n in range(count):
        query = f"select person_id, spend from ({query}) t{n} where spend > {n}"
    return query.replace(", spend", "", 1)


GENERATED = {"ctes": ctes(40), "scores": scores(140), "steps": steps(110), "union": union(190), "nested": nested(35)}


@pytest.mark.parametrize("name", GENERATED)
def test_generated_queries_pass(name: str) -> None:
    """Queries of up to 15 KB, as other systems generate them, are accepted."""
    version = example_rule(Form.STATEMENT, GENERATED[name])
    assert gate.faults(version, example_schema()) == ()
    assert name == "nested" or len(version.sql) > 12_000


def test_mutated_rules_never_break_the_gate() -> None:
    """Seeded mutations of all files are accepted or refused by a reason; none ends in an error of the gate."""
    random = Random(20240601)
    rules = [line for path in (*HOSTILE, *HONEST) for line in lines(path) if len(line.sql) < 500]
    for _ in range(1500):
        one, other = random.choice(rules), random.choice(rules)
        verdict = judge(Line("mutant", one.form, "policy", mutate(one.sql, other.sql, random)))
        assert not any(f.code == "SQL-199" for f in verdict.faults), verdict.line.sql


def mutate(one: str, other: str, random: Random) -> str:
    """Cut words out of one rule, and put words of another into it."""
    words, more = one.split(" "), other.split(" ")
    at, length = random.randrange(len(words)), random.randrange(3)
    start = random.randrange(len(more))
    words[at : at + length] = more[start : start + random.randrange(4)]
    return " ".join(words) or "x"


@pytest.mark.parametrize("value", ["city", "0", "'a'", "NULL"])
def test_no_number_of_arguments_breaks_the_gate(value: str) -> None:
    """Every allowed function, with none to four of them: what is wrong with their number, Spark says by its name."""
    asked = [f"{name}({', '.join([value] * n)}) IS NOT NULL" for name in sorted(allowed().functions) for n in range(5)]
    rules = [RuleVersion("R", 1, Kind.INCLUSION, "T", 1, Form.PREDICATE, sql, SCHEMA.subject) for sql in asked]
    broken = [rule.sql for rule in rules for fault in gate.faults(rule, SCHEMA) if fault.code == "SQL-199"]
    assert broken == []


def test_the_command_tells_by_its_exit_code(tmp_path: Path) -> None:
    """`python -m tests.gate FILE` prints every line, and ends with 1 if one is wrong."""
    good, bad = tmp_path / "good.tsv", tmp_path / "bad.tsv"
    good.write_text('# said\ncond\t"spend > 5"\na.tag\tcond\treject\t"rand() > 1"\nb.tag\tcond\tpolicy\t"spend > 5"\n')
    bad.write_text('cond\t"rand() > 1"\nc.tag\tcond\treject\t"spend > 5"\n')
    for path, more, code, wrong in ((good, [], 0, 0), (bad, ["--pure"], 1, 2)):
        command = [sys.executable, "-m", "tests.gate", *more, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.count("WRONG")) == (code, wrong), done.stdout + done.stderr
    assert "SQL-107" in done.stdout


def test_a_generated_rule_may_be_long() -> None:
    """Of 147 cohort queries 33 had 16 to 57 KB: a text of 120,000 characters is read, and quickly refused beyond."""
    codes = ", ".join(f"'C{number:06}'" for number in range(10_900))
    form, sql = Form.PREDICATE, f"country in ({codes})"
    assert len(sql) > 119_000
    assert gate.faults(example_rule(form, sql), example_schema()) == ()
    (fault,) = gate.faults(example_rule(form, sql + " or country = 'x'" * 800), example_schema())
    assert fault.code == "SQL-002"


def test_a_rule_is_read_once_under_schemas_that_say_the_same() -> None:
    """A run makes its schema anew for gates, checks and plans; frames in another order are listed in that order."""
    version, schema = example_rule(Form.PREDICATE, "country = 'FR'"), example_schema()
    first = gate.reading(version, schema)
    assert gate.reading(version, replace(schema, columns=dict(schema.columns))) is first
    assert gate.reading(version, replace(schema, columns=dict(reversed(schema.columns.items())))) is not first
    unknown = example_rule(Form.PREDICATE, "missing = 'FR'")
    (fault,) = gate.faults(unknown, schema)
    frames = {frame: {**columns, "missing": "string"} for frame, columns in schema.columns.items()}
    assert fault.code.startswith("SQL")
    assert gate.faults(unknown, replace(schema, columns=frames)) == ()
