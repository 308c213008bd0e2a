"""From landed to curated: what of a column goes on, and as what (R-LAKE-6)."""
