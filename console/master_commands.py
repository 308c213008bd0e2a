"""`rules master`: who is one person, built from the records of many systems, decided and explained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from console import desk as desks
from console.desk import Desk, at_desk, now, writing
from console.master_page import page
from console.screen import row, table
from jobs import mastering
from jobs.reviewing import saved
from rules_engine.errors import Fault, RunRefused
from rules_lake.master import records, reviewing
from rules_lake.master.letters import SHOWN
from rules_lake.master.overrides import DIFFERENT, SAME, named, spelt

SettingsFile = Annotated[Path | None, typer.Option("--settings", help="The TOML file; else RULES_MASTER, master.toml.")]
Day = Annotated[str | None, typer.Option("--day", help="The day; the newest that was built without it.")]
A = Annotated[str, typer.Argument(metavar="A", help="A record, as source:key.")]
B = Annotated[str, typer.Argument(metavar="B", help="Another one.")]


@writing
def build(
    desk: Desk,
    on: Annotated[str | None, typer.Option("--day", help="The day whose extracts are read; today without it.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Build the newest day again from other input.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Build a day's master: records linked, ids given, crosswalk, trail and what is to be decided written."""
    chosen = desks.day(on, "--day") or now().date()
    said = mastering.load(settings)
    with desk.screen.progress() as progress:
        outcome = mastering.built(said, chosen.isoformat(), replace, progress)
    manifest = outcome.manifest
    to_decide = sum(n for outcome_, n in manifest["pairs"].items() if outcome_ in reviewing.TO_DECIDE)
    content = {name: manifest[name] for name in ("day", "records", "masters", "sizes", "pairs", "trail", "input")}
    content["decisions_of_unknown"] = manifest.get("overrides_of_unknown", [])
    content |= {"folder": str(Path(said.folder) / manifest["day"]), "was_there": outcome.was_there}
    told = f"{sum(manifest['records'].values()):,} records are {manifest['masters']:,} masters: {content['folder']}"
    of_frames = manifest.get("frames", {})
    content["frames"] = of_frames
    frames = [
        f"Frame '{name}': {said['rows']:,} rows" + (f", {said['of_nobody']:,} of nobody" if said["of_nobody"] else "")
        for name, said in of_frames.items()
    ]
    steps = ", ".join(f"{n:,} {event}" for event, n in manifest["trail"].items())
    pieces = [told, *([f"Ids: {steps}"] if steps else []), *(["It was built before."] if outcome.was_there else [])]
    pieces += frames
    for source, said_no in manifest.get("no_birth_days", {}).items():
        how = f"as '{said_no['as']}' (digits shown as 9, letters as x): they are unknown"
        pieces.append(f"Source '{source}': {said_no['records']:,} birth dates say no day, {how}.")
    if absent := manifest.get("overrides_of_absent"):
        pieces.append(f"{absent:,} decisions name records that no source has on that day.")
    if unknown := manifest.get("overrides_of_unknown"):
        more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
        strange = (
            f"No build has seen {', '.join(unknown[:SHOWN])}{more}: unless they are to come, mend {said.overrides}."
        )
        pieces.append(strange)
    if to_decide:
        pieces.append(f"{to_decide:,} pairs are to be decided: rules master review")
    desk.screen.answer(content | {"to_decide": to_decide}, *pieces)


@at_desk
def review(
    desk: Desk,
    on: Day = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many pairs.")] = 10,
    show: Annotated[bool, typer.Option("--show", help="Show personal values; masked without it.")] = False,
    settings: SettingsFile = None,
) -> None:
    """List the pairs that are to be decided, the likeliest first, both records side by side."""
    said = mastering.load(settings)
    chosen = reviewing.newest(said, on)
    found = records.read(said, chosen)
    every = reviewing.questions(said, chosen)
    asked = reviewing.present(every, found)
    content: list[dict[str, Any]] = []
    pieces: list[RenderableType] = []
    for question in asked[:limit]:
        cells = reviewing.side_by_side(said, found, (question.a, question.b), show)
        drawn = table("column", spelt(question.a), spelt(question.b))
        for name, (left, right) in cells.items():
            row(drawn, name, left, right)
        pieces += [f"{question.probability:.4f}  {question.why}", drawn, ""]
        content.append(
            {"a": spelt(question.a), "b": spelt(question.b), "probability": question.probability, "why": question.why}
            | {"columns": {name: [*both] for name, both in cells.items()}}
        )
    told = f"{len(asked):,} pairs to decide: rules master decide A B same|different --because TEXT"
    gone = len(every) - len(asked)
    left_out = [f"{gone:,} pairs are left out: no source has their records any more."] if gone else []
    changed = reviewing.changed(said, found, chosen)
    content_of_all = {"day": chosen, "to_decide": len(asked), "gone": gone, "changed": changed, "list": content}
    desk.screen.answer(content_of_all, *pieces, *left_out, *changed_lines(changed, chosen), told)


