"""
Runs a property: a function of what it judges, which holds of the real thing and notices each planted fault.

A property that no fault can break proves nothing (style.md), so each comes
with definitions that are wrong on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

Check = Callable[[], None]
Property = Callable[[Any], Check]
Proof = tuple[Property, Any, list[Any]]
"""A property, the real thing, and the faults it must notice."""

HOLDS = settings(max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck))
NOTICES = settings(HOLDS, max_examples=1000, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)


def holds(property_: Property, real: Any) -> None:
    HOLDS(property_(real))()


def notices(property_: Property, fault: Any) -> None:
    with pytest.raises(AssertionError):
        NOTICES(property_(fault))()


def real_things(proofs: list[Proof]) -> list[object]:
    """Each property with the real thing, as parameters of a test."""
    return [pytest.param(property_, real, id=_name(property_)) for property_, real, _ in proofs]


def planted_faults(proofs: list[Proof]) -> list[object]:
    """Each property with each fault, as parameters of a test."""
    return [
        pytest.param(property_, fault, id=f"{_name(property_)}-{_name(fault)}")
        for property_, _, faults in proofs
        for fault in faults
    ]


def _name(thing: Any) -> str:
    if isinstance(thing, partial):
        return "-".join([_name(thing.func), *map(str, thing.keywords.values())])
    return str(thing.__name__)
