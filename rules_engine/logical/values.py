"""Values of literals, and what is said where a condition cannot be read for an index."""

from __future__ import annotations

from rules_engine.model.canonical import ParameterValue

Value = ParameterValue | float


class NotIndexable(ValueError):
    """The condition is not recognised in full: it stays whole."""
