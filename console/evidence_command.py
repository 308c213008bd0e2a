"""`rules evidence`: everything about one subject's decisions as an archive, and the proof of such an archive."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, History, at_desk, day, now
from jobs.evidence import gathered
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.review.evidence import verify

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER|verify", help="The subject's key; or verify, with FILE.")]
File = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="With verify: the archive to prove.")]
First = Annotated[str | None, typer.Option("--from", help="The first day.")]
Last = Annotated[str | None, typer.Option("--to", help="The last day; it is included.")]
Out = Annotated[Path | None, typer.Option("--out", help="The archive to write, which is not there yet.")]


@at_desk
def evidence(
    desk: Desk,
    customer: Customer,
    file: File = None,
    first: First = None,
    last: Last = None,
    out: Out = None,
    history: History = None,
) -> None:
    """Write records, rules, approvals, manifests and audit about one subject into an archive; or prove one (verify)."""
    if customer == "verify" and not out:
        return _verify(desk, file)
    begin, end = day(first, "--from"), day(last, "--to")
    missing = [name for name, said in (("--from", begin), ("--to", end), ("--out", out)) if said is None]
    if begin is None or end is None or out is None:
        what = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not said."
        remedy = f"Write: rules evidence {customer} --from 2024-01-01 --to 2024-12-31 --out FILE.zip."
        raise RunRefused(Fault("rules evidence", what, remedy))
    faults = [Fault("--to", f"{end} is before {begin}.", "Turn them round.")] if end < begin else []
    faults += [Fault(f"File {out}", "it is there already.", "Name another one.")] if out.exists() else []
    raise_all(RunRefused, faults)
    with opened(desk.settings(history=history)) as installation:
        found = gathered(installation, customer, begin, end, now())
    content = found.packed()
    raise_all(RunRefused, verify(content)[1])  # what is stored was altered: it proves nothing
    _write(out, content)
    digest = hashlib.sha256(content).hexdigest()
    counts = {"records": len(found.records), "rules": len(found.rules), "runs": len(found.manifests)}
    told = f"{counts['records']} records, {counts['rules']} wordings and {counts['runs']} runs are in {out}."
    also = f"Note its digest elsewhere: {digest}. Prove it anywhere: rules evidence verify {out}"
    return desk.screen.answer({"file": str(out), "sha256": digest, **counts, "audit": len(found.audit)}, told, also)


def _write(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as problem:
        what = f"it cannot be written: {problem.strerror}."
        raise RunRefused(Fault(f"File {out}", what, "Name one in a folder that is there and yours.")) from problem


def _verify(desk: Desk, file: Path | None) -> None:
    if file is None:
        raise RunRefused(Fault("rules evidence verify", "no archive is named.", "Write: rules evidence verify FILE."))
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise RunRefused(
            Fault(f"File {file}", f"it cannot be read: {problem.strerror}.", "Check its name.")
        ) from problem
    proved, faults = verify(content)
    raise_all(RunRefused, faults)
    assert proved is not None
    digest, about = hashlib.sha256(content).hexdigest(), proved.about
    desk.screen.answer(
        asdict(proved) | {"sha256": digest, "proved": True},
        f"About {about['subject']} from {about['from']} to {about['to']}, made {about['made']}: proved.",
        f"{proved.records} records follow from {proved.rules} wordings, {proved.runs} manifests and the chain of runs.",
        f"{proved.entries} entries of the audit hang together; the newest: {' '.join(map(str, proved.head))}.",
        f"The archive's own digest, to be compared with the one noted: {digest}.",
    )
