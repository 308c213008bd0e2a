"""
The reverse table: what each token stands for, sealed, in a folder apart from the lake.

Values are added and never changed. Erasing one leaves a note of the token, so that it is not added again.
"""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rules_engine.errors import Fault, RunRefused
from rules_lake.landing.place import Place
from rules_lake.privacy.tokens import PREFIX, TokenKeys

NONCE = 12
ERASED = "erased"
SCHEMA = pa.schema([("token", pa.string()), ("sealed", pa.binary())])


class ReverseTable:
    """The table of one tenant in a folder of its own: files by the first letter of the token, each written once."""

    def __init__(self, folder: str, keys: TokenKeys) -> None:
        self.place, self._box = Place(folder), AESGCM(keys.sealing)

    def add(self, domain: str, values: Mapping[str, str]) -> int:
        """Seal what tokens stand for, of those that are neither there nor erased; says how many these were."""
        erased = self.erased()
        added = 0
        for shard, tokens in _by_shard(token for token in values if token not in erased).items():
            known = pa.concat_arrays([pa.array([], pa.string()), *self._known(shard)])
            new = list(pc.filter(tokens, pc.invert(pc.is_in(tokens, known))).to_pylist())
            if new:
                sealed = [self._sealed(token, domain, values[token]) for token in new]
                self._write(shard, pa.table({"token": new, "sealed": sealed}, schema=SCHEMA))
            added += len(new)
        return added

    def reveal(self, token: str) -> tuple[str, str] | None:
        """
        Domain and value of a token; None where the table has none.

        Raises:
            RunRefused: If what is there was altered, or sealed with another secret.
        """
        if token in self.erased():
            return None
        for _, rows in self._files(_shard(token)):
            at = pc.index(rows["token"], token).as_py()
            if at >= 0:
                return self._opened(token, rows["sealed"][at].as_py())
        return None

    def erase(self, token: str) -> bool:
        """Forget what a token stands for, for good; False where it was not known."""
        with self.place.writing(f"{ERASED}/{token}") as out:
            out.write(b"")
        found = False
        for name, rows in [*self._files(_shard(token))]:
            left = rows.filter(pc.not_equal(rows["token"], token))
            if left.num_rows < rows.num_rows:
                found = True
                if left.num_rows:
                    self._write(_shard(token), left)
                self.place.delete(name)
        return found

    def erased(self) -> set[str]:
        """The tokens that were erased."""
        return set(self.place.below(ERASED).names())

    def _files(self, shard: str) -> Iterator[tuple[str, pa.Table]]:
        for name in self.place.below(shard).names():
            with self.place.reading(f"{shard}/{name}") as stream:
                yield f"{shard}/{name}", pq.read_table(io.BytesIO(stream.read()))

    def _known(self, shard: str) -> Iterator[pa.Array]:
        for _, rows in self._files(shard):
            yield rows["token"].combine_chunks()

    def _write(self, shard: str, rows: pa.Table) -> None:
        held = io.BytesIO()
        pq.write_table(rows, held)
        with self.place.writing(f"{shard}/{uuid.uuid4().hex}.parquet") as out:
            out.write(held.getvalue())
        self.place.close_to_others()

    def _sealed(self, token: str, domain: str, value: str) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._box.encrypt(nonce, json.dumps([domain, value]).encode(), token.encode())

    def _opened(self, token: str, sealed: bytes) -> tuple[str, str]:
        try:
            domain, value = json.loads(self._box.decrypt(sealed[:NONCE], sealed[NONCE:], token.encode()))
        except InvalidTag:
            what = "what it stands for was altered, or sealed with another secret."
            remedy = "Give the secret that the lake was curated with, or bring the table back from a backup."
            raise RunRefused(Fault(f"Token {token}", what, remedy)) from None
        return str(domain), str(value)


def _shard(token: str) -> str:
    return token.removeprefix(PREFIX)[:1]


def _by_shard(tokens: Iterable[str]) -> Mapping[str, pa.Array]:
    found: dict[str, list[str]] = {}
    for token in tokens:
        found.setdefault(_shard(token), []).append(token)
    return {shard: pa.array(each, pa.string()) for shard, each in sorted(found.items())}
