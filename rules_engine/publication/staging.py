"""
The RunStore port on a folder: what a run staged, and what became of it.

    <root>/chain.json                the chain of publications, as copied from the history last
    <root>/<run id>/opened.json      its logical time, fixed when first opened
                    rule_set.json    the frozen rule set it evaluated
                    hits/            the hit matrix, Parquet: subject, packed words
                    decisions/       every decided pair, Parquet
                    standing/        what stands of pairs that were not decided, where there are any
                    manifest.json    once evaluated and balanced
                    reckoned.json    what its new rules did to everybody, where they are others than the run's before it
                    held.json        why it waits for its release, if it does
                    published.json   once the history holds it all
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import get_ident
from typing import Any, Protocol

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.canonical import canonical_json
from rules_engine.model.history import HistoryRecord, created_from, created_text
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Manifest, manifest_from
from rules_engine.model.publications import Chain, Publication, found, needed, newest, publication_from
from rules_engine.model.rule_sets import RuleSet, freeze, thaw
from rules_engine.ports import OpenRun, RunStatus
from rules_engine.publication.staged_records import Records, Rows, StagedDecisions, local_rows


class Files(Protocol):
    """Small text files under full paths; a write replaces the whole file or nothing."""

    def read(self, path: str) -> str:
        """Raise FileNotFoundError if there is none."""
        ...

    def write(self, path: str, text: str) -> None: ...

    def create(self, path: str, text: str) -> bool:
        """Write a file that is not there yet, whole; False, and nothing written, if it is there."""
        ...

    def names(self, path: str) -> list[str]:
        """The children's names; none for a folder that is not there."""
        ...

    def remove(self, path: str) -> None:
        """Remove a folder and all in it; one that is not there stays away."""
        ...


