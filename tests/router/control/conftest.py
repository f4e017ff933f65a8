"""A control of its own for each test that wants one."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.control.actor import Control


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")
