"""Rules as YAML: the file that people review."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

from rules_engine.errors import Fault, did_you_mean
from rules_engine.model.canonical import encode_parameter
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_repo.entries import Entry, WrittenEntry, rule_entry, type_entry
from rules_repo.shared_values import Parameter, list_entry, parameter_entry

MEND = "Mend the text there; SQL stands best in lines of its own, below `sql: |`."
LARGEST = 5_000_000
"""Values in a file: 100,000 rules have half as many, and a few aliases of aliases can stand for any number."""

NESTED = 3
"""An entry's list of rows of columns is as deep as its values stand."""

SECTIONS = ("membership_types", "parameters", "reference_lists", "rules")
GROUPS = {"effective": ("from", "to"), "reason": ("code", "text")}
"""Fields that a YAML entry writes as a group: ``reason: {code: …}`` is ``reason_code``."""

PLAIN_DECIMAL = re.compile(r"-?(0|[1-9]\d*)\.\d+")


CORE = (
    ("null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), list("-+0123456789")),
    (
        "float",
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        list("-+.0123456789"),
    ),
    ("timestamp", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), list("0123456789")),
)
"""
What a word without quotes is by the core schema of YAML 1.2.2 (10.3.2), and days; all else is a text: NO, on, 12:30,
1_000. By YAML 1.1 they were a truth and 750, and 010 was 8.
"""


