from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from serving.models.staging import staged_folder


def test_the_folder_appears_only_when_the_block_has_ended(tmp_path: Path) -> None:
    final = tmp_path / "models" / "base"
    with staged_folder(final) as beside:
        (beside / "weights").write_text("1")
        assert not final.exists()
    assert (final / "weights").read_text() == "1"
    assert list(final.parent.iterdir()) == [final]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    final = tmp_path / "base"
    final.mkdir()
    (final / "weights").write_text("old")
    with pytest.raises(error), staged_folder(final) as beside:  # noqa: PT012 - the block is what fails
        (beside / "weights").write_text("half")
        raise error
    assert (final / "weights").read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_an_older_folder_is_replaced_whole(tmp_path: Path) -> None:
    final = tmp_path / "base"
    final.mkdir()
    (final / "stale").write_text("old")
    with staged_folder(final) as beside:
        (beside / "weights").write_text("new")
    assert [path.name for path in final.iterdir()] == ["weights"]
    assert list(tmp_path.iterdir()) == [final]


def test_what_a_killed_process_left_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".base.{ended.pid}.new").mkdir()
    (tmp_path / ".base.1.new").mkdir()
    with staged_folder(tmp_path / "base"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".base.1.new", "base"]
