"""Spark's types by their whole names, as SQL reads them: Java's short ones end after 25 fields of a struct."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

NAMES = {"byte": "tinyint", "short": "smallint", "integer": "int", "long": "bigint"}
"""Types that Spark calls otherwise in JSON than in SQL."""
PLAIN = re.compile("[A-Za-z_][A-Za-z0-9_]*")
"""A name that SQL reads without quotes."""


def quoted(name: str) -> str:
    """A name as Spark SQL writes it."""
    return "`" + name.replace("`", "``") + "`"


def struct(fields: Iterable[tuple[str, object]]) -> str:
    """
    A struct of fields and their types, its names in quotes where SQL wants them.

    >>> struct([("id", "bigint"), ("product-type", "string")])
    'struct<id:bigint,`product-type`:string>'
    """
    named = ((name if PLAIN.fullmatch(name) else quoted(name), type_) for name, type_ in fields)
    return f"struct<{','.join(f'{name}:{type_}' for name, type_ in named)}>"


def sql_type(type_: Any) -> str:
    """
    A type of Spark's JSON by its name in SQL.

    >>> sql_type({"type": "array", "elementType": "long"})
    'array<bigint>'
    """
    if isinstance(type_, str):
        return NAMES.get(type_, type_)
    if type_["type"] == "struct":
        return struct((each["name"], sql_type(each["type"])) for each in type_["fields"])
    if type_["type"] == "map":
        return f"map<{sql_type(type_['keyType'])},{sql_type(type_['valueType'])}>"
    return f"array<{sql_type(type_['elementType'])}>"


def types_of(schema: Mapping[str, Any]) -> dict[str, str]:
    """The columns of a schema of Spark's, as JSON has it, with the names of their types."""
    return {each["name"]: sql_type(each["type"]) for each in schema["fields"]}
