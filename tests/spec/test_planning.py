"""The manual of the planner: with which other rules a rule is asked, and in whose rows."""

import re
from dataclasses import replace

import pytest

from rules_engine.index.aggregate_predicates import Groups
from rules_engine.index.words import Literal
from rules_engine.logical.disjunctive_form import disjunctive_form
from rules_engine.logical.query_tree import NotUnderstoodError
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.plan.bound_rules import bound_rules, values_wanted
from rules_engine.plan.planner import Plan, plan
from rules_engine.plan.shared_aggregation import TOGETHER
from tests.small_lake import AS_OF, rule, rule_set
from tests.spec.table import Row, cases

SCHEMA = Schema(
    "customers",
    "customer_id",
    {
        "customers": dict.fromkeys(["customer_id", "country", "spend", "date"], "int"),
        "Holdings": dict.fromkeys(["customer_id", "product", "balance", "role", "rate", "w0"], "int")
        | {
            "amount": "decimal(12,2)",
            "fee": "decimal(9,4)",
            "huge": "decimal(17,0)",
            "share": "double",
            "since": "date",
        },
        "products": dict.fromkeys(["product", "type"], "int"),
    },
    {"customers": "customer_id", "Holdings": "customer_id"},
)
HAS = "EXISTS (SELECT 1 FROM holdings h WHERE h.customer_id = customers.customer_id"

