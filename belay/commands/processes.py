"""What the commands of long-running processes share: their settings file, and how they end."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

SettingsFile = Annotated[
    Path,
    typer.Option(
        "--settings", help="A YAML file (the demo leaves one in its run's folder); unknown keys are errors."
    ),
]


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM or SIGINT sets."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what signal.signal calls
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop
