"""A preview over an installation: which rule is meant, the gates that it passes first, and the data it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule, RunRefused, did_you_mean, raise_all
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion
from rules_engine.review.preview import Preview
from rules_engine.sql.lexer import blanked
from rules_engine.sql.tokens import tokens

if TYPE_CHECKING:
    from jobs.wiring import Installation

UNNAMED = "PREVIEW"

Lists = Sequence[ReferenceList]


@dataclass(frozen=True, slots=True)
class Previewed:
    """A rule and what it would find; ``named`` says whether it is one that the repository knows."""

    version: RuleVersion
    named: bool
    counts: Preview
    snapshots: Mapping[str, str]


def known(
    installation: Installation, key: str, on: date, known_at: datetime, change: int | None
) -> tuple[RuleVersion, Lists]:
    """
    A rule that is in force on a day, or as a change drafts it, with the lists it may look things up in.

    Raises:
        RunRefused: If there is none.
    """
    if change is None:
        rule_set = installation.repository.rule_set(on, known_at)
        found, lists = rule_set.versions, rule_set.reference_lists
        where, remedy = f"in force on {on}", "`rules list` lists all; --change N previews what a change drafts."
    else:
        from rules_repo.changes import ChangeBook

        book = ChangeBook(installation.database_url)
        found, lists = book.drafts(change), book.lists(change)[0]
        where, remedy = f"drafted by change {change}", f"See `rules change show {change}`."
    version = next((v for v in found if v.key.lower() == key.lower()), None)
    if version is None:
        hint = did_you_mean(key, {v.key for v in found})
        raise RunRefused(Fault(f"Rule {key}", f"there is no such rule {where}.", hint or remedy))
    return version, lists


def given(installation: Installation, sql: str, frame: str) -> tuple[RuleVersion, Lists]:
    """
    A rule by its text alone, with the parameters and lists that all rules share.

    Raises:
        RunRefused: If a condition names no frame that there is, or a whole query names one.
    """
    from jobs.asking import with_shared
    from rules_repo.changes import ChangeBook

    first = next((token.word for token in tokens(blanked(sql))), "")
    form = Form.STATEMENT if first in {"select", "with"} else Form.PREDICATE
    raise_all(RunRefused, _frame_faults(installation, form, frame))
    if form is Form.PREDICATE:
        frame = installation.lake.frame(frame).name
    book = ChangeBook(installation.database_url)
    made = RuleVersion(UNNAMED, 1, Kind.EXCLUSION, UNNAMED, 1, form, sql, frame)
    return with_shared(made, book.parameters()), book.lists(0)[0]


def _frame_faults(installation: Installation, form: Form, frame: str) -> list[Fault]:
    names = [each.name for each in installation.lake.frames]
    if form is Form.STATEMENT:
        what = "a whole SELECT names its frames itself."
        return [Fault("--frame", what, "Leave --frame out.")] if frame else []
    hint = did_you_mean(frame, names) or f"There are: {', '.join(names)}."
    if not frame:
        return [Fault("--frame", "it is not said whose rows the condition is about.", f"Name one. {hint}")]
    if frame.lower() not in {name.lower() for name in names}:
        return [Fault("--frame", f"there is no frame '{frame}'.", hint)]
    if not installation.lake.frame(frame).subject_key:
        return [Fault("--frame", f"the rows of '{frame}' are of no subject.", "Join it in a whole SELECT instead.")]
    return []


def previewed(installation: Installation, version: RuleVersion, lists: Lists, on: date) -> Previewed:
    """
    What a rule would find on a day, once every gate has accepted it.

    Raises:
        InvalidRule: If a gate refuses it, or it fails on the data.
    """
    from rules_engine.review.preview import preview
    from rules_engine.spark.timeouts import TookTooLong, within

    evaluator = installation.evaluator
    types = (MembershipType(version.membership_type),)
    rule_set = RuleSet(on, datetime.fromisoformat(f"{on}T00:00:00+00:00"), types, (version,), tuple(lists))
    installation.check_curated(rule_set)
    evaluator.check(rule_set)
    schema = evaluator.schema(on, rule_set.reference_lists)
    try:
        counts = within(
            evaluator.spark,
            lambda: preview(evaluator.spark, installation.lake, schema, version, on),
            installation.settings.limits,
            [version.id],
        )
    except TookTooLong as late:
        what = f"it took longer than {late.seconds:g} s, which is what a rule may take."
        raise InvalidRule(
            Fault(f"Rule {version.key}", what, "Make it lighter: `rules check` says what it costs.")
        ) from late
    read = {word for token in tokens(version.sql) if (word := token.word)} | {version.frame.lower()}
    snapshots = {
        f: s for f, s in evaluator.snapshots(on).items() if f.lower() in read or f == installation.lake.subject
    }
    return Previewed(version, version.key != UNNAMED, installation.masks.preview(counts, version), snapshots)
