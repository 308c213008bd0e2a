"""What the texts of evidence say of each other: every fault of records, wordings, approvals, chain and audit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rules_engine.errors import Fault
from rules_engine.model.canonical import canonical_json
from rules_engine.model.history import HistoryRecord, Unreadable, read
from rules_engine.model.ledger import decision_faults, ledger_faults, wording_faults
from rules_engine.model.manifest import Manifest
from rules_engine.model.publications import Publication, publication_of
from rules_engine.model.rule_sets import RuleSet

RECORDS, RULES, CHAIN, AUDIT, MANIFESTS = "records.json", "rules.json", "chain.json", "audit.json", "manifests"
REMEDY = "Ask whoever made the archive for it again, and compare its digest."

Said = Mapping[str, Any]


def record_faults(
    which: str,
    content: Mapping[str, Any],
    rule_sets: Mapping[str, RuleSet],
    manifests: Mapping[str, Manifest],
    chain: Sequence[Publication],
) -> Iterator[Fault]:
    """Whether a record is what it says, follows from its rules, and is of a run published with its manifest."""
    record = read(which, content, content["content_hash"])
    if isinstance(record, Unreadable):
        yield Fault(which, f"{record.why}.", REMEDY)
        return
    for why in (*ledger_faults(record), *decision_faults(record), *_wording_faults(record, rule_sets)):
        yield Fault(which, f"{why}.", REMEDY)
    manifest = manifests.get(record.run_id)
    entry = next((each for each in chain if each.run_id == record.run_id), None)
    if manifest is None or entry is None:
        yield Fault(which, f"there is no {'manifest' if entry else 'publication'} of its run {record.run_id}.", REMEDY)
    elif manifest.digest != entry.manifest_digest:
        yield Fault(f"{MANIFESTS}/{record.run_id}.json", "it is not the one that was published.", REMEDY)
    elif _published(manifest, entry) != entry:
        yield Fault(f"{CHAIN}, entry {entry.number}", f"it is not of the manifest of run {record.run_id}.", REMEDY)
    elif (manifest.rule_set_digest, dict(manifest.snapshots)) != (record.rule_set_digest, dict(record.snapshots)):
        yield Fault(which, "its run was of other rules or other data.", REMEDY)


def _published(manifest: Manifest, entry: Publication) -> Publication:
    """The entry that the manifest gives; the first of a chain is decided against none that the chain has."""
    given = replace(publication_of(manifest, entry.number), closed=entry.closed)
    return given if entry.number > 1 else replace(given, previous_run=entry.previous_run)


def _wording_faults(record: HistoryRecord, rule_sets: Mapping[str, RuleSet]) -> Iterator[str]:
    rule_set = rule_sets.get(record.rule_set_digest)
    if rule_set is None:
        yield f"its rule set {record.rule_set_digest[:12]}… is not here"
        return
    yield from wording_faults(record, rule_set)


def rule_faults(rules: Sequence[Mapping[str, Any]], rule_sets: Mapping[str, RuleSet]) -> Iterator[Fault]:
    """Whether the wordings told are those of the rule sets."""
    known = [version.content() for found in rule_sets.values() for version in found.versions]
    for rule in rules:
        wording = json.loads(canonical_json(rule["wording"]))
        if not any(json.loads(canonical_json(content)) == wording for content in known):
            which = f"{RULES}, {wording.get('key')}/{wording.get('version')}"
            yield Fault(which, "no rule set has this wording.", REMEDY)


def audit_faults(audit: Sequence[Sequence[Any]], head: Sequence[Any]) -> Iterator[Fault]:
    """Whether each entry hangs on the one before it, and gives its hash where its content is told."""
    before = ""
    for number, (*said, stored, withheld) in enumerate(audit, 1):
        which = f"{AUDIT}, entry {said[0]}"
        if int(said[0] or 0) != number:
            yield Fault(which, f"it stands in the place of entry {number}.", REMEDY)
        if said[-1] != before:
            yield Fault(which, "it does not follow the entry before it.", REMEDY)
        text = json.JSONEncoder(ensure_ascii=False).encode(said)
        if not withheld and hashlib.sha256(text.encode()).hexdigest() != stored:
            yield Fault(which, "it was altered: its content does not give its hash.", REMEDY)
        before = stored
    if audit and list(head) != [audit[-1][0], audit[-1][-2]]:
        yield Fault(AUDIT, "its newest entry is not the one that the index names.", REMEDY)


def approval_faults(rules: Sequence[Said], audit: Sequence[Sequence[Any]]) -> Iterator[Fault]:
    """Whether whoever is said to have approved a rule, and on which plan, is said so by the audit, if it tells all."""
    if any(entry[-1] for entry in audit):
        return
    said = [(entry[5], json.loads(entry[9])) for entry in audit if entry[9]]
    released = {str(row.get("change_id")): ", ".join(row.get("approvers") or ()) for of, row in said if of == "release"}
    given = {
        (str(row.get("change_id")), row.get("approver"), row.get("plan_id")) for of, row in said if of == "approval"
    }
    plans = {row.get("id"): (row.get("said") or {}).get("words", "") for of, row in said if of == "plan_result"}
    for rule in rules:
        which = f"{RULES}, {rule['wording']['key']}/{rule['wording']['version']}"
        for known in rule["published"]:
            change = str(known.get("change_id"))
            if known.get("approvers") and released.get(change) != known["approvers"]:
                yield Fault(which, f"the audit does not say that {known['approvers']} approved it.", REMEDY)
            for each in known.get("plans") or ():
                what = f"the audit does not say that {each['approver']} approved it on plan {each['plan']}"
                if (change, each["approver"], each["plan"]) not in given:
                    yield Fault(which, f"{what}.", REMEDY)
                elif each["words"] is not None and plans.get(each["plan"]) != each["words"]:
                    yield Fault(which, f"{what} of these words.", REMEDY)


def subject_faults(about: Said, records: Sequence[Said]) -> Iterator[Fault]:
    """Whether the records are those of the subject and the days that are named, each once."""
    seen = set[str]()
    for number, content in enumerate(records, 1):
        which = f"{RECORDS}, record {number}"
        if str(content["subject"]) != str(about["subject"]):
            what = f"it is of subject {content['subject']}, and this is evidence about {about['subject']}."
            yield Fault(which, what, REMEDY)
        if not str(about["from"]) <= str(content["as_of"]) <= str(about["to"]):
            yield Fault(which, f"it is of {content['as_of']}, which is none of the days that are named.", REMEDY)
        if content["content_hash"] in seen:
            yield Fault(which, "it is there twice.", REMEDY)
        seen.add(content["content_hash"])


def chain_faults(chain: Sequence[Publication]) -> Iterator[Fault]:
    """Whether the entries are numbered without a gap, and each run was decided against one before it."""
    earlier = set[str | None]([None])
    for number, entry in enumerate(chain, 1):
        if entry.number != number:
            yield Fault(CHAIN, f"entry {number} is numbered {entry.number}.", REMEDY)
        if entry.previous_run not in earlier and number > 1:
            what = f"run {entry.run_id} was decided against {entry.previous_run}, which is not before it."
            yield Fault(f"{CHAIN}, entry {number}", what, REMEDY)
        earlier.add(entry.run_id)
