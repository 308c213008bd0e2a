"""Linkage as one would write it from the two libraries' own introductions: what ours is measured beside."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

Pair = tuple[str, str]
Roles = Mapping[str, str | list[str]]

BLOCKS = (("given_name", "birth_date"), ("family_name", "birth_date"), ("national_id",), ("given_name", "family_name"))


def _flat(tables: Sequence[pd.DataFrame], roles: Roles) -> list[pd.DataFrame]:
    """The columns by role, as text, and nothing else done to them."""
    found = []
    for table in tables:
        cells = {role: _text(table, columns) for role, columns in roles.items()}
        flat = pd.DataFrame(cells, index=table.index)
        flat.insert(0, "unique_id", [str(k) for k in table.index])
        found.append(flat)
    return found


def _text(table: pd.DataFrame, columns: str | list[str]) -> Any:
    if isinstance(columns, str):
        return table[columns].astype("string")
    return table[columns].astype("string").agg("-".join, axis=1)


def plain_splink(tables: Sequence[pd.DataFrame], roles: Roles, threshold: float = 0.95) -> set[Pair]:
    """Splink with its own comparisons for names, dates and the rest, trained as its tutorial does."""
    import pyarrow as pa
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.CRITICAL)
    flat = _flat(tables, roles)
    made: list[Any] = []
    for role in roles:
        if role in ("given_name", "family_name"):
            made.append(cl.NameComparison(role))
        elif role in ("birth_date", "national_id", "postcode", "phone"):
            made.append(cl.DamerauLevenshteinAtThresholds(role, [1, 2]))
        elif role == "email":
            made.append(cl.EmailComparison(role))
        else:
            made.append(cl.JaroWinklerAtThresholds(role, [0.9, 0.7]))
    blocks = [block for block in BLOCKS if set(block) <= set(roles)]
    settings = SettingsCreator(
        link_type="link_only" if len(flat) > 1 else "dedupe_only",
        comparisons=made,
        blocking_rules_to_generate_predictions=[block_on(*block) for block in blocks],
    )
    api = DuckDBAPI()
    registered = [
        api.register(pa.Table.from_pandas(t, preserve_index=False), dataset_display_name=f"t{n}")
        for n, t in enumerate(flat)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linker = Linker(registered, settings, log_level=None)
        linker.training.estimate_probability_two_random_records_match([block_on(*b) for b in blocks[:2]], recall=0.7)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for block in blocks[:2] if len(blocks) > 1 else blocks:
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*block))
        found = linker.inference.predict(threshold_match_probability=threshold).as_pyarrow_table().to_pylist()
    return {_ordered(row["unique_id_l"], row["unique_id_r"]) for row in found}


def with_recordlinkage(tables: Sequence[pd.DataFrame], roles: Roles) -> set[Pair]:
    """recordlinkage with its string measures and its EM classifier, blocked on single columns as in its guide."""
    import recordlinkage

    flat = [
        table.drop(columns="unique_id").astype(object).where(table.drop(columns="unique_id").notna(), None)
        for table in _flat(tables, roles)
    ]
    indexer = recordlinkage.Index()
    for block in BLOCKS:
        if set(block) <= set(roles):
            indexer.block(list(block))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        candidates = indexer.index(*flat)
        compare = recordlinkage.Compare()
        for role in roles:
            if role in ("birth_date", "national_id", "postcode", "region", "house_number"):
                compare.exact(role, role, label=role)
            else:
                compare.string(role, role, method="jarowinkler", threshold=0.85, label=role)
        features = compare.compute(candidates, *flat)
        matches = recordlinkage.ECMClassifier(binarize=0.8).fit_predict(features)
    return {_ordered(str(a), str(b)) for a, b in matches}


def _ordered(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)
