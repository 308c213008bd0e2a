"""Looking behind a token, and forgetting one: who may is proved, what is done is written down first."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs import mastering
from jobs.tokens import needed
from rules_engine.errors import Fault, RulesError, RunRefused, raise_all
from rules_engine.model.frames import Frame
from rules_lake.landing.extracts import OF_A_DAY
from rules_lake.landing.landing import beside_days, landed_days, left, place_of
from rules_lake.landing.place import Place
from rules_lake.landing.records import Records
from rules_lake.privacy.access_log import AccessLog
from rules_lake.privacy.curating import DATA
from rules_lake.privacy.policy import Treatment
from rules_lake.privacy.tokens import TokenKeys, as_texts, is_token
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
    curated: tuple[tuple[str, str], ...]
    records: int | None
    others: tuple[tuple[str, str], ...]
    remains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sought:
    """What is forgotten: its token, and the domain and value, as far as these are known still."""

    keys: TokenKeys
    token: str
    domain: str = ""
    value: str | None = None

    def among(self, domain: str, values: pa.Array) -> bool:
        """Whether it is one of a column's values, by letters as tokens have them."""
        if self.value is None:
            return self.token in self.keys.column(domain, values)[1]
        texts = pc.utf8_normalize(as_texts(values), form="NFC")
        return domain == self.domain and bool(pc.any(pc.equal(texts, unicodedata.normalize("NFC", self.value))).as_py())


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
    domain = installation.landed.subject_domain
    sought = Sought(made.keys, made.keys.token(domain, subject), domain, subject)
    if is_token(subject):
        sought = Sought(made.keys, subject, *(made.table.reveal(subject) or ()))
    token = sought.token
    AccessLog(settings.tokens).note(at, login, settings.reader, "erase", token, reason)
    known = made.table.erase(token)
    holds = [(frame.name, day, _holds(frame, day, of, sought)) for frame, day, of in _snapshots(installation)]
    landed = tuple((frame, day) for frame, day, there in holds if there)
    unread = [f"{frame} {day}" for frame, day, there in holds if there is None]
    rows = {(frame.name, name): (frame, found) for frame, name, found in _curated_with(installation, token)}
    torn = [f"{frame} {name}" for (frame, name), (_, found) in rows.items() if found is None]
    curated = tuple(place for place, (_, found) in rows.items() if found is not None)
    beside = {pair for frame, found in rows.values() if found is not None for pair in _others(frame, found, token)}
    others = tuple(pair for pair in sorted(beside) if made.table.reveal(pair[1]))
    records = _records(installation, token)
    plain = [
        column for frame, found in rows.values() if found is not None for column in _as_landed(installation, frame)
    ]
    remains = (*_remains(landed, curated, records, others, plain), *_perhaps(installation, landed=unread, curated=torn))
    return Erased(token, known, landed, curated, records, others, remains)


def _faults(reader: str, allowed: tuple[str, ...], reason: str, act: str) -> Iterator[Fault]:
    if reader not in allowed:
        who = f"you read as '{reader}'"
        remedy = f"Say your role: RULES_READER={allowed[0]}." if allowed else "Name roles in the lake: seen_by."
        yield Fault(f"rules privacy {act}", f"{who}, and it is for: {', '.join(allowed) or 'nobody'}.", remedy)
    if not reason.strip():
        yield Fault("--reason", "it is empty, and every look is written down with its reason.", 'Say --reason "…".')


def _snapshots(installation: Installation) -> Iterator[tuple[Frame, date, Mapping[str, str]]]:
    """The landed snapshots that may hold what has tokens, with the columns that may, and the domains of these."""
    for frame in installation.landed.lake.frames:
        if of := installation.landed.domains[frame.name]:
            yield from ((frame, day, of) for day in landed_days(frame))


def _holds(frame: Frame, day: date, columns: Mapping[str, str], sought: Sought) -> bool | None:
    """Whether a landed snapshot has what is sought in one of its columns; None where none can tell."""
    place = place_of(frame, day)
    try:
        for file in (each for each in place.files() if not each.hidden):
            for batch in Records(place, file.name, frame, unended=True).batches():
                if any(sought.among(domain, batch.column(name)) for name, domain in columns.items()):
                    return True
    except RunRefused:
        return None
    return False