WHERE = """
    rules                                                                                   | where                                       | because
    ----------------------------------------------------------------------------------------+---------------------------------------------+-----------------------------------------
    country = 1                                                                             | condition on customers                      | a condition on the subject's row
    country = 1 ;; spend / country > 2                                                      | condition on customers ;; condition on customers | two share a pass
    holdings: balance > 5                                                                   | condition on holdings                       | a condition on the rows of another frame
    SELECT customer_id FROM customers WHERE country = 1                                     | condition on customers                      | a statement that is a condition
    SELECT DISTINCT h.customer_id FROM holdings h WHERE h.balance > 5                       | condition on holdings                       | DISTINCT changes nothing
    SELECT h.customer_id AS id FROM `Holdings` AS h                                         | condition on holdings                       | every row
    SELECT customer_id FROM holdings WHERE balance = (SELECT max(balance) FROM holdings)    | holds the rows of Holdings against aggregates | what all rows come to
    spend = (SELECT max(spend) FROM customers)                                               | holds the rows of customers against aggregates | the greatest of all
    SELECT h.customer_id FROM holdings h WHERE NOT EXISTS (SELECT 1 FROM holdings x WHERE x.customer_id = h.customer_id AND x.balance > h.balance) | holds the rows of Holdings against aggregates | a row that no other comes after
    SELECT h.customer_id FROM holdings h WHERE NOT EXISTS (SELECT 1 FROM holdings x WHERE x.customer_id = h.customer_id AND x.since > h.balance) | a query of its own: several questions about rows | by columns of two kinds
    SELECT customer_id FROM customers ORDER BY spend, customer_id LIMIT 5                   | holds the rows of customers against aggregates | the first of all
    SELECT customer_id FROM (SELECT customer_id, rank() OVER (ORDER BY sum(balance)) AS n FROM holdings GROUP BY customer_id) t WHERE n < 5 | holds the rows of customers against aggregates | a place by what rows come to
    SELECT customer_id FROM (SELECT customer_id, balance - lag(balance) OVER (PARTITION BY customer_id ORDER BY balance) AS rise FROM holdings) t GROUP BY customer_id HAVING max(rise) > 5 | a query of its own: groups of rows that are DISTINCT, or ask others | what windows come to, where whole numbers can overflow
    SELECT customer_id FROM (SELECT customer_id, amount - lag(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS rise FROM holdings) t GROUP BY customer_id HAVING max(rise) > 5 | holds the rows of customers against aggregates | and where they cannot
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING size(collect_set(role)) > 1 | counts or adds up the rows of holdings | the size of a set
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING size(collect_set(share)) > 1 | a query of its own: an expression that is not read: SIZE(COLLECT_SET(share)) | of doubles
    SELECT h.customer_id, h.balance / 0 AS evidence FROM holdings h WHERE h.balance > 5 ORDER BY 2 | condition on holdings | evidence beside the subject
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) DIV 2 = 1 | a query of its own: an expression that is not read: SUM(balance) DIV 2 | the part that is not read
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > (SELECT avg(balance) FROM holdings) | a query of its own: a HAVING that asks a sub-query, or groups of groups | a query in HAVING
    SELECT product FROM products WHERE type = 1                                             | a query of its own: what is returned, or grouped by, is no frame's key of the subject | a frame without a subject
    SELECT balance FROM holdings WHERE role = 1                                             | a query of its own: what is returned, or grouped by, is no frame's key of the subject | another column than the key
    {HAS})                                                                                  | condition on holdings                   | whether there are rows
    country = 1 AND NOT {HAS} AND balance > 5)                                              | asks the rows of holdings                   | that there are none
    {HAS} AND country = 1)                                                                  | asks the rows of holdings | a column of the subject in the inner query
    {HAS} AND date > 1)                                                                     | asks the rows of holdings | one that is named like a keyword
    {HAS} AND since >= add_months(:as_of, -12))                                             | condition on holdings | a day that is worked out once
    {HAS} AND since > :as_of - INTERVAL '1' YEAR)                                           | condition on holdings | so many years before it
    {HAS} AND date_add(since, 1) > :as_of)                                                  | condition on holdings                 | a day of each row, which could be too late a day
    {HAS} AND h.balance > customers.spend)                                                  | joins the rows of customers, holdings | rows compared with the subject
    {HAS} AND product IN (SELECT product FROM products))                                    | a query of its own: a look-up of too many values, or by a key that is not unique | a query in the inner query
    customer_id IN (SELECT customer_id FROM holdings)                                       | condition on holdings | IN of a query
    holdings: customer_id IN (SELECT customer_id FROM customers)                            | a query of its own: a sub-query in a condition on another frame than the subject's | a query on another frame
    SELECT c.customer_id FROM customers c LEFT JOIN (SELECT customer_id, max(balance) m FROM holdings GROUP BY customer_id) t ON t.customer_id = c.customer_id WHERE t.m IS NULL OR t.m < 5 | counts or adds up the rows of holdings; asks the rows of holdings | nothing, or little
    SELECT c.customer_id FROM customers c WHERE (SELECT count(*) FROM holdings h WHERE h.customer_id = c.customer_id) > 1 | counts or adds up the rows of holdings | how many rows
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 5           | counts or adds up the rows of holdings | groups that are nobody else's
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 5 ;; SELECT customer_id FROM Holdings WHERE role = 1 GROUP BY customer_id | counts or adds up the rows of holdings ;; condition on holdings | groups of two
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING avg(balance) > 5 ;; SELECT customer_id FROM Holdings WHERE role = 1 GROUP BY customer_id HAVING avg(rate) > 1 | shares the groups of holdings ;; shares the groups of holdings | what workers do not add up
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 5 ;; SELECT customer_id FROM holdings GROUP BY customer_id HAVING customer_id > 5 | counts or adds up the rows of holdings ;; asks the rows of holdings; asks customers | HAVING on a column
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 5 ;; SELECT customer_id FROM holdings GROUP BY customer_id HAVING count(DISTINCT role) > 1 | counts or adds up the rows of holdings ;; counts or adds up the rows of holdings | different values are counted
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING avg(balance) > 5 ;; SELECT customer_id FROM holdings GROUP BY customer_id HAVING count(DISTINCT role + 1) > 1 | shares the groups of holdings ;; shares the groups of holdings | DISTINCT of an expression, apart from the others
    SELECT customer_id FROM holdings WHERE role = 1 GROUP BY customer_id HAVING count(role, rate) > 1 ;; SELECT customer_id FROM holdings GROUP BY customer_id | a query of its own: an expression that is not read ;; condition on holdings | an aggregate of two values under a filter
    SELECT h.customer_id FROM holdings h GROUP BY h.customer_id ;; SELECT customer_id FROM holdings GROUP BY customer_id | condition on holdings ;; condition on holdings | sources in two spellings
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING CASE WHEN sum(balance) > 5 THEN count(*) > 1 END ;; SELECT customer_id FROM holdings GROUP BY customer_id | shares the groups of holdings ;; condition on holdings | a CASE over aggregates
    SELECT c.customer_id FROM customers c WHERE (SELECT count(*) FROM holdings h WHERE h.customer_id = c.customer_id) > 1 ;; SELECT customer_id FROM holdings GROUP BY customer_id | counts or adds up the rows of holdings ;; condition on holdings | a count and groups of one frame
    SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product WHERE p.type = 1 | a query of its own: a look-up of too many values, or by a key that is not unique | a join that is nobody else's
    SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product WHERE p.type = 1 ;; select H.customer_id from Holdings h join products p on p.product=h.product where h.balance > 5 | shares holdings h join products p on p . product = h . product ;; shares holdings h join products p on p . product = h . product | one join for two
    SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product WHERE p.type = 1 ;; SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product WHERE h.balance / p.type > 1 AND p.type > 0 | shares holdings h join products p on p . product = h . product ;; a query of its own: a condition that could raise on rows that a join leaves out | what raises of rows that Spark leaves out before it joins
    SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product WHERE p.type = 1 ;; SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product | shares holdings h join products p on p . product = h . product ;; a query of its own: a look-up of too many values, or by a key that is not unique | nothing to tell its rows by
    WITH a AS (SELECT customer_id, spend FROM customers) SELECT customer_id FROM a WHERE spend > 1 ;; WITH a AS (SELECT customer_id, spend FROM customers) SELECT customer_id FROM a WHERE spend < 1 | condition on customers ;; condition on customers | one WITH for two
    WITH a AS (SELECT customer_id FROM customers) SELECT customer_id FROM a WHERE customer_id > 1 ;; WITH a AS (SELECT customer_id FROM holdings) SELECT customer_id FROM a WHERE customer_id < 1 | condition on customers ;; condition on holdings | one name, two meanings
    WITH customers AS (SELECT * FROM holdings) SELECT customer_id FROM customers WHERE balance > 1 | condition on holdings | a name that hides a frame
    SELECT customer_id FROM customers WHERE country = 1 LIMIT 5                             | a query of its own: an expression that is not read | the first few
""".replace("{HAS}", HAS)


