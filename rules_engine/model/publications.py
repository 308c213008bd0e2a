"""
The chain of publications: which run was published on top of which (R-RUN-1, R-RUN-2, R-RUN-5).

An entry is claimed before a run's first record is written and closed once the history holds the whole run. The
functions here are given the chain's entries and look nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.history import created_from, created_text
from rules_engine.model.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Publication:
    """
    One entry of a history's chain; numbers begin at 1 and have no gap.

    ``previous_run`` is the run it was decided against; ``manifest_digest`` and ``decisions_digest`` name what was
    decided, ``decided`` counts its records. A ``correction`` stands in the chain and is nobody's predecessor but that
    of later corrections. ``closed`` says that the history holds every record of it.
    """

    number: int
    run_id: str
    previous_run: str | None
    as_of: date
    created_at: datetime
    manifest_digest: str
    decisions_digest: str
    decided: int
    correction: bool = False
    closed: bool = False

    def content(self) -> dict[str, Any]:
        """The entry as JSON-ready values, without whether it is closed."""
        said = asdict(self) | {"as_of": self.as_of.isoformat(), "created_at": created_text(self.created_at)}
        del said["closed"]
        return said


Chain = Sequence[Publication]
"""A history's entries, the oldest first."""


def publication_of(manifest: Manifest, number: int) -> Publication:
    """The entry by which a run with this manifest is published as the ``number``-th."""
    return Publication(
        number,
        manifest.run_id,
        manifest.previous_run,
        manifest.as_of,
        created_from(manifest.created_at),
        manifest.digest,
        manifest.evaluation.decisions_digest,
        manifest.written,
        manifest.correction,
    )


def publication_from(content: Mapping[str, Any], *, closed: bool) -> Publication:
    """The entry that :meth:`Publication.content` described."""
    return Publication(
        number=int(content["number"]),
        run_id=content["run_id"],
        previous_run=content.get("previous_run"),
        as_of=date.fromisoformat(content["as_of"]),
        created_at=created_from(content["created_at"]),
        manifest_digest=content["manifest_digest"],
        decisions_digest=content["decisions_digest"],
        decided=int(content["decided"]),
        correction=bool(content.get("correction")),
        closed=closed,
    )


def unfinished(chain: Chain) -> Publication | None:
    """The entry that was claimed and not closed: nothing else is published before it is whole."""
    return next((entry for entry in chain if not entry.closed), None)


def newest(chain: Chain) -> Publication | None:
    """The publication that the next run is decided against: the last that is no correction."""
    return next((entry for entry in reversed(chain) if not entry.correction), None)


def predecessor(chain: Chain, as_of: date, *, correction: bool) -> Publication | None:
    """
    The publication that a run of a day is decided against.

    That is the newest; for a correction the one that answers for the last day before its own.
    """
    if not correction:
        return newest(chain)
    earlier = [entry for entry in chain if entry.as_of < as_of]
    return max(earlier, key=lambda entry: (entry.as_of, entry.number), default=None)


def answering(chain: Chain, as_of: date) -> Publication | None:
    """The publication whose records answer for a day: its last one."""
    return max((entry for entry in chain if entry.as_of == as_of), key=lambda entry: entry.number, default=None)


def taken_back(chain: Chain, as_of: date, *, correction: bool) -> tuple[Publication, ...]:
    """
    The publications whose answers for a day a run of it takes the place of, pair by pair; the last one answers.

    A correction takes that of all that was published of its day: what one of them left, because a subject was absent
    from its snapshot, the next may find. Any run takes that of corrections, which it is not decided against.
    """
    of_day = tuple(entry for entry in chain if entry.as_of == as_of)
    return of_day if correction or any(entry.correction for entry in of_day) else ()


def found(chain: Chain, run_id: str) -> Publication | None:
    """The entry of a run."""
    return next((entry for entry in chain if entry.run_id == run_id), None)


def needed(chain: Chain, keep: int) -> frozenset[str]:
    """The runs whose staged decisions are still needed: the newest, those half-published, and the last ``keep``."""
    last = newest(chain)
    kept = [entry for place, entry in enumerate(chain) if not entry.closed or place >= len(chain) - keep]
    return frozenset(entry.run_id for entry in [*kept, *([last] if last else [])])


def day_faults(chain: Chain, as_of: date, *, correction: bool) -> Iterator[Fault]:
    """Why a run of this day cannot come next: days have one order (R-RUN-2)."""
    last = newest(chain)
    if correction:
        if last is None or as_of > last.as_of:
            until = f"the newest published day is {last.as_of}" if last else "nothing is published yet"
            yield Fault(
                f"Correction of {as_of}", f"there is nothing to correct: {until}.", "Run the day without --correction."
            )
    elif last and as_of < last.as_of:
        yield Fault(
            f"Day {as_of}",
            f"the newest published day is {last.as_of} (run {last.run_id}): who is a member now follows from that day.",
            "Run a day from then on, or say --correction: its records answer for their day, and change no register.",
        )


def order_faults(chain: Chain, run: Publication) -> Iterator[Fault]:
    """Everything that keeps an evaluated run from being published next."""
    which = f"Run {run.run_id}"
    yield from day_faults(chain, run.as_of, correction=run.correction)
    against = predecessor(chain, run.as_of, correction=run.correction)
    if run.previous_run != (against and against.run_id):
        was = f"run {run.previous_run}" if run.previous_run else "an empty history"
        now = f"run {against.run_id}, published since" if against else "that of an empty history"
        yield Fault(
            which, f"it was decided against {was}; what stands is {now}.", f"Evaluate the day again: {again(run)}."
        )
    if chain and run.created_at <= chain[-1].created_at:
        yield Fault(
            which,
            f"its created date {created_text(run.created_at)} is not after that of run {chain[-1].run_id}, "
            f"{created_text(chain[-1].created_at)}, which was published before it.",
            "Evaluate it again under another run id and a later created date; see that the machines' clocks agree.",
        )


