"""Looking behind a token, and forgetting one: who may is proved, what is done is written down first."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.tokens import needed
from rules_engine.errors import Fault, RulesError, RunRefused, raise_all
from rules_engine.model.frames import Frame
from rules_lake.landing.landing import beside_days, landed_days, left, place_of
from rules_lake.landing.place import Place
from rules_lake.landing.records import Records
from rules_lake.privacy.access_log import AccessLog
from rules_lake.privacy.tokens import as_texts, is_token
from rules_repo.readers import login_in

if TYPE_CHECKING:
    from jobs.wiring import Installation

ERASER = "admin"
"""The role that erases."""


@dataclass(frozen=True, slots=True)
class Erased:
    """
    What was forgotten, and what remains: snapshots that hold the subject, records of its token, and the rest.

    ``others`` are tokens of other columns in the subject's rows whose values are kept still: with them a row is known.
    """

    token: str
    known: bool
    landed: tuple[tuple[str, date], ...]
    curated: tuple[tuple[str, date], ...]
    records: int | None
    others: tuple[tuple[str, str], ...]
    remains: tuple[str, ...]


def reveal(installation: Installation, token: str, reason: str, at: datetime) -> tuple[str, str]:
    """
    Domain and value that a token stands for.

    Raises:
        RunRefused: If whoever asks may not see, gives no reason, or the table does not know the token.
    """
    settings = installation.settings
    allowed = installation.lake.seen_by
    raise_all(RunRefused, _faults(settings.reader, allowed, reason, "reveal"))
    if not is_token(token):
        what = f"'{token}' has not the form of a token."
        raise RunRefused(Fault("Argument", what, "Take one from `rules members TYPE`, whole."))
    table = needed(settings).table
    login = login_in(installation.database_url, settings.reader)
    AccessLog(settings.tokens).note(at, login, settings.reader, "reveal", token, reason)
    found = table.reveal(token)
    if found is None:
        what = "nothing is known of it: it was erased, or no curated column has it."
        raise RunRefused(Fault(f"Token {token}", what, "Look at its letters; what was erased does not come back."))
    return found


def erase(installation: Installation, subject: str, reason: str, at: datetime) -> Erased:
    """
    Forget what the token of a subject, or a token, stands for; and say where something of it remains.

    Raises:
        RunRefused: If whoever asks may not erase or gives no reason.
    """
    settings = installation.settings
    raise_all(RunRefused, _faults(settings.reader, (ERASER,), reason, "erase"))
    made = needed(settings)
    login = login_in(installation.database_url, settings.reader)
    token = subject if is_token(subject) else made.keys.token(installation.landed.subject_domain, subject)
    value = subject if token != subject else (made.table.reveal(token) or ("", None))[1]
    AccessLog(settings.tokens).note(at, login, settings.reader, "erase", token, reason)
    known = made.table.erase(token)
    places = _snapshots(installation) if value is not None else ()
    holds = [(frame.name, day, _holds(frame, day, str(value))) for frame, day in places]
    landed = tuple((frame, day) for frame, day, there in holds if there)
    unread = tuple((frame, day) for frame, day, there in holds if there is None)
    found = {(frame, day): others for frame, day, others in _curated_with(installation, token)}
    others = tuple(pair for pair in sorted(set().union(*found.values())) if made.table.reveal(pair[1]))
    records = _records(installation, token)
    remains = (*_remains(landed, (*found,), records, others), *_perhaps(installation, unread))
    return Erased(token, known, landed, (*found,), records, others, remains)


def _faults(reader: str, allowed: tuple[str, ...], reason: str, act: str) -> Iterator[Fault]:
    if reader not in allowed:
        who = f"you read as '{reader}'"
        remedy = f"Say your role: RULES_READER={allowed[0]}." if allowed else "Name roles in the lake: seen_by."
        yield Fault(f"rules privacy {act}", f"{who}, and it is for: {', '.join(allowed) or 'nobody'}.", remedy)
    if not reason.strip():
        yield Fault("--reason", "it is empty, and every look is written down with its reason.", 'Say --reason "…".')


def _snapshots(installation: Installation) -> Iterator[tuple[Frame, date]]:
    """The landed snapshots that may have rows of a subject."""
    for frame in installation.landed.lake.frames:
        yield from ((frame, day) for day in (landed_days(frame) if frame.subject_key else ()))


def _holds(frame: Frame, day: date, value: str) -> bool | None:
    """Whether a landed snapshot has a row of the subject, by letters as tokens have them; None where none can tell."""
    place, wanted = place_of(frame, day), unicodedata.normalize("NFC", value)
    try:
        for file in (each for each in place.files() if not each.hidden):
            for batch in Records(place, file.name, frame, unended=True).batches():
                texts = pc.utf8_normalize(as_texts(batch.column(frame.subject_key)), form="NFC")
                if pc.any(pc.equal(texts, wanted)).as_py():
                    return True
    except RunRefused:
        return None
    return False


def _perhaps(installation: Installation, unread: tuple[tuple[str, date], ...]) -> Iterator[str]:
    """What could not be looked at, or lies where nothing reads it."""
    if unread:
        days = ", ".join(f"{frame} {day}" for frame, day in unread)
        yield f"landed snapshots that cannot be read here, so look yourself: {days}."
    frames, lake = installation.landed.lake.frames, Place(installation.settings.lake.rpartition("/")[0])
    aside = [place for frame in frames for place in (*left(frame), *beside_days(frame))]
    aside += [
        f"{lake.below(frame.name).uri}/{name}"
        for frame in frames
        for name in lake.below(frame.name).names()
        if name.startswith(".curating-")
    ]
    if aside:
        yield f"folders that nothing reads, of steps that were stopped or named otherwise: {', '.join(aside)}."


def _curated_with(installation: Installation, token: str) -> Iterator[tuple[str, date, set[tuple[str, str]]]]:
    """The curated snapshots with rows of a token, and the tokens of these rows' other columns."""
    folder = Place(installation.settings.lake.rpartition("/")[0])
    for frame in installation.lake.frames:
        for name in folder.below(frame.name).names() if frame.subject_key else ():
            path = f"{frame.name}/{name}/part-0.parquet"
            if name.startswith(".") or "part-0.parquet" not in folder.below(f"{frame.name}/{name}").names():
                continue
            with folder.reading(path) as stream:
                rows = pq.read_table(stream, filters=pc.field(frame.subject_key).cast("string") == token)
            if rows.num_rows:
                yield frame.name, date.fromisoformat(name), set(_tokens_of(frame, rows))


