"""
The hash that Spark's ``xxhash64`` gives a row, over columns of numbers, dates, flags and texts: XXH64, seed 42.

Spark hashes the columns one after the other, each with the hash so far as its seed; NULL leaves it as it is. Source:
the XXH64 specification, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]

SEED = 42
_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(prime)
    for prime in (
        0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5,
    )
)  # fmt: skip
STRIPE = 32
"""Bytes from which on a text is hashed in four lanes."""


def seeds(rows: int) -> Hashes:
    """The hashes of rows of which nothing is hashed yet."""
    return np.full(rows, SEED, dtype=np.uint64)


def of_longs(values: NDArray[np.int64], seed: Hashes) -> Hashes:
    """Grain: row. Hashes that go on with a number of 64 bits."""
    return _mixed(_with_word(seed + (_P5 + np.uint64(8)), values.view(np.uint64)))


def of_ints(values: NDArray[np.int32], seed: Hashes) -> Hashes:
    """Likewise with one of 32 bits: a date is its days since 1970."""
    return _mixed(_with_half(seed + (_P5 + np.uint64(4)), values.view(np.uint32).astype(np.uint64)))


def of_flags(values: NDArray[np.bool_], seed: Hashes) -> Hashes:
    """Likewise with a flag."""
    return of_ints(values.astype(np.int32), seed)


def of_text(text: str, seed: Hashes) -> Hashes:
    """Likewise with one text, the same for all rows."""
    said = text.encode()
    return _of_bytes(np.frombuffer(said, dtype=np.uint8).reshape(1, len(said)), seed)


def of_codes(codes: NDArray[np.int8], texts: Sequence[str], seed: Hashes) -> Hashes:
    """Likewise with a text of a few, by its place among them."""
    found = seed.copy()
    for code in np.unique(codes):
        rows = codes == code
        found[rows] = of_text(texts[code], seed[rows])
    return found


def of_texts(data: NDArray[np.uint8], offsets: NDArray[np.int32], seed: Hashes) -> Hashes:
    """Likewise with texts of any length: those of one length are hashed at once."""
    found, lengths = seed.copy(), np.diff(offsets)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        bytes_ = data[offsets[rows][:, None] + np.arange(length)]
        found[rows] = _of_bytes(bytes_, seed[rows])
    return found


def _of_bytes(bytes_: NDArray[np.uint8], seed: Hashes) -> Hashes:
    """Grain: row × byte; a single row of bytes goes with every seed."""
    length, done = bytes_.shape[1], 0
    if length >= STRIPE:
        found, done = _of_stripes(bytes_, seed)
    else:
        found = seed + _P5
    found = found + np.uint64(length)
    while done + 8 <= length:
        found, done = _with_word(found, _words(bytes_[:, done : done + 8], np.uint64)), done + 8
    if done + 4 <= length:
        found, done = _with_half(found, _words(bytes_[:, done : done + 4], np.uint32)), done + 4
    for place in range(done, length):
        found = _turned(found ^ (bytes_[:, place].astype(np.uint64) * _P5), 11) * _P1
    return _mixed(found)


def _of_stripes(bytes_: NDArray[np.uint8], seed: Hashes) -> tuple[Hashes, int]:
    lanes = [seed + _P1 + _P2, seed + _P2, seed, seed - _P1]
    done = 0
    while done + STRIPE <= bytes_.shape[1]:
        for number in range(4):
            first = done + 8 * number
            lanes[number] = _lane(lanes[number], _words(bytes_[:, first : first + 8], np.uint64))
        done += STRIPE
    found = _turned(lanes[0], 1) + _turned(lanes[1], 7) + _turned(lanes[2], 12) + _turned(lanes[3], 18)
    for lane in lanes:
        found = (found ^ _lane(np.zeros_like(lane), lane)) * _P1 + _P4
    return found, done


def _words(bytes_: NDArray[np.uint8], type_: type[np.unsignedinteger]) -> Hashes:
    return np.ascontiguousarray(bytes_).view(np.dtype(type_).newbyteorder("<"))[:, 0].astype(np.uint64)


def _lane(lane: Hashes, word: Hashes) -> Hashes:
    return _turned(lane + word * _P2, 31) * _P1


def _with_word(found: Hashes, word: Hashes) -> Hashes:
    return _turned(found ^ _lane(np.zeros_like(word), word), 27) * _P1 + _P4


def _with_half(found: Hashes, half: Hashes) -> Hashes:
    return _turned(found ^ (half * _P1), 23) * _P2 + _P3


def _turned(found: Hashes, bits: int) -> Hashes:
    return (found << np.uint64(bits)) | (found >> np.uint64(64 - bits))


def _mixed(found: Hashes) -> Hashes:
    found = (found ^ (found >> np.uint64(33))) * _P2
    found = (found ^ (found >> np.uint64(29))) * _P3
    return found ^ (found >> np.uint64(32))
