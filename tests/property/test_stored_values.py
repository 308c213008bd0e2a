"""
A value that is stored can be read back by every run: what the model refuses, the database refuses (R-REPO-4, R-REPO-6).

Values are written as anybody would write them by SQL, in a database where edits
count at once. One that is accepted is then read as a run reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rules_engine.model import lengths
from rules_engine.sql.literals import literal
from rules_repo import embedded
from rules_repo.repository import Repository
from tests.functional.conftest import TWO_RULES, client, runner

MANY = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
WHOLE = st.integers(-(10**40), 10**40) | st.sampled_from([2**63, 2**63 - 1, -(2**63), 1 - 2**63, 0])
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
DECIMALS = st.from_regex(r"[+-]?(\d{1,45}\.?\d{0,45}|\.\d{1,45})([eE][+-]?\d{1,3})?", fullmatch=True) | st.sampled_from(
    ["NaN", "Infinity", "1e999", "1e-39", "0e99", "9" * 38, "9" * 39, "0." + "1" * 38, "0." + "1" * 39, "1_000", ""]
)
DATES = st.from_regex(r"\d{4}-\d{2}-\d{2}", fullmatch=True) | st.sampled_from(
    ["0000-01-01", "0001-01-01", "9999-12-31", "2024-02-30", "2024-W01-1", "20240101", "today"]
)
SCALARS = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | WHOLE | TEXTS
JSON = st.recursive(
    SCALARS, lambda deep: st.lists(deep, max_size=3) | st.dictionaries(TEXTS, deep, max_size=3), max_leaves=8
)
TYPED = st.one_of(
    st.builds(lambda value, kind=kind: {kind: value}, values)
    for kind, values in {
        "bigint": WHOLE | SCALARS,
        "decimal": DECIMALS | WHOLE,
        "date": DATES,
        "string": TEXTS,
        "boolean": SCALARS,
        "double": SCALARS,
    }.items()
)
TYPES = st.sampled_from(["boolean", "bigint", "date", "string", "decimal(12,2)", "decimal(38,38)"]) | st.from_regex(
    r"decimal\(\d{1,2},\d{1,2}\)|int|DATE", fullmatch=True
)
NUMBERS = WHOLE | st.sampled_from(["NaN", "Infinity", "1.0", "0.5", "2147483648"])
KEYS = st.sampled_from(["BOND-002", "", "É", "a b", "x" * 100, "x" * 101, "A\n", "-A"]) | TEXTS
DAYS = st.sampled_from(
    ["0001-01-01", "9999-12-30", "9999-12-31", "infinity", "-infinity", "0044-03-15 BC", "10000-01-01"]
)
SQL = st.sampled_from(["true", " ", "\u00a0", "\u3000", "\u2028", "x", "é"]) | TEXTS


@pytest.fixture(scope="module")
def database(postgres_url: str, upgraded_database: str) -> Iterator[tuple[str, psycopg2.extensions.connection]]:
    """A database in which edits count at once."""
    url = embedded.ensure_database(postgres_url, "stored_values", template=upgraded_database)
    connection = client(url)
    connection.autocommit = True
    runner(connection)(TWO_RULES)
    yield url, connection
    connection.close()
    embedded.drop_database(postgres_url, "stored_values")


def tried(database: tuple[str, psycopg2.extensions.connection], statement: str, *values: object) -> bool:
    """Write by SQL; what is accepted is read as a run reads it, and its parameters become literals of a query."""
    url, connection = database
    try:
        runner(connection)(statement, *values)
    except psycopg2.Error:
        return False
    read(url)
    return True


def read(url: str) -> None:
    """All rules as a run reads them; raises what it could not make a rule set or a query of."""
    repository = Repository(url)
    repository.rule_set(date(2024, 6, 1), datetime.now(UTC))
    repository.membership_types()
    for version in repository.rules():
        for value in version.parameters.values():
            literal(value)


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@MANY
@given(
    own=st.dictionaries(st.sampled_from(["p", "as_of", "P", "", "a b"]), TYPED | SCALARS, max_size=2) | JSON,
    metadata=JSON,
)
@example({"p": {"bigint": 2**63}}, {})
@example({"p": {"decimal": "1e38"}}, {})
@example({"p": 10**25}, {})
@example({}, {"deep": json.loads("[" * 100 + "]" * 100)})
def test_parameters_and_metadata(database: Any, own: Any, metadata: Any) -> None:
    """Whole numbers of 64 bits, decimals of 38 digits, real days, texts that can be seen; metadata that JSON gives back."""
    statement = "UPDATE rules.rule SET parameters = %s::jsonb, metadata = %s::jsonb WHERE rule_key = 'BOND-001'"
    assert tried(database, statement, as_json(own), as_json(metadata)) in (True, False)


@MANY
@given(value=TYPED | JSON)
def test_shared_parameters(database: Any, value: Any) -> None:
    """The same of what all rules can name."""
    _, connection = database
    known = runner(connection)("SELECT FROM rules.parameter WHERE name = 'p'")
    update, insert = (
        "UPDATE rules.parameter SET value = %s",
        "INSERT INTO rules.parameter (value, name) VALUES (%s, 'p')",
    )
    assert tried(database, update if known else insert, as_json(value)) in (True, False)


@MANY
@given(columns=st.dictionaries(st.sampled_from(["code", "Code", "", "rate"]), TYPES, max_size=2), data=st.data())
@example({"rate": "decimal(5,10)"}, None)
def test_reference_lists(database: Any, columns: dict[str, str], data: Any) -> None:
    """Every cell is of its column's type, and every type is one of Spark's."""
    cells = WHOLE | DECIMALS | DATES | SCALARS
    rows = (
        data.draw(
            st.lists(st.dictionaries(st.sampled_from(["code", "rate", "x"]), cells, max_size=2) | cells, max_size=3)
        )
        if data
        else []
    )
    _, connection = database
    known = runner(connection)("SELECT FROM rules.reference_list WHERE name = 'l'")
    update = "UPDATE rules.reference_list SET columns = %s, rows = %s WHERE name = 'l'"
    insert = "INSERT INTO rules.reference_list (columns, rows, name) VALUES (%s, %s, 'l')"
    assert tried(database, update if known else insert, as_json(columns), as_json(rows)) in (True, False)


@MANY
@given(key=KEYS, weight=NUMBERS, sql=SQL, first=DAYS, end=st.none() | DAYS, name=TEXTS)
@example("A\u00a0", 1, "\u00a0", "2024-01-01", None, "")
@example("A", 1, "\u00a0", "2024-01-01", None, "")
@example("A", 1, "true", "9999-12-30", "9999-12-31", "")
def test_rules(database: Any, key: str, weight: object, sql: str, first: str, end: str | None, name: str) -> None:
    """Keys, weights, texts and days of rules."""
    statement = (
        "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from, effective_to, name)"
        " VALUES (%s, 'inclusion', 'GOLD', %s, 'f', %s, %s, %s, %s)"
    )
    assert tried(database, statement, key, str(weight), sql, first, end, name) in (True, False)


@MANY
@given(key=KEYS, margin=NUMBERS, veto=st.none() | NUMBERS, tie=st.sampled_from(["deny", "grant", "KEEP", ""]))
def test_membership_types(database: Any, key: str, margin: object, veto: object, tie: str) -> None:
    """Margins, vetoes and ties."""
    statement = "INSERT INTO rules.membership_type (key, margin, veto_weight, tie) VALUES (%s, %s, %s, %s)"
    assert tried(database, statement, key, str(margin), None if veto is None else str(veto), tie) in (True, False)


def test_a_value_that_no_run_could_read_is_noticed(database: Any) -> None:
    """The same reading ends where the database would take what the model refuses: written past its functions here."""
    _, connection = database
    url, name = database[0], "rule_version"
    runner(connection)(f"ALTER TABLE rules.{name} DISABLE TRIGGER ALL")
    wrong = "UPDATE rules.rule_version SET parameters = %s WHERE rule_id = 1"
    ((before,),) = runner(connection)("SELECT parameters::text FROM rules.rule_version WHERE rule_id = 1 LIMIT 1")
    try:
        runner(connection)(wrong, as_json({"p": {"bigint": 2**63}}))
        with pytest.raises(ValueError, match="needs more than 64 bits"):
            read(url)
    finally:
        runner(connection)(wrong, before)
        runner(connection)(f"ALTER TABLE rules.{name} ENABLE TRIGGER ALL")


EDGE = st.integers(-2, 2)


@MANY
@given(field=st.sampled_from(sorted(lengths.LONGEST["rule"])), more=EDGE, sign=st.sampled_from("xé\U0001f40e"))
def test_lengths_of_rules(database: Any, field: str, more: int, sign: str) -> None:
    """What a file says too long is refused by the database, and what is not is kept: counted in characters by both."""
    bare = len('{"p": {"string": ""}}') if field == "parameters" else len('{"p": ""}') if field == "metadata" else 0
    text = f"x{sign * (lengths.LONGEST['rule'][field] + more - bare - 1)}"
    value = {"p": {"string": text}} if field == "parameters" else {"p": text} if field == "metadata" else text
    refused = bool(list(lengths.faults("Rule", "rule", {field: value})))
    assert refused == (more > 0)
    told = as_json(value) if isinstance(value, dict) else value
    if field in ("category", "rule_type"):
        _, connection = database
        runner(connection)(f"INSERT INTO rules.{field} (key) SELECT left(%s, 200) ON CONFLICT DO NOTHING", text)
    assert tried(database, f"UPDATE rules.rule SET {field} = %s WHERE rule_key = 'BOND-001'", told) == (not refused)


@MANY
@given(cell=EDGE, rows=st.integers(1, 3))
def test_lengths_of_lists_and_parameters(database: Any, cell: int, rows: int) -> None:
    """The same of a text in a list, of a shared value and of what both are for."""
    _, connection = database
    text = "é" * (lengths.CELL + cell)
    told = [{"code": text if number == rows else "a"} for number in range(1, rows + 1)]
    refused = bool(list(lengths.cell_faults("List", told)))
    name = f"l{cell + 2}_{rows}"
    insert = "INSERT INTO rules.reference_list (name, columns, rows) VALUES (%s, %s, %s)"
    if not runner(connection)("SELECT FROM rules.reference_list WHERE name = %s", name):
        assert tried(database, insert, name, as_json({"code": "string"}), as_json(told)) == (not refused)
    value = {"string": "é" * (lengths.LONGEST["parameter"]["value"] - len('{"string": ""}') + cell)}
    refused = bool(list(lengths.faults("Parameter", "parameter", {"value": value})))
    insert = "INSERT INTO rules.parameter (name, value) VALUES (%s, %s)"
    if not runner(connection)("SELECT FROM rules.parameter WHERE name = %s", name):
        assert tried(database, insert, name, as_json(value)) == (not refused)
