"""What a file is by its first bytes, whatever it is called or declared as."""

from __future__ import annotations

SIGNS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ\0": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x1f\x9d": "compress",
    b"7z\xbc\xaf": "7-Zip",
    b"\xd0\xcf\x11\xe0": "an old workbook of Excel",
    b"PAR1": "parquet",
    b"ORC": "orc",
    b"\xff\xfe\0\0": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
ARCHIVES = ("zip", "xz", "lz4", "compress", "7-Zip", "an old workbook of Excel")
"""What holds a text, or a table, that is read by nothing here."""
LONGEST = max(map(len, SIGNS))
PACKED = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd"}
"""Ends of names by which Spark unpacks a file."""
UNREAD = (".lz4", ".snappy", ".deflate", ".lzo", ".lzo_deflate")
"""Ends of names by which Hadoop unpacks a file as nothing else does: of one that is not packed so it finds no row."""


def kind(first: bytes) -> str:
    """A way of packing, a format of files, or an encoding; empty where nothing is told."""
    if sign := next((name for sign, name in SIGNS.items() if first.startswith(sign)), ""):
        return sign
    if len(first) > 1 and 0 in first[:2]:
        return "UTF-16BE" if first[1] else "UTF-16LE"
    return ""


def packed_as(name: str) -> str:
    """How a file is packed by its name; empty where it is not."""
    return next((how for end, how in PACKED.items() if name.lower().endswith(end)), "")
