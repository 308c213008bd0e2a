"""Gates 2a and 2b: what Spark itself reads, over the whole files and rule by rule."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import InvalidRule
from rules_engine.model.rules import Form
from rules_engine.spark.gate import analysed_plan, parsed_plan
from rules_engine.spark.gate import gate as gating
from rules_engine.spark.gate.agreement import differences
from rules_engine.spark.gate.gate import RuleGate
from rules_engine.spark.gate.resolution import spark_faults
from rules_engine.spark.sandbox import active, handles, printed, registered, rule_session
from rules_engine.sql.allow_list import allowed
from rules_engine.sql.gate import gate
from rules_engine.sql.reference.examples import example_rule, example_schema
from rules_engine.sql.spark_allow_list import catalyst
from tests.gate import AS_OF, LAYERS, Layer, Line, judge, lines, spark_layers
from tests.small_lake import rule, rule_set
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATA = Path(__file__).parents[1] / "data"
HOSTILE = [line for line in lines(DATA / "hostile_rules.tsv") if line.expectation == "reject"]
HONEST = list(lines(DATA / "honest_rules.tsv"))


@pytest.fixture(scope="module")
def session(spark: SparkSession) -> SparkSession:
    """A rule session over the example frames."""
    return rule_session(spark, example_schema())


@pytest.fixture(scope="module")
def layers(spark: SparkSession) -> dict[str, Layer]:
    """Every layer in order."""
    return LAYERS | spark_layers(spark)


def test_the_registry_is_the_list(session: SparkSession) -> None:
    """A rule session knows the allowed functions and what operators are read as, and no table function."""
    assert registered(session) == (catalyst(session.version).registered, frozenset())


def test_every_function_that_takes_a_regular_expression_is_judged(session: SparkSession) -> None:
    """Whatever it is called: the list says which argument is the expression, and Spark has no more of them."""
    registry = handles(session).state.functionRegistry()
    identifier = session._jvm.org.apache.spark.sql.catalyst.FunctionIdentifier
    made = {
        name: str(registry.lookupFunction(identifier(name)).get().getClassName()) for name in registered(session)[0]
    }
    taking = {name for name, class_ in made.items() if "RLike" in class_ or "RegExp" in class_ or "Split" in class_}
    assert taking - {"split_part"} == {name for name, function in allowed().functions.items() if function.pattern}


def test_the_other_sessions_keep_their_functions(spark: SparkSession, session: SparkSession) -> None:
    """Cutting a rule session down takes nothing from the session that evaluates."""
    assert {"reflect", "bit_or", "xxhash64"} <= registered(spark)[0]


def test_honest_rules_pass_every_layer(layers: dict[str, Layer]) -> None:
    """A refusal of an honest rule is a defect, whichever layer refuses."""
    assert [str(v) for v in (judge(line, layers) for line in HONEST) if not v.accepted] == []


def test_hostile_rules_are_refused_by_the_whole_chain(layers: dict[str, Layer]) -> None:
    """Together the layers leak nothing."""
    assert [line.tag for line in HOSTILE if judge(line, layers).accepted] == []


@pytest.mark.parametrize("name", ["L0", "gate 1", "gate 2a", "gate 2b"])
def test_each_layer_alone_leaks(layers: dict[str, Layer], name: str) -> None:
    """No layer is enough by itself. Long rules are left out: without L0, Spark can parse one of them for minutes."""
    samples = [line for line in (*HOSTILE, *LEAKS) if len(line.sql) < 150]
    assert [line.tag for line in samples if judge(line, {name: layers[name]}).accepted]


LEAKS = [
    Line("types", Form.STATEMENT, "reject", "select cast(customer_id as string) as customer_id from customer"),
    Line("spark only", Form.PREDICATE, "reject", "spend in (email, joined)"),
]


@pytest.mark.parametrize("line", LEAKS, ids=lambda line: line.tag)
def test_gate_2b_is_needed(layers: dict[str, Layer], line: Line) -> None:
    """Types are known to Spark alone."""
    assert judge(line, layers).layer == "gate 2b"


@pytest.mark.parametrize("name", [f.name for f in allowed().functions.values()])
def test_every_example_of_a_function_passes(session: SparkSession, name: str) -> None:
    """Whatever the list allows, Spark resolves to classes that are listed."""
    function = allowed().functions[name]
    version = example_rule(Form.STATEMENT if function.statement else Form.PREDICATE, function.example)
    assert spark_faults(session, version, example_schema(), AS_OF) == ()


PARSED = """
    rule                                                             | code    | because
    -----------------------------------------------------------------+---------+--------------------------------------------------
    spend > > 5                                                      | SQL-301 | Spark cannot parse it
    regexp_extract(name, 'x', 0) = 'x'                               | SQL-303 | a regular expression that is not judged
    set spark.sql.ansi.enabled = false                               | SQL-301 | a command is no condition
    reflect('java.lang.System', 'getenv', 'HOME') = 'x'              | SQL-303 | native code
    `reflect`('java.lang.System', 'getenv', 'HOME') = 'x'            | SQL-303 | native code in back-ticks
    builtin.reflect('java.lang.System', 'getenv', 'HOME') = 'x'      | SQL-303 | a qualified name
    system.builtin.upper(name) = 'x'                                 | SQL-303 | a qualified name of a listed function
    exists (select 1 from payroll)                                   | SQL-304 | a relation in a sub-query
    exists (select 1 from text.`/etc/passwd`)                        | SQL-304 | a path
    exists (with a as (select 1 from payroll) select 1 from people)  | SQL-304 | a relation in a WITH that is never read
    exists (select 1 from values (reflect('a', 'b')) as t(v))        | SQL-303 | a function in VALUES
    exists (select 1 from people window w as (order by rand()))      | SQL-303 | a function in a window that is never used
    exists (select 1 from people tablesample (1 rows))               | SQL-302 | a sample
    exists (select 1 from range(10))                                 | SQL-302 | a table function
    exists (select 1 from people where (active))                     | SQL-306 | a condition that Spark takes for a column's name
    exists (select 1 from (select active from people) Where (active)) | SQL-306 | the same after a query, in any letters
    exists (select 1 from people, orders where (active, kind))       | SQL-306 | after the last of several
    exists (select 1 from people where (true) group by country)      | SQL-306 | a truth is a name there, too
    exists (select 1 from people having (active))                    | SQL-306 | the same of HAVING
    exists (select 1 from values (1), (2) where (active))            | SQL-306 | the same of rows that are written out
    exists (select 1 from (select country from people union select country from people union select country from people union select country from people union select country from people union select country from people union select country from people union select country from people) where (country)) | SQL-306 | in a long text
