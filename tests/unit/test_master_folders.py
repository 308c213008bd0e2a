"""Where a build takes the place of the day's before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules_lake.master.folders import _put


def _folder(place: Path, text: str) -> Path:
    place.mkdir()
    (place / "said").write_text(text, encoding="utf-8")
    return place


def test_a_build_takes_the_place_of_another(tmp_path: Path) -> None:
    """And leaves nothing else behind."""
    _put(_folder(tmp_path / ".day.1", "new"), _folder(tmp_path / "day", "old"))
    assert [path.name for path in tmp_path.iterdir()] == ["day"]
    assert (tmp_path / "day" / "said").read_text(encoding="utf-8") == "new"


def test_a_build_that_cannot_is_none(tmp_path: Path) -> None:
    """The day's before it is there as it was."""
    place = _folder(tmp_path / "day", "old")
    with pytest.raises(FileNotFoundError):
        _put(tmp_path / ".day.1", place)
    assert (place / "said").read_text(encoding="utf-8") == "old"
