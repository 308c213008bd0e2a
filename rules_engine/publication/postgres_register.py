"""The register on PostgreSQL: tables beside the history, brought up to date by newer records alone (R-HIST-7)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from itertools import count
from typing import Any

import psycopg2
from psycopg2 import errors
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from rules_engine.errors import Fault, RunInterrupted, RunRefused, raise_all
from rules_engine.model.history import HistoryRecord, Subject, Unreadable
from rules_engine.model.register import Row, changes, check_numbers, number_of
from rules_engine.publication.postgres import address_of, cause_of, engine_of, words_of
from rules_engine.publication.postgres_register_tables import DEFINITION, MADE, NEVER, UNREADY
from rules_engine.publication.records import SubjectType, subject_checked
from rules_engine.publication.register_tables import RegisterTables

COLUMNS = [field.name for field in fields(Row)]


class PostgresRegister:
    """
    A register in the schema ``history``: rows, insert-only numbers, what was set apart, and how far it is whole.

    Everything of one ``apply`` is one transaction.
    """

    def __init__(self, url: str, tables: RegisterTables, subject_type: SubjectType, chunk: int = 10_000) -> None:
        self._subject_type = subject_type
        self._chunk = chunk
        self._url = address_of(url)
        self._engine = engine_of(self._url)
        self._names = tables._asdict() | {
            "subject": "bigint" if subject_type == "bigint" else "text",
            "writer": f"{tables.rows.removesuffix('_register')}_history_writer",
            "reader": f"{tables.rows.removesuffix('_register')}_history_reader",
            "collated": "bigint" if subject_type == "bigint" else 'text COLLATE "C"',
        }

    def create(self) -> None:
        """Make the tables; the schema ``history`` and its guards are there when the history is."""
        with self._connected() as connection:
            lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
            connection.execute(lock, {"name": self._names["rows"]})
            there = text("SELECT to_regclass(format('history.%I', CAST(:name AS text))) IS NOT NULL")
            if not connection.execute(there, {"name": f"{self._names['rows']}_mark"}).scalar_one():
                connection.exec_driver_sql(DEFINITION.format(**self._names))

    def apply(self, records: Collection[HistoryRecord]) -> int:
        """Bring the rows of these records' pairs up to date; how many rows that changed."""
        asked = changes(records)
        if not (asked.made or asked.changed):
            return 0
        with self._connected() as connection:
            self._issue(connection, {row.subject for row in asked.made})
            return self._put(connection, MADE, asked.made) + self._put(connection, NEVER, asked.changed)

    def adopt(self, numbers: Mapping[Subject, str]) -> int:
        """Take membership numbers from the master, all or none; how many are new."""
        check_numbers(numbers)
        with self._connected() as connection:
            new = self._offer(connection, numbers)
            held = self._numbers(connection, numbers)
            refused = [subject for subject, number in numbers.items() if held.get(subject) != number]
            raise_all(RunRefused, (_not_its(subject, numbers[subject], held.get(subject)) for subject in refused[:20]))
        return new

    def number(self, subject: Subject) -> str | None:
        """A subject's membership number."""
        with self._connected() as connection:
            return self._numbers(connection, [subject]).get(subject)

    def member(self, number: str) -> tuple[Row, ...]:
        """The rows of a membership number, by membership type."""
        with self._connected() as connection:
            return tuple(self._read(connection, "number = :number ORDER BY membership_type", number=number))

    def rows(self, subjects: Collection[Subject]) -> tuple[Row, ...]:
        """The rows of these subjects."""
        wanted = f"number IN (SELECT number FROM {self._table('numbers')} WHERE subject = ANY(:subjects))"
        with self._connected() as connection:
            return tuple(self._read(connection, wanted, subjects=self._checked(subjects)))

    def members(self, membership_type: str, after: Subject | None, limit: int) -> tuple[Row, ...]:
        """At most ``limit`` members of a type, by the subject's key, after one."""
        beyond = "" if after is None else "AND subject > :after"
        wanted = f"granted AND membership_type = :type {beyond} ORDER BY subject LIMIT :limit"
        with self._connected() as connection:
            return tuple(self._read(connection, wanted, type=membership_type, after=after, limit=limit))

    def every(self) -> Iterator[Row]:
        """All rows, streamed."""
        with self._connected() as connection:
            yield from self._read(connection.execution_options(yield_per=self._chunk), "true")

    def remove(self, row: Row) -> None:
        """Take a row away if it is still as given."""
        said = {name: getattr(row, name) for name in COLUMNS}
        same = " AND ".join(f"{name} IS NOT DISTINCT FROM :{name}" for name in COLUMNS)
        with self._connected() as connection:
            connection.execute(text(f"DELETE FROM {self._table('rows')} WHERE {same}"), said)

    def set_apart(self, sequence: str, what: Unreadable, content: str) -> None:
        """Keep what cannot be applied, once for each sequence number."""
        said = {"sequence": sequence, "which": what.which, "why": what.why, "content": content.replace("\0", "\\0")}
        insert = "(sequence, which, why, content) VALUES (:sequence, :which, :why, :content) ON CONFLICT DO NOTHING"
        with self._connected() as connection:
            connection.execute(text(f"INSERT INTO {self._table('poison')} {insert}"), said)

    def apart(self) -> int:
        """How much was set apart."""
        with self._connected() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {self._table('poison')}")).scalar_one())

    def through(self) -> int | None:
        """The number of the last publication that is in the register whole; None if it was never built."""
        with self._connected() as connection:
            there = text("SELECT to_regclass(format('history.%I', CAST(:name AS text))) IS NOT NULL")
            if not connection.execute(there, {"name": f"{self._names['rows']}_mark"}).scalar_one():
                return None
            found = connection.execute(text(f"SELECT through FROM {self._table('mark')}")).scalar()
        return None if found is None else int(found)

    def keep_through(self, number: int) -> None:
        """Say so; a smaller number changes nothing."""
        keep = text(
            f"INSERT INTO {self._table('mark')} AS held (through) VALUES (:number) "
            "ON CONFLICT (one) DO UPDATE SET through = greatest(held.through, excluded.through)"
        )
        with self._connected() as connection:
            connection.execute(keep, {"number": number})

    def _table(self, which: str) -> str:
        name = f"{self._names['rows']}_mark" if which == "mark" else self._names[which]
        return f'history."{name}"'

    def _checked(self, subjects: Collection[Subject]) -> list[Subject]:
        return [subject_checked(subject, self._subject_type) for subject in subjects]

    def _read(self, connection: Connection, wanted: str, **said: object) -> Iterator[Row]:
        query = text(f"SELECT {', '.join(COLUMNS)} FROM {self._table('rows')} WHERE {wanted}")
        given = {name: value for name, value in said.items() if f":{name}" in wanted}
        yield from (Row(*row) for row in connection.execute(query, given))

    def _numbers(self, connection: Connection, subjects: Collection[Subject]) -> dict[Subject, str]:
        query = text(f"SELECT subject, number FROM {self._table('numbers')} WHERE subject = ANY(:subjects)")
        found = connection.execute(query, {"subjects": self._checked(subjects)})
        return {row.subject: row.number for row in found}

    def _issue(self, connection: Connection, subjects: Collection[Subject]) -> None:
        """Give a number to each of these subjects that has none: the first offered that is free."""
        missing = set(subjects) - self._numbers(connection, subjects).keys()
        for attempt in count():
            if not missing:
                return
            self._offer(connection, {subject: number_of(subject, attempt) for subject in missing})
            missing -= self._numbers(connection, missing).keys()

    def _offer(self, connection: Connection, numbers: Mapping[Subject, str]) -> int:
        insert = text(
            f"INSERT INTO {self._table('numbers')} (subject, number) "
            f"SELECT * FROM unnest(CAST(:subjects AS {self._names['subject']}[]), CAST(:numbers AS text[])) "
            "ON CONFLICT DO NOTHING"
        )
        ordered = sorted(self._checked(numbers), key=str)  # two writers take their locks in one order
        said = {"subjects": ordered, "numbers": [numbers[subject] for subject in ordered]}
        return int(connection.execute(insert, said).rowcount)

    def _put(self, connection: Connection, statement: str, rows: Collection[Row]) -> int:
        if not rows:
            return 0
        ordered = sorted(rows, key=lambda row: (str(row.subject), row.membership_type))
        said: dict[str, Any] = {name: [getattr(row, name) for row in ordered] for name in COLUMNS if name != "number"}
        return int(connection.execute(text(statement.format(**self._names)), said).rowcount)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A transaction; what the database says is put into words."""
        which = f"Register '{self._names['rows']}'"
        try:
            connection = self._engine.connect()
        except (SQLAlchemyError, psycopg2.Error) as problem:
            what = f"it cannot be reached: {words_of(problem)}."
            raise RunRefused(Fault(which, what, "Check that PostgreSQL runs: `rules doctor`.")) from problem
        try:
            with connection, connection.begin():
                yield connection
        except (SQLAlchemyError, psycopg2.Error) as problem:
            cause, what = cause_of(problem), f"it cannot be used: {words_of(problem)}."
            remedy = next((words for kind, words in UNREADY.items() if isinstance(cause, kind)), None)
            remedy = remedy and remedy.format(**self._names)
            if remedy or isinstance(cause, errors.DataError):
                raise RunRefused(Fault(which, what, remedy or "Mend the record.")) from problem
            raise RunInterrupted(Fault(which, what, "Do the same again: what is there stays.")) from problem


def _not_its(subject: Subject, number: str, held: str | None) -> Fault:
    has = f"it has number {held}" if held else "that number is another subject's"
    return Fault(f"Subject {subject}", f"number {number} is not its: {has}.", "Nobody's number changes: mend the file.")
