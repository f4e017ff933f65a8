"""What `make audit` asks of our packages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.places import ROOT

PACKAGES = ("telemetry", "serving", "router", "evaluator", "trainer", "belay")


@pytest.mark.slow
def test_bandit_finds_nothing_in_our_packages() -> None:
    command = [
        sys.executable,
        "-m",
        "bandit",
        "--quiet",
        "--configfile",
        "pyproject.toml",
        "--recursive",
        *PACKAGES,
    ]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert found.returncode == 0, found.stdout