class _Loader(yaml.CSafeLoader):
    """Reads YAML 1.2, decimals with all their digits, and refuses a name that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"'{key.value}' is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep)


class _Dumper(yaml.CSafeDumper):
    """Writes texts of several lines as blocks."""


def _decimal(_: _Loader, node: yaml.ScalarNode) -> Decimal:
    try:
        return Decimal(node.value)
    except ArithmeticError:
        return Decimal("NaN")


def _whole(_: _Loader, node: yaml.ScalarNode) -> int:
    return int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))


def _day(_: _Loader, node: yaml.ScalarNode) -> date:
    try:
        return date.fromisoformat(node.value)
    except ValueError as problem:
        said = f"'{node.value}' is no day"
        raise yaml.constructor.ConstructorError(problem=said, problem_mark=node.start_mark) from problem


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Loader.yaml_implicit_resolvers = {}
for _name, _form, _first in CORE:
    for _class in _Loader, _Dumper:  # what either reading takes for no text is written in quotes
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_form.pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _day)
_Loader.add_constructor("tag:yaml.org,2002:int", _whole)
_Dumper.add_representer(str, _text)
_Dumper.add_representer(Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", str(value)))


def entries(text: str, name: str, faults: list[Fault]) -> dict[str, list[tuple[str, Entry]]]:
    """The entries of each section, with where they stand; what cannot be read goes to ``faults``."""
    found: dict[str, list[tuple[str, Entry]]] = {section: [] for section in SECTIONS}
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is not None and _size(root, {}) > LARGEST:
            what = "its aliases (*name) stand for more than five million values."
            faults.append(Fault(name, what, "Write out what is meant."))
            return found
        for section, node in _sections(root, name, faults):
            for item in node.value:
                where = f"{name} line {item.start_mark.line + 1}"
                if (entry := _entry(loader, item, where, faults)) is not None:
                    found[section].append((where, entry))
    except (yaml.YAMLError, RecursionError) as problem:
        faults.append(_unreadable(problem, name))
    return found


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """How many values a node stands for, each alias as what it names; one that holds itself is refused later."""
    if id(node) not in sizes:
        sizes[id(node)] = 1
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        inner = (each for part in parts for each in (part if isinstance(part, tuple) else (part,)))
        sizes[id(node)] += sum(_size(each, sizes) for each in inner)
    return sizes[id(node)]


def _sections(root: yaml.Node | None, name: str, faults: list[Fault]) -> Iterator[tuple[str, yaml.SequenceNode]]:
    if not isinstance(root, yaml.MappingNode):
        faults.append(Fault(name, "it has no list of rules.", "Begin it with `rules:`."))
        return
    for key, node in root.value:
        where = f"{name} line {key.start_mark.line + 1}"
        if key.value not in SECTIONS:
            faults.append(Fault(where, f"there is no section '{key.value}'.", did_you_mean(str(key.value), SECTIONS)))
        elif isinstance(node, yaml.SequenceNode):
            yield key.value, node
        elif node.value:
            faults.append(Fault(where, f"the section '{key.value}' is no list.", "Begin each entry with `- `."))


def _entry(loader: _Loader, node: yaml.Node, where: str, faults: list[Fault]) -> Entry | None:
    try:
        entry = loader.construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as problem:
        faults.append(_unreadable(problem, where))
        return None
    if not isinstance(entry, Mapping):
        faults.append(Fault(where, "it is no entry with fields.", "Begin it with `- key:`."))
        return None
    fields, written = list(_flat(entry, where, faults)), _as_written(node, NESTED)
    names = [name for name, _ in fields]
    for name in sorted({name for name in names if names.count(name) > 1}):
        what = f"its {name} is given twice, alone and in a group."
        faults.append(Fault(f"{where}, rule {entry.get('key')}", what, "Remove one."))
    groups = [(name, written.pop(name)) for name in GROUPS if isinstance(written.get(name), dict)]
    written |= {f"{name}_{part}": value for name, group in groups for part, value in group.items()}
    return WrittenEntry(fields, written)


def _as_written(node: yaml.Node, depth: int) -> Any:
    """What a node holds with its words as they are written, down to a depth: an alias may hold itself."""
    match node:
        case yaml.MappingNode() if depth:
            return {str(key.value): _as_written(value, depth - 1) for key, value in node.value}
        case yaml.SequenceNode() if depth:
            return [_as_written(value, depth - 1) for value in node.value]
    return node.value if isinstance(node, yaml.ScalarNode) else None


def _flat(entry: Mapping[Any, Any], where: str, faults: list[Fault]) -> Iterator[tuple[str, Any]]:
    for name, value in entry.items():
        if name not in GROUPS:
            yield str(name), value
        elif isinstance(value, Mapping) and set(value) <= set(GROUPS[name]):
            yield from ((f"{name}_{part}", inner) for part, inner in value.items())
        else:
            first, second = GROUPS[name]
            remedy = f"Write {name}: {{{first}: …, {second}: …}}, with texts that hold a comma in quotes."
            faults.append(Fault(f"{where}, rule {entry.get('key')}", f"its {name} '{value}' cannot be read.", remedy))


def _unreadable(problem: Exception, where: str) -> Fault:
    mark = getattr(problem, "problem_mark", None)
    line = f", at line {mark.line + 1}" if mark else ""
    return Fault(where, f"it is no YAML{line}: {getattr(problem, 'problem', None) or problem}.", MEND)


def written(
    membership_types: Iterable[MembershipType],
    versions: Iterable[RuleVersion],
    parameters: Iterable[Parameter] = (),
    lists: Iterable[ReferenceList] = (),
) -> str:
    """The file's text: the same rules give the same text; what they share has sections where there is any."""
    shared = {
        "parameters": [entry | {"value": _typed(entry["value"])} for entry in map(parameter_entry, parameters)],
        "reference_lists": [list_entry(each) for each in lists],
    }
    body = {
        "membership_types": [type_entry(m) for m in membership_types],
        **{section: found for section, found in shared.items() if found},
        "rules": [_grouped(rule_entry(v)) for v in versions],
    }
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _grouped(entry: dict[str, Any]) -> dict[str, Any]:
    if "parameters" in entry:
        entry["parameters"] = {name: _typed(value) for name, value in sorted(entry["parameters"].items())}
    for group, parts in GROUPS.items():
        inner = {part: entry.pop(f"{group}_{part}") for part in parts if f"{group}_{part}" in entry}
        if inner:
            entry[group] = inner
    return entry


def _typed(value: Any) -> Any:
    """A decimal that YAML would read as something else, with its type."""
    if isinstance(value, Decimal) and not PLAIN_DECIMAL.fullmatch(str(value)):
        return encode_parameter(value)
    return value
