"""A step that ran out of memory, in words: whose memory it was, and what to give more of (R-OPS-6)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules_engine.errors import Fault, OutOfMemory

SAID = {
    r"exceeding (physical |virtual )?memory limits|[Ee]xit (code|status):? ?137|OOMKilled": (
        "an executor needed more than its container has, outside its heap as well: Python workers are there",
        "spark.executor.memoryOverhead",
    ),
    r"Total size of serialized results": ("the driver was handed more than it takes", "spark.driver.memory"),
    r"OutOfMemoryError|Java heap space|GC overhead limit|UNABLE_TO_ACQUIRE_MEMORY": (
        "the heap of the driver or an executor was full",
        "spark.executor.memory, spark.driver.memory",
    ),
    r"\bMemoryError\b|realloc of size|malloc of size": ("Python was given no more", "spark.executor.memoryOverhead"),
}
"""What Spark, YARN, EMR Serverless and Python say when memory ran out, the most telling first."""


def ran_out(problem: BaseException) -> OutOfMemory | None:
    """The same problem as one of memory, where it or what caused it says so."""
    told = "\n".join(f"{type(each).__name__}: {each}" for each in _chain(problem))
    for pattern, (what, setting) in SAID.items():
        if re.search(pattern, told):
            more = f"--instance-type, --core-nodes, --rows and --rules, or more of {setting}"
            remedy = f"Run the same again with more memory: {more}. What was done is not done twice."
            return OutOfMemory(Fault("Memory", f"{what}.", remedy))
    return None


def _chain(problem: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = problem
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__
