"""Commands, one after the other, as a user types them; how long each took and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from _shape import say


@dataclass(frozen=True, slots=True)
class Step:
    """A command that was run. It `failed` where it did not end with a status that the docs give for it."""

    command: str
    status: int
    seconds: float
    failed: bool


@dataclass
class Journey:
    """The commands so far, all run in `folder`."""

    folder: Path
    steps: list[Step] = field(default_factory=list)

    def run(self, *arguments: str, fine: Sequence[int] = (0,), timeout_s: float = 1800.0) -> Step:
        """Run a command to its end."""
        began = time.monotonic()
        with self._log(arguments).open("wb") as log:
            ended = subprocess.run(
                _command(arguments),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        return self._took(arguments, ended.returncode, time.monotonic() - began, fine)

    def start(self, *arguments: str, ready: Callable[[str], bool], timeout_s: float = 600.0) -> Running:
        """Start a command that goes on; returns when what it says is `ready`."""
        began, path = time.monotonic(), self._log(arguments)
        with path.open("wb") as log:
            process = subprocess.Popen(
                _command(arguments),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        up = False
        while process.poll() is None and not up and time.monotonic() - began < timeout_s:
            time.sleep(0.5)
            up = ready(path.read_text(errors="replace"))
        self._took(arguments, 0 if up else (process.poll() or 1), time.monotonic() - began, (0,))
        return Running(process, path)

    def _took(self, arguments: Sequence[str], status: int, seconds: float, fine: Sequence[int]) -> Step:
        step, log = (
            Step("belay " + " ".join(arguments), status, seconds, status not in fine),
            self._log(arguments),
        )
        self.steps.append(step)
        say(f"{seconds:7.1f} s  status {status}  {step.command}")
        if step.failed:
            say(log.read_text(errors="replace")[-2000:])
        return step

    def _log(self, arguments: Sequence[str]) -> Path:
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        return logs / f"{len(self.steps):02d}-{arguments[0]}.log"


@dataclass(frozen=True, slots=True)
class Running:
    """A command that goes on, ended by its id."""

    process: subprocess.Popen[bytes]
    log: Path

    def end(self) -> int:
        """SIGTERM, and its status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "belay", *arguments]
