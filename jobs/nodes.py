"""The nodes that a step runs on: their Python and processor, and how much of them Spark is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rules_engine.errors import Fault, RunRefused

PYTHONS = ("3.11", "3.12", "3.13")
"""The versions of Python that a node may have: those that this project runs on."""

OLDEST_GLIBC, NEWEST_GLIBC = 17, 34
"""Second numbers of the C libraries that a wheel may be built for: up to that of Amazon Linux 2023."""

INSTANCE = re.compile(r"(?P<family>[a-z]+)\d+(?P<kind>[a-z-]*)\.(?P<size>\d*)xlarge")
GIGABYTES = {"c": 2, "m": 4, "r": 8}
"""Memory of an instance for each of its processors, by the first letter of its family."""

CORES, DRIVER = 4, 4
"""Cores of an executor, and gigabytes of the driver's heap."""


FEW_RULES, RULES_OF_A_GIGABYTE = 2_000, 1_000
"""Rules whose plan the driver's usual heap holds, and how many more take a gigabyte."""

FEWEST_ROWS, MOST_ROWS = 5_000, 250_000
"""Rows of a part: with fewer its file and task cost more than its rows, with more a worker's batch is too large."""


class Architecture(StrEnum):
    """The processor of a cluster's nodes, as AWS names it."""

    X86_64 = "x86_64"
    ARM64 = "arm64"

    @property
    def machine(self) -> str:
        """What Linux calls it."""
        return "aarch64" if self is Architecture.ARM64 else "x86_64"


@dataclass(frozen=True, slots=True)
class Nodes:
    """What a step's libraries are for."""

    architecture: Architecture = Architecture.X86_64
    python: str = "3.11"

    def __str__(self) -> str:
        return f"Python {self.python} on Linux {self.architecture}"

    def archive(self, step: str) -> str:
        """The name of the archive of a step's libraries."""
        return f"{step}-{self.architecture}.zip"

    @property
    def platforms(self) -> tuple[str, ...]:
        """The tags of wheels that their Linux takes, the newest first."""
        machine = self.architecture.machine
        numbered = (f"manylinux_2_{n}_{machine}" for n in range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1))
        return (*numbered, f"manylinux2014_{machine}")

    @property
    def markers(self) -> dict[str, str]:
        """Their answers to the conditions of a requirement."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.architecture.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
            "extra": "",
        }


@dataclass(frozen=True, slots=True)
class Sizes:
    """
    What a step asks Spark for; memory in gigabytes. ``beside`` is an executor's memory outside its heap.

    There the Python workers are, one for each core, each with a batch of rows at a time. ``partitions`` is how many
    parts rows are dealt into, and with it the number of files that a run stages.
    """

    driver: int = DRIVER
    executor: int = 5
    beside: int = 4
    cores: int = CORES
    partitions: int = 32


def architecture_of(instance_type: str) -> Architecture:
    """
    The processor of an instance type: a g after the number is AWS's own, which is ARM.

    >>> architecture_of("m7i.2xlarge"), architecture_of("c7gn.4xlarge")
    (<Architecture.X86_64: 'x86_64'>, <Architecture.ARM64: 'arm64'>)
    """
    return Architecture.ARM64 if re.match(r"[a-z]+\d+g", instance_type) else Architecture.X86_64


def python_faults(python: str) -> Iterator[Fault]:
    """Whether the steps run on a version of Python."""
    if python not in PYTHONS:
        remedy = f"Take one that the release has: --python {PYTHONS[0]}."
        yield Fault(f"Python {python}", f"the steps run on {', '.join(PYTHONS)}.", remedy)


def sizes_on(instance_type: str, core_nodes: int, rows: int | None = None, rules: int | None = None) -> Sizes:
    """
    Sizes that fill a cluster: executors of four cores beside the driver, in the three quarters that YARN has of it.

    Of the subject's ``rows`` no part holds more than its worker can, and few rows are dealt into few parts, each of
    which is a file of the run; of many ``rules`` the driver keeps the plan.

    Raises:
        RunRefused: If the type is not known by its name, or too small for the driver and one executor.

    >>> sizes_on("m7i.2xlarge", 2)
    Sizes(driver=4, executor=5, beside=4, cores=4, partitions=32)
    """
    known = INSTANCE.fullmatch(instance_type)
    per_core = GIGABYTES.get(known["family"][0]) if known else None
    cores = 4 * int((known and known["size"]) or 1)
    driver = DRIVER + max(0, -(-((rules or 0) - FEW_RULES) // RULES_OF_A_GIGABYTE))
    # The driver has a gigabyte outside its heap.
    each = (cores * (per_core or 0) * 3 // 4 - driver - 1) // (cores // CORES)
    if per_core is None or each < 4:
        what = "it is too small for the driver and an executor of four cores." if per_core else "its size is not known."
        remedy = "Take one of the families m or r from xlarge up, such as m7i.2xlarge."
        raise RunRefused(Fault(f"Instance type {instance_type}", what, remedy))
    beside = each * 4 // 9
    return Sizes(driver, each - beside, beside, partitions=_partitions(2 * cores * core_nodes, rows))


def _partitions(for_cores: int, rows: int | None) -> int:
    return for_cores if rows is None else min(max(for_cores, -(-rows // MOST_ROWS)), max(1, -(-rows // FEWEST_ROWS)))
