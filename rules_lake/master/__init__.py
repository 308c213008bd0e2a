"""Who is one person: records of many systems linked, given a master id that stays, and what survives of them."""
