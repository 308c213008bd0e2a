"""Conditions on two records, as DuckDB takes them: what of them agrees."""

from __future__ import annotations

ADDRESS = ("house_number", "street", "street_2", "city", "region", "postcode", "country")
"""
Parts of an address, compared together by how many agree: who moved differs in all of them, and who lives together in
none; taken one by one, each would be counted as if it were news.
"""

SPOKEN_OF = ("house_number", "street", "street_2", "city", "postcode")
"""The parts whose agreement says anything; region and country only where there is nothing else."""


def agrees(part: str, roles: frozenset[str]) -> str:
    """A part of the address is the same, to a slip; lines may have changed places."""
    if part in ("house_number", "postcode", "region", "country"):
        return f"{part}_l = {part}_r"
    same = f"{part}_start_l = {part}_start_r OR {part}_end_l = {part}_end_r"
    other = {"street": "street_2", "street_2": "street"}.get(part)
    crossed = f" OR {part}_line_l = {other}_line_r OR {other}_line_l = {part}_line_r" if other in roles else ""
    return f"({same}{crossed})"


INITIAL = (
    "(length(given_name_l) = 1 OR length(given_name_r) = 1) AND substr(given_name_l, 1, 1) = substr(given_name_r, 1, 1)"
)


def begin_or_end_alike(one: str, other: str) -> str:
    """Looked at before distances are taken: machines are quick at equality."""
    return f"substr({one}, 1, 1) = substr({other}, 1, 1) OR right({one}, 2) = right({other}, 2)"
