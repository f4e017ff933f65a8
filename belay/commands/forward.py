"""`belay forward`: from the spool to Kafka."""

from __future__ import annotations

from belay.commands.processes import SettingsFile, stop_on_signals
from belay.logs import log_to_stderr
from telemetry.forwarding.forwarder import ForwardSettings, run
from telemetry.settings import load_settings


def forward(settings: SettingsFile) -> None:
    """Carry interactions from the spool to Kafka, and the rollout's state from Kafka to the router.

    Example: `belay forward --settings .belay/runs/route-support/forwarder.yaml`
    """
    log_to_stderr()
    run(load_settings(settings, ForwardSettings), stop_on_signals())
