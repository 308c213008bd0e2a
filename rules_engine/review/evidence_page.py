"""Evidence as a page to print: what was decided, by which wordings, approved by whom. It says what the JSON says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = (
    "body{font:11pt/1.4 serif;max-width:48em;margin:2em auto}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #999;padding:.2em .6em;text-align:left;vertical-align:top}"
    "td.n{text-align:right}pre{white-space:pre-wrap}h2{page-break-after:avoid}section{page-break-inside:avoid}"
)


def page(about: Mapping[str, Any], records: Sequence[Mapping[str, Any]], rules: Sequence[Mapping[str, Any]]) -> str:
    """The page; equal for equal content."""
    because = {_id(rule["wording"]): _because(rule["wording"]) for rule in rules}
    title = f"Evidence about {about['subject']}, {about['from']} to {about['to']}"
    lines = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title><style>{_STYLE}</style>",
        f"<h1>{escape(title)}</h1><p>Tenant {escape(str(about['tenant']))}, made {escape(str(about['made']))}. ",
        "Proved by <code>rules evidence verify</code> on the archive that this page is of.</p>",
        "<h1>Decisions</h1>",
        *(_decision(record, because) for record in records),
        "<h1>Rules</h1>",
        *(_rule(rule) for rule in rules),
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _decision(record: Mapping[str, Any], because: Mapping[str, str]) -> str:
    granted = "granted" if record["granted"] else "not granted"
    rows = "".join(
        f"<tr><td>{escape(f'{key}/{version}')}<td>{escape(str(kind))}<td class='n'>{weight}"
        f"<td>{escape(because.get(f'{key}/{version}', ''))}"
        for key, version, kind, weight, *_ in record["hits"]
    )
    said = [
        f"<section><h2>{escape(record['membership_type'])} on {record['as_of']}: {granted}</h2>",
        f"<p>{record['event']}, because of {record['reason']}: {record['inclusion_sum']} for it, ",
        f"{record['exclusion_sum']} against it{_policy(record['policy'])}. ",
        f"{'A correction of that day. ' if record['correction'] else ''}",
        f"Run {escape(record['run_id'])}, created {record['created_at']}, rule set {record['rule_set_digest']}.</p>",
        f"<table><tr><th>Rule<th>Kind<th>Weight<th>Because{rows}</table>",
        f"<p>Content hash {record['content_hash']}. Data: {escape(_pairs(record['snapshots']))}.</p></section>",
    ]
    return "".join(said)


def _policy(policy: Mapping[str, Any] | None) -> str:
    if policy is None:
        return ""
    veto = f", veto from {policy['veto_weight']}" if policy["veto_weight"] else ""
    return f" ({policy['strategy']}, margin {policy['margin']}, a tie: {policy['tie']}{veto})"


def _rule(rule: Mapping[str, Any]) -> str:
    wording = rule["wording"]
    over = f" over {wording['frame']}" if wording["frame"] else ""
    parameters = f"<p>Parameters: {escape(_pairs(wording['parameters']))}.</p>" if wording["parameters"] else ""
    return "".join(
        [
            f"<section><h2>{escape(_id(wording))} {escape(wording['name'])}</h2>",
            f"<p>{wording['kind']} of {escape(wording['membership_type'])}, weight {wording['weight']}: ",
            f"{escape(_because(wording))}.</p><p>{wording['form']}{escape(over)}:</p><pre>{escape(wording['sql'])}</pre>",
            parameters,
            *_published(rule["published"]),
            "</section>",
        ]
    )


def _published(known: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each in known:
        approved = (
            f"approved by {each['approvers']}" if each.get("approvers") else "approved by nobody: none was needed"
        )
        approved += "".join(f"; {_on_plan(plan)}" for plan in each.get("plans") or ())
        end = f" to {each['effective_to']}" if each.get("effective_to") else ""
        said = (
            f"Counts from {each['effective_from']}{end}; known from {each['recorded_from']}, by {each['recorded_by']}; "
            f"change {each['change_id']} ({each.get('title') or 'no title'}: {each.get('reason') or 'no reason'}), "
            f"{approved}."
        )
        yield f"<p>{escape(said)}</p>"


def _on_plan(plan: Mapping[str, Any]) -> str:
    words = f" ({plan['words']})" if plan["words"] else ""
    return f"{plan['approver']} on plan {plan['plan']}{words}"


def _id(wording: Mapping[str, Any]) -> str:
    return f"{wording['key']}/{wording['version']}"


def _because(wording: Mapping[str, Any]) -> str:
    return str(wording["reason_text"] or wording["name"])


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()))
