"""An installation: the adapters that settings name, each opened when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rules_engine import java
from rules_engine.errors import Fault, RulesError, RunRefused, raise_all
from rules_engine.lake import declaration
from rules_engine.lake.keys import WHOLE
from rules_engine.lake.tables import spark_settings
from rules_engine.model.frames import Lake
from rules_engine.model.history import Subject
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import Progress, silent
from rules_engine.publication.names import runs_root, table_name
from rules_engine.publication.records import SubjectType
from rules_engine.publication.staging import FolderRunStore
from rules_engine.settings import HistoryKind, Settings
from rules_engine.spark import session
from rules_repo import embedded
from rules_repo.connection import of_tenant

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from rules_engine.publication.dynamodb import DynamoDBHistory
    from rules_engine.publication.postgres import PostgresHistory
    from rules_engine.review.masks import Masks
    from rules_engine.spark.evaluator import SparkEvaluator
    from rules_engine.spark.explain import Explained
    from rules_lake.privacy.declared import Declared
    from rules_lake.privacy.dropped import Dropped
    from rules_repo.repository import Repository


class Installation:
    """Everything one set of settings comes to. Open it with :func:`opened`, which closes what was started."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._started_spark = False
        self.keep_classes = False
        """Whether the JVM's classes are archived as it ends, so that the next one starts sooner."""
        self.rules_only = False
        """Whether Spark is asked about rules and reads no rows of the lake: the JVM then compiles quickly."""

    @property
    def home(self) -> Path:
        return Path(self.settings.home)

    @cached_property
    def database_url(self) -> str:
        """The rules repository's URL; the embedded server is started for it, its database named after the tenant."""
        if self.settings.database_url:
            url = self.settings.database_url
            return of_tenant(url, self.settings.tenant) if self.settings.tenant_said else url
        return embedded.ensure_database(embedded.start(self.postgres_folder), self.database_name)

    @cached_property
    def history_url(self) -> str:
        """The same for a history there: its tables are a tenant's, named or not, and the login must be of it."""
        url = self.settings.database_url
        return of_tenant(url, self.settings.tenant) if url else self.database_url

    @property
    def database_name(self) -> str:
        """The tenant's database in the embedded server; a tenant has no underscore, so no two share one."""
        return self.settings.tenant.replace("-", "_")

    @property
    def postgres_folder(self) -> Path:
        return self.home / "postgres"

    @cached_property
    def repository(self) -> Repository:
        from rules_repo.repository import Repository

        return Repository(self.database_url)

    @cached_property
    def lake(self) -> Lake:
        return declaration.load(Path(self.settings.lake))

    @cached_property
    def landed(self) -> Declared:
        """
        The frames that land, with the privacy of their columns.

        Raises:
            RunRefused: If there is no such declaration, or it is the one of the curated lake.
        """
        path, lake = Path(self.settings.landed), Path(self.settings.lake)
        if path.resolve() == lake.resolve():
            what = "it is the declaration that rules are evaluated by, so what lands would be read as it is."
            raise RunRefused(Fault(f"RULES_LANDED {path}", what, "Give what lands a folder and a file of its own."))
        if not path.exists():
            what = "there is no such file, so it is not known what may land."
            raise RunRefused(Fault(f"RULES_LANDED {path}", what, "Write it as docs/privacy.md shows, or name another."))
        from rules_lake.privacy.declared import load

        return load(path)

    @cached_property
    def masks(self) -> Masks:
        """
        What samples and explanations hide of sensitive columns, by the role in which somebody reads.

        Raises:
            RunRefused: If the login does not hold that role.
        """
        from rules_engine.review.masks import Masks
        from rules_repo.readers import login_in

        if not Path(self.settings.lake).exists():
            return Masks(subject=True)  # nobody says what is sensitive
        role = self.settings.reader
        sees = role in self.lake.seen_by and bool(login_in(self.database_url, role))
        return Masks.of(self.lake, sees=sees)

    @cached_property
    def dropped(self) -> Dropped:
        """The columns that landed and did not go on to the lake; none where it was not curated."""
        from rules_lake.privacy.dropped import Dropped

        return Dropped.of(self.settings.lake)

    @cached_property
    def store(self) -> FolderRunStore:
        """
        Runs staged for this environment, tenant and history.

        Being published is said of one history, so another history has runs of its own.
        """
        settings = self.settings
        root = runs_root(settings.runs, settings.environment, settings.tenant, settings.history)
        return self._store_on_hadoop(root) if "://" in root else FolderRunStore(root)

    def _store_on_hadoop(self, root: str) -> FolderRunStore:
        from jobs.hadoop_files import HadoopFiles

        files, read = HadoopFiles(self.spark), self.spark.read.parquet
        rows = lambda path: (row.asDict(recursive=True) for row in read(path).toLocalIterator())  # noqa: E731
        return FolderRunStore(root, files, rows, files.digests)

    @cached_property
    def java_home(self) -> Path:
        return java.find_java(self.home / "java")

    @cached_property
    def spark(self) -> SparkSession:
        """
        This program's Spark, started when it is first asked for.

        Raises:
            RunRefused: If PySpark or Java is missing, or the JVM does not start.
        """
        from pyspark.sql import SparkSession

        self._started_spark = SparkSession.getActiveSession() is None
        return session.start(
            self.java_home,
            self.home / "work",
            self.settings.spark_master,
            self.settings.spark_memory,
            spark_settings(self.settings.spark_packages),
            quick=self.rules_only or declaration.is_small(self.lake),
            keep_classes=self.keep_classes,
        )

    @cached_property
    def evaluator(self) -> SparkEvaluator:
        from rules_engine.spark.evaluator import SparkEvaluator

        return SparkEvaluator(self.spark, self.lake, self.settings.limits, self.settings.on_failure)

    @cached_property
    def subject_type(self) -> SubjectType:
        """How a history stores the subject's key, from the declaration alone: reading it needs no Spark (R-HIST-8)."""
        declared = {c.name.lower(): c.type.lower() for c in self.lake.subject_frame.columns}
        found = declared.get(self.lake.subject_key.lower())
        if found is None:
            which = f"Frame '{self.lake.subject}'"
            what = f"it does not declare the type of its key column '{self.lake.subject_key}'."
            raise RunRefused(Fault(which, what, f"Say so in {self.settings.lake}, under its columns."))
        return "bigint" if found in WHOLE else "string"

    def subject(self, text: str) -> Subject:
        """
        A subject's key as a person types it, in the lake's type.

        Raises:
            RunRefused: If the lake's keys are whole numbers and this is none.
        """
        if self.subject_type == "string":
            return text
        try:
            return int(text)
        except ValueError as problem:
            what = f"'{text}' is no {self.lake.subject_key}: these are whole numbers."
            raise RunRefused(Fault("Argument", what, "Take one from `rules members TYPE`.")) from problem

    @cached_property
    def history(self) -> PostgresHistory | DynamoDBHistory:
        """The history the settings choose; its ``create`` makes the table where there is none."""
        if self.settings.history is HistoryKind.POSTGRES:
            from rules_engine.publication.postgres import PostgresHistory

            return PostgresHistory(self.history_url, self.history_table, self.subject_type)
        from rules_engine.publication.dynamodb import DynamoDBHistory

        return DynamoDBHistory(self.history_table, self.subject_type, self.dynamodb)

    @property
    def history_table(self) -> str:
        return table_name(self.settings.environment, self.settings.tenant, "memberships", "history")

    @cached_property
    def dynamodb(self) -> Any:
        """A client of the DynamoDB that the settings name; DynamoDB Local is started for it."""
        from rules_engine.publication import dynamodb_calls, dynamodb_local

        endpoint = self.settings.history_endpoint
        if endpoint is None and self.settings.history is HistoryKind.DYNAMODB_LOCAL:
            endpoint = dynamodb_local.start(self.dynamodb_folder)
        return dynamodb_calls.connect(endpoint, self.settings.region)

    @property
    def dynamodb_folder(self) -> Path:
        return self.home / "dynamodb-local"

    def answer_settings(self) -> Mapping[str, str]:
        """What of the configuration can change an answer: it is part of a run's identity."""
        return self.evaluator.settings

    def check_ready(self) -> None:
        """
        Open everything a run needs short of Spark.

        Raises:
            RunRefused: With every fault of lake, Java, rules repository and history at once.
        """
        faults: list[Fault] = []
        for part in self._parts():
            try:
                part()
            except RulesError as error:
                faults += [fault for fault in error.faults if fault not in faults]
        raise_all(RunRefused, faults)

    def _parts(self) -> Iterator[Callable[[], object]]:
        yield lambda: self.lake
        yield lambda: self.java_home
        yield lambda: self.history_url  # a run's tables and folders are a tenant's, named or not
        if self.settings.history is HistoryKind.POSTGRES:  # one database: when it is down, say so once
            yield lambda: (self.repository.rules(), self.history.create())
        else:
            yield lambda: (self.repository.rules(),)
            yield lambda: (self.history.create(),)

    def newest_day(self) -> date | None:
        """The newest day on which the subject frame landed, tomorrow at the latest; None where it is not dated."""
        last = datetime.now(UTC).date() + timedelta(days=1)  # where the sun is ahead of UTC it is tomorrow
        return max((day for day in self.evaluator.landed_days if day <= last), default=None)

    def check_curated(self, rule_set: RuleSet) -> None:
        """
        See that every column that rules read went on to the lake.

        Raises:
            RunRefused: Naming each that was not used yet when the lake was curated.
        """
        if self.dropped.waiting:
            schema = self.evaluator.schema(rule_set.as_of, rule_set.reference_lists)
            raise_all(RunRefused, self.dropped.missing(rule_set.versions, schema))

    def explained(self, as_of: date, known_at: datetime, progress: Progress = silent) -> Explained:
        """Where each rule in force goes when it is evaluated, and what that costs; nothing is written."""
        from rules_engine.spark.explain import explained
        from rules_engine.spark.failure.isolation import ActiveRules

        whole = self.repository.rule_set(as_of, known_at)
        rule_set = self.evaluator.accepted(ActiveRules(whole, HitMatrix.of(whole))).rule_set
        schema = self.evaluator.schema(as_of, rule_set.reference_lists)
        return explained(self.evaluator.spark, HitMatrix.of(rule_set), schema, self.lake, as_of, progress)

    def warnings(self, rule_set: RuleSet) -> tuple[Fault, ...]:
        """What of a rule set that was accepted may not mean what it seems to."""
        return self.evaluator.warnings(rule_set)

    def close(self) -> None:
        """Stop Spark if it was started here; the servers go on for the next command."""
        if self._started_spark and "spark" in self.__dict__:
            session.stop(self.spark)

    def stop_servers(self) -> Mapping[str, bool]:
        """Stop the embedded PostgreSQL and DynamoDB Local; says which of them ran."""
        from rules_engine.publication import dynamodb_local

        dynamodb = self.dynamodb_folder.exists() and dynamodb_local.stop(self.dynamodb_folder)
        return {"postgresql": embedded.stop(self.postgres_folder), "dynamodb-local": dynamodb}


@contextmanager
def opened(settings: Settings) -> Iterator[Installation]:
    """An installation whose Spark, if it comes to that, is stopped at the end."""
    installation = Installation(settings)
    try:
        yield installation
    finally:
        installation.close()
