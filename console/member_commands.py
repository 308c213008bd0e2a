"""`rules members` and `rules member`: who is a member now, by the register; without one, by the history."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile, islice
from typing import Annotated, Any

import typer

from console.desk import Desk, History, at_desk
from console.merges import merges_in_words
from console.screen import row, table
from jobs.registers import register_of
from jobs.wiring import Installation, opened
from rules_engine.errors import Fault, RunRefused, did_you_mean
from rules_engine.model.history import Subject
from rules_engine.model.publications import Publication, newest, unfinished
from rules_engine.model.register import Row
from rules_engine.ports import Register
from rules_engine.settings import HistoryKind

PAGE = 1_000
"""Members that are read at a time."""

Limit = Annotated[int, typer.Option("--limit", min=0, help="Show at most so many; 0 shows all.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="CUSTOMER", help="Show those after this one: the next page.")
]


@at_desk
def members(
    desk: Desk,
    membership: Annotated[str, typer.Argument(metavar="TYPE", help="Key of the membership type.")],
    after: After = None,
    limit: Limit = 20,
    history: History = None,
) -> None:
    """List who is a member now, a page at a time: by the register, or by the history where that is not up to date."""
    with opened(desk.settings(history=history)) as installation:
        key = _known_type(installation, membership)
        beyond = None if after is None else installation.subject(after)
        register = register_of(installation)
        lacking = _lacking(installation, register)
        if lacking:
            found: Iterator[tuple[Subject, str]] = ((s, "") for s in _of_history(installation, key, beyond))
        else:
            found = ((each.subject, each.number) for each in _of_register(register, key, beyond))
        shown = list(islice(found, limit or None))
        more = limit and next(found, None)
        begun = unfinished(installation.history.chain())
    for note in filter(None, [lacking, _half(begun)]):
        desk.screen.note(note)
    keys = [subject for subject, _ in shown]
    content: dict[str, Any] = {"membership_type": key, "members": keys, "count": len(keys)}
    content |= {"numbers": {} if lacking else {str(subject): number for subject, number in shown}}
    content |= {"by": "history" if lacking else "register", "next": keys[-1] if more else None}
    lines = (f"{subject}  {number}".rstrip() for subject, number in shown)
    rest = f"There are more: `rules members {key} --after {keys[-1]}`, or --limit 0 for all." if more else ""
    which = "The first " if more and after is None else "The next " if more else ""
    desk.screen.answer(content, f"{which}{len(keys)} members of {key}", *lines, *filter(None, [rest]))


@at_desk
def member(
    desk: Desk,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Membership number.")],
    history: History = None,
) -> None:
    """Show what the register has of a membership number: one row a membership type, revoked ones too."""
    with opened(desk.settings(history=history)) as installation:
        register = register_of(installation)
        if register.through() is None:
            raise RunRefused(Fault("Register", "it was never built.", "Build it: `rules register rebuild`."))
        rows = register.member(number)
        if not rows:
            raise RunRefused(_nobody(number, register, installation))
        merges = merges_in_words(rows[0].subject, installation.history, register)
    drawn = table("type", "member", "since", "event", "as of", "created", "run")
    for each in rows:
        told = "yes" if each.granted else "no", each.since, each.event, each.as_of
        row(drawn, each.membership_type, *told, f"{each.created_at:%Y-%m-%d %H:%M}", each.run_id)
    desk.screen.answer([each.content() for each in rows], f"{number} · subject {rows[0].subject}", drawn)
    for said in merges:
        desk.screen.note(said)


def _lacking(installation: Installation, register: Register) -> str:
    """Why the register cannot be read; nothing where it can."""
    through = register.through()
    if through is None:
        return "No register was built: the whole history was read. Build it: `rules register rebuild`."
    last = newest([entry for entry in installation.history.chain() if entry.closed])
    if last and last.number > through and installation.settings.history is not HistoryKind.DYNAMODB:
        return f"The register lacks run {last.run_id}: the history was read. `rules register follow --once` adds it."
    return ""


def _half(begun: Publication | None) -> str:
    """What to say where a run is not whole in the history: no register can have it all."""
    if begun is None:
        return ""
    return f"Run {begun.run_id} is half-published: not all of it counts yet. The next `rules run` finishes it."


def _of_register(register: Register, key: str, after: Subject | None) -> Iterator[Row]:
    while page := register.members(key, after, PAGE):
        yield from page
        after = page[-1].subject


def _of_history(installation: Installation, key: str, after: Subject | None) -> Iterator[Subject]:
    found: Iterator[Any] = installation.history.members(key)
    beyond: Any = after
    return found if after is None else dropwhile(lambda subject: subject <= beyond, found)


def _nobody(number: str, register: Register, installation: Installation) -> Fault:
    """What to say of a number nobody has: it may be a subject's key."""
    what = "the register has no such membership number."
    try:
        subject = installation.subject(number)
    except RunRefused:
        subject = number
    known = register.number(subject) if isinstance(subject, int) or installation.subject_type == "string" else None
    remedy = f"Subject {number} has number {known}." if known else "Take one from `rules members TYPE`."
    return Fault(f"Number {number}", what, remedy)


def _types(installation: Installation) -> list[str]:
    """The types of the newest run that is kept on this machine: elsewhere Spark would be needed to look."""
    if "://" in installation.settings.runs:
        return []
    runs = [status for status in installation.store.runs() if status.published]
    return [m.key for m in installation.store.rule_set(runs[-1].run_id).membership_types] if runs else []


def _known_type(installation: Installation, key: str) -> str:
    """
    A membership type's key, if the newest run decided about it or the repository knows it; as it is said where no
    run is at hand.

    Raises:
        RunRefused: If nobody knows it, or nothing was ever published.
    """
    known = _types(installation)
    if key in known or (not known and installation.history.chain()):
        return key
    if known and key in {each.key for each in installation.repository.membership_types()}:
        return key
    hint = did_you_mean(key, known) or (f"There are: {', '.join(known)}." if known else "Run first: `rules run`.")
    raise RunRefused(Fault("Argument", f"there is no membership type '{key}'.", hint))
