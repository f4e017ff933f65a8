"""Child processes of the one-machine launcher: started together, watched together, none left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from serving.processes import end, spawn, tail
from telemetry.errors import InfrastructureError

_SAID_LAST = 8  # lines
_STOP_GRACE_S = 25.0
"""More than the router's `shutdown_s`: killed earlier, it records nothing of what it cuts."""


@dataclass(frozen=True, slots=True)
class Child:
    """A started child process, by the name people know it by."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    arguments: tuple[str, ...] = ()


class Supervisor:
    """Starts `belay` commands as children and stops them in reverse order.

    A child has its own session, so that Ctrl-C reaches only us and we decide the order; it dies with us
    even when we are killed, because the kernel sends it SIGTERM (Linux).
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []
        self._restarts: Counter[str] = Counter()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, name: str, arguments: Sequence[str]) -> Child:
        """Start `belay ARGUMENTS` with its output in `logs/NAME.log`."""
        log = self._logs / f"{name}.log"
        process = spawn([sys.executable, "-m", "belay", *arguments], log, orphaned=signal.SIGTERM)
        child = Child(name, process, log, tuple(arguments))
        self._children.append(child)
        return child

    def revive(self, most: int) -> list[str]:
        """Start again what has ended by itself; the names. InfrastructureError where one has `most` times already."""
        ended = [child for child in self._children if child.process.poll() is not None]
        for child in ended:
            if self._restarts[child.name] >= most:
                self.check()
            self._restarts[child.name] += 1
            self._children.remove(child)
            self.start(child.name, child.arguments)
        return [child.name for child in ended]

    def check(self) -> None:
        """Raise InfrastructureError where a child has ended, with the last lines it said."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise InfrastructureError(
                    f"the {child.name} process ended by itself with status {code}; it said last:\n"
                    f"{tail(child.log, _SAID_LAST)}",
                    hint=f"Its whole log is {child.log}.",
                )

    def wait_until(self, ready: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait for `ready()`, checking the children meanwhile; InfrastructureError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise InfrastructureError(
                    f"{what} did not happen within {timeout_s:.0f} s", hint=f"Logs are in {self._logs}."
                )
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """SIGKILL one child, for drills."""
        child = next(c for c in self._children if c.name == name)
        child.process.kill()
        child.process.wait()
        self._children.remove(child)

    def stop_all(self) -> None:
        """SIGTERM every child, newest first, then SIGKILL what is left after the grace period."""
        end([child.process for child in reversed(self._children)], _STOP_GRACE_S)
        self._children.clear()
