"""
`rules explain`, `rules journey` and `rules history`: what was decided, read from the history.

Spark is started for one question alone: which values a run read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Annotated

import typer

from console.desk import Desk, History, at_desk, day, moment
from console.explanation import Explanation
from console.ledger import Ledger
from console.merges import merges_in_words
from console.screen import row, table
from jobs import mastering
from jobs.wiring import Installation, opened
from rules_engine.errors import Fault, RulesError, RunRefused, did_you_mean, raise_all
from rules_engine.model import journeys
from rules_engine.model.history import HistoryRecord, Subject, created_text
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.ledger import ledger_faults
from rules_engine.model.publications import Chain
from rules_engine.model.rule_sets import RuleSet
from rules_engine.publication.staged_hits import bits_of
from rules_engine.review.why import Why, why

Key = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The subject's key, as in the lake.")]
Type = Annotated[str | None, typer.Option("--type", help="Of this membership type alone.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="The decision that answers for this day, not the newest.")]
Run = Annotated[str | None, typer.Option("--run", help="What this run decided.")]
KnownAt = Annotated[
    str | None, typer.Option("--known-at", help="Moment after which nothing that was recorded counts; now without it.")
]


Values = Annotated[
    bool | None,
    typer.Option(
        "--values/--no-values",
        help="The values that the rules read, out of the run's snapshot; said where --type is, and it takes Spark.",
    ),
]
Nearest = Annotated[
    bool, typer.Option("--nearest", help="The smallest change of facts, and of rules, that would turn the decision.")
]


@at_desk
def explain(
    desk: Desk,
    customer: Key,
    membership: Type = None,
    as_of: AsOf = None,
    run: Run = None,
    history: History = None,
    values: Values = None,
    nearest: Nearest = False,
) -> None:
    """Explain a decision per membership type, the newest: every rule, what it read, and what would turn it."""
    chosen = day(as_of, "--as-of")
    if chosen and run:
        raise RunRefused(Fault("--run", "a day is asked about too.", "Give --as-of or --run, one of them."))
    if nearest and values is False:
        raise RunRefused(Fault("--nearest", "it takes the values that were read.", "Leave out --no-values."))
    asked = nearest or (values if values is not None else membership is not None)
    with opened(desk.settings(history=history)) as installation:
        records = _records(installation, customer, membership)
        told = _told(records, installation.history.chain() if chosen else (), chosen, run)
        raise_all(RunRefused, _odd(told.values()))
        rules = {record.run_id: _rule_set(installation, record) for record in told.values()}
        whys = [_why(installation, record, rules[record.run_id]) for record in told.values()]
        merges = merges_in_words(records[0].subject, installation.history)
        if asked:
            with desk.screen.progress() as progress:
                progress("Reading what the run read", 0.0)
                whys = [_valued(desk, installation, known, nearest=nearest) for known in whys]
        pages = [
            Explanation(Ledger.of(record, rules[record.run_id]), known, nearest=nearest)
            for record, known in zip(told.values(), whys, strict=True)
        ]
    hint = [] if asked else [f"The values that were read: `rules explain {customer} --type {next(iter(told))}`"]
    desk.screen.answer([page.content() for page in pages], *(piece for page in pages for piece in page.drawn()), *hint)
    for said in merges:
        desk.screen.note(said)


def _why(installation: Installation, record: HistoryRecord, rule_set: RuleSet | None) -> Why | None:
    """Why, as far as it is known without the values; None where the rules of the run are not on this machine."""
    if rule_set is None:
        return None
    folder = installation.store.folder(record.run_id)
    return why(record, rule_set, bits_of(folder, HitMatrix.of(rule_set), record.subject))


def _valued(desk: Desk, installation: Installation, known: Why | None, *, nearest: bool) -> Why | None:
    """
    The same with the values that were read; where only these cannot be had, it is said, and the rest stands.

    Raises:
        RunRefused: If what is asked for is the nearest change, which takes the values.
    """
    if known is None:
        desk.screen.note("The rules of this run are not on this machine: what they read cannot be shown.")
        return None
    try:
        from rules_engine.review.values import with_values

        rule_set = installation.store.rule_set(known.record.run_id)
        masks = installation.masks
        return masks.why(with_values(known, installation.spark, installation.lake, rule_set, nearest=nearest))
    except RunRefused as refused:
        if nearest:
            raise
        for fault in refused.faults:
            desk.screen.note(str(fault))
        return known


def _odd(records: Iterable[HistoryRecord]) -> Iterator[Fault]:
    """Records that do not explain themselves: what was decided is not what stands there."""
    for record in records:
        for what in ledger_faults(record):
            which = f"Record ({record.subject}, {record.sort_key})"
            yield Fault(which, f"it does not add up: {what}.", "Prove the history: rules audit verify --history.")


@at_desk
def journey(desk: Desk, customer: Key, membership: Type = None, history: History = None) -> None:
    """List every decision about one customer, oldest first, and what became of a master's id."""
    with opened(desk.settings(history=history)) as installation:
        records = _records(installation, customer, membership)
        merges = merges_in_words(records[0].subject, installation.history)
    drawn = table("as of", "created", "type", "event", "weights", "rules that hit")
    for r in records:
        hits = ", ".join(f"{h.key}/{h.version}" for h in r.hits)
        cells = f"{r.created_at:%Y-%m-%d %H:%M}", r.membership_type, f"{r.event}{' (correction)' * r.correction}"
        row(drawn, r.as_of, *cells, f"{r.inclusion_sum} − {r.exclusion_sum}", hits)
    desk.screen.answer([r.content() for r in records], drawn)
    for said in (*merges, *mastering.life(records[0].subject)):
        desk.screen.note(said)


