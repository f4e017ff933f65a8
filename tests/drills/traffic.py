"""A client with a rate: it retries nothing, and knows by name which interactions it was answered.

The router says in a header (`x-belay-interaction`) under which id an interaction is recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

AT_ONCE: Final = 200
"""Requests under way; where so many hang, those that would come then are not sent (`held_back`)."""
TIMEOUT_S: Final = 20.0
_TICK_S: Final = 0.02
_DONE: Final = b"data: [DONE]"


@dataclass(frozen=True)
class Load:
    """How much is asked: requests a second, of so many subjects, a part of them streamed, `padding` characters more."""

    rate: float = 150.0
    subjects: int = 3000
    streamed: float = 0.2
    padding: int = 0


@dataclass
class Heard:
    """What the client was told. `answered` are the ids of whole answers; `failed` by what came instead."""

    answered: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    by_arm: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    held_back: int = 0


class Traffic:
    """Sends from a thread of its own between `start` and `stop`."""

    def __init__(self, url: str, prompts: Sequence[str], load: Load, seed: int = 5) -> None:
        self.heard = Heard()
        self.load = load
        self._url, self._prompts = f"{url}/v1/chat/completions", list(prompts)
        self._dice = random.Random(seed)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send, or go on."""
        self._stop.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="traffic")
        self._thread.start()

    def stop(self) -> None:
        """Send no more; returns when everything under way has been answered, or has failed."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
            under_way: set[asyncio.Task[None]] = set()
            begun, due = time.monotonic(), 0
            while not self._stop.is_set():
                await asyncio.sleep(_TICK_S)
                wanted = int((time.monotonic() - begun) * self.load.rate)
                # After a time in which this process was not given a core, nothing is made up for.
                for _ in range(min(wanted - due, int(self.load.rate))):
                    if len(under_way) >= AT_ONCE:
                        self.heard.held_back += 1
                        continue
                    task = asyncio.create_task(self._ask(http))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                due = wanted
            await asyncio.gather(*under_way)

    async def _ask(self, http: aiohttp.ClientSession) -> None:
        streamed = self._dice.random() < self.load.streamed
        headers = {
            "x-session-id": f"s{self._dice.randrange(self.load.subjects)}", "content-type": "application/json"
        }  # fmt: skip
        self.heard.sent += 1
        try:
            async with http.post(self._url, data=self._body(streamed=streamed), headers=headers) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.heard.failed[type(error).__name__] += 1
            return
        whole = answer.status == 200 and _is_whole(body, streamed=streamed)
        if not whole:
            self.heard.failed[f"status_{answer.status}" if answer.status != 200 else "cut"] += 1
            return
        self.heard.answered.append(answer.headers["x-belay-interaction"])
        self.heard.by_arm[answer.headers["x-belay-arm"]] += 1

    def _body(self, *, streamed: bool) -> bytes:
        prompt = self._dice.choice(self._prompts)
        if self.load.padding:
            # On a line of its own: the engine knows a prompt by its first.
            prompt += "\n" + "x" * self.load.padding
        asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
        return json.dumps(asked | {"stream": True} if streamed else asked).encode()


def _is_whole(body: bytes, *, streamed: bool) -> bool:
    """Whether an answer came to its end, and is none that speaks of an error."""
    if b'"error"' in body:
        return False
    if streamed:
        return body.rstrip().endswith(_DONE)
    with contextlib.suppress(ValueError):
        return "choices" in json.loads(body)
    return False
