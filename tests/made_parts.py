"""Parts that made statements are put together of: conditions of rows, values, what rows come to, windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

COMPARED = ("=", "<>", ">", ">=", "<", "<=")
ORDERS = (
    "{h}holding_id",
    "{h}holding_id DESC",
    "{h}balance, {h}holding_id",
    "{h}balance DESC NULLS LAST, {h}holding_id",
)
FRAMES = (
    "",
    " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
    " ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING",
    " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
)


class Parts:
    """Parts by chance; ``h`` is what stands before a column of holdings: nothing, or an alias and a dot."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.made = Counter[str]()
        """How often each construct was made."""

    def one(self, *of: str) -> str:
        return self.random.choice(of)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    # what is asked of a row

    def value(self, h: str = "") -> str:
        return self.one(
            f"{h}balance", f"{h}balance", f"{h}balance * 2", f"abs({h}balance)", f"coalesce({h}balance, 0)", f"-{h}balance",
            f"CASE WHEN {h}role = 'PRIMARY' THEN {h}balance END", f"CASE WHEN {self.simple(h)} THEN {h}balance ELSE 1 END",
            f"nullif({h}balance, 0)", f"if({self.simple(h)}, {h}balance, 0)", f"{h}holding_id % 3",
        )  # fmt: skip

    def simple(self, h: str = "") -> str:
        return self.one(
            f"{h}role = 'PRIMARY'", f"{h}product = '{self.product()}'", f"{h}balance > 3", f"{h}balance <= 10", f"{h}balance IS NULL",
            f"{h}balance IS NOT NULL", f"{h}product IN ('BOND', 'LOAN')", f"{h}product NOT IN ('CARD', 'FUND')", f"{h}role <> 'PRIMARY'",
            f"{h}balance BETWEEN 0 AND 10", f"NOT {h}balance > 3", f"{h}role LIKE 'SEC%'", f"{h}holding_id > 40",
            f"coalesce({h}balance, 5) > 3", f"({h}balance > 3) IS NOT TRUE", f"{h}product <=> '{self.product()}'",
        )  # fmt: skip

    def product(self) -> str:
        return self.one("BOND", "FUND", "LOAN", "CARD")

    def rows(self, h: str = "", deep: int = 2) -> str:
        """A condition of rows of holdings."""
        if deep and self.chance(0.3):
            sides = self.rows(h, deep - 1), self.rows(h, deep - 1)
            return self.one("({} AND {})", "({} OR {})", "NOT ({} AND {})", "(NOT {} OR {})").format(*sides)
        if self.chance(0.12):
            self.made["look-up within rows"] += 1
            there = f"SELECT {self.one('', 'p.')}product FROM products p WHERE p.type = '{self.one('bond', 'credit', 'fund')}'"
            return f"{h}product {self.one('IN', 'NOT IN')} ({there})"
        return self.simple(h)

    def where(self, h: str = "", word: str = "WHERE", least: float = 0.7) -> str:
        return f" {word} {self.rows(h)}" if self.chance(least) else ""

    def customer(self, c: str = "c.") -> str:
        return self.one(
            f"{c}spend > 3", f"{c}country = 'GB'", f"{c}score > 1", f"{c}joined < DATE '2014-06-01'", f"{c}country IS NULL",
            f"NOT {c}spend > 3", f"{c}country IN ('GB', 'FR')", f"{c}spend IS NOT NULL", f"coalesce({c}spend, 4) > 3",
            f"{c}country NOT IN ('GB', 'DE')", f"{c}score <= 0", f"{c}joined = DATE '2024-06-01' OR {c}spend < 0",
        )  # fmt: skip

    # what rows come to

    def aggregate(self, h: str = "") -> str:
        filtered = f" FILTER (WHERE {self.rows(h, 1)})" if self.chance(0.25) else ""
        self.made["FILTER"] += bool(filtered)
        return self.one(
            f"count(*){filtered}", f"count({self.value(h)}){filtered}", f"count(DISTINCT {h}product){filtered}",
            f"sum({self.value(h)}){filtered}", f"sum({self.value(h)}){filtered}", f"min({self.value(h)}){filtered}",
            f"max({self.value(h)}){filtered}", f"avg({h}balance){filtered}", f"count_if({self.simple(h)})",
            f"sum(CASE WHEN {self.simple(h)} THEN {h}balance ELSE 0 END)", f"count(CASE WHEN {self.simple(h)} THEN 1 END)",
            f"max_by({h}balance, {h}holding_id)", f"min_by({h}balance, {h}holding_id)", f"count(DISTINCT {h}balance)",
            f"coalesce(sum({h}balance){filtered}, 0)", f"sum({h}balance) / nullif(count(*), 0)", f"count(*) - count({h}balance)",
        )  # fmt: skip

    def number(self) -> str:
        return self.one("0", "1", "2", "3", "10", "3.5", "-1", "20.01")

    def about(self, left: str, right: str = "", c: str = "") -> str:
        """A value against a number, another value, or a customer's spend; or whether it is there."""
        kind = self.random.random()
        if kind < 0.12:
            return f"{left} IS {self.one('', 'NOT ')}NULL"
        if kind < 0.2:
            return f"{left} BETWEEN 0 AND {self.one('1', '3', '10')}"
        if kind < 0.3:
            return f"coalesce({left}, {self.number()}) {self.one(*COMPARED)} {self.number()}"
        if right and kind < 0.55:
            self.made["two values"] += 1
            return f"{left} {self.one(*COMPARED)} {self.one('', '2 * ', '1 + ')}{right}"
        if c and kind < 0.65:
            self.made["a value of the subject"] += 1
            return f"{left} {self.one(*COMPARED)} {c}spend"
        return f"{left} {self.one(*COMPARED)} {self.number()}"

    def both(self, make: Callable[[], str]) -> str:
        first = make()
        if self.chance(0.6):
            return first
        return self.one("{} AND {}", "({} OR {})", "NOT ({} AND {})", "NOT ({} OR {})").format(first, make())

    def group_having(self, h: str = "") -> str:
        return self.both(lambda: self.about(self.aggregate(h), self.aggregate(h)))

    def window(self) -> str:
        order = self.one(*ORDERS).format(h="")
        by = self.one(
            "customer_id",
            "customer_id",
            "customer_id",
            "customer_id",
            "customer_id, product",
            "product",
            "role, customer_id",
            "role",
        )
        self.made[f"OVER (PARTITION BY {by}"] += 1
        kind = self.random.random()
        if kind < 0.35:
            named = self.one(
                "row_number()",
                "rank()",
                "dense_rank()",
                f"lag({self.value()})",
                f"lead({self.value()})",
                f"lag(balance, 2, {self.number()})",
            )
            return f"{named} OVER (PARTITION BY {by} ORDER BY {order})"
        named = self.one("count(*)", "sum(balance)", "min(balance)", "max(balance)", f"count({self.value()})", f"sum({self.value()})",
            f"first_value({self.value()})", f"last_value({self.value()})", "avg(balance)", f"sum(balance) FILTER (WHERE {self.simple()})")  # fmt: skip
        if kind < 0.65 and "_value" not in named:
            return f"{named} OVER (PARTITION BY {by})"
        return f"{named} OVER (PARTITION BY {by} ORDER BY {order}{self.one(*FRAMES)})"
