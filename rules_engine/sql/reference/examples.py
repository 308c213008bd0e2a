"""The frames that the examples of ``allowed.toml`` and ``refusals.toml`` are about, and the examples as rules."""

from __future__ import annotations

from functools import cache

from rules_engine.model.canonical import ParameterValue
from rules_engine.model.rules import Form, Kind, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.sql.allow_list import allowed


@cache
def example_schema() -> Schema:
    """Two frames: people, whom decisions are about, and their orders."""
    columns = {name: dict(_columns(text)) for name, text in allowed().example.items()}
    subject, key = next((name, next(iter(found))) for name, found in columns.items())
    return Schema(subject, key, columns, {name: key for name, found in columns.items() if key in found})


def example_rule(form: Form, sql: str, **parameters: ParameterValue) -> RuleVersion:
    """A text as a rule about the example frames; a predicate is about people."""
    frame = example_schema().subject if form is Form.PREDICATE else ""
    return RuleVersion("EXAMPLE", 1, Kind.INCLUSION, "ANY", 1, form, sql, frame, parameters=parameters)


def _columns(text: str) -> list[tuple[str, str]]:
    """``a bigint, b struct<c:int,d:int>`` cut at the commas outside brackets."""
    cuts, depth = [-1], 0
    for at, character in enumerate(text):
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            cuts.append(at)
    pieces = [text[start + 1 : end].strip() for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]
    return [(name, type_) for name, type_ in (piece.split(" ", 1) for piece in pieces)]
