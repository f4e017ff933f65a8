"""The demo's own checks; its story is told by tests/e2e."""

from __future__ import annotations

import io
import os
import pty
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from rich.console import Console

from belay.launcher.demo import DemoSettings, linger, run_demo
from serving.server import free_port
from telemetry.errors import BrokerUnavailable
from tests.places import BRIEF


def test_a_named_broker_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = DemoSettings(home=home, brief=BRIEF, bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerUnavailable):
        run_demo(settings, Console(quiet=True))
    assert not home.exists()


@pytest.fixture
def keyboard() -> Iterator[tuple[int, TextIO]]:
    """A terminal: where somebody types, and where that is read."""
    typed, read = pty.openpty()
    with os.fdopen(read, encoding="utf-8") as keys:
        yield typed, keys
    os.close(typed)


def test_the_dashboard_stays_until_enter_where_somebody_watches(keyboard: tuple[int, TextIO]) -> None:
    typed, keys = keyboard
    told = Console(file=io.StringIO(), width=200)
    waiting = threading.Thread(target=linger, args=(told, "http://127.0.0.1:8090", keys))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    os.write(typed, b"\n")
    waiting.join(30)
    assert not waiting.is_alive()
    assert "until you press Enter: http://127.0.0.1:8090/" in told.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


def test_the_dashboard_goes_by_itself_where_nobody_types(keyboard: tuple[int, TextIO]) -> None:
    linger(Console(quiet=True), "http://127.0.0.1:8090", keyboard[1], at_most_s=0.05)


def test_the_dashboard_goes_at_once_where_nobody_sits_there() -> None:
    linger(Console(quiet=True), "http://127.0.0.1:8090", io.StringIO(), at_most_s=3600.0)