PASSES = """
    rules                                                                                   | asked                                       | because
    ----------------------------------------------------------------------------------------+---------------------------------------------+-----------------------------------------
    country = 1 ;; SELECT c.customer_id FROM customers c WHERE c.country = 2                | customers: country = 1, country = 2         | conditions on the subject's row
    holdings: balance > 5 ;; SELECT h.customer_id FROM holdings h                           | `Holdings`: balance > 5,                    | a statement without a filter holds for every row
    country = 1 AND {HAS} AND h.balance > 5)                                                | customers: country = 1 ;; `Holdings`: balance > 5 | a condition on each
    SELECT c.customer_id FROM customers c WHERE (SELECT count(*) FROM holdings h WHERE h.customer_id = c.customer_id AND h.role = 1) < 2 | customers:  ;; `Holdings`: count(*) of rows where role = 1 > 0 AND (count(*) of rows where role = 1 >= 2) | a count, and what is compared with it
    holdings: balance > 5 ;; SELECT h.customer_id FROM holdings h WHERE h.rate > 1 GROUP BY h.customer_id HAVING sum(h.balance) > 7 ;; SELECT h.customer_id FROM holdings h GROUP BY h.customer_id HAVING count(rate) = 2 | `Holdings`: balance > 5, count(*) of rows where rate > 1 > 0 AND (sum(balance) of rows where rate > 1 > 7), count(*) > 0 AND (count(rate) = 2) | rows and groups in one pass
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING avg(balance) > 5 ;; SELECT customer_id FROM holdings WHERE rate <> 0 GROUP BY customer_id HAVING sum(balance / rate) > 5 AND count(*) > 1 | (SELECT `customer_id` AS subject_key, count(*) AS a0, AVG(balance) AS a1, count(*) FILTER (WHERE rate <> 0) AS a2, SUM(CASE WHEN rate <> 0 THEN balance / rate END) AS a3, COUNT(*) FILTER (WHERE rate <> 0) AS a4 FROM `Holdings` GROUP BY `customer_id`) AS grouped: a0 > 0 AND (a1 > 5), a2 > 0 AND (a3 > 5 AND a4 > 1) | a guard of a group stays before what it guards
""".replace("{HAS}", HAS)


