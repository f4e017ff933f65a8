"""`belay router`: the data plane. Loads neither torch nor kafka."""

from __future__ import annotations

from belay.commands.processes import SettingsFile
from belay.logs import log_to_stderr
from router.proxy.app import run
from router.proxy.workers.worker import settings_in


def router(settings: SettingsFile) -> None:
    """Route clients' requests to control or candidate, and record every interaction.

    Example: `belay router --settings .belay/runs/route-support/router.yaml`
    """
    log_to_stderr()
    run(settings_in(settings))
