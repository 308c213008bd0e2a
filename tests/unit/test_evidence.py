"""Evidence proves itself without a database, and whatever of it is changed is named (R-HIST)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from rules_engine.model.rule_sets import freeze
from rules_engine.review.evidence import Evidence, verify
from tests.spec.table import Row, cases
from tests.unit.house import MONDAY, TUESDAY, House


def audited(*rows: tuple[str, dict[str, Any]]) -> list[list[Any]]:
    """Entries of an audit, each with the hash of the one before."""
    entries, before = list[list[Any]](), ""
    for position, (relation, row) in enumerate(rows, 1):
        said = [str(position), "2024-06-01T00:00:00.000000Z", "ann", "7", "main", relation, "INSERT", "{}", None]
        said += [json.dumps(row), "", before]
        before = hashlib.sha256(json.JSONEncoder(ensure_ascii=False).encode(said).encode()).hexdigest()
        entries.append([*said, before, False])
    return entries


@pytest.fixture
def evidence() -> Evidence:
    """What two days decided of one subject, whose rule somebody approved."""
    house = House()
    manifests = [house.run(day).manifest for day in (MONDAY, TUESDAY)]
    rule_sets = [house.store.rule_set(m.run_id) for m in manifests]
    published = [{"version": 1, "effective_from": "2024-06-01", "recorded_from": "2024-05-01", "recorded_by": "ann"}]
    published[0] |= {"change_id": 1, "title": "First", "reason": "we begin", "approvers": "bob, cy"}
    rules = [{"wording": v.content(), "published": published} for v in rule_sets[0].versions]
    return Evidence(
        {"subject": 2, "from": "2024-06-03", "to": "2024-06-04", "tenant": "main", "made": "2024-07-01"},
        house.history.journey(2),
        rules,
        {r.digest: freeze(r) for r in rule_sets},
        manifests,
        tuple(house.history.chain()),
        audited(("change", {"id": 1}), ("release", {"change_id": 1, "approvers": ["bob", "cy"]})),
    )


def test_what_was_put_together_is_proved(evidence: Evidence) -> None:
    """The same content gives the same bytes, and these prove themselves."""
    content = evidence.packed()
    proved, faults = verify(content)
    assert faults == ()
    assert proved is not None
    assert (proved.records, proved.runs, proved.entries) == (len(evidence.records), 2, 2)
    assert evidence.packed() == content


def test_any_changed_byte_is_named(evidence: Evidence) -> None:
    """One bit anywhere, in what is said or around it; and what is cut off, or put behind."""
    content = evidence.packed()
    random = Random(21)
    places = {*range(60), *range(len(content) - 400, len(content)), *random.sample(range(len(content)), 400)}
    for at in sorted(places):
        changed = bytearray(content)
        changed[at] ^= 1 << random.randrange(8)
        proved, faults = verify(bytes(changed))
        assert proved is None, at
        assert faults[0].which, at
    for changed_whole in (content[:-1], content + b"\0", b"", b"no archive"):
        assert verify(changed_whole)[0] is None


def of_record(evidence: Evidence, **said: Any) -> Evidence:
    first, *others = evidence.records
    return replace(evidence, records=[replace(first, **said), *others])


def a_decision(evidence: Evidence) -> Evidence:
    return of_record(evidence, granted=not evidence.records[0].granted)


def a_weight(evidence: Evidence) -> Evidence:
    record = evidence.records[0]
    hits = tuple(replace(hit, weight=hit.weight + 1) for hit in record.hits)
    sums = {"inclusion_sum": record.inclusion_sum + 1, "exclusion_sum": record.exclusion_sum + 1}
    return of_record(evidence, hits=hits, **sums)


def a_run(evidence: Evidence) -> Evidence:
    return of_record(evidence, run_id="another")


def a_count(evidence: Evidence) -> Evidence:
    first, *others = evidence.manifests
    return replace(evidence, manifests=[replace(first, versions=9), *others])


def a_rule_set(evidence: Evidence) -> Evidence:
    texts = {digest: text.replace("BOND-001", "BOND-002") for digest, text in evidence.rule_sets.items()}
    return replace(evidence, rule_sets=texts)


def a_wording(evidence: Evidence) -> Evidence:
    rule = evidence.rules[0]
    return replace(evidence, rules=[{**rule, "wording": rule["wording"] | {"sql": "other"}}, *evidence.rules[1:]])


def an_approval(evidence: Evidence) -> Evidence:
    rule = evidence.rules[0]
    told = [each | {"approvers": "eve"} for each in rule["published"]]
    return replace(evidence, rules=[{**rule, "published": told}, *evidence.rules[1:]])


def an_entry(evidence: Evidence) -> Evidence:
    first, *others = (list(entry) for entry in evidence.audit)
    first[2] = "mallory"
    return replace(evidence, audit=[first, *others])


def a_cut_audit(evidence: Evidence) -> Evidence:
    return replace(evidence, audit=evidence.audit[1:])


FORGED = """
    forged       | which                    | says                              | because
    -------------+--------------------------+-----------------------------------+----------------------------------
    a_decision   | records.json, record 1   | it says                           | hits and policy decide otherwise
    a_weight     | records.json, record 1   | its rule set has no               | the rule has another weight
    a_run        | records.json, record 1   | no publication of its run         | no such run was published
    a_count      | manifests/               | not the one that was published    | the chain names it by its digest
    a_rule_set   | rule_sets/               | it was altered                    | it names its own digest
    a_wording    | rules.json, BOND-001/1   | no rule set has this wording      | the rule sets are kept whole
    an_approval  | rules.json, BOND-001/1   | does not say that eve approved it | the audit has the release
    an_entry     | audit.json, entry 1      | does not give its hash            | an entry is hashed
    a_cut_audit  | audit.json, entry 2      | in the place of entry 1           | positions have no gap
"""


@pytest.mark.parametrize("case", cases(FORGED))
def test_a_forgery_that_is_packed_anew_is_named(evidence: Evidence, case: Row) -> None:
    """Whoever packs the archive again, with an index that fits, is found by what its texts say of each other."""
    forge: Callable[[Evidence], Evidence] = globals()[case["forged"]]
    proved, faults = verify(forge(evidence).packed())
    assert proved is None
    assert any(f.which.startswith(case["which"]) and case["says"] in f.what for f in faults), faults
