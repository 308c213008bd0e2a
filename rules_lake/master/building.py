"""One day's master: records read, linked, given their ids, and what survives of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from rules_engine.errors import Fault, RunRefused
from rules_engine.ports import Progress, silent
from rules_lake.master import outside, overrides
from rules_lake.master.clusters import Clusters, Link, Pair, Refusal, joined, parted
from rules_lake.master.identity import Ids, Step, assigned, resolved
from rules_lake.master.linking import Backend, Linkage, Scored
from rules_lake.master.model import Model
from rules_lake.master.overrides import Override
from rules_lake.master.records import Key, Records
from rules_lake.master.settings import Mode, Settings
from rules_lake.master.survivorship import Kept, Survivorship

MasterId = int | str

TOGETHER = "one master before"
"""What brought a pair together that no blocking rule did."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair at or above the review threshold, and what came of it."""

    pair: Scored
    outcome: str


@dataclass(frozen=True, slots=True)
class Member:
    """How a record came to its master: ``because`` and the probability of the link that joined it, if one did."""

    key: Key
    master: MasterId
    because: str
    probability: float | None


@dataclass
class Build:
    """Everything that a build says, before it is written."""

    members: list[Member]
    masters: dict[MasterId, list[int]]
    values: dict[MasterId, Mapping[str, Kept]]
    judged: list[Judged] = field(default_factory=list)
    clusters: Clusters | None = None
    ids: Ids | None = None
    steps: list[Step] = field(default_factory=list)
    model: Model | None = None


OpenBackend = Callable[[], Backend]


def build(
    settings: Settings,
    records: Records,
    day: str,
    decided: Sequence[Override] = (),
    before: Ids | None = None,
    model: Model | None = None,
    backend: OpenBackend | None = None,
    progress: Progress = silent,
) -> Build:
    """
    The master of a day, from its records, what people decided, and the ids and the model of the build before.

    The same input gives the same build, to the last digit, whatever the number of threads.
    """
    if settings.mode is not Mode.BUILT_IN:
        return _taken(settings, records, day)
    if backend is None:
        raise RunRefused(Fault("Master", "no backend was opened to link by.", "Set backend in [linking]."))
    in_force = overrides.in_force(decided)
    compared = frozenset(settings.linking.compare) or settings.roles
    linkage = Linkage(records, settings.linking, compared, backend(), progress)
    model = model if model and linkage.fits(model) else linkage.trained()
    scored = linkage.scored(model, settings.linking.review)
    before = before or Ids(next_id=settings.first_id)
    apart = _parted(records, before, scored, settings.linking.match)
    scored += [p for p in linkage.of_pairs(model, apart, TOGETHER) if p.probability >= settings.linking.match]
    scored.sort(key=lambda pair: (pair.left, pair.right))
    progress(f"Joining {len(scored):,} pairs", 0.8)
    places = {key: place for place, key in enumerate(records.keys)}
    same, different = overrides.rows_of(in_force, places)
    clusters = _clusters(settings, records, scored, (same, different), partial(linkage.of_pairs, model))
    of_rows = clusters.members()
    keys = [[records.keys[row] for row in rows] for rows in of_rows.values()]
    progress(f"Choosing what survives in {len(of_rows):,} masters", 0.85)
    ids = assigned(keys, before, day)
    masters: dict[MasterId, list[int]] = {ids.now[records.keys[rows[0]]]: rows for rows in of_rows.values()}
    return Build(
        _members(records, ids, clusters, {(p.left, p.right): p for p in scored}),
        dict(sorted(masters.items(), key=lambda each: str(each[0]).rjust(20))),
        _values(settings, records, masters),
        _judged(settings, scored, clusters, same, different),
        clusters,
        ids,
        ids.trail[len(before.trail) :],
        model,
    )


