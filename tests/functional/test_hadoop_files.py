"""The files of a run store, on this machine and through Hadoop: one contract."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobs.hadoop_files import HadoopFiles
from rules_engine.errors import RunInterrupted
from rules_engine.publication.staging import Files, LocalFiles

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(params=["local", "hadoop path", "hadoop uri"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Files, str]:
    """Files, and an address under which they keep them."""
    if request.param == "local":
        return LocalFiles(), str(tmp_path)
    files = HadoopFiles(request.getfixturevalue("spark"))
    return files, tmp_path.as_uri() if request.param == "hadoop uri" else str(tmp_path)


def test_what_was_written_is_read(place: tuple[Files, str]) -> None:
    """The same text, empty lines and letters beyond ASCII included, in a folder that is made for it."""
    files, root = place
    files.write(f"{root}/run/opened.json", "{“é”}\n\n")
    assert files.read(f"{root}/run/opened.json") == "{“é”}\n\n"


def test_a_second_text_takes_the_place_of_the_first(place: tuple[Files, str], tmp_path: Path) -> None:
    """Also a shorter one, and nothing half-written or of a checksum stays beside it."""
    files, root = place
    files.write(f"{root}/run/opened.json", "the first and longer one")
    files.write(f"{root}/run/opened.json", "second")
    assert files.read(f"{root}/run/opened.json") == "second"
    assert os.listdir(tmp_path / "run") == ["opened.json"]  # noqa: PTH208  hidden files too


def test_an_absent_file_is_not_found(place: tuple[Files, str]) -> None:
    """As Python says it, so that a store need not know who keeps its files."""
    files, root = place
    with pytest.raises(FileNotFoundError):
        files.read(f"{root}/none.json")


def test_children_are_named_and_an_absent_folder_has_none(place: tuple[Files, str]) -> None:
    """Names without their folder, in order; what is below a child is not named."""
    files, root = place
    for path in ("b/one.json", "a/two.json", "a/deep/three.json"):
        files.write(f"{root}/{path}", "")
    assert (files.names(root), files.names(f"{root}/a")) == (["a", "b"], ["deep", "two.json"])
    assert files.names(f"{root}/none") == []


def test_either_reads_what_the_other_wrote(spark: SparkSession, tmp_path: Path) -> None:
    """A run evaluated on a cluster and published from a machine: no checksum file goes out of step."""
    near, far, path = LocalFiles(), HadoopFiles(spark), str(tmp_path / "run" / "opened.json")
    far.write(path, "far")
    near.write(path, "near")
    assert far.read(path) == "near"
    far.write(path, "far again")
    assert near.read(path) == "far again"


def test_an_unreachable_place_is_said_in_words(spark: SparkSession) -> None:
    """A file system nobody knows: which file, what Hadoop said, without Java's stack."""
    with pytest.raises(RunInterrupted, match=r'File nowhere://a/b: .* No FileSystem for scheme "nowhere"') as said:
        HadoopFiles(spark).read("nowhere://a/b")
    assert "\n" not in str(said.value)