JOINS = """
    rules                                                                                   | asked                                       | because
    ----------------------------------------------------------------------------------------+---------------------------------------------+-----------------------------------------
    {H} JOIN products p ON p.product = h.product WHERE p.type = 1 AND h.balance > 5         | `Holdings`: balance > 5 AND `product` IN (7, 8) | the values that a small frame has
    {H} INNER JOIN products AS p ON h.product = p.product AND p.type = 1                    | `Holdings`: `product` IN (7, 8)             | conditions after ON
    {H} JOIN products p ON p.product = h.product WHERE p.type = 0                           | `Holdings`: `product` IS NULL AND `product` IS NOT NULL | no value at all
    {H} JOIN customers c ON c.customer_id = h.customer_id WHERE h.balance > 5 AND c.country = 1 | customers: country = 1 ;; `Holdings`: balance > 5 | a condition on each side of the key
    {H} JOIN customers c ON h.customer_id = c.customer_id WHERE (h.balance > 5 OR h.role = 1) | `Holdings`: (balance > 5 OR role = 1) | nothing on the subject but that it is there
    SELECT c.customer_id FROM customers c JOIN holdings h ON c.customer_id = h.customer_id WHERE h.role = 1 | `Holdings`: role = 1 | the same, from the other side
    SELECT c.customer_id FROM customers c JOIN products p ON p.type = c.country WHERE p.product = 1 | customers: `country` IN (7, 8) | values of the subject's own row
    {H} JOIN customers c ON c.customer_id = h.customer_id JOIN products p ON p.type = c.country WHERE h.rate > 1 | customers: `country` IN (7, 8) ;; `Holdings`: rate > 1 | of a join of three
    SELECT customer_id FROM customers WHERE customer_id NOT IN ({H} WHERE h.balance = 9)    | customers:  ;; `Holdings`: balance = 9      | NOT IN of keys that are given
    SELECT customer_id FROM customers WHERE customer_id NOT IN ({H} WHERE h.balance = 8)    |                                             | NOT IN of keys of which one is NULL
    {H} WHERE NOT EXISTS (SELECT 1 FROM products p WHERE p.product = h.product AND p.type = 1) AND h.balance > 5 | `Holdings`: balance > 5 AND (`product` IS NULL OR `product` NOT IN (7, 8)) | a look-up that is to have no row
    {H} LEFT JOIN products p ON p.product = h.product AND p.type = 1 WHERE p.product IS NULL | `Holdings`: (`product` IS NULL OR `product` NOT IN (7, 8)) | the same as a join
    {H} WHERE h.product NOT IN (SELECT p.product FROM products p WHERE p.type = 1)          | `Holdings`: `product` NOT IN (7, 8)         | NOT IN, of which NULL is not
    {H} WHERE h.product NOT IN (SELECT p.product FROM products p WHERE p.type = 0)          | `Holdings`:                                 | NOT IN of nothing
    {H} WHERE h.product NOT IN (SELECT p.product FROM products p WHERE p.type = 2)          |                                             | NOT IN of what is NULL
    {H} LEFT JOIN products p ON p.product = h.product AND h.role = 1 WHERE p.product IS NULL |                                            | a look-up of some rows alone
    {H} JOIN products p ON p.product = h.product WHERE p.type = 2                           |                                             | values that are not known
    {H} JOIN products p ON p.product = h.product WHERE 10 / p.type > 2                      |                                             | a condition that could raise on rows that are left out
    {H} JOIN products p ON p.product = h.product WHERE p.type > h.role                      | (SELECT r0.customer_id AS subject_key, count(*) FILTER (WHERE (r1.type > r0.role)) AS a0 FROM `Holdings` AS r0 CROSS JOIN `products` AS r1 WHERE r1.product = r0.product AND (((r1.type > r0.role))) GROUP BY r0.customer_id) AS grouped: a0 > 0 | a condition on both
    {H} JOIN products p ON p.product > h.product WHERE p.type = 1                           |                                             | no equality
    {H} JOIN products p ON p.product = h.product AND p.type = h.role                        | (SELECT r0.customer_id AS subject_key, count(*) AS a0 FROM `Holdings` AS r0 CROSS JOIN `products` AS r1 WHERE r1.product = r0.product AND r1.type = r0.role GROUP BY r0.customer_id) AS grouped: a0 > 0 | two columns at once
    {H} JOIN products p ON p.product = h.product WHERE type = 1                             | `Holdings`: `product` IN (7, 8) | a column without its frame
    {H} LEFT JOIN products p ON p.product = h.product WHERE p.type = 1                      | `Holdings`: `product` IN (7, 8)             | an outer join of which a value is asked
    {H} JOIN customers c ON c.country = h.role WHERE h.rate > 1                             | (SELECT r1.customer_id AS subject_key, count(*) FILTER (WHERE (r1.rate > 1)) AS a0 FROM `customers` AS r0 CROSS JOIN `Holdings` AS r1 WHERE r0.country = r1.role AND (((r1.rate > 1))) GROUP BY r1.customer_id) AS grouped: a0 > 0 | subjects joined by another column
    {H} JOIN holdings o ON o.customer_id = h.customer_id WHERE o.rate > 1 AND h.rate < 1    | `Holdings`: rate < 1, rate > 1              | two rows of a subject
    {H} JOIN holdings o ON o.customer_id = h.customer_id WHERE o.rate > h.rate              | (SELECT r0.customer_id AS subject_key, count(*) FILTER (WHERE (r1.rate > r0.rate)) AS a0 FROM `Holdings` AS r0 CROSS JOIN `Holdings` AS r1 WHERE r1.customer_id = r0.customer_id AND (((r1.rate > r0.rate))) GROUP BY r0.customer_id) AS grouped: a0 > 0 | two rows that are held against each other
    SELECT h.role FROM holdings h JOIN products p ON p.product = h.product WHERE p.type = 1 |                                             | another column than the key
""".replace("{H}", "SELECT h.customer_id FROM holdings h")