def _tokens_of(frame: Frame, rows: pa.Table) -> Iterator[tuple[str, str]]:
    for column in rows.column_names:
        if column != frame.subject_key and pa.types.is_string(rows[column].type):
            yield from (
                (f"{frame.name}.{column}", each) for each in rows[column].unique().to_pylist() if is_token(each or "")
            )


def _records(installation: Installation, token: str) -> int | None:
    """How many records the history has of a token; None where it cannot be asked."""
    try:
        return len(installation.history.journey(token))
    except RulesError:
        return None


def _remains(
    landed: tuple[tuple[str, date], ...],
    curated: tuple[tuple[str, date], ...],
    records: int | None,
    others: tuple[tuple[str, str], ...],
) -> Iterator[str]:
    if others:
        tokens = ", ".join(f"{column} {token}" for column, token in others)
        yield f"what other tokens of its rows stand for: {tokens}. Erase each that is no other subject's, too."
    if landed:
        days = ", ".join(f"{frame} {day}" for frame, day in landed)
        yield f"landed snapshots with the subject itself: {days}. Remove the folders once no run needs them."
    if curated:
        days = ", ".join(f"{frame} {day}" for frame, day in curated)
        yield f"curated snapshots with its token: {days}."
    said = "the history was not asked for records" if records is None else f"{records} records of the history"
    yield f"{said} of its token; they are written once and stay, and name nobody any more."
    yield "staged runs with its token, until `rules runs prune`."
    yield "backups of all of these, of the reverse table too, until they are overwritten."
    yield "whoever has the secret of tokens and the value itself can make the token again."
