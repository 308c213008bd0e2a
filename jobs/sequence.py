"""The steps of a run in their order, whose role each takes, and what a run must be told for one to be its (R-OPS-2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WHOSE: Mapping[str, str] = {
    "ingest": "lander",
    "master": "linker",
    "freeze": "loader",
    "curate": "curator",
    "evaluate": "evaluator",
    "guard": "guard",
    "publish": "publisher",
    "register": "checker",
}
"""Step to role, in order. Curating comes after freezing: the columns that rules read go on."""

WITHOUT_SPARK = ("setup", "ingest", "master", "freeze", "curate", "register")
"""Steps that start no Spark: they run on the primary node, beside which a driver of YARN would only wait."""

HOURS: Mapping[str, int] = dict.fromkeys(WHOSE, 1) | {
    "ingest": 2,
    "master": 6,
    "curate": 2,
    "evaluate": 6,
    "publish": 6,
}
"""How long a night waits for a step."""


@dataclass(frozen=True, slots=True)
class Before:
    """
    What happens to data before a run, and what is looked at after it; what is not told is no step of the run.

    ``extracts`` is an address with ``{frame}`` and, where it has one, ``{day}`` in it; ``landed`` the declaration of
    what lands, ``tokens`` the folder of the reverse table, ``master`` the settings of master customers. Without
    ``register`` nobody looks whether the register has caught up.
    """

    extracts: str | None = None
    landed: str | None = None
    tokens: str | None = None
    token_secret: str | None = None
    master: str | None = None
    register: bool = True


def left_out(told: Before, secret: str | None, *, publish: bool) -> dict[str, str]:
    """
    The steps that are none of a run, each with what it would need.

    >>> list(left_out(Before(landed="s3://b/landed/frames.toml"), None, publish=True))
    ['ingest', 'master', 'freeze']
    """
    needs = {
        "ingest": "--extracts and --landed" if not (told.extracts and told.landed) else "",
        "master": "" if told.master else "--master",
        "freeze": "" if secret else "--database-secret",
        "curate": "" if told.landed else "--landed",
        "guard": "" if publish else "--publish",
        "publish": "" if publish else "--publish",
        "register": "" if publish and told.register else "--publish" if told.register else "--check-register",
    }
    return {step: what for step, what in needs.items() if what}
