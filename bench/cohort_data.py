"""A small lake of persons and what was recorded of them: what the WITH queries of :mod:`bench.cohorts` ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.data import kept
from rules_engine.lake import declaration
from rules_engine.model.frames import Lake

PERSONS = 2_000
CODES = 60
FIRST_CODE = 4_000

DECLARATION = """
subject = "persons"
[frames.persons]
path = "persons"
key = ["person_id"]
subject_key = "person_id"
[frames.periods]
path = "periods"
subject_key = "person_id"
[frames.diagnoses]
path = "diagnoses"
key = ["diagnosis_id"]
subject_key = "person_id"
[frames.prescriptions]
path = "prescriptions"
key = ["prescription_id"]
subject_key = "person_id"
[frames.codes]
path = "codes"
key = ["code_id"]
[frames.above]
path = "above"
"""


def made(seed: int, root: Path) -> Path:
    """The folder of the lake's files, written if it is not there yet."""

    def write(folder: Path) -> None:
        for name, columns in _frames(np.random.default_rng(seed)).items():
            (folder / name).mkdir(parents=True)
            pq.write_table(pa.table(columns), folder / name / "part-000.parquet")
        (folder / "frames.toml").write_text(DECLARATION, encoding="utf-8")

    return kept(root / f"persons-{PERSONS}-seed-{seed}", write)


def lake(folder: Path) -> Lake:
    """The declaration beside the files."""
    return declaration.load(folder / "frames.toml")


def _frames(chance: np.random.Generator) -> dict[str, dict[str, Any]]:
    persons, events = np.arange(1, PERSONS + 1), 12 * PERSONS
    codes: Any = np.arange(FIRST_CODE, FIRST_CODE + CODES).astype(np.int32)
    return {
        "persons": {"person_id": persons, "born": chance.integers(1930, 2005, PERSONS).astype(np.int32),
                    "gender": chance.choice(["f", "m"], PERSONS)},
        "periods": {"person_id": persons, "first_day": _days(chance, PERSONS, "2008-01-01", 1500),
                    "last_day": _days(chance, PERSONS, "2022-01-01", 800)},
        "diagnoses": {"diagnosis_id": np.arange(events), "person_id": chance.integers(1, PERSONS + 1, events),
                      "code_id": chance.choice(codes, events), "first_day": _days(chance, events, "2012-01-01", 3500),
                      "last_day": _days(chance, events, "2013-01-01", 3500)},
        "prescriptions": {"prescription_id": np.arange(events), "person_id": chance.integers(1, PERSONS + 1, events),
                          "code_id": chance.choice(codes, events), "first_day": _days(chance, events, "2012-01-01", 3500),
                          "supply": chance.integers(1, 90, events).astype(np.int32)},
        "codes": {"code_id": codes, "retired": np.where(np.arange(CODES) % 20 == 7, "x", None)},
        "above": {"upper_id": (codes - FIRST_CODE) // 6 + FIRST_CODE, "lower_id": codes},
    }  # fmt: skip


def _days(chance: np.random.Generator, rows: int, first: str, span: int) -> pa.Array:
    return pa.array(np.datetime64(first) + chance.integers(0, span, rows).astype("timedelta64[D]"))
