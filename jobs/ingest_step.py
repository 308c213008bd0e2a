"""
Land extracts on a cluster: read each to its end, and put it into the landed folder with its manifest.

Under a role that writes landed data and reads nothing else of the lake; it starts no Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.entry import Summary, day, finish, words
from rules_engine.errors import Fault, RunRefused, collected, raise_all
from rules_engine.model.frames import Frame
from rules_engine.model.layouts import Layout
from rules_lake.landing.landing import Landing, land
from rules_lake.landing.place import Place, shown
from rules_lake.privacy.declared import Declared, parse

FRAME = "{frame}"
DAY = "{day}"

ARGUMENTS = words(
    __doc__,
    source=(str, "the extract: URI of a file or a folder; with {frame} and {day} in it, that of each frame that lands"),
    declaration=(str, "URI of the declaration of what lands"),
    day=(day, "the day that the extracts are of"),
)
ARGUMENTS.add_argument("--frame", help="the frame that it is of; all that are dated without it")
ARGUMENTS.add_argument("--unended", action="store_true", help="take texts whose last line has no end of line")


def step(argv: Sequence[str]) -> Summary:
    """Land one extract, or that of every frame, with all faults at once; the same again changes nothing."""
    told = ARGUMENTS.parse_args(argv)
    frames = _frames(declaration(told.declaration).lake.frames, told.frame, told.source)
    faults: list[Fault] = []
    done = []
    for frame in frames:
        source = told.source.replace(FRAME, frame.name).replace(DAY, told.day.isoformat())
        now = datetime.now(UTC)
        landed = collected(lambda: land(source, frame, told.day, now, unended=told.unended), faults)  # noqa: B023
        done += [landed] if landed else []
    raise_all(RunRefused, faults)
    return _said(done[0]) if told.frame else {"landed": [_said(each) for each in done]}


def _frames(declared: Sequence[Frame], name: str | None, source: str) -> list[Frame]:
    """
    The frame of a name, or all that land day by day.

    Raises:
        RunRefused: If there is none, or all of them would be of one extract.
    """
    if name is None:
        if FRAME not in source:
            remedy = f"Give --frame, or write {FRAME} in its address."
            raise RunRefused(Fault(f"Extract {source}", "it is not said of which frame it is.", remedy))
        return [frame for frame in declared if Layout(frame.path).dated]
    found = [frame for frame in declared if frame.name == name]
    if not found:
        remedy = f"There are: {', '.join(frame.name for frame in declared)}."
        raise RunRefused(Fault(f"Frame '{name}'", "it is not declared.", remedy))
    return found


def _said(done: Landing) -> Summary:
    found = done.manifest
    return {"frame": found.frame, "day": found.day.isoformat(), "rows": found.rows, "digest": found.digest,
            "place": done.place, "before": done.before, "unjudged": list(found.unjudged)}  # fmt: skip


def declaration(uri: str) -> Declared:
    """
    The declaration of what lands, at a URI.

    Raises:
        RunRefused: If there is none, or with every fault of it.
    """
    folder, _, name = uri.rpartition("/")
    text = Place(folder).text(name)
    if text is None:
        raise RunRefused(
            Fault(f"Declaration {shown(uri)}", "there is no such file.", "Put it there, or mend the address.")
        )
    return parse(text, folder)


if __name__ == "__main__":
    finish(step)
