"""
What tests need of the network, fetched before they ask for it, and Spark's archive of classes: ``python -m tests.downloads``.

A test that comes first fetches what it needs itself, or waits for this; without the archive its JVM starts slowly.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rules_engine.java import find_java
from rules_engine.publication import dynamodb_local
from tests import class_archive
from tests.functional.packaged import wheels

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """DynamoDB Local, PostgreSQL's driver for Java, and the wheels of a cluster's nodes; all at once. Then the archive."""
    java = find_java(ROOT / "build")
    with ThreadPoolExecutor() as several:
        fetched = [
            several.submit(dynamodb_local.fetch, ROOT / "build" / "dynamodb-local", java),
            several.submit(
                dynamodb_local.fetch, ROOT / "build" / "jdbc", java, ROOT / "tests" / "data" / "jdbc.ivy.xml"
            ),
            several.submit(wheels),
        ]
    for each in fetched:
        each.result()
    class_archive.made(java)


if __name__ == "__main__":
    main()
