"""`rules privacy reveal`, `erase` and `log`: behind a token, with a role and a reason."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from console.desk import Desk, at_desk, now, writing
from console.screen import row, table
from jobs.wiring import opened

Token = Annotated[str, typer.Argument(metavar="TOKEN", help="A token, as histories and lists show it.")]
Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="The subject's key as it landed, or its token.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is written down with who and when.")]


@writing
def reveal(desk: Desk, token: Token, reason: Why = "") -> None:
    """Say what a token stands for; takes a role that the lake lets see (RULES_READER), and is written down."""
    from jobs.privacy import reveal as revealed

    with opened(desk.settings()) as installation:
        domain, value = revealed(installation, token, reason, now())
    desk.log("revealed", token=token)
    desk.screen.answer({"token": token, "domain": domain, "value": value}, f"{token} ({domain}): {value}")


@writing
def erase(desk: Desk, subject: Subject, reason: Why = "") -> None:
    """Forget what the token of a subject stands for, for good, and say what remains; takes RULES_READER=admin."""
    from jobs.privacy import erase as erased

    with opened(desk.settings()) as installation:
        done = erased(installation, subject, reason, now())
    desk.log("erased", token=done.token, known=done.known)
    first = f"What {done.token} stands for is forgotten." if done.known else f"Nothing was known of {done.token}."
    said = [f"{first} It is not kept again when the lake is curated.", "There remain:"]
    desk.screen.answer(asdict(done), *said, *(f"- {each}" for each in done.remains))


@at_desk
def log(desk: Desk) -> None:
    """List who looked behind tokens or erased some, when and why; proves that no entry was altered."""
    from rules_lake.privacy.access_log import AccessLog

    entries = AccessLog(desk.settings().tokens).entries()
    drawn = table("when", "who", "role", "did", "token", "reason")
    for each in entries:
        row(drawn, each.at[:19], each.login, each.role, each.act, each.token, each.reason)
    newest = f"The newest: {len(entries)} {entries[-1].hash}." if entries else "Nobody did."
    desk.screen.answer([asdict(each) | {"hash": each.hash} for each in entries], drawn, newest)
