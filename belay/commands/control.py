"""`belay control`: the rollout's state."""

from __future__ import annotations

from belay.commands.processes import SettingsFile
from belay.logs import log_to_stderr
from router.control.app import run_control
from router.control.settings import ControlSettings
from telemetry.settings import load_settings


def control(settings: SettingsFile) -> None:
    """Hold the rollout's state: the control API, and the loop that acts on decisions.

    Example: `belay control --settings .belay/runs/route-support/control.yaml`
    """
    log_to_stderr()
    run_control(load_settings(settings, ControlSettings))
