"""What the commands of long-running processes share: their settings file, how they end, how they log."""

from __future__ import annotations

import logging
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


def log_to_stderr() -> None:
    """Log what the process says of itself, a line each, to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
