"""A rule set on Spark: hits, tallies, decisions."""
