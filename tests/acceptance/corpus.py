"""A corpus folder: its frames as a lake, its rules as a file to import, its expected results."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import yaml

from rules_engine.model.frames import Frame, Lake

FIRST_DAY = date(2024, 1, 1)
"""A corpus says of no rule since when it counts."""


@dataclass(frozen=True)
class Corpus:
    """What a folder in the format of the acceptance corpora holds."""

    folder: Path
    about: dict[str, Any]
    rules: list[dict[str, Any]]
    thresholds: dict[str, int]

    @classmethod
    def read(cls, folder: Path) -> Corpus:
        with (folder / "membership_types.csv").open(encoding="utf-8") as file:
            thresholds = {row["membership_type"]: int(row["threshold"]) for row in csv.DictReader(file)}
        about = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        return cls(folder, about, json.loads((folder / "rules.json").read_text(encoding="utf-8")), thresholds)

    def lake(self) -> Lake:
        """The frames as declared; each that has a column of the subject's key is joined by it."""
        key = self.about["subject_key"]
        frames = []
        for name, path in self.about["frames"].items():
            place = (self.folder / path).resolve()
            columns = _columns(place)
            own = next((c for c in columns if c.lower() == key.lower()), "")
            frames.append(Frame(name=name, path=str(place), subject_key=own))
        return Lake(self.about["subject_frame"], tuple(frames))

    def write_rules(self, path: Path) -> None:
        """The rules as a file that `rules import` takes."""
        entries = [self._entry(rule) for rule in self.rules]
        types = [{"key": key, "name": key, "margin": margin} for key, margin in self.thresholds.items()]
        body = {"membership_types": types, "rules": entries}
        path.write_text(yaml.dump(body, allow_unicode=True, sort_keys=False, width=10**6), encoding="utf-8")

    def _entry(self, rule: dict[str, Any]) -> dict[str, Any]:
        entry = {
            "key": rule["rule_id"],
            "name": rule.get("name") or rule["rule_id"],
            "kind": rule["kind"].lower(),
            "membership_type": rule["membership_type"],
            "weight": rule["weight"],
            "effective": {"from": FIRST_DAY},
            "metadata": {"true_when_empty": True},  # its authors meant what it says, whoever it is true of
        }
        if "sql_select" in rule:
            return entry | {"select": rule["sql_select"]}
        return entry | {"frame": rule.get("frame") or self.about["subject_frame"], "sql": rule["sql_condition"]}

    def expected(self, name: str) -> pd.DataFrame | None:
        """Expected hits or decisions, all keys as text; None where the corpus has none."""
        csv_file, parquet = self.folder / f"{name}.csv", self.folder / f"{name}.parquet"
        if csv_file.exists():
            return pd.read_csv(csv_file, dtype=str)
        return pd.read_parquet(parquet).astype(str) if parquet.exists() else None


def _columns(place: Path) -> list[str]:
    file = next(iter(sorted(place.rglob("*.parquet")))) if place.is_dir() else place
    return list(pq.read_schema(file).names)
