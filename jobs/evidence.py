"""Evidence of an installation: records, rules, manifests, chain and audit, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault, RulesError, RunRefused, raise_all
from rules_engine.model.history import HistoryRecord, created_text
from rules_engine.model.manifest import Manifest
from rules_engine.model.rule_sets import RuleSet, freeze
from rules_engine.review.evidence import Evidence

if TYPE_CHECKING:
    from jobs.wiring import Installation
    from rules_repo.changes import ChangeBook


def gathered(installation: Installation, customer: str, first: date, last: date, made: datetime) -> Evidence:
    """
    Everything about one subject from a day to another, both of them included.

    Raises:
        RunRefused: If nothing was decided of it then, or a rule set or manifest of a record is not here any more.
    """
    from rules_repo.audit_export import entries

    subject = installation.subject(customer)
    journey = installation.history.journey(subject)
    records = [record for record in journey if first <= record.as_of <= last]
    if not records:
        days = (
            f"The first is of {min(r.as_of for r in journey)}, the last of {max(r.as_of for r in journey)}."
            if journey
            else ""
        )
        what = f"the history holds no decision from {first} to {last}."
        raise RunRefused(Fault(f"Subject {subject}", what, days or "It holds none at all: see `rules members TYPE`."))
    manifests, rule_sets = _of_runs(installation, records)
    about = {
        "subject": subject,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "tenant": installation.settings.tenant,
        "made": created_text(made),
    }
    return Evidence(
        about,
        records,
        [*_rules(installation, records, rule_sets)],
        {rule_set.digest: freeze(rule_set) for rule_set in rule_sets.values()},
        manifests,
        tuple(installation.history.chain()),
        entries(installation.database_url),
    )


def _of_runs(installation: Installation, records: Iterable[HistoryRecord]) -> tuple[list[Manifest], dict[str, RuleSet]]:
    """The manifests and rule sets of the records' runs, all that are missing told at once."""
    manifests, rule_sets = list[Manifest](), dict[str, RuleSet]()
    faults: list[Fault] = []
    for run_id in dict.fromkeys(record.run_id for record in records):
        try:
            manifest = installation.store.manifest(run_id)
            rule_sets[run_id] = installation.store.rule_set(run_id)
        except RulesError as error:
            faults += error.faults
            continue
        if manifest is None:
            what = f"its manifest is not in {installation.store.folder(run_id)}."
            faults.append(Fault(f"Run {run_id}", what, "Bring it back from a backup: without it nothing is proved."))
        else:
            manifests.append(manifest)
    raise_all(RunRefused, faults)
    return manifests, rule_sets


def _rules(
    installation: Installation, records: Iterable[HistoryRecord], rule_sets: Mapping[str, RuleSet]
) -> Iterable[Mapping[str, Any]]:
    """The wordings of the versions that hit, each once, with what the repository knows of their publication."""
    from rules_repo.changes import ChangeBook

    book, seen = ChangeBook(installation.database_url), set[str]()
    plans = cache(lambda change: _plans(book, change))
    for record in records:
        known = {v.id: v for v in rule_sets[record.run_id].versions}
        for hit in record.hits:
            version = known.get(f"{hit.key}/{hit.version}")
            if version is None or version.id in seen:
                continue
            seen.add(version.id)
            told = [each for each in book.history(version.key) if each["version"] == version.version]
            published = [_plain(each) | {"plans": plans(each["change_id"])} for each in told]
            yield {"wording": version.content(), "published": published}


def _plans(book: ChangeBook, change: int | None) -> list[dict[str, Any]]:
    """Who approved a change on which plan, and what that plan said in a sentence; nobody where none was needed."""
    standing = book.standing(change) if change else None
    plan = standing.plan if standing else None
    if plan is None:
        return []
    words = {plan["plan"]: plan["said"].get("words", "")}
    approvals = [each for each in plan.get("approvals", ()) if each["plan"] is not None]
    return [{**each, "words": words.get(each["plan"])} for each in approvals]


def _plain(known: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat()
        if isinstance(value, (date, datetime))
        else value
        if isinstance(value, int)
        else _text(value)
        for name, value in known.items()
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