@writing
def decide(
    desk: Desk,
    a: A,
    b: B,
    decision: Annotated[str, typer.Argument(metavar="same|different", help="Whether they are one person.")],
    because: Annotated[str, typer.Option("--because", help="Why; it is kept with the decision.")],
    by: Annotated[str | None, typer.Option("--by", help="Who decides; you without it.")] = None,
    on: Day = None,
    settings: SettingsFile = None,
) -> None:
    """Remember whether two records are one person: it wins over whatever the next builds find."""
    if decision not in (SAME, DIFFERENT):
        raise RunRefused(Fault("Decision", f"'{decision}' is none.", f"Say {SAME} or {DIFFERENT}."))
    if not because.strip():
        raise RunRefused(Fault("--because", "it says nothing.", "Say why, for whoever asks later."))
    said = mastering.load(settings)
    chosen = reviewing.newest(said, on)
    made = mastering.decision(decision, named(a), named(b), because, by, now())
    before = reviewing.decide(said, records.read(said, chosen), made)["before"]
    told = f"{a} and {b} are {decision}{f', no longer {before}' if before and before != decision else ''}."
    content = {"a": a, "b": b, "decision": decision, "who": made.who, "at": made.at, "before": before}
    desk.screen.answer(content, told, "It counts from the next build: rules master build")


@at_desk
def why(
    desk: Desk,
    a: A,
    b: B,
    on: Day = None,
    html: Annotated[Path | None, typer.Option("--html", help="Draw it as a page.")] = None,
    settings: SettingsFile = None,
) -> None:
    """Explain why two records are one person, or are not: what each comparison says, in bits."""
    said = mastering.load(settings)
    chosen = reviewing.newest(said, on)
    found = mastering.explained(said, chosen, named(a), named(b))
    drawn = table("compared", "found", "bits", right=["bits"])
    for part in found.parts:
        row(drawn, part.name.replace("_", " "), part.level, f"{part.bits:+.1f}")
    row(drawn, "together", f"probability {found.probability:.6f}", f"{found.bits:+.1f}", style="bold")
    files = saved(html, page(found, said.linking)) if html else ()
    lines = [*outcome_lines(found), *changed_lines(found.changed, chosen)]
    pieces: list[RenderableType] = [drawn, *lines, *(f"Written: {name}" for name in files)]
    desk.screen.answer({**_content(found), "day": chosen, "files": files}, *pieces)


def outcome_lines(found: Any) -> list[str]:
    """What came of the pair, in words."""
    a, b = spelt(found.a), spelt(found.b)
    if found.together:
        by = f" by way of {', '.join(map(spelt, found.through))}" if found.through else ""
        said = f"{a} and {b} are one master, {found.masters[0]}{by}."
    else:
        said = f"{a} is of master {found.masters[0]}, {b} of {found.masters[1]}."
    if found.decided is None:
        return [said]
    decided = found.decided
    return [said, f"{decided.who} decided {decided.decision} on {decided.at}: {decided.because}"]


def changed_lines(sources: Sequence[str], day: str) -> list[str]:
    """What is shown is of now, and was linked as of the build."""
    if not sources:
        return []
    return [f"Not as the build of {day} read it: {', '.join(sources)}. Build again to decide by what is shown."]


def _content(found: Any) -> dict[str, Any]:
    decided = found.decided
    return {
        "a": spelt(found.a),
        "b": spelt(found.b),
        "probability": found.probability,
        "bits": round(found.bits, 2),
        "parts": [{"compared": p.name, "found": p.level, "bits": round(p.bits, 2)} for p in found.parts],
        "masters": list(found.masters),
        "changed": list(found.changed),
        "through": [spelt(key) for key in found.through],
        "decided": decided and {"decision": decided.decision, "who": decided.who, "because": decided.because},
    }
