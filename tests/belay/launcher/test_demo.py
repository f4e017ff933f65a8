"""The demo's own checks; its story is told by tests/e2e."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from belay.launcher.demo import DemoSettings, run_demo
from serving.server import free_port
from telemetry.errors import BrokerUnavailable
from tests.places import BRIEF


def test_a_named_broker_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = DemoSettings(home=home, brief=BRIEF, bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerUnavailable):
        run_demo(settings, Console(quiet=True))
    assert not home.exists()
