"""Changes of a rule's words that are hostile in disguise: clocks, orders by nothing, joins by nothing, growth, digits."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tests.mutant_words import CLOCKS, DAYS, DIGITS, GROWN, KEYLESS, ORDERS, PICKED, TAKEN

if TYPE_CHECKING:
    from tests.mutants import World

Words = list[str]


def at_one(words: Words, random: Random, fits: Callable[[str], object] = str.strip) -> int:
    """A place whose word fits, else any."""
    places = [at for at, word in enumerate(words) if fits(word)] or range(len(words))
    return random.choice(places)


def clock(words: Words, world: World, random: Random) -> None:
    """A text that Spark could read as its clock, where a value or a column stands."""
    at = at_one(words, random, lambda word: word.startswith("'") or word in {*world.columns, "as_of"})
    column, frame = random.choice(world.columns), random.choice(world.frames)
    text = random.choice(CLOCKS)
    made = random.choice(DAYS).format(text=text, column=column, frame=frame, word=words[at])
    words[at] = made if words[at] != "as_of" else "as_of"


def order(words: Words, world: World, random: Random) -> None:
    """An order by nothing, in a window or of ``max_by``: where one is, else around the whole or in a column's place."""
    column, frame, key = random.choice(world.columns), random.choice(world.frames), world.schema.subject_key
    by = random.choice(ORDERS).format(column=column, key=key)
    places = [at for at, word in enumerate(words) if word.lower() == "by"]
    if places and random.random() < 0.6:
        words.insert(random.choice(places) + 1, f" {by}{random.choice((',', ' --', ''))} ")
    elif random.random() < 0.5:
        words[at_one(words, random, {*world.columns}.__contains__)] = random.choice(TAKEN).format(
            column=column, order=by
        )
    else:
        pick = random.choice(PICKED).format(column=column, order=by)
        words[:] = [f"select {key} from (select {key}, {column}, {pick} as p from {frame}) where p is not null"]


def product(words: Words, world: World, random: Random) -> None:
    """After an equality something with which Spark compares it, or in its place one that compares nothing."""
    places = [at for at, word in enumerate(words) if word in {"=", "<=>"}]
    if not places:
        return
    at = random.choice(places)
    column = random.choice(world.columns)
    if random.random() < 0.5:
        ends = [end for end in range(at + 1, len(words)) if words[end].strip() and words[end] not in {".", "("}]
        end = next((end for end in ends if end + 1 >= len(words) or words[end + 1] not in {".", "("}), len(words) - 1)
        words[end] += f" {random.choice(KEYLESS['beside'])}"
    else:
        words[at] = random.choice(KEYLESS["between"]).format(sign=words[at], column=column)


def growth(words: Words, world: World, random: Random) -> None:
    """What grows or works long, where a value or a column stands."""
    _wrap(words, world, random, GROWN)


def digits(words: Words, world: World, random: Random) -> None:
    """What comes out differently on another Spark or Java, where a value or a column stands."""
    _wrap(words, world, random, DIGITS)


def _wrap(words: Words, world: World, random: Random, forms: tuple[str, ...]) -> None:
    at = at_one(words, random, lambda word: word.startswith("'") or word.isdigit() or word in {*world.columns})
    words[at] = random.choice(forms).format(word=words[at], column=random.choice(world.columns))
