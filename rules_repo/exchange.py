"""Rules in files, YAML, CSV or XLSX by the file's name: exported, reviewed, imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rules_engine.errors import ChangeRefused, Fault, InvalidRule, raise_all
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_repo import csv_file, xlsx_file, yaml_file
from rules_repo.entries import READABLE_RULE_FIELDS, TYPE_FIELDS, Entry, membership_type, rule_version
from rules_repo.shared_values import PARAMETER_FIELDS, ROW_FIELDS, Parameter, list_entries, parameter, reference_list
from rules_repo.timeline import by_key, overlaps

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RuleFile:
    """
    What a file of rules says: membership types by key, rules by key and first day, and the values that rules share.

    Files carry no version numbers, the repository gives them; here the periods
    of a rule are numbered from 1.
    """

    membership_types: tuple[MembershipType, ...]
    versions: tuple[RuleVersion, ...]
    parameters: tuple[Parameter, ...] = ()
    reference_lists: tuple[ReferenceList, ...] = ()

    def __post_init__(self) -> None:
        for named in "parameters", "reference_lists":
            object.__setattr__(self, named, tuple(sorted(getattr(self, named), key=lambda each: each.name)))
        policies = sorted(self.membership_types, key=lambda m: (m.key, m.effective_from))
        object.__setattr__(self, "membership_types", tuple(policies))
        numbered = (
            replace(version, version=number)
            for timeline in by_key(self.versions).values()
            for number, version in enumerate(timeline, 1)
        )
        object.__setattr__(self, "versions", tuple(numbered))


@dataclass(frozen=True, slots=True)
class Beside:
    """The CSV files beside one of rules; other kinds of files hold everything in one."""

    types: Path | None = None
    parameters: Path | None = None
    lists: Path | None = None


ALONE = Beside()


def read(path: Path, beside: Beside = ALONE) -> RuleFile:
    """
    Read a file of rules, and those beside it.

    Raises:
        ChangeRefused: If a file cannot be opened or is of no known kind.
        InvalidRule: With every fault of the files, each with its line.
    """
    faults: list[Fault] = []
    kind = path.suffix.lower()
    if kind == ".csv":
        rules = _csv(path, READABLE_RULE_FIELDS, faults)
        types = _csv(beside.types, TYPE_FIELDS, faults)
        values = _csv(beside.parameters, PARAMETER_FIELDS, faults)
        lists = list_entries(_csv(beside.lists, ROW_FIELDS, faults), faults)
    elif kind == ".xlsx":
        sheets = xlsx_file.entries(path, faults)
        rules, types, values = (sheets[name] for name in (xlsx_file.RULES, xlsx_file.TYPES, xlsx_file.PARAMETERS))
        lists = list_entries(sheets[xlsx_file.LISTS], faults)
    elif kind in (".yaml", ".yml"):
        sections = yaml_file.entries(_text(path), path.name, faults)
        types, values, lists, rules = (sections[name] for name in yaml_file.SECTIONS)
    else:
        raise _unknown_kind(path)
    found = RuleFile(
        _all(membership_type, types, faults),
        _all(rule_version, rules, faults),
        _all(parameter, values, faults),
        _all(reference_list, lists, faults),
    )
    faults.extend(_together(found, path.name))
    raise_all(InvalidRule, faults)
    return found


def _csv(path: Path | None, fields: Sequence[str], faults: list[Fault]) -> list[tuple[str, Entry]]:
    return csv_file.entries(_text(path), path.name, fields, faults) if path else []


def write(found: RuleFile, path: Path, beside: Beside = ALONE) -> None:
    """
    Write a file of rules; the same rules give the same bytes.

    Raises:
        ChangeRefused: If the file cannot be written or its name says no known kind.
    """
    kind = path.suffix.lower()
    if kind in (".yaml", ".yml"):
        _keep(path, yaml_file.written(found.membership_types, found.versions, found.parameters, found.reference_lists))
        return
    texts = {
        xlsx_file.RULES: csv_file.rules_written(found.versions),
        xlsx_file.TYPES: csv_file.types_written(found.membership_types),
        xlsx_file.PARAMETERS: csv_file.parameters_written(found.parameters),
        xlsx_file.LISTS: csv_file.lists_written(found.reference_lists),
    }
    if kind == ".csv":
        for place, text in zip((path, beside.types, beside.parameters, beside.lists), texts.values(), strict=True):
            if place:
                _keep(place, text)
    elif kind == ".xlsx":
        _keep_bytes(path, xlsx_file.written(texts))
    else:
        raise _unknown_kind(path)


def _all(
    build: Callable[[Entry, str, list[Fault]], T | None], found: Iterable[tuple[str, Entry]], faults: list[Fault]
) -> tuple[T, ...]:
    built = (build(entry, where, faults) for where, entry in found)
    return tuple(value for value in built if value is not None)


def _together(found: RuleFile, name: str) -> Iterable[Fault]:
    """What is wrong between entries that are right by themselves."""
    named = [m.named for m in found.membership_types]
    for each in sorted({n for n in named if named.count(n) > 1}):
        yield Fault(f"{name}, membership type {each}", "it is given twice.", "Remove one.")
    for which, names in (
        ("parameter", [p.name for p in found.parameters]),
        ("reference list", [each.name for each in found.reference_lists]),
    ):
        for each in sorted({n for n in names if names.count(n) > 1}):
            yield Fault(f"{name}, {which} {each}", "it is given twice.", "Remove one.")
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
        if b"\0" in content[:4]:
            raise UnicodeDecodeError("utf-8", content, 0, 1, "every other byte is zero")
        return content.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        what = f"it is not UTF-8 text: byte 0x{content[problem.start]:02X} in line {line} is none"
        if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]:
            what = "it is not UTF-8 text but UTF-16 or UTF-32"
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
