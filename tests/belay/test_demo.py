"""The demo's own checks; its story is told by tests/e2e."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from belay.demo import DemoSettings, run_demo
from belay.ports import free_port
from telemetry.errors import BrokerUnavailable

BRIEF = Path(__file__).resolve().parents[2] / "examples" / "support" / "brief.yaml"


def test_a_named_broker_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = DemoSettings(home=home, brief=BRIEF, bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerUnavailable):
        run_demo(settings, Console(quiet=True))
    assert not home.exists()
