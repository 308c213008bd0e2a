"""An archive of evidence whose files, names or bytes were tampered with proves nothing, and what is wrong is named (R-HIST)."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Callable

import pytest

from rules_engine.model.canonical import canonical_json
from rules_engine.review.evidence import Evidence, verify
from tests.spec.table import Row, cases
from tests.unit.test_evidence import evidence

__all__ = ["evidence"]

INDEX_FITS, AS_IT_WAS = True, False


def repacked(content: bytes, change: Callable[[dict[str, bytes]], None], *, fitting: bool = AS_IT_WAS) -> bytes:
    """The files of an archive changed and packed as they were; with an index that fits them, if asked."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    if fitting:
        index = json.loads(files.pop("index.json"))
        index["files"] = {name: hashlib.sha256(text).hexdigest() for name, text in sorted(files.items())}
        files["index.json"] = canonical_json(index).encode()
    return packed(sorted(files.items(), key=lambda file: (file[0] != "index.json", file[0])))


def packed(files: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED, mode: int = 0o644) -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w") as archive:
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, text in files:
            about = zipfile.ZipInfo(name)
            about.create_system, about.external_attr, about.compress_type = 3, mode << 16, compression
            archive.writestr(about, text)
    return made.getvalue()


def entries_of(content: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def without(name: str, **how: bool) -> Callable[[bytes], bytes]:
    return lambda content: repacked(content, lambda files: files.pop(name) and None, **how)  # type: ignore[func-returns-value]


def having(name: str, **how: bool) -> Callable[[bytes], bytes]:
    return lambda content: repacked(content, lambda files: files.update({name: b"[]"}), **how)


def twice(content: bytes) -> bytes:
    """A second records.json, which some readers take and others do not."""
    return packed([*entries_of(content), ("records.json", b"[\n\n]\n")])


def renamed(content: bytes) -> bytes:
    """A manifest under another run's name, with an index that fits."""

    def change(files: dict[str, bytes]) -> None:
        name = min(name for name in files if name.startswith("manifests/"))
        files["manifests/other.json"] = files.pop(name)

    return repacked(content, change, fitting=INDEX_FITS)


ARCHIVES: dict[str, Callable[[bytes], bytes]] = {
    "a file less": without("page.html"),
    "a file less, the index too": without("page.html", fitting=INDEX_FITS),
    "no index": without("index.json"),
    "a file more": having("more.json"),
    "a file more, the index too": having("more.json", fitting=INDEX_FITS),
    "a file outside": having("../../etc/cron.d/job", fitting=INDEX_FITS),
    "a file from the root": having("/etc/passwd", fitting=INDEX_FITS),
    "a folder that sounds alike": having("manifests2/run.json", fitting=INDEX_FITS),
    "a manifest renamed": renamed,
    "a name twice": twice,
    "another order": lambda content: packed(entries_of(content)[::-1]),
    "compressed": lambda content: packed(entries_of(content), zipfile.ZIP_DEFLATED),
    "made a link": lambda content: packed(entries_of(content), mode=0o120777),
    "cut in half": lambda content: content[: len(content) // 2],
    "something before it": lambda content: b"#!/bin/sh\n" + content,
    "a remark at its end": lambda content: content[:-2] + b"\x04\x00evil",
    "an index of nothing": lambda content: repacked(content, lambda files: files.update({"index.json": b"[]"})),
    "no JSON": lambda content: repacked(
        content, lambda files: files.update({"records.json": b"?"}), fitting=INDEX_FITS
    ),
    "no text": lambda content: repacked(
        content, lambda files: files.update({"audit.json": b"\xff"}), fitting=INDEX_FITS
    ),
}
TAMPERED = """
    archive                    | which           | says                                     | because
    ---------------------------+-----------------+------------------------------------------+---------------------------
    a file less                | page.html       | it is missing                            | the index names it
    a file less, the index too | page.html       | it is missing                            | there is always a page
    no index                   | The archive     | it has no index.json                     | nothing is said of its files
    a file more                | more.json       | no file of evidence                      | nothing proves it
    a file more, the index too | more.json       | no file of evidence                      | an index that fits does not make it one
    a file outside             | ../../etc/cron.d/job | no file of evidence                 | whoever unpacks it is not to be harmed
    a file from the root       | /etc/passwd     | no file of evidence                      | nor by this
    a folder that sounds alike | manifests2/run.json | no file of evidence                  | names are the very ones
    a manifest renamed         | manifests/other.json | it is the manifest of run           | a name says what is in it
    a name twice               | The archive     | not as it was written                    | readers would see different things
    another order              | The archive     | not as it was written                    | it is written in one way alone
    compressed                 | The archive     | not as it was written                    | also so
    made a link                | The archive     | not as it was written                    | and so
    cut in half                | The archive     | no whole archive any more                | its list of files is at its end
    something before it        | The archive     | not as it was written                    | archives allow it
    a remark at its end        | The archive     | not as it was written                    | and this
    an index of nothing        | The archive     | does not read as what it should be       | a list names no files
    no JSON                    | The archive     | does not read as what it should be       | although the index fits
    no text                    | audit.json      | its bytes were changed                   | no letters at all
"""


@pytest.mark.parametrize("case", cases(TAMPERED))
def test_an_archive_that_was_tampered_with_is_no_evidence(evidence: Evidence, case: Row) -> None:
    proved, faults = verify(ARCHIVES[case["archive"]](evidence.packed()))
    assert proved is None
    assert faults[0].which == case["which"], faults
    assert case["says"] in faults[0].what, faults
    assert faults[0].remedy


def test_the_archives_are_packed_as_evidence_is(evidence: Evidence) -> None:
    """Packed again without a change it is the same but for the day of its files, so that each change is what is found."""
    again = repacked(evidence.packed(), lambda _: None)
    assert verify(again)[0]
