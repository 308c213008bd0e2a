"""The README's picture of a plan: ``python -m tests.plan_picture FILE`` draws what `rules plan --json` wrote after a demo."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rules_engine.review.effect import Cause, TypeEffect
from rules_engine.review.page import picture

ROOT = Path(__file__).resolve().parents[1]
DRAWN = ROOT / "docs" / "plan.svg"
FIGURES = ROOT / "tests" / "data" / "plan_of_readme.json"


def type_effect(said: dict[str, Any]) -> TypeEffect:
    """A type of a plan as it was told; who flips is left out."""
    causes = tuple(Cause(tuple(c["edits"]), c["gained"], c["lost"], (), ()) for c in said["causes"])
    counts = {name: said[name] for name in ("membership_type", "before", "gained", "lost", "after")}
    return TypeEffect(**counts, causes=causes, events={}, events_before={}, held=0, held_before=0, absent=0)


def main() -> None:
    """Keep the figures of the type that flips most, and draw them."""
    types = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["types"]
    most = max(types, key=lambda each: int(each["gained"] + each["lost"]))
    causes = [{name: cause[name] for name in ("edits", "gained", "lost")} for cause in most["causes"]]
    kept = {name: most[name] for name in ("membership_type", "before", "gained", "lost", "after")} | {"causes": causes}
    FIGURES.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    DRAWN.write_text(picture(type_effect(kept)), encoding="utf-8")


if __name__ == "__main__":
    main()
