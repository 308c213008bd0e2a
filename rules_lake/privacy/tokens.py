"""
Tokens: the same for the same value, tenant and domain, and nothing to whoever lacks the secret.

A token is HMAC-SHA-256 over domain and canonical value, cut to 128 bits, under a key of the tenant that is derived
from the secret. What is told is never the secret.
"""

from __future__ import annotations

import hmac
import unicodedata
from dataclasses import dataclass, field
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.errors import Fault, RunRefused
from rules_engine.settings import LEAST_SECRET

PREFIX = "t_"
LENGTH = len(PREFIX) + 32


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The keys of one tenant: one makes tokens, the other seals the reverse table."""

    tokens: bytes = field(repr=False)
    sealing: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: str, tenant: str) -> TokenKeys:
        """
        The keys that follow from a secret.

        Raises:
            RunRefused: If the secret is short; it is not repeated.
        """
        if len(secret.encode()) < LEAST_SECRET or len(set(secret)) < LEAST_SECRET // 4:
            what = f"it has fewer than {LEAST_SECRET} characters, or hardly two that differ."
            raise RunRefused(Fault("Secret of tokens", what, "Make one: openssl rand -base64 48."))
        return cls(*(_derived(secret.encode(), tenant, use) for use in ("tokens", "reverse table")))

    @property
    def fingerprint(self) -> str:
        """What tells one secret from another, and tells nothing of either."""
        return hmac.new(self.tokens, b"fingerprint", sha256).hexdigest()[:16]

    def token(self, domain: str, value: str) -> str:
        """
        The token of a value as text; texts that mean the same letters (Unicode form C) have one token.

        >>> keys = TokenKeys.of("correct horse battery staple, and more", "acme")
        >>> keys.token("subject", "7") == keys.token("subject", "7"), keys.token("account", "7")[:2]
        (True, 't_')
        """
        said = value if value.isascii() else unicodedata.normalize("NFC", value)
        found = hmac.digest(self.tokens, f"{len(domain)}:{domain}{said}".encode(), sha256)[:16]
        return PREFIX + found.hex()

    def column(self, domain: str, values: pa.Array) -> tuple[pa.Array, dict[str, str]]:
        """The tokens of a column's values, nothing for nothing; and the value of each token."""
        texts = as_texts(values)
        distinct = pc.unique(texts).drop_null().to_pylist()
        tokens = {value: self.token(domain, value) for value in distinct}
        found = [None if value is None else tokens[value] for value in texts.to_pylist()]
        return pa.array(found, pa.string()), {token: value for value, token in tokens.items()}


def as_texts(values: pa.Array) -> pa.Array:
    """Values as canonical texts: whole numbers and days have one way to be written."""
    return values if pa.types.is_string(values.type) else values.cast(pa.string())


def is_token(text: str) -> bool:
    """Whether a text has the form of a token."""
    return text.startswith(PREFIX) and len(text) == LENGTH


def _derived(secret: bytes, tenant: str, use: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    about = f"agile-rules-engine/1/{use}/{tenant}".encode()
    return bytes(HKDF(algorithm=SHA256(), length=32, salt=None, info=about).derive(secret))