def _perhaps(installation: Installation, **unread: Sequence[str]) -> Iterator[str]:
    """What could not be looked at, or lies where nothing reads it, or is not looked through."""
    for kind, places in ((kind, places) for kind, places in unread.items() if places):
        yield f"{kind} snapshots that cannot be read here, so look yourself: {', '.join(places)}."
    if (masters := mastering.settings_file()).exists():
        yield f"what `rules master` built and asked by {masters}: it holds names and addresses as sources have them."
    frames, lake = installation.landed.lake.frames, Place(installation.settings.lake.rpartition("/")[0])
    aside = [place for frame in frames for place in (*left(frame), *beside_days(frame))]
    aside += [
        f"{lake.below(frame.name).uri}/{name}"
        for frame in frames
        for name in lake.below(frame.name).names()
        if name.startswith(".curating-")
    ]
    landed = Place(str(installation.settings.landed).rpartition("/")[0])
    aside += _of_no_frame(landed, [place_of(frame, date.min).root for frame in frames])
    aside += _of_no_frame(lake, [lake.below(frame.name).root for frame in installation.lake.frames])
    if aside:
        kinds = "of steps that were stopped, of frames no more declared, or named otherwise"
        yield f"folders that nothing reads, {kinds}: {', '.join(aside)}."


def _of_no_frame(folder: Place, roots: Sequence[str]) -> Iterator[str]:
    """Folders with days in them that are no declared frame's, as of one that is declared no more."""
    for place in map(folder.below, folder.names()):
        known = any(f"{root}/".startswith(f"{place.root}/") for root in roots)
        if not known and any(map(OF_A_DAY.fullmatch, place.names())):
            yield place.uri


def _curated_with(installation: Installation, token: str) -> Iterator[tuple[Frame, str, pa.Table | None]]:
    """The folders of curated snapshots with rows of a token, and their texts there; None where none can tell."""
    folder = Place(installation.settings.lake.rpartition("/")[0])
    for frame in installation.lake.frames:
        for name in folder.below(frame.name).names():
            place = folder.below(f"{frame.name}/{name}")
            if name.startswith(".") or DATA not in place.names():
                continue
            try:
                with place.reading(DATA) as stream:
                    texts = [each.name for each in pq.read_schema(stream) if pa.types.is_string(each.type)]
                    has = reduce(or_, (pc.field(each) == token for each in texts), pc.scalar(False))
                    rows = pq.read_table(stream, columns=texts, filters=has)
            except (pa.ArrowException, OSError):
                rows = None
            if rows is None or rows.num_rows:
                yield frame, name, rows


def _others(frame: Frame, rows: pa.Table, token: str) -> Iterator[tuple[str, str]]:
    """The tokens of other columns in a subject's own rows."""
    key = frame.subject_key
    own = rows.filter(pc.equal(rows[key], token)) if key in rows.column_names else rows.slice(0, 0)
    for column in (each for each in own.column_names if each != key):
        yield from (
            (f"{frame.name}.{column}", each) for each in own[column].unique().to_pylist() if is_token(each or "")
        )


def _as_landed(installation: Installation, frame: Frame) -> Iterator[str]:
    """The columns of a curated frame that are kept as they landed, its keys aside."""
    said = installation.landed.were_all_used.get(frame.name, {})
    for name in (column.name for column in frame.columns if column.name not in (*frame.key, frame.subject_key)):
        if name in said and said[name][0].treatment is Treatment.KEEP:
            yield f"{frame.name}.{name}"


def _records(installation: Installation, token: str) -> int | None:
    """How many records the history has of a token; None where it cannot be asked."""
    try:
        return len(installation.history.journey(token))
    except RulesError:
        return None


def _remains(
    landed: tuple[tuple[str, date], ...],
    curated: tuple[tuple[str, str], ...],
    records: int | None,
    others: tuple[tuple[str, str], ...],
    plain: Sequence[str],
) -> Iterator[str]:
    if others:
        tokens = ", ".join(f"{column} {token}" for column, token in others)
        yield f"what other tokens of its rows stand for: {tokens}. Erase each that is no other subject's, too."
    if landed:
        days = ", ".join(f"{frame} {day}" for frame, day in landed)
        yield f"landed snapshots with the value itself: {days}. Remove the folders once no run needs them."
    if curated:
        days = ", ".join(f"{frame} {name}" for frame, name in curated)
        beside = f", beside columns as they landed: {', '.join(dict.fromkeys(plain))}" if plain else ""
        yield f"curated snapshots with its token: {days}{beside}."
    said = "the history was not asked for records" if records is None else f"{records} records of the history"
    yield f"{said} of its token; they are written once and stay, and name nobody any more."
    yield "staged runs with its token, until `rules runs prune`."
    yield "backups of all of these, of the reverse table too, until they are overwritten."
    yield "whoever has the secret of tokens and the value itself can make the token again."
