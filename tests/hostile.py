"""
Rules that are hostile however they come out: each kind of disguise, put together by chance from its parts.

They need no judge: whichever of them is accepted is a leak. ``order`` alone may be accepted with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random

from rules_engine.model.rules import Form
from tests import hostile_words as words
from tests.gate import Line
from tests.mutants import World

TEXT, DAY, NUMBER = "text", "day", "number"


def kind_of(type_: str) -> str:
    """What the words call a column's type; empty for what they have no word for."""
    simple = type_.split("(", maxsplit=1)[0].lower()
    numbers = {"tinyint", "smallint", "int", "bigint", "decimal"}
    return NUMBER if simple in numbers else {"string": TEXT, "date": DAY}.get(simple, "")


class Maker:
    """Puts one rule together for one world."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random = world, random
        self.key = world.schema.subject_key
        held = {frame.lower() for frame, key in world.schema.subject_keys.items() if key.lower() == self.key.lower()}
        self.frames = [frame for frame in world.frames if frame.lower() in held]
        self.frame = world.schema.subject

    def any(self, *options: str, **parts: object) -> str:
        """One of the options, with its parts in it."""
        chosen = self.random.choice(options)
        return chosen.format(**parts) if parts else chosen

    def column(self, frame: str, kind: str = "") -> tuple[str, str]:
        """A column and its kind; the subject's key where the frame has none of that kind."""
        kinds = {name: kind_of(type_) for name, type_ in self.world.schema.columns[frame].items()}
        fits = [(name, of) for name, of in kinds.items() if of and (not kind or of == kind)]
        return self.random.choice(fits or [(self.key, kinds[self.key])])

    def of(self, table: Mapping[str, tuple[str, ...]], frame: str, alias: str = "") -> str:
        """An expression of a table over a column of a frame."""
        name, kind = self.column(frame)
        return self.any(*table[kind], *table["any"], x=f"{alias}{name}")

    def beside_the_key(self) -> str:
        """A column of the subject's frame that several subjects share."""
        return self.random.choice([name for name in self.world.schema.columns[self.frame] if name != self.key])

    def day(self) -> str:
        name, kind = self.column(self.frame, DAY)
        return name if kind == DAY else "date '2024-01-01'"

    def number(self) -> str:
        name, kind = self.column(self.frame, NUMBER)
        return name if kind == NUMBER else "5"

    def text(self) -> str:
        name, kind = self.column(self.frame, TEXT)
        return name if kind == TEXT else "'abc'"

    def query(self, sql: str) -> Line:
        frame = self.random.choice(self.frames)
        whole = self.any(*words.WRAPPED, q=sql, key=self.key, frame=frame)
        return Line("hostile", Form.STATEMENT, "reject", whole)

    def condition(self, sql: str) -> Line:
        return Line("hostile", Form.PREDICATE, "reject", self.any(*words.HELD, c=sql, key=self.key, frame=self.frame))

    def either(self, condition: str) -> Line:
        """A condition, or the query of those for whom it is true."""
        if self.random.random() < 0.6:
            return self.condition(condition)
        return self.query(f"select {self.key} from {self.frame} where {condition}")

    def selected(self, item: str, asked: str) -> Line:
        """A query of rows of which something is computed beside the key."""
        return self.query(f"select {self.key} from (select {self.key}, {item} from {self.frame}) t where {asked}")


def _untied(maker: Maker, one: str, other: str, a: str, b: str) -> str:
    """What holds no rows of one frame to rows of another."""
    ways = maker.random.random()
    if ways < 0.45:
        parts = {"a": f"{a}{maker.key}", "b": f"{b}{maker.key}", "filter": f"{b}{maker.key} > 5"}
        said = maker.any(*words.NO_KEY, **parts)
    elif ways < 0.6:  # the same of one column on both sides, so that their types fit
        name, kind = (
            maker.column(one) if one == other else (maker.key, kind_of(maker.world.schema.columns[one][maker.key]))
        )
        lost = maker.any(*words.LOST[kind], *words.LOST["any"], x="{0}" + name)
        said = maker.any(*words.AGAINST, one=lost.format(a), other=lost.format(b))
    elif ways < 0.75:
        table = maker.random.choice((words.ONE_NUMBER, words.ONE_NUMBER, words.ONE_TEXT, words.FEW))
        said = maker.any(*words.AGAINST, one=maker.of(table, one, a), other=maker.of(table, other, b))
    else:
        said = maker.any(*words.AGAINST, one=maker.of(words.FEW, one, a), other=maker.of(words.ONE_NUMBER, other, b))
    return maker.any(
        "{said}", "{said}", "({said}) and {b} > 5", "{b} is not null and ({said})", said=said, b=b + maker.key
    )


def _joined(maker: Maker) -> Line:
    one, other = (maker.random.choice(maker.frames) for _ in range(2))
    tie = _untied(maker, one, other, "c.", "o.")
    how = maker.any(*words.JOINS)
    shape = maker.any(
        f"{{one}} c {how} {{other}} o on {{tie}}",
        "{one} c, {other} o where {tie}",
        "{one} c cross join {other} o where {tie}",
        f"(select * from {{one}}) c {how} (select * from {{other}}) o on {{tie}}",
    )
    return maker.query(f"select c.{maker.key} from " + shape.format(one=one, other=other, tie=tie))


