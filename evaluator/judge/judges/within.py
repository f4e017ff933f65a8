"""A deadline that holds whatever the other side does: work on one event loop beside the threads that wait for it.

A blocking socket times each wait out, never the whole: who sends a byte now and then holds a thread for ever. A loop
cancels the work where the time is over, in a name look-up, a handshake, a header or a body alike.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_lock = threading.Lock()
_running: list[asyncio.AbstractEventLoop] = []


def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to; TimeoutError where it takes longer than that. For threads, not for a loop's own tasks."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run_coroutine_threadsafe(bounded(), _loop()).result()


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        if not _running:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="judge-http", daemon=True).start()
            _running.append(loop)
        return _running[0]


# A child has no threads of its parent's: it begins with a loop of its own.
os.register_at_fork(after_in_child=_running.clear)
