"""Shapes of made statements about points, other subjects of a group, lists, casts and groups that are filtered."""

from __future__ import annotations

from tests.made_parts import COMPARED, Parts


class Points(Parts):
    """Statements by chance."""

    def points(self) -> str:
        """CASEs that are added up, of the subject's own row and of rows."""
        met = [self._asked() for _ in range(self.random.randint(2, 4))]
        form = self.one("CASE WHEN {} THEN {} ELSE {} END", "IF({}, {}, {})", "CASE WHEN {} THEN {} ELSE {} END")
        given = [form.format(each, self.random.randint(1, 4), self.one("0", "0", "0", "-1")) for each in met]
        if self.chance(0.3):
            given.append("CAST(c.country IS NULL AS INT)")
        total = f" {self.one('+', '+', '-')} ".join(given)
        held = self.one(f"{self.one(*COMPARED)} {self.random.randint(0, 6)}", "BETWEEN 2 AND 4")
        if self.chance(0.3):
            return f"WITH p AS (SELECT c.customer_id, {total} AS points FROM customers c) SELECT customer_id FROM p WHERE points {held}"
        return f"SELECT c.customer_id FROM customers c WHERE {total} {held}"

    def _asked(self) -> str:
        rows = f"holdings h WHERE h.customer_id = c.customer_id{self.where('h.', ' AND', 0.8)}"
        return self.one(
            f"EXISTS (SELECT 1 FROM {rows})", f"NOT EXISTS (SELECT 1 FROM {rows})", f"(SELECT count(*) FROM {rows}) > 1",
            "c.spend > 3", "c.country = 'FR'", "c.joined IS NOT NULL",
            f"c.customer_id IN (SELECT customer_id FROM holdings WHERE {self.rows()})",
        )  # fmt: skip

    def others_there(self) -> str:
        """Whether another subject of the group is before or after one, or none."""
        asked = f"EXISTS (SELECT 1 FROM customers o WHERE {self._tied('o', 'c')}{self.one('', '', ' AND o.joined IS NOT NULL')})"
        told = self.one("{}", "NOT {}", "NOT ({} AND c.spend > 3)", "{} OR c.spend < 4", "({}) = (c.spend > 3)")
        return f"SELECT c.customer_id FROM customers c WHERE {told.format(asked)}"

    def others_counted(self) -> str:
        """How many others of the group are before or after one."""
        call = self.one("count(*)", "count(*)", "count(o.customer_id)", "count(DISTINCT o.{})", "count(o.{})")
        column = self._column()
        counted = f"(SELECT {call.format(column)} FROM customers o WHERE {self._tied('o', 'c', column)})"
        counted = self.one(counted, counted, f"1 + {counted}", f"{counted} + 1")
        held = f"{counted} {self.one(self.one(*COMPARED) + ' ' + str(self.random.randint(0, 5)), 'BETWEEN 1 AND 3')}"
        told = self.one(
            "{}", "{}", "NOT ({})", "{} AND c.spend IS NOT NULL", "{} OR c.country = 'FR'", "({}) IS NOT TRUE"
        )
        return f"SELECT c.customer_id FROM customers c WHERE {told.format(held)}"

    def self_joined(self) -> str:
        """The frame of the subject joined with itself."""
        kind, column = self.one("JOIN", "LEFT JOIN"), self._column()
        some = f"SELECT a.customer_id FROM customers a {kind} customers b ON {self._tied('b', 'a', column)}"
        if self.chance(0.3):
            missing = (
                f" WHERE b.{self.one('customer_id', column, 'country')} IS NULL"
                if kind == "LEFT JOIN"
                else self.one("", " WHERE b.spend > 3")
            )
            return f"{some}{missing}"
        number, sign = self.random.randint(0, 6), self.one(*COMPARED)
        asked = self.one(
            f"count(*) {sign} {number}",
            f"count(b.customer_id) {sign} {number}",
            f"a.spend {sign} avg(b.spend)",
            f"max(b.spend) {sign} a.spend + 2",
        )
        where = self.one("", " WHERE a.spend IS NOT NULL", " WHERE b.spend > 3")
        return f"{some}{where} GROUP BY a.customer_id, a.spend HAVING {asked}"

    def _column(self) -> str:
        return self.one("spend", "joined", "spend")

    def _tied(self, other: str, own: str, column: str = "") -> str:
        column = column or self._column()
        ends = [
            f"{other}.{column} {self.one('>', '>=', '<', '<=')} {own}.{column}",
            f"{own}.{column} {self.one('>', '<=')} {other}.{column}",
        ]
        return f"{other}.country = {own}.country AND {self.one(*ends)}"

    def listed(self) -> str:
        """Aggregates that Spark alone works out, of the rows that a filter leaves."""
        asked = self.one(
            f"max(struct(holding_id, role)).role = '{self.one('PRIMARY', 'SECONDARY')}'", "min(struct(balance, holding_id)).holding_id > 60",
            "array_max(collect_set(balance)) < 100", "array_join(sort_array(collect_set(product)), ',') LIKE '%BOND%'",
            "arrays_overlap(collect_set(product), array('LOAN', 'CARD'))", f"median(balance) {self.one(*COMPARED)} 3.5",
            f"percentile(balance, 0.{self.random.randint(1, 9)}) > 3", "bit_or(CASE WHEN role = 'PRIMARY' THEN 1 ELSE 2 END) = 3",
            f"count(*) % {self.random.randint(2, 3)} = 1", "avg(CAST(role = 'PRIMARY' AS INT)) > 0.4", "sum(CAST(balance IS NULL AS INT)) = 0",
            "CAST(count(balance) AS DOUBLE) / count(*) >= 0.5",
        )  # fmt: skip
        return f"SELECT customer_id FROM holdings{self.where()} GROUP BY customer_id HAVING {asked}"

    def filtered_groups(self) -> str:
        """Groups of a derived table that are filtered around it."""
        made = self.one(
            "median(balance)", "round(sum(balance), 1)", "max(struct(holding_id, balance)).balance", "abs(min(balance))",
            "CAST(sum(balance) AS DOUBLE) / count(*)", "greatest(max(balance), 2)",
        )  # fmt: skip
        having = self.one("", " HAVING count(*) > 1")
        inner = (
            f"SELECT customer_id, {made} AS a, count(*) AS n FROM holdings{self.where()} GROUP BY customer_id{having}"
        )
        return f"SELECT customer_id FROM ({inner}) t WHERE a {self.one(*COMPARED)} {self.one('3', '3.5', '10')} {self.one('AND', 'OR')} n > 2"

    def own_calls(self) -> str:
        """Calls of the subject's own row beside what others come to."""
        own = self.one(
            "round(c.spend, 1) > 3", "floor(c.spend) = 3", "CAST(c.spend AS BIGINT) > 3", "substring(c.country, 1, 1) = 'F'", "c.country RLIKE '^[FG]'",
            "c.joined + INTERVAL '6' MONTH <= DATE'2024-06-01'", "DATE'2024-06-01' - c.joined > INTERVAL '500' DAY", "EXTRACT(YEAR FROM c.joined) >= 2014",
            "months_between(DATE'2024-06-01', c.joined) > 6", "nvl2(c.spend, c.spend, 9) > 4", "greatest(c.spend, 2) > 3", "date_format(c.joined, 'MM') = '06'",
            "datediff(MONTH, c.joined, DATE'2024-06-01') > 6", "concat(c.country, '-') = 'FR-'", "abs(c.spend) > 3",
        )  # fmt: skip
        rows = f"holdings h WHERE h.customer_id = c.customer_id{self.where('h.', ' AND')}"
        asked = self.one(f"(SELECT max(balance) FROM {rows}) > c.spend", "c.spend > (SELECT avg(spend) FROM customers)",
            f"(SELECT sum(balance) FROM {rows} HAVING count(*) > 1) > 3", f"coalesce((SELECT min(balance) FROM {rows}), 0) < c.spend")  # fmt: skip
        return f"SELECT c.customer_id FROM customers c WHERE {own} {self.one('AND', 'AND', 'OR')} {asked}"