TOGETHER_WITH_ROWS = (
    """
    rules                                                                                   | asked                                       | because
    ----------------------------------------------------------------------------------------+---------------------------------------------+-----------------------------------------
    {R} row_number() OVER (PARTITION BY customer_id ORDER BY balance DESC, rate) AS n FROM holdings) t WHERE t.n <= 2 AND t.role = 1 | `Holdings`: row_number() by balance desc, rate <= 2 of rows where role = 1 | a place in an order, of rows that meet a condition
    {R} lag(rate) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.n > 5 OR t.n IS NULL | `Holdings`: (lag(rate, 1) by balance > 5 OR lag(rate, 1) by balance IS NULL) | the row before
    {R} lead(rate, 2) OVER (PARTITION BY customer_id ORDER BY balance) n FROM holdings) AS t WHERE n = 5 | `Holdings`: lead(rate, 2) by balance = 5 | the second row after, without AS and alias
    {R} row_number() OVER (PARTITION BY role ORDER BY balance) AS n FROM holdings) t WHERE t.n = 1 | (SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY role ORDER BY balance) AS placed_0 FROM `Holdings`) AS placed): placed_0 = 1 | parts that are no subjects
    {R} row_number() OVER (PARTITION BY customer_id ORDER BY balance + 1) AS n FROM holdings) t WHERE t.n = 1 | (SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY balance + 1) AS placed_0 FROM `Holdings`) AS placed): placed_0 = 1 | an order by an expression
    {R} rank() OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.n = 1 | (SELECT * FROM (SELECT *, RANK() OVER (PARTITION BY customer_id ORDER BY balance) AS placed_0 FROM `Holdings`) AS placed): placed_0 = 1 | another function
    {R} row_number() OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings WHERE role = 1) t WHERE t.n = 1 | `Holdings`: row_number() by balance (among rows where role = 1) = 1 of rows where role = 1 | rows left out before they are counted
    {R} count(*) OVER (PARTITION BY customer_id) AS n FROM holdings) t WHERE t.n >= 2 | `Holdings`: count(*) > 0 AND (count(*) >= 2) | all rows of a subject
    {R} count(*) OVER (PARTITION BY customer_id) AS n FROM holdings) t WHERE t.n >= 2 AND t.role = 1 | (SELECT * FROM (SELECT * FROM `Holdings`) AS placed JOIN (SELECT customer_id AS key_0, COUNT(*) AS placed_0 FROM `Holdings` GROUP BY customer_id) AS part_0 ON part_0.key_0 <=> placed.customer_id): placed_0 >= 2 AND role = 1 | all rows of a subject, and a column of one
    {R} row_number() OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.n = 1 AND 10 / t.role > 1 | (SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY balance) AS placed_0 FROM `Holdings`) AS placed): placed_0 = 1 AND 10 / role > 1 | a condition that could raise on rows of other places
    {R} row_number() OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.n <= t.role | `Holdings`: row_number() by balance <= role | a place held against a column
    {R} row_number() OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.n <= 2 OR t.rate > 5 | `Holdings`: (row_number() by balance <= 2 OR rate > 5) | a plain column beside a place
    {R} row_number() OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE CASE WHEN t.n = 1 THEN 'w7' ELSE 'x' END = 'w7' | (SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY balance) AS placed_0 FROM `Holdings`) AS placed): CASE WHEN placed_0 = 1 THEN 'w7' ELSE 'x' END = 'w7' | a text that looks like a name of ours
    SELECT t.customer_id FROM (SELECT customer_id, w0, row_number() OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.n <= 2 OR t.w0 > 5 | `Holdings`: (row_number() by balance <= 2 OR w0 > 5) | a column that does
    {R} amount, lag(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings WHERE role = 1) t WHERE t.amount > t.n * 5 AND t.amount > 18 | `Holdings`: amount > 5 * lag(amount, 1) by balance (among rows where role = 1) of rows where role = 1 AND amount > 18 | so many times what it was
    {R} amount, lag(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.amount - t.n >= 100.5 | `Holdings`: amount + -1 * lag(amount, 1) by balance >= 100.5 | so much more than it was
    {R} amount, fee, lag(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.n * 0.05 < t.fee - 1 OR t.n IS NULL | `Holdings`: (0.05 * lag(amount, 1) by balance < fee + -1 OR lag(amount, 1) by balance IS NULL) | numbers of other places
    {R} since, lag(since) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.since = t.n | `Holdings`: since = lag(since, 1) by balance | two days
    {R}  lag(balance) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.n * 2 > t.rate | (SELECT * FROM (SELECT *, LAG(balance) OVER (PARTITION BY customer_id ORDER BY balance) AS placed_0 FROM `Holdings`) AS placed): placed_0 * 2 > rate | whole numbers that can overflow
    {R} huge, lag(huge) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.huge > t.n * 50 | (SELECT * FROM (SELECT *, LAG(huge) OVER (PARTITION BY customer_id ORDER BY balance) AS placed_0 FROM `Holdings`) AS placed): huge > placed_0 * 50 | more than 64 bits
    {R} amount, lag(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.amount > t.n + 1000000000000000000000000000000.01 - 1000000000000000000000000000000 | `Holdings`: amount > lag(amount, 1) by balance + 0.01 | large numbers that leave a small one
    {R} amount, lag(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.amount > t.n * t.rate | (SELECT * FROM (SELECT *, LAG(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS placed_0 FROM `Holdings`) AS placed): amount > placed_0 * rate | a product of columns
    {R} amount, lag(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.amount / 2 > t.n | (SELECT * FROM (SELECT *, LAG(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS placed_0 FROM `Holdings`) AS placed): amount / 2 > placed_0 | a quotient
    {R} share, lag(share) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings) t WHERE t.share > t.n * 2 | (SELECT * FROM (SELECT *, LAG(share) OVER (PARTITION BY customer_id ORDER BY balance) AS placed_0 FROM `Holdings`) AS placed): share > placed_0 * 2 | numbers that are not exact
    {R} amount, lag(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS n FROM holdings WHERE 10 / role > 1) t WHERE t.amount > t.n | (SELECT * FROM (SELECT *, LAG(amount) OVER (PARTITION BY customer_id ORDER BY balance) AS placed_0 FROM (SELECT * FROM `Holdings` WHERE 10 / role > 1)) AS placed): amount > placed_0 | a guard of rows that are left out
    {T} sum(balance) AS total FROM holdings GROUP BY customer_id) {C} WHERE t.total > 5 AND c.country = 1 | customers: country = 1 ;; `Holdings`: count(*) > 0 AND (sum(balance) > 5) | totals, and the subject's row
    {T} max(balance) AS total FROM holdings WHERE role = 1 GROUP BY customer_id) {C} WHERE t.total >= c.spend | customers:  ;; `Holdings`: count(*) of rows where role = 1 > 0 AND max(balance) of rows where role = 1 >= spend | one held against the other
    {T} count(*) AS total FROM holdings GROUP BY customer_id) {C} WHERE t.total > c.spend * 2 |                                           | a number that can overflow
    {T} count(*) AS total FROM holdings GROUP BY customer_id) {C} WHERE t.total + c.spend > 2 | (SELECT held.*, aggregate_0 FROM `customers` AS held LEFT JOIN (SELECT r0.customer_id AS subject_key, COUNT(*) AS aggregate_0 FROM `Holdings` AS r0 GROUP BY r0.customer_id) AS of_0 ON of_0.subject_key = held.`customer_id`) AS held: (aggregate_0 > 0) AND aggregate_0 + spend > 2 | both on one side
    {T} avg(balance) AS total FROM holdings GROUP BY customer_id) {C} WHERE t.total > 2 | (SELECT `customer_id` AS subject_key, count(*) AS a0, AVG(balance) AS a1 FROM `Holdings` GROUP BY `customer_id`) AS grouped: a0 > 0 AND (a1 > 2) | what workers do not work out
    {T} sum(balance) AS total FROM holdings GROUP BY customer_id) SELECT c.customer_id FROM customers c JOIN t ON t.customer_id = c.country WHERE t.total > 2 | (SELECT held.*, aggregate_0 FROM `customers` AS held LEFT JOIN (SELECT r0.customer_id AS subject_key, COUNT(*) FILTER (WHERE (r1.total > 2)) AS aggregate_0 FROM `customers` AS r0 CROSS JOIN (SELECT r0.customer_id AS `customer_id`, SUM(r0.balance) AS `total` FROM `Holdings` AS r0 GROUP BY r0.customer_id) AS r1 WHERE r1.customer_id = r0.country AND (((r1.total > 2))) GROUP BY r0.customer_id) AS of_0 ON of_0.subject_key = held.`customer_id`) AS held: (aggregate_0 > 0) | subjects joined by another column
    {T} sum(balance) AS total FROM holdings WHERE 10 / role > 1 GROUP BY customer_id) {C} WHERE t.total > 2 |                             | a guard that could be lost
""".replace("{R}", "SELECT t.customer_id FROM (SELECT customer_id, role, rate,")
    .replace("{T}", "WITH t AS (SELECT customer_id,")
    .replace("{C}", "SELECT c.customer_id FROM customers c JOIN t ON t.customer_id = c.customer_id")
)

