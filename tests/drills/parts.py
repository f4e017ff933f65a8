"""The processes of a drill by their names: started, killed, started again, and each ended by its own id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from serving.processes import end, spawn, tail
from tests.drills.launch import CLOCK
from tests.places import ROOT

_GRACE_S: Final = 15.0


def left_of(folder: Path) -> list[str]:
    """The processes that still run with this folder among their arguments (Linux)."""
    left = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended just now
        if entry.name != str(os.getpid()) and any(str(folder) in word for word in words):
            left.append(f"process {entry.name} is left running: {' '.join(words).strip()[:200]}")
    return left


@dataclass
class _Part:
    arguments: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None


class Parts:
    """All processes that a drill starts. They die with us, and when the block ends."""

    def __init__(self, logs: Path) -> None:
        self.kills = 0
        self.fell: list[str] = []
        self._logs = logs
        self._parts: dict[str, _Part] = {}

    def add(self, name: str, module: str, arguments: Sequence[str]) -> None:
        """Make a part known, `python -m MODULE ARGUMENTS`, and start it."""
        # What is set for the tests is not for the parts; their own files say it all.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BELAY_")}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        self._parts[name] = _Part(["-m", module, *arguments], environment)
        self.start(name)

    def start(self, name: str, *, clock_s: float = 0.0) -> None:
        """Start a part where it does not run, with a wall clock that is so many seconds ahead."""
        part = self._parts[name]
        if self.runs(name):
            return
        environment = {**part.environment, CLOCK: str(clock_s)}
        part.process = spawn(
            [sys.executable, *part.arguments],
            self.log(name),
            environment=environment,
            orphaned=signal.SIGKILL,
        )

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        process = self._take(name)
        if process is not None:
            process.kill()
            process.wait()
            self.kills += 1

    def stop(self, name: str) -> None:
        """SIGTERM, as whoever runs it would end it; SIGKILL where that takes too long."""
        process = self._take(name)
        if process is not None:
            end([process], _GRACE_S)

    def pid(self, name: str) -> int | None:
        """The id of a part's process, None where it does not run."""
        process = self._parts[name].process
        return process.pid if process is not None else None

    def runs(self, name: str) -> bool:
        """Whether it runs; one that ended by itself is written down as fallen, once."""
        part = self._parts[name]
        if part.process is None:
            return False
        status = part.process.poll()
        if status is None:
            return True
        part.process = None
        self.fell.append(f"{name} ended by itself with {status}: {tail(self.log(name), 3).strip()}")
        return False

    def started(self) -> list[str]:
        """All parts that are known, in the order in which they were started first."""
        return list(self._parts)

    def log(self, name: str) -> Path:
        """All that a part has printed."""
        return self._logs / f"{name}.log"

    def said(self, name: str, word: str) -> bool:
        """Whether this stands in a part's log."""
        log = self.log(name)
        return log.is_file() and word in log.read_text(encoding="utf-8", errors="replace")

    def _take(self, name: str) -> subprocess.Popen[bytes] | None:
        """The process of a part that runs; from here on it may be gone."""
        part = self._parts[name]
        process = part.process if self.runs(name) else None
        part.process = None
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = [part.process for part in reversed(self._parts.values()) if part.process is not None]
        end(left, _GRACE_S)
