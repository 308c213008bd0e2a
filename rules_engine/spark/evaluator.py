"""The Evaluator port on Spark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import cached_property, reduce
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule, RunRefused, raise_all
from rules_engine.index.words import SUBJECT
from rules_engine.lake.hadoop import exists, remove
from rules_engine.lake.lists import open_lists
from rules_engine.lake.reader import SparkLakeReader
from rules_engine.lake.reading import reads_every_file, schema_of
from rules_engine.model.failing import Limits, OnFailure
from rules_engine.model.frames import Absent, Lake, Schema
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import RuleSet
from rules_engine.plan.planner import plan, values_wanted
from rules_engine.plan.standalone import batches
from rules_engine.ports import Checked, LakeReader, OpenLake, Progress, silent
from rules_engine.spark import passes, run_metrics, scan
from rules_engine.spark.dimension_lists import values
from rules_engine.spark.failure.isolation import ActiveRules, FaultIsolation, refusals, retry_without_failing
from rules_engine.spark.gate.gate import RuleGate
from rules_engine.spark.hit_matrix import HitMatrixJob, merged, of_subjects_alone
from rules_engine.spark.progress import phase, told
from rules_engine.spark.resolved_index import index
from rules_engine.spark.session import PINNED, pin, speaks_english
from rules_engine.spark.shuffle import HashPartitioning, of_facts, words_said
from rules_engine.spark.small_frames import few_rows, stored
from rules_engine.spark.standalone_queries import rows_of_batch, run_batches
from rules_engine.spark.tallies import decisions, ended, oversized, tallies, with_pairs
from rules_engine.spark.timeouts import within
from rules_engine.worker.work_counts import BARE, MERGED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

HITS, DECIDED, STANDING = "hits", "decisions", "standing"


class SparkEvaluator:
    """
    Evaluates rule sets over one lake.

    Frames are opened once per day asked for, as views of a session of its
    own, so evaluators never see each other's frames.
    """

    def __init__(
        self,
        spark: SparkSession,
        lake: Lake,
        limits: Limits = Limits(),  # noqa: B008  frozen
        on_failure: OnFailure = OnFailure.ABORT,
        reader: LakeReader[SparkSession, DataFrame] = SparkLakeReader(),  # noqa: B008  holds nothing
    ) -> None:
        speaks_english(spark)
        reads_every_file(spark)
        self.spark = pin(spark)
        self.lake = lake
        self.limits, self.on_failure = limits, on_failure
        self._reader = reader
        self._opened: OpenLake[DataFrame] | None = None
        self._gates: dict[str, RuleGate] = {}

    @property
    def settings(self) -> dict[str, str]:
        """What besides rules and data can change an answer, for the run's identity and manifest (R-RUN-6)."""
        held = self.on_failure is OnFailure.HOLD
        limits = {
            "limits.planning_seconds": str(self.limits.planning_seconds),
            "limits.rule_seconds": str(self.limits.rule_seconds),
        }
        return {
            **PINNED,
            "spark.version": self.spark.version,
            "jvm.language": "en",  # others are refused
            "lake": self.lake.digest,
            "on_failure": self.on_failure.value,
            **(limits if held else {}),  # else a rule that fails ends the run
        }

    @cached_property
    def landed_days(self) -> list[date]:
        """The days on which the subject frame landed; none if it is not dated."""
        return self._reader.days(self.spark, self.lake)

    def subject_type(self, as_of: date) -> str:
        """``bigint`` or ``string``: how the subject's key is stored in a history."""
        return "string" if self.schema(as_of).subject_type == "string" else "bigint"

    def schema(self, as_of: date, lists: Iterable[ReferenceList] = ()) -> Schema:
        """What rules may name on a day: the frames, and the reference lists of their rule set."""
        return schema_of(self.lake, {**self._frames(as_of), **open_lists(self.spark, self.lake, lists)})

    def snapshots(self, as_of: date) -> Mapping[str, str]:
        return self._open(as_of).snapshots

    def check_lake(self, as_of: date, rule_set: RuleSet | None = None) -> Checked:
        """
        Read the frames as the lake's checks do, before rules are run over them.

        Raises:
            RunRefused: With everything that must not be evaluated.
        """
        return self._reader.check(self._open(as_of), rule_set)

    def check(self, rule_set: RuleSet) -> None:
        self.accepted(ActiveRules(rule_set, HitMatrix.of(rule_set)))

    def accepted(self, live: ActiveRules) -> ActiveRules:
        """
        What the gates accept: all of it; or, where failing rules are held, what is left without their types.

        Raises:
            InvalidRule: With every fault, where rules are refused that are not held, or nothing is left.
        """
        try:
            self._gate(live.rule_set).check(live.rule_set)
        except InvalidRule as refused:
            if self.on_failure is OnFailure.ABORT:
                raise
            return live.without(refusals(live.rule_set, refused))
        return live

    def warnings(self, rule_set: RuleSet) -> tuple[Fault, ...]:
        """What was said of the rules of a checked rule set and refuses none of them."""
        return self._gate(rule_set).warnings(rule_set)

    def evaluate(
        self,
        rule_set: RuleSet,
        matrix: HitMatrix,
        folder: str,
        previous: str | None,
        progress: Progress = silent,
        corrected: Sequence[str] = (),
    ) -> Evaluation:
        """As the port says. Under ``folder`` also ``work``, and ``standing`` where there was a run before."""
        whole = self.accepted(ActiveRules(rule_set, matrix))
        seconds: dict[str, float] = {}
        with told():
            with phase("check subjects", seconds, self.spark, progress):
                found = self.check_lake(rule_set.as_of, whole.rule_set)
                whole = whole.without(found.failures) if found.failures else whole
            with phase("evaluate rules", seconds, self.spark, progress):
                schema = self.schema(rule_set.as_of, rule_set.reference_lists)
                apart = FaultIsolation(self.spark, self.lake, schema, rule_set.as_of, self.limits)
                made = dict[str, HitMatrixJob]()  # by the last try
                live = retry_without_failing(
                    lambda live: made.update(hits=self._stage_hits(live, folder)),
                    whole, apart, self.on_failure,
                )  # fmt: skip
            with phase("decide", seconds, self.spark, progress):
                hits = self.spark.read.parquet(f"{folder}/{HITS}")
                raise_all(RunRefused, oversized(live.matrix, hits))
                before = self._previous(previous)
                here, gone = self._present(before, rule_set.as_of) if previous else (before, None)
                self._stage_standing(before, gone, live, folder)
                wanted = here.where(~_of_type(live.held_types))
                for each in corrected:
                    wanted = with_pairs(wanted, self._of_present(self._decided_in(each, live), rule_set.as_of)[0])
                decided = self.decide(rule_set, live.matrix, hits, wanted)
                if gone is not None and self.lake.absent is Absent.END:
                    decided = decided.unionByName(ended(gone.where(~_of_type(live.held_types))))
                staged(decided, f"{folder}/{DECIDED}")
            with phase("count", seconds, self.spark, progress):
                evaluation = self._counted(live, found.subjects, made["hits"], before if previous else None, folder)
                self._confirm(rule_set.as_of)
        return replace(evaluation, seconds=seconds)

    def _confirm(self, as_of: date) -> None:
        """See that the frames are still what was opened; else the next try opens them anew."""
        opened, self._opened = self._open(as_of), None
        self._reader.confirm(opened)
        self._opened = opened

    def _present(self, before: DataFrame, as_of: date) -> tuple[DataFrame, DataFrame]:
        """What stood before, parted: of subjects that are in the snapshot, and of those that are not (R-RUN-3)."""
        return self._of_present(before.where("first_granted IS NOT NULL"), as_of)

    def _decided_in(self, folder: str, live: ActiveRules) -> DataFrame:
        return self.spark.read.parquet(f"{folder}/{DECIDED}").where(~_of_type(live.held_types))

    def _of_present(self, pairs: DataFrame, as_of: date) -> tuple[DataFrame, DataFrame]:
        key = self._frames(as_of)[self.lake.subject_frame.name][self.lake.subject_key]
        subjects = self._frames(as_of)[self.lake.subject_frame.name].select(
            key.cast(self.subject_type(as_of)).alias(SUBJECT)
        )
        return pairs.join(subjects, SUBJECT, "left_semi"), pairs.join(subjects, SUBJECT, "left_anti")

    def _counted(
        self, live: ActiveRules, subjects: int, made: HitMatrixJob, before: DataFrame | None, folder: str
    ) -> Evaluation:
        """What was staged, counted as it was written, beside what workers counted; several at once."""
        decided, hits = (self.spark.read.parquet(f"{folder}/{part}") for part in (DECIDED, HITS))
        frames = {*made.frames} - {"", self.lake.subject_frame.name}
        with ThreadPoolExecutor() as at_once:
            rows = at_once.submit(hits.count)
            there = {frame: at_once.submit(self.spark.table(frame).count) for frame in sorted(frames)}
            bits = at_once.submit(run_metrics.bits_set, live.matrix, hits)
            members_before = at_once.submit(run_metrics.members, before) if before is not None else None
            carried = at_once.submit(self._carried, live, folder) if before is not None else None
            found = run_metrics.counted(decided)
            hits_per_rule, unknown_per_rule = bits.result()
            left = members_before.result() if members_before else {}
            absent = carried.result() if carried else {}
        totals = made.counts.totals()
        of_frames = {frame: counted.result() for frame, counted in there.items()}
        types = (membership_type.key for membership_type in live.rule_set.membership_types)
        return Evaluation(
            subjects=subjects,
            evaluated_pairs=subjects * len(live.matrix.cells),
            hits_per_rule=hits_per_rule,
            unknown_per_rule=unknown_per_rule,
            types=run_metrics.type_counts(found, left, types, live.held_types, absent),
            decisions_digest=found.digest,
            held=live.held,
            sources=run_metrics.source_counts(
                totals, made.frames, of_frames | {self.lake.subject_frame.name: subjects}
            ),
            merged=totals.get((MERGED, 0), 0),
            bare=totals.get((BARE, 0), 0),
            rows=rows.result(),
        )

    def _stage_hits(self, live: ActiveRules, folder: str) -> HitMatrixJob:
        def stage() -> HitMatrixJob:
            made = self.matrix(live.rule_set, live.matrix, f"{folder}/work")
            made.write(f"{folder}/{HITS}")
            return made

        return within(self.spark, stage, self.limits, [v.id for v, _ in live.matrix.cells])

    def _stage_standing(self, before: DataFrame, gone: DataFrame | None, live: ActiveRules, folder: str) -> None:
        """
        Hand on what stands of held types and of absent subjects, beside the decisions: neither decided nor published.

        An absent member whose membership ends is decided, and so not handed on.
        """
        path = f"{folder}/{STANDING}"
        if gone is None:
            remove(self.spark, path)
            return
        absent = gone.where(~_of_type(live.held_types))
        if self.lake.absent is Absent.END:
            absent = absent.where("NOT granted")
        staged(before.where(_of_type(live.held_types)).unionByName(absent), path)

    def _carried(self, live: ActiveRules, folder: str) -> dict[str, int]:
        """Membership type to the members that were handed on because their subject is absent."""
        standing = self.spark.read.parquet(f"{folder}/{STANDING}")
        return run_metrics.members(standing.where(~_of_type(live.held_types)))

    def matrix(self, rule_set: RuleSet, matrix: HitMatrix, work: str) -> HitMatrixJob:
        """The hit matrix, still to be made; statements are run on the way. No gate is asked."""
        as_of = rule_set.as_of
        schema = self.schema(as_of, rule_set.reference_lists)
        planned = plan(matrix, schema, as_of, values(self.spark, values_wanted(matrix, schema, as_of)))
        with few_rows(self.spark, schema, planned.alone) as session_of:
            facts = run_batches(
                list(batches(planned.alone)),
                lambda batch: rows_of_batch(session_of(batch), batch, self.lake, as_of),
                lambda rows, number: self._kept(rows, f"{work}/batch-{number}"),
                lambda done, rules: within(self.spark, done, self.limits, rules),
            )
        of_subjects = index(self.spark, planned.subjects, planned.of_subjects)
        if not planned.passes and not facts:
            return of_subjects_alone(self.spark, matrix, of_subjects, self.subject_type(as_of))
        frames = {planned.subjects.frame, *(each.source.frame for each in planned.passes)} & {*schema.columns}
        held = sum(stored(self.spark.table(name)) for name in frames)
        parts = HashPartitioning.of(self.spark, held, matrix.words, self.subject_type(as_of))
        sent = [scan.sent(self.spark, of_subjects, parts, every=True, carried=planned.carried)]
        sent += [passes.sent(self.spark, passes.of_pass(self.spark, *each), parts) for each in planned.passes]
        if facts:
            together = reduce(lambda a, b: a.unionAll(b), facts)
            sent.append(of_facts(together, words_said(planned.alone), parts))
        return merged(matrix, planned, sent, parts)

    def decide(self, rule_set: RuleSet, matrix: HitMatrix, hits: DataFrame, before: DataFrame) -> DataFrame:
        """Decisions of all membership types from the hit matrix and what was decided before."""
        return decisions(tallies(matrix, hits), before, rule_set.membership_types, rule_set.as_of)

    def _kept(self, rows: DataFrame, path: str) -> DataFrame:
        rows.write.mode("overwrite").parquet(path)
        return self.spark.read.schema(rows.schema).parquet(path)

    def _previous(self, folder: str | None) -> DataFrame:
        if folder is None:
            key = self.spark.table(self.lake.subject_frame.name).schema[self.lake.subject_key].dataType.simpleString()
            columns = f"{SUBJECT} {key}, membership_type string, granted boolean, first_granted date"
            return self.spark.createDataFrame([], columns)
        wanted = [SUBJECT, "membership_type", "granted", "first_granted"]
        decided = self.spark.read.parquet(f"{folder}/{DECIDED}").select(*wanted)
        if not exists(self.spark, f"{folder}/{STANDING}"):
            return decided
        return decided.unionByName(self.spark.read.parquet(f"{folder}/{STANDING}").select(*wanted))

    def gate(self, schema: Schema) -> RuleGate:
        """The gates under a schema; what they accepted is not asked again."""
        return self._gates.setdefault(schema.digest, RuleGate(self.spark, schema, self.limits))

    def _gate(self, rule_set: RuleSet) -> RuleGate:
        return self.gate(self.schema(rule_set.as_of, rule_set.reference_lists))

    def _frames(self, as_of: date) -> Mapping[str, DataFrame]:
        return self._open(as_of).frames

    def _open(self, as_of: date) -> OpenLake[DataFrame]:
        if self._opened is None or self._opened.as_of != as_of:
            self._opened = self._reader.open(self.spark, self.lake, as_of)
        return self._opened


MOST_ROWS = 250_000
"""Rows of a staged file, so that whoever publishes holds little at a time."""


def staged(rows: DataFrame, path: str) -> None:
    """Write decisions, or what stands beside them, in files of bounded size."""
    rows.write.mode("overwrite").option("maxRecordsPerFile", MOST_ROWS).parquet(path)


def _of_type(keys: Iterable[str]) -> Column:
    from pyspark.sql import functions as F  # noqa: N812

    return F.col("membership_type").isin(sorted(keys))
