"""The `rules` command: which words there are. What they do is in the modules beside this one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Annotated

import typer

from rules_engine import __version__

RULES = {
    "list": "rule_commands.list_rules",
    "show": "rule_commands.show",
    "import": "rule_commands.import_rules",
    "export": "rule_commands.export_rules",
    "check": "rule_commands.check",
}
WORDS = {
    **RULES,
    "freeze": "governance_commands.freeze",
    "land": "landing_commands.land",
    "curate": "landing_commands.curate",
    "preview": "preview_command.preview",
    "run": "run_commands.run",
    "runs": "run_commands.runs",
    "explain": "decision_commands.explain",
    "journey": "decision_commands.journey",
    "evidence": "evidence_command.evidence",
    "history": "decision_commands.history_of",
    "members": "member_commands.members",
    "member": "member_commands.member",
    "plan": "plan_commands.plan",
    "replay": "replay_commands.replay",
    "what-if": "review_commands.what_if_command",
    "catalog": "catalog_command.catalog",
    "sql": "place_commands.sql",
    "demo": "demo_command.demo",
    "doctor": "doctor.doctor",
    "down": "place_commands.down",
}
"""The words after `rules`, and where what they do is: it is loaded when it is asked for."""

GROUPS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "rules": (
        "The rules: list, show, draft, pause, compare.",
        RULES
        | {
            word: f"edit_commands.{word}"
            for word in ("new", "edit", "revert", "retire", "pause", "resume", "diff", "log")
        },
    ),
    "change": (
        "Changes to rules: drafted, reviewed, approved, published.",
        {"new": "change_commands.new", "list": "change_commands.list_changes"}
        | {
            word: f"change_commands.{word}"
            for word in ("show", "check", "submit", "approve", "reject", "schedule", "withdraw")
        },
    ),
    "audit": (
        "Who changed what, and the proof of it.",
        {word: f"governance_commands.{word}" for word in ("log", "verify", "anchor")},
    ),
    "db": (
        "The rules repository's database.",
        {
            "upgrade": "place_commands.upgrade",
            "url": "place_commands.url",
            "psql": "place_commands.psql",
            "govern": "governance_commands.govern",
        },
    ),
    "lake": (
        "The lake's declaration.",
        {"declare": "lake_commands.declare"},
    ),
    "register": (
        "The register of members: built, proved, fed.",
        {word: f"register_commands.{word}" for word in ("rebuild", "verify", "follow", "numbers")},
    ),
    "privacy": (
        "Behind tokens: revealed, erased, and who did.",
        {word: f"privacy_commands.{word}" for word in ("reveal", "erase", "log")},
    ),
    "master": (
        "Who is one person: master customers built, decided, explained.",
        {word: f"master_commands.{word}" for word in ("build", "review", "decide", "why")},
    ),
    "infra": (
        "What is made on AWS by CloudFormation.",
        {w: f"infra_commands.{w}" for w in ("render", "diff", "variables")},
    ),
    "emr": (
        "Runs on EMR.",
        {word: f"emr_commands.{word}" for word in ("package", "upload", "submit", "requests")}
        | {word: f"emr_look_commands.{word}" for word in ("status", "logs", "cancel")}
        | {"report": "report_command.emr_report"},
    ),
}


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Memberships decided by weighted business rules: edited in PostgreSQL, evaluated on Spark, explained for good."""


def program(words: Iterable[str] = (*WORDS, *GROUPS)) -> typer.Typer:
    """The command with these first words; without any, the whole of it."""
    made = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, callback=root)
    for word in words:
        if word in WORDS:
            _add(made, word, WORDS[word])
            continue
        meaning, inside = GROUPS[word]
        group = typer.Typer(no_args_is_help=True, help=meaning)
        for second, place in inside.items():
            _add(group, second, place)
        made.add_typer(group, name=word)
    return made


def _add(to: typer.Typer, word: str, place: str) -> None:
    module, _, function = place.partition(".")
    to.command(word)(getattr(import_module(f"console.{module}"), function))


def main() -> None:
    """The console script: it loads what its first word needs, and everything where that is no word it knows."""
    first = sys.argv[1:2]
    known = first and first[0] in {*WORDS, *GROUPS}
    (program(first) if known else program())()
