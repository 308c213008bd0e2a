"""Where the memberships of a merged subject went, in words."""

from __future__ import annotations

from rules_engine.model import journeys
from rules_engine.model.history import Subject
from rules_engine.ports import History, Register


def merges_in_words(subject: Subject, history: History, register: Register | None = None) -> list[str]:
    """
    A line a merge, from this subject's on until the one that is left; none where it was not merged.

    Survivors are named with their membership numbers where there is a ``register``.
    """
    steps = list(journeys.merges(subject, history.journey))
    lines = [
        f"{step.subject} was merged into {step.merged_into}{_numbered(step.merged_into, register)} "
        f"on {step.as_of} in run {step.run_id}."
        for step in steps
    ]
    return [*lines, f"What was decided since: `rules explain {steps[-1].merged_into}`."] if steps else []


def _numbered(subject: Subject | None, register: Register | None) -> str:
    number = register.number(subject) if register and subject is not None else None
    return f" (number {number})" if number else ""
