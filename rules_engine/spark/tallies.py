"""
Packed words to tallies and decisions, in Spark: the same arithmetic as ``model.decisions.decide``.

Property tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.index.words import SUBJECT, hit_word, unknown_word
from rules_engine.model.history import LARGEST_RECORD
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import Kind, MembershipType, RuleVersion, Strategy, Tie, WhenUnknown

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DECISIONS = (
    "subject membership_type granted reason event inclusion_sum exclusion_sum inclusion_hits exclusion_hits words "
    "first_granted"
).split()

_PREFIX = "type:"
"""Before a type's key where it names a column: a type may be called 'subject'."""


def tallies(matrix: HitMatrix, hits: DataFrame) -> DataFrame:
    """
    What hit each subject, added up per membership type (R-EVAL-1), in one pass over the words.

    Grain: subject × membership type, where a rule of the type hit, a shadow
    one included, or holds the decision. Columns: subject, membership_type,
    the sums, counts and maxima (bigint), held (boolean), words
    (array<bigint>, the type's own).
    """
    types = [key for key, _, _ in matrix.slices]
    wide = hits.selectExpr(SUBJECT, *(f"{_tally(matrix, key, hits.columns)} AS `{_PREFIX}{key}`" for key in types))
    long = wide.unpivot([SUBJECT], [f"`{_PREFIX}{key}`" for key in types], "membership_type", "tally")
    named = f"substring(membership_type, {len(_PREFIX) + 1}) AS membership_type"
    return long.where("tally IS NOT NULL").selectExpr(SUBJECT, named, "tally.*")


def decisions(found: DataFrame, previous: DataFrame, policies: Iterable[MembershipType], as_of: date) -> DataFrame:
    """
    Decide every pair with a hit that counts, a held decision, or a row in ``previous`` (R-EVAL-1..4).

    ``found`` are tallies of all types, ``previous`` the earlier memberships, and pairs that are
    to be decided whatever stood (:func:`with_pairs`). Grain and columns: subject × membership type, :data:`DECISIONS`.
    """
    before = previous.selectExpr(SUBJECT, "membership_type", "granted AS was_granted", "first_granted AS was_first")
    paired = found.where("inclusion_hits > 0 OR exclusion_hits > 0 OR held").join(
        before, on=[SUBJECT, "membership_type"], how="full_outer"
    )
    zero = "inclusion_hits exclusion_hits inclusion_sum exclusion_sum inclusion_max exclusion_max".split()
    filled = paired.na.fill(0, zero).na.fill(value=False, subset=["held", "was_granted"])
    return (
        filled.selectExpr("*", *_sides(policies))
        .selectExpr("*", f"{_verdict()} AS verdict")
        .selectExpr("*", "verdict.granted AS granted", "verdict.reason AS reason")
        .selectExpr("*", f"{_event()} AS event")
        .selectExpr(
            SUBJECT, "membership_type", "granted", "reason", "event", "inclusion_sum", "exclusion_sum",
            "inclusion_hits", "exclusion_hits", "words",
            f"coalesce(was_first, CASE WHEN granted THEN DATE'{as_of.isoformat()}' END) AS first_granted",
        )
    )  # fmt: skip


def oversized(matrix: HitMatrix, hits: DataFrame) -> Iterable[Fault]:
    """
    The membership types of which a record would be larger than a history takes: the largest one of each.

    Rows are looked at only where all rules of a type together could be too many.
    """
    for key, _, _ in matrix.slices:
        sizes: dict[int, dict[int, int]] = {}
        most = 0
        for version, cell in matrix.cells:
            if version.membership_type == key and not version.shadow:
                size = hit_size(version)
                most += size
                of_size = sizes.setdefault(size, {})
                of_size[cell.word] = of_size.get(cell.word, 0) | cell.mask
        if most <= LARGEST_RECORD - REST_OF_RECORD:
            continue
        bytes_ = _plus(f"{_bits(masks)} * {size}L" for size, masks in sizes.items())
        largest = hits.selectExpr(SUBJECT, f"{bytes_} + {REST_OF_RECORD}L AS bytes").orderBy("bytes", ascending=False)
        found = largest.first()
        if found and found["bytes"] > LARGEST_RECORD:
            what = f"subject {found[SUBJECT]} has so many hits of it that its record is about {found['bytes']:,} bytes."
            remedy = (
                f"A history takes {LARGEST_RECORD:,}: part the type, or give its rules shorter keys and categories."
            )
            yield Fault(f"Membership type {key}", what, remedy)


