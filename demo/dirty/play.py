"""The dirty demo, played: extracts landed, records linked to persons, contracts under them, and one day decided."""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from demo.checks import reads_what_was_decided
from demo.dirty.extracts import Extracts, Key, cells
from demo.figures import Check
from demo.play import MORNING, Play, settings_of_demo
from jobs import curating, mastering
from rules_engine.lake import declaration
from rules_engine.model.manifest import TypeCounts
from rules_engine.settings import Settings
from rules_lake.landing import landing
from rules_lake.privacy.curating import Curated

TENANT = "dirty"
DAY = date(2024, 6, 3)
HERE = Path(__file__).parent
EXAMPLES = 4


def settings_of_dirty(settings: Settings) -> Settings:
    """The settings under which it plays: a tenant of its own, servers of this machine only, a secret of this play."""
    place = f"{settings.home}/{TENANT}"
    return replace(
        settings_of_demo(settings),
        tenant=TENANT,
        lake=f"{place}/lake/frames.toml",
        runs=f"{place}/runs",
        landed=f"{place}/persons.toml",
        tokens=f"{place}/tokens",
        token_secret=secrets.token_urlsafe(48),
        token_secret_name=None,
    )


@dataclass(frozen=True, slots=True)
class Example:
    """A person of several records: each as its system has it, and what survives of them all."""

    master: Mapping[str, Any]
    records: Sequence[tuple[Key, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Linked:
    """Pairs of records of one person: there are so many, so many were found, and so many found are wrong."""

    there: int
    found: int
    wrong: int


@dataclass(frozen=True, slots=True)
class DirtyReport:
    """What there is to show."""

    persons: int
    records: Mapping[str, int]
    masters: int
    sizes: Mapping[int, int]
    """Records of a person to how many persons have so many."""
    linked: Linked
    to_decide: int
    holders: int
    """Rows of holders of contracts that two records share."""
    joint: int
    """Rows of them that are joint once records are persons."""
    dropped: Sequence[str]
    """Columns of persons and contracts that no rule reads, and that went no further than what landed."""
    types: Sequence[TypeCounts]
    names: Mapping[str, str]
    examples: Sequence[Example]
    checks: Sequence[Check]
    seconds: Mapping[str, float]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


class DirtyPlay(Play):
    """One performance."""

    rules = HERE / "rules.yaml"

    def play(self, persons: int, seed: int) -> DirtyReport:
        """Empty the stage, land, link, decide, check; what there is to show."""
        with self._phase("Emptying the stores"):
            self._empty()
            self._prepare()
        with self._phase("Landing what two systems deliver"):
            extracts = Extracts.made(persons, seed)
            self._land(extracts)
        with self._phase("Linking records to persons"):
            settings = mastering.load(self.place / "master.toml")
            built = mastering.built(settings, DAY.isoformat()).manifest
        with self._phase("Importing the rules"):
            self._import()
        with self._phase("Keeping what rules read"):
            self._land_linked(Path(settings.folder) / DAY.isoformat())
            curated = curating.curated(self.installation, DAY, DAY, None).frames
            self.installation.history.create()
        with self._phase("Starting Spark"):
            _ = self.installation.spark
        with self._phase(f"Running {DAY}"):
            outcome = self._run(DAY)
        folder = Path(settings.folder) / DAY.isoformat()
        masters = {
            (row["source"], row["source_id"]): row["master_id"]
            for row in pq.read_table(folder / "crosswalk").to_pylist()
        }
        linked = linked_pairs(extracts.persons, masters)
        shared = Counter(contract[0] for contract in extracts.contracts)
        holders = [(c[0], masters["policies", c[1]]) for c in extracts.contracts if shared[c[0]] > 1]
        persons_of = Counter(contract for contract, _ in {*holders})
        rule_set = self.installation.store.rule_set(outcome.manifest.run_id)
        return DirtyReport(
            persons=persons,
            records=built["records"],
            masters=built["masters"],
            sizes={int(size): n for size, n in built["sizes"].items()},
            linked=linked,
            to_decide=sum(n for outcome_, n in built["pairs"].items() if outcome_ in mastering.to_decide()),
            holders=len(holders),
            joint=sum(persons_of[contract] > 1 for contract, _ in holders),
            dropped=[*dropped(curated)],
            types=outcome.manifest.evaluation.types,
            names={m.key: m.name for m in rule_set.membership_types},
            examples=[*examples(extracts, masters, pq.read_table(folder / "master").to_pylist())],
            checks=(
                every_record_once(extracts.persons, masters),
                hardly_anybody_taken_for_another(linked),
                reads_what_was_decided(self.installation.history, outcome.manifest),
            ),
            seconds=self.seconds,
        )  # fmt: skip

    @property
    def place(self) -> Path:
        return Path(self.installation.settings.landed).parent

    @property
    def made_anew(self) -> tuple[Path, ...]:
        return tuple(self.place / folder for folder in ("extracts", "landed", "master", "linked", "lake", "tokens"))

    def _prepare(self) -> None:
        (self.place / "overrides.csv").unlink(missing_ok=True)
        self.place.mkdir(parents=True, exist_ok=True)
        for name in ("landed.toml", "master.toml", "persons.toml"):
            shutil.copyfile(HERE / name, self.place / name)

    def _land(self, extracts: Extracts) -> None:
        lake = declaration.load(self.place / "landed.toml")
        for name, path in extracts.write(self.place / "extracts").items():
            landing.land(str(path), lake.frame(name), DAY, datetime.combine(DAY, MORNING))

    def _land_linked(self, built: Path) -> None:
        """What linking made is an extract like any other."""
        lake = self.installation.landed.lake
        for name, folder in (("customers", "master"), ("contracts", "frames/contracts")):
            landing.land(str(built / folder), lake.frame(name), DAY, datetime.combine(DAY, MORNING))


def dropped(frames: Sequence[Curated]) -> Iterator[str]:
    """The columns that did not go on, by frame."""
    for each in frames:
        yield from (f"{each.frame}.{name}" for name, column in each.columns.items() if not column["type"])


def linked_pairs(persons: Mapping[Key, int], masters: Mapping[Key, Any]) -> Linked:
    """Pairs of records, in truth and as they were linked."""
    right, made = _pairs(persons), _pairs(masters)
    return Linked(len(right), len(made), len(made - right))


def _pairs(of: Mapping[Key, Any]) -> set[tuple[Key, Key]]:
    groups: dict[Any, list[Key]] = {}
    for key, whose in of.items():
        groups.setdefault(whose, []).append(key)
    return {pair for keys in groups.values() for pair in combinations(sorted(keys), 2)}


def every_record_once(persons: Mapping[Key, int], masters: Mapping[Key, Any]) -> Check:
    """Each record that was delivered is of one person."""
    lost = len({*persons} ^ {*masters})
    return Check("Every record is of one person", not lost, f"{len(masters):,} of {len(persons):,} records")


def hardly_anybody_taken_for_another(linked: Linked) -> Check:
    """Of the pairs that were linked at most one in a hundred is of two persons."""
    told = f"{linked.wrong:,} of {linked.found:,} linked pairs are of two persons"
    return Check("Hardly anybody is taken for another", linked.wrong * 100 <= linked.found, told)


def examples(extracts: Extracts, masters: Mapping[Key, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[Example]:
    """The persons with the most records, whose records differ."""
    of: dict[Any, list[Key]] = {}
    for key, master in masters.items():
        of.setdefault(master, []).append(key)
    most = sorted(rows, key=lambda row: (-len(of[row["master_id"]]), row["master_id"]))
    for row in most[:EXAMPLES]:
        records = [(key, [*cells(extracts.records[key])]) for key in sorted(of[row["master_id"]])]
        yield Example(row, records)
