"""Content as canonical JSON: what digests are taken over, and parameters in it with their types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

ParameterValue = bool | int | Decimal | str | date


def canonical_json(body: Any) -> str:
    """JSON of one spelling: sorted keys, no spaces, no escapes but the needed ones."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def encode_parameter(value: ParameterValue) -> dict[str, Any]:
    """A parameter as JSON that keeps its type: ``{"date": "2024-06-01"}``."""
    match value:
        case bool():
            return {"boolean": value}
        case int():
            return {"bigint": value}
        case Decimal():
            return {"decimal": str(value)}
        case date():
            return {"date": value.isoformat()}
        case _:
            return {"string": value}


def decode_parameter(encoded: Mapping[str, Any]) -> ParameterValue:
    """The value :func:`encode_parameter` wrote."""
    ((kind, value),) = encoded.items()
    match kind:
        case "decimal":
            return Decimal(value)
        case "date":
            return date.fromisoformat(value)
        case "boolean":
            return bool(value)
        case "bigint":
            return int(value)
    return str(value)
