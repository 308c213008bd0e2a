"""The one gate: what a run will say of rules is asked of the same gates before they count, and of the same Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from importlib import metadata
from importlib.util import find_spec
from itertools import zip_longest
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule, RunRefused, raise_all
from rules_engine.model.canonical import ParameterValue
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.sql import gates
from rules_engine.sql.tokens import Kind, tokens
from rules_repo.rule_checks import Here

if TYPE_CHECKING:
    from jobs.wiring import Installation


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What the gates say of some wordings: ``faults`` refuse, ``warnings`` do not.

    ``spark`` is the version of the Spark that was asked, empty where there was none, and ``without`` says why;
    ``frames`` is the digest of what the lake declares.
    """

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    spark: str
    frames: str
    without: str = ""

    @property
    def by(self) -> str:
        """Who was asked, in words."""
        asked = f"Spark {self.spark}" if self.spark else "no Spark"
        return f"{asked}, frames {self.frames[:12]}, gates {gates.version()}"

    @property
    def whom(self) -> dict[str, object]:
        """Which Spark, frames and gates it is of, as the database keeps it beside the verdict: for :data:`RECORD`."""
        return {"spark": self.spark, "frames": self.frames, "gate": gates.version()}


RECORD = "SELECT rules.record_check(:change, :saw, :passed, :findings, :spark, :frames, :gate)"


def ask(
    installation: Installation, versions: Sequence[RuleVersion], as_of: date, lists: Sequence[ReferenceList] = ()
) -> Answer:
    """
    Ask every gate about wordings, the try on rows included, under the frames that the lake declares.

    Several wordings of one rule, of several periods, are asked one after the other. What was accepted under these
    frames by this Spark is not asked again. A column that a policy drops is refused by name; one that only waits for a
    rule to use it may be named, with a warning.

    Where there is no Spark, the gates that only read are asked, and the answer says so.

    Raises:
        RunRefused: If there is no lake.
    """
    there = declared(installation, as_of, lists)
    dropped = installation.dropped
    schema = dropped.drafting(there)
    installation.rules_only = True
    frames = digest_of_frames(installation) or schema.digest
    try:
        gate = installation.evaluator.gate(schema)
    except RunRefused as refused:
        from rules_engine.sql.gate import gate as reading  # with the parser, which listing rules does not need

        without = " ".join(f"{fault.which}: {fault.what}" for fault in refused.faults)
        found = (fault for version in versions for fault in reading.faults(version, schema))
        return Answer((*dropped.refusals(versions, schema), *found), (), "", frames, without)
    faults: list[Fault] = [*dropped.refusals(versions, schema)]
    private = {fault.which for fault in faults}
    versions = [version for version in versions if f"Rule {version.key}" not in private]
    warnings: list[Fault] = [*dropped.missing(versions, there)]
    for several in _at_once(versions):
        types = {version.membership_type for version in several}
        known_at = datetime.combine(as_of, time(), UTC)
        rule_set = RuleSet(as_of, known_at, tuple(MembershipType(key) for key in types), several, tuple(lists))
        try:
            gate.check(rule_set)
        except InvalidRule as refused:
            faults += refused.faults
        warnings += gate.warnings(rule_set)
    return Answer(tuple(faults), tuple(dict.fromkeys(warnings)), gate.spark.version, frames)


def here(installation: Installation) -> Here:
    """What a check asks on this machine, said without starting Spark."""
    installed = "" if find_spec("pyspark") is None else metadata.version("pyspark")
    return Here(installed, digest_of_frames(installation), gates.version())


def digest_of_frames(installation: Installation) -> str:
    """The digest of what the lake declares, reference lists aside; empty where columns are read from the data."""
    frames = installation.lake.frames
    return declared(installation, date.min).digest if all(frame.columns for frame in frames) else ""


def judge(
    installation: Installation, as_of: date, tell: Callable[[str], None]
) -> Callable[[Sequence[RuleVersion], Sequence[ReferenceList]], None]:
    """
    The gates as a judge of wordings that are about to be drafted: it raises InvalidRule if they are refused.

    Spark is started here, before any transaction is open. Where there is none to ask, that is told, and the judge
    accepts what it cannot judge; an approval needs the check of somebody else, who has to ask.
    """
    try:
        declared(installation, as_of)
    except RunRefused as refused:
        why = " ".join(f"{fault.which}: {fault.what}" for fault in refused.faults)
        tell(
            f"No gate was asked: {why} Ask them by `rules change check`; by `rules check`, if it is published already."
        )
        return lambda _versions, _lists: None
    with suppress(RunRefused):  # without it the gates that only read judge
        _ = installation.evaluator

    def judged(versions: Sequence[RuleVersion], lists: Sequence[ReferenceList]) -> None:
        answer = ask(installation, versions, as_of, lists)
        raise_all(InvalidRule, answer.faults)
        if answer.without:
            tell(f"Spark was not asked: {answer.without} Ask it by `rules change check` where there is one.")
        for warning in answer.warnings:
            tell(f"Warning: {warning}")

    return judged


def with_shared(version: RuleVersion, shared: Mapping[str, ParameterValue]) -> RuleVersion:
    """The version with the shared parameters that its SQL names and that it does not give itself."""
    words = {token.word for token in tokens(version.sql) if token.kind is Kind.PARAMETER}
    named = {name: value for name, value in shared.items() if f":{name}" in words}
    return replace(version, parameters={**named, **version.parameters})


def _at_once(versions: Iterable[RuleVersion]) -> Iterator[tuple[RuleVersion, ...]]:
    """The wordings in parts that hold each rule once."""
    timelines: dict[str, list[RuleVersion]] = {}
    for version in versions:
        timelines.setdefault(version.key, []).append(version)
    for several in zip_longest(*timelines.values()):
        yield tuple(version for version in several if version is not None)


def declared(installation: Installation, as_of: date, lists: Sequence[ReferenceList] = ()) -> Schema:
    """What rules may name, as the lake declares it; read from the data by Spark where a frame declares no columns."""
    lake = installation.lake
    if not all(frame.columns for frame in lake.frames):
        return installation.evaluator.schema(installation.newest_day() or as_of, lists)
    return Schema.declared(lake, lists)
