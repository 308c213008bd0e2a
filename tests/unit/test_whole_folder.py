"""Where a folder takes the place of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules_engine.whole_folder import whole_folder


@pytest.fixture
def before(tmp_path: Path) -> Path:
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "said").write_text("old", encoding="utf-8")
    return tmp_path / "day"


def test_it_takes_the_place_of_another(before: Path) -> None:
    """And nothing else is left."""
    with whole_folder(before) as fresh:
        (fresh / "more").write_text("new", encoding="utf-8")
        assert [path.name for path in before.iterdir()] == ["said"]
    assert [path.name for path in before.parent.iterdir()] == ["day"]
    assert [path.name for path in before.iterdir()] == ["more"]


def test_where_it_cannot_be_filled_the_other_stays(before: Path) -> None:
    """As it was, and nothing else is left."""
    with pytest.raises(OSError, match="full"), whole_folder(before):
        raise OSError("full")
    _is_as_it_was(before)


def test_where_it_cannot_be_moved_the_other_is_back(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was out of the way already."""
    renamed, moved = Path.rename, list[str]()

    def rename(of: Path, to: Path) -> Path:
        moved.append(of.name)
        if of.name == "new":
            raise OSError("full")
        return renamed(of, to)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="full"), whole_folder(before):
        pass
    assert moved == ["day", "new", "old"]
    _is_as_it_was(before)


def _is_as_it_was(before: Path) -> None:
    assert [path.name for path in before.parent.iterdir()] == ["day"]
    assert (before / "said").read_text(encoding="utf-8") == "old"