REST_OF_RECORD = 8 * 1024
"""Bytes kept for all of a record but its hits: a key of 2 kB, snapshots, digests, names of attributes."""


def hit_size(version: RuleVersion) -> int:
    """Bytes that a hit takes in DynamoDB at most: each part and list one more, each number up to 21."""
    texts = (version.key, version.kind.value, version.category)
    return 4 + sum(len(text.encode()) + 1 for text in texts) + 2 * 22


def with_pairs(stood: DataFrame, decided: DataFrame) -> DataFrame:
    """Earlier memberships, and the pairs decided elsewhere that have none, as never granted."""
    others = decided.select(SUBJECT, "membership_type").join(stood, [SUBJECT, "membership_type"], "left_anti")
    return stood.unionByName(others.selectExpr("*", "false AS granted", "CAST(NULL AS DATE) AS first_granted"))


def ended(gone: DataFrame) -> DataFrame:
    """The decisions about members that are not in the snapshot, where absence ends memberships (R-RUN-3)."""
    zero = "inclusion_sum exclusion_sum inclusion_hits exclusion_hits".split()
    return gone.where("granted").selectExpr(
        SUBJECT, "membership_type", "false AS granted", "'ABSENT' AS reason", "'REVOKED_ABSENT' AS event",
        *(f"0L AS {name}" for name in zero), "CAST(NULL AS ARRAY<BIGINT>) AS words", "first_granted",
    )  # fmt: skip


def _tally(matrix: HitMatrix, membership_type: str, columns: list[str]) -> str:
    """One type's tally as a struct; NULL where nothing of the type hit."""
    first, after = matrix.slice_of(membership_type)
    words = [hit_word(w) for w in range(first, after)]
    held = _any_bit(_holding(matrix, membership_type), unknown_word, columns)
    sides = (expression for kind in Kind for expression in _side(matrix, membership_type, kind))
    fields = ", ".join([*sides, f"{held} AS held", f"array({', '.join(words)}) AS words"])
    return f"CASE WHEN ({' | '.join(words)}) <> 0 OR {held} THEN struct({fields}) END"


def _side(matrix: HitMatrix, membership_type: str, kind: Kind) -> Iterable[str]:
    """Count, sum and maximum of one kind, from its masks per weight."""
    weights = matrix.weights(membership_type, kind)
    counts = {weight: _bits(masks) for weight, masks in weights.items()}
    name = kind.value
    yield f"CAST({_plus(counts.values())} AS BIGINT) AS {name}_hits"
    yield f"CAST({_plus(f'{count} * {weight}L' for weight, count in counts.items())} AS BIGINT) AS {name}_sum"
    heaviest_first = sorted(counts.items(), reverse=True)
    cases = " ".join(f"WHEN {count} > 0 THEN {weight}L" for weight, count in heaviest_first)
    yield f"CAST({f'CASE {cases} ELSE 0L END' if cases else '0'} AS BIGINT) AS {name}_max"


def _bits(masks: dict[int, int]) -> str:
    return f"({_plus(f'bit_count({hit_word(word)} & {mask}L)' for word, mask in masks.items())})"


def _plus(terms: Iterable[str]) -> str:
    """Terms added as a balanced tree of parentheses; 0 for none."""
    parts = list(terms)
    if len(parts) <= 2:
        return " + ".join(parts) or "0L"
    middle = len(parts) // 2
    return f"({_plus(parts[:middle])}) + ({_plus(parts[middle:])})"


