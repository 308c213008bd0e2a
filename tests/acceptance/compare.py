"""Exact comparison of hits, sums and decisions with what a corpus expects."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from rules_engine.model.hitmatrix import HitMatrix

HIT = ["rule_id", "customer_id"]
SUMS = ["inclusion_sum", "exclusion_sum"]
PAIR = ["customer_id", "membership_type"]


@dataclass(frozen=True)
class Difference:
    """How two sets of rows compare; ``examples`` name a few rows that differ."""

    equal: int
    missing: int
    extra: int
    examples: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        return not self.missing and not self.extra

    def content(self) -> dict[str, object]:
        return asdict(self)


def hits_of(matrix: HitMatrix, words: pd.DataFrame) -> pd.DataFrame:
    """The hit matrix as rows rule_id, customer_id."""
    subjects = words["subject"].astype(str).to_numpy()
    parts = []
    for version, cell in matrix.cells:
        bits = (words[f"h{cell.word}"].to_numpy() & np.int64(cell.mask)) != 0
        parts.append(pd.DataFrame({"rule_id": version.key, "customer_id": subjects[bits]}))
    return pd.concat(parts) if parts else pd.DataFrame({"rule_id": [], "customer_id": []})


def differences(expected: pd.DataFrame, found: pd.DataFrame) -> Difference:
    """Rows of all columns compared as sets; a row twice on one side is a difference."""
    columns = list(expected.columns)
    both = expected.merge(found[columns], on=columns, how="outer", indicator=True)
    sides = both["_merge"]
    odd = both[sides != "both"].head(5)
    doubled = int(both.duplicated(columns).sum())
    return Difference(
        equal=int((sides == "both").sum()) - doubled,
        missing=int((sides == "left_only").sum()),
        extra=int((sides == "right_only").sum()) + doubled,
        examples=tuple(
            f"{'missing' if row['_merge'] == 'left_only' else 'extra'}: " + ", ".join(f"{c}={row[c]}" for c in columns)
            for _, row in odd.iterrows()
        ),
    )


def decided_as_text(decided: pd.DataFrame) -> pd.DataFrame:
    """Staged decisions in the words of a corpus, all as text."""
    return pd.DataFrame(
        {
            "customer_id": decided["subject"].astype(str),
            "membership_type": decided["membership_type"],
            "inclusion_sum": decided["inclusion_sum"].astype(str),
            "exclusion_sum": decided["exclusion_sum"].astype(str),
            "decision": np.where(decided["granted"], "GRANT", "DISREGARD"),
        }
    )
