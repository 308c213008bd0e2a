"""Extracts taken into the lake: dated, immutable, with a manifest."""