def _parted(records: Records, before: Ids, scored: Sequence[Scored], match: float) -> list[Pair]:
    """
    Pairs of one master before that no link joins now.

    A block that grew too large brings nobody together any more; that others arrived parts nobody.
    """
    groups: dict[int, list[int]] = {}
    merged = before.merged()
    for row, key in enumerate(records.keys):
        if key in before.now:
            groups.setdefault(resolved(before.now[key], merged), []).append(row)
    return parted(len(records.keys), ((p.left, p.right) for p in scored if p.probability >= match), groups.values())


def _clusters(
    settings: Settings,
    records: Records,
    scored: Sequence[Scored],
    decided: tuple[set[Pair], set[Pair]],
    of_pairs: Callable[[Iterable[Pair]], Sequence[Scored]],
) -> Clusters:
    def inside(pairs: Iterable[Pair]) -> Mapping[Pair, float]:
        return {(p.left, p.right): p.probability for p in of_pairs(pairs)}

    same, different = decided
    linking = settings.linking
    singles = {source.name for source in settings.sources if source.single}
    links = [Link(a, b, 1.0, True) for a, b in sorted(same)]
    links += [
        Link(p.left, p.right, p.probability)
        for p in scored
        if p.probability >= linking.match and (p.left, p.right) not in different | same
    ]
    of_singles = [source if source in singles else None for source, _ in records.keys]
    return joined(of_singles, links, different, inside, linking.largest, linking.weakest)


def _judged(
    settings: Settings, scored: Sequence[Scored], clusters: Clusters, same: set[Pair], different: set[Pair]
) -> list[Judged]:
    refused = {(r.link.left, r.link.right): r.why for r in clusters.refused}
    found = []
    for pair in scored:
        rows = (pair.left, pair.right)
        together = clusters.of[pair.left] == clusters.of[pair.right]
        if rows in different or rows in same:
            outcome = "decided_different" if rows in different else "decided_same"
        elif rows in refused:
            outcome = str(refused[rows])
        elif together:
            outcome = "linked" if pair.probability >= settings.linking.match else "linked_by_others"
        else:
            outcome = "review" if pair.probability < settings.linking.match else str(Refusal.CHAINED)
        found.append(Judged(pair, outcome))
    return found


def _members(records: Records, ids: Ids, clusters: Clusters, scored: Mapping[Pair, Scored]) -> list[Member]:
    """Each record with the strongest link that holds it in its cluster."""
    strongest: dict[int, Link] = {}
    for each in clusters.tree:
        strongest.setdefault(each.left, each)
        strongest.setdefault(each.right, each)
    found = []
    for row, key in enumerate(records.keys):
        link = strongest.get(row)
        if link is None:
            found.append(Member(key, ids.now[key], "alone", None))
            continue
        other = overrides.spelt(records.keys[link.right if link.left == row else link.left])
        if link.decided:
            found.append(Member(key, ids.now[key], f"decided same as {other}", None))
        else:
            pair = scored[(link.left, link.right)]
            found.append(Member(key, ids.now[key], f"linked to {other} by {pair.rule}", pair.probability))
    return found


def _taken(settings: Settings, records: Records, day: str) -> Build:
    """A master whose ids are decided outside."""
    said = outside.ids(settings, records, day)
    numbers = outside.typed(list(said.values())).to_pylist()
    of = dict(zip(said, numbers, strict=True))
    masters: dict[MasterId, list[int]] = {}
    for row, key in enumerate(records.keys):
        if key in of:
            masters.setdefault(of[key], []).append(row)
    masters = dict(sorted(masters.items()))
    members = [Member(key, of[key], str(settings.mode), None) for key in records.keys if key in of]
    return Build(members, masters, _values(settings, records, masters))


def _values(
    settings: Settings, records: Records, masters: Mapping[MasterId, Sequence[int]]
) -> dict[MasterId, Mapping[str, Kept]]:
    survivorship = Survivorship(settings, records)
    return {master_id: survivorship.of(rows) for master_id, rows in masters.items()}