KNOWN = {"type = 0": (), "type = 2": None, "balance = 8": None}
"""Of conditions the values that meet them, None where one of these is NULL and is not to be; of all others 7 and 8."""


def planned(rules: str, *, known: bool = False) -> tuple[Plan, list[str]]:
    versions = [written(f"R-{number}", text.strip()) for number, text in enumerate(rules.split(";;"))]
    matrix = HitMatrix.of(rule_set(*versions))
    bound = bound_rules(matrix, SCHEMA, AS_OF)
    values = {each: KNOWN.get(each.where, ("7", "8")) for each in values_wanted(bound)}
    return plan(matrix, bound, SCHEMA, values if known else {}), [version.id for version in versions]


def written(key: str, text: str) -> RuleVersion:
    of_holdings = {"frame": "holdings"} if text.startswith("holdings: ") else {}
    return rule(key, text.removeprefix("holdings: "), **of_holdings)


def asked(found: Plan) -> str:
    """Each pass: what is read, and the conditions on its rows."""
    texts = [f"customers: {', '.join(b.sql for b in found.of_subjects)}"] if found.of_subjects else []
    texts += [
        f"{of.source.sql}: {', '.join([*(b.sql for b in of.of_rows), *_of_groups(of.groups)])}" for of in found.passes
    ]
    return " ;; ".join(texts).strip()


