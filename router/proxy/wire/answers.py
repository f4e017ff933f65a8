"""The few answers that are the router's own, in the shapes that OpenAI's clients know."""

from __future__ import annotations

import json
from typing import Final

from router.proxy.wire.headers import Headers

JSON: Final = (b"content-type", b"application/json")
_DONES: Final = (b"data: [DONE]\n\n", b"data: [DONE]\r\n\r\n")
DONE_BYTES: Final = max(map(len, _DONES))


def error_body(status: int, kind: str, message: str) -> bytes:
    """An error as vLLM and OpenAI say it."""
    error = {"message": message, "type": kind, "param": None, "code": status}
    return json.dumps({"error": error}).encode()


def base_down(why: str, retry_after_s: int) -> tuple[int, Headers, bytes]:
    """Nobody answers: 503, and when to come again."""
    body = error_body(503, "ServiceUnavailableError", f"The model is not available at this moment: {why}.")
    return 503, [JSON, (b"retry-after", b"%d" % retry_after_s)], body


def too_large(limit: int) -> tuple[int, Headers, bytes]:
    """The request's body is larger than the router keeps in memory."""
    body = error_body(413, "RequestTooLargeError", f"The request's body exceeds {limit} bytes.")
    return 413, [JSON, (b"connection", b"close")], body


def not_found(path: str) -> tuple[int, Headers, bytes]:
    """A path that is neither the engine's nor the router's."""
    return 404, [JSON], error_body(404, "NotFoundError", f"There is nothing at {path}.")


def is_done(end: bytes) -> bool:
    """Whether a stream whose last `DONE_BYTES` bytes so far are these has said that it is complete."""
    return end.endswith(_DONES)


def stream_error(sent: bytes, why: str) -> bytes:
    """The last event of a stream whose engine died; `sent` is what went out before it."""
    gap = b"" if not sent or sent.endswith(b"\n\n") else b"\n\n"
    return gap + b"data: " + error_body(502, "UpstreamError", f"The stream was cut: {why}.") + b"\n\n"
