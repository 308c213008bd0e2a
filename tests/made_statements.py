"""
Made statements over the small lake beside Spark's answer to each alone: ``python -m tests.made_statements [--rules N] [--seed S]``.

The wordings of :mod:`tests.property.wordings` are ones that somebody thought of. These are put together by chance of what
analysts put together: rows that are there or not, what a subject's rows come to, groups, windows, look-ups, sets, and
conditions that hold two of these against each other. All are asked together, as a run asks; exit 1 if one hits others than
Spark returns for it alone. Orders are total, so that there is one answer.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from rules_engine.java import find_java
from rules_engine.spark import session
from tests import small_lake
from tests.asked_together import MakeLake, alone, hits_of
from tests.made_pairs import Pairs
from tests.made_parts import COMPARED
from tests.made_points import Points
from tests.made_shapes import Shapes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BATCH = 200
"""Statements that are asked together."""


class Maker(Shapes, Pairs, Points):
    """Statements by chance."""

    def statement(self) -> str:
        """A statement, or a condition over customers."""
        shapes = (
            self.having, self.there, self.within, self.scalar, self.joined, self.rows_joined, self.windows, self.windows,
            self.groups, self.sets, self.other_groups, self.named, self.looked_up, self.condition, self.of_customers,
            self.two_joined, self.window_of_customers, self.beyond, self.among_last, self.of_all, self.lists, self.by_key,
            self.placed_groups, self.first_of_all, self.of_others, self.windows_of_two, self.paired, self.fanned, self.of_products,
            self.put_together, self.one_in_another, self.told_beside,
            self.counted_among, self.windows_joined, self.more_groups, self.points, self.others_there, self.others_counted,
            self.self_joined, self.listed, self.filtered_groups, self.own_calls,
        )  # fmt: skip
        return self._note(self.random.choice(shapes))

    def _note(self, shape: Callable[[], str]) -> str:
        self.made[shape.__name__] += 1
        return shape()

    def having(self) -> str:
        return f"SELECT customer_id FROM holdings{self.where()} GROUP BY customer_id HAVING {self.group_having()}"

    def inner(self, more: str = "") -> str:
        return f"holdings h WHERE h.customer_id = c.customer_id{self.where('h.', ' AND', 0.8)}{more}"

    def there(self) -> str:
        more = f" GROUP BY h.customer_id HAVING {self.group_having('h.')}" if self.chance(0.3) else ""
        also = f" AND {self.customer()}" if self.chance(0.3) else ""
        tied = f" AND h.balance {self.one(*COMPARED)} c.spend" if self.chance(0.2) and not more else ""
        return f"SELECT c.customer_id FROM customers c WHERE {self.one('', 'NOT ')}EXISTS (SELECT 1 FROM {self.inner(tied + more)}){also}"

    def within(self) -> str:
        more = f" GROUP BY h.customer_id HAVING {self.group_having('h.')}" if self.chance(0.3) else ""
        given = " AND h.customer_id IS NOT NULL" if self.chance(0.5) else ""
        some = f"SELECT h.customer_id FROM holdings h WHERE {self.rows('h.')}{given}{more}"
        return f"SELECT c.customer_id FROM customers c WHERE c.customer_id {self.one('', 'NOT ')}IN ({some})"

    def of_rows(self) -> str:
        return f"(SELECT {self.aggregate('h.')} FROM {self.inner()})"

    def scalar(self) -> str:
        return f"SELECT c.customer_id FROM customers c WHERE {self.both(lambda: self.about(self.of_rows(), self.of_rows(), 'c.'))}"

    def grouped(self, name: str) -> str:
        having = f" HAVING {self.group_having()}" if self.chance(0.2) else ""
        of = f"SELECT customer_id, {self.aggregate()} AS a, {self.aggregate()} AS b FROM holdings{self.where()} GROUP BY customer_id"
        return f"({of}{having}) {name}"

    def joined(self) -> str:
        kind = self.one("JOIN", "LEFT JOIN", "LEFT JOIN")
        also = f" AND {self.customer()}" if self.chance(0.3) else ""
        asked = self.both(lambda: self.about(*self.random.sample(["x.a", "x.b"], 2), "c."))
        return f"SELECT c.customer_id FROM customers c {kind} {self.grouped('x')} ON x.customer_id = c.customer_id WHERE {asked}{also}"

    def two_joined(self) -> str:
        kinds = self.one("JOIN", "LEFT JOIN"), self.one("JOIN", "LEFT JOIN")
        one, two = (
            f"{kind} {self.grouped(n)} ON {n}.customer_id = c.customer_id" for kind, n in zip(kinds, "xy", strict=True)
        )
        asked = self.both(lambda: self.about(self.one("x.a", "x.b"), self.one("y.a", "y.b"), "c."))
        return f"SELECT c.customer_id FROM customers c {one} {two} WHERE {asked}"

    def rows_joined(self) -> str:
        kind = self.one("JOIN", "LEFT JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN", "RIGHT JOIN", "FULL JOIN")
        on = f"h.customer_id = c.customer_id{self.where('h.', ' AND', 0.5)}"
        if kind in {"LEFT SEMI JOIN", "LEFT ANTI JOIN"}:
            return f"SELECT c.customer_id FROM customers c {kind} holdings h ON {on} WHERE {self.customer()}"
        asked = self.one(
            "h.customer_id IS NULL",
            self.rows("h."),
            f"{self.rows('h.')} AND {self.customer()}",
            f"({self.rows('h.')} OR {self.customer()})",
        )
        if self.chance(0.3):
            return f"SELECT c.customer_id FROM customers c {kind} holdings h ON {on} WHERE {asked} GROUP BY c.customer_id HAVING {self.group_having('h.')}"
        return f"SELECT c.customer_id FROM customers c {kind} holdings h ON {on} WHERE {asked}"

    def windows(self) -> str:
        inner = f"SELECT customer_id, holding_id, product, role, balance, {self.window()} AS w, {self.window()} AS v FROM holdings{self.where(least=0.4)}"
        sides = ["w", "v", "balance"]
        asked = self.both(lambda: self.about(*self.random.sample(sides, 2)))
        also = f" AND {self.rows('')}" if self.chance(0.3) else ""
        if self.chance(0.25):
            self.made["groups of windows"] += 1
            of = self.one("sum", "max", "min", "count"), self.one("w", "v")
            return f"SELECT customer_id FROM ({inner}) t{self.where(least=0.4)} GROUP BY customer_id HAVING {self.about(f'{of[0]}({of[1]})', 'count(*)')}"
        return f"SELECT customer_id FROM ({inner}) t WHERE {asked}{also}"

    def window_of_customers(self) -> str:
        by = self.one("country", "country", "joined", "country, joined")
        ordered = self.one("spend, customer_id", "spend DESC NULLS LAST, customer_id", "customer_id DESC")
        value = self.one(
            f"row_number() OVER (PARTITION BY {by} ORDER BY {ordered})", f"count(*) OVER (PARTITION BY {by})", f"avg(spend) OVER (PARTITION BY {by})",
            f"max(spend) OVER (PARTITION BY {by})", f"sum(spend) OVER (PARTITION BY {by} ORDER BY {ordered})", f"rank() OVER (ORDER BY {ordered})",
            f"lag(spend) OVER (PARTITION BY {by} ORDER BY {ordered})",
        )  # fmt: skip
        filtered = f" WHERE {self.customer('')}" if self.chance(0.4) else ""
        return f"SELECT customer_id FROM (SELECT customer_id, country, spend, {value} AS w FROM customers{filtered}) t WHERE {self.both(lambda: self.about('w', 'spend'))}"

    def groups(self) -> str:
        by = self.one("customer_id, product", "customer_id, role", "customer_id, product, role")
        having = f" HAVING {self.group_having()}" if self.chance(0.4) else ""
        inner = f"SELECT {by}, {self.aggregate()} AS a FROM holdings{self.where()} GROUP BY {by}{having}"
        if self.chance(0.4):
            return f"SELECT customer_id FROM ({inner}) t WHERE {self.both(lambda: self.about('a'))}"
        of = self.one("sum(a)", "max(a)", "min(a)", "count(a)", "count(*)", "avg(a)")
        return f"SELECT customer_id FROM ({inner}) t GROUP BY customer_id HAVING {self.about(of, 'count(*)')}"

    def other_groups(self) -> str:
        value = self.one(
            "avg(spend)", "max(spend)", "count(*)", "sum(spend)", "min(customer_id)", "count(DISTINCT joined)"
        )
        filtered = f" WHERE {self.customer('')}" if self.chance(0.4) else ""
        having = f" HAVING count(*) {self.one('>', '<')} 8" if self.chance(0.3) else ""
        grouped = f"(SELECT country, {value} AS a FROM customers{filtered} GROUP BY country{having}) g"
        tied = self.one("g.country = c.country", "g.country <=> c.country")
        asked = self.both(lambda: self.about("g.a", "", "c."))
        return (
            f"SELECT c.customer_id FROM customers c {self.one('JOIN', 'LEFT JOIN')} {grouped} ON {tied} WHERE {asked}"
        )

    def looked_up(self) -> str:
        kind = self.one("JOIN", "LEFT JOIN")
        asked = self.one(
            "p.type = 'bond'",
            "p.type IS NULL",
            "p.type <> 'fund'",
            "p.product IS NULL",
            "coalesce(p.type, 'none') = 'none'",
        )
        where = f" WHERE {asked} {self.one('AND', 'OR')} {self.rows('h.')}"
        body = f"FROM holdings h {kind} products p ON p.product = h.product{where}"
        if self.chance(0.5):
            return f"SELECT h.customer_id {body} GROUP BY h.customer_id HAVING {self.group_having('h.')}"
        return f"SELECT h.customer_id {body}"

    def of_customers(self) -> str:
        two = self.customer("c."), self.customer("c.")
        told = self.one(
            "{} AND {}",
            "{} OR {}",
            "CASE WHEN {} THEN {} ELSE false END",
            "NOT ({} AND {})",
            "coalesce({}, {})",
            "({}) = ({})",
        )
        return f"SELECT c.customer_id FROM customers c WHERE {told.format(*two)}"

    def sets(self) -> str:
        word = self.one("INTERSECT", "EXCEPT", "UNION", "UNION ALL")
        one, two = (
            self._note(self.random.choice((self.having, self.there, self.scalar, self.groups, self.rows_joined)))
            for _ in range(2)
        )
        return f"{one} {word} {two}"

    def named(self) -> str:
        inner = self._note(
            self.random.choice((self.having, self.there, self.joined, self.windows, self.groups, self.looked_up))
        )
        asked = self.one("WHERE c.customer_id IN (SELECT customer_id FROM x)", "LEFT JOIN x ON x.customer_id = c.customer_id WHERE x.customer_id IS NULL",
            "JOIN (SELECT DISTINCT customer_id FROM x) d ON d.customer_id = c.customer_id",
            "WHERE NOT EXISTS (SELECT 1 FROM x WHERE x.customer_id = c.customer_id)")  # fmt: skip
        return f"WITH x AS ({inner}) SELECT c.customer_id FROM customers c {asked}{f' AND {self.customer()}' if self.chance(0.3) else ''}"

    def condition(self) -> str:
        """A condition over customers, that asks other rows."""
        rows = "holdings h WHERE h.customer_id = customers.customer_id"
        parts = (
            lambda: f"EXISTS (SELECT 1 FROM {rows}{self.where('h.', ' AND')})",
            lambda: f"NOT EXISTS (SELECT 1 FROM {rows}{self.where('h.', ' AND')})",
            lambda: self.about(
                f"(SELECT {self.aggregate('h.')} FROM {rows}{self.where('h.', ' AND')})", "", "customers."
            ),
            lambda: self.customer(""),
        )
        told = self.one(
            "{}", "{} AND {}", "({} OR {})", "NOT ({} AND {})", "{} AND ({} OR {})", "CASE WHEN {} THEN {} ELSE {} END"
        )
        return told.format(*(self.random.choice(parts)() for _ in range(3)))


def made(random: Random, number: int) -> Iterator[str]:
    """So many different ones."""
    maker, seen = Maker(random), set[str]()
    while len(seen) < number:
        sql = maker.statement()
        if sql not in seen:
            seen.add(sql)
            yield sql


def others(
    spark: SparkSession, folder: Path, statements: Sequence[str], lake: MakeLake = small_lake.crowded
) -> tuple[int, list[str]]:
    """Of how many Spark returns anybody alone, and those that hit others when they are asked together."""
    expected = alone(spark, folder / "alone", statements, lake)
    found = hits_of(spark, folder / "together", [*expected], lake)
    return sum(map(bool, expected.values())), [
        f"{sql}\n  alone {sorted(expected[sql])}\n  found {sorted(found[sql])}"
        for sql in expected
        if found[sql] != expected[sql]
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.made_statements")
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args(arguments)
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    statements, wrong, some = [*made(Random(said.seed), said.rules)], 0, 0
    with tempfile.TemporaryDirectory(prefix="statements-") as place:
        work = Path(place)
        spark = session.start(find_java(work / "java"), work, master="local[2]", memory="3g", quick=True)
        spark.conf.set("spark.sql.shuffle.partitions", "2")
        for first in range(0, len(statements), BATCH):
            lake = (small_lake.write, small_lake.crowded)[first // BATCH % 2]
            anybody, differ = others(spark, work / str(first), statements[first : first + BATCH], lake)
            some, wrong = some + anybody, wrong + len(differ)
            print(
                f"{min(first + BATCH, len(statements)):,} statements, {some:,} of somebody, {wrong} with other hits",
                flush=True,
            )
            print(*differ, sep="\n", flush=True)
        spark.stop()
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
