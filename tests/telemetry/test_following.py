"""No version of a followed file is missed, whatever a read runs into."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from telemetry.following import Followed, News


def no_descriptors(*_: Any, **__: Any) -> Any:
    raise OSError(errno.EMFILE, "Too many open files")


def test_a_file_is_news_once_each_time_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    followed = Followed(path)
    assert followed.news() is None
    for content in (b"one", b"two"):
        path.write_bytes(content)
        path.rename(path.with_suffix(".old"))
        path.write_bytes(content)
        assert followed.news() == News(content)
        assert followed.news() is None
    path.unlink()
    assert (followed.news(), followed.news()) == (News(None), None)


def test_a_version_that_could_not_be_read_is_read_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"rollback")
    followed = Followed(path)
    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(Path, "open", no_descriptors)
        assert [followed.news() for _ in range(5)] == [None] * 5
    assert (followed.unreadable, caplog.text.count("Too many open files")) == (1, 1)
    assert followed.news() == News(b"rollback")


def test_a_folder_that_cannot_be_looked_into_is_no_file_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    followed = Followed(path)
    assert followed.news() == News(b"one")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", no_descriptors)
        assert followed.news() is None
    assert followed.news() is None  # it is still the version that was read


def test_what_comes_between_stat_and_read_is_not_taken_for_what_was_stamped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer version that is read under the older one's stamp would be read twice; the other way round, never."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    followed, stat = Followed(path), Path.stat

    def overtaken(self: Path, **named: Any) -> os.stat_result:
        found = stat(self, **named)
        newer = self.with_suffix(".new")
        newer.write_bytes(b"newer")
        newer.replace(self)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", overtaken)
        assert followed.news() == News(b"newer")
    assert followed.news() is None
    path.with_suffix(".new").write_bytes(b"newest")
    path.with_suffix(".new").replace(path)
    assert followed.news() == News(b"newest")
