"""The letters of text files: UTF-8, UTF-16, or any encoding of one byte a letter, the same on every Spark."""

from __future__ import annotations

import codecs

from rules_engine.lake.text_values import literal

LOST = "�"
"""What stands for bytes that are no letter."""

MARK = "\ufeff"
"""The mark of the order of bytes, which is no letter of a text."""

OF_SPARK = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-be": "UTF-16BE",
    "utf-16-le": "UTF-16LE",
    "utf-32": "UTF-32",
}
"""Encodings that every Spark reads: Python's names of them, and Spark's."""

ONE_BYTE = "ISO-8859-1"
"""As what encodings of one byte a letter are read, each byte as the letter of its number; then they are put right."""


def known(encoding: str) -> bool:
    """Whether files of an encoding can be read."""
    try:
        name = codecs.lookup(encoding).name
        return name in OF_SPARK or bool(_table(name))
    except (LookupError, UnicodeError, ValueError):
        return False


def of_spark(encoding: str) -> str:
    """The encoding that Spark is told."""
    return OF_SPARK.get(codecs.lookup(encoding).name, ONE_BYTE)


def put_right(text: str, encoding: str) -> str:
    """A text of a file, as SQL, in the letters of its encoding."""
    name = codecs.lookup(encoding).name
    if name in OF_SPARK or name == "iso8859-1":
        return text
    other = [(chr(byte), letter) for byte, letter in enumerate(_table(name), 128) if letter != chr(byte)]
    if not other:
        return text
    return f"translate({text}, {literal(''.join(a for a, _ in other))}, {literal(''.join(b for _, b in other))})"


def _table(name: str) -> str:
    """The letters of the bytes from 128 on; of an encoding of more bytes a letter, an error."""
    letters = "".join(bytes([byte]).decode(name, "replace") for byte in range(128, 256))
    ascii_ = bytes(range(128)).decode(name)
    if len(letters) != 128 or ascii_ != "".join(map(chr, range(128))):
        raise ValueError(name)
    return letters
