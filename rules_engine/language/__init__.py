"""Reads a condition: refuses what is not allowed, resolves names, says what it found. Pure."""
