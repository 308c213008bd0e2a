"""
Evidence of what was decided of one subject: an archive that proves itself without database, history or lake.

Its texts name each other by digests: records the rule sets and runs, the chain the manifests, audit entries the ones
before them, an index every file. It is written in one way alone, so that the archive's own bytes are proved, too. Who
could rewrite all of it is found by the digest of the archive or the head of the audit, noted elsewhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rules_engine import __version__
from rules_engine.errors import Fault, InvalidRule
from rules_engine.model.canonical import canonical_json
from rules_engine.model.history import HistoryRecord
from rules_engine.model.manifest import Manifest, manifest_from
from rules_engine.model.publications import Publication, publication_from
from rules_engine.model.rule_sets import RuleSet, thaw
from rules_engine.review.evidence_page import page
from rules_engine.review.proved import (
    AUDIT,
    CHAIN,
    MANIFESTS,
    RECORDS,
    REMEDY,
    RULES,
    approval_faults,
    audit_faults,
    chain_faults,
    record_faults,
    rule_faults,
    subject_faults,
)

FORMAT = 1
INDEX, PAGE, RULE_SETS = "index.json", "page.html", "rule_sets"
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, ArithmeticError, EOFError, LookupError, OSError, RuntimeError,
           ValueError)  # fmt: skip
"""What a reader of archives raises of one that was changed."""
_ALWAYS = (1980, 1, 1, 0, 0, 0)
"""The day of every file of an archive: the same content gives the same bytes."""

Files = Mapping[str, str]


@dataclass(frozen=True)
class Evidence:
    """
    What is put together: ``about`` says of whom, of which days and when it was made.

    ``rules`` are the wordings of the versions that hit, each with what is known of its publication; ``audit`` are the
    entries as texts in order, each with its hash and whether its content is withheld.
    """

    about: Mapping[str, Any]
    records: Sequence[HistoryRecord]
    rules: Sequence[Mapping[str, Any]]
    rule_sets: Mapping[str, str]
    manifests: Sequence[Manifest]
    chain: Sequence[Publication]
    audit: Sequence[Sequence[Any]]

    def files(self) -> dict[str, str]:
        """Every file but the index, by its name."""
        records = [record.content() | {"content_hash": record.content_hash} for record in self.records]
        chain = [entry.content() | {"closed": entry.closed} for entry in self.chain]
        found = {
            RECORDS: _lines(records),
            RULES: _lines(self.rules),
            CHAIN: _lines(chain),
            AUDIT: _lines(self.audit),
            PAGE: page(self.about, records, self.rules),
        }
        found |= {f"{RULE_SETS}/{digest}.json": text for digest, text in self.rule_sets.items()}
        found |= {f"{MANIFESTS}/{each.run_id}.json": canonical_json(each.content()) for each in self.manifests}
        return dict(sorted(found.items()))

    def packed(self) -> bytes:
        """The archive."""
        files = self.files()
        head = [self.audit[-1][0], self.audit[-1][-2]] if self.audit else []
        digests = {name: _sha256(text.encode()) for name, text in files.items()}
        index = {"format": FORMAT, "engine": __version__, "about": self.about, "audit_head": head, "files": digests}
        return _archive({INDEX: canonical_json(index), **files})


@dataclass(frozen=True, slots=True)
class Proved:
    """What was proved: how many of each, and the audit's newest entry with its hash, to be compared with an anchor."""

    about: Mapping[str, Any]
    records: int
    rules: int
    runs: int
    entries: int
    head: Sequence[Any]


def verify(content: bytes) -> tuple[Proved | None, tuple[Fault, ...]]:
    """What an archive proves, and every fault of it; each names the file, and in it the record, rule, run or entry."""
    files, faults = _opened(content)
    if faults or files is None:
        return None, tuple(faults)
    try:
        index = json.loads(files[INDEX])
        faults = [*_index_faults(index, files)]
        return _proved(index, files, faults) if not faults else (None, tuple(faults))
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
        what = f"it does not read as what it should be: {type(problem).__name__}, {problem}."
        return None, (Fault("The archive", what, REMEDY),)


def _lines(rows: Iterable[Any]) -> str:
    """A list of JSON, a line each, so that it can be read and a difference be found."""
    return "[\n" + ",\n".join(canonical_json(row) for row in rows) + "\n]\n"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _archive(files: Files) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(files.items(), key=lambda file: (file[0] != INDEX, file[0])):
            about = zipfile.ZipInfo(name, _ALWAYS)
            about.create_system, about.external_attr = 3, 0o644 << 16
            archive.writestr(about, text.encode())
    return made.getvalue()


