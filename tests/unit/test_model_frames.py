"""Frames and lakes: what a declaration must say, with every fault named at once (R-LAKE-1)."""

from __future__ import annotations

from typing import Any

import pytest

from rules_engine.errors import RunRefused
from rules_engine.model.frames import Column, Format, Frame, Lake

CUSTOMERS = Frame("customers", "customers", key=("id",), subject_key="id", columns=(Column("id", "bigint"),))
HOLDINGS = Frame("holdings", "holdings/{day}", key=("holding",), subject_key="customer")

FRAMES: dict[str, tuple[dict[str, Any], str]] = {
    "a name that SQL cannot say": ({"name": "cus tomers"}, "its name is not of letters"),
    "no path": ({"path": ""}, "it has no path"),
    "CSV without columns": ({"format": Format.CSV, "columns": ()}, "it is csv and declares no columns"),
    "a column declared twice": (
        {"columns": (Column("id", "bigint"), Column("ID", "string"))},
        "it declares the column 'id' twice",
    ),
    "a key that is no column": ({"key": ("customer",)}, "its key column 'customer' is not among its columns"),
    "a subject key that is no column": ({"subject_key": "customer"}, "its key column 'customer' is not among"),
}


def frame(**changes: Any) -> Frame:
    valid = {"name": "customers", "path": "customers", "key": ("id",), "columns": (Column("id", "bigint"),)}
    return Frame(**(valid | changes))


@pytest.mark.parametrize(("changes", "says"), FRAMES.values(), ids=FRAMES)
def test_a_frame_that_cannot_be_read_cannot_be_declared(changes: dict[str, Any], says: str) -> None:
    """The declaration is refused before any data is read."""
    with pytest.raises(RunRefused, match=says):
        frame(**changes)


def test_all_faults_of_a_frame_are_told_at_once() -> None:
    """One refusal names every fault of the declaration."""
    with pytest.raises(RunRefused) as refused:
        frame(name="cus tomers", path="", columns=())
    assert len(refused.value.faults) == 2


def test_names_ignore_case() -> None:
    """Frames and keys are found as Spark finds them, whatever their letters' case."""
    assert frame(key=("ID",)).key == ("ID",)
    assert Lake("Customers", (CUSTOMERS, HOLDINGS)).frame("HOLDINGS") == HOLDINGS


def test_a_lake_knows_its_subject() -> None:
    """The subject frame's key names a subject."""
    lake = Lake("customers", (HOLDINGS, CUSTOMERS))
    assert (lake.subject_frame, lake.subject_key) == (CUSTOMERS, "id")


LAKES: dict[str, tuple[str, tuple[Frame, ...], str]] = {
    "a subject that is not declared": ("clients", (CUSTOMERS,), "its subject frame 'clients' is not declared"),
    "a subject without a key": ("list", (Frame("list", "list"),), "its key is not one column"),
    "a frame declared twice": ("customers", (CUSTOMERS, CUSTOMERS), "it declares the frame 'customers' twice"),
}


@pytest.mark.parametrize(("subject", "frames", "says"), LAKES.values(), ids=LAKES)
def test_a_lake_nobody_could_decide_on_is_refused(subject: str, frames: tuple[Frame, ...], says: str) -> None:
    """Decisions are about one declared subject, and a name means one frame."""
    with pytest.raises(RunRefused, match=says):
        Lake(subject, frames)
