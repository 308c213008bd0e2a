"""Shapes of made statements about first and last rows, all rows, lists of values, and windows over groups."""

from __future__ import annotations

from tests.made_parts import COMPARED, Parts


class Shapes(Parts):
    """Statements by chance."""

    def beyond(self) -> str:
        """Rows before or after which none, or some, of their customer are."""
        column, sign = self.one("balance", "balance", "holding_id", "product"), self.one(">", ">=", "<", "<=")
        ends = self.one(f"x.{column} {sign} h.{column}", f"h.{column} {sign} x.{column}")
        on = f"x.customer_id = h.customer_id AND {ends}{self.where('x.', ' AND', 0.5)}"
        some = "SELECT h.customer_id FROM holdings h"
        missing = self.one(f"x.{column}", "x.customer_id", "x.holding_id")
        return self.one(
            f"{some} WHERE {self.one('', 'NOT ')}EXISTS (SELECT 1 FROM holdings x WHERE {on}) AND {self.rows('h.')}",
            f"{some} LEFT {self.one('ANTI', 'SEMI')} JOIN holdings x ON {on}{self.where('h.')}",
            f"{some} LEFT JOIN holdings x ON {on} WHERE {missing} IS NULL{self.where('h.', ' AND')}",
        )

    def among_last(self) -> str:
        column, greatest = self.one("balance", "holding_id", "role"), self.one("max", "min")
        of = f"SELECT customer_id, {greatest}({column}) FROM holdings{self.where()} GROUP BY customer_id"
        return f"SELECT customer_id FROM holdings WHERE (customer_id, {column}) IN ({of}){self.where('', ' AND')}"

    def of_all(self) -> str:
        """What all rows come to, beside a customer, a holding, or what a customer's come to."""
        total = self.one(
            f"SELECT {self.one('avg', 'max', 'min', 'sum')}(spend) AS v FROM customers",
            f"SELECT {self.aggregate()} AS v FROM holdings{self.where()}",
        )
        beside = self.both(lambda: self.about("c.spend", "g.v"))
        held = self.about(f"({total})", "c.spend", "")
        return self.one(
            f"SELECT c.customer_id FROM customers c {self.one('CROSS JOIN', 'JOIN', ',')} ({total}) g WHERE {beside}",
            f"WITH g AS ({total}) SELECT c.customer_id FROM customers c, g WHERE {beside} AND {self.customer()}",
            f"SELECT c.customer_id FROM customers c WHERE {held}",
            f"SELECT h.customer_id FROM holdings h WHERE h.balance {self.one(*COMPARED)} ({total}){self.where('h.', ' AND')}",
            f"SELECT customer_id FROM holdings{self.where()} GROUP BY customer_id HAVING {self.aggregate()} {self.one(*COMPARED)} ({total})",
            f"SELECT customer_id FROM (SELECT customer_id, spend, {self.one('avg', 'max')}(spend) OVER () AS v FROM customers) g WHERE {self.about('spend', 'v')}",
        )

    def lists(self) -> str:
        of = self.one("product", "role", "balance", f"CASE WHEN {self.simple()} THEN product END")
        asked = self.one(
            f"{self.one('size', 'cardinality', 'array_size')}({self.one('collect_set', 'collect_list')}({of})) {self.one(*COMPARED)} {self.one('0', '1', '2')}",
            f"{self.one('', 'NOT ')}array_contains({self.one('collect_set', 'collect_list')}(product), '{self.product()}')",
            f"count(DISTINCT {self.one('upper(role)', 'balance * 2', 'product, role')}) {self.one(*COMPARED)} {self.one('1', '2')}",
        )
        also = f" {self.one('AND', 'OR')} {self.about(self.aggregate())}" if self.chance(0.4) else ""
        return f"SELECT customer_id FROM holdings{self.where()} GROUP BY customer_id HAVING {asked}{also}"

    def placed_groups(self) -> str:
        """Windows over what customers' rows come to."""
        value, by = self.aggregate(), self.one("", "", "PARTITION BY count(*) ")
        window = self.one(
            f"row_number() OVER ({by}ORDER BY {value}{self.one('', ' DESC', ' DESC NULLS LAST')}, customer_id)",
            f"rank() OVER ({by}ORDER BY {value} DESC)",
            f"max({value}) OVER ({by})",
            f"count(*) OVER ({by}ORDER BY {value}, customer_id)",
        )
        rows = f"FROM holdings{self.where()} GROUP BY customer_id"
        having = f" HAVING {self.group_having()}" if self.chance(0.2) else ""
        if self.chance(0.4):
            window = window.replace("BY count(*)", "BY b").replace(value, "a")
            inner = f"SELECT customer_id, {value} AS a, count(*) AS b {rows}{having}"
            return f"SELECT customer_id FROM (SELECT customer_id, a, {window} AS w FROM ({inner}) s) t WHERE {self.both(lambda: self.about('w', 'a'))}"
        return f"SELECT customer_id FROM (SELECT customer_id, {value} AS a, {window} AS w {rows}{having}) t WHERE {self.both(lambda: self.about('w', 'a'))}"

    def first_of_all(self) -> str:
        many = f"LIMIT {self.one('1', '5', '20')}{self.one('', '', ' OFFSET 3')}"
        where = f" WHERE {self.customer('')}" if self.chance(0.5) else ""
        order = self.one("spend DESC, customer_id", "spend DESC NULLS LAST, customer_id", "country, customer_id DESC")
        return self.one(
            f"SELECT customer_id FROM customers{where} ORDER BY {order} {many}",
            f"SELECT customer_id, {self.aggregate()} AS a FROM holdings{self.where()} GROUP BY customer_id ORDER BY a DESC, customer_id {many}",
            f"SELECT customer_id FROM customers WHERE customer_id IN (SELECT customer_id FROM customers ORDER BY {order} {many}) AND {self.customer('')}",
        )

    def by_key(self) -> str:
        """What one row with a key says."""
        column, key = self.one("spend", "country"), "o.customer_id = h.customer_id"
        value = f"(SELECT {self.one('max', 'min')}(o.{column}) FROM customers o WHERE {key})"
        asked = self.about(value, "h.balance") if column == "spend" else f"{value} {self.one('=', '<>')} 'GB'"
        return f"SELECT h.customer_id FROM holdings h WHERE {asked}{self.where('h.', ' AND')}"
