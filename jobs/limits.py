"""Limits of guard rails and releases of runs, as they travel to where no database is reached (R-OPS-5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.canonical import ParameterValue, canonical_json, decode_parameter, encode_parameter

Limits = Mapping[str, ParameterValue]
"""Limits of guard rails and releases of runs, by the names of the shared parameters that they are."""


def limits_of(shared: Limits) -> str:
    """Of the shared parameters the limits and releases, as the text that goes to where no database is reached."""
    wanted = {name: value for name, value in shared.items() if name.startswith(("guard_", "released_"))}
    return canonical_json({name: encode_parameter(value) for name, value in wanted.items()})


def limits_from(text: str, where: str) -> Limits:
    """
    What :func:`limits_of` wrote.

    Raises:
        RunRefused: If the text is nothing of the kind.
    """
    try:
        return {name: decode_parameter(value) for name, value in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as problem:
        what = f"it holds no limits: {problem}."
        raise RunRefused(Fault(f"File {where}", what, "Freeze the rule set again: the step writes it.")) from problem


def beside(rule_set: str) -> str:
    """Where the limits lie of a run whose frozen rule set is at an address."""
    return f"{rule_set.removesuffix('.json')}.limits.json"


def released_as(run_id: str) -> str:
    """
    The shared parameter whose value names the decisions of a run that may be published.

    >>> released_as("2024-06-05-d2a30626eab1")
    'released_2024_06_05_d2a30626eab1'
    """
    plain = run_id.lower().replace("-", "_")
    if len(plain) > 50 or not plain.replace("_", "").isalnum() or not plain.isascii():
        plain = sha256(run_id.encode()).hexdigest()[:24]
    return f"released_{plain}"
