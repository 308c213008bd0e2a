"""What is a person's own, and what a household's: the comparison that nothing is learnt of, pair by pair (R-LAKE-5)."""

from __future__ import annotations

from functools import cache

import duckdb
import pytest

from rules_lake.master import comparing, own_person
from rules_lake.master.roles import GENERATION, NAMES, derived, generation, readings
from tests.spec.table import Row, cases

ROLES = frozenset({"given_name", "family_name", "birth_date", "email"})

PAIRS = """
    one                                          | other                                        | is                                              | because
    ---------------------------------------------+----------------------------------------------+-------------------------------------------------+-------------------------------------
    Marta, Vega, 1974-03-26, marta27@a.example   | Marta, Vega, 1974-03-26, marta.v@b.example   | birth date agrees                               | a new address, and all else as ever
    Marta, Vega, 1974-03-26, marta27@a.example   | Ramon, Vega, 1974-03-26, ramon87@b.example   | birth date agrees, given name and e-mail differ | twins
    Marta, Vega, 1974-03-26, vega@a.example      | Ramon, Vega, 1974-03-26, vega@a.example      | birth date agrees, given name differs           | twins, or another name: one address
    Marta, Vega, 1974-03-26, marta27@a.example   | -, Vega, 1974-03-26, ramon87@b.example       | birth date agrees                               | a name that nobody gave speaks for nothing
    William, Reed, 1950-01-02, bill@a.example    | William, Reed, 1981-09-30, will.r@b.example  | given name agrees, nothing else                 | namesakes
    William, Reed, 1950-01-02, bill@a.example    | William, Reed, 1981-09-30, -                 | given name agrees, nothing else                 | who do not say how they are reached
    William, Reed, 1950-01-02, reed@a.example    | William, Reed, 1981-09-30, reed@a.example    | given name agrees, birth date differs           | of one address it is not known
    William, Reed, 1950-01-02, bill@a.example    | William, Reed, 1950-02-01, will.r@b.example  | birth date agrees                               | day and month have changed places
    Reed, William, 1950-01-02, bill@a.example    | William, Reed, 1950-01-02, will.r@b.example  | birth date agrees                               | so have the names
    Ann, Reed, 1950-01-02, ann@a.example         | William, Reed, 1981-09-30, will@b.example    | given name and birth date differ                | a household
    Ann, Reed, 1950-01-02, reed@a.example        | William, Reed, 1981-09-30, reed@a.example    | given name and birth date differ                | one that shares all it can
    Ann, Reed, -, reed@a.example                 | William, Reed, 1981-09-30, reed@a.example    | neither agrees                                  | a day that nobody gave says less
    William, Reed Sr, 1950-01-02, reed@a.example | William, Reed jr., 1950-01-02, reed@a.example | junior and senior                              | one of the dates is the other's
    William, Reed II, 1981-09-30, reed@a.example | William, Reed Jr, 1981-09-30, reed@a.example | birth date agrees                               | two words for one
    William, Reed Jr, 1981-09-30, reed@a.example | William, Reed, 1981-09-30, reed@a.example    | birth date agrees                               | not everybody writes it
"""

AT_HOME = """
    one                                                 | other                                                | is                                              | because
    ----------------------------------------------------+------------------------------------------------------+-------------------------------------------------+---------------------------------------
    William, Reed, 1950-01-02, bill@a.example, Bath, m  | William, Reed, 1981-09-30, will.r@b.example, Bath, m | given name agrees, birth date and e-mail differ | a father and a son
    William, Reed, 1950-01-02, -, Bath, m               | William, Reed, 1981-09-30, will.r@b.example, Bath, m | given name agrees, a generation apart           | of whom the father has no e-mail
    W., Reed, 1950-01-02, -, Bath, m                    | William, Reed, 1981-09-30, -, Bath, m                | given name agrees, a generation apart           | an initial
    William, Reed, 1950-01-02, reed@a.example, Bath, m  | William, Reed, 1981-09-30, reed@a.example, Bath, m   | given name agrees, birth date differs           | one mailbox is mostly one person's
    William, Reed, 1951-09-30, -, Bath, m               | William, Reed, 1981-09-30, -, Bath, m                | birth date agrees                               | a digit that slipped
    William, Reed, 1968-09-30, -, Bath, m               | William, Reed, 1981-01-02, -, Bath, m                | given name agrees, birth date differs           | too near for a father
    William, Reed, 1901-09-30, -, Bath, m               | William, Reed, 1981-01-02, -, Bath, m                | given name agrees, birth date differs           | too far for one
    William, Reed, 1950-01-02, bill@a.example, Bath, m  | William, Reed, 1981-09-30, will.r@b.example, York, m | given name agrees, nothing else                 | namesakes in two towns
    Marta, Vega, 1974-03-26, vega@a.example, Bath, f    | Ramon, Vega, 1974-03-26, vega@a.example, Bath, m     | given name and sex differ                       | twins of one address
    Marta, Vega, 1974-03-26, vega@a.example, Bath, w    | Ramon, Vega, -, vega@a.example, Bath, m              | given name and sex differ                       | partners, of whom one gave no day
    Marta, Vega, 1974-03-26, vega@a.example, Bath, f    | Irene, Vega, 1974-03-26, vega@a.example, Bath, w     | birth date agrees, given name differs           | two letters for one sex
    Marta, Vega, 1974-03-26, vega@a.example, Bath, h    | Ramon, Vega, 1974-03-26, vega@a.example, Bath, m     | birth date agrees, given name differs           | a letter of which it is not plain
    Marta, Vega, 1974-03-26, vega@a.example, Bath, f    | Marta, Vega, 1974-03-26, vega@a.example, Bath, m     | birth date agrees                               | one sex was keyed wrong
"""

