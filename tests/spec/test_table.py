"""The reader of the specification tables judges the tables themselves."""

import pytest

from tests.spec.table import numbers, rows


def test_a_table_is_read_row_by_row() -> None:
    """Cells are stripped, the line of dashes is no row, and an empty cell is empty text."""
    text = """
        weight | because
        -------+---------
        10     | light
               | nothing
    """
    assert rows(text) == [{"weight": "10", "because": "light"}, {"weight": "", "because": "nothing"}]


BROKEN = {
    "a case given twice": ("a | because\n1 | one\n1 | again", "same case twice: 1"),
    "a name given twice": ("a | because\n1 | one\n2 | one", "same name twice: one"),
    "a row that is short of a cell": ("a | b | because\n1 | one", "2 cells where the header has 3"),
}


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_table_is_refused(text: str, says: str) -> None:
    """Every row is its own case with its own name, so no row can hide behind another."""
    with pytest.raises(ValueError, match=says):
        rows(text)


def test_a_cell_may_hold_several_numbers() -> None:
    """Numbers are separated by commas; an empty cell holds none."""
    assert (numbers("10, 20"), numbers("")) == ([10, 20], [])
