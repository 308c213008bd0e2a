"""The story the demo tells: three business days, and one rule changed by SQL on the third."""

from __future__ import annotations

from datetime import date

DAYS = (date(2024, 6, 3), date(2024, 6, 4), date(2024, 6, 5))

CHANGED_RULE = "LOY-007"
WEIGHT_BEFORE = 20
WEIGHT_AFTER = 60

CHANGE_SQL = f"""\
UPDATE rules.rule
   SET weight = {WEIGHT_AFTER}, effective_from = DATE '{DAYS[2].isoformat()}'
 WHERE rule_key = '{CHANGED_RULE}'"""
"""What an analyst runs in any SQL client: being the second holder of a joint product now outweighs long tenure."""
