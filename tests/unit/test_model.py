"""History records, manifests and run identities as values: what they say, and that they come back from JSON as they were."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from rules_engine.errors import RunRefused
from rules_engine.model.canonical import ParameterValue, decode_parameter, encode_parameter
from rules_engine.model.decisions import Event, Hit, Reason
from rules_engine.model.history import HistoryRecord, created_from, created_text, record_from
from rules_engine.model.manifest import Evaluation, Manifest, TypeCounts, manifest_from, run_identity
from rules_engine.model.rule_sets import RuleSet, freeze, membership_type_from, thaw
from rules_engine.model.rules import EffectivePeriod, Form, Kind, MembershipType, Policy, RuleVersion
from tests.spec.table import Row, cases

MOMENTS = """
    moment                           | text                        | because
    ---------------------------------+-----------------------------+------------------------------------------
    2024-06-01T08:00:00+00:00        | 2024-06-01T08:00:00.000000Z | a whole second has its six digits too
    2024-06-01T08:00:00.5+00:00      | 2024-06-01T08:00:00.500000Z | a fraction of a second
    2024-06-01T01:30:00+02:00        | 2024-05-31T23:30:00.000000Z | another zone is the same moment in UTC
    0999-06-01T08:00:00+00:00        | 0999-06-01T08:00:00.000000Z | a year of four digits whatever its value
