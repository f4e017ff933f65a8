"""Child processes: started with a session and a log of their own, ended with patience, gone when we are killed.

An engine is a tree of processes and needs more than this: `serving.engines.guard`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
# Loaded before any fork: the child may only call it, not look for it.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None
_LEAST_WAIT_S: Final = 0.05


def spawn(
    command: Sequence[str],
    log: Path,
    *,
    keep_log: bool = True,
    environment: Mapping[str, str] | None = None,
    orphaned: signal.Signals | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command with all that it prints in `log`, whose folder is made where it is missing.

    It has its own session: Ctrl-C in the terminal reaches only us, and the order of stopping is ours. What the log
    held is kept unless `keep_log` is False. `orphaned` is the signal that the kernel sends it when the thread that
    called has ended, even where that was killed (Linux): call from the main thread. Raises OSError.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab" if keep_log else "wb") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
            preexec_fn=_when_orphaned(orphaned, os.getpid()),  # noqa: PLW1509 - system calls alone, no locks taken
        )


def end(processes: Sequence[subprocess.Popen[bytes]], grace_s: float) -> None:
    """SIGTERM for all in this order, and SIGKILL for each that is left `grace_s` later; returns when all are gone."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + grace_s
    for process in processes:
        try:
            process.wait(max(_LEAST_WAIT_S, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tail(log: Path, lines: int) -> str:
    """The last lines of a log, indented; says so where there are none."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return "\n".join(f"    {line}" for line in text[-lines:]) or "    (nothing)"


def _when_orphaned(number: signal.Signals | None, parent: int) -> Callable[[], None] | None:
    libc = _LIBC
    if number is None or libc is None:
        return None

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number)
        # A parent that died before the call above sends no signal any more.
        if os.getppid() != parent:
            os.kill(os.getpid(), number)

    return prepare


def unnamed_file(what: str) -> int:
    """A new file for this process and its children, which ends with them; its descriptor."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(what)
    with tempfile.TemporaryFile() as beside:
        return os.dup(beside.fileno())