def _holding(matrix: HitMatrix, membership_type: str) -> dict[int, int]:
    masks: dict[int, int] = {}
    for version, cell in matrix.cells:
        holds = version.when_unknown is WhenUnknown.HOLD and not version.shadow
        if holds and version.membership_type == membership_type:
            masks[cell.word] = masks.get(cell.word, 0) | cell.mask
    return masks


def _any_bit(masks: dict[int, int], column: Callable[[int], str], present: list[str]) -> str:
    tests = [f"({column(w)} & {m}L) <> 0" for w, m in masks.items() if column(w) in present]
    return f"({' OR '.join(tests)})" if tests else "false"


def _sides(policies: Iterable[MembershipType]) -> list[str]:
    """The policy of each pair's type as columns, and its two sides under the type's strategy."""
    of = {p.key: p for p in policies}
    heaviest = [k for k, p in of.items() if p.strategy is Strategy.MAX_WEIGHT]
    strict = [k for k, p in of.items() if p.strategy is Strategy.ANY_EXCLUSION_BLOCKS]
    vetoes = {k: p.veto_weight for k, p in of.items() if p.veto_weight is not None}
    by_max = _among(heaviest)
    veto = _case({k: f"exclusion_max >= {v}L" for k, v in vetoes.items()}, "false")
    return [
        f"CASE WHEN {by_max} THEN inclusion_max ELSE inclusion_sum END AS for_it",
        f"CASE WHEN {by_max} THEN exclusion_max ELSE exclusion_sum END AS against",
        f"{_case({k: str(p.margin) for k, p in of.items() if p.margin != 1}, '1')} AS margin",
        f"({_among(strict)} AND exclusion_hits > 0) OR {veto} AS blocked",
        f"{_among([k for k, p in of.items() if p.tie is Tie.GRANT])} AS tie_grants",
        f"{_among([k for k, p in of.items() if p.tie is Tie.KEEP])} AS tie_keeps",
    ]


def _among(keys: list[str]) -> str:
    return f"membership_type IN ({', '.join(repr(k) for k in keys)})" if keys else "false"


def _case(values: dict[str, str], otherwise: str) -> str:
    cases = " ".join(f"WHEN {key!r} THEN {value}" for key, value in values.items())
    return f"(CASE membership_type {cases} ELSE {otherwise} END)" if cases else otherwise


def _verdict() -> str:
    return """CASE
        WHEN held THEN struct(was_granted AS granted, 'HELD' AS reason)
        WHEN inclusion_hits = 0 THEN struct(false AS granted, 'NO_INCLUSION' AS reason)
        WHEN exclusion_hits > 0 AND for_it = against AND NOT blocked
            THEN struct(tie_grants OR (tie_keeps AND was_granted)
                        OR (margin <= 0 AND NOT tie_keeps) AS granted, 'TIE' AS reason)
        WHEN NOT blocked AND for_it - against >= margin
            THEN struct(true AS granted, CASE WHEN exclusion_hits > 0 THEN 'OVERRIDE' ELSE 'INCLUDED' END AS reason)
        WHEN exclusion_hits > 0 AND for_it >= margin THEN struct(false AS granted, 'EXCLUDED' AS reason)
        ELSE struct(false AS granted, 'BELOW_MARGIN' AS reason) END"""


def _event() -> str:
    return """CASE
        WHEN granted AND was_first IS NULL THEN 'GRANTED'
        WHEN granted AND was_granted THEN 'RETAINED'
        WHEN granted THEN 'REINSTATED'
        WHEN was_granted AND exclusion_hits > 0 AND inclusion_hits > 0 AND for_it >= margin THEN 'REVOKED_EXCLUDED'
        WHEN was_granted THEN 'REVOKED_LAPSED'
        ELSE 'NOT_GRANTED' END"""
