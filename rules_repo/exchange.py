"""Rules in files, YAML, CSV or XLSX by the file's name: exported, reviewed, imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rules_engine.errors import ChangeRefused, Fault, InvalidRule, raise_all
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_repo import csv_file, xlsx_file, yaml_file
from rules_repo.entries import READABLE_RULE_FIELDS, TYPE_FIELDS, Entry, membership_type, rule_version
from rules_repo.timeline import by_key, overlaps

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RuleFile:
    """
    What a file of rules says: membership types by key, rules by key and first day.

    Files carry no version numbers, the repository gives them; here the periods
    of a rule are numbered from 1.
    """

    membership_types: tuple[MembershipType, ...]
    versions: tuple[RuleVersion, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "membership_types", tuple(sorted(self.membership_types, key=lambda m: m.key)))
        numbered = (
            replace(version, version=number)
            for timeline in by_key(self.versions).values()
            for number, version in enumerate(timeline, 1)
        )
        object.__setattr__(self, "versions", tuple(numbered))


def read(path: Path, types_path: Path | None = None) -> RuleFile:
    """
    Read a file of rules, and beside a CSV file perhaps one of membership types.

    Raises:
        ChangeRefused: If a file cannot be opened or is of no known kind.
        InvalidRule: With every fault of the files, each with its line.
    """
    faults: list[Fault] = []
    if path.suffix.lower() == ".csv":
        rules = csv_file.entries(_text(path), path.name, READABLE_RULE_FIELDS, faults)
        types = csv_file.entries(_text(types_path), types_path.name, TYPE_FIELDS, faults) if types_path else []
    elif path.suffix.lower() == ".xlsx":
        rules, types = xlsx_file.entries(path, faults)
    elif path.suffix.lower() in (".yaml", ".yml"):
        sections = yaml_file.entries(_text(path), path.name, faults)
        rules, types = sections["rules"], sections["membership_types"]
    else:
        raise _unknown_kind(path)
    found = RuleFile(_all(membership_type, types, faults), _all(rule_version, rules, faults))
    faults.extend(_together(found, path.name))
    raise_all(InvalidRule, faults)
    return found


def write(found: RuleFile, path: Path, types_path: Path | None = None) -> None:
    """
    Write a file of rules; the same rules give the same bytes.

    Raises:
        ChangeRefused: If the file cannot be written or its name says no known kind.
    """
    if path.suffix.lower() == ".csv":
        _keep(path, csv_file.rules_written(found.versions))
        if types_path:
            _keep(types_path, csv_file.types_written(found.membership_types))
    elif path.suffix.lower() == ".xlsx":
        _keep_bytes(path, xlsx_file.written(found.membership_types, found.versions))
    elif path.suffix.lower() in (".yaml", ".yml"):
        _keep(path, yaml_file.written(found.membership_types, found.versions))
    else:
        raise _unknown_kind(path)


def _all(
    build: Callable[[Entry, str, list[Fault]], T | None], found: Iterable[tuple[str, Entry]], faults: list[Fault]
) -> tuple[T, ...]:
    built = (build(entry, where, faults) for where, entry in found)
    return tuple(value for value in built if value is not None)


def _together(found: RuleFile, name: str) -> Iterable[Fault]:
    """What is wrong between entries that are right by themselves."""
    keys = [m.key for m in found.membership_types]
    for key in sorted({k for k in keys if keys.count(k) > 1}):
        yield Fault(f"{name}, membership type {key}", "it is given twice.", "Remove one.")
    for fault in overlaps(found.versions):
        yield replace(fault, which=f"{name}, {fault.which}")


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise ChangeRefused(
            Fault(f"File {path}", f"it cannot be read: {problem.strerror}.", "Nothing was changed.")
        ) from problem
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        what = f"it is not UTF-8 text: byte 0x{content[problem.start]:02X} in line {line} is none"
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            what = "it is not UTF-8 text but UTF-16"
        remedy = "Save it as UTF-8 (a spreadsheet calls it 'CSV UTF-8'). Nothing was changed."
        raise ChangeRefused(Fault(f"File {path}", f"{what}.", remedy)) from problem


def _keep(path: Path, text: str) -> None:
    _keep_bytes(path, text.encode())


def _keep_bytes(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as problem:
        raise ChangeRefused(Fault(f"File {path}", f"it cannot be written: {problem.strerror}.", "")) from problem


def _unknown_kind(path: Path) -> ChangeRefused:
    return ChangeRefused(
        Fault(f"File {path}", "its name says no kind of rules file.", "Use .yaml, .yml, .csv or .xlsx.")
    )
