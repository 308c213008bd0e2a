"""Frames on Spark: declared, read, checked."""