def decided_faults(chain: Chain, manifest: Manifest) -> Iterator[Fault]:
    """Where a run was decided against other decisions than those that were published, or takes back other answers."""
    which = f"Run {manifest.run_id}"
    against = predecessor(chain, manifest.as_of, correction=manifest.correction)
    same = against and against.run_id == manifest.previous_run
    if against and same and against.manifest_digest != manifest.previous_digest:
        what = f"it was decided against other decisions of run {against.run_id} than those that were published."
        yield Fault(which, what, "Bring back what that run staged, and evaluate the day again.")
    last = next(reversed(taken_back(chain, manifest.as_of, correction=manifest.correction)), None)
    if manifest.takes_back != (last and last.run_id):
        was = f"run {manifest.takes_back}" if manifest.takes_back else "no run"
        now = f"run {last.run_id}, published since," if last else "no run"
        what = f"its answers take the place of those of {was}; {now} answers for {manifest.as_of}."
        yield Fault(which, what, f"Evaluate the day again: {again(publication_of(manifest, len(chain) + 1))}.")


def again(run: Publication) -> str:
    """The command that evaluates a run's day again."""
    return f"`rules run --as-of {run.as_of}{' --correction' if run.correction else ''}`"


def chain_of(claimed: Iterable[Publication], closed: Iterable[int]) -> tuple[Publication, ...]:
    """The chain, from its claimed entries in any order and the numbers of those that are closed."""
    done = frozenset(closed)
    return tuple(replace(entry, closed=entry.number in done) for entry in sorted(claimed, key=lambda e: e.number))


def entry_key(number: int, state: str) -> str:
    """What names an entry that was ``claimed`` or ``closed``."""
    return f"{number:08d}#{state}"


def read_chain(said: Iterable[tuple[str, Mapping[str, Any], str | None]]) -> tuple[Publication, ...]:
    """
    The chain that a store says, in any order: of each entry its :func:`entry_key`, its content, its run where the
    store has that beside the content.

    Raises:
        RunRefused: With every entry that cannot be read, or says otherwise than its key, its row or its claim.
    """
    entries, faults = dict[str, Publication](), list[Fault]()
    for key, content, run_id in sorted(said, key=lambda each: each[0]):
        try:
            entry = publication_from(content, closed=False)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as problem:
            faults.append(Fault(f"Entry {key} of the chain", f"it cannot be read: {problem!r}.", ALTERED))
            continue
        names = {entry_key(entry.number, state) for state in ("claimed", "closed")}
        if key not in names or run_id not in (None, entry.run_id):
            what = f"it says entry {entry.number} and run {entry.run_id}, and does not stand there."
            faults.append(Fault(f"Entry {key} of the chain", what, ALTERED))
        entries[key] = entry
    claimed = {key.removesuffix("#claimed"): entry for key, entry in entries.items() if key.endswith("#claimed")}
    closed = {key.removesuffix("#closed"): entry for key, entry in entries.items() if key.endswith("#closed")}
    if not faults:
        odd = [key for key, entry in closed.items() if claimed.get(key) != entry]
        faults += [
            Fault(f"Entry {key} of the chain", "it was closed as another than was claimed.", ALTERED) for key in odd
        ]
    raise_all(RunRefused, faults)
    return chain_of(claimed.values(), (entry.number for entry in closed.values()))


ALTERED = "Only inserts are made there: find out who wrote, and bring the chain back from a backup."


def chain_faults(chain: Chain) -> Iterator[Fault]:
    """What no chain of publications says of itself: each entry was claimed on top of those before it."""
    for place, entry in enumerate(chain):
        before, which = chain[:place], f"Entry {entry.number} of the chain, run {entry.run_id}"
        last = before[-1] if before else None
        for what in _entry_faults(before, entry, last):
            yield Fault(which, what, ALTERED)
        if not entry.closed and place < len(chain) - 1:
            yield Fault(which, "it was never closed, and another run was published on top of it.", ALTERED)


def _entry_faults(before: Chain, entry: Publication, last: Publication | None) -> Iterator[str]:
    if entry.number != (last.number if last else 0) + 1:
        yield "the entry before it is missing."
    if found(before, entry.run_id):
        yield "an earlier entry is of the same run."
    if last and entry.created_at <= last.created_at:
        yield f"its created date is not after that of run {last.run_id}, on top of which it stands."
    for fault in day_faults(before, entry.as_of, correction=entry.correction):
        yield f"it cannot have been published there: {fault.what}"
    against = predecessor(before, entry.as_of, correction=entry.correction)
    if entry.previous_run != (against and against.run_id):
        stood = _run(against.run_id if against else None)
        yield f"it says that it was decided against {_run(entry.previous_run)}; what stood was {stood}."


def _run(run_id: str | None) -> str:
    return f"run {run_id}" if run_id else "an empty history"


def copy_faults(chain: Chain, copied: Chain) -> Iterator[Fault]:
    """Closed entries that a copy of the chain has, and the history has not, or otherwise."""
    stands = {entry.number: entry for entry in chain}
    for entry in copied:
        if entry.closed and stands.get(entry.number) != entry:
            what = "the copy in the folder of runs has it, and the history's chain has it not, or otherwise."
            yield Fault(f"Entry {entry.number} of the chain, run {entry.run_id}", what, ALTERED)
