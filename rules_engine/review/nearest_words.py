"""A nearest change of facts in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rules_engine.review.nearest import NearestFacts


def in_words(facts: NearestFacts) -> str:
    """What would have had to be otherwise, and the decision then; or that nothing was found, of how much was tried."""
    if facts.decision is None:
        return f"none of {facts.tried} changes of one or two columns, to what the rules hold them against, turns it."
    moves = " and ".join(
        f"{m.frame}.{m.column} {_text(m.becomes)} in place of {_text(m.was)}" + (f" (row {m.row + 1})" if m.row else "")
        for m in facts.moves
    )
    return f"{moves}: then {'GRANTED' if facts.decision.granted else 'NOT GRANTED'} ({facts.decision.reason})"


def _text(value: Any) -> str:
    return "nothing" if value is None else str(value)