def _by_made_keys(maker: Maker) -> Line:
    """Keys of one value or a few that were made in a step before, and meet by ON, USING or NATURAL."""
    one, other = (maker.random.choice(maker.frames) for _ in range(2))
    table = maker.random.choice((words.ONE_NUMBER, words.ONE_NUMBER, words.ONE_TEXT, words.FEW))
    k, j = maker.of(table, one), maker.of(table, other)
    if maker.random.random() < 0.3:
        (x, _), (y, _) = maker.column(one), maker.column(other)
        k, j = (
            maker.any(*words.SAME_FOR_ALL, x=name, frame=frame, key=maker.key) for name, frame in ((x, one), (y, other))
        )
    how = maker.any(*words.JOINS[:5])
    met, hidden = maker.any(
        f"{how} v on w.k = v.k#k",
        f"{how} v on v.k <=> w.k and w.k is not null#k",
        f"{how} v using (k)#k",
        f"natural {how} v#k",
        f"natural {how} v#h",
        f"{how} v on w.k * 1 = v.k#k",
    ).split("#")
    first = f"select {maker.key}, {k} as k from {one}"
    second = f"select {j} as {hidden} from {other}"
    if maker.random.random() < 0.5:
        return maker.query(f"with w as ({first}), v as ({second}) select w.{maker.key} from w {met}")
    return maker.query(f"select w.{maker.key} from ({first}) w " + re.sub(r"\bjoin v\b", f"join ({second}) v", met))


def _asked_outside(maker: Maker) -> Line:
    """Sub-queries that ask about the row outside and hold nothing to it."""
    other = maker.random.choice(maker.frames)
    outer, key, frame = f"{maker.frame}.", maker.key, maker.frame
    tie = _untied(maker, frame, other, outer, "o.")
    asked = f"o.{key} > {outer}{key}"
    if maker.random.random() < 0.2:  # NOT NOT IN would be IN, which ties
        denied = maker.any(
            f"{key} not in (select o.{key} from {other} o where {asked})",
            f"({key}, 1) not in (select o.{key}, 1 from {other} o)",
            f"{key} not in (select {key} from {other}) or {key} > 5",
            f"case when {key} in (select {key} from {other}) and {key} > 5 then false else not ({key} in (select {key} from {other})) end",
            f"not ({key} in (select {key} from {other}) and {key} > 5)",
            f"coalesce({key} not in (select {key} from {other}), true)",
        )
        return maker.query(f"select {key} from {frame} where {denied}")
    return maker.either(
        maker.any(
            f"exists (select 1 from {other} o where {tie} and {asked})",
            f"not exists (select 1 from {other} o where {tie} and {asked})",
            f"(select count(*) from {other} o where {tie} and {asked}) > 2",
            f"1 in (select 1 from {other} o where {asked})",
            f"'a' in (select 'a' from {other} o where {tie} and {asked})",
            f"{key} in (select {outer}{key} from {other} o where {asked})",
            f"{key} * 0 in (select o.{key} * 0 from {other} o where {asked})",
        )
    )


def _returned(maker: Maker) -> Line:
    """Sub-queries that are held to the row outside, and return another value of it: Spark needs that first."""
    other, key, frame = maker.random.choice(maker.frames), maker.key, maker.frame
    name, rows = f"{frame}.{maker.beside_the_key()}", f"from {other} o where o.{key} = {frame}.{key}"
    derived = f"(select o.{key}, {name} as x from {other} o)"
    return maker.either(
        maker.any(
            f"exists (select {name} {rows})",
            f"not exists (select distinct {name} is null {rows})",
            f"{name} in (select {name} {rows})",
            f"exists (select 1 from {derived} t where t.{key} = {frame}.{key})",
        )
    )


def product(maker: Maker) -> Line:
    """G2: rows of one frame meet all rows of another."""
    return maker.random.choice((_joined, _joined, _by_made_keys, _asked_outside, _returned))(maker)


def _grown(maker: Maker, first: str, forms: tuple[str, ...], steps: int, asked: str) -> Line:
    """A value that grows in every step of WITH, or in itself."""
    column = maker.random.choice("ta")
    made = [f"s0 as (select {maker.key}, {first} as {column} from {maker.frame})"]
    for step in range(1, steps + 1):
        more = maker.any(*forms).format(t=column, a=column)
        made.append(f"s{step} as (select {maker.key}, {more} as {column} from s{step - 1})")
    return maker.query(f"with {', '.join(made)} select {maker.key} from s{steps} where {asked.format(column)}")


def _nested(maker: Maker) -> str:
    """Functions of elements within each other, deeper than is allowed."""
    said, number = f"x0 > {maker.number()}", maker.number()
    for depth in range(maker.random.randint(3, 6)):
        array = f"array({', '.join([number] * maker.random.randint(2, 9))})" if depth % 2 else f"array(1, 2, {number})"
        said = maker.any(*words.NESTED, a=array, v=f"x{depth}", inner=said)
    return said