"""


@pytest.mark.parametrize("row", cases(PARSED))
def test_what_spark_parses_is_on_the_lists(session: SparkSession, row: Row) -> None:
    """Gate 2a sees every corner of Spark's own tree, without the gates before it."""
    found = parsed_plan.faults(session, example_rule(Form.PREDICATE, row["rule"]), example_schema(), AS_OF)
    assert row["code"] in {fault.code for fault in found}


@pytest.mark.parametrize(
    "asked",
    [
        "where active",
        "p where (active)",
        "where ((active))",
        "where (active) and true",
        "as window",
        "offset where offset.active",
    ],
)
def test_a_condition_in_brackets_stays_one(session: SparkSession, asked: str) -> None:
    """Where it cannot be a list of names, or what stands before it has a name, Spark filters by it."""
    version = example_rule(Form.PREDICATE, f"exists (select 1 from people {asked})")
    assert parsed_plan.faults(session, version, example_schema(), AS_OF) == ()


@pytest.mark.parametrize(
    "sql",
    [
        "spend > 5 -- more \\\n or true",
        "exists (select 1 from people window w as (order by spend -- unused \\\n , name\n))",
    ],
)
def test_spark_reads_the_same_comments(session: SparkSession, sql: str) -> None:
    """Where Spark's comments end elsewhere than the lexer's, gate 2a refuses the rule without L0."""
    version = example_rule(Form.PREDICATE, sql)
    assert [fault.code for fault in parsed_plan.faults(session, version, example_schema(), AS_OF)] == ["SQL-353"]