@at_desk
def history_of(
    desk: Desk,
    customer: Key,
    as_of: Annotated[str, typer.Option("--as-of", help="The day that is asked about.")],
    known_at: KnownAt = None,
    membership: Type = None,
    history: History = None,
) -> None:
    """Show, per membership type, the record that answers for a day, as known at a moment."""
    chosen, known = day(as_of, "--as-of"), moment(known_at, "--known-at")
    if chosen is None:
        raise RunRefused(Fault("--as-of", "it is empty.", "Write it as 2024-06-01."))
    with opened(desk.settings(history=history)) as installation:
        records, chain = _records(installation, customer, membership), installation.history.chain()
    answer = journeys.answering(records, chosen, chain, known)
    if not answer:
        raise RunRefused(_nothing_then(records, chosen))
    drawn = table("type", "member", "as of", "created", "event", "reason", "run")
    for r in answer.values():
        event = f"{r.event} (correction)" if r.correction else r.event
        says = "yes" if r.granted else "no"
        row(drawn, r.membership_type, says, r.as_of, created_text(r.created_at), event, r.reason, r.run_id)
    desk.screen.answer([r.content() for r in answer.values()], drawn)


def _records(installation: Installation, customer: str, membership: str | None) -> tuple[HistoryRecord, ...]:
    """
    One subject's records, of one type if it is named.

    Raises:
        RunRefused: If there is none.
    """
    subject = installation.subject(customer)
    records = installation.history.journey(subject)
    chosen = tuple(r for r in records if membership in (None, r.membership_type))
    if not chosen:
        raise RunRefused(_nothing_about(subject, membership, {r.membership_type for r in records}))
    return chosen


def _nothing_about(subject: Subject, membership: str | None, known: set[str]) -> Fault:
    which = f"Subject {subject}"
    if known:
        remedy = did_you_mean(str(membership), known) or f"There are decisions about: {', '.join(sorted(known))}."
        return Fault(which, f"the history holds no decision about '{membership}'.", remedy)
    what = "the history holds no decision: no rule of any published run hit it."
    return Fault(which, what, "See `rules runs`, or `rules members TYPE` for keys it does hold.")


def _nothing_then(records: tuple[HistoryRecord, ...], as_of: date) -> Fault:
    first = min(records, key=lambda r: (r.as_of, r.created_at))
    what = f"nothing that was known then says anything about {as_of}."
    since = f"The first record is about {first.as_of}, created {created_text(first.created_at)}."
    return Fault(f"Subject {first.subject}", what, f"{since} See `rules journey {first.subject}`.")


def _told(
    records: tuple[HistoryRecord, ...], chain: Chain, as_of: date | None, run: str | None
) -> Mapping[str, HistoryRecord]:
    """
    The records to explain: of a run, of a day, or the newest.

    Raises:
        RunRefused: If there is none.
    """
    subject = records[0].subject
    if run:
        if found := journeys.of_run(records, run):
            return found
        known = list(dict.fromkeys(r.run_id for r in records))
        remedy = did_you_mean(run, known) or f"There are records of: {', '.join(known[-5:])}."
        raise RunRefused(Fault(f"Subject {subject}", f"run '{run}' wrote nothing about it.", remedy))
    if as_of:
        if found := journeys.answering(records, as_of, chain):
            return found
        raise RunRefused(_nothing_then(records, as_of))
    if found := journeys.newest(records):
        return found
    what = "the history holds corrections of it alone."
    raise RunRefused(Fault(f"Subject {subject}", what, f"Say of which day: `rules explain {subject} --as-of DAY`."))


def _rule_set(installation: Installation, record: HistoryRecord) -> RuleSet | None:
    """The rules of the record's run, if it is on this machine: the record explains itself, they add the names."""
    if "://" in installation.settings.runs:
        return None  # to look there takes Spark
    try:
        return installation.store.rule_set(record.run_id)
    except RulesError:
        return None