class LocalFiles:
    """Files of this machine."""

    def read(self, path: str) -> str:
        return Path(path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        self._beside(path, text).replace(path)

    def create(self, path: str, text: str) -> bool:
        fresh = self._beside(path, text)
        try:
            os.link(fresh, path)
        except FileExistsError:
            return False
        finally:
            fresh.unlink()
        return True

    def _beside(self, path: str, text: str) -> Path:
        """The text in a file of its own in the same folder, safe on disk."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{os.getpid()}.{get_ident()}")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return fresh

    def names(self, path: str) -> list[str]:
        return sorted(p.name for p in Path(path).iterdir()) if Path(path).is_dir() else []

    def remove(self, path: str) -> None:
        if Path(path).is_dir():
            shutil.rmtree(path)


def local_digests(path: str) -> Mapping[str, str]:
    """The names of the data files of a local folder, and their SHA-256; none for a folder that is not there."""
    found = {}
    for file in sorted(Path(path).iterdir()) if Path(path).is_dir() else ():
        if not file.name.startswith(("_", ".")):
            with file.open("rb") as opened:
                found[file.name] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found


DECISIONS = "decisions"
STAGED = (DECISIONS, "standing")
"""The folders of a run that are published, and that the next run is decided against."""

PARTS = (*STAGED, "hits", "work")
"""All folders of a run."""


class FolderRunStore:
    """
    Runs under one root; ``files``, ``rows`` and ``digests`` say how it is reached, this machine's folders by default.

    ``rows`` reads the rows of a Parquet folder, ``digests`` the names and SHA-256 of its files.
    """

    def __init__(
        self,
        root: str,
        files: Files | None = None,
        rows: Callable[[str], Rows] = local_rows,
        digests: Callable[[str], Mapping[str, str]] = local_digests,
    ) -> None:
        self.root = root.rstrip("/")
        self.files = files or LocalFiles()
        self.rows = rows
        self.digests = digests

    def open(self, run_id: str, created_at: datetime) -> OpenRun:
        fresh = {"created_at": created_text(created_at)}
        if self.files.create(f"{self.folder(run_id)}/opened.json", canonical_json(fresh)):
            known = fresh
        else:
            known = self._known(run_id, "opened.json")
        if self._known(run_id, "manifest.json") and not self._known(run_id, "published.json"):
            self._keep(run_id, "manifest.json", None)
        return OpenRun(run_id, created_from(known["created_at"]), self.folder(run_id))

    def folder(self, run_id: str) -> str:
        return f"{self.root}/{run_id}"

    def keep_rule_set(self, run_id: str, rule_set: RuleSet) -> None:
        self.files.write(f"{self.folder(run_id)}/rule_set.json", freeze(rule_set))

    def rule_set(self, run_id: str) -> RuleSet:
        return thaw(self._text(run_id, "rule_set.json"))

    def keep_manifest(self, run_id: str, manifest: Manifest) -> None:
        self._keep(run_id, "manifest.json", manifest.content())

    def manifest(self, run_id: str) -> Manifest | None:
        try:
            known = self._known(run_id, "manifest.json")
            return None if known is None else manifest_from(known)
        except ValueError as problem:
            where = f"{self.folder(run_id)}/manifest.json"
            remedy = "Bring it back from a backup, or remove the run's folder if it was never published."
            raise RunRefused(Fault(f"Run {run_id}", f"{where} cannot be read: {problem}.", remedy)) from problem

    def keep_chain(self, chain: Chain) -> None:
        self.files.write(f"{self.root}/chain.json", canonical_json([_entry_content(entry) for entry in chain]))

    def chain(self) -> Chain:
        try:
            said = json.loads(self.files.read(f"{self.root}/chain.json"))
            return tuple(publication_from(entry, closed=entry["closed"]) for entry in said)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except (ValueError, KeyError, TypeError) as problem:
            which, remedy = (
                f"File {self.root}/chain.json",
                "Remove it: the next publication copies it from the history.",
            )
            raise RunRefused(Fault(which, f"it is no copy of a chain: {problem}.", remedy)) from problem

    def staged_files(self, run_id: str) -> Mapping[str, str]:
        return {
            f"{part}/{name}": digest
            for part in STAGED
            for name, digest in self.digests(f"{self.folder(run_id)}/{part}").items()
        }

    def keep_held(self, run_id: str, why: Sequence[str]) -> None:
        if why or self._known(run_id, "held.json"):
            self._keep(run_id, "held.json", list(why))

    def mark_published(self, run_id: str, at: datetime) -> None:
        if self._known(run_id, "published.json") is None:
            self._keep(run_id, "published.json", {"published": created_text(at)})

    def runs(self) -> tuple[RunStatus, ...]:
        statuses = [s for name in self.files.names(self.root) if (s := self._status(name))]
        return tuple(sorted(statuses, key=lambda s: (s.created_at, s.run_id)))

    def prune(self, keep: int) -> tuple[str, ...]:
        """
        Remove what old runs staged, and say of which: their hits and decisions, never what says what they were.

        Kept are the last ``keep`` publications, whatever the chain needs, and runs opened after the newest one.
        """
        chain = self.chain()
        last, kept, pruned = newest(chain), needed(chain, keep), list[str]()
        for run in self.runs() if last else ():
            published = found(chain, run.run_id) is not None
            if run.run_id in kept or not (published or (last and run.created_at < last.created_at)):
                continue
            parts = [part for part in PARTS if self.files.names(f"{self.folder(run.run_id)}/{part}")]
            for part in parts:
                self.files.remove(f"{self.folder(run.run_id)}/{part}")
            if parts:
                pruned.append(run.run_id)
        return tuple(pruned)

    def decisions(self, run_id: str, matrix: HitMatrix) -> Iterable[HistoryRecord]:
        folder, records = f"{self.folder(run_id)}/{DECISIONS}", self.records_of(run_id, matrix)
        return StagedDecisions(records, folder) if self.rows is local_rows else records(self.rows(folder))

    def records_of(self, run_id: str, matrix: HitMatrix) -> Records:
        """What makes history records of an evaluated run's staged rows, here or where executors are."""
        manifest = self.manifest(run_id)
        if manifest is None:
            raise RunRefused(Fault(f"Run {run_id}", "it was not evaluated to its end.", "Run it again: `rules run`."))
        return Records.of(manifest, self.rule_set(run_id).membership_types, matrix)

    def _status(self, run_id: str) -> RunStatus | None:
        """What is known of a run; of a broken one what is broken, so that it harms no other."""
        try:
            opened = self._known(run_id, "opened.json")
            if opened is None:
                return None
            created_at = created_from(opened["created_at"])
        except (ValueError, KeyError, TypeError):
            what = "its opened.json says no created date"
            return RunStatus(run_id, datetime.min.replace(tzinfo=UTC), None, self.folder(run_id), None, None, what)
        try:
            manifest, published = self.manifest(run_id), self._known(run_id, "published.json")
            at = None if published is None else created_from(published["published"])
        except (ValueError, KeyError, TypeError, RunRefused) as problem:
            return RunStatus(run_id, created_at, None, self.folder(run_id), None, None, str(problem))
        as_of, decided = (manifest.as_of, manifest.decided) if manifest else (None, None)
        held = () if at or manifest is None else tuple(map(str, self._known(run_id, "held.json") or ()))
        return RunStatus(run_id, created_at, as_of, self.folder(run_id), decided, at, held=held)

    def _text(self, run_id: str, name: str) -> str:
        try:
            return self.files.read(f"{self.folder(run_id)}/{name}")
        except FileNotFoundError as problem:
            known = ", ".join(r.run_id for r in self.runs()[-3:]) or "none"
            raise RunRefused(
                Fault(f"Run {run_id}", f"there is no {name} of it.", f"See `rules runs`; the newest: {known}.")
            ) from problem

    def _known(self, run_id: str, name: str) -> Any:
        try:
            return json.loads(self.files.read(f"{self.folder(run_id)}/{name}"))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _keep(self, run_id: str, name: str, body: Any) -> None:
        self.files.write(f"{self.folder(run_id)}/{name}", canonical_json(body))


def _entry_content(entry: Publication) -> dict[str, Any]:
    return entry.content() | {"closed": entry.closed}
