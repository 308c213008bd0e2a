"""Shapes of made statements about a row beside another row: of the same customer, of another, of a group, of a product."""

from __future__ import annotations

from tests.made_parts import COMPARED, Parts


class Pairs(Parts):
    """Statements by chance; ``x`` and ``y`` are rows beside the one that is asked about."""

    def of_others(self) -> str:
        """A customer beside groups of others, tied to it by an equality, a comparison, or nothing."""
        tie = self.one(
            "x.spend > c.spend", "x.spend < c.spend", "x.joined = c.joined", "x.customer_id <> c.customer_id",
            "x.customer_id = c.customer_id", "x.country = c.country", "x.country <=> c.country AND x.spend >= c.spend",
        )  # fmt: skip
        also = f" AND {self.customer('x.')}" if self.chance(0.4) else ""
        having = f" HAVING count(*) {self.one('>', '<', '=')} {self.one('1', '2', '6')}" if self.chance(0.5) else ""
        value = self.one("avg(x.spend)", "max(x.spend)", "count(*)", "min(x.spend)", "sum(x.spend)")
        rows = f"FROM customers x WHERE {tie}{also}"
        asked = self.one(
            f"c.country {self.one('', 'NOT ')}IN (SELECT x.country {rows} AND x.country IS NOT NULL GROUP BY x.country{having})",
            f"{self.one('', 'NOT ')}EXISTS (SELECT 1 {rows} GROUP BY x.country{having})",
            f"c.spend {self.one(*COMPARED)} (SELECT {value} {rows})",
            f"(c.country, c.spend) {self.one('', 'NOT ')}IN (SELECT x.country, {self.one('max', 'min')}(x.spend) {rows} GROUP BY x.country)",
        )
        return f"SELECT c.customer_id FROM customers c WHERE {asked}{self.one('', f' AND {self.customer()}')}"

    def windows_of_two(self) -> str:
        """Windows over a customer's rows beside the customer, by what either says."""
        kind = self.one("JOIN", "LEFT JOIN", "RIGHT JOIN")
        by = self.one(
            "c.customer_id", "h.customer_id", "c.country", "h.product", "c.customer_id, h.product", "c.joined"
        )
        order = f"ORDER BY {self.one('h.balance, ', 'c.spend DESC, ', '')}h.holding_id, c.customer_id"
        value = self.one(
            f"row_number() OVER (PARTITION BY {by} {order})", f"lag(h.balance) OVER (PARTITION BY {by} {order})",
            f"count(h.balance) OVER (PARTITION BY {by})", f"max(h.balance) OVER (PARTITION BY {by})",
            f"sum(c.spend) OVER (PARTITION BY {by})", f"avg(c.spend) OVER (PARTITION BY {by})", f"first_value(c.spend) OVER (PARTITION BY {by} {order})",
        )  # fmt: skip
        inner = f"SELECT {self.one('c', 'c', 'h')}.customer_id, h.balance, c.spend, {value} AS w FROM customers c {kind} holdings h ON h.customer_id = c.customer_id{self.where('h.', ' AND', 0.4)}"
        also = f" WHERE {self.customer()}" if self.chance(0.3) else ""
        asked = self.both(lambda: self.about("w", self.one("balance", "spend")))
        return f"SELECT customer_id FROM ({inner}{also}) t WHERE {asked}"

    def paired(self) -> str:
        """Two rows of a customer."""
        kind = self.one("JOIN", "JOIN", "LEFT JOIN")
        tie = self.one("x.holding_id < y.holding_id", "x.holding_id <> y.holding_id", "x.product = y.product", "x.balance < y.balance", "x.product <> y.product")  # fmt: skip
        on = f"y.customer_id = x.customer_id AND {tie}{self.where('y.', ' AND', 0.4)}"
        rows = f"FROM holdings x {kind} holdings y ON {on} WHERE {self.one(self.rows('x.'), 'y.holding_id IS NULL', self.rows('y.'), 'x.role = y.role')}"
        if self.chance(0.4):
            rows += f" GROUP BY {self.one('x', 'x', 'y')}.customer_id HAVING {self.group_having(self.one('x.', 'y.'))}"
            return f"SELECT {rows.split('GROUP BY ')[1].split('.')[0]}.customer_id {rows}"
        return f"SELECT {self.one('x', 'x', 'y')}.customer_id {rows}"

    def fanned(self) -> str:
        """A customer's rows, once for each row that a look-up has of them."""
        kinds = self.one("JOIN", "LEFT JOIN"), self.one("JOIN", "LEFT JOIN")
        on = self.one("", " AND p.type = 'bond'", " AND p.type IS NOT NULL", " AND h.balance > 3")
        rows = f"FROM customers c {kinds[0]} holdings h ON h.customer_id = c.customer_id {kinds[1]} products p ON p.product = h.product{on}"
        asked = self.one(
            self.group_having("h."), f"count(*) {self.one(*COMPARED)} {self.one('1', '2', '3')}",
            f"count(DISTINCT p.type) {self.one(*COMPARED)} {self.one('0', '1')}", f"count(p.type) {self.one(*COMPARED)} count(h.holding_id)",
            f"sum(h.balance) {self.one(*COMPARED)} max(c.spend)", "max(p.type) = 'fund'",
        )  # fmt: skip
        also = f" WHERE {self.one(self.customer(), self.rows('h.'), 'p.product IS NULL')}" if self.chance(0.5) else ""
        return f"SELECT c.customer_id {rows}{also} GROUP BY c.customer_id HAVING {asked}"

    def of_products(self) -> str:
        """A customer's rows beside those of whoever else has the product."""
        groups = f"SELECT x.product FROM holdings x{self.where('x.', least=0.4)} GROUP BY x.product HAVING {self.group_having('x.')}"
        tied = "x.product = h.product" + self.one(
            "", " AND x.customer_id <> h.customer_id", " AND x.holding_id <> h.holding_id"
        )
        return (
            "SELECT h.customer_id FROM holdings h WHERE "
            + self.one(
                f"h.product {self.one('', 'NOT ')}IN ({groups})",
                f"{self.one('', 'NOT ')}EXISTS (SELECT 1 FROM holdings x WHERE {tied}{self.where('x.', ' AND')})",
                f"h.balance {self.one(*COMPARED)} (SELECT {self.one('avg', 'max', 'min', 'sum')}(x.balance) FROM holdings x WHERE {tied})",
                f"(h.customer_id, h.product) {self.one('', 'NOT ')}IN (SELECT x.customer_id, x.product FROM holdings x WHERE {self.rows('x.')})",
            )
            + self.where("h.", " AND", 0.4)
        )

    def put_together(self) -> str:
        """Rows of two frames as rows of one, and what a customer's come to."""
        word = self.one("UNION ALL", "UNION ALL", "UNION")
        some = f" WHERE {self.customer('')}" if self.chance(0.5) else ""
        one = f"SELECT customer_id, balance, product FROM holdings{self.where()}"
        two = self.one(
            f"SELECT customer_id, spend, country FROM customers{some}",
            f"SELECT customer_id, -balance, role FROM holdings{self.where()}",
        )
        asked = self.about(
            self.one(
                "sum(balance)", "count(*)", "max(balance)", "count(DISTINCT product)", "min(balance)", "count(balance)"
            ),
            "count(*)",
        )
        return self.one(
            f"SELECT customer_id FROM ({one} {word} {two}) u GROUP BY customer_id HAVING {asked}",
            f"SELECT customer_id FROM ({one} {word} {two}) u WHERE balance {self.one(*COMPARED)} {self.number()}",
        )

    def one_in_another(self) -> str:
        """Rows for which the same customer has, or has not, other rows."""
        tie = self.one(
            "y.product = x.product",
            "y.holding_id > x.holding_id",
            "y.balance > x.balance",
            "y.role <> x.role",
            "y.customer_id IS NOT NULL",
        )
        also = f" {self.one('AND', 'OR')} {self.customer()}" if self.chance(0.5) else ""
        within = f"{self.one('', 'NOT ')}EXISTS (SELECT 1 FROM holdings y WHERE y.customer_id = x.customer_id AND {tie}{self.where('y.', ' AND', 0.5)})"
        value = f"x.balance {self.one(*COMPARED)} (SELECT {self.aggregate('y.')} FROM holdings y WHERE y.customer_id = x.customer_id{self.where('y.', ' AND', 0.5)})"
        some = f"{self.one('', 'NOT ')}EXISTS (SELECT 1 FROM holdings x WHERE x.customer_id = c.customer_id AND {self.one(within, within, value)}{self.where('x.', ' AND', 0.5)})"
        return f"SELECT c.customer_id FROM customers c WHERE {some}{also}"

    def told_beside(self) -> str:
        """What is asked of rows, told as a column of the customer, and asked afterwards."""
        rows = f"FROM holdings h WHERE h.customer_id = c.customer_id{self.where('h.', ' AND')}"
        told = self.one(
            f"EXISTS (SELECT 1 {rows})",
            f"(SELECT {self.aggregate('h.')} {rows}) > 2",
            f"CASE WHEN {self.customer()} THEN EXISTS (SELECT 1 {rows}) ELSE {self.customer()} END",
            f"coalesce((SELECT {self.aggregate('h.')} {rows}), c.spend) > 1",
        )
        asked = self.one(
            "t.w", "NOT t.w", "t.w IS NULL", "t.w IS NOT TRUE", "t.w = (t.spend > 3)", "t.w OR t.spend > 3"
        )
        return (
            f"SELECT t.customer_id FROM (SELECT c.customer_id, c.spend, {told} AS w FROM customers c) t WHERE {asked}"
        )

    def counted_among(self) -> str:
        """What a customer's rows come to, as far as others have the same."""
        others = self.one(
            f"h.product IN (SELECT {self.one('', 'DISTINCT ')}x.product FROM holdings x{self.where('x.')})",
            f"EXISTS (SELECT 1 FROM holdings x WHERE x.product = h.product{self.where('x.', ' AND')})",
            f"h.role IN (SELECT x.role FROM holdings x{self.where('x.')} GROUP BY x.role{self.one('', ', x.product')})",
            f"h.product IN (SELECT p.product FROM products p WHERE p.type {self.one('=', '<>')} 'bond')",
        )
        value = f"(SELECT {self.aggregate('h.')} FROM holdings h WHERE h.customer_id = c.customer_id AND {others})"
        return f"SELECT c.customer_id FROM customers c WHERE {self.about(value, '', 'c.')}{self.one('', f' AND {self.customer()}')}"

    def windows_joined(self) -> str:
        """Windows over a customer's rows, joined with its rows."""
        value = self.one("count(*)", "max(holding_id)", "sum(balance)", "min(balance)", f"count({self.value()})")
        inner = f"SELECT customer_id, {value} OVER (PARTITION BY customer_id) AS w FROM holdings{self.where(least=0.3)}"
        kind = self.one("JOIN", "JOIN", "LEFT JOIN")
        on = f"h.customer_id = t.customer_id AND h.{self.one('balance', 'holding_id')} {self.one(*COMPARED)} t.w"
        asked = self.about("t.w", self.one("h.balance", ""))
        grouped = f" GROUP BY t.customer_id HAVING {self.group_having('h.')}" if self.chance(0.3) else ""
        return f"SELECT t.customer_id FROM ({inner}) t {kind} holdings h ON {on} WHERE {asked}{grouped}"

    def more_groups(self) -> str:
        """Groups that return less than they are grouped by, once or as often as they are there."""
        by = self.one("customer_id, product", "customer_id, role", "customer_id, product, role")
        more = self.one("", f", {self.aggregate()} AS a", ", max(role) AS a")
        inner = f"SELECT {self.one('', 'DISTINCT ')}customer_id{more} FROM holdings{self.where()} GROUP BY {by}"
        asked = self.about(self.one("count(*)", "count(a)") if more else "count(*)")
        return self.one(
            f"SELECT customer_id FROM ({inner}) t GROUP BY customer_id HAVING {asked}",
            f"SELECT c.customer_id FROM customers c JOIN ({inner}) t ON t.customer_id = c.customer_id GROUP BY c.customer_id HAVING {asked}",
            f"SELECT c.customer_id FROM customers c WHERE (SELECT count(*) FROM ({inner}) t WHERE t.customer_id = c.customer_id) {self.one(*COMPARED)} {self.one('1', '2')}",
        )
