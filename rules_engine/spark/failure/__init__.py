"""Rules that fail while they run: found, named, and held or not."""
