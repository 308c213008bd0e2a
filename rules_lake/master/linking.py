"""Pairs of records that may be one person, by Splink: a model that is trained once, and what it says of each pair."""

from __future__ import annotations

import logging
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from rules_engine.errors import RunRefused, raise_all
from rules_engine.ports import Progress, silent
from rules_lake.master import blocks, comparing
from rules_lake.master.model import Model, averaged, settled
from rules_lake.master.records import Records
from rules_lake.master.settings import Linking

FEWEST_PAIRS = 25
"""Of a block with fewer pairs nothing is learnt: the model keeps what it begins with."""

AT_ONCE = 10_000_000
"""Pairs that are compared in one go: what they take of memory is the same however many there are."""

PASSES = (
    "given_name, family_name",
    "birth_date",
    "national_id",
    "email",
    "phone",
    "postcode, family_name",
    "postcode, given_name",
)
"""
Blocks in which likely matches abound, so that the others' parameters are learnt from them; the last two stand in.

No block is a household: what its members share would be taken for what one person's records share.
"""

SURE = ("national_id", "email, given_name", "name_key, birth_date", "name_key, postcode")
"""Rules that are hardly ever wrong, for a first estimate of how many pairs match."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair of rows that was compared: how likely they are one person, and the rule that brought them together."""

    left: int
    right: int
    probability: float
    weight: float
    rule: str


SAID = ("rid_l", "rid_r", "match_probability", "match_weight", "match_key")


def _scored(said: Mapping[str, Any], rule: str) -> Scored:
    """A pair as Splink says it."""
    rows = said["rid_l"], said["rid_r"]
    return Scored(min(rows), max(rows), round(said["match_probability"], 6), round(said["match_weight"], 3), rule)


class Backend(Protocol):
    """Where Splink computes."""

    def register(self, table: pa.Table, name: str) -> Any:
        """A table for Splink."""

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """While sums of fractions are taken: in one order, so that two runs come to the same."""
        yield


class InDuckDB:
    """In this process; the memory it may take is a setting, and what is more goes to disk."""

    def __init__(self, linking: Linking) -> None:
        from splink import DuckDBAPI

        self._threads = linking.threads or os.cpu_count() or 1
        self._connection = duckdb.connect()
        self._connection.execute(f"SET threads = {self._threads}")
        self._connection.execute("SET enable_progress_bar = false")
        if linking.memory:
            self._connection.execute("SET memory_limit = ?", [linking.memory])
        self._api = DuckDBAPI(self._connection)

    def register(self, table: pa.Table, name: str) -> Any:
        return self._api.register(table, table_name=name)

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        self._connection.execute("SET threads = 1")
        try:
            yield
        finally:
            self._connection.execute(f"SET threads = {self._threads}")


class OnSpark:
    """On a Spark session that has Splink's functions: see ``similarity_jar``."""

    def __init__(self, session: Any) -> None:
        from splink.backends.spark import SparkAPI

        self._session = session
        open_api: Any = SparkAPI
        self._api = open_api(spark_session=session, break_lineage_method="persist")

    def register(self, table: pa.Table, name: str) -> Any:
        kinds = {pa.int64(): "bigint", pa.bool_(): "boolean"}
        schema = ", ".join(f"`{field.name}` {kinds.get(field.type, 'string')}" for field in table.schema)
        frame = self._session.createDataFrame(table.to_pandas(), schema)
        return self._api.register(frame, table_name=name)

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        yield


