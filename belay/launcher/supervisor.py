"""Child processes of the one-machine launcher: started together, watched together, none left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from telemetry.errors import InfrastructureError

_PR_SET_PDEATHSIG = 1
_STOP_GRACE_S = 8.0


@dataclass(frozen=True, slots=True)
class Child:
    """A started child process, by the name people know it by."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Supervisor:
    """Starts `belay` commands as children and stops them in reverse order.

    A child has its own session, so that Ctrl-C reaches only us and we decide the order; it dies with us
    even when we are killed, because the kernel sends it SIGTERM (Linux).
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, name: str, arguments: Sequence[str]) -> Child:
        """Start `belay ARGUMENTS` with its output in `logs/NAME.log`."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "belay", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509 - one prctl call, async-signal-safe
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raise InfrastructureError where a child has ended, with the last lines it said."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise InfrastructureError(
                    f"the {child.name} process ended by itself with status {code}; it said last:\n"
                    f"{tail(child.log)}",
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
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + _STOP_GRACE_S
        for child in reversed(self._children):
            try:
                child.process.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._children.clear()


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, indented; says so where there are none."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return "\n".join(f"    {line}" for line in text[-lines:]) or "    (nothing)"


def _die_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return prepare