def _of_groups(groups: Groups | None) -> list[str]:
    """Conditions on groups and on places of rows, with what is counted, added up and ordered written out."""
    if groups is None:
        return []
    of_groups = [of.bound.sql for of in groups.conditions]
    of_ranks = [f"{of.bound.sql}{groups.where(' of rows where {}', of.rows.filter)}" for of in groups.ranked]
    return [re.sub(r"\b[avw]\d+\b", lambda name: groups.said(name[0]), sql) for sql in (*of_groups, *of_ranks)]


@pytest.mark.parametrize("case", cases(WHERE))
def test_where_a_rule_goes(case: Row) -> None:
    """Rules that read the same are asked together; a rule whose meaning that could change stays a query of its own."""
    found, ids = planned(case["rules"])
    assert " ;; ".join(found.why[key] for key in ids) == case["where"]
    alone = sum(why.startswith("a query of its own") for why in found.why.values())
    assert len(found.alone) == alone


@pytest.mark.parametrize("case", cases(PASSES))
def test_what_is_asked_together(case: Row) -> None:
    """The conditions of a pass, over rows that are read once."""
    assert asked(planned(case["rules"])[0]) == case["asked"]


@pytest.mark.parametrize("case", cases(JOINS))
def test_what_a_join_asks(case: Row) -> None:
    """A join by keys asks each frame by itself, as far as no condition is asked of a row on which it could raise."""
    found, _ = planned(case["rules"], known=True)
    assert asked(found) == case["asked"]
    assert bool(found.alone) == (not case["asked"])


