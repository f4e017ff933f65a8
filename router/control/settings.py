"""What control is told: where it listens, what it writes, whose broker it reads."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from telemetry.bus.settings import BusSettings, Servers
from telemetry.settings import Port, Settings


class ControlSettings(Settings):
    """Control. `folder` is the run folder that gets `control.jsonl`.

    `models_folder` is where the model folders lie on this machine (`.belay/models`): Belay will not replace or
    remove those of a rollout as long as it may be rolled back.

    Models there that others run are asked who they are every `attest_every_s` seconds while a rollout is live.

    `bootstrap_servers` and `kafka` (further settings of the bus) say where the broker is; without
    `bootstrap_servers` control serves people only: nothing decides by itself.
    """

    host: str = "127.0.0.1"
    port: Port = 8090
    rollout_file: Path
    folder: Path
    models_folder: Path | None = None
    attest_every_s: float = Field(default=300.0, gt=0)
    bootstrap_servers: Servers | None = None
    kafka: BusSettings = BusSettings()
