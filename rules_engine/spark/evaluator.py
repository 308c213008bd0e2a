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
from rules_engine.lake.merges import with_survivors
from rules_engine.lake.reader import SparkLakeReader
from rules_engine.lake.reading import reads_every_file, schema_of
from rules_engine.model.failing import Limits, OnFailure
from rules_engine.model.frames import Absent, Frame, Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.schemas import Schema
from rules_engine.plan.bound_rules import bound_rules, values_wanted
from rules_engine.plan.planner import plan
from rules_engine.plan.standalone import batches
from rules_engine.ports import Checked, LakeReader, OpenLake, Progress, silent
from rules_engine.spark import passes, run_metrics, scan
from rules_engine.spark.dimension_lists import values
from rules_engine.spark.failure.isolation import ActiveRules, FaultIsolation, refusals, retry_without_failing
from rules_engine.spark.gate.gate import RuleGate
from rules_engine.spark.hit_matrix import Deciding, HitMatrixJob, merged, of_subjects_alone
from rules_engine.spark.progress import phase, told
from rules_engine.spark.record_sizes import oversized
from rules_engine.spark.resolved_index import index
from rules_engine.spark.session import PINNED, pin, speaks_english
from rules_engine.spark.shuffle import HashPartitioning, of_facts, words_said
from rules_engine.spark.small_frames import few_rows, stored
from rules_engine.spark.standalone_queries import rows_of_batch, run_batches
from rules_engine.spark.timeouts import within
from rules_engine.worker.decide import types_of
from rules_engine.worker.decision_rows import DECISIONS, HITS, STANDING
from rules_engine.worker.parquet import MOST_ROWS
from rules_engine.worker.work_counts import BARE, MERGED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


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

    def believe(self, as_of: date, frames: Iterable[Frame]) -> None:
        """See that text files of the frames can be read as they were written, or raise RunRefused."""
        self._reader.believed(self._open(as_of), frames)

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
                    lambda live: made.update(hits=self._stage(live, folder, previous, corrected)),
                    whole, apart, self.on_failure,
                )  # fmt: skip
            raise_all(RunRefused, oversized(live.matrix, lambda: self.spark.read.parquet(f"{folder}/{HITS}")))
            with phase("count", seconds, self.spark, progress):
                evaluation = self._counted(live, found.subjects, made["hits"], previous, folder)
                self._confirm(rule_set.as_of)
        return replace(evaluation, seconds=seconds)

    def _confirm(self, as_of: date) -> None:
        """See that the frames are still what was opened; else the next try opens them anew."""
        opened, self._opened = self._open(as_of), None
        self._reader.confirm(opened)
        self._opened = opened

    def _stage(self, live: ActiveRules, folder: str, previous: str | None, corrected: Sequence[str]) -> HitMatrixJob:
        """
        Evaluate and decide; stage hits, decisions, and what stands of pairs that are not decided.

        Those are of held types, and of subjects that are gone. A membership that ends with its subject is decided.
        """
        rule_set = live.rule_set
        decide = Deciding(
            types_of(live.matrix, rule_set.membership_types), rule_set.as_of,
            previous is not None, self.lake.absent is Absent.END,
        )  # fmt: skip

        def stage() -> HitMatrixJob:
            before = self._stood(live, previous, corrected)
            made = self.matrix(rule_set, live.matrix, f"{folder}/work", before, apart=live.apart)
            made.stage(folder, decide)
            return made

        made = within(self.spark, stage, self.limits, [v.id for v, _ in live.matrix.cells])
        if previous is None:
            remove(self.spark, f"{folder}/{STANDING}")
        elif live.held_types:
            held = self._previous(previous).where(_of_type(live.held_types))
            held.write.mode("append").option("maxRecordsPerFile", MOST_ROWS).parquet(f"{folder}/{STANDING}")
        return made

    def _stood(self, live: ActiveRules, previous: str | None, corrected: Sequence[str]) -> DataFrame | None:
        """
        Earlier memberships of types that are decided; None where there are none.

        Pairs that were decided in publications that the run takes the place of are among them as never granted.
        """
        never = "subject", "membership_type", "false AS granted", "CAST(NULL AS DATE) AS first_granted"
        rows = [self.spark.read.parquet(f"{folder}/{DECISIONS}").selectExpr(*never) for folder in corrected]
        if previous is not None:
            rows.append(self._previous(previous).where("first_granted IS NOT NULL"))
        return reduce(lambda a, b: a.unionAll(b), rows).where(~_of_type(live.held_types)) if rows else None

    def _counted(
        self, live: ActiveRules, subjects: int, made: HitMatrixJob, previous: str | None, folder: str
    ) -> Evaluation:
        """What workers counted, beside what the frames' files say, or Spark finds in them, and in what was staged."""
        frames = {source.frame for source in made.sources} - {"", self.lake.subject_frame.name}
        said = {name: summary.rows for name, summary in self._open(live.rule_set.as_of).summaries.items()}
        staged = self.spark.read.schema(f"{SUBJECT} {self.subject_type(live.rule_set.as_of)}")
        with ThreadPoolExecutor() as at_once:
            rows, decided = (at_once.submit(staged.parquet(f"{folder}/{part}").count) for part in (HITS, DECISIONS))
            there = {frame: at_once.submit(self.spark.table(frame).count) for frame in sorted(frames - {*said})}
            held = self._members_of_held(live, previous)
        totals = made.counts.totals()
        of_frames = said | {frame: counted.result() for frame, counted in there.items()}
        hits_per_rule, unknown_per_rule = run_metrics.bits_set(live.matrix, totals)
        types = (membership_type.key for membership_type in live.rule_set.membership_types)
        return Evaluation(
            subjects=subjects,
            evaluated_pairs=subjects * len(live.matrix.cells),
            hits_per_rule=hits_per_rule,
            unknown_per_rule=unknown_per_rule,
            types=run_metrics.type_counts(totals, types, held),
            decisions_digest=run_metrics.digest(totals),
            held=live.held,
            sources=run_metrics.source_counts(
                totals, made.sources, of_frames | {self.lake.subject_frame.name: subjects}
            ),
            merged=totals.get((MERGED, 0), 0),
            bare=totals.get((BARE, 0), 0),
            rows=rows.result(),
            staged=decided.result(),
        )

    def _members_of_held(self, live: ActiveRules, previous: str | None) -> dict[str, int]:
        """Held types and their members, whom nobody decides."""
        found = dict.fromkeys(live.held_types, 0)
        if previous is None or not found:
            return found
        members = self._previous(previous).where(_of_type(found)).where("granted")
        return found | {
            row["membership_type"]: row["count"] for row in members.groupBy("membership_type").count().collect()
        }

    def matrix(
        self, rule_set: RuleSet, matrix: HitMatrix, work: str, before: DataFrame | None = None, *, apart: bool = False
    ) -> HitMatrixJob:
        """
        The hit matrix, still to be made; statements are run on the way. No gate is asked.

        ``before`` are earlier memberships for whoever decides; ``apart``: each statement is a query of its own.
        """
        as_of = rule_set.as_of
        schema = self.schema(as_of, rule_set.reference_lists)
        rules = bound_rules(matrix, schema, as_of)
        planned = plan(matrix, rules, schema, values(self.spark, values_wanted(rules)), apart=apart)
        with few_rows(self.spark, schema, planned.alone) as session_of:
            facts = run_batches(
                list(batches(planned.alone)),
                lambda batch: rows_of_batch(session_of(batch), batch, self.lake, as_of),
                lambda rows, number: self._kept(rows, f"{work}/batch-{number}"),
                lambda done, rules: within(self.spark, done, self.limits, rules),
            )
        of_subjects = index(self.spark, planned.subjects, planned.of_subjects)
        if not planned.passes and not facts and before is None:
            return of_subjects_alone(self.spark, matrix, planned, of_subjects, self.subject_type(as_of))
        frames = {planned.subjects.frame, *(each.source.frame for each in planned.passes)} & {*schema.columns}
        held = sum(map(stored, [*map(self.spark.table, frames), *([] if before is None else [before])]))
        parts = HashPartitioning.of(self.spark, held, matrix.words, self.subject_type(as_of))
        sent = [scan.sent(self.spark, of_subjects, parts, every=True, carried=planned.carried)]
        sent += [passes.sent(self.spark, passes.of_pass(self.spark, *each), parts) for each in planned.passes]
        if facts:
            together = reduce(lambda a, b: a.unionAll(b), facts)
            sent.append(of_facts(together, words_said(planned.alone), parts))
        if before is not None:  # looked up last: Spark takes a join for enormous
            before = with_survivors(before, self.lake, self._frames(as_of))
        return merged(matrix, planned, sent, parts, before)

    def _kept(self, rows: DataFrame, path: str) -> DataFrame:
        rows.write.mode("overwrite").parquet(path)
        return self.spark.read.schema(rows.schema).parquet(path)

    def _previous(self, folder: str) -> DataFrame:
        """What stood after a run, decided by it or handed on."""
        wanted = [SUBJECT, "membership_type", "granted", "first_granted"]
        decided = self.spark.read.parquet(f"{folder}/{DECISIONS}").select(*wanted)
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


def _of_type(keys: Iterable[str]) -> Column:
    from pyspark.sql import functions as F  # noqa: N812

    return F.col("membership_type").isin(sorted(keys))
