"""A loop's file is young as long as the loop goes round, and never the reason why it does not."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from evaluator.watch.worker.alive import EVERY_S, Alive


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_beat_makes_the_file_young_but_not_more_than_once_a_second(tmp_path: Path) -> None:
    clock = Clock()
    alive = Alive(tmp_path / "alive", "scorer", clock)
    alive.beat()
    file = tmp_path / "alive" / "scorer"
    os.utime(file, (0, 0))
    clock.now += EVERY_S / 2
    alive.beat()
    assert file.stat().st_mtime == 0
    clock.now += EVERY_S / 2
    alive.beat()
    assert file.stat().st_mtime > 0


def test_a_folder_that_takes_no_file_is_told_of_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "alive").write_text("no folder", encoding="utf-8")
    clock = Clock()
    alive = Alive(tmp_path / "alive", "scorer", clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            alive.beat()
            clock.now += EVERY_S
    assert len(caplog.records) == 1


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Alive(None, "scorer").beat()
    assert list(tmp_path.iterdir()) == []
