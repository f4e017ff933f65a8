"""A worker as its supervisor sees it: a process, and the channel over which it tells how it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from typing import Any, Final

from router.proxy.workers.worker import FAILED, QUESTION, READY, STATUS, Place
from telemetry.errors import InfrastructureError

_READY_S: Final = 60.0
_ANSWER_S: Final = 1.0
_MOST_BYTES: Final = 16 << 20


class WorkerFailed(InfrastructureError):
    """A worker could not begin."""


async def begin(
    number: int, listener: socket.socket, rows: int, last_good: int, *, replaces: bool = False
) -> Child:
    """Start a worker: this process's own command, with a place. It reads settings and code anew.

    `rows` is the descriptor of what all workers know of their keys, `last_good` of what files said when they were; one
    that `replaces` a dead worker begins with that where they are not.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        given = (theirs.fileno(), listener.fileno(), rows, last_good)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *sys.orig_argv[1:],
            pass_fds=given,
            env=Place(number, *given, replaces=int(replaces)).environment(),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor alone
        )
    reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_MOST_BYTES)
    return Child(number, process, reader, writer)


class Child:
    """One worker. `status` is what it last said, empty before that."""

    def __init__(
        self,
        number: int,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.number = number
        self.pid = process.pid
        self.status: dict[str, Any] = {}
        self._process = process
        self._writer = writer
        self._said = asyncio.Event()
        self._ready: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._listening = asyncio.create_task(self._listen(reader))

    async def is_ready(self) -> None:
        """Wait until it answers. Raises WorkerFailed with what it said where it never will."""
        try:
            failed = await asyncio.wait_for(self._ready, _READY_S)
        except TimeoutError:
            self.kill()
            failed = f"it is not there within {_READY_S:g} s"
        if failed is not None:
            raise WorkerFailed(f"worker {self.number} cannot begin: {failed}")

    async def ask(self) -> None:
        """Have it say its status anew; one that does not answer within a second, or has ended, keeps the last."""
        if self._writer.is_closing():  # uvloop refuses the write
            return
        self._said.clear()
        with contextlib.suppress(OSError, TimeoutError):
            self._writer.write(QUESTION)
            await asyncio.wait_for(self._said.wait(), _ANSWER_S)

    async def ended(self) -> int:
        """Wait for its end; its exit status."""
        return await self._process.wait()

    async def heard_out(self) -> None:
        """Wait until all that it said has been heard, and close the channel. It has ended."""
        await self._listening
        self._writer.close()

    def terminate(self) -> None:
        """Have it drain."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                said = json.loads(line)
                self.status = said.get(STATUS, self.status)
                if not self._ready.done() and (READY in said or FAILED in said):
                    self._ready.set_result(said.get(FAILED))
                self._said.set()
        self._said.set()
        if not self._ready.done():
            self._ready.set_result(f"it ended with {await self._process.wait()}; its log says why")
