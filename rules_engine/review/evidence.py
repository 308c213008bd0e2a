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
from rules_engine.model.history import HistoryRecord, Unreadable, read
from rules_engine.model.ledger import decision_faults, ledger_faults, wording_faults
from rules_engine.model.manifest import Manifest, manifest_from
from rules_engine.model.publications import Publication, publication_from
from rules_engine.model.rule_sets import RuleSet, thaw
from rules_engine.review.evidence_page import page

FORMAT = 1
INDEX, RECORDS, RULES, CHAIN, AUDIT, PAGE = (
    "index.json", "records.json", "rules.json", "chain.json", "audit.json", "page.html",
)  # fmt: skip
MANIFESTS, RULE_SETS = "manifests", "rule_sets"
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


REMEDY = "Ask whoever made the archive for it again, and compare its digest."


def _lines(rows: Iterable[Any]) -> str:
    """A list of JSON, a line each, so that it can be read and a difference be found."""
    return "[\n" + ",\n".join(canonical_json(row) for row in rows) + "\n]\n"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _archive(files: Files) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
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
    for name in sorted({*named, *files} - {INDEX}):
        if name not in files or name not in named:
            yield Fault(name, "it is missing." if name in named else "the index does not name it.", REMEDY)
        elif _sha256(files[name].encode()) != named[name]:
            yield Fault(name, "it was changed: it does not give the digest that the index names.", REMEDY)


def _proved(index: Mapping[str, Any], files: Files, faults: list[Fault]) -> tuple[Proved | None, tuple[Fault, ...]]:
    rule_sets = dict(_rule_sets(files, faults))
    manifests = {m.run_id: m for name, text in files.items() if name.startswith(MANIFESTS) for m in [_manifest(text)]}
    chain = [publication_from(entry, closed=entry["closed"]) for entry in json.loads(files[CHAIN])]
    said = json.loads(files[RECORDS])
    for number, content in enumerate(said, 1):
        faults += _record_faults(f"{RECORDS}, record {number}", content, rule_sets, manifests, chain)
    rules, audit = json.loads(files[RULES]), json.loads(files[AUDIT])
    faults += _rule_faults(rules, rule_sets)
    faults += _audit_faults(audit, index["audit_head"])
    faults += _approval_faults(rules, audit)
    faults += [
        Fault(CHAIN, f"entry {n} is numbered {e.number}.", REMEDY) for n, e in enumerate(chain, 1) if e.number != n
    ]
    if index["engine"] == __version__ and page(index["about"], said, rules) != files[PAGE]:
        faults.append(Fault(PAGE, "it does not say what the records and rules say.", REMEDY))
    proved = Proved(index["about"], len(said), len(rules), len(manifests), len(audit), index["audit_head"])
    return (None if faults else proved), tuple(faults)


def _manifest(text: str) -> Manifest:
    return manifest_from(json.loads(text))


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


def _record_faults(
    which: str,
    content: Mapping[str, Any],
    rule_sets: Mapping[str, RuleSet],
    manifests: Mapping[str, Manifest],
    chain: Sequence[Publication],
) -> Iterator[Fault]:
    """Whether a record is what it says, follows from its rules, and is of a run published with its manifest."""
    record = read(which, content, content["content_hash"])
    if isinstance(record, Unreadable):
        yield Fault(which, f"{record.why}.", REMEDY)
        return
    for why in (*ledger_faults(record), *decision_faults(record), *_wording_faults(record, rule_sets)):
        yield Fault(which, f"{why}.", REMEDY)
    manifest = manifests.get(record.run_id)
    entry = next((each for each in chain if each.run_id == record.run_id), None)
    if manifest is None or entry is None:
        yield Fault(which, f"there is no {'manifest' if entry else 'publication'} of its run {record.run_id}.", REMEDY)
    elif manifest.digest != entry.manifest_digest:
        yield Fault(f"{MANIFESTS}/{record.run_id}.json", "it is not the one that was published.", REMEDY)
    elif (manifest.rule_set_digest, dict(manifest.snapshots)) != (record.rule_set_digest, dict(record.snapshots)):
        yield Fault(which, "its run was of other rules or other data.", REMEDY)


def _wording_faults(record: HistoryRecord, rule_sets: Mapping[str, RuleSet]) -> Iterator[str]:
    rule_set = rule_sets.get(record.rule_set_digest)
    if rule_set is None:
        yield f"its rule set {record.rule_set_digest[:12]}… is not here"
        return
    yield from wording_faults(record, rule_set)


def _rule_faults(rules: Sequence[Mapping[str, Any]], rule_sets: Mapping[str, RuleSet]) -> Iterator[Fault]:
    """Whether the wordings told are those of the rule sets."""
    known = [version.content() for found in rule_sets.values() for version in found.versions]
    for rule in rules:
        wording = json.loads(canonical_json(rule["wording"]))
        if not any(json.loads(canonical_json(content)) == wording for content in known):
            which = f"{RULES}, {wording.get('key')}/{wording.get('version')}"
            yield Fault(which, "no rule set has this wording.", REMEDY)


def _audit_faults(audit: Sequence[Sequence[Any]], head: Sequence[Any]) -> Iterator[Fault]:
    """Whether each entry hangs on the one before it, and gives its hash where its content is told."""
    before = ""
    for number, (*said, stored, withheld) in enumerate(audit, 1):
        which = f"{AUDIT}, entry {said[0]}"
        if int(said[0] or 0) != number:
            yield Fault(which, f"it stands in the place of entry {number}.", REMEDY)
        if said[-1] != before:
            yield Fault(which, "it does not follow the entry before it.", REMEDY)
        text = json.JSONEncoder(ensure_ascii=False).encode(said)
        if not withheld and _sha256(text.encode()) != stored:
            yield Fault(which, "it was altered: its content does not give its hash.", REMEDY)
        before = stored
    if audit and list(head) != [audit[-1][0], audit[-1][-2]]:
        yield Fault(AUDIT, "its newest entry is not the one that the index names.", REMEDY)


def _approval_faults(rules: Sequence[Mapping[str, Any]], audit: Sequence[Sequence[Any]]) -> Iterator[Fault]:
    """Whether whoever is said to have approved a rule is said so by the audit, where this is not withheld."""
    if any(entry[-1] for entry in audit):
        return
    released: dict[str, str] = {}
    for entry in audit:
        if entry[5] == "release" and entry[9]:
            row = json.loads(entry[9])
            released[str(row.get("change_id"))] = ", ".join(row.get("approvers") or ())
    for rule in rules:
        for known in rule["published"]:
            if known.get("approvers") and released.get(str(known["change_id"])) != known["approvers"]:
                which = f"{RULES}, {rule['wording']['key']}/{rule['wording']['version']}"
                yield Fault(which, f"the audit does not say that {known['approvers']} approved it.", REMEDY)