class Linkage:
    """One set of records under one model; the model is trained unless one is given."""

    def __init__(
        self,
        records: Records,
        linking: Linking,
        roles: frozenset[str],
        backend: Backend,
        progress: Progress = silent,
    ) -> None:
        self._records, self._linking, self._backend = records, linking, backend
        self._roles, self._progress = roles, progress
        raise_all(RunRefused, blocks.blocking_faults(self.rules, records.compared.column_names))
        largest, self._pairs = blocks.within(records.compared, self.rules, linking.largest_block)
        compared, self._bounded = blocks.bounded(records.compared, self.rules, largest)
        self._single = any(compared["single"].to_pylist())
        self._table = backend.register(compared, "records")
        self._linkers = 0

    @property
    def rules(self) -> tuple[str, ...]:
        """The blocking rules in force."""
        return self._linking.blocking or blocks.blocking(self._roles)

    def fits(self, model: Model) -> bool:
        """Whether a model compares what these settings compare."""
        return model.fits(self._fresh().create_settings_dict(str(model.said["sql_dialect"])))

    def trained(self) -> Model:
        """A model learnt from the records: by a seed, and the same however many threads there are."""
        self._progress(f"Learning from {len(self._records.keys):,} records", 0.1)
        sure = [rule for rule in SURE if self._has(rule)]
        agreeing = self._pairs_of(sure)
        with quiet():
            linker = self._linker(self._fresh())
            learnt = linker.training
            if agreeing:
                rules = [blocks.rule_of(rule, self._single) for rule in sure]
                learnt.estimate_probability_two_random_records_match(rules, recall=0.8)
            if len(self._records.keys) > 2:
                learnt.estimate_u_using_random_sampling(max_pairs=self._linking.u_pairs, seed=self._linking.seed)
            begun = linker.misc.save_model_to_json()
            with self._backend.one_by_one():
                learnt_of = [said for rule in self._passes() if (said := self._learnt(begun, rule))]
        return settled(averaged(begun, learnt_of), len(self._records.keys), agreeing)

    def _learnt(self, begun: dict[str, Any], rule: str) -> dict[str, Any] | None:
        """What one block teaches; of few pairs, or of pairs that are all alike, it may be nothing."""
        from splink.internals.exceptions import EMTrainingException

        self._progress(f"Learning from the records that agree on {rule}", 0.2)
        linker = self._linker(deepcopy(begun))
        blocked = blocks.rule_of(rule, self._single)
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(
                blocked, fix_probability_two_random_records_match=False, max_pairs=self._linking.em_pairs
            )
        except (ValueError, EMTrainingException):
            return None
        said: dict[str, Any] = linker.misc.save_model_to_json()
        return said

    def scored(self, model: Model, least: float) -> list[Scored]:
        """Every pair that a blocking rule brings together and that is at least so likely, in order."""
        if len(self._records.keys) < 2:
            return []
        rules = [blocks.blocking_sql(r, self._single) + self._that_fit(r) for r in self.rules]
        retained = ["source", "single", *self._bounded.values()]
        parts = self._pairs // AT_ONCE + 1
        scored: list[Scored] = []
        with quiet():
            linker = self._linker({**model.with_rules(rules), "additional_columns_to_retain": retained})
            for part in range(parts):
                said = f"Comparing {self._pairs:,} pairs" + (f", part {part + 1} of {parts}" if parts > 1 else "")
                self._progress(said, 0.3 + 0.5 * part / parts)
                found = linker.inference.predict_chunk((part + 1, parts), (1, 1), least or None, warning_mode="never")
                rows = found.as_pyarrow_table().select([*SAID]).to_pylist()
                scored += (_scored(row, self.rules[int(row["match_key"])]) for row in rows)
                found.drop_table_from_database_and_remove_from_cache()
        return sorted(scored, key=lambda pair: (pair.left, pair.right))

    def _that_fit(self, rule: str) -> str:
        """That the block of a rule is not one of those that are too large."""
        name = self._bounded.get(rule)
        return f" AND l.{name} = r.{name}" if name else ""

    def of_pairs(self, model: Model, pairs: Iterable[tuple[int, int]], because: str = "") -> list[Scored]:
        """Given pairs, whatever brings them together."""
        wanted = sorted(set(pairs))
        return [_scored(row, because) for row in self._details(model, wanted)] if wanted else []

    def details(self, model: Model, left: int, right: int) -> Mapping[str, Any]:
        """Everything the model says of one pair: levels, Bayes factors, probability."""
        return self._details(model, [(left, right)], True)[0]

    def _details(self, model: Model, pairs: list[tuple[int, int]], whole: bool = False) -> list[dict[str, Any]]:
        left, right = zip(*pairs, strict=True)
        blocked = pa.table({"join_key_l": left, "join_key_r": right, "match_key": ["0"] * len(pairs)})
        self._linkers += 1
        with quiet():
            linker = self._linker(model.detailed() if whole else model.with_rules(["1=0"]))
            table = self._backend.register(blocked, f"pairs_{self._linkers}")
            linker.table_management.register_blocked_pairs_for_predict(table)
            found = [*linker.inference.predict().as_pyarrow_table().to_pylist()]
            linker.table_management.invalidate_cache()  # or these pairs would be all that is ever compared
        return found

    def _linker(self, model: Any) -> Any:
        from splink import Linker

        return Linker(self._table, model, log_level=None, validate_settings=False)

    def _fresh(self) -> Any:
        from splink import SettingsCreator

        return SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="rid",
            comparisons=comparing.comparisons(self._roles),
            blocking_rules_to_generate_predictions=[blocks.rule_of(rule, self._single) for rule in self.rules],
            retain_matching_columns=False,
            additional_columns_to_retain=["source", "single"],
            linker_uid="master",
        )

    def _has(self, rule: str) -> bool:
        return set(rule.split(", ")) <= set(self._records.compared.column_names)

    def _passes(self) -> list[str]:
        """The blocks to learn from: enough pairs, and the stand-ins only for want of others."""
        found = [rule for rule in PASSES if self._has(rule) and self._pairs_of([rule]) >= FEWEST_PAIRS]
        first = [rule for rule in found if "postcode" not in rule]
        return first if len(first) > 1 else found

    def _pairs_of(self, rules: Iterable[str]) -> int:
        return sum(map(self._block_pairs, rules))

    def _block_pairs(self, rule: str) -> int:
        """How many pairs of different records agree on all of a rule's columns."""
        columns = [self._records.compared[name].to_pylist() for name in rule.split(", ")]
        counted = Counter(values for values in zip(*columns, strict=True) if None not in values)
        return sum(n * (n - 1) // 2 for n in counted.values())


@contextmanager
def quiet() -> Iterator[None]:
    """Splink tells its progress to people who train by hand; what matters of it is in the model and the manifest."""
    logger = logging.getLogger("splink")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
