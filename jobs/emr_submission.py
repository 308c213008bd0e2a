"""What somebody who submits a run says, and the run and place that it comes to; every fault of it at once (R-OPS-6)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from hashlib import sha256
from typing import Any

from jobs.emr import Job, Roles
from jobs.emr_cluster import Cluster
from jobs.nodes import Nodes, Sizes, architecture_of, python_faults, sizes_on
from jobs.sequence import Before
from rules_engine.errors import Fault, RunRefused, collected, raise_all
from rules_engine.settings import Settings

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
S3 = re.compile(r"s3a?://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+")
ROLE = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/.+")
LINEAGE = re.compile(r"https?://[^\s/]+(/\S*)?")
CLUSTER = re.compile(r"j-[0-9A-Z]+")
APPLICATION = re.compile(r"[0-9a-z]{1,64}")


@dataclass(frozen=True, slots=True)
class Said:
    """The words of `rules emr submit`; what was not said is None."""

    artefacts: str
    rule_set: str
    lake: str
    runs: str
    created_at: str
    run_id: str | None = None
    as_of: str | None = None
    secret: str | None = None
    cluster: str | None = None
    application: str | None = None
    logs: str | None = None
    subnet: str | None = None
    service_role: str | None = None
    profile: str | None = None
    instance_type: str = "m7i.2xlarge"
    core_nodes: int = 2
    spot_nodes: int = 2
    python: str = "3.11"
    security: str | None = None
    roles: Roles = field(default_factory=Roles)
    correction: bool = False
    hours: int = 6
    before: Before = field(default_factory=Before)
    rows: int | None = None
    rules: int | None = None
    lineage: str | None = None
    misnamed: tuple[Fault, ...] = ()
    """Variables that were said and are none."""

    def job(self, settings: Settings) -> Job:
        """
        The run.

        Raises:
            RunRefused: With every fault of what was said.
        """
        faults = [*self._faults()]
        sizes = (
            collected(lambda: sizes_on(self.instance_type, self.core_nodes, self.rows, self.rules), faults) or Sizes()
        )
        raise_all(RunRefused, faults)
        run_id = self.run_id or self._named(settings)
        rule_set = f"{self.rule_set}{run_id}.json" if self.rule_set.endswith("/") else self.rule_set
        return Job(
            run_id=run_id,
            created_at=self.created_at,
            artefacts=self.artefacts.rstrip("/"),
            rule_set=rule_set,
            lake=self.lake,
            runs=self.runs.rstrip("/"),
            environment=settings.environment,
            tenant=settings.tenant,
            nodes=Nodes(architecture_of(self.instance_type), self.python),
            sizes=sizes,
            write_policy=settings.write_policy,
            as_of=self.as_of,
            secret=self.secret,
            roles=self.roles,
            correction="yes" if self.correction else "no",
            before=self.before,
            hours=self.hours,
            lineage=self.lineage,
        )

    def filled(self, told: Mapping[str, str], misnamed: Iterable[Fault]) -> Said:
        """What was not said, as the Variables of the workflow say it."""
        names = {"artefacts": "artefacts_uri", "lake": "lake_uri", "runs": "runs_uri", "logs": "logs_uri"}
        names |= {"secret": "database_secret", "lineage": "lineage_url"}
        if not (self.cluster or self.application):
            names |= {"subnet": "subnet_id", "service_role": "service_role", "profile": "instance_profile"}
            names |= {"security": "security_configuration"}
        given: dict[str, Any] = {
            field: value
            for field, name in names.items()
            if not getattr(self, field) and (value := told.get(f"rules_{name}"))
        }
        if not self.rule_set and (folder := told.get("rules_rule_sets_uri")):
            given["rule_set"] = f"{folder.rstrip('/')}/"
        sources = {"extracts": "extracts_uri", "landed": "landed_uri", "tokens": "tokens_uri", "master": "master_uri"}
        sources |= {"token_secret": "token_secret"}
        more = {each: getattr(self.before, each) or told.get(f"rules_{name}") for each, name in sources.items()}
        before = Before(**more, register=self.before.register and told.get("rules_register", "yes") != "no")
        roles = {each: getattr(self.roles, each) or told.get(f"rules_{each}_role") or None for each in Roles.__slots__}
        return replace(self, **given, before=before, roles=Roles(**roles), misnamed=tuple(misnamed))

    @property
    def place(self) -> Cluster | str:
        """The running cluster, or what one of its own is made of."""
        if self.cluster:
            return self.cluster
        on = self.logs or "", self.subnet or "", self.service_role or "", self.profile or ""
        return Cluster(*on, self.instance_type, self.core_nodes, self.security, self.spot_nodes)

    def _named(self, settings: Settings) -> str:
        """The same words are the same run, whenever and by whomever they are said."""
        said = [settings.environment, settings.tenant, self.as_of, self.artefacts, self.rule_set, self.lake, self.runs]
        told = json.dumps([*said, self.secret, settings.write_policy, self.correction])
        if self.before != Before():
            told += json.dumps(asdict(replace(self.before, register=True)))
        return f"{self.as_of}-{sha256(told.encode()).hexdigest()[:12]}"

    def _faults(self) -> Iterator[Fault]:
        yield from self.misnamed
        yield from self._name_faults()
        yield from self._address_faults()
        yield from self._place_faults()
        for role, arn in self._roles.items():
            if arn and not ROLE.fullmatch(arn):
                remedy = "Give arn:aws:iam::ACCOUNT:role/NAME, as `rules infra render` shows it."
                yield Fault(f"--{role}-role", f"'{arn}' is no ARN of a role.", remedy)
        if self.lineage and not LINEAGE.fullmatch(self.lineage):
            yield Fault(
                "--lineage", f"'{self.lineage}' is no http(s) URL.", "Give the address of the server: https://host."
            )
        yield from python_faults(self.python)

    @property
    def _roles(self) -> Mapping[str, str | None]:
        return {name: getattr(self.roles, name) for name in Roles.__slots__}

    def _name_faults(self) -> Iterator[Fault]:
        if self.run_id is None and self.as_of is None:
            yield Fault("--run-id", "neither it nor --as-of is given.", "Give --as-of DAY: the run is named by it.")
        if self.run_id is not None and not RUN_ID.fullmatch(self.run_id):
            remedy = "Use letters, digits, '.', '_' and '-', at most 100."
            yield Fault("--run-id", f"'{self.run_id}' cannot be part of a folder's name.", remedy)
        if self.as_of is not None and not _is_day(self.as_of):
            yield Fault("--as-of", f"'{self.as_of}' is no day.", "Give one, say 2024-06-01.")
        if self.secret and not self.as_of:
            yield Fault("--as-of", "a rule set is frozen of a day.", "Give it, or leave --database-secret out.")
        if (self.before.landed or self.before.master) and not self.as_of:
            yield Fault("--as-of", "what lands is of a day.", "Give it, or leave --landed and --master out.")
        yield from self._before_faults()

    def _before_faults(self) -> Iterator[Fault]:
        before = self.before
        if before.extracts and not before.landed:
            yield Fault("--landed", "extracts land by a declaration.", "Give the URI of the declaration of what lands.")
        if before.landed and not before.tokens:
            remedy = "Give a folder for it, apart from the lake: s3://bucket/tokens."
            yield Fault("--tokens", "curating keeps what tokens stand for.", remedy)
        if before.extracts and "{frame}" not in before.extracts:
            remedy = "Write s3://bucket/extracts/{frame}/{day}."
            yield Fault("--extracts", f"'{before.extracts}' says no frame.", remedy)

    def _address_faults(self) -> Iterator[Fault]:
        told = {"--artefacts": self.artefacts, "--rule-set": self.rule_set, "--lake": self.lake, "--runs": self.runs}
        optional = {"--logs": self.logs, "--extracts": self.before.extracts, "--landed": self.before.landed}
        optional |= {"--tokens": self.before.tokens, "--master": self.before.master}
        told |= {option: address for option, address in optional.items() if address}
        for option, address in told.items():
            if not S3.fullmatch(address):
                yield Fault(option, f"'{address}' is no place on S3.", "Give s3://bucket/folder.")
        if S3.fullmatch(self.rule_set) and not self.rule_set.endswith((".json", "/")):
            remedy = "Name the file s3://…/NAME.json, or a folder with '/' at its end: the run names the file."
            yield Fault("--rule-set", f"'{self.rule_set}' is neither a file nor a folder.", remedy)

    def _place_faults(self) -> Iterator[Fault]:
        if self.cluster and self.application:
            yield Fault("--serverless", "--cluster is given as well.", "Leave one of them out.")
        for option, given, form in (
            ("--cluster", self.cluster, CLUSTER),
            ("--serverless", self.application, APPLICATION),
        ):
            if given and not form.fullmatch(given):
                yield Fault(option, f"'{given}' is no id of one.", "Copy it from the console of EMR.")
        if self.cluster:
            return
        own = {"--logs": self.logs}
        if not self.application:
            own |= {"--subnet": self.subnet, "--service-role": self.service_role, "--instance-profile": self.profile}
            own |= {"--security-configuration": self.security} if self.roles else {}
        remedy = "Give it, or name a running cluster with --cluster."
        where = "EMR Serverless" if self.application else "a transient cluster"
        yield from (Fault(option, f"{where} needs it.", remedy) for option, value in own.items() if not value)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
