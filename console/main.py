"""The `rules` command: which words there are. What they do is in the modules beside this one."""

from __future__ import annotations

from typing import Annotated

import typer

from console import (
    change_commands,
    decision_commands,
    demo_command,
    edit_commands,
    emr_commands,
    governance_commands,
    place_commands,
    rule_commands,
    run_commands,
)
from console.doctor import doctor
from rules_engine import __version__

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
rules = typer.Typer(no_args_is_help=True, help="The rules: list, show, draft, pause, compare.")
change = typer.Typer(no_args_is_help=True, help="Changes to rules: drafted, reviewed, approved, published.")
audit = typer.Typer(no_args_is_help=True, help="Who changed what, and the proof of it.")
database = typer.Typer(no_args_is_help=True, help="The rules repository's database.")
emr = typer.Typer(no_args_is_help=True, help="Runs on EMR.")

for place in (rules, app):
    place.command("list")(rule_commands.list_rules)
    place.command("show")(rule_commands.show)
    place.command("import")(rule_commands.import_rules)
    place.command("export")(rule_commands.export_rules)

for word, command in (
    ("new", edit_commands.new),
    ("edit", edit_commands.edit),
    ("retire", edit_commands.retire),
    ("pause", edit_commands.pause),
    ("resume", edit_commands.resume),
    ("diff", edit_commands.diff),
    ("log", edit_commands.log),
):
    rules.command(word)(command)

for word, command in (
    ("new", change_commands.new),
    ("list", change_commands.list_changes),
    ("show", change_commands.show),
    ("check", change_commands.check),
    ("submit", change_commands.submit),
    ("approve", change_commands.approve),
    ("reject", change_commands.reject),
    ("schedule", change_commands.schedule),
    ("withdraw", change_commands.withdraw),
):
    change.command(word)(command)

app.command("freeze")(governance_commands.freeze)
audit.command("log")(governance_commands.log)
audit.command("verify")(governance_commands.verify)
app.command("run")(run_commands.run)
app.command("runs")(run_commands.runs)
app.command("explain")(decision_commands.explain)
app.command("journey")(decision_commands.journey)
app.command("members")(decision_commands.members)
app.command("catalog")(place_commands.catalog)
app.command("sql")(place_commands.sql)
app.command("demo")(demo_command.demo)
app.command("doctor")(doctor)
app.command("down")(place_commands.down)

database.command("upgrade")(place_commands.upgrade)
database.command("url")(place_commands.url)
database.command("govern")(governance_commands.govern)
emr.command("submit")(emr_commands.submit)
emr.command("package")(emr_commands.package)

app.add_typer(rules, name="rules")
app.add_typer(change, name="change")
app.add_typer(audit, name="audit")
app.add_typer(database, name="db")
app.add_typer(emr, name="emr")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Memberships decided by weighted business rules: edited in PostgreSQL, evaluated on Spark, explained for good."""


def main() -> None:
    """The console script."""
    app()
