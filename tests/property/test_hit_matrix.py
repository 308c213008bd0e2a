"""What holds of the packed words, and the proof that each property would notice a fault (see ``proof``)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine.model.decisions import Hit, Tally
from rules_engine.model.hitmatrix import BITS, Cell, HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion
from tests.property.proof import Check, Proof, Property, holds, notices, planted_faults, real_things

Layout = Callable[[RuleSet], HitMatrix]

TYPES = tuple(MembershipType(key) for key in ("BRONZE", "COPPER", "GOLD", "SILVER"))
SIZES = [0, 1, 2, 62, 63, 64, 126, 127, 200]
"""Around the edges of one, two and three words, and the most."""


def versions(random: Random, size: int, types: int) -> Iterable[RuleVersion]:
    for number in range(size):
        yield RuleVersion(
            key=f"R-{number:03}",
            version=random.randint(1, 3),
            kind=random.choice(list(Kind)),
            membership_type=random.choice(TYPES[:types]).key,
            weight=random.choice([1, 10, 50]),
            form=Form.PREDICATE,
            sql="bonds > 0",
            frame="customers",
            shadow=random.random() < 0.2,
        )


def rule_set_of(seed: int, size: int, types: int) -> RuleSet:
    drawn = versions(Random(seed), size, types)
    return RuleSet(date(2024, 6, 1), datetime(2024, 6, 1, 8, tzinfo=UTC), TYPES, tuple(drawn))


@dataclass(frozen=True)
class Drawn:
    """A rule set and the versions of it that hit, in canonical order; short to print, whatever its size."""

    seed: int
    size: int
    types: int
    share: float

    @cached_property
    def rule_set(self) -> RuleSet:
        return rule_set_of(self.seed, self.size, self.types)

    @cached_property
    def hit(self) -> list[RuleVersion]:
        random = Random(self.seed)
        return [version for version in self.rule_set.versions if random.random() < self.share]


DRAWN = st.builds(
    Drawn,
    seed=st.integers(0, 2**32),
    size=st.sampled_from(SIZES),
    types=st.integers(1, len(TYPES)),
    share=st.sampled_from([0.1, 0.5, 1.0]),
)


def encode(matrix: HitMatrix, hit: Iterable[RuleVersion]) -> list[int]:
    """One subject's row of the matrix: all words, with the bits of what hit."""
    keys, words = {v.key for v in hit}, [0] * matrix.words
    for version, cell in matrix.cells:
        if version.key in keys:
            words[cell.word] |= cell.mask
    return words


def weighed(matrix: HitMatrix, membership_type: str, kind: Kind, words: list[int]) -> tuple[int, int, int]:
    """Hits, sum and maximum of one side, by the arithmetic of bit counts alone."""
    counts = {
        weight: sum((words[word] & mask).bit_count() for word, mask in masks.items())
        for weight, masks in matrix.weights(membership_type, kind).items()
    }
    total = sum(weight * count for weight, count in counts.items())
    return sum(counts.values()), total, max((w for w, count in counts.items() if count), default=0)


def tally_of(matrix: HitMatrix, membership_type: str, words: list[int]) -> Tally:
    """The tally of one type, read from the words without decoding them."""
    for_hits, for_sum, for_max = weighed(matrix, membership_type, Kind.INCLUSION, words)
    hits, sum_, max_ = weighed(matrix, membership_type, Kind.EXCLUSION, words)
    return Tally(for_hits, hits, for_sum, sum_, for_max, max_)


def expected(hit: Iterable[RuleVersion], membership_type: str) -> Tally:
    """The tally of the versions of one type that hit and count."""
    counting = [v for v in hit if v.membership_type == membership_type and not v.shadow]
    return Tally.of([Hit(v.key, v.version, v.kind, v.weight) for v in counting])


# ---- the properties -------------------------------------------------------------------------------------------------


def bit_counts_are_the_tally(layout: Layout) -> Check:
    """The masks of the weights add up to the tally of the hits, and so do the hits that are decoded."""

    @given(DRAWN)
    def check(drawn: Drawn) -> None:
        matrix, hit = layout(drawn.rule_set), drawn.hit
        words = encode(matrix, hit)
        for key in (t.key for t in TYPES):
            assert tally_of(matrix, key, words) == expected(hit, key)
            assert Tally.of(matrix.hits(key, words[slice(*matrix.slice_of(key))])) == expected(hit, key)

    return check


def words_decode_to_what_was_encoded(layout: Layout) -> Check:
    """Every bit comes back as its version, shadow ones too, in canonical order."""

    @given(DRAWN)
    def check(drawn: Drawn) -> None:
        matrix, hit = layout(drawn.rule_set), drawn.hit
        words = encode(matrix, hit)
        decoded = [v.id for t in TYPES for v in matrix.decode(t.key, words[slice(*matrix.slice_of(t.key))])]
        assert decoded == [v.id for v in hit]

    return check


def words_are_never_negative(layout: Layout) -> Check:
    """A word with every bit set fits a signed 64-bit column and stays positive."""

    @given(DRAWN)
    def check(drawn: Drawn) -> None:
        words = encode(layout(drawn.rule_set), drawn.rule_set.versions)
        assert all(0 < word < 2**63 for word in words)

    return check