def _many_distinct(maker: Maker) -> Line:
    name, number = maker.number(), maker.random.randint(18, 40)
    call = maker.any("count(distinct {} + {})", "sum(distinct {} * {})", "count(distinct {}, {})")
    asked = " + ".join(call.format(name, at) for at in range(2, number + 2))
    return maker.query(f"select {maker.key} from {maker.frame} group by {maker.key} having {asked} > 5")


def _many_rows(maker: Maker) -> Line:
    """Rows that are taken several times in every step."""
    array = f"array({', '.join(map(str, range(20)))})"
    views = " ".join(f"lateral view explode(a) v{at} as e{at}" for at in range(3))
    exploded = f"select {maker.key} from (select {maker.key}, {array} as a from {maker.frame}) t {views} where e0 = e2"
    made = [f"s0 as (select {maker.key} from {maker.frame})"]
    for step in range(1, 7):
        more = " union all ".join([f"select {maker.key} from s{step - 1}"] * 5)
        made.append(f"s{step} as ({more})")
    united = f"with {', '.join(made)} select {maker.key} from s6"
    return maker.query(maker.random.choice((exploded, united)))


def cost(maker: Maker) -> Line:
    """G3: values that grow, and work that takes long for each row."""
    text, key = maker.text(), maker.key
    long = maker.any(*words.LONG, x=text)
    short = {"x": text, "k": key}
    asked: list[Callable[[], Line]] = [
        lambda: maker.either(maker.any(*words.LOOKED_AT, t=long)),
        lambda: maker.either(f"levenshtein({long}, {maker.any(*words.LONG, x=text)} || {long}) > 5"),
        lambda: maker.either(_nested(maker)),
        lambda: _grown(maker, text, words.DOUBLED, maker.random.randint(7, 9), "length({}) > 5"),
        lambda: _grown(maker, f"array({text}, 'b')", words.ELEMENTS, maker.random.randint(7, 9), "size({}) > 5"),
        lambda: _many_distinct(maker),
        lambda: _many_rows(maker),
        lambda: maker.selected(maker.any(*words.COLLECTED, **short), "n is not null"),
        lambda: maker.selected(f"{maker.any(*words.SLIDING, **short)} as n", "n is not null"),
        lambda: maker.either(f"{text} {maker.any('rlike', 'regexp')} '{maker.any(*words.BAD_PATTERNS)}'"),
        lambda: maker.either(f"regexp_like({text}, '{maker.any(*words.BAD_PATTERNS)}')"),
    ]
    return maker.random.choice(asked)()


def machine(maker: Maker) -> Line:
    """G5: answers that differ by Spark or Java."""
    day, key, chance = maker.day(), maker.key, maker.random.random()
    if chance < 0.15:
        return maker.either(maker.any(*words.OF_DAYS, day=day))
    if chance < 0.25:
        return maker.selected(f"{maker.any(*words.RANGED, day=day, k=key)} as n", "n > 5")
    made = maker.any(*words.DOUBLES, n=maker.number(), frame=maker.frame)
    return maker.either(maker.any(*words.AS_TEXT, d=made))


def clock(maker: Maker) -> Line:
    """G1: texts in which Spark reads its clock."""
    said = maker.any(*words.TODAY)
    cut = maker.random.randint(1, len(said) - 1)
    text = maker.any(*words.WRITTEN, a=said[:cut], b=said[cut:], n=len(said), frame=maker.frame)
    ways = maker.random.random()
    if ways < 0.4:
        read = maker.any(*[form for form in words.READ if form not in words.AS_DAYS])
        if ways < 0.1:
            return maker.either(f"exists(array({text}), v -> {read.format(t='v', day=maker.day(), frame=maker.frame)})")
        made = read.format(t="t", day="d", frame=maker.frame)
        return maker.selected(f"{maker.day()} as d, {text} as t", made)
    return maker.either(maker.any(*words.READ, t=text, day=maker.day(), frame=maker.frame))


def order(maker: Maker) -> Line:
    """G4: what is picked among rows that all tie."""
    name, number = maker.beside_the_key(), maker.number()
    by = ", ".join(
        maker.of(maker.random.choice((words.ONE_NUMBER, words.ONE_TEXT)), maker.frame)
        for _ in range(maker.random.choice((1, 1, 2)))
    )
    if maker.random.random() < 0.7:
        return maker.selected(f"{maker.any(*words.PICKS, x=name, n=number, o=by)} as p", "p is not null")
    most = maker.any(*words.MOST, x=maker.key, o=by.split(", ")[0] if by.count("(") == 0 else f"struct({by})")
    return maker.query(f"select {most} as {maker.key} from {maker.frame} group by {name}")


KINDS: Mapping[str, Callable[[Maker], Line]] = {
    "clock": clock,
    "product": product,
    "cost": cost,
    "order": order,
    "machine": machine,
}


def hostile(kind: str, world: World, random: Random) -> Line:
    """A rule of a kind, from the words and the columns of a world."""
    return KINDS[kind](Maker(world, random))