def test_a_comment_leaves_no_trace_in_what_runs(session: SparkSession) -> None:
    """With comments or without, Spark makes the same of a rule, numbers of sub-queries and all."""
    plain, commented = (
        example_rule(Form.PREDICATE, f"spend > 5 {more} and exists (select 1 {more} from orders where kind = 'x')")
        for more in ("", "/* ' */ -- exists\n")
    )
    with active(session):
        nodes = [
            [node.name for node in parsed_plan.read(session, version, AS_OF).nodes] for version in (plain, commented)
        ]
    assert nodes[0] == nodes[1]


ANALYSED = """
    rule                                                             | code    | because
    -----------------------------------------------------------------+---------+--------------------------------------------------
    tenure > 5                                                       | SQL-311 | a column that is not there
    spend                                                            | SQL-312 | not a boolean
    joined < current_date                                            | SQL-321 | the clock without brackets
    country = current_user                                           | SQL-321 | the session without brackets
    reflect('java.lang.System', 'getenv', 'HOME') = 'x'              | SQL-311 | a function that the session does not know
    exists (select 1 from payroll)                                   | SQL-311 | a relation that the session does not know
    select name, spend from people                                   | SQL-314 | two columns, and none of them the key
    select person_id, PERSON_ID from people                          | SQL-314 | the key twice
    select cast(person_id as string) as person_id, spend from people | SQL-314 | evidence, and a key of another type
    select person_id, interval 1 day as d from people                | SQL-314 | evidence that no table holds
    cast(rate as string) = '0.5'                                     | SQL-324 | a floating number as text
    cast(rate as decimal(38, 0)) = 8410000000000000000000            | SQL-324 | more digits than two Javas agree about
    cast(float(spend) as decimal(38, 10)) > 5                        | SQL-324 | of a float
    string(float(spend)) = '0.5'                                     | SQL-324 | the shorter one, by another name
    rate like '0.5%'                                                 | SQL-324 | a text that nobody asked for
    concat(name, sqrt(visits)) = 'x'                                 | SQL-324 | of a computed number
    concat_ws(',', array(rate)) = '0.5'                              | SQL-324 | in an array
    exists (select 1 from orders where string(cast(amount as double) / 3) = kind) | SQL-324 | in a sub-query
    element_at(map(rate, 1), 0.0D) = 1                               | SQL-324 | floating keys: -0.0 is 0.0 to some
    to_char(joined, 'yyyy') = '2024'                                 | SQL-324, SQL-311 on 3.5 | days as text that Spark 3.5 does not make
    to_char(last_seen, 'HH') = '12'                                  | SQL-324, SQL-311 on 3.5 | moments as text that Spark 3.5 does not make
    select person_id from (select person_id, sum(spend) over (order by joined range between interval 30 days preceding and current row) as s from people) where s > 5 | SQL-324, SQL-311 on 3.5 | days by an interval of days, which Spark 3.5 does not know
    select name as person_id from people                             | SQL-314 | a key of another type
    regexp(name, '(a+)+b')                                           | SQL-118 | a regular expression by a name that sqlglot does not know
    `rlike`(name, concat('(a+)', '+b'))                              | SQL-118 | put together from texts
    select person_id from people where name rlike country            | SQL-118 | whatever somebody wrote
    name ilike '%a%a%a%a%b'                                          | SQL-115 | a LIKE pattern
    like(name, country)                                              | SQL-311 | a function that is none of the session's
    not name like country                                            | SQL-115 | a LIKE pattern that is computed
    select person_id from orders group by person_id having count(*) * 3 | SQL-312 | a number as a truth, which only HAVING takes
    select person_id from people where person_id in (select person_id from orders group by person_id having max(kind)) | SQL-312 | a text, in a sub-query
    select person_id from people order by rand()                     | SQL-311 | chance
    select first_value(person_id) from people                        | SQL-323 | any row's value
"""


