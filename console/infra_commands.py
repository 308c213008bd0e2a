"""`rules infra`: the stacks of an environment, as commands, and against what is on AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, at_desk
from jobs import aws, infra
from rules_engine.errors import InvalidRule

Settings = Annotated[Path, typer.Argument(help="TOML file of what the stacks are told; infra/example.toml is one.")]
Detailed = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 3 where something is otherwise.")]


@at_desk
def render(desk: Desk, file: Settings) -> None:
    """Print the commands that make the stacks, in order, or change them; run them in infra/."""
    desk.settings()
    made = infra.stacks(file)
    begin = made[0].name.rpartition("-")[0]
    commands = [infra.command_of(stack, begin) for stack in made]
    content = [
        {"stack": stack.name, "template": stack.template.name, "parameters": dict(stack.values)}
        | {"outputs": dict(stack.outputs), "command": command}
        for stack, command in zip(made, commands, strict=True)
    ]
    desk.screen.answer(content, *(f"{command}\n" for command in commands))


@at_desk
def diff(desk: Desk, file: Settings, detailed_exitcode: Detailed = False) -> None:
    """Say what of the stacks is otherwise on AWS than here: templates, and what they are told."""
    settings = desk.settings()
    found = infra.differences(aws.client("cloudformation", settings.region), infra.stacks(file))
    other = {name: lines for name, lines in found.items() if lines}
    told = [f"{name}\n" + "\n".join(lines) for name, lines in other.items()]
    desk.screen.answer({"differences": other}, *(told or ["On AWS it is as here."]))
    if other and detailed_exitcode:
        raise typer.Exit(InvalidRule.exit_code)


@at_desk
def variables(desk: Desk, file: Settings) -> None:
    """Print the Variables of the workflow of Airflow, from what the stacks put out, as a JSON file of them."""
    settings = desk.settings()
    found = infra.variables(aws.client("cloudformation", settings.region), infra.stacks(file))
    desk.screen.answer({"variables": found}, json.dumps(found, indent=2))
