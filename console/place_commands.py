"""Commands about the place itself: its database and its servers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, at_desk
from console.screen import row, table
from console.statement import execute
from jobs.wiring import Installation, opened
from rules_engine.errors import Fault, RunRefused
from rules_repo import client, embedded, schema
from rules_repo.listening import LOGIN, Loopback

AsSql = Annotated[bool, typer.Option("--sql", help="Print the SQL for a database administrator, and change nothing.")]
Since = Annotated[str | None, typer.Option("--since", help="With --sql: the revision the database is at.")]
Tcp = Annotated[
    bool, typer.Option("--tcp", help="Have the embedded server listen on the loopback address, with a password.")
]
Statement = Annotated[str | None, typer.Option("--command", "-c", help="Run this statement, then end.")]
Script = Annotated[Path | None, typer.Option("--file", "-f", help="Run the statements of this file, then end.")]


@at_desk
def upgrade(desk: Desk, as_sql: AsSql = False, since: Since = None) -> None:
    """Create the rules repository's tables, or bring them to this version; again and again changes nothing."""
    if as_sql:
        statements = schema.offline(since)
        desk.screen.answer({"sql": statements}, statements)
        return
    with opened(desk.settings()) as installation:
        schema.upgrade(installation.database_url, schema.PLAN_DAYS)
        if Path(installation.settings.lake).exists():
            installation.history.create()
    desk.screen.answer({"upgraded": True}, "The rules repository is up to date.")


@at_desk
def url(desk: Desk, tcp: Tcp = False) -> None:
    """Print the repository's URL for an SQL client, password and all."""
    with opened(desk.settings()) as installation:
        if not tcp:
            return desk.screen.answer({"url": installation.database_url}, installation.database_url)
        loopback, name = _loopback(installation), installation.database_name
    jdbc, kept = loopback.jdbc(name), str(loopback.file)
    desk.screen.note(f"JDBC: {jdbc}, login {LOGIN}; the password is kept in {kept}.")
    desk.screen.note("The server listens there until `rules down`.")
    content = {"url": loopback.url(name), "jdbc": jdbc, "login": LOGIN, "password_file": kept}
    return desk.screen.answer(content, loopback.url(name))


def _loopback(installation: Installation) -> Loopback:
    """The embedded server, made to listen; a repository that is elsewhere listens where its server was told to."""
    if installation.settings.database_url:
        what = "it is the one of RULES_DATABASE_URL, whose server listens where it was told to."
        raise RunRefused(Fault("Rules database", what, "Leave --tcp out: `rules db url`."))
    listening = embedded.listen(installation.postgres_folder)
    embedded.ensure_database(installation.database_url, installation.database_name)
    return listening


@at_desk
def psql(desk: Desk, command: Statement = None, file: Script = None) -> None:
    """Open psql on the rules repository, set so that a refusal is one sentence."""
    if desk.screen.as_json:
        raise RunRefused(Fault("--json", "psql answers in its own words.", "Ask `rules sql STATEMENT --json`."))
    with opened(desk.settings()) as installation:
        words, settings = client.psql(installation.database_url)
    asked = [["-c", text] for text in (command,) if text] + [["-f", str(path)] for path in (file,) if path]
    words = [*words, *(word for pair in asked for word in pair)]
    os.execve(words[0], words, {**os.environ, **settings})  # noqa: S606  no shell reads the words


@at_desk
def sql(desk: Desk, statement: Annotated[str, typer.Argument(help="One SQL statement.")]) -> None:
    """Run one SQL statement on the rules repository, as any SQL client would; try it where there is none."""
    with opened(desk.settings()) as installation:
        done = execute(installation.database_url, statement)
    rows = table(*done.columns)
    for cells in done.rows:
        row(rows, *cells)
    content = {"columns": done.columns, "rows": done.rows, "count": done.count}
    desk.screen.answer(content, *([rows] if done.columns else []), _counted(done.count))


def _counted(rows: int) -> str:
    return "1 row." if rows == 1 else f"{max(rows, 0)} rows."


@at_desk
def down(desk: Desk) -> None:
    """Stop the servers that run for you: the embedded PostgreSQL and DynamoDB Local. Their data stays."""
    with opened(desk.settings()) as installation:
        ran = installation.stop_servers()
    said = [f"{name}: {'stopped' if was else 'was not running'}" for name, was in ran.items()]
    desk.screen.answer({name: {"stopped": was} for name, was in ran.items()}, *said)