def _opened(content: bytes) -> tuple[dict[str, str] | None, list[Fault]]:
    """The texts of an archive; and where its bytes are not those that these texts give."""
    files: dict[str, str] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                try:
                    files[name] = archive.read(name).decode()
                except _BROKEN as problem:
                    return None, [Fault(name, f"its bytes were changed: {problem}.", REMEDY)]
    except _BROKEN as problem:
        return None, [Fault("The archive", f"it is no whole archive any more: {problem}.", REMEDY)]
    if INDEX not in files:
        return None, [Fault("The archive", f"it has no {INDEX}.", REMEDY)]
    again = _archive(files)
    if again != content:
        at = next(
            (n for n, (a, b) in enumerate(zip(again, content, strict=False)) if a != b), min(map(len, (again, content)))
        )
        return None, [Fault("The archive", f"byte {at} is not as it was written, between or about its files.", REMEDY)]
    return files, []


def _index_faults(index: Mapping[str, Any], files: Files) -> Iterator[Fault]:
    if index.get("format") != FORMAT:
        yield Fault(
            INDEX, f"it is of form {index.get('format')}; this version reads form {FORMAT}.", "Use a newer one."
        )
        return
    if canonical_json(index) != files[INDEX]:
        yield Fault(INDEX, "it is not as it was written.", REMEDY)
    named = index["files"]
    always = {RECORDS, RULES, CHAIN, AUDIT, PAGE}
    less = sorted(always - {*files})
    yield from (Fault(name, "it is missing, and is part of all evidence.", REMEDY) for name in less)
    for name in sorted({*files} - {INDEX, *always}):
        if not name.startswith((f"{MANIFESTS}/", f"{RULE_SETS}/")):
            yield Fault(name, "it is no file of evidence.", REMEDY)
    for name in sorted({*named, *files} - {INDEX, *less}):
        if name not in files or name not in named:
            yield Fault(name, "it is missing." if name in named else "the index does not name it.", REMEDY)
        elif _sha256(files[name].encode()) != named[name]:
            yield Fault(name, "it was changed: it does not give the digest that the index names.", REMEDY)


def _proved(index: Mapping[str, Any], files: Files, faults: list[Fault]) -> tuple[Proved | None, tuple[Fault, ...]]:
    rule_sets = dict(_rule_sets(files, faults))
    manifests = dict(_manifests(files, faults))
    chain = [publication_from(entry, closed=entry["closed"]) for entry in json.loads(files[CHAIN])]
    said = json.loads(files[RECORDS])
    for number, content in enumerate(said, 1):
        faults += record_faults(f"{RECORDS}, record {number}", content, rule_sets, manifests, chain)
    rules, audit = json.loads(files[RULES]), json.loads(files[AUDIT])
    faults += [*subject_faults(index["about"], said), *rule_faults(rules, rule_sets)]
    faults += [*audit_faults(audit, index["audit_head"]), *approval_faults(rules, audit), *chain_faults(chain)]
    if index["engine"] == __version__ and page(index["about"], said, rules) != files[PAGE]:
        faults.append(Fault(PAGE, "it does not say what the records and rules say.", REMEDY))
    proved = Proved(index["about"], len(said), len(rules), len(manifests), len(audit), index["audit_head"])
    return (None if faults else proved), tuple(faults)


def _manifests(files: Files, faults: list[Fault]) -> Iterator[tuple[str, Manifest]]:
    for name, text in files.items():
        if name.startswith(f"{MANIFESTS}/"):
            found = manifest_from(json.loads(text))
            if name != f"{MANIFESTS}/{found.run_id}.json":
                faults.append(Fault(name, f"it is the manifest of run {found.run_id}.", REMEDY))
            yield found.run_id, found


def _rule_sets(files: Files, faults: list[Fault]) -> Iterator[tuple[str, RuleSet]]:
    for name, text in files.items():
        if not name.startswith(f"{RULE_SETS}/"):
            continue
        try:
            found = thaw(text)
        except InvalidRule as invalid:
            faults += [Fault(name, fault.what, REMEDY) for fault in invalid.faults]
            continue
        if name != f"{RULE_SETS}/{found.digest}.json":
            faults.append(Fault(name, f"it is the rule set {found.digest[:12]}….", REMEDY))
        yield found.digest, found
