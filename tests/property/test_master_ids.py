"""Master ids over days in which records arrive, leave, change, merge and are parted (R-LAKE-5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest

from demo.people import Person, moved, people, soiled
from rules_lake.master import tables
from rules_lake.master.building import Build, build
from rules_lake.master.identity import Ids, Trail, assigned, resolved
from rules_lake.master.linking import InDuckDB
from rules_lake.master.model import Model
from rules_lake.master.overrides import DIFFERENT, SAME, Override
from rules_lake.master.records import Key
from tests.master_days import records, settings_of

DECIDED = ("001", "003", "005")
"""Persons of whom something is decided on the way."""

DAYS = [f"2024-06-{day:02}" for day in range(1, 11)]
Assign = Callable[[Sequence[Sequence[Key]], Ids, str], Ids]


def check_day(clusters: Sequence[Sequence[Key]], before: Ids, after: Ids, day: str) -> None:
    """What must hold of a day's ids, whatever the clusters."""
    of = [{after.now[key] for key in cluster} for cluster in clusters]
    assert all(len(ids) == 1 for ids in of), "a cluster has one id"
    alive = [next(iter(ids)) for ids in of]
    assert len(set(alive)) == len(alive), "an id is of one cluster"
    merged, present = after.merged(), {key for cluster in clusters for key in cluster}
    told = {step.master_id for step in after.trail if step.day == day} | {
        step.other for step in after.trail if step.day == day
    }
    for key, master_id in before.now.items():
        then = resolved(master_id, before.merged())
        assert key in present or after.now[key] == master_id, "who is absent keeps the id"
        if key in present and after.now[key] != then:
            mates = [k for k, m in before.now.items() if resolved(m, before.merged()) == then and k in present]
            assert then in told or any(after.now[k] == then for k in mates), (
                "a record's other id is told, or others kept it"
            )
        if key in present:
            assert resolved(then, merged) in alive, "an id of somebody present leads to one who is alive"
    assert all(step.master_id < after.next_id for step in after.trail)
    issued = [step.master_id for step in after.trail if step.event in (Trail.ISSUED, Trail.SPLIT_FROM)]
    assert len(issued) == len(set(issued)), "no id is issued twice"


def wander(assign: Assign, seed: int) -> None:
    """Ten days of clusters that merge, split, lose and gain records at random."""
    chance, ids = Random(seed), Ids()
    clusters: list[list[Key]] = [[("a", f"{n}-{m}") for m in range(chance.randint(1, 3))] for n in range(12)]
    away: list[Key] = []
    for day in DAYS:
        if chance.random() < 0.8:
            one, other = chance.sample(range(len(clusters)), 2)
            clusters[one] += clusters[other]
            del clusters[other]
        if chance.random() < 0.8:
            big = max(clusters, key=len)
            clusters.append([big.pop(chance.randrange(len(big))) for _ in range(len(big) // 2)])
        clusters = [cluster for cluster in clusters if cluster]
        clusters.append([*away, ("b", day)])
        away = [clusters[0].pop(0)] if len(clusters[0]) > 1 else []
        after = assign([sorted(cluster) for cluster in clusters], ids, day)
        check_day(clusters, ids, after, day)
        ids = after


@pytest.mark.parametrize("seed", range(60))
def test_ids_of_any_clusters(seed: int) -> None:
    """However clusters merge and split, an id follows its records or leads to where they went."""
    wander(assigned, seed)


def issued_anew(clusters: Sequence[Sequence[Key]], before: Ids, day: str) -> Ids:
    return assigned(clusters, replace(before, now={}, first={}), day)


def trail_forgotten(clusters: Sequence[Sequence[Key]], before: Ids, day: str) -> Ids:
    after = assigned(clusters, before, day)
    return replace(after, trail=[step for step in after.trail if step.event is not Trail.MERGED_INTO])


def number_used_again(clusters: Sequence[Sequence[Key]], before: Ids, day: str) -> Ids:
    return replace(assigned(clusters, before, day), next_id=before.next_id)


@pytest.mark.parametrize("wrong", [issued_anew, trail_forgotten, number_used_again])
def test_the_check_notices(wrong: Assign) -> None:
    """Ids issued anew each day, merges that leave no trail, and numbers used again are noticed."""

    def seeds() -> None:
        for seed in range(20):
            wander(wrong, seed)

    with pytest.raises(AssertionError):
        seeds()


def test_ten_days_of_two_systems() -> None:
    """Arrivals, edits, moves, absences and decisions: whom nobody decided about keeps the id; the last day again is equal."""
    chance, everybody = Random(4), people(70, 4)
    settings = settings_of(["crm", "web"])
    there: dict[Key, Person] = {("crm", f"{p.number:03}"): p for p in everybody[:50]}
    there |= {("web", f"{p.number:03}"): soiled(p, chance, 1) for p in everybody[:50:2]}
    ids, model, decided = Ids(), None, list[Override]()
    first: dict[str, int] = {}
    made: Build | None = None
    for number, day in enumerate(DAYS):
        came = everybody[50 + 2 * number : 52 + 2 * number]
        there |= {("crm", f"{p.number:03}"): p for p in came}
        for key in chance.sample(sorted(there), 3):
            there[key] = moved(there[key], chance)
        away = set(chance.sample(sorted(key for key in there if key[1] not in DECIDED), 2))
        decided += decisions(day)
        today = records(settings, {key: person for key, person in there.items() if key not in away})
        before, used = ids, model
        made = build(settings, today, day, decided, ids, model, lambda: InDuckDB(settings.linking))
        ids, model = taken(made)
        check_day([[today.keys[row] for row in rows] for rows in made.masters.values()], before, ids, day)
        for key in today.keys:
            if key[1] not in DECIDED:
                assert first.setdefault(key[1], ids.now[key]) == ids.now[key], f"{key} on {day}"
        assert (ids.now["crm", "001"] == ids.now["crm", "003"]) is (DAYS[3] <= day < DAYS[7])
        assert (ids.now["crm", "005"] == ids.now["web", "005"]) is not (DAYS[5] <= day)
    again = build(settings, today, DAYS[-1], decided, before, used, lambda: InDuckDB(settings.linking))
    assert made is not None
    ours, theirs = tables.all_of(settings, today, made), tables.all_of(settings, today, again)
    assert all(ours[name].equals(theirs[name]) for name in ours)


def taken(made: Build) -> tuple[Ids, Model]:
    assert made.ids is not None
    assert made.model is not None
    return made.ids, made.model


def decisions(day: str) -> list[Override]:
    """On the fourth day two persons become one, on the sixth a person's records are parted, on the eighth the two are two again."""
    one, other, web = ("crm", "001"), ("crm", "003"), ("web", "005")
    said = {DAYS[3]: (SAME, one, other), DAYS[5]: (DIFFERENT, ("crm", "005"), web), DAYS[7]: (DIFFERENT, one, other)}
    return [Override(*said[day], "they telephoned", "ann", day)] if day in said else []