"""

IDENTITY: dict[str, Any] = {
    "as_of": date(2024, 6, 1),
    "rule_set_digest": "ab",
    "snapshots": {"customers": "2024-06-01", "holdings": "2024-06-01"},
    "settings": {"ansi": "on"},
    "engine_version": "1",
}
OTHER: dict[str, Any] = {
    "as_of": date(2024, 6, 2),
    "rule_set_digest": "cd",
    "snapshots": {"customers": "2024-06-01", "holdings": "2024-05-31"},
    "settings": {"ansi": "off"},
    "engine_version": "2",
}

RECORD = HistoryRecord(
    subject=1042,
    created_at=datetime(2024, 6, 1, 8, tzinfo=UTC),
    membership_type="GOLD",
    granted=True,
    event=Event.GRANTED,
    reason=Reason.OVERRIDE,
    inclusion_sum=70,
    exclusion_sum=20,
    hits=(Hit("BOND-001", 2, Kind.INCLUSION, 70), Hit("DEBT-001", 1, Kind.EXCLUSION, 20)),
    first_granted=date(2024, 6, 1),
    rule_set_digest="ab",
    snapshots={"customers": "2024-06-01"},
    as_of=date(2024, 6, 1),
    run_id="2024-06-01-ab",
    engine_version="1",
    policy=Policy.of(MembershipType("GOLD")),
)

MANIFEST = Manifest(
    run_id="2024-06-01-ab",
    as_of=date(2024, 6, 1),
    created_at="2024-06-01T08:00:00.000000Z",
    rule_set_digest="ab",
    versions=2,
    snapshots={"customers": "2024-06-01"},
    settings={"ansi": "on"},
    engine_version="1",
    previous_run=None,
    evaluation=Evaluation(
        subjects=1,
        evaluated_pairs=2,
        hits_per_rule={"BOND-001/2": 1, "DEBT-001/1": 1},
        unknown_per_rule={},
        types=(TypeCounts("GOLD", 0, 1, 1, {"GRANTED": 1}, {"OVERRIDE": 1}),),
        decisions_digest="cd",
        seconds={"evaluate": 0.5},
    ),
)

RECORD_CHANGES: dict[str, Any] = {
    "subject": "1042",
    "created_at": RECORD.created_at + timedelta(microseconds=1),
    "membership_type": "SILVER",
    "granted": False,
    "event": Event.RETAINED,
    "reason": Reason.INCLUDED,
    "inclusion_sum": 71,
    "exclusion_sum": 21,
    "hits": RECORD.hits[:1],
    "first_granted": None,
    "rule_set_digest": "cd",
    "snapshots": {},
    "as_of": date(2024, 6, 2),
    "run_id": "other",
    "engine_version": "2",
    "policy": None,
    "correction": True,
    "merged_into": 7,
}


def through_json(body: Any) -> Any:
    return json.loads(json.dumps(body))


@pytest.mark.parametrize("row", cases(MOMENTS))
def test_a_moment_is_fixed_width_text(row: Row) -> None:
    """A created date is UTC text of one width, and comes back as the moment it was (R-HIST-1)."""
    moment = datetime.fromisoformat(row["moment"])
    assert created_text(moment) == row["text"]
    assert created_from(row["text"]) == moment


def test_text_order_is_time_order() -> None:
    """Created dates sort as text as they do in time, whatever their zone."""
    moments = [
        datetime(2024, 6, 1, hour, tzinfo=timezone(timedelta(hours=zone))) for hour in (0, 9) for zone in (-5, 3)
    ]
    assert sorted(map(created_text, moments)) == [created_text(moment) for moment in sorted(moments)]


def test_a_moment_without_zone_is_refused() -> None:
    """It would be read in the zone of the machine, so that two machines would write two keys."""
    with pytest.raises(RunRefused, match="Moment 2024-06-01T08:00:00: it names no time zone"):
        created_text(datetime(2024, 6, 1, 8))


def test_two_decisions_of_one_run_have_two_keys() -> None:
    """The sort key is the created date and then the membership type (R-HIST-1)."""
    assert RECORD.sort_key == "2024-06-01T08:00:00.000000Z#GOLD"
    assert replace(RECORD, membership_type="SILVER").sort_key != RECORD.sort_key


@pytest.mark.parametrize("changes", [{}, {"subject": "C-1042"}, {"first_granted": None, "hits": ()}])
def test_a_record_comes_back_from_json(changes: dict[str, Any]) -> None:
    """A record is its content: written as JSON and read again, it is equal, its key of the same type."""
    record = replace(RECORD, **changes)
    assert record_from(through_json(record.content())) == record


def test_a_record_comes_back_from_decimals() -> None:
    """A store whose numbers are decimals gives back whole numbers."""
    content = RECORD.content()
    decimals = {name: Decimal(content[name]) for name in ("inclusion_sum", "exclusion_sum")}
    hits = [[key, Decimal(number), kind, Decimal(weight)] for key, number, kind, weight in content["hits"]]
    back = record_from(content | decimals | {"hits": hits})
    assert (back, type(back.inclusion_sum), type(back.hits[0].weight)) == (RECORD, int, int)


@pytest.mark.parametrize("name", RECORD_CHANGES)
def test_records_that_differ_have_different_content(name: str) -> None:
    """A collision is found by content, so content covers every field (R-HIST-2)."""
    assert replace(RECORD, **{name: RECORD_CHANGES[name]}).content() != RECORD.content()


def test_every_field_of_a_record_is_changed() -> None:
    """A field that no change touches would be one that no collision is found by."""
    assert set(RECORD_CHANGES) == {field.name for field in fields(HistoryRecord)}


def test_a_manifest_comes_back_from_json() -> None:
    """A manifest is its content, written as JSON and read again."""
    assert manifest_from(through_json(MANIFEST.content())) == MANIFEST


def test_values_are_frozen() -> None:
    """What was built stays as it was built, the mappings within too."""
    with pytest.raises(FrozenInstanceError):
        RECORD.granted = False  # type: ignore[misc]
    with pytest.raises(TypeError):
        RECORD.snapshots["customers"] = "other"  # type: ignore[index]


def test_the_same_inputs_are_the_same_run() -> None:
    """Whatever the order in which snapshots and settings are named (R-OPS-3)."""
    reordered = IDENTITY | {"snapshots": dict(reversed(IDENTITY["snapshots"].items()))}
    assert run_identity(**IDENTITY) == run_identity(**reordered)
    assert run_identity(**IDENTITY).startswith("2024-06-01-")


@pytest.mark.parametrize("name", OTHER)
def test_another_input_is_another_run(name: str) -> None:
    """Day, rules, snapshots, settings and engine each name the run."""
    assert run_identity(**IDENTITY | {name: OTHER[name]}) != run_identity(**IDENTITY)


def test_a_manifest_knows_what_its_inputs_name() -> None:
    """Also where the run was named by hand."""
    inputs = run_identity(date(2024, 6, 1), "ab", {"customers": "2024-06-01"}, {"ansi": "on"}, "1")
    assert replace(MANIFEST, run_id="nightly").inputs == MANIFEST.inputs == inputs


PARAMETERS: list[ParameterValue] = [True, 7, Decimal("0.10"), "GB", date(2024, 6, 1)]


@pytest.mark.parametrize("value", PARAMETERS, ids=lambda value: type(value).__name__)
def test_a_parameter_keeps_its_type(value: ParameterValue) -> None:
    """A parameter is a typed literal of the query: 7 is no '7', and 0.10 is exact."""
    back = decode_parameter(through_json(encode_parameter(value)))
    assert (back, type(back), str(back)) == (value, type(value), str(value))


def test_a_membership_type_needs_no_more_than_its_key() -> None:
    """What a row or a file leaves out or empty is the default."""
    assert membership_type_from({"key": "GOLD"}) == MembershipType("GOLD")
    assert membership_type_from({"key": "GOLD", "name": None, "strategy": "", "tie": None}) == MembershipType("GOLD")


def test_a_frozen_rule_set_names_its_clocks() -> None:
    """The day, the moment and the effective periods travel with a frozen rule set, outside its digest."""
    period = EffectivePeriod(date(2024, 3, 1), date(2024, 7, 1))
    version = RuleVersion("A-1", 1, Kind.INCLUSION, "GOLD", 10, Form.PREDICATE, "x > 0", "customers", period)
    rules = RuleSet(date(2024, 6, 1), datetime(2024, 6, 2, tzinfo=UTC), (MembershipType("GOLD"),), (version,))
    thawed = thaw(freeze(rules))
    assert (thawed.as_of, thawed.known_at, thawed.versions[0].effective) == (rules.as_of, rules.known_at, period)
