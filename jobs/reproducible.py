"""Zips whose bytes depend on nothing but what they hold."""

from __future__ import annotations

import struct
import zipfile

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold, so that equal content gives equal bytes."""

LOCAL_HEADER = struct.Struct("<26xHH")
"""What stands before a file in a zip: at its end the lengths of two texts, after which the file begins."""


def put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file under a name, readable by all, of no time."""
    archive.writestr(_entry(name, zipfile.ZIP_DEFLATED), content)


def copy(archive: zipfile.ZipFile, name: str, source: zipfile.ZipFile, inside: str) -> None:
    """
    Add a file of another zip as it is packed there: a compiled library is not packed anew, which takes seconds.

    Only below 4 GB: a wheel is far from that.
    """
    there, back = source.fp, archive.fp
    assert there is not None
    assert back is not None
    known = source.getinfo(inside)
    there.seek(known.header_offset)
    texts = LOCAL_HEADER.unpack(there.read(LOCAL_HEADER.size))
    there.seek(sum(texts), 1)
    entry = _entry(name, known.compress_type)
    entry.CRC, entry.compress_size, entry.file_size = known.CRC, known.compress_size, known.file_size
    entry.header_offset = archive.start_dir
    back.seek(archive.start_dir)
    back.write(entry.FileHeader(zip64=False) + there.read(known.compress_size))
    archive.start_dir = back.tell()
    archive.filelist.append(entry)
    archive.NameToInfo[name] = entry
    archive._didModify = True  # type: ignore[attr-defined]


def _entry(name: str, packed: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = packed
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    return entry
