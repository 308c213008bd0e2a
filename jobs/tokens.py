"""The keys of tokens, and the reverse table, as settings name them; the secret itself goes no further."""

from __future__ import annotations

from typing import Any

from jobs import aws
from rules_engine.errors import Fault, RunRefused
from rules_engine.settings import Settings
from rules_lake.privacy.curating import Tokenising
from rules_lake.privacy.reverse_table import ReverseTable
from rules_lake.privacy.tokens import TokenKeys


def tokenising(settings: Settings, client: Any = None) -> Tokenising | None:
    """
    What makes tokens; None where no secret is given.

    Raises:
        RunRefused: If the secret is short or cannot be read.
    """
    secret = settings.token_secret
    if secret is None and settings.token_secret_name:
        secret = stored(settings.token_secret_name, client)
    return of_secret(secret, settings.tenant, settings.tokens) if secret else None


def of_secret(secret: str, tenant: str, folder: str) -> Tokenising:
    """What makes the tokens of a tenant, and the reverse table in a folder."""
    keys = TokenKeys.of(secret, tenant)
    return Tokenising(keys, ReverseTable(folder, keys))


def needed(settings: Settings) -> Tokenising:
    """
    The same, where there must be one.

    Raises:
        RunRefused: If no secret is given.
    """
    found = tokenising(settings)
    if found is None:
        what = "no secret is given, and tokens are nothing without the one that they were made with."
        remedy = "Set RULES_TOKEN_SECRET, or RULES_TOKEN_SECRET_NAME to its name in Secrets Manager."
        raise RunRefused(Fault("Secret of tokens", what, remedy))
    return found


def stored(name: str, client: Any = None) -> str:
    """
    A secret of Secrets Manager.

    Raises:
        RunRefused: If it cannot be read or is empty.
    """
    with aws.told(f"Secret {name}"):
        held = (client or aws.client("secretsmanager")).get_secret_value(SecretId=name)
    if text := str(held.get("SecretString") or "").strip():
        return text
    raise RunRefused(Fault(f"Secret {name}", "it is empty.", "Store one: openssl rand -base64 48."))
