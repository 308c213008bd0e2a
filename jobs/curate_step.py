"""
Curate the lake on a cluster: landed snapshots in, what rules may see out.

Under a role that reads landed data, writes curated data and reads the secret of tokens. It knows the rules as they were
frozen, and neither database nor history; it starts no Spark.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from jobs.entry import Summary, day, finish, knows_nothing_of, words
from jobs.ingest_step import declaration
from jobs.tokens import of_secret, stored
from rules_engine.errors import Fault, RunRefused
from rules_engine.model.rule_sets import RuleSet, thaw
from rules_engine.model.schemas import Schema
from rules_lake.landing.place import Place
from rules_lake.privacy.lake_of import curate_lake
from rules_lake.privacy.used import together, used_by_rules

NOT_TO_KNOW = ("RULES_DATABASE_URL", "RULES_HISTORY_ENDPOINT", "PGPASSWORD")

ARGUMENTS = words(
    __doc__,
    declaration=(str, "URI of the declaration of what lands"),
    lake=(str, "URI of the curated lake's declaration, which is written"),
    rule_set=(str, "URI of the frozen rule set: columns that its rules read go on"),
    tokens=(str, "URI of the folder of the reverse table of tokens"),
    tenant=(str, "whose tokens they are"),
    day=(day, "what had landed up to this day is curated"),
)
ARGUMENTS.add_argument(
    "--token-secret", help="name in Secrets Manager of the secret of tokens; else $RULES_TOKEN_SECRET"
)


def step(argv: Sequence[str]) -> Summary:
    """Curate what is another than before."""
    told = ARGUMENTS.parse_args(argv)
    knows_nothing_of(NOT_TO_KNOW, os.environ)
    declared, rule_set = declaration(told.declaration), _frozen(told.rule_set)
    secret = stored(told.token_secret) if told.token_secret else os.environ.get("RULES_TOKEN_SECRET", "").strip()
    tokens = of_secret(secret, told.tenant, told.tokens) if secret else None
    schema = Schema.declared(declared.lake, rule_set.reference_lists)
    used = together(used_by_rules(rule_set.versions, schema))
    done = curate_lake(declared, told.day, used, tokens, told.lake)
    return {
        "rule_set": rule_set.digest,
        "made": {each.frame: each.made for each in done.frames if each.made},
        "rows": {each.frame: each.rows for each in done.frames},
        "tokens": sum(each.tokens for each in done.frames),
    }


def _frozen(uri: str) -> RuleSet:
    folder, _, name = uri.rpartition("/")
    text = Place(folder).text(name)
    if text is None:
        raise RunRefused(Fault(f"Frozen rule set {uri}", "there is no such file.", "Freeze one: rules freeze."))
    return thaw(text)


if __name__ == "__main__":
    finish(step)
