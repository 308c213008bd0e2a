"""`rules runs release`: somebody asks that a held run counts; somebody else approves it."""

from __future__ import annotations

from console.desk import Desk
from jobs.guarding import release
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused


def release_of(desk: Desk, run: str | None, reason: str, history: str | None) -> None:
    """Draft the release of a held run; it is in force once somebody else approved it, and `rules run` publishes."""
    missing = [name for name, said in (("RUN", run), ("--reason", reason.strip())) if not said]
    if run is None or missing:
        what = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not said."
        raise RunRefused(Fault("rules runs release", what, "Write: rules runs release RUN --reason WHY."))
    with opened(desk.settings(history=history)) as installation:
        change, published = release(installation.store, installation.database_url, run, reason)
    steps = f"rules change check {change}, rules change approve {change} and rules change schedule {change}"
    told = f"Change {change} asks for the release of run {run}. Somebody else: {steps}. Then run the day again."
    done = f"Run {run} is released, as change {change}. Run the day again."
    desk.screen.answer({"change": change, "released": published}, done if published else told)
