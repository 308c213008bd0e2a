"""
Land one extract on a cluster: read it to its end, and put it into the landed folder with its manifest.

Under a role that writes landed data and reads nothing else of the lake; it starts no Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.entry import Summary, day, finish, words
from rules_engine.errors import Fault, RunRefused
from rules_lake.landing.landing import land
from rules_lake.landing.place import Place, shown
from rules_lake.privacy.declared import Declared, parse

ARGUMENTS = words(
    __doc__,
    source=(str, "the extract: URI of a file or a folder"),
    frame=(str, "the frame that it is of"),
    declaration=(str, "URI of the declaration of what lands"),
    day=(day, "the day that the extract is of"),
)
ARGUMENTS.add_argument("--unended", action="store_true", help="take texts whose last line has no end of line")


def step(argv: Sequence[str]) -> Summary:
    """Land one extract; the same again changes nothing."""
    told = ARGUMENTS.parse_args(argv)
    lake = declaration(told.declaration).lake
    if told.frame not in {frame.name for frame in lake.frames}:
        remedy = f"There are: {', '.join(frame.name for frame in lake.frames)}."
        raise RunRefused(Fault(f"Frame '{told.frame}'", "it is not declared.", remedy))
    done = land(told.source, lake.frame(told.frame), told.day, datetime.now(UTC), unended=told.unended)
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
