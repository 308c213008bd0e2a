"""The demo's lake and rules: repeatable, as declared, and with something for every rule to do."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from demo import scenario
from demo.generate import UNCHANGING, generate
from demo.insurer import SCHEMAS
from rules_engine.lake import declaration
from rules_engine.model.rules import Form, Kind, RuleVersion, WhenUnknown
from rules_repo import exchange
from rules_repo.exchange import RuleFile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CUSTOMERS = 2_000


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small lake of the demo's own seed."""
    folder = tmp_path_factory.mktemp("demo_lake")
    generate(folder, CUSTOMERS)
    return folder


@pytest.fixture(scope="module")
def rules() -> RuleFile:
    """The demo's rules, read as `rules import` reads them."""
    return exchange.read(Path(scenario.__file__).with_name("rules.yaml"))


def contents(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def rows(lake: Path, frame: str, day: date = scenario.DAYS[0]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(lake / frame / day.isoformat() / "part-0.parquet").to_pylist()
    return found


def test_the_same_seed_gives_the_same_bytes(lake: Path, tmp_path: Path) -> None:
    """Whoever generates the demo's lake gets the same files, to the byte."""
    generate(tmp_path, CUSTOMERS)
    assert contents(tmp_path) == contents(lake)


def test_another_seed_gives_other_data(lake: Path, tmp_path: Path) -> None:
    """Every frame drawn from the seed differs under another one; the list of products is not drawn."""
    generate(tmp_path, CUSTOMERS, seed=8)
    ours, others = contents(lake), contents(tmp_path)
    assert {name for name in ours if ours[name] == others[name]} == {
        "frames.toml",
        "products/2024-06-03/part-0.parquet",
    }


def test_every_frame_lands_on_every_day_it_changes(lake: Path) -> None:
    """Three days of what changes, one of what does not, and the declaration beside them."""
    expected = {"frames.toml"}
    for frame in SCHEMAS:
        for day in scenario.DAYS[:1] if frame in UNCHANGING else scenario.DAYS:
            expected.add(f"{frame}/{day}/part-0.parquet")
    assert set(contents(lake)) == expected


def test_files_hold_what_is_declared(lake: Path) -> None:
    """Columns, their order and their types are those of frames.toml, and no declared share of nulls is broken."""
    names = {"int64": "bigint", "date32[day]": "date", "bool": "boolean"}
    for frame in declaration.load(lake / "frames.toml").frames:
        table = pq.read_table(lake / frame.name / scenario.DAYS[0].isoformat() / "part-0.parquet")
        types = [str(f.type).replace("decimal128", "decimal").replace(", ", ",") for f in table.schema]
        assert [(c.name, c.type) for c in frame.columns] == [
            (f.name, names.get(kind, kind)) for f, kind in zip(table.schema, types, strict=True)
        ]
        for column in frame.columns:
            assert table[column.name].null_count <= column.nulls * table.num_rows, f"{frame.name}.{column.name}"
            assert column.meaning, f"{frame.name}.{column.name}"


@pytest.mark.parametrize("day", scenario.DAYS, ids=str)
def test_keys_tell_rows_apart(lake: Path, day: date) -> None:
    """A frame's declared key is unique on every day, rows added by later days included."""
    for frame in declaration.load(lake / "frames.toml").frames:
        if frame.name not in UNCHANGING or day == scenario.DAYS[0]:
            keys = Counter(tuple(row[name] for name in frame.key) for row in rows(lake, frame.name, day))
            assert [key for key, count in keys.items() if count > 1] == [], frame.name


@pytest.mark.parametrize("day", scenario.DAYS, ids=str)
def test_a_joint_holding_has_both_roles(lake: Path, day: date) -> None:
    """A joint holding is one PRIMARY and one SECONDARY row of two customers; any other is one PRIMARY row."""
    roles: dict[int, list[tuple[str, bool]]] = {}
    for row in rows(lake, "holdings", day):
        roles.setdefault(row["holding_id"], []).append((row["role"], row["is_joint"]))
    shapes = Counter(tuple(sorted(held)) for held in roles.values())
    assert set(shapes) == {(("PRIMARY", False),), (("PRIMARY", True), ("SECONDARY", True))}


def test_rows_belong_to_customers_and_listed_products(lake: Path) -> None:
    """No orphans: what is held, insured or used points at a customer and at a product of the catalogue."""
    customers = {row["customer_id"] for row in rows(lake, "customers")}
    products = {row["product_code"] for row in rows(lake, "products")}
    for frame in ("policies", "holdings", "bonds", "services"):
        for row in rows(lake, frame):
            assert row["customer_id"] in customers, frame
            assert row.get("product_code", "MOT-STD") in products, frame


def test_days_differ_a_little(lake: Path) -> None:
    """From day to day a few holdings close and a few open; most stay."""
    first, second = ({row["holding_id"] for row in rows(lake, "holdings", day)} for day in scenario.DAYS[:2])
    assert 0 < len(first - second) < len(first) / 50
    assert 0 < len(second - first) < len(first) / 50


def test_every_rule_hits_some_and_none_hits_most(lake: Path, rules: RuleFile, spark: SparkSession) -> None:
    """On the first day each rule hits between 0.5 % and 60 % of the customers: none is dead, none is always true."""
    own = spark.newSession()
    own.conf.set("spark.sql.ansi.enabled", "true")
    for frame in SCHEMAS:
        own.read.parquet(str(lake / frame / scenario.DAYS[0].isoformat())).createOrReplaceTempView(frame)
    groups = [[v for v in rules.versions if v.frame == frame] for frame in {v.frame for v in rules.versions if v.frame}]
    groups += [[v] for v in rules.versions if v.form is Form.STATEMENT]
    shares = {key: hits / CUSTOMERS for group in groups for key, hits in hits_of(own, group).items()}
    assert len(shares) == len(rules.versions) >= 24
    assert {key: share for key, share in shares.items() if not 0.005 <= share <= 0.6} == {}


def hits_of(spark: SparkSession, group: list[RuleVersion]) -> dict[str, int]:
    """Customers hit by each of the rules, which share a frame or are one statement."""
    if group[0].form is Form.STATEMENT:
        return {group[0].key: len({row[0] for row in spark.sql(bound(group[0])).collect()})}
    conditions = ", ".join(f"MAX({bound(rule)}) AS `{rule.key}`" for rule in group)
    by_customer = spark.sql(f"SELECT {conditions} FROM {group[0].frame} GROUP BY customer_id").collect()
    return {rule.key: sum(bool(row[rule.key]) for row in by_customer) for rule in group}


def bound(rule: RuleVersion) -> str:
    """The rule's SQL with the first day and its parameters, which are numbers, written in."""
    sql = rule.sql.replace(":as_of", f"DATE '{scenario.DAYS[0]}'")
    for name, value in rule.parameters.items():
        sql = sql.replace(f":{name}", str(value))
    return sql


def test_rules_show_every_feature(rules: RuleFile) -> None:
    """The rules are worth a demo: both kinds, every frame, an override, a shadow rule, a hold, four policies."""
    versions = rules.versions
    assert {v.kind for v in versions} == set(Kind)
    assert {v.frame for v in versions if v.frame} == set(SCHEMAS) - {"products"}
    assert sum(v.form is Form.STATEMENT for v in versions) >= 2
    assert any(v.override for v in versions)
    assert any(v.shadow for v in versions)
    assert any(v.parameters for v in versions)
    assert any(v.when_unknown is WhenUnknown.HOLD for v in versions)
    assert len({(m.strategy, m.margin, m.tie) for m in rules.membership_types}) == 4
    assert all(v.weight % 10 == 0 and v.reason_text and v.owner for v in versions)


def test_an_override_outweighs_all_it_can_meet(rules: RuleFile) -> None:
    """Head-room: on every day an override is heavier than the exclusions of its type together."""
    for override in (v for v in rules.versions if v.override):
        against = {v.key: v.weight for v in rules.versions if v.kind is Kind.EXCLUSION}
        against[scenario.CHANGED_RULE] = scenario.WEIGHT_AFTER
        met = [v for v in rules.versions if v.kind is Kind.EXCLUSION and v.membership_type == override.membership_type]
        assert override.weight > sum(against[v.key] for v in met)


def test_the_changed_rule_is_there_at_its_first_weight(rules: RuleFile) -> None:
    """The statement of day three changes a rule that the file holds, at the weight the story begins with."""
    (rule,) = (v for v in rules.versions if v.key == scenario.CHANGED_RULE)
    assert rule.weight == scenario.WEIGHT_BEFORE != scenario.WEIGHT_AFTER
    assert f"weight = {scenario.WEIGHT_AFTER}" in scenario.CHANGE_SQL
    assert f"DATE '{scenario.DAYS[2]}'" in scenario.CHANGE_SQL
