"""
The process of which Spark forks its Python workers: what they need is loaded, and no archive is on its path.

Before each task Spark has Python forget what it knows of its path, and Python 3.11 then reads the index of every
archive on it again: of Spark's own two and its core jar, 80 ms of each task. The packages are installed beside us.
After each task the worker collects garbage, and what was loaded before it is none: looking at it took 30 ms.
"""

from __future__ import annotations

import gc
import os
import sys
import zipfile
from typing import Any


def main() -> None:
    """Go on as Spark's own daemon."""
    sys.path[:] = [place for place in sys.path if not zipfile.is_zipfile(place)]
    sys.path_importer_cache.clear()
    import pandas  # noqa: F401  Spark's own worker asks for it
    from pyspark import daemon

    import rules_engine.spark.hit_matrix  # noqa: F401

    work = daemon.worker

    def worker(*task: Any) -> Any:
        """As Spark's, and silent where Spark has stopped in the middle: nobody is there to read how it failed."""
        try:
            return work(*task)
        except BrokenPipeError:
            os._exit(1)

    daemon.worker = worker
    gc.freeze()
    daemon.manager()


if __name__ == "__main__":
    main()
