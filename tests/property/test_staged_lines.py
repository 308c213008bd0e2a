"""Lines of COPY that are written from columns are those of the records, whatever was staged."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine.errors import RunRefused
from rules_engine.model import history
from rules_engine.model.decisions import Event, Reason, WritePolicy
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType
from rules_engine.publication import postgres_lines
from rules_engine.publication.postgres_copy import line
from rules_engine.publication.records import SubjectType
from rules_engine.publication.staged_records import Records, StagedDecisions
from tests.property.proof import Check, holds, notices
from tests.unit.house import MONDAY, moment, version
from tests.unit.test_model import MANIFEST

KEYS = ["GOLD", "SILVER", "GONE"]
VERSIONS = [
    replace(version(f"R-{n}", Kind.INCLUSION, n), membership_type=KEYS[n % 2], category="a\\b") for n in range(1, 140)
]
RULES = RuleSet(MONDAY, moment(MONDAY), tuple(MembershipType(key) for key in KEYS[:2]), tuple(VERSIONS))
RECORDS = Records.of(MANIFEST, RULES.membership_types, HitMatrix.of(RULES))
SCHEMA = pa.schema(
    [
        *[(name, pa.string()) for name in ("subject", "membership_type", "event", "reason")],
        ("granted", pa.bool_()),
        *[(name, pa.int64()) for name in ("inclusion_sum", "exclusion_sum")],
        ("words", pa.list_(pa.int64())),
        ("first_granted", pa.date32()),
        ("merged_into", pa.string()),
    ]
)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
WORDS = st.one_of(st.none(), st.lists(st.integers(0, 2**63 - 1), max_size=3))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


def rows(subjects: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    columns = {
        "subject": subjects,
        "membership_type": st.sampled_from(KEYS),
        "event": st.sampled_from([event.value for event in Event]),
        "reason": st.sampled_from([reason.value for reason in Reason]),
        "granted": st.booleans(),
        "inclusion_sum": NUMBERS,
        "exclusion_sum": NUMBERS,
        "words": WORDS,
        "first_granted": st.one_of(st.none(), st.dates(date(1, 1, 1))),
        "merged_into": st.one_of(st.none(), subjects),
    }
    return st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=8)


def staged(
    folder: Path,
    given_rows: list[dict[str, Any]],
    writes: WritePolicy = WritePolicy.RESULTS,
    *,
    before_merges: bool = False,
) -> StagedDecisions:
    kind = pa.int64() if isinstance(given_rows[0]["subject"], int) else pa.string()
    schema = SCHEMA.set(0, pa.field("subject", kind)).set(len(SCHEMA) - 1, pa.field("merged_into", kind))
    table = pa.Table.from_pylist(given_rows, schema)
    if before_merges:
        table = table.drop_columns(["merged_into"])
    pq.write_table(table, folder / "part-0.parquet")
    return StagedDecisions(replace(RECORDS, manifest=replace(MANIFEST, writes=writes)), str(folder))


def as_records_say(hash_of: Any, subject_type: SubjectType = "bigint", subjects: Any = NUMBERS) -> Check:
    @given(rows(subjects), st.sampled_from(WritePolicy), st.booleans())
    def check(given_rows: list[dict[str, Any]], writes: WritePolicy, before_merges: bool) -> None:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
            patched.setattr(postgres_lines, "hash_of", hash_of)
            decisions = staged(Path(folder), given_rows, writes, before_merges=before_merges)
            assert all(writes.writes(record.event) for record in decisions)
            written = b"".join(lines for lines, _ in postgres_lines.chunks(decisions, subject_type, 3))
            assert written == "".join(line(record, subject_type) for record in decisions).encode()

    return check


@pytest.mark.parametrize(("subject_type", "subjects"), [("bigint", NUMBERS), ("string", TEXTS)])
def test_lines_from_columns_are_those_of_the_records(subject_type: SubjectType, subjects: Any) -> None:
    """Keys, hashes, hits and what COPY takes for signs of its own: byte for byte, a type that is gone included; of what was staged before merges, too."""
    holds(partial(as_records_say, subject_type=subject_type, subjects=subjects), history.hash_of)


def test_a_hash_that_leaves_something_out_is_noticed() -> None:
    """The planted fault: the last digit of a sum is not hashed."""
    notices(as_records_say, lambda key, kind, decided, *rest: history.hash_of(key, kind, decided[:-1], *rest))


def test_a_subject_of_another_type_is_refused_from_columns_too(tmp_path: Path) -> None:
    """What a record would be refused for stops the lines."""
    row = {"subject": 1, "membership_type": "GOLD", "event": "GRANTED", "reason": "INCLUDED", "granted": True}
    row |= {"inclusion_sum": 1, "exclusion_sum": 0, "words": [1], "first_granted": None}
    with pytest.raises(RunRefused, match="keys its subjects by text"):
        list(postgres_lines.chunks(staged(tmp_path, [row]), "string", 3))
