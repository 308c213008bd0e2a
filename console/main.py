"""The `rules` command: which words there are. What they do is in the modules beside this one."""

from __future__ import annotations

from typing import Annotated

import typer

from console import decision_commands, demo_command, emr_commands, place_commands, rule_commands, run_commands
from console.doctor import doctor
from rules_engine import __version__

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
rules = typer.Typer(no_args_is_help=True, help="The rules: list, show, import, export. Each is also a word of its own.")
database = typer.Typer(no_args_is_help=True, help="The rules repository's database.")
emr = typer.Typer(no_args_is_help=True, help="Runs on EMR.")

for place in (rules, app):
    place.command("list")(rule_commands.list_rules)
    place.command("show")(rule_commands.show)
    place.command("import")(rule_commands.import_rules)
    place.command("export")(rule_commands.export_rules)

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
emr.command("submit")(emr_commands.submit)
emr.command("package")(emr_commands.package)

app.add_typer(rules, name="rules")
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
