"""``python -m bench.command``: `rules run` from the shell to its staged decisions, in a process that was just started."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from bench import mixed_data
from bench.rule_sets import rule_set
from rules_engine.lake.arrow_types import type_name
from rules_repo.exchange import RuleFile, write

RULES = [sys.executable, "-c", "from console.main import main; main()"]
LONGEST = 600.0
"""Seconds after which it has failed."""


def main() -> None:
    """Import rules of another hand into a database of their own, run them, and print when the manifest was staged."""
    reads = argparse.ArgumentParser(description=__doc__)
    reads.add_argument("--customers", type=int, default=1_000_000)
    reads.add_argument("--rules", default="mixed-100")
    reads.add_argument("--work", type=Path, default=Path("build") / "bench")
    told = reads.parse_args()
    made = mixed_data.made(told.customers, 1, told.work / "data").resolve()
    rules, load = rule_set(told.rules), os.getloadavg()[0]
    with TemporaryDirectory() as place:
        home, declared, file = (Path(place) / name for name in ("home", "frames.toml", "rules.yaml"))
        declared.write_text("\n".join(_declared(made)), encoding="utf-8")
        write(RuleFile(rules.membership_types, rules.versions), file)
        known = os.environ | {"RULES_HOME": str(home), "RULES_LAKE": str(declared)}
        for words in (
            ["db", "upgrade"], ["db", "govern", "--approvals", "0", "--reason", "a bench"],
            ["import", str(file), "--reason", "a bench"],
        ):  # fmt: skip
            subprocess.run([*RULES, *words], env=known, check=True, capture_output=True)
        try:
            took = _until_staged(known, home, rules.as_of.isoformat())
        finally:
            subprocess.run([*RULES, "down"], env=known, check=False, capture_output=True)
    print(f"{told.rules}, {told.customers:,} customers: {took:.1f} s to the staged manifest (load {load:.1f})")


def _declared(made: Path) -> Iterator[str]:
    """The declaration with the types of all columns, which the command wants, and the folders where they are."""
    yield (made / "frames.toml").read_text(encoding="utf-8").replace('path = "', f'path = "{made}/')
    for frame in ("customers", "holdings", "products"):
        yield f"[frames.{frame}.columns]"
        for field in pq.read_schema(min((made / frame).glob("*.parquet"))):
            yield f'{field.name} = "{type_name(field.type, nanoseconds=True)}"'


def _until_staged(known: dict[str, str], home: Path, day: str) -> float:
    """Seconds from the start of the command; what it would publish then is not waited for."""
    began = time.perf_counter()
    run = subprocess.Popen(
        [*RULES, "run", "--as-of", day], env=known, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not any(home.rglob("runs/*/*/manifest.json")):
            if run.poll() or time.perf_counter() - began > LONGEST:
                raise SystemExit("The run staged nothing: try `rules run` by hand.")
            time.sleep(0.1)
        return time.perf_counter() - began
    finally:
        run.terminate()
        run.wait()


if __name__ == "__main__":
    main()
