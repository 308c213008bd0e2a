"""Gate 1: sqlglot's tree of a rule, and what its names mean."""
