"""Drawing what a change does to everybody: for a plan, a what-if and two runs alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from console.screen import row, table
from rules_engine.review.between import Flips
from rules_engine.review.effect import Cause, Effect, ShadowEffect, TypeEffect
from rules_engine.review.masks import STARS

WAYS = ("before", "gained", "lost", "after", "held", "absent")


def drawn(effect: Effect) -> Iterator[RenderableType]:
    """Members before and after by type, then why, then the rules that were changed and the shadow rules."""
    shown = [w for w in WAYS if w not in ("held", "absent") or any(getattr(t, w) for t in effect.types)]
    counts = table("membership type", *shown, right=shown)
    for of_type in effect.types:
        row(counts, of_type.membership_type, *(f"{getattr(of_type, way):,}" for way in shown))
    yield counts
    for of_type in effect.types:
        if of_type.causes:
            yield ""
            yield from _causes(of_type)
    if effect.rules:
        yield ""
        yield _rules(effect)
    if effect.shadows:
        yield ""
        yield shadow_table(effect.shadows)
    yield ""


def examples(flips: Sequence[Cause] | Sequence[Flips]) -> list[list[str]]:
    """A cell a row with the first who gain and lose; none where subjects are not named to whoever asks."""
    signed = [[*(f"+{s}" for s in each.gains[:2]), *(f"−{s}" for s in each.losses[:2])] for each in flips]
    masked = any(sample.endswith(STARS) for samples in signed for sample in samples)
    return [[] if masked else [" ".join(samples)] for samples in signed]


def _causes(of_type: TypeEffect) -> Iterator[RenderableType]:
    named = examples(of_type.causes)
    shown = ["gained", "lost", "because", *(["for example"] if any(named) else [])]
    drawn = table(of_type.membership_type, *shown, right=["gained", "lost"])
    for cause, of_cause in zip(of_type.causes, named, strict=True):
        row(drawn, "", f"{cause.gained:,}", f"{cause.lost:,}", cause.words, *of_cause)
    yield drawn
    events = {*of_type.events, *of_type.events_before}
    moved = {e: (of_type.events_before.get(e, 0), of_type.events.get(e, 0)) for e in sorted(events)}
    yield "  " + ", ".join(f"{e} {was:,} → {is_:,}" for e, (was, is_) in moved.items() if was != is_)


def _rules(effect: Effect) -> RenderableType:
    numbers = ("hits before", "hits", "unknown before", "unknown")
    drawn = table("rule", *numbers, right=numbers)
    for rule in effect.rules:
        counts = (rule.hits_before, rule.hits, rule.unknown_before, rule.unknown)
        row(drawn, rule.key, *("" if count is None else f"{count:,}" for count in counts))
    return drawn


def shadow_table(shadows: Sequence[ShadowEffect]) -> RenderableType:
    """Per shadow rule, who would flip if it alone counted."""
    drawn = table("shadow rule", "type", "would gain", "would lose", right=["would gain", "would lose"])
    for shadow in shadows:
        row(drawn, shadow.key, shadow.membership_type, f"{shadow.gained:,}", f"{shadow.lost:,}")
    return drawn


def in_words(effect: Effect) -> str:
    """What it comes to, in one sentence."""
    if not effect.changes:
        return "Nobody's membership would be another."
    gained, lost = (sum(getattr(t, way) for t in effect.types) for way in ("gained", "lost"))
    return f"{gained:,} memberships would be gained and {lost:,} lost."