ADDRESSES = """
    one                 | other                | near | because
    --------------------+----------------------+------+-----------------------------------------------
    john.smith@a.example | jon.smith@a.example | yes  | a letter was lost
    john.smith1@a.example | john.smith2@a.example |    | the second of two namesakes took a number
    john.smith@a.example | john.smith2@a.example |     | and here the first had none
    john7@a.example     | mary7@a.example      |      | a number is not all of it
"""


@pytest.mark.parametrize("row", cases(PAIRS))
def test_what_is_a_persons_own(row: Row) -> None:
    """Twins, father and son are told apart by addresses of their own; what may be one person is left to the rest."""
    assert _said_of(row, ROLES) == row["is"]


@pytest.mark.parametrize("row", cases(AT_HOME))
def test_what_a_sex_and_a_place_say_of_a_person(row: Row) -> None:
    """Another given name and the other sex are another person; one name in two towns is, with another birth date."""
    assert _said_of(row, ROLES | {"city", "sex"}) == row["is"]


def _said_of(row: Row, roles: frozenset[str]) -> object:
    """The label of the level that a pair reaches."""
    (person,) = [
        each for each in comparing.comparisons(roles) if _said(each)["output_column_name"] == own_person.PERSON
    ]
    levels = _said(person)["comparison_levels"]
    whens = " ".join(
        f"WHEN {level['sql_condition']} THEN '{level['label_for_charts']}'"
        for level in levels
        if level["sql_condition"] != "ELSE"
    )
    return _asked(f"CASE {whens} ELSE '{levels[-1]['label_for_charts']}' END", row["one"], row["other"])


@pytest.mark.parametrize("row", cases(ADDRESSES))
def test_an_address_that_is_nearly_the_same(row: Row) -> None:
    """By its letters, where its digits are the same."""
    (email,) = [each for each in comparing.comparisons(ROLES) if _said(each)["output_column_name"] == "email"]
    near = next(
        level["sql_condition"] for level in _said(email)["comparison_levels"] if "jaro" in level["sql_condition"]
    )
    assert _asked(near, f"-, -, -, {row['one']}", f"-, -, -, {row['other']}") is bool(row["near"])


def _said(comparison: object) -> dict[str, object]:
    return comparison.create_comparison_dict("duckdb")  # type: ignore[attr-defined, no-any-return]


def _asked(sql: str, one: str, other: str) -> object:
    sides = {"l": _record(one), "r": _record(other)}
    columns = [
        f"CAST({'NULL' if value is None else repr(value)} AS VARCHAR) AS {name}_{side}"
        for side, record in sides.items()
        for name, value in record.items()
    ]
    return duckdb.sql(f"SELECT {sql} FROM (SELECT {', '.join(columns)})").fetchall()[0][0]


@cache
def _record(cells: str) -> dict[str, str | None]:
    read = readings(True)
    names = ("given_name", "family_name", "birth_date", "email", "city", "sex")
    said = dict(zip(names, (None if cell.strip() == "-" else cell.strip() for cell in cells.split(",")), strict=False))
    roles = {name: read[name](cell) for name, cell in said.items()}
    names = [cell for name, cell in said.items() if name in NAMES]
    return (
        roles
        | {GENERATION: generation(names)}
        | {column.name: column.make(*(roles[need] for need in column.needs)) for column in derived(frozenset(roles))}
    )