@pytest.mark.parametrize("row", cases(ANALYSED))
def test_what_spark_resolves_is_on_the_lists(session: SparkSession, row: Row) -> None:
    """Gate 2b knows types, relations and what names without brackets stand for."""
    form = Form.STATEMENT if row["rule"].startswith("select") else Form.PREDICATE
    found = analysed_plan.faults(session, example_rule(form, row["rule"]), example_schema(), AS_OF)
    code, _, before = row["code"].removesuffix(" on 3.5").partition(", ")
    wanted = before if before and session.version.startswith("3.5") else code
    assert wanted in {fault.code for fault in found}


@pytest.mark.parametrize("text", ["é" * 9_000, "\\\\ \\n'' 😀" * 3_000, "short"], ids=["long", "of pairs", "short"])
def test_a_plan_is_read_as_spark_prints_it(session: SparkSession, text: str) -> None:
    """Asked for in parts or at once: the same characters, those outside the basic plane too."""
    made = handles(session).parser.parsePlan(f"SELECT * FROM customer WHERE country = '{text}'")
    assert printed(session, made) == made.toJSON()


def test_nothing_is_run_while_a_rule_is_analysed(session: SparkSession) -> None:
    """Spark runs EXECUTE IMMEDIATE when it analyses it: gate 2b does not get that far."""
    version = example_rule(Form.STATEMENT, "execute immediate concat('dr', 'op view people')")
    assert {fault.code for fault in analysed_plan.faults(session, version, example_schema(), AS_OF)} <= {
        "SQL-301",
        "SQL-302",
    }
    assert session.catalog.tableExists("people")


def test_two_readers_that_differ(session: SparkSession) -> None:
    """What Spark read of one text is held against what gate 1 read of another."""
    said = gate.examine(example_rule(Form.PREDICATE, "upper(country) = 'FR'"), example_schema())
    other = example_rule(Form.PREDICATE, "exists (select 1 from orders where lower(kind) = 'x')")
    with active(session):
        found = parsed_plan.read(session, other, AS_OF)
    codes = [fault.code for fault in differences(said, found, other, catalyst(session.version))]
    assert codes == ["SQL-351", "SQL-352"]


def test_a_session_with_other_settings_does_not_change_the_reading(spark: SparkSession, session: SparkSession) -> None:
    """The rule session's settings are in force while it parses, and the caller's again afterwards."""
    spark.conf.set("spark.sql.ansi.enabled", "false")
    try:
        version = example_rule(Form.PREDICATE, "try_cast(name as int) > 5")
        assert spark_faults(session, version, example_schema(), AS_OF) == ()
        assert spark.sql("select cast('x' as int)").collect()[0][0] is None
    finally:
        spark.conf.set("spark.sql.ansi.enabled", "true")


def test_all_faults_of_a_rule_set(spark: SparkSession) -> None:
    """Every rule is looked at, and each fault names its rule."""
    schema = example_schema()
    rules = rule_set(
        rule("A", "select name as person_id from people"), rule("B", "spend in (name, joined)", frame="people")
    )
    asked = RuleGate(spark, schema)
    with pytest.raises(InvalidRule) as refused:
        asked.check(rules)
    found = [(fault.which, fault.code) for fault in refused.value.faults]
    assert found == [("Rule A", "SQL-314"), ("Rule B", "SQL-311")]


def test_a_text_is_asked_about_once(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was accepted is not asked about again, whichever rule it stands in; a changed text is."""
    seen: list[str] = []
    monkeypatch.setattr(gating, "spark_faults", lambda _session, version, *_: seen.append(version.key) or ())
    asked = RuleGate(spark, example_schema())
    asked.check(rule_set(rule("A", "spend > 5", frame="people")))
    asked.check(rule_set(rule("B", "spend > 5", frame="people"), rule("C", "spend > 6", frame="people")))
    assert seen == ["A", "C"]


def test_what_was_refused_stays_refused(spark: SparkSession) -> None:
    """A refused text is refused again, and the text beside it is none the worse."""
    asked = RuleGate(spark, example_schema())
    wrong, right = rule("A", "spend in (name, joined)", frame="people"), rule("B", "spend > 5", frame="people")
    for _ in range(2):
        with pytest.raises(InvalidRule, match="Rule A"):
            asked.check(rule_set(wrong, right))
    asked.check(rule_set(right))
