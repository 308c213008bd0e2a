"""Folders on this machine or in S3, through one interface: listed, read, written whole, put in place at once."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs

from rules_engine.errors import Fault, RunRefused
from rules_engine.lake.data_files import hidden

CHUNK = 1 << 20
MANIFEST = "_manifest.json"
_USER = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^\s/]*|(?<=s3://)[^\s/:]+:[^\s]*|(?<=s3a://)[^\s/:]+:[^\s]*)@", re.I)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a folder: its path below it, its size, and what changes when it is written again."""

    name: str
    bytes: int
    state: str

    @property
    def hidden(self) -> bool:
        """Whether Spark leaves it out: a writer's own bookkeeping."""
        return any(map(hidden, Path(self.name).parts))


class Place:
    """
    A folder, there or not: a path of this machine, ``file://``, ``s3://`` or ``s3a://``.

    A folder of this machine is put in place by one rename. In S3 files are moved one by one, the manifest last:
    a reader takes no folder without it. ``uri`` names it to people, without the credentials that its address may have.
    """

    def __init__(self, uri: str) -> None:
        uri = uri or "."  # the folder of a file that is named without one
        self._address, self.uri = uri.rstrip("/"), shown(uri).rstrip("/")
        with told(uri):
            scheme, _, rest = uri.partition("://")
            if not rest:
                self.system, self.root = fs.LocalFileSystem(), str(Path(uri).absolute())
            else:
                self.system, self.root = fs.FileSystem.from_uri(f"{scheme.replace('s3a', 's3')}://{rest}".rstrip("/"))

    @property
    def is_local(self) -> bool:
        return isinstance(self.system, fs.LocalFileSystem)

    @property
    def away(self) -> str:
        """The command that moves it away."""
        s3 = self.uri.replace("s3a://", "s3://")
        return f"mv {self.uri} ELSEWHERE" if self.is_local else f"aws s3 mv --recursive {s3} ELSEWHERE"

    def below(self, name: str) -> Place:
        """The folder of a name within this one."""
        return Place(f"{self._address}/{name}")

    def beside(self, name: str) -> Place:
        """The folder of a name in the folder of this one."""
        return Place(f"{self._address.rpartition('/')[0]}/{name}")

    def kind(self) -> str:
        """``file``, ``folder``, or nothing where there is neither."""
        with told(self.uri):
            found = self.system.get_file_info(self.root).type
        return {fs.FileType.File: "file", fs.FileType.Directory: "folder"}.get(found, "")

    def files(self) -> list[FoundFile]:
        """Every file below, hidden ones too, by name; of a single file that one."""
        with told(self.uri):
            if self.kind() == "file":
                found, cut = [self.system.get_file_info(self.root)], len(str(Path(self.root).parent)) + 1
            else:
                chosen = fs.FileSelector(self.root, allow_not_found=True, recursive=True)
                found, cut = self.system.get_file_info(chosen), len(self.root) + 1
        kept = [FoundFile(each.path[cut:], each.size, f"{each.size} {each.mtime_ns}") for each in found if each.is_file]
        return sorted(kept, key=lambda each: each.name)

    def names(self) -> list[str]:
        """The names of files and folders that stand in it; of a single file none."""
        with told(self.uri):
            if self.kind() == "file":
                return []
            return sorted(
                each.base_name for each in self.system.get_file_info(fs.FileSelector(self.root, allow_not_found=True))
            )

    def path(self, name: str) -> str:
        """A file's path as the file system takes it."""
        return self.root if self.kind() == "file" else f"{self.root}/{name}"

    @contextmanager
    def reading(self, name: str) -> Iterator[Any]:
        """A file's bytes as they are, to be sought in."""
        with told(f"{self.uri}/{name}"):
            stream = self.system.open_input_file(self.path(name))
        with stream:
            yield stream

    @contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        """A new file; its folder is made."""
        with told(f"{self.uri}/{name}"):
            target = f"{self.root}/{name}"
            if self.is_local:  # S3 has no folders, and roles no right to ask for the bucket
                Path(target).parent.mkdir(parents=True, exist_ok=True)
            with self.system.open_output_stream(target, compression=None) as stream:
                yield stream

    def replace(self, name: str, content: bytes) -> None:
        """Put a small file in place of what is there; a reader sees the old one or the new one."""
        aside = f".{name}.part" if self.is_local else name
        with self.writing(aside) as out:
            out.write(content)
        if self.is_local:
            Path(self.root, aside).replace(Path(self.root, name))

    def create(self, name: str, content: bytes) -> bool:
        """Write a small file that is not there; False where it is. In S3 the later of two at one moment wins."""
        if not self.is_local:
            if self.text(name) is not None:
                return False
            self.replace(name, content)
            return True
        with told(f"{self.uri}/{name}"):
            Path(self.root).mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with Path(self.root, name).open("xb") as out:
                    out.write(content)
            except FileExistsError:
                return False
        return True

    def text(self, name: str) -> str | None:
        """A small file's text; None where there is none."""
        if name not in self.names():
            return None
        with self.reading(name) as stream:
            return bytes(stream.read()).decode()

    def sha256(self, name: str) -> str:
        """The digest of a file's bytes."""
        digest = hashlib.sha256()
        with self.reading(name) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def remove(self) -> None:
        """Remove the folder and all in it; one that is not there stays away."""
        with told(self.uri):
            if self.kind() == "folder":
                self.system.delete_dir(self.root)

    def delete(self, name: str) -> None:
        """Remove one file."""
        with told(f"{self.uri}/{name}"):
            self.system.delete_file(f"{self.root}/{name}")

    def close_to_others(self) -> None:
        """Let nobody but the owner look into it; in S3 the roles see to that."""
        if self.is_local:
            Path(self.root).chmod(0o700)

    def freeze(self) -> None:
        """Let nobody write its files by mistake; in S3 the roles see to that."""
        for each in self.files() if self.is_local else ():
            Path(self.root, each.name).chmod(0o444)

    def put_in_place(self, target: Place, *, over: bool = False) -> bool:
        """
        Move this folder to where it belongs; False, and nothing moved, where another is there and not to be replaced.

        ``over`` replaces the files of the same names, one by one, the manifest last.
        """
        with told(target.uri):
            there = bool(target.names())
            if there and not over:
                return False
            if self.is_local and not there:
                return self._renamed(target)
            for each in sorted(self.files(), key=lambda f: f.name == MANIFEST):
                self.system.move(f"{self.root}/{each.name}", f"{target.root}/{each.name}")
            self.remove()
        return True

    def _renamed(self, target: Place) -> bool:
        Path(target.root).parent.mkdir(parents=True, exist_ok=True)
        try:
            Path(self.root).rename(target.root)
        except OSError:  # somebody else was quicker
            if not target.names():
                raise
            return False
        return True


def shown(text: str) -> str:
    """A text with its addresses as they may be stored and shown: without the user and the password in them."""
    return _USER.sub(r"\1", text)


@contextmanager
def told(which: str) -> Iterator[None]:
    """
    Turn what a file system raises into words.

    Raises:
        RunRefused: If a place cannot be read or written.
    """
    try:
        yield
    except (OSError, ValueError) as problem:
        full = isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT)
        what = f"it cannot be reached: {shown(str(problem)).splitlines()[0]}."
        remedy = "Check the address and the rights of whoever asks."
        if full:
            what, remedy = "there is no room left for it.", "Make room there, and do it again."
        raise RunRefused(Fault(shown(which), what, remedy)) from None  # its text can hold credentials
