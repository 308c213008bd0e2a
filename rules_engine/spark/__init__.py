"""A rule set on Spark: hits and decisions, staged in one pass."""