def words_never_mix_types(layout: Layout) -> Check:
    """A word belongs to one type, and the types' slices are the words, without gap or overlap."""

    @given(DRAWN)
    def check(drawn: Drawn) -> None:
        matrix = layout(drawn.rule_set)
        owners = {(cell.word, version.membership_type) for version, cell in matrix.cells}
        assert sorted(word for word, _ in owners) == list(range(matrix.words))
        assert [word for _, first, after in matrix.slices for word in range(first, after)] == list(range(matrix.words))

    return check


def weights_never_cross_types(layout: Layout) -> Check:
    """R-EVAL-1: whatever hits for the other types, the tally of a type stays what it is."""

    @given(DRAWN)
    def check(drawn: Drawn) -> None:
        matrix, hit = layout(drawn.rule_set), drawn.hit
        for key in (t.key for t in TYPES):
            flooded = [v for v in drawn.rule_set.versions if v.membership_type != key or v in hit]
            words = encode(matrix, flooded)[slice(*matrix.slice_of(key))]
            assert Tally.of(matrix.hits(key, words)) == expected(hit, key)
            assert len([word for word in words if word]) <= len([v for v in hit if v.membership_type == key])

    return check


# ---- the planted faults ---------------------------------------------------------------------------------------------


def laid_out(rule_set: RuleSet, cells: Iterable[Cell]) -> HitMatrix:
    """The matrix with these cells, one per version in canonical order."""
    pairs = tuple(zip(rule_set.versions, cells, strict=True))
    owned: dict[str, list[int]] = {}
    for version, cell in pairs:
        owned.setdefault(version.membership_type, []).append(cell.word)
    words = max((cell.word for _, cell in pairs), default=-1) + 1
    return HitMatrix(pairs, words, tuple((key, min(ws), max(ws) + 1) for key, ws in owned.items()))


def types_share_words(rule_set: RuleSet) -> HitMatrix:
    """One type's versions begin where the other's end, in the same word."""
    return laid_out(rule_set, [Cell(i // BITS, 1 << (i % BITS)) for i in range(len(rule_set.versions))])


def sign_bit_used(rule_set: RuleSet) -> HitMatrix:
    """64 versions a word: the last one makes it negative."""
    return laid_out(rule_set, [Cell(i // 64, 1 << (i % 64)) for i in range(len(rule_set.versions))])


def last_bit_wraps(rule_set: RuleSet) -> HitMatrix:
    """The 63rd version of a word falls on the first one's bit."""
    cells = (cell for _, cell in HitMatrix.of(rule_set).cells)
    return laid_out(rule_set, [replace(cell, mask=1) if cell.mask == 1 << 62 else cell for cell in cells])


def shadows_count(rule_set: RuleSet) -> HitMatrix:
    """Shadow versions take part in the sums."""
    real = HitMatrix.of(rule_set)
    return replace(real, cells=tuple((replace(version, shadow=False), cell) for version, cell in real.cells))


def numbered_backwards(rule_set: RuleSet) -> HitMatrix:
    """Cells are listed last to first, so hits decode in another order."""
    real = HitMatrix.of(rule_set)
    return replace(real, cells=real.cells[::-1])


def types_ignored(rule_set: RuleSet) -> HitMatrix:
    """Every version argues about the first type."""
    real, one = HitMatrix.of(rule_set), TYPES[0].key
    return replace(
        real,
        cells=tuple((replace(v, membership_type=one), cell) for v, cell in real.cells),
        slices=((one, 0, real.words),),
    )


PROOFS: list[Proof] = [
    (bit_counts_are_the_tally, HitMatrix.of, [shadows_count, last_bit_wraps, types_ignored]),
    (words_decode_to_what_was_encoded, HitMatrix.of, [last_bit_wraps, numbered_backwards]),
    (words_are_never_negative, HitMatrix.of, [sign_bit_used]),
    (words_never_mix_types, HitMatrix.of, [types_share_words]),
    (weights_never_cross_types, HitMatrix.of, [types_share_words, types_ignored]),
]


@pytest.mark.parametrize(("property_", "real"), real_things(PROOFS))
def test_the_property_holds(property_: Property, real: object) -> None:
    """Whatever the rule set, the property holds of the layout."""
    holds(property_, real)


@pytest.mark.parametrize(("property_", "fault"), planted_faults(PROOFS))
def test_the_property_notices_a_planted_fault(property_: Property, fault: object) -> None:
    """The same property fails on a layout that is wrong on purpose."""
    notices(property_, fault)


def test_a_type_without_versions_has_no_words() -> None:
    """A membership type nobody has written a rule for takes no place and hits nothing."""
    matrix = HitMatrix.of(rule_set_of(seed=1, size=3, types=1))
    assert (matrix.slice_of("GOLD"), matrix.hits("GOLD", [])) == ((0, 0), ())


def test_a_version_is_found_by_its_key() -> None:
    """The cell of a version is its place in canonical order within its type."""
    rule_set = rule_set_of(seed=1, size=64, types=1)
    matrix = HitMatrix.of(rule_set)
    assert [matrix.cell(v) for v in (rule_set.versions[0], rule_set.versions[62], rule_set.versions[63])] == [
        Cell(0, 1), Cell(0, 1 << 62), Cell(1, 1)
    ]  # fmt: skip
