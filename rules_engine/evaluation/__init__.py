"""Rule set to fused Spark plan: hits, tallies, decisions."""
