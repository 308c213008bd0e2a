"""
Made WITH queries of 5 to 15 KB, of the kind that cohort builders write.

Sets of codes, a first event, and one CTE for each criterion that the persons found must meet; many share their parts.
"""

from __future__ import annotations

from random import Random

from bench.cohort_data import CODES, FIRST_CODE

SHORTEST, LONGEST = 5_000, 15_000


def query(chance: Random) -> str:
    """A query of at least :data:`SHORTEST` characters: criteria are added until it is long enough."""
    sets = chance.randint(3, 4)
    wanted = chance.randint(SHORTEST, LONGEST - 2_500)
    parts = [_code_sets(chance, sets), _events(chance), FIRST_EVENTS]
    criteria: list[str] = []
    while sum(map(len, [*parts, *criteria])) < wanted or len(criteria) < 2:
        criteria.append(_criterion(len(criteria), chance, sets))
    met = " UNION ALL ".join(f"SELECT person_id, criterion FROM criterion_{n}" for n in range(len(criteria)))
    counted = (
        f"met AS (SELECT m.person_id, count(DISTINCT m.criterion) AS together FROM ({met}) m GROUP BY m.person_id)"
    )
    least = chance.randint(1, 2)
    end = (
        "SELECT DISTINCT p.person_id FROM persons p JOIN met ON met.person_id = p.person_id "
        f"WHERE met.together >= {least} AND p.born <= {chance.randint(1975, 2004)}"
    )
    return "WITH " + ",\n".join([*parts, *criteria, counted]) + "\n" + end


def _code_sets(chance: Random, sets: int) -> str:
    return "code_sets AS (\n" + "\nUNION ALL\n".join(_code_set(number, chance) for number in range(sets)) + "\n)"


def _code_set(number: int, chance: Random) -> str:
    """Some codes and all below them, without some others."""
    named, without = _codes(chance, 8), _codes(chance, 3)
    return f"""SELECT {number} AS set_id, found.code_id FROM (
  SELECT DISTINCT listed.code_id FROM (
    SELECT c.code_id FROM codes c WHERE c.code_id IN ({named})
    UNION
    SELECT c.code_id FROM codes c JOIN above a ON c.code_id = a.lower_id
      AND a.upper_id IN ({named}) AND c.retired IS NULL
  ) listed
  LEFT JOIN (SELECT c.code_id FROM codes c WHERE c.code_id IN ({without})) dropped ON dropped.code_id = listed.code_id
  WHERE dropped.code_id IS NULL
) found"""


def _codes(chance: Random, most: int) -> str:
    return ", ".join(map(str, sorted(chance.sample(range(FIRST_CODE, FIRST_CODE + CODES), most))))


def _events(chance: Random) -> str:
    """First prescriptions of a set of codes, within a period in which the person was observed for long enough."""
    return f"""events AS (
SELECT e.person_id, e.event_id, e.first_day, e.last_day, o.first_day AS observed_from, o.last_day AS observed_to,
  row_number() OVER (PARTITION BY e.person_id ORDER BY e.first_day, e.event_id) AS place
FROM (
  SELECT r.person_id, r.prescription_id AS event_id, r.first_day, date_add(r.first_day, r.supply) AS last_day
  FROM prescriptions r JOIN code_sets s ON r.code_id = s.code_id AND s.set_id = {chance.randint(0, 2)}
) e
JOIN periods o ON o.person_id = e.person_id AND e.first_day >= o.first_day AND e.first_day <= o.last_day
WHERE datediff(e.first_day, o.first_day) >= {chance.choice([30, 90, 180, 365])}
)"""


FIRST_EVENTS = """first_events AS (
SELECT e.person_id, e.event_id, e.first_day, e.last_day, e.observed_from, e.observed_to FROM events e WHERE e.place = 1
)"""


def _criterion(number: int, chance: Random, sets: int) -> str:
    """Persons with so many diagnoses of a set of codes around their first event."""
    before, after = chance.choice([30, 90, 365, 730]), chance.choice([0, 30, 365, 1095])
    return f"""criterion_{number} AS (
SELECT {number} AS criterion, f.person_id, f.event_id
FROM first_events f
JOIN (
  SELECT d.person_id, d.diagnosis_id, d.first_day, coalesce(d.last_day, date_add(d.first_day, 1)) AS last_day,
    row_number() OVER (PARTITION BY d.person_id ORDER BY d.first_day, d.diagnosis_id) AS place
  FROM diagnoses d
  JOIN code_sets s ON d.code_id = s.code_id AND s.set_id = {chance.randrange(sets)}
) a ON a.person_id = f.person_id
  AND a.first_day >= f.observed_from AND a.first_day <= f.observed_to
  AND datediff(f.first_day, a.first_day) <= {before} AND datediff(a.first_day, f.first_day) <= {after}
WHERE a.place <= {chance.randint(1, 9)}
GROUP BY f.person_id, f.event_id
HAVING count(a.diagnosis_id) >= {chance.choice([1, 1, 1, 2])}
)"""
