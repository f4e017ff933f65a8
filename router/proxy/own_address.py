"""The router about itself, at an address that is not the clients': what it says there is nobody's business but ours.

GET /belay/healthz   it is alive (the clients' address says that too)
GET /belay/status    `router.proxy.about`, as JSON
GET /metrics         the same for Prometheus (`router.proxy.metrics`)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from router.proxy.metrics import Metrics
from router.proxy.wire import answers
from router.proxy.wire.client import Client, Receive, Scope, Send
from router.proxy.wire.headers import Headers

HEALTH: Final = "/belay/healthz"
ALIVE: Final[tuple[int, Headers, bytes]] = (200, [answers.JSON], b'{"status":"ok"}')


class OwnAddress:
    """An application of its own. It still answers while the other one drains, or has no room for another client."""

    def __init__(self, status: Callable[[], dict[str, Any]]) -> None:
        self._status = status
        self._metrics = Metrics(status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            await Client(receive, send).answer(
                *self._answer(scope["path"], headers.get(b"accept", b"").decode("latin-1"))
            )

    def _answer(self, path: str, accepted: str) -> tuple[int, Headers, bytes]:
        if path == HEALTH:
            return ALIVE
        if path == "/belay/status":
            return 200, [answers.JSON], json.dumps(self._status()).encode()
        if path == "/metrics":
            kind, text = self._metrics.text(accepted)
            return 200, [(b"content-type", kind.encode())], text
        return answers.not_found(path)