@pytest.mark.parametrize("case", cases(TOGETHER_WITH_ROWS))
def test_what_several_rows_of_a_subject_are_asked(case: Row) -> None:
    """Places and totals are worked out where a subject's rows are, as far as that is exact and raises nowhere."""
    found, _ = planned(case["rules"])
    assert asked(found) == case["asked"]
    assert bool(found.alone) == (not case["asked"])


def test_a_rule_that_asks_other_rows_has_a_second_bit() -> None:
    """It is true where both bits are, or, where it denies, where the second is not."""
    found, _ = planned(f"country = 1 ;; spend = 1 AND {HAS}) ;; NOT {HAS} AND balance = 2)")
    assert found.terms == {0: ((Literal(0, 0b110), Literal(1, 0b110, 0b100)),)}
    (_, second), (_, third) = ((bound.sql, bound.cell) for _, bounds, _ in found.passes for bound in bounds)
    assert {(second.word, second.mask), (third.word, third.mask)} == {(1, 0b010), (1, 0b100)}


def test_row_numbers_of_several_filters_share_one_sort() -> None:
    """Two of them sort what each leaves; a filter that can raise is asked of its own rows alone."""
    order = "PARTITION BY country ORDER BY spend, customer_id"
    frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"  # of which every number is, said or not
    texts = [
        f"SELECT customer_id FROM (SELECT customer_id, row_number() OVER ({over}) AS n FROM customers WHERE {each}) t WHERE n <= 3"
        for each, over in [
            ("10 / spend > 1", order),
            ("spend > 1", order),
            ("spend > 2", f"{order} {frame}"),
            ("country < 3", order),
        ]
    ]
    several, few = (planned(" ;; ".join(texts[:count]))[0].passes for count in (4, 3))
    assert [[len(bounds) for _, bounds, _ in each] for each in (several, few)] == [[3, 1], [1, 1, 1]]


def test_many_groups_are_several_aggregations() -> None:
    """One aggregation answers so many statements: each is some columns of every group."""
    texts = [
        f"SELECT customer_id FROM holdings GROUP BY customer_id HAVING avg(balance) > {n}" for n in range(TOGETHER + 1)
    ]
    distinct = [
        f"SELECT customer_id FROM holdings WHERE role = {n} GROUP BY customer_id HAVING avg(rate) > 1"
        for n in range(TOGETHER)
    ]
    found, _ = planned(" ;; ".join([*texts, *distinct]))
    assert sum(len(bounds) for _, bounds, _ in found.passes) == 2 * TOGETHER + 1
    assert [len(bounds) for _, bounds, _ in found.passes] == [TOGETHER, TOGETHER, 1]


def test_queries_of_their_own_keep_their_order() -> None:
    """They run in the order of the rule set, however they were found to be alone."""
    texts = ["SELECT product FROM products WHERE type = 1", "SELECT customer_id FROM customers WHERE spend > 1 LIMIT 5"]
    found, ids = planned(" ;; ".join(texts))
    assert [version.id for version, _ in found.alone] == ids


def test_a_list_of_no_column_that_can_be_named_runs_alone() -> None:
    """A name that is to be quoted is not read: what returns nothing else is asked of Spark."""
    schema = replace(SCHEMA, columns={**SCHEMA.columns, "odd": {"größe": "string"}})
    with pytest.raises(NotUnderstoodError):
        disjunctive_form("SELECT customer_id FROM customers WHERE country IN (SELECT * FROM odd)", schema)
