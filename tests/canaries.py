"""Canaries: values of one person that nothing after the landed data may hold, and the look for them in every byte."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.parquet as pq

BORN = date(1931, 7, 13)
CANARIES = {
    "e-mail": "canary.mail@example.org",
    "name": "Canaria Fitzwilliam",
    "account": "GB33BUKB20201555555555",
    "birth date": BORN.isoformat(),
}


def people(count: int = 40) -> pa.Table:
    """People whose third is the canary."""
    ids = [*range(1, count + 1)]
    canary = [n == 3 for n in ids]
    return pa.table(
        {
            "customer_id": pa.array([900_000 + n for n in ids], pa.int64()),
            "name": [CANARIES["name"] if c else f"Person {n}" for n, c in zip(ids, canary, strict=True)],
            "email": [CANARIES["e-mail"] if c else f"p{n}@example.com" for n, c in zip(ids, canary, strict=True)],
            "account": [CANARIES["account"] if c else f"DE{n:020}" for n, c in zip(ids, canary, strict=True)],
            "birth_date": pa.array([BORN if c else date(1950 + n, 3, 4) for n, c in zip(ids, canary, strict=True)]),
            "country": ["GB" if n % 3 == 0 else "FR" for n in ids],
        }
    )


def found(*folders: Path, canaries: Mapping[str, str] = MappingProxyType(CANARIES)) -> dict[str, list[str]]:
    """Canary to the files that hold it, as they lie there or once unpacked."""
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    assert files
    at: dict[str, list[str]] = {}
    for file in files:
        whole = b"\n".join(_contents(file))
        for which, value in canaries.items():
            if value.encode() in whole:
                at.setdefault(which, []).append(file.name)
    return at


def _contents(file: Path) -> Iterator[bytes]:
    raw = file.read_bytes()
    yield raw
    if raw[:4] == b"PAR1":
        for column in pq.read_table(pa.BufferReader(raw)).columns:
            yield "\n".join(map(str, column.to_pylist())).encode()
    elif raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    elif zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield from (archive.read(name) for name in archive.namelist())
